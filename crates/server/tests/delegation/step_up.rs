//! A level of sign-in that a scope needs or a request wants: reached, or told that it cannot be (SEC-030,
//! RFC 9470).

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use grantor_testkit::Answer;

use crate::world::{PASSWORD, World, shop, with};

/// A wishlist that needs this level.
async fn needing(acr: &str) -> World {
    let world = World::new().await;
    for (scope, needs) in [("wishlist.write", Some(acr)), ("wishlist.read", None)] {
        let body = json!({
            "resource_type": "wishlist", "rule": { "granted": "owner" },
            "summary": { "en": scope }, "required_acr": needs,
        });
        let path = format!("/api/v1/scopes/{scope}");
        let done = world.server.put(&path, &world.admin, &body).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }
    world
}

#[tokio::test]
async fn sec_030_trap_030_a_scope_that_needs_more_than_can_be_proved_is_refused_and_says_so() {
    for acr in ["2", "phr", "of-somebody-else"] {
        let world = needing(acr).await;
        let browser = world.browser();
        let more = [("scope", "openid wishlist.read")];
        let seen = browser.open(&world.request(&more)).await;
        let seen = world.sign_in(&browser, &seen, "anna").await;
        let seen = world.agree(&browser, &seen).await;
        assert!(seen.answer().contains_key("code"), "what needs nothing goes on: {}", seen.text);
        // Signed in or not, with a page or without: the client hears it, and nobody sees a page.
        for browser in [browser, world.browser()] {
            for prompt in ["", "none", "login"] {
                let seen = browser.open(&world.request(&[("prompt", prompt)])).await;
                let answer = seen.answer();
                assert_eq!(answer["error"], "unmet_authentication_requirements", "{acr} {prompt}");
                assert_eq!(answer["state"], "s-1");
            }
        }
        world.server.stop().await;
    }
}

#[tokio::test]
async fn sec_030_a_scope_that_needs_what_a_password_proves_is_granted_and_the_token_says_so() {
    let world = needing("1").await;
    let browser = world.browser();
    let code = world.code(&browser, "anna").await;
    let bought = world.redeem(&code).await;
    assert_eq!(bought.body["scope"], "openid wishlist.read wishlist.write", "{}", bought.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_030_scopes_that_come_by_default_need_their_level_too() {
    let world = needing("2").await;
    let scopes = json!({ "id": "lazy", "default_scopes": ["openid", "wishlist.write"] });
    world.client(&with(shop(), &scopes)).await;
    let seen = world.browser().open(&world.request(&[("client_id", "lazy"), ("scope", "")])).await;
    assert_eq!(seen.answer()["error"], "unmet_authentication_requirements");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_030_a_wished_level_is_reached_by_signing_in_or_is_told_to_be_out_of_reach() {
    let world = World::new().await;
    let browser = world.browser();
    let essential = r#"{"id_token":{"acr":{"essential":true,"values":["2"]}}}"#;
    let voluntary = r#"{"id_token":{"acr":{"values":["1","2"]}}}"#;
    for (name, value) in [("acr_values", "2"), ("acr_values", "phr"), ("claims", essential)] {
        let seen = browser.open(&world.request(&[(name, value)])).await;
        assert_eq!(seen.answer()["error"], "unmet_authentication_requirements", "{name}={value}");
    }
    for (name, value) in [("acr_values", "1"), ("acr_values", "2 1"), ("claims", voluntary)] {
        let fresh = world.browser();
        let seen = fresh.open(&world.request(&[(name, value)])).await;
        assert!(seen.has("login-form"), "{name}={value}: {}", seen.text);
        let seen = world.sign_in(&fresh, &seen, "anna").await;
        assert!(seen.has("consent-form"), "{name}={value}: {}", seen.text);
    }
    world.server.stop().await;
}

/// What came to need more after it was granted: no grant type gives it at the old level.
#[tokio::test]
async fn sec_030_sec_066_neither_a_code_nor_a_refresh_nor_a_password_brings_what_needs_more() {
    let world = World::new().await;
    let realm = json!({ "default_scopes": ["uid"], "password_grant": true });
    world.server.put("/api/v1/realms/customers", &world.admin, &realm).await;
    let old = json!({
        "id": "old", "grant_types": ["password"], "redirect_uris": [],
        "compat": { "password_grant": true },
    });
    let old = world.client(&with(shop(), &old)).await;
    let old = old["client_secret"].as_str().unwrap().to_owned();
    let first = world.code(&world.browser(), "anna").await;
    let bought = world.redeem(&first).await;
    let refresh = bought.body["refresh_token"].as_str().unwrap().to_owned();
    let late = world.code(&world.browser(), "anna").await;

    let needs = json!({
        "resource_type": "wishlist", "rule": { "granted": "owner" },
        "summary": { "en": "Add" }, "required_acr": "2",
    });
    let done = world.server.put("/api/v1/scopes/wishlist.write", &world.admin, &needs).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let late = world.redeem(&late).await;
    assert_eq!(late.body["scope"], "openid wishlist.read", "{}", late.text);
    world.server.clock.advance(SignedDuration::from_secs(60));
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let request = world.server.request(Method::POST, "/oauth2/token");
    let renewed = Answer::of(request.basic_auth("shop", Some(&world.secret)).form(&form)).await;
    assert_eq!(renewed.body["scope"], "openid wishlist.read", "{}", renewed.text);
    let form = [
        ("grant_type", "password"),
        ("realm", "customers"),
        ("username", "anna"),
        ("password", PASSWORD),
        ("scope", "wishlist.write"),
    ];
    let request = world.server.request(Method::POST, "/oauth2/token");
    let refused = Answer::of(request.basic_auth("old", Some(&old)).form(&form)).await;
    assert_eq!(refused.body["error"], "invalid_scope", "{}", refused.text);
    let id = refused.body["decision_id"].as_str().unwrap();
    let why = world.server.get(&format!("/api/v1/decisions/{id}"), &world.admin).await;
    assert!(why.text.contains("required_acr"), "{}", why.text);
    world.server.stop().await;
}
