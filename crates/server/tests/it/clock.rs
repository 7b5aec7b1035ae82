//! A machine whose clock is set. REL-024.

use std::time::Duration;

use grantor_server::clock::Clock as _;
use grantor_testkit::{Answer, TestServer};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::openid::Openid;

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}"))
}

async fn readiness(server: &TestServer) -> Answer {
    Answer::of(server.http.request(Method::GET, format!("{}/readyz", server.operations))).await
}

#[tokio::test]
async fn rel_024_a_clock_that_is_set_back_revives_nothing_and_stops_nobody() {
    let world = Openid::start(json!({})).await;
    let server = &world.server;
    let (late, bought) = (world.given("openid uid").await, world.redeemed("openid uid").await);
    let expired = text(&bought, "access_token");
    server.clock.advance(SignedDuration::from_mins(11));
    let revoked = world.redeemed("openid uid").await;
    let form = [("token", text(&revoked, "access_token"))];
    let revoke = server.request(Method::POST, "/oauth2/revoke").form(&form);
    let revoke = Answer::of(revoke.basic_auth("shop", Some(&world.secret))).await;
    assert_eq!(revoke.status, StatusCode::OK, "{}", revoke.text);
    let before = server.clock.now();

    server.clock.set(SignedDuration::from_hours(-1));
    assert!(server.clock.now() >= before);
    // What was over is over.
    let answer = world.redeem(&late).await;
    assert_eq!(answer.body["error"], "invalid_grant", "{}", answer.text);
    assert!(!server.is_active(expired).await);
    assert!(!server.is_active(text(&revoked, "access_token")).await);
    // And what is new is good: it does not look older than the revocation.
    let renewed = world.refresh(text(&bought, "refresh_token")).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text);
    assert!(server.is_active(text(&renewed.body, "access_token")).await);
    let anew = world.redeemed("openid uid").await;
    assert!(server.is_active(text(&anew, "access_token")).await);
    let (_, claims) = world.verified(text(&anew, "id_token")).await;
    assert!(claims["iat"].as_i64().unwrap() >= before.as_second(), "{claims}");
    // It ends, too, if later than by a clock that was right all the time.
    server.clock.advance(SignedDuration::from_mins(21));
    assert!(!server.is_active(text(&anew, "access_token")).await);
    world.server.stop().await;
}

#[tokio::test]
async fn rel_024_a_node_whose_clock_was_set_back_far_says_so_until_it_has_caught_up() {
    // With a database of its own the node has nobody to ask what time it is.
    let server = TestServer::start().await;
    let alone = server.app.store.clock().await.unwrap().is_none();
    server.clock.set(SignedDuration::from_secs(-30));
    assert_eq!(readiness(&server).await.status, StatusCode::OK, "half a minute is harmless");
    server.clock.set(SignedDuration::from_mins(-10));
    let answer = readiness(&server).await;
    if alone {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
        assert!((600..=630).contains(&answer.body["clock_off_seconds"].as_i64().unwrap()));
        server.clock.advance(SignedDuration::from_mins(21));
        // The directory has not looked for changes for as long; it does so three times a second.
        let ready = async {
            while readiness(&server).await.status != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.expect("ready again");
    } else {
        assert_eq!(answer.status, StatusCode::OK, "the database agrees: {}", answer.text);
    }
    server.stop().await;
}
