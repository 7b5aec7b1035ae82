//! Failures are counted for the account, wherever the password was tried, and for the address, whoever
//! was meant (SEC-115); those of clients for both (SEC-056).

use std::time::Duration;

use grantor_testkit::Answer;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::world::{PASSWORD, World};

impl World {
    /// A client `old` that takes passwords of customers; its secret.
    async fn password_client(&self) -> String {
        let realm = json!({ "default_scopes": ["uid"], "password_grant": true });
        self.server.put("/api/v1/realms/customers", &self.admin, &realm).await;
        let old = json!({
            "id": "old", "auth_method": "client_secret_basic", "grant_types": ["password"],
            "realms": ["customers"], "scopes": ["uid"], "compat": { "password_grant": true },
        });
        self.client(&old).await["client_secret"].as_str().unwrap().to_owned()
    }
}

fn by_password<'a>(name: &'a str, password: &'a str) -> [(&'static str, &'a str); 4] {
    [("grant_type", "password"), ("realm", "customers"), ("username", name), ("password", password)]
}

#[tokio::test]
async fn sec_115_failures_at_the_page_and_at_the_token_endpoint_are_one_count() {
    let world = World::new().await;
    world.server.clock.stop();
    let secret = world.password_client().await;
    let by_password = async |name: &str, password: &str| {
        let request = world.server.request(Method::POST, "/oauth2/token");
        let form = by_password(name, password);
        Answer::of(request.basic_auth("old", Some(&secret)).form(&form)).await
    };
    assert_eq!(by_password("anna", PASSWORD).await.status, 200, "it is allowed here");
    let browser = world.browser();
    let form = browser.open(&world.request(&[])).await.form("login-form");
    let by_page = async |name: &str, password: &str| {
        browser.submit(&form, &[("username", name), ("password", password)]).await
    };
    for name in ["anna", "ANNA", "Anna", "anna", "aNNa"] {
        by_page(name, "wrong").await;
        let answer = by_password(name, "wrong").await;
        assert_eq!(answer.body["error"], "invalid_grant", "{name}: {}", answer.text);
    }
    world.logged("wrong user name or password").await;
    // Ten were free. The right one is not looked at any more, at neither place.
    assert_eq!(by_page("anna", PASSWORD).await.status, 429);
    let answer = by_password("anna", PASSWORD).await;
    assert_ne!(answer.status, 200, "{}", answer.text);
    // Nobody else is kept waiting.
    assert_eq!(by_password("bert", PASSWORD).await.status, 200);
    world.server.stop().await;
}

/// Somebody at another address of this machine.
fn elsewhere() -> reqwest::Client {
    at(2)
}

fn at(last: u8) -> reqwest::Client {
    let address = std::net::IpAddr::from([127, 0, 0, last]);
    reqwest::Client::builder().local_address(address).build().unwrap()
}

