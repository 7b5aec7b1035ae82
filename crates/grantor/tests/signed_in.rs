//! The library `grantor-client` against this server: many users of one login spend its refresh token
//! once.
#![expect(clippy::unwrap_used, reason = "tests, and what helps them")]

use std::collections::BTreeSet;

use grantor_client::{
    AuthorizationRequest, ClientAuth, Login, Provider, ProviderSettings, RelyingParty,
};
use grantor_testkit::{TestBrowser, TestServer};
use serde_json::json;

const BACK: &str = "https://shop.example/cb";
const PASSWORD: &str = "correct horse battery staple";

/// A server that takes every second use of a refresh token for a theft, and a client of it.
async fn shop(server: &TestServer) -> RelyingParty {
    let admin = server.admin_token().await;
    let mut tenant = server.get("/api/v1/tenants/main", &admin).await.body;
    tenant["settings"]["refresh_grace_seconds"] = json!(0);
    tenant
        .as_object_mut()
        .unwrap()
        .retain(|name, _| ["issuer", "hosts", "enabled", "settings"].contains(&name.as_str()));
    let set = server.put("/api/v1/tenants/main", &admin, &tenant).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let openid = json!({ "token": "openid", "rule": { "granted": "identity" },
        "summary": { "en": "who you are" } });
    server.post("/api/v1/scopes", &admin, &openid).await;
    let ada = json!({ "realm": "customers", "name": "ada" });
    let ada = server.made("/api/v1/users", &admin, &ada).await;
    let path = format!("/api/v1/users/{}/password", ada["id"].as_str().unwrap());
    let set = server.post(&path, &admin, &json!({ "password": PASSWORD })).await;
    assert_eq!(set.status, 204, "{}", set.text);
    let client = json!({ "id": "shop", "name": "Shop", "auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"], "scopes": ["openid", "uid"],
        "redirect_uris": [BACK] });
    let made = server.made("/api/v1/clients", &admin, &client).await;
    let provider = Provider::discover(&server.issuer, ProviderSettings::default()).await.unwrap();
    let secret = made["client_secret"].as_str().unwrap().into();
    RelyingParty::new(provider, ClientAuth::Basic { client_id: "shop".into(), secret }, BACK)
        .unwrap()
}

async fn signed_in(server: &TestServer, shop: &RelyingParty) -> Login {
    let request = AuthorizationRequest::new(["openid", "uid"]).parameter("realm", "customers");
    let (url, pending) = shop.start(&request);
    let browser = TestBrowser::new(server);
    let page = browser.open(url.as_str()).await;
    let fields = [("username", "ada"), ("password", PASSWORD), ("next", "on")];
    let mut seen = browser.submit(&page.form("login-form"), &fields).await;
    if seen.has("consent-form") {
        seen = browser.submit(&seen.form("consent-form"), &[("decision", "approve")]).await;
    }
    let back = seen.location().unwrap_or_else(|| panic!("{} {}", seen.status, seen.text));
    let (_, query) = back.split_once('?').unwrap();
    shop.finish(pending, query).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_187_many_users_of_one_login_never_present_a_refresh_token_twice() {
    let server = TestServer::start().await;
    let shop = shop(&server).await;
    let mut login = signed_in(&server, &shop).await;
    let first = login.clone();
    for _ in 0..10 {
        let calls = (0..16).map(|_| {
            let (shop, login) = (shop.clone(), login.clone());
            tokio::spawn(async move {
                shop.refresh(login.refresh_token.as_ref().unwrap(), login.id_token.as_ref()).await
            })
        });
        let mut renewed = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            renewed.push(call.await.unwrap().expect("nobody is taken for a thief"));
        }
        let tokens = renewed.iter().map(|login| login.refresh_token.as_ref().unwrap().reveal());
        assert_eq!(tokens.collect::<BTreeSet<_>>().len(), 1, "all get the one successor");
        let before = login.id_token.clone();
        login = renewed.pop().unwrap();
        login.id_token = login.id_token.or(before);
    }
    // Somebody who slept with the first one in hand.
    let late = shop.refresh(first.refresh_token.as_ref().unwrap(), None).await.unwrap();
    assert!(server.is_active(late.access_token.reveal()).await);
    let tokens = shop.keep(late);
    assert!(server.is_active(tokens.get().await.unwrap().reveal()).await);
    server.stop().await;
}
