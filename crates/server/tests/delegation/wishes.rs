//! What a request wishes: in which order it says so, which wishes are kept, and which are passed over.

use grantor_server::clock::Clock as _;
use grantor_testkit::{Answer, Seen, TestBrowser};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::front_channel::claims;
use crate::world::{CALLBACK, VERIFIER, World, shop, with};

/// The ID token that the code of an answer buys.
async fn id_token(world: &World, seen: &Seen) -> Value {
    let bought = world.redeem(&seen.answer()["code"]).await;
    claims(bought.body["id_token"].as_str().unwrap_or_else(|| panic!("{}", bought.text)))
}

async fn signed_in(world: &World, name: &str) -> TestBrowser {
    let browser = world.browser();
    world.code(&browser, name).await;
    browser
}

#[tokio::test]
async fn trap_019_the_order_of_parameters_and_of_scopes_means_nothing() {
    let world = World::new().await;
    let browser = signed_in(&world, "anna").await;
    let url = world.request(&[]);
    let (path, query) = url.split_once('?').unwrap();
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.reverse();
    let reversed = format!("{path}?{}", pairs.join("&"));
    let mut all = Vec::new();
    for scope in ["openid wishlist.read wishlist.write", "wishlist.write openid wishlist.read"] {
        let of_scope = world.request(&[("scope", scope)]);
        for url in [&of_scope, &reversed] {
            let seen = browser.open(url).await;
            let bought = world.redeem(&seen.answer()["code"]).await;
            assert_eq!(bought.status, 200, "{}", bought.text);
            let mut scopes: Vec<String> =
                bought.body["scope"].as_str().unwrap().split(' ').map(str::to_owned).collect();
            scopes.sort();
            all.push(scopes);
        }
    }
    assert!(all.iter().all(|scopes| *scopes == all[0] && scopes.len() == 3), "{all:?}");
    world.server.stop().await;
}

