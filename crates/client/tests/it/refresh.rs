//! Renewing what came of a login: once however many ask, through outages, after a 401.

use std::time::Duration;

use grantor_client::{
    AuthorizationRequest, ClientAuth, IdTokenError, Login, LoginError, Provider, ProviderSettings,
    RelyingParty, Secret, TokenError,
};
use serde_json::{Value, json};

use crate::provider::FakeProvider;
use crate::server::Server;
use crate::tokens::TestClock;

struct Setting {
    provider: FakeProvider,
    clock: TestClock,
    shop: RelyingParty,
    login: Login,
}

/// Somebody signed in, with an access token of five minutes.
async fn setting() -> Setting {
    let (provider, clock) = (FakeProvider::start().await, TestClock::default());
    let settings = ProviderSettings::default().clock(clock.clone());
    let found = Provider::discover(&provider.issuer, settings).await.unwrap();
    let client = ClientAuth::Basic { client_id: "shop".to_owned(), secret: "s".into() };
    let shop = RelyingParty::new(found, client, "https://shop.example/callback").unwrap();
    let (url, pending) = shop.start(&AuthorizationRequest::new(["openid"]));
    let query = provider.visit(&url);
    let login = shop.finish(pending, &query).await.unwrap();
    Setting { provider, clock, shop, login }
}

impl Setting {
    /// The next answers have these tokens.
    fn next(&self, number: u32) {
        self.answers("access_token", json!(format!("at-{number}")));
        self.answers("refresh_token", json!(format!("rt-{number}")));
    }

    fn answers(&self, name: &str, value: Value) {
        self.provider.change(|manners| drop(manners.answer.insert(name.to_owned(), value)));
    }

    fn down(&self, down: bool) {
        self.provider.change(|manners| manners.down = down);
    }

    /// The refresh tokens that were presented, in order.
    fn presented(&self) -> Vec<String> {
        self.provider.with(|manners| {
            let forms = manners.asked.iter().map(|(form, _)| form);
            forms.filter_map(|form| form.get("refresh_token").cloned()).collect()
        })
    }

    fn refresh_token(&self) -> Secret {
        self.login.refresh_token.clone().unwrap()
    }

