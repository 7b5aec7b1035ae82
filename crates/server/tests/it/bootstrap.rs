//! The first administrator.

use grantor_server::access::ALL;
use grantor_server::bootstrap::secret_if_needed;
use grantor_server::clock::Clock as _;
use grantor_testkit::{Answer, TestServer};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn secret(server: &TestServer) -> Option<String> {
    let (store, secrets) = (&*server.app.store, &server.app.secrets);
    let tenant = &server.app.settings.default_tenant;
    secret_if_needed(store, secrets, tenant, server.clock.now()).await.unwrap()
}

async fn redeem(server: &TestServer, secret: &str, client: &str) -> Answer {
    let body = json!({ "secret": secret, "client_id": client });
    Answer::of(server.request(Method::POST, "/api/v1/bootstrap").json(&body)).await
}

#[tokio::test]
async fn sec_168_the_one_time_secret_makes_one_administrator() {
    let server = TestServer::builder().without_administrator().start().await;
    // Three nodes print three secrets, and three people redeem them at once.
    let mut printed = Vec::new();
    for _ in 0..3 {
        printed.push(secret(&server).await.expect("there is no administrator yet"));
    }
    assert!(printed[0].starts_with("gbs_") && printed[0] != printed[1]);
    let racing = printed.iter().enumerate().map(|(at, secret)| {
        let server = &server;
        async move { redeem(server, secret, &format!("admin-{at}")).await }
    });
    let answers = futures_util::future::join_all(racing).await;
    let made: Vec<_> = answers.iter().filter(|a| a.status == StatusCode::CREATED).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(answers.iter().filter(|a| a.status == StatusCode::CONFLICT).count(), 2);

    let id = made[0].body["client_id"].as_str().unwrap();
    let token =
        server.client_token(id, made[0].body["client_secret"].as_str().unwrap(), None).await;
    let me = server.get("/api/v1/me", &token).await;
    assert_eq!(me.body["permissions"].as_array().unwrap().len(), ALL.len());

    assert_eq!(secret(&server).await, None, "nothing is printed any more");
    for used in &printed {
        assert_eq!(redeem(&server, used, "again").await.status, StatusCode::CONFLICT);
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_168_a_secret_is_good_for_an_hour_and_at_its_own_server() {
    let server = TestServer::builder().without_administrator().start().await;
    let elsewhere = TestServer::builder().without_administrator().start().await;
    let printed = secret(&server).await.unwrap();
    let altered = if printed.as_bytes()[20] == b'A' { "B" } else { "A" };
    let bad = format!("{}{altered}{}", &printed[..20], &printed[21..]);
    for (wrong, text) in [
        ("another's", secret(&elsewhere).await.unwrap()),
        ("altered", bad),
        ("none", String::new()),
    ] {
        assert_eq!(redeem(&server, &text, "a").await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    server.clock.advance(SignedDuration::from_secs(3_601));
    assert_eq!(redeem(&server, &printed, "a").await.status, StatusCode::UNAUTHORIZED);
    let fresh = secret(&server).await.unwrap();
    assert_eq!(redeem(&server, &fresh, "a").await.status, StatusCode::CREATED);
    elsewhere.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn sec_168_a_new_server_knows_no_account() {
    let server = TestServer::builder().without_administrator().start().await;
    for (id, password) in [("admin", "admin"), ("admin", "password"), ("grantor", "grantor")] {
        let answer = server.client_credentials(id, password, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    server.stop().await;
}
