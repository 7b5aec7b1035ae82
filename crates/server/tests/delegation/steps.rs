//! Every step on the way of a browser, and every form that does not belong there: nothing is skipped,
//! nothing is taken from another browser, and every cookie on the way has its attributes.

use grantor_testkit::{Seen, TestBrowser};
use reqwest::StatusCode;

use crate::account::signed_in;
use crate::world::{CALLBACK, PASSWORD, World};

/// Where forms of the way go.
const STEPS: [&str; 4] = ["/sign-in", "/account-choice", "/consent", "/oauth2/end_session"];

const SESSION: &str = "__Host-grantor-session-main";

type Fields = Vec<(String, String)>;

fn pairs(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Fields that satisfy no step of somebody who has proved nothing in it, with this transaction.
fn mutations(tx: &str) -> Vec<Fields> {
    let mut all = Vec::new();
    let changed = {
        let mut changed = tx.to_owned();
        let last = changed.pop().unwrap();
        changed.push(if last == 'A' { 'B' } else { 'A' });
        changed
    };
    for tx in ["", tx, &changed, &tx[..tx.len() - 8], "gtx_AAAA"] {
        for (name, value) in [("tx", tx), ("ticket", tx)] {
            for more in [
                &[][..],
                &[("next", "on")],
                &[("username", ""), ("password", "")],
                &[("username", "anna"), ("password", "")],
                &[("username", "anna"), ("password", "wrong")],
                &[("password", PASSWORD)],
                &[("decision", "")],
                &[("decision", "yes"), ("scope", "wishlist.read")],
                &[("session", "00000000-0000-0000-0000-000000000000")],
                &[("logout", "confirm")],
            ] {
                let mut fields = pairs(&[(name, value)]);
                fields.extend(pairs(more));
                all.push(fields);
            }
        }
    }
    all.push(Vec::new());
    all
}

/// It led to no client, and to no error of ours.
#[track_caller]
fn is_not_advanced(seen: &Seen, what: &str) {
    assert!(seen.status.as_u16() < 500, "{what}: {}", seen.text);
    let location = seen.location().unwrap_or_default();
    assert!(!location.starts_with(CALLBACK), "{what}: {location}");
    assert!(!location.contains("code=") && !seen.text.contains("code="), "{what}");
}

/// Posts everything everywhere; the browser is as it was after each.
async fn matrix(browser: &TestBrowser, tx: &str, state: &str) {
    let cookies = browser.cookies();
    for path in STEPS {
        for fields in mutations(tx) {
            // A confirmed logout is an answer, not a step: its ticket is no transaction.
            let seen = browser.post(path, &fields, &[]).await;
            let what = format!("{state}: {path} {fields:?}");
            is_not_advanced(&seen, &what);
            assert_eq!(browser.cookies().get(SESSION), cookies.get(SESSION), "{what}");
            if path == "/oauth2/end_session" {
                assert!(seen.status != StatusCode::SEE_OTHER, "{what}");
            }
        }
        let url = format!("{path}?tx={tx}&decision=approve&username=anna&password={PASSWORD}");
        let seen = browser.look(&url).await;
        is_not_advanced(&seen, &format!("{state}: GET {path}"));
        assert_eq!(browser.cookies().get(SESSION), cookies.get(SESSION), "{state}: GET {path}");
    }
}

/// The transaction of the page that is shown.
fn transaction(seen: &Seen) -> String {
    let at = seen.url.find("tx=").expect("a page on the way") + 3;
    seen.url[at..].split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn sec_121_no_step_of_any_state_is_satisfied_by_what_is_not_its_form() {
    let world = World::new().await;
    // Nobody is there yet.
    let browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let tx = transaction(&page);
    matrix(&browser, &tx, "nobody").await;
    let early = pairs(&[("tx", &tx), ("decision", "approve"), ("scope", "wishlist.read")]);
    let seen = browser.post("/consent", &early, &[]).await;
    assert!(browser.follow(seen).await.has("login-form"), "consent before the sign-in");
    assert!(!browser.cookies().contains_key(SESSION));
    // Signed in, and asked for consent; the wrong passwords above are forgiven by then.
    world.server.clock.advance(jiff::SignedDuration::from_hours(1));
    let browser = signed_in(&world, "anna", PASSWORD).await;
    let page = browser.open(&world.request(&[])).await;
    assert!(page.has("consent-form"), "{}", page.text);
    matrix(&browser, &transaction(&page), "signed in").await;
    // Signed in, but a fresh proof is asked for.
    let again = browser.open(&world.request(&[("prompt", "login")])).await;
    assert!(again.has("login-form"), "{}", again.text);
    let tx = transaction(&again);
    matrix(&browser, &tx, "asked again").await;
    let approve = pairs(&[("tx", &tx), ("decision", "approve"), ("scope", "openid")]);
    let seen = browser.post("/consent", &approve, &[]).await;
    is_not_advanced(&seen, "consent without the fresh proof");
    assert!(browser.follow(seen).await.has("login-form"));
    world.server.stop().await;
}

/// SEC-040: what one browser has proved is no proof of another, and a step is no other step.
#[tokio::test]
async fn sec_121_sec_040_what_belongs_to_one_browser_is_worth_nothing_in_another() {
    let world = World::new().await;
    let anna = world.browser();
    let page = anna.open(&world.request(&[])).await;
    let form = page.form("login-form");
    let asked = world.sign_in(&anna, &page, "anna").await;
    let consent = asked.form("consent-form");
    for mallory in [world.browser(), signed_in(&world, "bert", PASSWORD).await] {
        for (action, fields) in [
            (&form.action, form.with(&[("username", "bert"), ("password", PASSWORD)])),
            (&consent.action, consent.with(&[("decision", "approve")])),
        ] {
            let seen = mallory.post(action, &fields, &[]).await;
            assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{action}: {:?}", seen.location());
            is_not_advanced(&seen, action);
        }
        is_not_advanced(&mallory.look(&asked.url).await, "the page itself");
    }
    // And she goes on undisturbed.
    let seen = anna.submit(&consent, &[("decision", "approve")]).await;
    assert!(seen.answer().contains_key("code"));
    world.server.stop().await;
}

/// Every cookie that is set anywhere on the way: attributes, size, and nothing about a person.
#[tokio::test]
async fn sec_111_every_cookie_of_every_flow_is_for_this_host_alone() {
    let world = World::new().await;
    let browser = world.browser();
    let mut seen = vec![browser.look(&world.request(&[])).await];
    let page = browser.follow(seen[0].clone()).await;
    let form = page.form("login-form");
    for (name, remember) in [("anna", ""), ("bert", "on")] {
        let typed = [("username", name), ("password", PASSWORD), ("remember", remember)];
        seen.push(browser.post(&form.action, &form.with(&typed), &[]).await);
    }
    for path in [
        "/account",
        "/account?lang=de",
        "/sign-in?to=/account",
        "/nowhere",
        "/oauth2/authorize?client_id=nobody",
        "/oauth2/check_session",
        "/oauth2/jwks",
    ] {
        seen.push(browser.look(path).await);
    }
    seen.push(browser.open(&world.request(&[("prompt", "select_account")])).await);
    seen.push(browser.open(&world.request(&[("response_mode", "form_post")])).await);
    let profile = browser.open("/account/profile").await;
    let form = profile.form("language-form");
    seen.push(browser.post(&form.action, &form.with(&[("language", "de")]), &[]).await);
    let seen_page = browser.open("/oauth2/end_session").await;
    let form = seen_page.form("logout-form");
    seen.push(browser.post(&form.action, &form.with(&[("logout", "confirm")]), &[]).await);
    let mut names = std::collections::BTreeSet::new();
    for answer in &seen {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            names.insert(name.to_owned());
            assert!(cookie.len() < 4_096 && !cookie.contains("Domain"), "{cookie}");
            for word in ["anna", "bert", "usr_", "eyJ", world.users["anna"].as_str()] {
                assert!(!cookie.contains(word), "{cookie}");
            }
            // The frame of session management reads this one, from other sites, and it says nothing
            // (OIDC Session Management §3.2).
            if name == "grantor-session-state" {
                continue;
            }
            assert!(rest.contains("; Path=/") && !rest.contains("; Path=/a"), "{cookie}");
            for part in ["__Host-", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(cookie.contains(part), "{part}: {cookie}");
            }
        }
    }
    assert!(names.len() >= 4, "too few were set: {names:?}");
    world.server.stop().await;
}

/// Login CSRF and its relatives: a page of another site posts what the person could have posted.
#[tokio::test]
async fn sec_112_no_form_on_the_way_is_taken_from_another_site() {
    let world = World::new().await;
    let anna = signed_in(&world, "anna", PASSWORD).await;
    let own = anna.open(&world.request(&[])).await.form("consent-form");
    let choice = anna.open(&world.request(&[("prompt", "select_account")])).await;
    let choice = choice.form("account-form");
    let logout = anna.open("/oauth2/end_session").await.form("logout-form");
    let stranger = world.browser();
    let login = stranger.open(&world.request(&[])).await.form("login-form");
    let typed = [("username", "bert"), ("password", PASSWORD)];
    for (browser, action, fields) in [
        (&stranger, &login.action, login.with(&typed)),
        (&anna, &own.action, own.with(&[("decision", "approve")])),
        (&anna, &choice.action, choice.with(&[])),
        (&anna, &logout.action, logout.with(&[("logout", "confirm")])),
    ] {
        let before = browser.cookies();
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", &world.server.issuer), ("sec-fetch-site", "cross-site")],
            &[("origin", "http://127.0.0.1.evil.example")],
        ] {
            let seen = browser.post(action, &fields, headers).await;
            let refused = [StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST].contains(&seen.status);
            assert!(refused, "{action} {headers:?}: {} {:?}", seen.status, seen.location());
            is_not_advanced(&seen, action);
            assert_eq!(browser.cookies().get(SESSION), before.get(SESSION), "{action} {headers:?}");
        }
    }
    assert_eq!(anna.look("/account").await.status, StatusCode::OK, "still signed in");
    world.server.stop().await;
}
