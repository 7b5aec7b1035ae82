//! The middleware: sends, retries once, and keeps tokens off the open wire.

use grantor_client::{ClientAuth, Grant, Tokens};

use crate::server::{Answer, Server};
use crate::tokens::TestClock;

fn tokens(server: &Server, clock: &TestClock) -> Tokens {
    let client = ClientAuth::Basic { client_id: "shop".to_owned(), secret: "s".into() };
    let tokens = Tokens::builder()
        .token_url(server.token_url())
        .credentials(client, Grant::ClientCredentials)
        .clock(clock.clone())
        .build()
        .unwrap();
    tokens.manage("orders", ["uid"]);
    tokens
}

fn client(server: &Server, clock: &TestClock) -> reqwest_middleware::ClientWithMiddleware {
    tokens(server, clock).authorize(reqwest::Client::new(), "orders")
}

/// Older than the age below which a refused token is not worth replacing.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(6);

#[tokio::test]
async fn requests_carry_the_token() {
    let server = Server::start().await;
    let http = client(&server, &TestClock::default());
    for _ in 0..3 {
        let answer = http.get(server.api_url()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(server.calls()[2].1["authorization"], "Bearer token-1");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn after_a_401_the_request_is_repeated_once_with_a_new_token() {
    let (server, clock) = (Server::start().await, TestClock::default());
    let http = client(&server, &clock);
    http.get(server.api_url()).send().await.unwrap();
    server.only_takes(&["token-2"]);
    clock.advance(A_WHILE);
    let answer = http.post(server.api_url()).body("order").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let (method, headers, body) = server.calls().remove(2);
    assert_eq!(
        (method.as_str(), &headers["authorization"]),
        ("POST", &"Bearer token-2".parse().unwrap())
    );
    assert_eq!(body, "order");
}

#[tokio::test]
async fn a_second_401_is_the_answer_and_no_storm_of_token_requests() {
    let (server, clock) = (Server::start().await, TestClock::default());
    server.only_takes(&["none of ours"]);
    let http = client(&server, &clock);
    http.get(server.api_url()).send().await.unwrap();
    clock.advance(A_WHILE);
    for _ in 0..20 {
        let answer = http.get(server.api_url()).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(answer.headers().contains_key("www-authenticate"));
    }
    assert_eq!(server.asked().len(), 2);
    assert_eq!(server.calls().len(), 22);
}

#[tokio::test]
async fn fifty_refusals_at_once_make_one_token_request() {
    let (server, clock) = (Server::start().await, TestClock::default());
    let http = client(&server, &clock);
    http.get(server.api_url()).send().await.unwrap();
    server.only_takes(&["token-2"]);
    clock.advance(A_WHILE);
    let calls = (0..50).map(|_| {
        let (http, url) = (http.clone(), server.api_url());
        tokio::spawn(async move { http.get(url).send().await.unwrap().status() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn when_no_new_token_is_to_be_had_the_401_is_the_answer() {
    let (server, clock) = (Server::start().await, TestClock::default());
    let http = client(&server, &clock);
    http.get(server.api_url()).send().await.unwrap();
    server.only_takes(&["token-2"]);
    server.will_answer([Answer::json(503, &serde_json::json!({}))]);
    clock.advance(A_WHILE);
    assert_eq!(http.get(server.api_url()).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_header_of_the_caller_s_own_is_left_alone() {
    let server = Server::start().await;
    let http = client(&server, &TestClock::default());
    http.get(server.api_url()).bearer_auth("mine").send().await.unwrap();
    assert_eq!(server.calls()[0].1["authorization"], "Bearer mine");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn sec_171_no_token_goes_over_plain_http_to_another_machine() {
    let server = Server::start().await;
    let http = client(&server, &TestClock::default());
    let error = http.get("http://orders.example.org/").send().await.unwrap_err();
    assert!(error.to_string().contains("plain http"), "{error}");
    // Not even fetched.
    assert!(server.asked().is_empty());
}
