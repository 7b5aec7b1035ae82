//! A token has one form: whoever changes the text of a revoked one gets nothing.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_testkit::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The order of the group of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The same token with n − s for s: its signature is just as good.
fn second_form(compact: &str) -> String {
    let (message, signature) = compact.rsplit_once('.').unwrap();
    let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let digit = i16::from(ORDER[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(digit < 0);
        signature[32 + at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_revoked_token_does_not_come_back_in_its_second_form() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let client = json!({
        "id": "job",
        "auth_method": "client_secret_basic",
        "grant_types": ["client_credentials"],
        "scopes": ["uid"],
    });
    let client = server.post("/api/v1/clients", &admin, &client).await;
    let secret = client.body["client_secret"].as_str().unwrap();
    let token = server.client_token("job", secret, Some("uid")).await;
    let second = second_form(&token);
    assert_ne!(second, token);
    assert_eq!(second_form(&second), token);
    assert!(server.is_active(&token).await);
    assert!(!server.is_active(&second).await, "two texts, one token");

    let request = server.request(Method::POST, "/oauth2/revoke").basic_auth("job", Some(secret));
    let answer = request.form(&[("token", &token)]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!server.is_active(&token).await);
    assert!(!server.is_active(&second).await);
}
