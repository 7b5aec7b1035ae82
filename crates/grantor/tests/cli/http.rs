//! `grantor http`.

use std::fs;

use crate::person::Person;
use crate::server::{Answer, Server};

#[tokio::test]
async fn the_body_goes_to_stdout_and_the_status_to_stderr() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    let outcome = person.runs(&["http", &server.api_url(), "uid"]).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), r#"{"orders":[]}"#));
    assert_eq!(outcome.stderr, "HTTP/1.1 200 OK\n");
    assert_eq!(server.calls()[0].0, "GET");
    assert_eq!(server.calls()[0].1["authorization"], "Bearer token-1");
    assert_eq!(server.asked()[0].form["scope"], "uid");
}

#[tokio::test]
async fn method_headers_and_data_are_sent() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    fs::write(person.path("order.json"), "[7]").unwrap();
    let url = server.api_url();
    let flow = ["-H", "X-Flow-Id: 9", "-H", "X-Other:b"];
    person.gets(&[&["http", url.as_str(), "-d", "{\"a\":1}"][..], &flow].concat()).await;
    person.gets(&["http", "put", &url, "-d", "@order.json"]).await;
    person.gets(&["http", "-d", "a=1", "PATCH", &url]).await;
    person.gets(&["http", "-d", "a=1", "-H", "content-type: text/plain", &url]).await;
    let calls = server.calls();
    let sent: Vec<_> = calls
        .iter()
        .map(|(method, headers, body)| {
            (method.as_str(), headers["content-type"].to_str().unwrap(), body.as_ref())
        })
        .collect();
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        sent,
        [
            ("POST", "application/json", &b"{\"a\":1}"[..]),
            ("PUT", "application/json", b"[7]"),
            ("PATCH", form, b"a=1"),
            ("POST", "text/plain", b"a=1"),
        ]
    );
    assert_eq!(calls[0].1["x-flow-id"], "9");
}

#[tokio::test]
async fn a_refusal_shows_its_challenge_and_sets_the_exit_code() {
    let server = Server::start().await;
    server.only_takes(&["another"]);
    let person = Person::with_credentials(&server);
    let outcome = person.runs(&["http", &server.api_url()]).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(4), r#"{"error":"invalid_token"}"#));
    let challenge = "www-authenticate: Bearer error=\"invalid_token\"\n";
    assert!(outcome.stderr.ends_with(challenge), "{}", outcome.stderr);
    // The token was new: no other was asked for.
    assert_eq!((server.asked().len(), server.calls().len()), (1, 1));
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_replaced_once() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    let call = ["http", &server.api_url(), "-n", "orders"];
    person.gets(&call).await;
    server.only_takes(&["token-2"]);
    let kept = fs::read_to_string(person.cache()).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let mut aged = kept.clone();
    let created = kept["tokens"]["orders"]["creation_time"].as_u64().unwrap();
    aged["tokens"]["orders"]["creation_time"] = (created - 60).into();
    fs::write(person.cache(), aged.to_string()).unwrap();
    let outcome = person.runs(&call).await;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), "HTTP/1.1 200 OK\n"));
    assert_eq!(person.gets(&["token", "-n", "orders"]).await, "token-2\n");
}

#[tokio::test]
async fn sec_171_no_token_goes_over_plain_http_to_another_machine() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    let outcome = person.runs(&["http", "http://orders.example.org/"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("orders.example.org over plain http"), "{}", outcome.stderr);
    // Not even fetched.
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_is_shown_and_the_token_stays_here() {
    let (server, elsewhere) = (Server::start().await, Server::start().await);
    let redirect = Answer::json(307, &serde_json::json!({}));
    let redirect = redirect.header("location", elsewhere.api_url());
    server.will_answer([Answer::token("token-1", 60), redirect]);
    let person = Person::with_credentials(&server);
    let outcome = person.runs(&["http", &server.token_url()]).await;
    assert_eq!(outcome.code, Some(0));
    let location = format!("location: {}\n", elsewhere.api_url());
    assert!(outcome.stderr.ends_with(&location), "{}", outcome.stderr);
    assert!(elsewhere.calls().is_empty());
}

#[tokio::test]
async fn sec_171_secrets_have_no_place_in_arguments() {
    let person = Person::new();
    let header = ["http", "https://orders.example.org/", "-H", "Authorization: Bearer canary"];
    assert_eq!(person.runs(&header).await.code, Some(2));
    let outcome = person.runs(&["http", "https://me:canary@orders.example.org/"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    let outcome = person.runs(&["http", "http://127.0.0.1:1/"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("the request failed"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
}
