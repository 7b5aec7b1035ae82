//! Another token info service, asked about what is not ours (compatibility check 16); and neighbours that
//! are slow or gone (REL-037).

use grantor_testkit::{Answer, TestServer};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::outbound::Host;

const OPAQUE: &str = "b4e6a3e7-1c1c-4d2b-9a35-0d6f4f2d4f4b";

async fn asks(server: &TestServer, upstream: &Value) {
    let admin = server.admin_token().await;
    let mut tenant = server.get("/api/v1/tenants/main", &admin).await.body;
    tenant["settings"]["upstream_tokeninfo"] = upstream.clone();
    let members = ["issuer", "hosts", "enabled", "settings"];
    let body: Value = members.iter().map(|m| ((*m).to_owned(), tenant[*m].clone())).collect();
    let done = server.put("/api/v1/tenants/main", &admin, &body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
}

async fn tokeninfo(server: &TestServer, token: &str) -> Answer {
    let request = server.request(Method::GET, "/oauth2/tokeninfo").bearer_auth(token);
    Answer::of(request).await
}

fn jane() -> Value {
    json!({ "uid": "jane", "realm": "/employees", "scope": ["uid"], "expires_in": 90 })
}

#[tokio::test]
async fn check_16_an_opaque_token_is_asked_about_once_and_then_remembered() {
    let host = Host::start().await;
    host.put("/info", &jane());
    let server = host.server().await;
    let unasked = tokeninfo(&server, OPAQUE).await;
    assert_eq!((unasked.status, unasked.header("x-cache")), (StatusCode::UNAUTHORIZED, ""));
    asks(&server, &json!({ "url": host.at("/info") })).await;

    let first = tokeninfo(&server, OPAQUE).await;
    assert_eq!((first.status, first.header("x-cache")), (StatusCode::OK, "MISS"), "{}", first.text);
    assert_eq!((&first.body["uid"], &first.body["access_token"]), (&json!("jane"), &json!(OPAQUE)));
    assert_eq!(first.header("cache-control"), "no-store");
    server.clock.advance(SignedDuration::from_secs(20));
    let second = tokeninfo(&server, OPAQUE).await;
    assert_eq!((second.status, second.header("x-cache")), (StatusCode::OK, "HIT"));
    let left = second.body["expires_in"].as_i64().unwrap();
    assert!((68..=70).contains(&left), "{left}: as it is now, not as it was");
    assert_eq!(host.count("/info"), 1);
    // The token went in a header, and only there.
    let sent = host.seen.lock().unwrap().last().unwrap().to_lowercase();
    assert!(sent.starts_with("get /info http") && sent.contains(&format!("bearer {OPAQUE}")));
    server.clock.advance(SignedDuration::from_secs(41));
    assert_eq!(tokeninfo(&server, OPAQUE).await.header("x-cache"), "MISS", "a minute is over");
    // Of another token nothing is known.
    assert_eq!(tokeninfo(&server, "another").await.header("x-cache"), "MISS");

    asks(&server, &json!({ "url": host.at("/info"), "cache_seconds": 0 })).await;
    for _ in 0..2 {
        assert_eq!(tokeninfo(&server, "a-third").await.header("x-cache"), "MISS");
    }
    server.stop().await;
}

#[tokio::test]
async fn check_16_what_is_ours_or_a_jwt_never_leaves() {
    let host = Host::start().await;
    host.put("/info", &jane());
    let server = host.server().await;
    asks(&server, &json!({ "url": host.at("/info") })).await;
    let admin = server.admin_token().await;
    let client = json!({
        "id": "sealed", "auth_method": "client_secret_basic", "scopes": ["uid"],
        "grant_types": ["client_credentials"], "token_format": "reference",
    });
    let made = server.made("/api/v1/clients", &admin, &client).await;
    let secret = made["client_secret"].as_str().unwrap();
    let token = server.client_token("sealed", secret, Some("uid")).await;
    assert_eq!(tokeninfo(&server, &token).await.status, StatusCode::OK);
    let broken = format!("{}AAAA", &token[..token.len() - 4]);
    for ours in [broken.as_str(), secret, "grt_x", "gtx_x", "a.b.c", &admin[..admin.len() - 2]] {
        let answer = tokeninfo(&server, ours).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{ours}");
    }
    let odd = server.request(Method::POST, "/oauth2/tokeninfo");
    let odd = Answer::of(odd.form(&[("access_token", "a b\r\nx: y")])).await;
    assert_eq!(odd.status, StatusCode::UNAUTHORIZED);
    assert_eq!(host.count("/info"), 0);
    server.stop().await;
}

#[tokio::test]
async fn check_16_an_upstream_that_refuses_is_gone_or_talks_nonsense_is_told_apart() {
    let host = Host::start().await;
    let server = host.server().await;
    asks(&server, &json!({ "url": host.at("/unknown") })).await;
    let refused = tokeninfo(&server, OPAQUE).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.body["error"], "invalid_token");
    host.redirect("/moved", &host.at("/info"));
    for nonsense in [json!(["uid"]), json!({ "access_token": "of somebody else" })] {
        host.put("/info", &nonsense);
        for path in ["/info", "/moved"] {
            asks(&server, &json!({ "url": host.at(path) })).await;
            let answer = tokeninfo(&server, OPAQUE).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{path} {nonsense}");
            assert!(answer.header("content-type").starts_with("text/plain"));
            assert!(!answer.text.contains("somebody else"), "SEC-156: {}", answer.text);
        }
    }
    // SEC-156: only what the operator allows by name, and what is public.
    asks(&server, &json!({ "url": "https://127.0.0.1:8443/info" })).await;
    assert_eq!(tokeninfo(&server, OPAQUE).await.status, StatusCode::BAD_GATEWAY);
    server.stop().await;
}

/// A neighbour that takes connections and never says a word.
async fn black_hole() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_037_a_neighbour_that_never_answers_takes_nobody_elses_time() {
    let host = Host::start().await;
    let server = host.server().await;
    let port = black_hole().await;
    let slow = format!("https://localhost:{port}/info");
    asks(&server, &json!({ "url": slow, "timeout_milliseconds": 3_000 })).await;
    let admin = server.admin_token().await;

    let asking: Vec<_> = (0..40)
        .map(|n| {
            let request = server.request(Method::GET, "/oauth2/tokeninfo");
            let request = request.bearer_auth(format!("opaque-{n}"));
            tokio::spawn(async move { Answer::of(request).await.status.as_u16() })
        })
        .collect();
    // While they wait, whoever needs no neighbour waits for nobody.
    for _ in 0..5 {
        assert_eq!(tokeninfo(&server, &admin).await.status, StatusCode::OK);
    }
    assert!(asking.iter().any(|asked| !asked.is_finished()), "nobody waited for the neighbour");
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap());
    }
    assert!(answers.iter().all(|status| [429, 502, 504].contains(status)), "{answers:?}");
    assert!(answers.contains(&504), "some waited their time: {answers:?}");
    assert!(answers.contains(&429), "no more than a few wait at once: {answers:?}");

    // It has its rest: nobody waits for it at all, or the answer would be 504.
    let resting = tokeninfo(&server, OPAQUE).await;
    assert_eq!(resting.status, StatusCode::BAD_GATEWAY, "{}", resting.text);
    assert_eq!(resting.header("retry-after"), "1");
    server.stop().await;
}
