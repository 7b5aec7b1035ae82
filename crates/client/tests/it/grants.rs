//! Each grant and client authentication on the wire, and each way an answer can be wrong.

use std::time::{Duration, SystemTime};

use grantor_client::{
    AssertionClaims, ClientAuth, Grant, Issued, PlainHttp, Signer, SigningError, Timeouts,
    TokenEndpoint, TokenError,
};
use serde_json::json;

use crate::server::{Answer, Server};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn endpoint(server: &Server) -> TokenEndpoint {
    let timeouts = Timeouts { read: Duration::from_millis(300), ..Timeouts::default() };
    TokenEndpoint::new(&server.token_url(), timeouts, PlainHttp::LoopbackOnly, &[]).unwrap()
}

async fn request(
    server: &Server,
    client: &ClientAuth,
    grant: &Grant,
) -> Result<Issued, TokenError> {
    endpoint(server).request(client, grant, &["uid".to_owned()], &[("x", "y z")], NOW).await
}

fn shop() -> ClientAuth {
    ClientAuth::Basic { client_id: "shop".to_owned(), secret: "s".into() }
}

#[tokio::test]
async fn grants_and_client_authentication_travel_as_specified() {
    let server = Server::start().await;
    let (id, secret) = ("shop".to_owned(), "canary/+".into());
    let post = ClientAuth::Post { client_id: id.clone(), secret };
    let none = ClientAuth::None { client_id: id.clone() };
    let signer = |claims: &AssertionClaims| Ok::<_, SigningError>(format!("jwt-{}", claims.iss));
    let jwt = ClientAuth::PrivateKeyJwt {
        client_id: id,
        audience: "https://auth.example.org".to_owned(),
        signer: Signer::new(signer),
    };
    let user = Grant::Password { username: "u".to_owned(), password: "p&=".into() };
    request(&server, &post, &Grant::ClientCredentials).await.unwrap();
    request(&server, &none, &Grant::RefreshToken("r".into())).await.unwrap();
    request(&server, &jwt, &Grant::ClientCredentials).await.unwrap();
    request(&server, &shop(), &user).await.unwrap();
    let asked = server.asked();
    let says = |index: usize, name: &str| asked[index].form.get(name).cloned().unwrap_or_default();
    for (index, name, value) in [
        (0, "grant_type", "client_credentials"),
        (0, "client_id", "shop"),
        (0, "client_secret", "canary/+"),
        (0, "scope", "uid"),
        (0, "x", "y z"),
        (1, "grant_type", "refresh_token"),
        (1, "refresh_token", "r"),
        (1, "client_secret", ""),
        (2, "client_assertion", "jwt-shop"),
        (2, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        (3, "grant_type", "password"),
        (3, "username", "u"),
        (3, "password", "p&="),
        (3, "client_id", ""),
    ] {
        assert_eq!(says(index, name), value, "{name} of request {index}");
    }
    assert_eq!(asked[3].headers["authorization"], "Basic c2hvcDpz");
    assert!(asked[..3].iter().all(|asked| !asked.headers.contains_key("authorization")));
}

#[tokio::test]
async fn sec_187_a_redirect_of_the_token_endpoint_is_not_followed() {
    let (server, elsewhere) = (Server::start().await, Server::start().await);
    for status in [301, 302, 303, 307, 308] {
        let answer = Answer::json(status, &json!({})).header("location", elsewhere.token_url());
        server.will_answer([answer]);
        let error = request(&server, &shop(), &Grant::ClientCredentials).await.unwrap_err();
        assert!(matches!(error, TokenError::Redirected(_)), "{error}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_refusal_is_typed() {
    let server = Server::start().await;
    let body =
        json!({"error": "invalid_client", "error_description": "Client authentication failed"});
    server.will_answer([Answer::json(401, &body)
        .header("grantor-decision-id", "0192-d")
        .header("retry-after", "3")]);
    let error = request(&server, &shop(), &Grant::ClientCredentials).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.status, 401);
    assert_eq!(refusal.error.as_deref(), Some("invalid_client"));
    assert_eq!(refusal.decision_id.as_deref(), Some("0192-d"));
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(3)));
    assert_eq!(
        error.to_string(),
        "the token endpoint refused: invalid_client: Client authentication failed (decision 0192-d)"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = Server::start().await;
    server.will_answer([Answer::json(200, &json!({"access_token": "a".repeat(300_000)}))]);
    let error = request(&server, &shop(), &Grant::ClientCredentials).await.unwrap_err();
    assert!(matches!(error, TokenError::InvalidResponse("too big")), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let server = Server::start().await;
    server.will_answer([Answer::token("late", 60).late(Duration::from_secs(10))]);
    let error = request(&server, &shop(), &Grant::ClientCredentials).await.unwrap_err();
    assert!(matches!(error, TokenError::Unreachable(_)) && error.is_temporary(), "{error}");
    let address = server.address;
    drop(server);
    let gone = format!("http://{address}/token?secret=canary");
    let endpoint =
        TokenEndpoint::new(&gone, Timeouts::default(), PlainHttp::LoopbackOnly, &[]).unwrap();
    let error = endpoint.request(&shop(), &Grant::ClientCredentials, &[], &[], NOW).await;
    let error = error.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
}
