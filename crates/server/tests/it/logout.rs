//! Logging out: who may end what, where the browser goes, and who is told.

use grantor_testkit::Answer;
use jiff::SignedDuration;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::openid::{Openid, main};

const BYE: &str = "https://shop.example/bye?x=1";

fn registered(more: &Value) -> Value {
    let mut logout = json!({ "post_logout_redirect_uris": [BYE, "https://shop.example/bye"] });
    for (name, value) in more.as_object().unwrap() {
        logout[name] = value.clone();
    }
    json!({ "logout": logout })
}

/// The browser with the session, which goes nowhere by itself.
fn browser(world: &Openid, method: Method, path: &str) -> RequestBuilder {
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = http.request(method, format!("{}{path}", world.server.issuer));
    request.header("cookie", format!("__Host-grantor-session-main={}", world.cookie))
}

async fn get(world: &Openid, query: &[(&str, &str)]) -> Answer {
    Answer::of(browser(world, Method::GET, "/oauth2/end_session").query(query)).await
}

async fn is_live(world: &Openid) -> bool {
    let session = world.server.app.store.session(&main(), world.session).await.unwrap().unwrap();
    session.ended.is_none()
}

async fn id_token(world: &Openid) -> (String, Value) {
    let bought = world.redeemed("openid uid").await;
    (bought["id_token"].as_str().unwrap().to_owned(), bought)
}

