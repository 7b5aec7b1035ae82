//! What is asked, what is remembered, and what a form cannot do.

use crate::world::{CALLBACK, World, shop, with};
use serde_json::json;

#[tokio::test]
async fn sec_041_what_is_posted_can_only_take_away() {
    let world = World::new().await;
    let browser = world.browser();
    let seen = browser.open(&world.request(&[("scope", "openid wishlist.read")])).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    let form = seen.form("consent-form");
    let mut fields = form.with(&[("decision", "approve"), ("client_id", "other")]);
    for (name, value) in
        [("scope", "wishlist.write"), ("scope", "admin"), ("redirect_uri", "https://evil.example")]
    {
        fields.push((name.to_owned(), value.to_owned()));
    }
    let seen = browser.post("/consent", &fields, &[]).await;
    assert!(seen.location().unwrap().starts_with(CALLBACK), "{:?}", seen.location());
    let consents = world.server.get("/api/v1/consents", &world.admin).await;
    let text = consents.text;
    assert!(text.contains("wishlist.read") && !text.contains("wishlist.write"), "{text}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_scope_that_was_unticked_is_left_out_and_remembered() {
    let world = World::new().await;
    let browser = world.browser();
    let seen = browser.open(&world.request(&[])).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    let form = seen.form("consent-form").without("scope");
    let fields = [("decision", "approve"), ("scope", "wishlist.read")];
    let seen = browser.submit(&form, &fields).await;
    assert!(seen.answer().contains_key("code"));
    let again = browser.open(&world.request(&[])).await;
    assert!(again.answer().contains_key("code"), "not asked again: {}", again.text);
    let asked = browser.open(&world.request(&[("prompt", "consent")])).await;
    let ticked: Vec<_> = asked.form("consent-form").fields;
    let ticked: Vec<&str> =
        ticked.iter().filter(|(n, _)| n == "scope").map(|(_, v)| v.as_str()).collect();
    assert_eq!(ticked, ["wishlist.read"]);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_042_an_addition_and_a_withdrawal_are_asked_about() {
    let world = World::new().await;
    let browser = world.browser();
    let narrow = world.request(&[("scope", "openid wishlist.read")]);
    let seen = browser.open(&narrow).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    world.agree(&browser, &seen).await;
    assert!(browser.open(&narrow).await.answer().contains_key("code"));
    let wide = browser.open(&world.request(&[])).await;
    assert!(wide.has("consent-form"), "{}", wide.text);
    let path = format!("/api/v1/consents/{}/shop", world.users["anna"]);
    assert_eq!(world.server.delete(&path, &world.admin).await.status, 204);
    let asked = browser.open(&narrow).await;
    assert!(asked.has("consent-form"), "{}", asked.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_042_an_app_on_a_device_is_asked_about_each_time() {
    let world = World::new().await;
    let native = with(
        shop(),
        &json!({
            "id": "native1", "auth_method": "none", "redirect_uris": ["http://127.0.0.1/cb"],
            "authorization": { "application_type": "native" },
        }),
    );
    world.client(&native).await;
    let browser = world.browser();
    let callback = "http://127.0.0.1:49152/cb";
    let request = world.request(&[("client_id", "native1"), ("redirect_uri", callback)]);
    let seen = browser.open(&request).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    let seen = world.agree(&browser, &seen).await;
    assert!(seen.location().unwrap().starts_with(callback));
    let again = browser.open(&request).await;
    assert!(again.has("consent-form") && again.has("not-assured"), "{}", again.text);
    let silent =
        world.request(&[("client_id", "native1"), ("redirect_uri", callback), ("prompt", "none")]);
    assert_eq!(browser.open(&silent).await.answer()["error"], "consent_required");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_043_what_a_client_calls_itself_is_text_and_nothing_else() {
    let world = World::new().await;
    let odd = with(shop(), &json!({ "id": "odd", "name": "<img src=x onerror=alert(1)>" }));
    world.client(&odd).await;
    let seen = world.browser().open(&world.request(&[("client_id", "odd")])).await;
    assert!(!seen.text.contains("<img"), "{}", seen.text);
    assert!(seen.text.contains("shop.example"), "the verified host is beside it");
    world.server.stop().await;
}

#[tokio::test]
async fn what_was_decided_is_asked_again_when_its_time_is_over_and_the_page_says_when() {
    let world = World::new().await;
    let tenant = world.server.get("/api/v1/tenants/main", &world.admin).await;
    let mut body = tenant.body.clone();
    body["settings"]["consent_seconds"] = (30 * 86_400).into();
    body.as_object_mut().unwrap().remove("name");
    let done = world.server.put("/api/v1/tenants/main", &world.admin, &body).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let scope = json!({
        "resource_type": "wishlist", "rule": { "granted": "owner" },
        "summary": { "en": "Add to your wishlist" }, "consent_seconds": 86_400,
    });
    let done = world.server.put("/api/v1/scopes/wishlist.write", &world.admin, &scope).await;
    assert_eq!((done.status.as_u16(), &done.body["consent_seconds"]), (200, &json!(86_400)));

    // The page names the shortest time of what is on it.
    let browser = world.browser();
    let seen = browser.open(&world.request(&[("scope", "openid wishlist.read")])).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    assert!(seen.text.contains("30 days"), "{}", seen.text);
    let seen = world.agree(&browser, &seen).await;
    assert!(seen.answer().contains_key("code"));
    let seen = browser.open(&world.request(&[])).await;
    assert!(seen.has("consent-form") && !seen.text.contains("30 days"), "{}", seen.text);
    world.agree(&browser, &seen).await;
    assert!(browser.open(&world.request(&[])).await.answer().contains_key("code"));

    world.server.clock.advance(jiff::SignedDuration::from_hours(25));
    let again = world.browser();
    let seen = again.open(&world.request(&[("scope", "openid wishlist.read")])).await;
    let seen = world.sign_in(&again, &seen, "anna").await;
    assert!(seen.answer().contains_key("code"), "that one is still remembered: {}", seen.text);
    assert!(again.open(&world.request(&[])).await.has("consent-form"), "and that one is not");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_190_a_no_is_remembered_and_in_the_log_and_asked_again() {
    let world = World::new().await;
    let browser = world.browser();
    let seen = browser.open(&world.request(&[])).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    let seen = browser.submit(&seen.form("consent-form"), &[("decision", "deny")]).await;
    assert_eq!(seen.answer()["error"], "access_denied");
    let consents = world.server.get("/api/v1/consents", &world.admin).await;
    assert_eq!(consents.text.matches("DENIED").count(), 3, "{}", consents.text);
    let log = world.server.get("/api/v1/audit?kind=consent.given", &world.admin).await;
    assert!(log.text.contains("DENIED") && !log.text.contains("APPROVED"), "{}", log.text);
    let again = browser.open(&world.request(&[])).await;
    assert!(again.has("consent-form"), "a new request is a new question: {}", again.text);
    // What she agrees to then counts until she says no again.
    let read = world.request(&[("scope", "openid wishlist.read")]);
    let seen = browser.open(&read).await;
    assert!(world.agree(&browser, &seen).await.answer().contains_key("code"));
    let seen = browser.open(&world.request(&[])).await;
    browser.submit(&seen.form("consent-form"), &[("decision", "deny")]).await;
    let silent = world.request(&[("scope", "openid wishlist.read"), ("prompt", "none")]);
    assert_eq!(browser.open(&silent).await.answer()["error"], "consent_required");
    world.server.stop().await;
}
