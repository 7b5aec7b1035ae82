//! The story: sign in, agree, back with a code.

use grantor_testkit::TestBrowser;
use reqwest::StatusCode;

use crate::world::{CALLBACK, World};

#[tokio::test]
async fn sec_044_trap_039_a_customer_signs_in_agrees_and_the_shop_gets_a_code() {
    let world = World::new().await;
    let browser = world.browser();
    let seen = browser.open(&world.request(&[])).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    assert!(seen.url.contains("/sign-in?tx="), "{}", seen.url);
    assert!(seen.text.contains("Shoe shop") && seen.text.contains("shop.example"));
    let seen = world.sign_in(&browser, &seen, "anna").await;
    assert!(seen.url.contains("/consent?tx="), "{} {}", seen.url, seen.text);
    assert!(seen.text.contains("Add to your wishlist") && seen.text.contains("anna"));
    let seen = world.agree(&browser, &seen).await;
    // SEC-044: after a POST, with GET and nothing of the form.
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert!(seen.location().unwrap().starts_with(&format!("{CALLBACK}?code=")));
    let answer = seen.answer();
    assert_eq!((&*answer["state"], &*answer["iss"]), ("s-1", &*world.server.issuer));
    let token = world.redeem(&answer["code"]).await;
    assert_eq!(token.status, StatusCode::OK, "{}", token.text);
    assert_eq!(token.body["scope"], "openid wishlist.read wishlist.write");
    assert!(token.body["id_token"].is_string());
    world.server.stop().await;
}

#[tokio::test]
async fn whoever_is_signed_in_and_has_agreed_sees_no_page() {
    let world = World::new().await;
    let browser = world.browser();
    let first = world.code(&browser, "anna").await;
    let seen = browser.open(&world.request(&[])).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    let second = &seen.answer()["code"];
    assert_ne!(*second, first);
    assert_eq!(world.redeem(second).await.status, StatusCode::OK);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_019_post_works_as_get_does_and_keeps_whoever_is_signed_in() {
    let world = World::new().await;
    let browser = world.browser();
    world.code(&browser, "anna").await;
    let url = world.request(&[]);
    let (path, query) = url.split_once('?').unwrap();
    let fields: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let seen = browser.post(path, &fields, &[]).await;
    assert!(seen.answer().contains_key("code"), "{}", seen.text);
    // From another site the browser brings no cookie with a POST, but does with the GET after it.
    let bare = TestBrowser::new(&world.server).post(path, &fields, &[]).await;
    assert_eq!(bare.status, StatusCode::SEE_OTHER);
    let seen = browser.follow(bare).await;
    assert!(seen.answer().contains_key("code"), "{}", seen.text);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_037_sec_028_whoever_does_not_agree_goes_back_with_access_denied() {
    let world = World::new().await;
    let browser = world.browser();
    let seen = browser.open(&world.request(&[])).await;
    let cancelled = browser.submit(&seen.form("login-form"), &[("cancel", "on")]).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    let denied = browser.submit(&seen.form("consent-form"), &[("decision", "deny")]).await;
    for seen in [cancelled, denied] {
        let answer = seen.answer();
        assert_eq!(answer["error"], "access_denied");
        assert_eq!((&*answer["state"], &*answer["iss"]), ("s-1", &*world.server.issuer));
        assert!(!answer.contains_key("code"));
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_024_form_post_is_a_page_that_posts_itself() {
    let world = World::new().await;
    let browser = world.browser();
    world.code(&browser, "anna").await;
    let state = "\"><script>alert(1)</script>";
    let url = world.request(&[("response_mode", "form_post"), ("state", state)]);
    let seen = browser.open(&url).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(seen.headers["cache-control"], "no-store");
    let policy = seen.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action https://shop.example"), "{policy}");
    assert!(!seen.text.contains("<script>alert(1)"), "{}", seen.text);
    assert!(seen.text.contains("action=\"https://shop.example/cb\""), "{}", seen.text);
    assert!(seen.text.contains("name=\"code\"") && seen.text.contains("name=\"iss\""));
    world.server.stop().await;
}
