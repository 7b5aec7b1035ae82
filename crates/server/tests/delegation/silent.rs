//! `prompt`, `max_age` and hints: what is shown, and what is said instead.

use jiff::SignedDuration;

use crate::world::{World, shop, with};
use serde_json::json;

#[tokio::test]
async fn sec_029_trap_028_prompt_none_says_what_is_missing_and_shows_nothing() {
    let world = World::new().await;
    let browser = world.browser();
    let silent = world.request(&[("prompt", "none")]);
    assert_eq!(browser.open(&silent).await.answer()["error"], "login_required");
    let seen = browser.open(&world.request(&[])).await;
    let consent = world.sign_in(&browser, &seen, "anna").await;
    assert_eq!(browser.open(&silent).await.answer()["error"], "consent_required");
    world.agree(&browser, &consent).await;
    assert!(browser.open(&silent).await.answer().contains_key("code"));
    let old = world.request(&[("prompt", "none"), ("max_age", "60")]);
    world.server.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(browser.open(&old).await.answer()["error"], "login_required");
    let answer = browser.open(&silent).await.answer();
    assert!(answer.contains_key("code"), "{answer:?}");
    assert_eq!(answer["iss"], world.server.issuer);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_030_trap_029_trap_030_prompt_login_and_max_age_ask_for_the_password_again() {
    let world = World::new().await;
    let browser = world.browser();
    world.code(&browser, "anna").await;
    world.server.clock.advance(SignedDuration::from_secs(5));
    for more in [("prompt", "login"), ("max_age", "0"), ("max_age", "5")] {
        let seen = browser.open(&world.request(&[more])).await;
        assert!(seen.has("login-form"), "{more:?}");
        // Going back to it does not help, only the password does.
        let again = browser.open(&seen.url).await;
        assert!(again.has("login-form"), "{more:?}");
        let seen = world.sign_in(&browser, &seen, "anna").await;
        assert!(seen.answer().contains_key("code"), "{more:?}");
        world.server.clock.advance(SignedDuration::from_secs(5));
    }
    let relaxed = browser.open(&world.request(&[("max_age", "3600")])).await;
    assert!(relaxed.answer().contains_key("code"), "a larger max_age does not ask");
    world.server.stop().await;
}

#[tokio::test]
async fn trap_032_a_login_hint_fills_the_field_and_looks_nobody_up() {
    let world = World::new().await;
    let mut pages = Vec::new();
    for hint in ["anna", "zora", "buffy@host"] {
        let seen = world.browser().open(&world.request(&[("login_hint", hint)])).await;
        assert_eq!(seen.form("login-form").value("username"), Some(hint));
        pages.push(seen.text.replace(&format!("value=\"{hint}\""), "").len());
    }
    // SEC-031: whoever is there and whoever is not get the same page.
    assert_eq!(pages[0], pages[1]);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_031_a_hint_that_is_no_id_token_of_ours_is_refused() {
    let world = World::new().await;
    for hint in ["nonsense", "e30.e30.", &world.admin] {
        let seen = world.browser().open(&world.request(&[("id_token_hint", hint)])).await;
        assert_eq!(seen.answer()["error"], "invalid_request", "{hint}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_029_prompt_consent_asks_even_where_nobody_would_be_asked() {
    let world = World::new().await;
    let free = with(shop(), &json!({ "id": "free", "consent_bypass": true }));
    world.client(&free).await;
    let browser = world.browser();
    let seen = browser.open(&world.request(&[("client_id", "free")])).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    assert!(seen.answer().contains_key("code"), "no page for a client that answers for itself");
    let seen = browser.open(&world.request(&[("client_id", "free"), ("prompt", "consent")])).await;
    assert!(seen.has("consent-form"), "{}", seen.text);
    world.server.stop().await;
}

/// OIDC Core §5.5.1, §8.1: the `sub` that is wanted is the one that this client sees.
#[tokio::test]
async fn trap_031_087_a_wished_sub_of_a_pairwise_client_is_its_own_name_for_her() {
    let world = World::new().await;
    let pairwise =
        with(shop(), &json!({ "id": "pairwise", "openid": { "subject_type": "pairwise" } }));
    let secret = world.client(&pairwise).await["client_secret"].as_str().unwrap().to_owned();
    let (anna, bert) = (world.browser(), world.browser());
    let mut subs = std::collections::HashMap::new();
    for (client, secret) in [("shop", &world.secret), ("pairwise", &secret)] {
        for (browser, name) in [(&anna, "anna"), (&bert, "bert")] {
            let seen = browser.open(&world.request(&[("client_id", client)])).await;
            let seen = match seen.has("login-form") {
                true => world.sign_in(browser, &seen, name).await,
                false => seen,
            };
            let seen =
                if seen.has("consent-form") { world.agree(browser, &seen).await } else { seen };
            let tokens = world.redeem_as(client, secret, &seen.answer()["code"].clone()).await;
            let token = tokens.body["id_token"].as_str().unwrap();
            let token = grantor_crypto::jws::parse_compact(token).unwrap();
            let claims: serde_json::Value =
                serde_json::from_slice(token.unverified_payload()).unwrap();
            subs.insert((client, name), claims["sub"].as_str().unwrap().to_owned());
        }
    }
    for client in ["shop", "pairwise"] {
        let other = if client == "shop" { "pairwise" } else { "shop" };
        for member in ["id_token", "userinfo"] {
            let wish = |sub: &str| json!({ member: { "sub": { "value": sub } } }).to_string();
            let silent = |claims: &str| {
                world.request(&[("client_id", client), ("prompt", "none"), ("claims", claims)])
            };
            let hers = silent(&wish(&subs[&(client, "anna")]));
            assert!(anna.open(&hers).await.answer().contains_key("code"), "{client} {member}");
            let seen = bert.open(&hers).await;
            assert_eq!(seen.answer()["error"], "login_required", "{client} {member}");
            let seen = anna.open(&silent(&wish(&subs[&(other, "anna")]))).await;
            assert_eq!(seen.answer()["error"], "login_required", "{client} {member}");
        }
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_031_our_own_id_token_is_a_hint_though_it_has_expired_and_for_its_user_only() {
    let world = World::new().await;
    let pairwise =
        with(shop(), &json!({ "id": "pairwise", "openid": { "subject_type": "pairwise" } }));
    let secret = world.client(&pairwise).await["client_secret"].as_str().unwrap().to_owned();
    for (client, secret) in [("shop", &world.secret), ("pairwise", &secret)] {
        let (anna, bert) = (world.browser(), world.browser());
        let mut hint = String::new();
        for (browser, name) in [(&anna, "anna"), (&bert, "bert")] {
            let seen = browser.open(&world.request(&[("client_id", client)])).await;
            let seen = world.sign_in(browser, &seen, name).await;
            let seen =
                if seen.has("consent-form") { world.agree(browser, &seen).await } else { seen };
            let code = seen.answer()["code"].clone();
            let tokens = world.redeem_as(client, secret, &code).await;
            if name == "anna" {
                tokens.body["id_token"].as_str().unwrap().clone_into(&mut hint);
            }
        }
        world.server.clock.advance(SignedDuration::from_mins(11));
        let silent =
            world.request(&[("client_id", client), ("prompt", "none"), ("id_token_hint", &hint)]);
        assert!(anna.open(&silent).await.answer().contains_key("code"), "{client}");
        assert_eq!(bert.open(&silent).await.answer()["error"], "login_required", "{client}");
        // With pages, Bert is asked for Anna's password, and his own is not hers.
        let page =
            bert.open(&world.request(&[("client_id", client), ("id_token_hint", &hint)])).await;
        assert!(page.has("login-form"), "{client}");
        let seen = world.sign_in(&bert, &page, "bert").await;
        assert!(seen.has("login-form") && seen.has("form-error"), "{client}");
    }
    world.server.stop().await;
}
