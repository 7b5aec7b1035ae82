//! Name and password posted to the authorization endpoint itself: Plan B's sign-in (`stups.md` 2.10),
//! and the fence of `compat.sign_in_by_post`.

use grantor_testkit::{Answer, Seen};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::world::{CALLBACK, PASSWORD, World, shop, with};

const SCOPE: &str = "openid wishlist.read wishlist.write";

/// A shop and a realm that allow it.
async fn world() -> World {
    let world = World::new().await;
    let realm = json!({ "default_scopes": ["uid"], "password_grant": true });
    let done = world.server.put("/api/v1/realms/customers", &world.admin, &realm).await;
    assert_eq!(done.status, 200, "{}", done.text);
    world.client(&old_shop("old", true)).await;
    world
}

fn old_shop(id: &str, switch: bool) -> serde_json::Value {
    let compat = json!({ "pkce_optional": true, "sign_in_by_post": switch });
    with(shop(), &json!({ "id": id, "compat": compat }))
}

fn form<'a>(more: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    let mut fields: Vec<(&str, &str)> = vec![
        ("client_id", "old"),
        ("realm", "/customers"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", SCOPE),
        ("state", "s-1"),
        ("username", "anna"),
        ("password", PASSWORD),
        ("business_partner_id", "x"),
    ];
    fields.retain(|(name, _)| more.iter().all(|(new, _)| new != name));
    fields.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    fields.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

async fn program(world: &World, more: &[(&str, &str)]) -> Answer {
    let request = world.server.request(Method::POST, "/oauth2/authorize");
    Answer::of(request.header("accept", "application/json").form(&form(more))).await
}

async fn browser(world: &World, more: &[(&str, &str)]) -> Seen {
    let browser = world.browser();
    let seen = browser.post("/oauth2/authorize", &form(more), &[("accept", "text/html")]).await;
    browser.follow(seen).await
}

fn is_code(redirect: &str) -> bool {
    redirect.starts_with(&format!("{CALLBACK}?code=")) && redirect.contains("&state=s-1")
}

