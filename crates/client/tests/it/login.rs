//! Signing in over real sockets, against a provider that can be told to misbehave.

use std::time::Duration;

use base64::Engine as _;
use grantor_client::{
    AuthorizationRequest, ClientAuth, IdTokenError, Login, LoginError, Provider, ProviderSettings,
    RelyingParty, TokenError,
};
use grantor_crypto::jws::Signer;
use serde_json::json;

use crate::provider::{FakeProvider, NOW, key};

#[expect(unreachable_pub, reason = "as an example it is a crate of its own")]
#[path = "../../examples/web_login.rs"]
mod web_login;

async fn sign_in(provider: &FakeProvider, shop: &RelyingParty) -> Result<Login, LoginError> {
    let (url, pending) = shop.start(&AuthorizationRequest::new(["openid"]));
    let query = provider.visit(&url);
    shop.finish(pending, &query).await
}

#[tokio::test]
async fn a_person_signs_in_and_the_code_is_redeemed_with_all_that_belongs_to_it() {
    let provider = FakeProvider::start().await;
    let shop = provider.shop().await;
    let (url, pending) = shop.start(&AuthorizationRequest::new(["openid"]).resource("https://api"));
    assert!(url.as_str().starts_with(&format!("{}/authorize?", provider.issuer)));
    let query = provider.visit(&url);
    let login = shop.finish(pending, &query).await.unwrap();
    let who = login.id_token.unwrap();
    assert_eq!((who.subject(), who.issuer()), ("u-1", provider.issuer.as_str()));
    assert_eq!(login.access_token.reveal(), "at");
    assert_eq!(login.refresh_token.unwrap().reveal(), "rt");
    let (form, authorization) = provider.with(|manners| manners.asked[0].clone());
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "c0de");
    assert_eq!(form["redirect_uri"], "https://shop.example/callback");
    assert_eq!(form["resource"], "https://api");
    assert!(!form.contains_key("scope"), "the scopes are settled");
    assert_eq!(authorization.unwrap(), "Basic c2hvcDpz");
    // RFC 7636 §4.6
    let challenge = url.query_pairs().find(|(name, _)| name == "code_challenge").unwrap().1;
    let hash = grantor_crypto::digest::sha256(form["code_verifier"].as_bytes());
    let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
    assert_eq!(hash, challenge);
}

#[tokio::test]
async fn a_callback_that_is_not_ours_never_reaches_the_token_endpoint() {
    let provider = FakeProvider::start().await;
    let shop = provider.shop().await;
    let begin = || shop.start(&AuthorizationRequest::new(["openid"]));
    let (_, mine) = begin();
    let (theirs, _) = begin();
    let crossed = shop.finish(mine, &provider.visit(&theirs)).await;
    assert!(matches!(crossed, Err(LoginError::State)));
    let (url, pending) = begin();
    let query = provider.visit(&url).replace("iss=", "iss=x");
    let mixed_up = shop.finish(pending, &query).await;
    assert!(matches!(mixed_up, Err(LoginError::Issuer)));
    let (url, pending) = begin();
    let query = provider.visit(&url).replace("code=c0de", "error=access_denied");
    let denied = shop.finish(pending, &query).await.unwrap_err();
    assert_eq!(denied.refusal().unwrap().error, "access_denied");
    // Begun with one provider, finished with another: RFC 9700 §2.1.
    let (url, pending) = begin();
    let elsewhere = FakeProvider::start().await;
    let other = elsewhere.shop().await.finish(pending, &provider.visit(&url)).await;
    assert!(matches!(other, Err(LoginError::Issuer)));
    assert_eq!(provider.with(|manners| manners.asked.len()), 0);
}

#[tokio::test]
async fn an_id_token_that_breaks_a_rule_signs_nobody_in() {
    let provider = FakeProvider::start().await;
    let shop = provider.shop().await;
    for (name, value) in [
        ("nonce", json!("another")),
        ("nonce", json!(null)),
        ("aud", json!("another")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(NOW - 31)),
        ("sub", json!(null)),
        ("azp", json!("another")),
        ("at_hash", json!("AAAA")),
    ] {
        provider
            .change(|manners| manners.claims = [(name.to_owned(), value)].into_iter().collect());
        let refused = sign_in(&provider, &shop).await;
        assert!(matches!(refused, Err(LoginError::IdToken(_))), "{name}: {refused:?}");
    }
    provider.change(|manners| {
        manners.claims.clear();
        manners.answer.insert("id_token".to_owned(), json!(null));
    });
    let nobody = sign_in(&provider, &shop).await;
    assert!(matches!(nobody, Err(LoginError::NoIdToken)), "{nobody:?}");
}

