//! Tokens that are bound to a certificate: who gets them, and with what alone they count. RFC 8705 §3.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Line, Own, World, listener};
use crate::openid::{BACK, Openid, VERIFIER, with};

/// A client whose tokens are bound, with a code for it.
async fn bound_openid(more: &Value) -> (Openid, Line) {
    let (mutual, trusted) = listener(&[]);
    let server = TestServer::builder().mutual_tls(mutual).start().await;
    let bound = json!({ "mutual_tls": { "tls_client_certificate_bound_access_tokens": true } });
    let openid = Openid::on(server, with(bound, more)).await;
    let line = Line::to(&openid.server, trusted).await;
    (openid, line)
}

#[tokio::test]
async fn trap_075_a_client_whose_tokens_are_bound_gets_none_without_its_certificate() {
    let (openid, line) = bound_openid(&json!({})).await;
    let own = Own::self_signed("shop");
    let code = openid.given("openid").await;
    let at_public = openid.redeem(&code).await;
    let form = crate::openid::form(&code);
    let asks = |own: Option<&Own>| {
        let request = line.request(own, Method::POST, "/oauth2/token");
        request.basic_auth("shop", Some(&openid.secret)).form(&form)
    };
    let at_mutual = Answer::of(asks(None)).await;
    for answer in [at_public, at_mutual] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.body["error"], "invalid_request");
        assert!(answer.body.get("access_token").is_none());
    }
    let answer = Answer::of(asks(Some(&own))).await;
    assert_eq!(answer.status, StatusCode::OK, "the code was not spent: {}", answer.text);
    let (_, claims) = openid.verified(answer.body["access_token"].as_str().unwrap()).await;
    assert_eq!(claims["cnf"], json!({ "x5t#S256": own.thumbprint() }));
}

#[tokio::test]
async fn sec_102_trap_083_a_bound_token_counts_with_its_certificate_only() {
    for format in ["jwt", "reference"] {
        let more = json!({ "token_format": format });
        let (openid, line) = bound_openid(&more).await;
        let (own, other) = (Own::self_signed("shop"), Own::self_signed("shop"));
        let code = openid.given("openid").await;
        let request = line.request(Some(&own), Method::POST, "/oauth2/token");
        let request = request.basic_auth("shop", Some(&openid.secret));
        let bought = Answer::of(request.form(&crate::openid::form(&code))).await.body;
        let token = bought["access_token"].as_str().unwrap();
        for path in ["/oauth2/userinfo", "/oauth2/tokeninfo"] {
            let answer = line.get(Some(&own), path, token).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            let public = openid.server.request(Method::GET, path).bearer_auth(token);
            let spoofed = BASE64_STANDARD.encode(&own.der);
            let spoofed = public.try_clone().unwrap().header("client-cert", spoofed);
            let wrong = [
                line.get(Some(&other), path, token).await,
                line.get(None, path, token).await,
                Answer::of(public).await,
                Answer::of(spoofed).await,
            ];
            for answer in wrong {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{format} at {path}");
                assert_eq!(answer.body["error"], "invalid_token");
                let challenge = answer.header("www-authenticate");
                let said = challenge.contains("error=\"invalid_token\"");
                assert!(said || path == "/oauth2/tokeninfo", "{challenge}");
            }
        }
        // RFC 8705 §3.2: whoever asks about it hears to what it is bound.
        let asked = openid.server.request(Method::POST, "/oauth2/introspect");
        let asked = asked.basic_auth("shop", Some(&openid.secret)).form(&[("token", token)]);
        let told = Answer::of(asked).await.body;
        assert_eq!(told["cnf"], json!({ "x5t#S256": own.thumbprint() }), "{told}");
        openid.server.stop().await;
    }
}

#[tokio::test]
async fn sec_102_sec_103_management_and_introspection_take_a_bound_token_with_its_certificate_only()
{
    let world = World::start(&[]).await;
    let own = Own::self_signed("desk");
    let scope = "grantor.client_read";
    let scopes = [scope, "grantor.token_introspect"];
    world
        .client(&json!({
            "id": "desk", "auth_method": "self_signed_tls_client_auth", "jwks": own.jwks(),
            "mutual_tls": { "tls_client_certificate_bound_access_tokens": true },
            "scopes": scopes, "default_scopes": scopes,
        }))
        .await;
    for scope in scopes {
        let assigned =
            json!({ "principal": { "client": "desk" }, "scope": scope, "reason": "a test" });
        world.server.made("/api/v1/assignments", &world.admin, &assigned).await;
    }
    let token = world.token(Some(&own), "desk").await.body["access_token"].clone();
    let token = token.as_str().unwrap();
    for path in ["/api/v1/clients", "/api/v1/me"] {
        assert_eq!(world.get(Some(&own), path, token).await.status, StatusCode::OK, "{path}");
        for answer in [
            world.get(Some(&Own::self_signed("desk")), path, token).await,
            world.get(None, path, token).await,
            world.server.get(path, token).await,
        ] {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(answer.header("www-authenticate").contains("invalid_token"));
        }
    }
    let other = Own::self_signed("desk");
    for (own, status) in [(Some(&own), 200), (Some(&other), 401), (None, 401)] {
        let request = world.line.request(own, Method::POST, "/oauth2/introspect");
        let asked = Answer::of(request.bearer_auth(token).form(&[("token", token)])).await;
        assert_eq!(asked.status, status, "{}", asked.text);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_refresh_token_of_a_public_client_is_bound_to_its_certificate() {
    let more = json!({ "auth_method": "none" });
    let (openid, line) = bound_openid(&more).await;
    let (own, other) = (Own::self_signed("shop"), Own::self_signed("shop"));
    let code = openid.given("uid").await;
    let mut form = crate::openid::form(&code).to_vec();
    form.push(("client_id", "shop"));
    let bought = line.post(Some(&own), "/oauth2/token", &form).await;
    assert_eq!(bought.status, StatusCode::OK, "{}", bought.text);
    let refresh = bought.body["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", refresh)];
    let answer = line.post(Some(&other), "/oauth2/token", &form).await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_grant"))
    );
    let answer = line.post(None, "/oauth2/token", &form).await;
    assert_eq!(answer.body["error"], "invalid_request");
    let answer = line.post(Some(&own), "/oauth2/token", &form).await;
    assert_eq!(answer.status, StatusCode::OK, "nobody else has changed anything: {}", answer.text);
    let (_, claims) = openid.verified(answer.body["access_token"].as_str().unwrap()).await;
    assert_eq!(claims["cnf"]["x5t#S256"], own.thumbprint());
}

#[tokio::test]
async fn a_confidential_client_goes_on_with_a_new_certificate() {
    let (openid, line) = bound_openid(&json!({})).await;
    let (own, renewed) = (Own::self_signed("shop"), Own::self_signed("shop"));
    let ask = async |own: &Own, form: &[(&str, &str)]| {
        let request = line.request(Some(own), Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth("shop", Some(&openid.secret)).form(form)).await
    };
    let code = openid.given("uid").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let bought = ask(&own, &form).await.body;
    let refresh = bought["refresh_token"].as_str().unwrap();
    let next = ask(&renewed, &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(next.status, StatusCode::OK, "{}", next.text);
    let (_, claims) = openid.verified(next.body["access_token"].as_str().unwrap()).await;
    assert_eq!(claims["cnf"]["x5t#S256"], renewed.thumbprint(), "RFC 8705 §6.3");
}
