//! Refresh tokens over HTTP: whose they are, what they may carry, and what becomes of old ones.

use grantor_testkit::Answer;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::openid::{Openid, form, shop, with};

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}"))
}

#[track_caller]
fn refused(answer: &Answer, code: &str) {
    let seen = (answer.status, answer.body["error"].as_str());
    assert_eq!(seen, (StatusCode::BAD_REQUEST, Some(code)), "{}", answer.text);
}

#[tokio::test]
async fn trap_069_sec_060_a_refresh_token_is_its_clients_and_its_scope_only_shrinks() {
    let world = Openid::start(json!({})).await;
    let other = with(shop(), &json!({ "id": "other" }));
    let other = world.server.made("/api/v1/clients", &world.admin, &other).await;
    let token = text(&world.redeemed("openid email uid").await, "refresh_token").to_owned();
    let by = async |id: &str, secret: Option<&str>| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let request = world.server.request(Method::POST, "/oauth2/token");
        match secret {
            Some(secret) => Answer::of(request.basic_auth(id, Some(secret)).form(&form)).await,
            None => Answer::of(request.form(&[form[0], form[1], ("client_id", id)])).await,
        }
    };
    refused(&by("other", other["client_secret"].as_str()).await, "invalid_grant");
    for answer in [by("shop", Some("wrong")).await, by("shop", None).await] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
        assert_eq!(answer.body["error"], "invalid_client");
    }
    let ask = async |token: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        world.token(&form).await
    };
    refused(&ask(&token, "openid email uid profile").await, "invalid_scope");
    refused(&ask(&token, "openid nonsense").await, "invalid_scope");
    let equal = ask(&token, "openid email uid").await;
    assert_eq!(equal.body["scope"], "openid email uid", "{}", equal.text);
    let narrow = ask(text(&equal.body, "refresh_token"), "uid").await;
    assert_eq!(narrow.body["scope"], "uid", "{}", narrow.text);
    // RFC 6749 §6: the grant stays as wide as it was.
    let wide = ask(text(&narrow.body, "refresh_token"), "email uid").await;
    assert_eq!(wide.body["scope"], "email uid", "{}", wide.text);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_069_a_public_client_gets_a_new_refresh_token_each_time() {
    let world = Openid::start(json!({ "auth_method": "none" })).await;
    let ask = async |form: &[(&str, &str)]| {
        let mut form = form.to_vec();
        form.push(("client_id", "shop"));
        Answer::of(world.server.request(Method::POST, "/oauth2/token").form(&form)).await
    };
    let code = world.given("openid uid").await;
    let mut bought = ask(&form(&code)).await.body;
    let mut seen = vec![text(&bought, "refresh_token").to_owned()];
    for _ in 0..3 {
        let token = seen.last().unwrap().clone();
        bought = ask(&[("grant_type", "refresh_token"), ("refresh_token", &token)]).await.body;
        let next = text(&bought, "refresh_token").to_owned();
        assert!(!seen.contains(&next), "rotated");
        seen.push(next);
    }
    // The first one is long over: whoever presents it has a copy.
    world.server.clock.advance(SignedDuration::from_secs(31));
    let first = [("grant_type", "refresh_token"), ("refresh_token", seen[0].as_str())];
    refused(&ask(&first).await, "invalid_grant");
    assert!(!world.server.is_active(text(&bought, "access_token")).await);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_071_sec_061_sec_062_a_lost_answer_is_told_again_and_a_late_reuse_ends_the_family() {
    let world = Openid::start(json!({})).await;
    let first = world.redeemed("openid uid").await;
    let lost = world.refresh(text(&first, "refresh_token")).await.body;
    for _ in 0..3 {
        world.server.clock.advance(SignedDuration::from_secs(9));
        let again = world.refresh(text(&first, "refresh_token")).await;
        assert_eq!(again.status, StatusCode::OK, "within the grace: {}", again.text);
        assert_eq!(again.body["refresh_token"], lost["refresh_token"], "the same successor");
    }
    world.server.clock.advance(SignedDuration::from_secs(4));
    assert!(world.server.is_active(text(&lost, "access_token")).await);
    refused(&world.refresh(text(&first, "refresh_token")).await, "invalid_grant");
    refused(&world.refresh(text(&lost, "refresh_token")).await, "invalid_grant");
    for token in [&first, &lost] {
        assert!(!world.server.is_active(text(token, "access_token")).await, "the whole family");
    }
    let log = world.server.get("/api/v1/audit?kind=refresh.reuse_detected", &world.admin).await;
    assert!(log.text.contains("shop"), "{}", log.text);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_063_rel_019_a_hundred_refreshes_at_once_share_one_successor() {
    let world = std::sync::Arc::new(Openid::start(json!({})).await);
    let first = world.redeemed("openid uid").await;
    let token = text(&first, "refresh_token").to_owned();
    let racers: Vec<_> = (0..100)
        .map(|_| {
            let (world, token) = (std::sync::Arc::clone(&world), token.clone());
            tokio::spawn(async move { world.refresh(&token).await })
        })
        .collect();
    let mut successors = std::collections::BTreeSet::new();
    for racer in racers {
        let answer = racer.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "within the grace: {}", answer.text);
        successors.insert(text(&answer.body, "refresh_token").to_owned());
    }
    assert_eq!(successors.len(), 1, "one live leaf");
    let next = world.refresh(successors.first().unwrap()).await;
    assert_eq!(next.status, StatusCode::OK, "{}", next.text);
    // The successor was used: the first one has no grace left.
    refused(&world.refresh(&token).await, "invalid_grant");
    refused(&world.refresh(text(&next.body, "refresh_token")).await, "invalid_grant");
}