#[tokio::test]
async fn a_program_hears_what_is_asked_and_then_where_to_go() {
    let world = world().await;
    let asked = program(&world, &[]).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert_eq!(
        asked.body,
        json!({
            "client_name": "Shoe shop",
            "scopes": ["openid", "wishlist.read", "wishlist.write"],
            "redirect": CALLBACK,
            "consent_needed": true,
        })
    );
    assert_eq!(asked.header("cache-control"), "no-store");
    assert!(asked.header("set-cookie").is_empty());
    let denied = program(&world, &[("decision", "deny")]).await;
    let redirect = denied.body["redirect"].as_str().unwrap();
    assert!(redirect.starts_with(&format!("{CALLBACK}?error=access_denied")), "{redirect}");
    assert_eq!(denied.body["consent_needed"], false);
    // A refusal of the whole is not remembered, and neither is what was only asked.
    assert_eq!(program(&world, &[]).await.body["consent_needed"], true);
    let allowed = program(&world, &[("decision", "allow")]).await;
    assert_eq!(allowed.body["consent_needed"], false, "{}", allowed.text);
    let redirect = allowed.body["redirect"].as_str().unwrap();
    assert!(is_code(redirect), "{redirect}");
    let again = program(&world, &[]).await;
    assert!(is_code(again.body["redirect"].as_str().unwrap()), "{}", again.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_053_it_is_off_unless_client_and_realm_allow_it_and_says_so_before_anybody_is_looked_at()
 {
    let world = world().await;
    world.client(&old_shop("strict", false)).await;
    for password in [PASSWORD, "wrong"] {
        let more = [("client_id", "strict"), ("password", password)];
        let answer = program(&world, &more).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.body["error"], "unauthorized_client");
        let seen = browser(&world, &more).await;
        assert_eq!((seen.status, seen.location()), (StatusCode::BAD_REQUEST, None));
    }
    let realm = json!({ "default_scopes": ["uid"], "password_grant": false });
    world.server.put("/api/v1/realms/customers", &world.admin, &realm).await;
    let answer = program(&world, &[]).await;
    assert_eq!(answer.body["error"], "unauthorized_client", "{}", answer.text);
    // The switch is nothing for clients that never come this way.
    let batch = json!({
        "id": "batch", "auth_method": "client_secret_basic", "grant_types": ["client_credentials"],
        "compat": { "sign_in_by_post": true },
    });
    let refused = world.server.post("/api/v1/clients", &world.admin, &batch).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    assert!(refused.text.contains("/compat/sign_in_by_post"), "{}", refused.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_017_a_password_is_never_in_an_address() {
    let world = world().await;
    world.client(&old_shop("strict", false)).await;
    // A form of another site comes without cookies and is asked for again with GET: not this one.
    let fields = form(&[("client_id", "strict")]);
    let seen = world.browser().post("/oauth2/authorize", &fields, &[]).await;
    assert_eq!((seen.status, seen.location()), (StatusCode::BAD_REQUEST, None), "{}", seen.text);
    for secret in ["username=anna", "password=x", "decision=allow"] {
        let (name, _) = secret.split_once('=').unwrap();
        let path = format!("/oauth2/authorize?{secret}");
        let request = world.server.request(Method::POST, &path);
        let request = request.header("accept", "application/json").form(&form(&[(name, "")]));
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{secret}: {}", answer.text);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_114_sec_115_wrong_ones_look_alike_and_count_with_those_of_the_page() {
    let mut world = world().await;
    world.user("customers", "carl").await;
    let carl = format!("/api/v1/users/{}", world.users["carl"]);
    let off = json!({ "realm": "customers", "name": "carl", "enabled": false });
    assert_eq!(world.server.put(&carl, &world.admin, &off).await.status, 200);
    for (name, password) in [("bert", "wrong"), ("zora", "wrong"), ("carl", PASSWORD), ("", "x")] {
        let answer = program(&world, &[("username", name), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text);
        let text = "The provided access grant is invalid, expired, or revoked.";
        assert_eq!(answer.body, json!({ "error": "invalid_grant", "error_description": text }));
    }
    world.server.clock.stop();
    for _ in 0..10 {
        program(&world, &[("password", "wrong")]).await;
    }
    let answer = program(&world, &[("username", "ANNA")]).await;
    assert_eq!(answer.body["error"], "slow_down", "{}", answer.text);
    let page = world.browser();
    let shown = page.open(&world.request(&[])).await;
    assert_eq!(world.sign_in(&page, &shown, "anna").await.status, StatusCode::TOO_MANY_REQUESTS);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_112_a_form_of_another_site_signs_nobody_in() {
    let world = world().await;
    for headers in [
        [("origin", "https://evil.example"), ("accept", "text/html")],
        [("sec-fetch-site", "cross-site"), ("accept", "application/json")],
    ] {
        let browser = world.browser();
        let fields = form(&[("decision", "allow")]);
        let seen = browser.post("/oauth2/authorize", &fields, &headers).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{}", seen.text);
        assert!(browser.cookies().keys().all(|name| !name.contains("session")));
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_browser_is_signed_in_and_asked_on_our_page_or_answered_at_once() {
    let world = world().await;
    let page = world.browser();
    let wrong = [("accept", "text/html")];
    let fields = form(&[("password", "wrong")]);
    let seen = page.post("/oauth2/authorize", &fields, &wrong).await;
    assert!(seen.has("login-form") && seen.has("form-error"), "{}", seen.text);
    let seen = world.sign_in(&page, &seen, "anna").await;
    assert!(seen.has("consent-form"), "{}", seen.text);
    let seen = browser(&world, &[]).await;
    assert!(seen.has("consent-form"), "{}", seen.text);
    let seen = browser(&world, &[("decision", "deny")]).await;
    assert_eq!(seen.answer()["error"], "access_denied");
    let seen = browser(&world, &[("decision", "allow")]).await;
    assert!(is_code(&seen.location().unwrap()), "{:?}", seen.location());
    let seen = browser(&world, &[]).await;
    assert!(is_code(&seen.location().unwrap()), "{:?}", seen.location());
    world.server.stop().await;
}

#[tokio::test]
async fn sec_041_what_is_refused_to_everybody_is_refused_here() {
    let world = world().await;
    for (more, error) in [
        (("scope", "openid admin"), "invalid_scope"),
        (("realm", "nowhere"), "invalid_request"),
        (("acr_values", "phr"), "unmet_authentication_requirements"),
        (("response_type", "token"), "unauthorized_client"),
    ] {
        let answer = program(&world, &[more, ("decision", "allow")]).await;
        let redirect = answer.body["redirect"].as_str().unwrap_or_default();
        assert!(redirect.contains(&format!("error={error}")), "{more:?}: {}", answer.text);
    }
    let evil = ("redirect_uri", "https://evil.example/cb");
    let answer = program(&world, &[evil, ("decision", "allow")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    assert!(!answer.text.contains("evil"), "{}", answer.text);
    world.server.stop().await;
}
