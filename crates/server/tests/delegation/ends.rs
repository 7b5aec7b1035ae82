//! What is over: registrations, and sessions that a client ended.

use grantor_testkit::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{CALLBACK, VERIFIER, World};

async fn open_registration(world: &World) {
    let mut tenant = world.server.get("/api/v1/tenants/main", &world.admin).await.body;
    tenant["settings"]["registration"] = json!("open");
    let members = ["issuer", "hosts", "enabled", "settings"];
    let body: Value = members.iter().map(|m| ((*m).to_owned(), tenant[*m].clone())).collect();
    let changed = world.server.put("/api/v1/tenants/main", &world.admin, &body).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
}

#[tokio::test]
async fn trap_090_what_a_deleted_client_was_given_is_dead() {
    let world = World::new().await;
    open_registration(&world).await;
    let client = json!({
        "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"],
    });
    let register = world.server.request(Method::POST, "/oauth2/register").json(&client);
    let made = Answer::of(register).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let text = |name: &str| made.body[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("client_id"), text("client_secret"));
    let browser = world.browser();
    let request = world.request(&[("client_id", &id), ("scope", "openid profile")]);
    let seen = browser.open(&request).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    let seen = world.agree(&browser, &seen).await;
    let bought = world.redeem_as(&id, &secret, &seen.answer()["code"]).await;
    let access = bought.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", bought.text));
    let waiting = browser.open(&request).await.answer()["code"].clone();
    assert!(world.server.is_active(access).await);
    let uri = text("registration_client_uri");
    let token = text("registration_access_token");
    let gone = Answer::of(world.server.http.delete(&uri).bearer_auth(&token)).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert!(!world.server.is_active(access).await, "its access token lives");
    assert_eq!(world.server.get("/oauth2/userinfo", access).await.status, 401);
    let refresh = bought.body["refresh_token"].as_str().unwrap();
    for form in [
        vec![("grant_type", "refresh_token"), ("refresh_token", refresh)],
        vec![
            ("grant_type", "authorization_code"),
            ("code", &*waiting),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ],
    ] {
        let request = world.server.request(Method::POST, "/oauth2/token");
        let answer = Answer::of(request.basic_auth(&id, Some(&secret)).form(&form)).await;
        assert_eq!(answer.body["error"], "invalid_client", "{form:?}");
    }
    let page = browser.open(&request).await;
    assert_eq!((page.status.as_u16(), page.error().as_deref()), (400, Some("invalid_client")));
    world.server.stop().await;
}

#[tokio::test]
async fn trap_093_after_a_logout_nobody_is_signed_in() {
    let world = World::new().await;
    let browser = world.browser();
    let code = world.code(&browser, "anna").await;
    let hint = world.redeem(&code).await.body["id_token"].as_str().unwrap().to_owned();
    let silent = world.request(&[("prompt", "none")]);
    assert!(browser.open(&silent).await.answer().contains_key("code"));
    let seen = browser.open(&format!("/oauth2/end_session?id_token_hint={hint}")).await;
    assert!(seen.has("logged-out"), "{}", seen.text);
    assert_eq!(browser.open(&silent).await.answer()["error"], "login_required");
    let again = browser.open(&world.request(&[])).await;
    assert!(again.has("login-form"), "{}", again.text);
    world.server.stop().await;
}
