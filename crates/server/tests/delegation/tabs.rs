//! The back button, two tabs, old pages, forms sent twice, and pages of other people's browsers.

use jiff::SignedDuration;

use crate::world::World;

#[tokio::test]
async fn trap_040_two_tabs_of_one_browser_both_get_to_their_end() {
    let world = World::new().await;
    let browser = world.browser();
    let one = browser.open(&world.request(&[("state", "one")])).await;
    let two = browser.open(&world.request(&[("state", "two")])).await;
    let one = world.sign_in(&browser, &one, "anna").await;
    let two = world.sign_in(&browser, &two, "anna").await;
    let one = world.agree(&browser, &one).await.answer();
    let two = world.agree(&browser, &two).await.answer();
    assert_eq!((&*one["state"], &*two["state"]), ("one", "two"));
    assert_ne!(one["code"], two["code"]);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_040_reload_back_and_a_form_sent_twice_break_nothing() {
    let world = World::new().await;
    let browser = world.browser();
    let url = world.request(&[]);
    browser.open(&url).await;
    let sign_in = browser.open(&url).await;
    let sign_in = browser.open(&sign_in.url).await;
    let consent = world.sign_in(&browser, &sign_in, "anna").await;
    // Back to the sign-in page, and once more.
    let back = browser.open(&sign_in.url).await;
    let consent_again = world.sign_in(&browser, &back, "anna").await;
    let first = world.agree(&browser, &consent).await;
    let second = world.agree(&browser, &consent_again).await;
    let third = world.agree(&browser, &consent).await;
    for seen in [&first, &second, &third] {
        assert!(seen.answer().contains_key("code"), "{}", seen.text);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_page_that_lay_too_long_says_so() {
    let world = World::new().await;
    let browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    world.server.clock.advance(SignedDuration::from_mins(31));
    let seen = world.sign_in(&browser, &page, "anna").await;
    assert_eq!((seen.status.as_u16(), seen.location()), (400, None));
    assert!(seen.has("error-page"), "{}", seen.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_040_a_transaction_of_another_browser_goes_nowhere() {
    let world = World::new().await;
    let mallory = world.browser();
    let hers = mallory.open(&world.request(&[])).await;
    let anna = world.browser();
    world.code(&anna, "anna").await;
    // Anna follows the link that Mallory sent her, and posts the form.
    let opened = anna.open(&hers.url).await;
    assert_eq!(opened.status, 400);
    assert!(opened.has("error-page") && !opened.has("login-form"));
    let form = hers.form("login-form");
    let fields = form.with(&[("username", "anna"), ("password", crate::world::PASSWORD)]);
    for path in ["/sign-in", "/consent", "/account-choice"] {
        let seen = anna.post(path, &fields, &[]).await;
        assert_eq!((seen.status.as_u16(), seen.location()), (400, None), "{path}");
    }
    // Mallory gets no further in her own browser.
    let seen = mallory.open(&hers.url).await;
    assert!(seen.has("login-form"));
    world.server.stop().await;
}

#[tokio::test]
async fn sec_131_a_session_that_ended_meanwhile_completes_nothing() {
    let world = World::new().await;
    let browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let consent = world.sign_in(&browser, &page, "anna").await;
    let path = format!("/api/v1/users/{}", world.users["anna"]);
    let off = serde_json::json!({ "realm": "customers", "name": "anna", "enabled": false });
    assert_eq!(world.server.put(&path, &world.admin, &off).await.status, 200);
    let seen = world.agree(&browser, &consent).await;
    assert!(seen.has("login-form"), "{}", seen.text);
    world.server.stop().await;
}

impl World {
    /// Sets for how many seconds whoever wants to is remembered.
    async fn remember_for(&self, seconds: u32) {
        // The first one is over by now.
        let admin = self.server.admin_token().await;
        let mut body = self.server.get("/api/v1/tenants/main", &admin).await.body;
        body["settings"]["session_remember_seconds"] = seconds.into();
        for name in ["name", "version", "id", "created", "updated"] {
            body.as_object_mut().unwrap().remove(name);
        }
        let done = self.server.put("/api/v1/tenants/main", &admin, &body).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }
}

#[tokio::test]
async fn sec_065_an_idle_session_ends_after_its_hour_and_a_remembered_one_does_not() {
    let world = World::new().await;
    let (plain, kept) = (world.browser(), world.browser());
    world.code(&plain, "anna").await;
    let page = kept.open(&world.request(&[])).await;
    let fields = [("username", "anna"), ("password", crate::world::PASSWORD), ("remember", "on")];
    let seen = kept.submit(&page.form("login-form"), &fields).await;
    assert!(seen.answer().contains_key("code"), "{}", seen.text);
    world.server.clock.advance(SignedDuration::from_mins(61));
    let silent = world.request(&[("prompt", "none")]);
    assert_eq!(plain.open(&silent).await.answer()["error"], "login_required");
    assert!(kept.open(&silent).await.answer().contains_key("code"));
    world.remember_for(0).await;
    assert_eq!(kept.open(&silent).await.answer()["error"], "login_required", "SEC-065");
    world.remember_for(30 * 24 * 3_600).await;
    assert!(kept.open(&silent).await.answer().contains_key("code"));
    world.server.clock.advance(SignedDuration::from_hours(24 * 31));
    assert_eq!(kept.open(&silent).await.answer()["error"], "login_required");
    world.server.stop().await;
}
