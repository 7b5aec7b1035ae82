//! Revocation by clients: RFC 7009.

use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};

use crate::people::Person;

async fn revoke(server: &TestServer, who: (&str, &str), token: &str) -> Answer {
    let request = server.request(Method::POST, "/oauth2/revoke").basic_auth(who.0, Some(who.1));
    Answer::of(request.form(&[("token", token)])).await
}

#[tokio::test]
async fn sec_105_a_client_ends_its_own_tokens_and_nobody_elses() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let owner = Person::new(&server, &admin, "alice", "rfc9068").await;
    let other = Person::new(&server, &admin, "mallory", "rfc9068").await;
    let given = owner.sign_in(&server).await.body;
    let access = given["access_token"].as_str().unwrap();
    let refresh = given["refresh_token"].as_str().unwrap();

    for token in [access, refresh, "unknown", "a.b.c"] {
        let answer = revoke(&server, (&other.client, &other.secret), token).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    assert!(server.is_active(access).await, "another client ended it");
    let rotated = owner.refresh(&server, refresh).await;
    assert_eq!(rotated.status, StatusCode::OK, "another client ended it: {}", rotated.text);

    let wrong = revoke(&server, (&owner.client, "wrong"), access).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(server.is_active(access).await, "nobody authenticated");

    let refresh = rotated.body["refresh_token"].as_str().unwrap();
    let fresh = rotated.body["access_token"].as_str().unwrap();
    let answer = revoke(&server, (&owner.client, &owner.secret), refresh).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""));
    assert_ne!(owner.refresh(&server, refresh).await.status, StatusCode::OK);
    assert!(!server.is_active(access).await && !server.is_active(fresh).await, "SEC-107");
    server.stop().await;
}