    async fn refresh(&self, token: &str) -> String {
        let login = self.shop.refresh(&token.into(), None).await.unwrap();
        login.refresh_token.unwrap().reveal().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_187_fifty_refreshes_at_once_present_one_refresh_token_once() {
    let setting = setting().await;
    setting.next(2);
    setting.provider.change(|manners| manners.delay = Duration::from_millis(200));
    let calls = (0..50).map(|_| {
        let (shop, token) = (setting.shop.clone(), setting.refresh_token());
        let before = setting.login.id_token.clone();
        tokio::spawn(async move { shop.refresh(&token, before.as_ref()).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        let login = call.await.unwrap();
        assert_eq!(login.access_token.reveal(), "at-2");
        assert_eq!(login.refresh_token.unwrap().reveal(), "rt-2");
    }
    assert_eq!(setting.presented(), ["rt"]);
}

#[tokio::test]
async fn sec_187_who_holds_a_copy_of_a_spent_refresh_token_gets_what_it_bought() {
    let setting = setting().await;
    setting.next(2);
    assert_eq!(setting.refresh("rt").await, "rt-2");
    assert_eq!(setting.refresh("rt").await, "rt-2");
    setting.next(3);
    assert_eq!(setting.refresh("rt-2").await, "rt-3");
    // The newest: whoever wrote rt-2 into the session now would bring a spent one back.
    assert_eq!(setting.refresh("rt").await, "rt-3");
    assert_eq!(setting.presented(), ["rt", "rt-2"]);
    // Much later it is the server's to say what a copy is worth.
    setting.clock.advance(Duration::from_mins(1));
    setting.refresh("rt").await;
    assert_eq!(setting.presented(), ["rt", "rt-2", "rt"]);
}

#[tokio::test]
async fn sec_187_a_token_that_comes_back_does_not_send_anybody_in_circles() {
    let setting = setting().await;
    setting.next(2);
    assert_eq!(setting.refresh("rt").await, "rt-2");
    setting.answers("refresh_token", json!("rt"));
    assert_eq!(setting.refresh("rt-2").await, "rt");
    setting.refresh("rt").await;
    assert_eq!(setting.presented(), ["rt", "rt-2"]);
}

#[tokio::test]
async fn a_refresh_token_that_is_not_replaced_is_used_again() {
    let setting = setting().await;
    for answer in [json!(null), json!("rt")] {
        setting.answers("refresh_token", answer);
        assert_eq!(setting.refresh("rt").await, "rt");
    }
    assert_eq!(setting.presented(), ["rt", "rt"]);
}

#[tokio::test]
async fn after_a_lost_answer_the_same_refresh_token_is_tried_again() {
    let setting = setting().await;
    setting.down(true);
    let error = setting.shop.refresh(&setting.refresh_token(), None).await.unwrap_err();
    assert!(matches!(&error, LoginError::Token(error) if error.is_temporary()), "{error}");
    setting.down(false);
    setting.next(2);
    assert_eq!(setting.refresh("rt").await, "rt-2");
    assert_eq!(setting.presented(), ["rt", "rt"]);
}

#[tokio::test]
async fn who_joins_a_refresh_still_compares_the_person() {
    let setting = setting().await;
    setting.provider.change(|manners| {
        manners.delay = Duration::from_millis(100);
        manners.claims.insert("sub".to_owned(), json!("u-2"));
    });
    let (token, before) = (setting.refresh_token(), setting.login.id_token.as_ref());
    let (careless, careful) =
        tokio::join!(setting.shop.refresh(&token, None), setting.shop.refresh(&token, before));
    assert!(careless.is_ok());
    let refused = matches!(careful, Err(LoginError::IdToken(IdTokenError::Continuity)));
    assert!(refused, "{careful:?}");
    assert_eq!(setting.presented().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_187_tokens_of_a_login_are_renewed_ahead_and_once() {
    let setting = setting().await;
    let tokens = setting.shop.keep(setting.login.clone());
    assert_eq!(tokens.get().await.unwrap().reveal(), "at");
    setting.next(2);
    setting.clock.advance(Duration::from_secs(275)); // 25 s left: whoever calls waits
    let calls = (0..50).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.get().await.unwrap().reveal().to_owned() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "at-2");
    }
    assert_eq!(setting.presented(), ["rt"]);
    let now = tokens.login();
    assert_eq!(now.refresh_token.unwrap().reveal(), "rt-2");
    assert_eq!(now.id_token.unwrap().subject(), "u-1");
}

#[tokio::test]
async fn while_the_provider_is_down_the_old_access_token_stays() {
    let setting = setting().await;
    let tokens = setting.shop.keep(setting.login.clone());
    setting.down(true);
    for seconds in [275, 20, 60] {
        setting.clock.advance(Duration::from_secs(seconds));
        assert_eq!(tokens.get().await.unwrap().reveal(), "at", "{seconds}");
    }
    setting.clock.advance(Duration::from_secs(5));
    let error = tokens.get().await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    // And it is the old refresh token that is good when the provider is back.
    setting.down(false);
    setting.next(2);
    setting.answers("id_token", json!(null));
    setting.clock.advance(Duration::from_secs(30));
    assert_eq!(tokens.get().await.unwrap().reveal(), "at-2");
}

#[tokio::test]
async fn a_login_that_was_ended_or_cannot_be_renewed_says_so() {
    let setting = setting().await;
    let tokens = setting.shop.keep(setting.login.clone());
    setting.answers("error", json!("invalid_grant"));
    setting.clock.advance(Duration::from_secs(360));
    let error = tokens.get().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().error.as_deref(), Some("invalid_grant"));
    let mut login = setting.login.clone();
    login.refresh_token = None;
    let error = setting.shop.keep(login).get().await.unwrap_err();
    assert!(matches!(error, TokenError::NoRefreshToken), "{error}");
}

#[tokio::test]
async fn a_renewal_that_is_about_somebody_else_changes_nothing() {
    let setting = setting().await;
    let tokens = setting.shop.keep(setting.login.clone());
    setting.next(2);
    setting.provider.change(|manners| drop(manners.claims.insert("sub".into(), json!("u-2"))));
    setting.clock.advance(Duration::from_secs(275));
    assert_eq!(tokens.get().await.unwrap().reveal(), "at");
    assert_eq!(tokens.login().id_token.unwrap().subject(), "u-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_187_after_a_401_fifty_calls_are_repeated_with_one_new_token() {
    let (setting, api) = (setting().await, Server::start().await);
    let http = setting.shop.keep(setting.login.clone()).authorize(reqwest::Client::new());
    assert_eq!(http.get(api.api_url()).send().await.unwrap().status(), 200);
    api.only_takes(&["at-2"]);
    setting.next(2);
    setting.clock.advance(Duration::from_secs(10));
    let calls = (0..50).map(|_| {
        let (http, url) = (http.clone(), api.api_url());
        tokio::spawn(async move { http.get(url).send().await.unwrap().status() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(setting.presented(), ["rt"]);
    // A 401 that a new token does not cure is the answer, after one more attempt.
    api.only_takes(&["none of ours"]);
    setting.clock.advance(Duration::from_secs(10));
    let before = api.calls().len();
    assert_eq!(http.get(api.api_url()).send().await.unwrap().status(), 401);
    assert_eq!(api.calls().len(), before + 1, "the same token is not sent twice");
    assert_eq!(setting.presented(), ["rt", "rt-2"]);
}