#[tokio::test]
async fn sec_115_whoever_guesses_the_passwords_of_many_waits_and_nobody_elsewhere_does() {
    let world = World::new().await;
    world.server.clock.stop();
    let secret = world.password_client().await;
    let ask = async |http: &reqwest::Client, name: &str, password: &str| {
        let request = http.post(format!("{}/oauth2/token", world.server.issuer));
        let form = by_password(name, password);
        Answer::of(request.basic_auth("old", Some(&secret)).form(&form)).await
    };
    for n in 0..100 {
        let answer = ask(&world.server.http, &format!("nobody-{n}"), "password1").await;
        assert_eq!(answer.body["error"], "invalid_grant", "{n}: {}", answer.text);
    }
    let answer = ask(&world.server.http, "anna", PASSWORD).await;
    assert_eq!(answer.body["error"], "slow_down", "{}", answer.text);
    assert_eq!(answer.headers["retry-after"], "5");
    let browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    assert_eq!(world.sign_in(&browser, &page, "anna").await.status, 429, "nor at the page");
    let answer = ask(&elsewhere(), "anna", PASSWORD).await;
    assert_eq!(answer.status, 200, "SEC-116: anna herself is elsewhere: {}", answer.text);
    world.server.clock.advance(SignedDuration::from_secs(5));
    let answer = ask(&world.server.http, "anna", PASSWORD).await;
    assert_eq!(answer.status, 200, "one is forgiven: {}", answer.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_116_who_guesses_is_slowed_first_and_a_known_browser_stays_open() {
    let world = World::new().await;
    world.server.clock.stop();
    let secret = world.password_client().await;
    let ask = async |http: &reqwest::Client, password: &str| {
        let request = http.post(format!("{}/oauth2/token", world.server.issuer));
        let form = by_password("anna", password);
        Answer::of(request.basic_auth("old", Some(&secret)).form(&form)).await
    };
    let hers = world.browser();
    world.code(&hers, "anna").await;
    let guesses = async |from: u8| {
        let guesser = at(from);
        for n in 0..1_000 {
            let answer = ask(&guesser, "wrong").await;
            if answer.body["error"] == "slow_down" {
                return n;
            }
        }
        1_000
    };
    assert_eq!(guesses(2).await, 10);
    assert_eq!(ask(&at(3), PASSWORD).await.status, 200, "others are not kept waiting");
    // That set the count back. Now many who guess, at many addresses.
    assert_eq!((guesses(4).await, guesses(5).await, guesses(6).await), (10, 10, 0));
    let stranger = world.browser();
    let page = stranger.open(&world.request(&[])).await;
    assert_eq!(world.sign_in(&stranger, &page, "anna").await.status, 429);
    let again = world.request(&[("prompt", "login")]);
    // The request comes after her last sign-in.
    world.server.clock.advance(SignedDuration::from_secs(1));
    let page = hers.open(&again).await;
    assert!(world.sign_in(&hers, &page, "anna").await.answer().contains_key("code"));
    // A cookie that was stolen buys no more guesses than a stranger has.
    world.server.clock.advance(SignedDuration::from_secs(1));
    let form = hers.open(&again).await.form("login-form");
    let wrong = [("username", "anna"), ("password", "wrong"), ("next", "on")];
    for n in 0..10 {
        assert_eq!(hers.submit(&form, &wrong).await.status, 200, "{n}");
    }
    assert_eq!(hers.submit(&form, &wrong).await.status, 429);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_017_who_guesses_tokens_in_the_query_is_slowed_down_and_nobody_else() {
    let world = World::new().await;
    world.server.clock.stop();
    let mut body = world.server.get("/api/v1/tenants/main", &world.admin).await.body;
    body["settings"]["compat_tokeninfo_query"] = true.into();
    let members = body.as_object_mut().unwrap();
    members.retain(|name, _| !["name", "version", "id", "created", "updated"].contains(&&**name));
    let done = world.server.put("/api/v1/tenants/main", &world.admin, &body).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let info = async |http: &reqwest::Client, token: &str| {
        let path = format!("/oauth2/tokeninfo?access_token={token}");
        Answer::of(http.get(format!("{}{path}", world.server.issuer))).await
    };
    let here = &world.server.http;
    for n in 0..100 {
        assert_eq!(info(here, "nonsense").await.status, 401, "{n}");
    }
    let slow = info(here, &world.admin).await;
    assert_eq!((slow.status.as_u16(), slow.header("retry-after")), (429, "1"));
    assert!(!slow.headers.contains_key("access-control-allow-origin"), "nor for scripts");
    assert_eq!(info(&elsewhere(), &world.admin).await.status, 200);
    let request = here.get(format!("{}/oauth2/tokeninfo", world.server.issuer));
    let in_header = Answer::of(request.bearer_auth(&world.admin)).await;
    assert_eq!(in_header.status, 200, "the header is always taken: {}", in_header.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_056_a_client_is_slowed_down_after_its_failures_but_not_for_its_owner_elsewhere() {
    let world = World::new().await;
    world.server.clock.stop();
    let secret = world.password_client().await;
    let ask = async |http: &reqwest::Client, secret: &str| {
        let request = http.post(format!("{}/oauth2/token", world.server.issuer));
        let form = by_password("anna", PASSWORD);
        Answer::of(request.basic_auth("old", Some(secret)).form(&form)).await
    };
    for n in 0..20 {
        let answer = ask(&world.server.http, "wrong").await;
        assert_eq!(answer.body["error"], "invalid_client", "{n}: {}", answer.text);
    }
    let answer = ask(&world.server.http, &secret).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (429, &json!("slow_down")));
    assert_eq!(answer.headers["retry-after"], "15");
    assert_eq!(ask(&elsewhere(), &secret).await.status, 200);
    world.server.clock.advance(SignedDuration::from_secs(15));
    assert_eq!(ask(&world.server.http, &secret).await.status, 200);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_053_sec_190_a_wrong_password_of_a_program_is_in_the_audit_log() {
    let world = World::new().await;
    let secret = world.password_client().await;
    let request = world.server.request(Method::POST, "/oauth2/token");
    let form = by_password("anna", "wrong");
    let answer = Answer::of(request.basic_auth("old", Some(&secret)).form(&form)).await;
    assert_eq!(answer.body["error"], "invalid_grant", "{}", answer.text);
    world.logged("sign_in.failed").await;
    world.server.stop().await;
}

/// The password is taken back while somebody signs in, a little later each time: whoever came in with
/// the old one is out.
#[tokio::test]
async fn sec_131_sec_051_no_sign_in_in_flight_outlives_the_password() {
    let world = World::new().await;
    let path = format!("/api/v1/users/{}/password", world.users["anna"]);
    let passwords = [PASSWORD, "another good horse battery"];
    for round in 0..20 {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let browser = world.browser();
        let form = browser.open(&world.request(&[])).await.form("login-form");
        let fields = [("username", "anna"), ("password", old)];
        let sign_in = async {
            tokio::time::sleep(Duration::from_micros(200) * u32::try_from(round).unwrap()).await;
            browser.submit(&form, &fields).await
        };
        let body = json!({ "password": new });
        let reset = world.server.post(&path, &world.admin, &body);
        let (_, reset) = tokio::join!(sign_in, reset);
        assert!(reset.status.is_success(), "{}", reset.text);
        let seen = browser.open(&world.request(&[("prompt", "none")])).await;
        assert_eq!(seen.answer()["error"], "login_required", "round {round}");
    }
    world.server.stop().await;
}