#[tokio::test]
async fn trap_027_without_openid_it_is_plain_oauth_and_unknown_scopes_are_no_fault_of_ours() {
    let world = World::new().await;
    let browser = signed_in(&world, "anna").await;
    let plain = browser.open(&world.request(&[("scope", "wishlist.read")])).await;
    let bought = world.redeem(&plain.answer()["code"]).await;
    assert_eq!((bought.status.as_u16(), &bought.body["scope"]), (200, &json!("wishlist.read")));
    assert!(bought.body.get("id_token").is_none(), "{}", bought.text);
    let token = bought.body["access_token"].as_str().unwrap();
    assert_eq!(world.server.get("/oauth2/userinfo", token).await.status, 403);
    let many = (0..60).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    for scope in ["openid unheard_of", "OPENID", "openid\topen", "é", "a\"b", "\\", &many] {
        let seen = browser.open(&world.request(&[("scope", scope)])).await;
        assert_eq!(seen.answer()["error"], "invalid_scope", "{scope}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_029_trap_030_a_new_sign_in_moves_its_time_and_a_hit_keeps_it() {
    let world = World::new().await;
    let second = || world.server.clock.now().as_second();
    let browser = world.browser();
    let begun = second();
    let page = browser.open(&world.request(&[("max_age", "1000")])).await;
    let consent = world.sign_in(&browser, &page, "anna").await;
    let seen = world.agree(&browser, &consent).await;
    let first = id_token(&world, &seen).await["auth_time"].as_i64().expect("whole seconds");
    assert!((begun..=second()).contains(&first));
    world.server.clock.advance(SignedDuration::from_secs(7));
    for more in [("max_age", "1000"), ("max_age", "8"), ("max_age", "31536000")] {
        let seen = browser.open(&world.request(&[more])).await;
        let again = id_token(&world, &seen).await;
        assert_eq!(again["auth_time"], first, "{more:?}: no page, and the old time");
    }
    for more in [("prompt", "login"), ("max_age", "0"), ("max_age", "7")] {
        world.server.clock.advance(SignedDuration::from_secs(7));
        let asked = second();
        let page = browser.open(&world.request(&[more, ("scope", "openid wishlist.read")])).await;
        assert!(page.has("login-form"), "{more:?}");
        let seen = world.sign_in(&browser, &page, "anna").await;
        let claims = id_token(&world, &seen).await;
        if more.0 == "max_age" {
            let at = claims["auth_time"].as_i64().unwrap();
            assert!((asked..=second()).contains(&at), "{more:?}: {at}");
        }
        let seen = browser.open(&world.request(&[("max_age", "1000")])).await;
        assert!(id_token(&world, &seen).await["auth_time"].as_i64().unwrap() >= asked, "{more:?}");
    }
    // A client that is asked for one person gets no other (silent.rs has the hint by ID token).
    let wish = json!({ "id_token": { "sub": { "value": world.users["bert"] } } }).to_string();
    let page = browser.open(&world.request(&[("claims", &wish), ("prompt", "login")])).await;
    let seen = world.sign_in(&browser, &page, "anna").await;
    assert!(seen.has("login-form") && seen.has("form-error"), "{}", seen.text);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_029_prompt_consent_and_select_account_show_their_pages_each_time() {
    let world = World::new().await;
    let browser = signed_in(&world, "anna").await;
    for _ in 0..2 {
        let seen = browser.open(&world.request(&[("prompt", "consent")])).await;
        assert!(seen.has("consent-form"), "{}", seen.text);
        world.agree(&browser, &seen).await;
        let seen = browser.open(&world.request(&[("prompt", "select_account")])).await;
        assert!(seen.has("account-form"), "{}", seen.text);
        let both = browser.open(&world.request(&[("prompt", "login consent")])).await;
        let seen = world.sign_in(&browser, &both, "anna").await;
        assert!(seen.has("consent-form"), "{}", seen.text);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_031_an_id_token_that_was_changed_is_no_hint() {
    let world = World::new().await;
    let browser = world.browser();
    let code = world.code(&browser, "anna").await;
    let hint = world.redeem(&code).await.body["id_token"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = hint.split('.').collect();
    let other = if parts[2].starts_with('A') { "B" } else { "A" };
    let forged = [
        format!("{}.{}.{other}{}", parts[0], parts[1], &parts[2][1..]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
    ];
    for hint in &forged {
        let more = [("id_token_hint", hint.as_str()), ("prompt", "none")];
        let answer = browser.open(&world.request(&more)).await.answer();
        assert_eq!(answer["error"], "invalid_request", "{hint}");
    }
    let more = [("id_token_hint", hint.as_str()), ("prompt", "none")];
    assert!(browser.open(&world.request(&more)).await.answer().contains_key("code"));
    world.server.stop().await;
}

#[tokio::test]
async fn trap_033_what_is_not_understood_is_passed_over_and_an_essential_level_is_not() {
    let world = World::new().await;
    let browser = signed_in(&world, "anna").await;
    for more in [
        ("display", "page"),
        ("display", "popup"),
        ("display", "touch"),
        ("display", "wap"),
        ("display", "hologram"),
        ("ui_locales", "de"),
        ("ui_locales", "xx-YY zz"),
        ("claims_locales", "fr-CA de"),
        ("acr_values", "urn:mace:incommon:iap:silver"),
        ("acr_values", "0 nonsense"),
        ("login_hint", "buffy@host"),
        ("extra", "foobar"),
        ("registration", "{}"),
    ] {
        let seen = browser.open(&world.request(&[more])).await;
        assert!(seen.answer().contains_key("code"), "{more:?}: {}", seen.text);
        let said = id_token(&world, &seen).await;
        assert_ne!(said["acr"], "", "{more:?}");
    }
    let seen = browser.open(&world.request(&[("acr_values", "1 phr")])).await;
    assert_eq!(id_token(&world, &seen).await["acr"], "1");
    let essential = |values: &str| {
        format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":[{values}]}}}}}}"#)
    };
    for values in [r#""phr""#, r#""2""#, r#""nonsense""#] {
        let more = [("claims", &*essential(values))];
        let answer = browser.open(&world.request(&more)).await.answer();
        assert_eq!(answer["error"], "unmet_authentication_requirements", "{values}");
    }
    let met = browser.open(&world.request(&[("claims", &essential(r#""phr","1""#))])).await;
    assert_eq!(id_token(&world, &met).await["acr"], "1");
    world.server.stop().await;
}

#[tokio::test]
async fn trap_034_malformed_claims_are_an_error_and_unknown_ones_are_not() {
    let world = World::new().await;
    let browser = signed_in(&world, "anna").await;
    for text in ["{", "[]", "1", "null", r#"{"id_token":[]}"#, r#"{"userinfo":{"name":1}}"#, "{}x"]
    {
        let answer = browser.open(&world.request(&[("claims", text)])).await.answer();
        assert_eq!(answer["error"], "invalid_request", "{text}");
    }
    let wish = r#"{"userinfo":{"family_name#ja-Kana-JP":null,"http://a.example/x":{"essential":true},
        "name":{"values":["anna","b"]}},"id_token":{"nickname":{"essential":true}},"other":{}}"#;
    let seen = browser.open(&world.request(&[("claims", wish)])).await;
    let bought = world.redeem(&seen.answer()["code"]).await;
    let token = bought.body["access_token"].as_str().unwrap();
    let told = world.server.get("/oauth2/userinfo", token).await;
    assert_eq!(told.body["name"], "anna", "{}", told.text);
    assert_eq!(told.body.as_object().unwrap().len(), 2, "sub and name: {}", told.text);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_036_sec_026_pkce_that_nobody_asked_for_is_enforced_all_the_same() {
    let world = World::new().await;
    let free = with(shop(), &json!({ "id": "free", "compat": { "pkce_optional": true } }));
    let secret = world.client(&free).await["client_secret"].as_str().unwrap().to_owned();
    let browser = world.browser();
    let code = async |more: &[(&str, &str)]| {
        let all: Vec<_> = [("client_id", "free")].iter().chain(more).copied().collect();
        let mut seen = browser.open(&world.request(&all)).await;
        if seen.has("login-form") {
            seen = world.sign_in(&browser, &seen, "anna").await;
        }
        if seen.has("consent-form") {
            seen = world.agree(&browser, &seen).await;
        }
        seen.answer()["code"].clone()
    };
    let redeem = async |code: &str, verifier: &str| {
        let mut form =
            vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        form.extend((!verifier.is_empty()).then_some(("code_verifier", verifier)));
        let request = world.server.request(Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth("free", Some(&secret)).form(&form)).await
    };
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    assert_eq!(redeem(&code(&[]).await, VERIFIER).await.status, 200);
    assert_eq!(redeem(&code(&without).await, "").await.status, 200);
    let long = "v".repeat(129);
    for wrong in ["", "short", &VERIFIER[1..], &VERIFIER.to_uppercase(), &long] {
        let answer = redeem(&code(&[]).await, wrong).await;
        assert_eq!(answer.body["error"], "invalid_grant", "{wrong}");
    }
    let answer = redeem(&code(&without).await, VERIFIER).await;
    assert_eq!(answer.body["error"], "invalid_grant", "a verifier and no challenge");
    for more in [
        [("code_challenge", VERIFIER), ("code_challenge_method", "plain")],
        [("code_challenge", VERIFIER), ("code_challenge_method", "")],
        [("code_challenge", ""), ("code_challenge_method", "S256")],
        [("code_challenge", "short"), ("code_challenge_method", "S256")],
    ] {
        let all = [&[("client_id", "free")], &more[..]].concat();
        let answer = browser.open(&world.request(&all)).await.answer();
        assert_eq!(answer["error"], "invalid_request", "{more:?}");
    }
    world.server.stop().await;
}

/// OIDC Registration §2: what a client registered stands where its request says nothing.
#[tokio::test]
async fn trap_088_what_is_registered_about_signing_in_is_obeyed() {
    let world = World::new().await;
    let browser = signed_in(&world, "anna").await;
    let mut secrets = Vec::new();
    for (id, authorization) in [
        ("plain", json!({})),
        ("impatient", json!({ "default_max_age": 60 })),
        ("timed", json!({ "require_auth_time": true })),
        ("content", json!({ "default_acr_values": ["1"] })),
        ("demanding", json!({ "default_acr_values": ["2"] })),
    ] {
        let more = json!({ "id": id, "authorization": authorization, "consent_bypass": true });
        let made = world.client(&with(shop(), &more)).await;
        secrets.push((id, made["client_secret"].as_str().unwrap().to_owned()));
    }
    world.server.clock.advance(SignedDuration::from_secs(50));
    for (waited, id, signs_in, has_time) in [
        (0, "plain", false, false),
        (0, "impatient", false, true),
        (0, "timed", false, true),
        (0, "content", false, false),
        (20, "plain", false, false),
        (20, "timed", false, true),
        (0, "impatient", true, true),
        (0, "impatient", false, true),
    ] {
        world.server.clock.advance(SignedDuration::from_secs(waited));
        let mut seen = browser.open(&world.request(&[("client_id", id)])).await;
        assert_eq!(seen.has("login-form"), signs_in, "{id}: {}", seen.text);
        if signs_in {
            seen = world.sign_in(&browser, &seen, "anna").await;
        }
        let secret = &secrets.iter().find(|(of, _)| *of == id).unwrap().1;
        let bought = world.redeem_as(id, secret, &seen.answer()["code"]).await;
        let claims = claims(bought.body["id_token"].as_str().unwrap());
        assert_eq!(claims.get("auth_time").is_some(), has_time, "{id}: {claims}");
        assert_eq!(claims["acr"], "1", "{id}");
    }
    // A request that says something is heard in its place.
    for (id, more, signs_in) in
        [("impatient", ("max_age", "1000"), false), ("demanding", ("acr_values", "1"), false)]
    {
        world.server.clock.advance(SignedDuration::from_secs(100));
        let seen = browser.open(&world.request(&[("client_id", id), more])).await;
        assert_eq!(seen.has("login-form"), signs_in, "{id}: {}", seen.text);
        assert!(seen.answer().contains_key("code"), "{id}: {}", seen.text);
    }
    let seen = browser.open(&world.request(&[("client_id", "demanding")])).await;
    assert_eq!(seen.answer()["error"], "unmet_authentication_requirements");
    world.server.stop().await;
}