#[tokio::test]
async fn sec_076_a_key_that_was_rotated_is_fetched_and_an_invented_one_is_not_twice() {
    let provider = FakeProvider::start().await;
    let shop = provider.shop().await;
    sign_in(&provider, &shop).await.unwrap();
    sign_in(&provider, &shop).await.unwrap();
    assert_eq!(provider.with(|manners| manners.key_requests), 1);
    // The clock stands still, so the keys were tried for less than thirty seconds ago.
    provider.change(|manners| manners.key = key("k2"));
    for _ in 0..3 {
        let refused = sign_in(&provider, &shop).await;
        let unknown = matches!(refused, Err(LoginError::IdToken(IdTokenError::UnknownKey)));
        assert!(unknown, "{refused:?}");
    }
    assert_eq!(provider.with(|manners| manners.key_requests), 1);
    // A relying party that has not asked yet finds the new key.
    sign_in(&provider, &provider.shop().await).await.unwrap();
}

#[tokio::test]
async fn sec_084_a_provider_that_calls_itself_otherwise_is_not_used() {
    let provider = FakeProvider::start().await;
    for issuer in [format!("{}/", provider.issuer), "https://evil.example".to_owned()] {
        provider.change(|manners| drop(manners.metadata.insert("issuer".into(), json!(issuer))));
        let refused = provider.discover().await;
        assert!(matches!(refused, Err(LoginError::MetadataIssuer)), "{issuer}");
    }
    let plain = Provider::discover("http://id.example", ProviderSettings::default()).await;
    assert!(matches!(plain, Err(LoginError::Token(TokenError::PlainHttp { .. }))));
}

#[tokio::test]
async fn a_refresh_is_about_the_same_person_and_keeps_the_token_when_none_is_new() {
    let provider = FakeProvider::start().await;
    let shop = provider.shop().await;
    let login = sign_in(&provider, &shop).await.unwrap();
    let (token, who) = (login.refresh_token.unwrap(), login.id_token.unwrap());
    provider.change(|manners| drop(manners.answer.insert("refresh_token".into(), json!("rt2"))));
    let renewed = shop.refresh(&token, Some(&who)).await.unwrap();
    let token_2 = renewed.refresh_token.unwrap();
    assert_eq!(token_2.reveal(), "rt2");
    assert_eq!(provider.with(|manners| manners.asked[1].0["refresh_token"].clone()), "rt");
    provider.change(|manners| drop(manners.answer.insert("refresh_token".into(), json!(null))));
    let renewed = shop.refresh(&token_2, None).await.unwrap();
    assert_eq!(renewed.refresh_token.unwrap().reveal(), "rt2");
    provider.change(|manners| drop(manners.claims.insert("sub".into(), json!("u-2"))));
    let other = shop.refresh(&token_2, Some(&who)).await;
    assert!(matches!(other, Err(LoginError::IdToken(IdTokenError::Continuity))), "{other:?}");
    provider.change(|manners| drop(manners.answer.insert("error".into(), json!("invalid_grant"))));
    let LoginError::Token(error) = shop.refresh(&token_2, None).await.unwrap_err() else {
        panic!()
    };
    assert_eq!(error.refusal().unwrap().error.as_deref(), Some("invalid_grant"));
}