#[tokio::test]
async fn trap_091_093_whoever_holds_an_id_token_of_the_session_ends_it_and_comes_back_with_state() {
    for post in [false, true] {
        let world = Openid::start(registered(&json!({}))).await;
        let (hint, bought) = id_token(&world).await;
        world.server.clock.advance(SignedDuration::from_secs(700));
        let access = world.redeemed("openid uid").await;
        let asked = [
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", BYE),
            ("state", "a b&c"),
        ];
        let answer = match post {
            false => get(&world, &asked).await,
            true => {
                Answer::of(browser(&world, Method::POST, "/oauth2/end_session").form(&asked)).await
            }
        };
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "expired hints are good: {}", answer.text);
        assert_eq!(answer.header("location"), format!("{BYE}&state=a+b%26c"));
        assert!(!is_live(&world).await);
        assert!(!world.server.is_active(access["access_token"].as_str().unwrap()).await);
        let refreshed = world.refresh(bought["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refreshed.body["error"], "invalid_grant");
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert!(cookies.iter().any(|c| c.to_str().unwrap().contains("grantor-session-main=;")));
        world.server.stop().await;
    }
}

#[tokio::test]
async fn trap_092_sec_133_a_browser_goes_only_where_the_client_registered() {
    let world = Openid::start(registered(&json!({}))).await;
    let (hint, _) = id_token(&world).await;
    let hinted = ("id_token_hint", hint.as_str());
    let to = |uri: &'static str| ("post_logout_redirect_uri", uri);
    for asked in [
        vec![hinted, to("https://evil.example/bye")],
        vec![hinted, to("https://shop.example/bye?x=1&y=2")],
        vec![hinted, to("https://shop.example/bye/")],
        vec![to("https://shop.example/bye")],
        vec![("client_id", "nobody"), to("https://shop.example/bye")],
        vec![hinted, ("client_id", "admin"), to("https://shop.example/bye")],
        vec![("id_token_hint", "e30.e30."), to("https://shop.example/bye")],
    ] {
        let answer = get(&world, &asked).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{asked:?}");
        assert_eq!(answer.header("location"), "");
        assert!(answer.text.contains("id=\"error-page\""), "{asked:?}");
        assert!(is_live(&world).await, "{asked:?}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_091_an_id_token_of_somebody_else_is_no_hint() {
    let world = Openid::start(registered(&json!({}))).await;
    let other = Openid::start(registered(&json!({}))).await;
    let (foreign, _) = id_token(&other).await;
    let (own, bought) = id_token(&world).await;
    let mut forged = own.clone();
    let end = forged.pop();
    forged.push(if end == Some('A') { 'B' } else { 'A' });
    let access = bought["access_token"].as_str().unwrap();
    for hint in [foreign.as_str(), &forged, access] {
        let answer = get(&world, &[("id_token_hint", hint)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{hint}");
        assert!(is_live(&world).await);
    }
    other.server.stop().await;
    world.server.stop().await;
}

fn ticket(page: &str) -> String {
    let at = page.find("name=\"ticket\"").expect("a ticket");
    let value = &page[at..][page[at..].find("value=\"").unwrap() + 7..];
    value[..value.find('"').unwrap()].to_owned()
}

#[tokio::test]
async fn trap_092_sec_133_without_a_hint_the_person_is_asked_and_nothing_ends_before() {
    let world = Openid::start(registered(&json!({}))).await;
    let asked = [("client_id", "shop"), ("post_logout_redirect_uri", BYE), ("state", "s")];
    let page = get(&world, &asked).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("id=\"logout-form\"") && page.text.contains("id=\"logout-cancel\""));
    assert!(is_live(&world).await);
    let ticket = ticket(&page.text);
    let post = |origin: Option<&str>, choice: &str| {
        let mut request = browser(&world, Method::POST, "/oauth2/end_session");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.form(&[("ticket", ticket.as_str()), ("logout", choice)])
    };
    let forged = Answer::of(post(Some("https://evil.example"), "confirm")).await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST, "SEC-112");
    let cancelled = Answer::of(post(None, "cancel")).await;
    assert_eq!(cancelled.status, StatusCode::SEE_OTHER);
    assert!(is_live(&world).await);
    let confirmed = Answer::of(post(Some(&world.server.issuer), "confirm")).await;
    assert_eq!(confirmed.header("location"), format!("{BYE}&state=s"));
    assert!(!is_live(&world).await);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_092_without_any_parameter_and_any_session_one_is_logged_out() {
    let world = Openid::start(registered(&json!({}))).await;
    let nobody = world.server.request(Method::GET, "/oauth2/end_session");
    let page = Answer::of(nobody).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("id=\"logged-out\""), "{}", page.text);
    world.server.stop().await;
}

#[tokio::test]
async fn a_hint_of_another_session_ends_nothing_without_a_question() {
    let world = Openid::start(registered(&json!({}))).await;
    let (hint, _) = id_token(&world).await;
    let (_, other) = crate::openid::sign_in(&world.server, world.user).await;
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = http.get(format!("{}/oauth2/end_session", world.server.issuer));
    let request = request.header("cookie", format!("__Host-grantor-session-main={other}"));
    let page = Answer::of(request.query(&[("id_token_hint", &hint)])).await;
    assert!(page.text.contains("id=\"logout-form\""), "{}", page.text);
    world.server.stop().await;
}

async fn used_for_shop(world: &Openid) {
    use grantor_store::{Effect, operations};

    let store = &world.server.app.store;
    let mut session = store.session(&main(), world.session).await.unwrap().unwrap();
    session.used_for(&"shop".parse().unwrap(), session.created);
    let put = Effect::PutSession(Box::new(session));
    operations::write(&**store, put.into()).await.unwrap();
}

#[tokio::test]
async fn trap_094_front_channel_addresses_are_loaded_in_frames_before_the_redirect() {
    let uri = "https://shop.example:8443/front?a=b";
    let more =
        json!({ "frontchannel_logout_uri": uri, "frontchannel_logout_session_required": true });
    let world = Openid::start(registered(&more)).await;
    used_for_shop(&world).await;
    let (hint, _) = id_token(&world).await;
    let asked =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")];
    let page = get(&world, &asked).await;
    assert_eq!(page.status, StatusCode::OK);
    let sid = world.session.to_string();
    let iss: String = form_urlencoded::byte_serialize(world.server.issuer.as_bytes()).collect();
    let frame = format!("{uri}&iss={iss}&sid={sid}").replace('&', "&#38;");
    assert!(page.text.contains(&frame), "{frame} in {}", page.text);
    let csp = page.header("content-security-policy");
    assert!(csp.contains("frame-src https://shop.example:8443"), "{csp}");
    assert!(page.text.contains("https://shop.example/bye?x=1&#38;state=s"), "{}", page.text);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_096_the_session_frame_may_be_framed_and_is_a_page() {
    let world = Openid::start(json!({})).await;
    let page = Answer::of(world.server.request(Method::GET, "/oauth2/check_session")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("x-frame-options"), "");
    assert!(page.text.contains("data-cookie=\"grantor-session-state\""));
    world.server.stop().await;
}