#[tokio::test]
async fn userinfo_is_about_the_person_who_signed_in_plain_or_signed() {
    let provider = FakeProvider::start().await;
    let shop = provider.shop().await;
    let login = sign_in(&provider, &shop).await.unwrap();
    let claims = shop.userinfo(&login.access_token, "u-1").await.unwrap();
    assert_eq!(claims["name"], "Alice");
    let other = shop.userinfo(&login.access_token, "u-2").await;
    assert!(matches!(other, Err(LoginError::UserInfo(_))));
    let signed = |issuer: &str| {
        let claims = json!({ "sub": "u-1", "iss": issuer, "aud": "shop", "name": "Alice" });
        provider.with(|manners| {
            Signer::new(&manners.key, None).sign(claims.to_string().as_bytes()).unwrap()
        })
    };
    let right = signed(&provider.issuer);
    provider.change(|manners| manners.userinfo = json!(right));
    assert_eq!(shop.userinfo(&login.access_token, "u-1").await.unwrap()["name"], "Alice");
    let wrong = signed("https://evil.example");
    provider.change(|manners| manners.userinfo = json!(wrong));
    assert!(shop.userinfo(&login.access_token, "u-1").await.is_err());
}

#[tokio::test]
async fn the_logout_address_says_who_and_where_to() {
    let provider = FakeProvider::start().await;
    let shop = provider.shop().await;
    let who = sign_in(&provider, &shop).await.unwrap().id_token.unwrap();
    let url = shop.logout_url(Some(&who), Some(("https://shop.example/bye", "x y"))).unwrap();
    let sent: Vec<_> = url.query_pairs().into_owned().collect();
    let names: Vec<_> = sent.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = ["tenant", "client_id", "id_token_hint", "post_logout_redirect_uri", "state"];
    assert_eq!(names, wanted);
    assert_eq!(sent[2].1, who.reveal());
    provider.change(|manners| {
        drop(manners.metadata.insert("end_session_endpoint".into(), json!(null)));
    });
    let none = provider.shop().await.logout_url(None, None);
    assert!(matches!(none, Err(LoginError::Unsupported(_))));
}

#[tokio::test]
async fn a_native_program_signs_in_over_loopback() {
    let provider = FakeProvider::start().await;
    let client = ClientAuth::None { client_id: "shop".to_owned() };
    let discovered = provider.discover().await.unwrap();
    let program = RelyingParty::new(discovered, client, "http://127.0.0.1/callback").unwrap();
    let (shown, mut address) = tokio::sync::mpsc::unbounded_channel();
    let request = AuthorizationRequest::new(["openid"]);
    let login = program.login_over_loopback(&request, Duration::from_secs(20), |url| {
        shown.send(url.clone()).unwrap();
    });
    let browser = async {
        let url = address.recv().await.unwrap();
        let back = url.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1;
        assert!(back.starts_with("http://127.0.0.1:") && back.ends_with("/callback"), "{back}");
        let page = reqwest::get(format!("{back}?{}", provider.visit(&url))).await.unwrap();
        assert_eq!(page.status(), 200);
        page.text().await.unwrap()
    };
    let (login, page) = tokio::join!(login, browser);
    assert_eq!(login.unwrap().id_token.unwrap().subject(), "u-1");
    assert!(page.contains("You are signed in"), "{page}");
    let (form, authorization) = provider.with(|manners| manners.asked[0].clone());
    assert_eq!((form["client_id"].as_str(), authorization), ("shop", None));
}

#[tokio::test]
async fn the_example_of_a_web_application_signs_people_in_once_per_browser() {
    let provider = FakeProvider::start().await;
    let app = web_login::routes(provider.shop().await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let still = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(still).build().unwrap();
    let begun = browser.get(format!("{site}/login")).send().await.unwrap();
    assert_eq!(begun.status(), 303);
    let location = begun.headers()["location"].to_str().unwrap().parse().unwrap();
    let cookie = begun.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let back = format!("{site}/callback?{}", provider.visit(&location));
    // Another browser with the same callback is not signed in.
    assert_eq!(browser.get(&back).send().await.unwrap().status(), 400);
    let come_back = || browser.get(&back).header("cookie", &cookie).send();
    let welcome = come_back().await.unwrap();
    assert_eq!(welcome.status(), 200);
    assert_eq!(welcome.text().await.unwrap(), "Hello u-1");
    assert_eq!(come_back().await.unwrap().status(), 400, "it answers once");
    served.abort();
}

#[test]
fn the_example_of_a_web_application_is_short() {
    let lines = include_str!("../../examples/web_login.rs").lines().count();
    assert!(lines < 40, "{lines} lines");
}
