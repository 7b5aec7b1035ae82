//! [`Tokens`]: when it asks, what it keeps, what it says.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use grantor_client::{ClientAuth, Clock, Grant, Provenance, TokenError, Tokens, TokensBuilder};
use serde_json::json;

use crate::server::{Answer, Server};

/// Moves only when told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        let passed = Duration::from_millis(self.0.load(Ordering::SeqCst));
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000) + passed
    }
}

pub(crate) fn write_credentials(directory: &Path, password: &str, secret: &serde_json::Value) {
    let user = json!({"application_username": "batch", "application_password": password});
    fs::write(directory.join("user.json"), user.to_string()).unwrap();
    let client = json!({"client_id": "batch-client", "client_secret": secret});
    fs::write(directory.join("client.json"), client.to_string()).unwrap();
}

struct Setting {
    server: Server,
    clock: TestClock,
    directory: tempfile::TempDir,
    tokens: Tokens,
}

async fn setting() -> Setting {
    let server = Server::start().await;
    let clock = TestClock::default();
    let directory = tempfile::tempdir().unwrap();
    write_credentials(directory.path(), "p-1", &json!("s-1"));
    let tokens = Tokens::builder()
        .token_url(format!("{}?realm=/services", server.token_url()))
        .credentials_dir(directory.path())
        .clock(clock.clone())
        .build()
        .unwrap();
    tokens.manage("orders", ["uid", "sales_order.read_all"]);
    Setting { server, clock, directory, tokens }
}

impl Setting {
    async fn get(&self) -> String {
        self.tokens.get("orders").await.unwrap().reveal().to_owned()
    }

    fn requests(&self) -> usize {
        self.server.asked().len()
    }

    /// Waits for a renewal in the background: until the server was asked `count` times in all
    /// and the answer has arrived.
    async fn settled(&self, count: usize, token: &str) {
        for _ in 0..500 {
            if self.requests() == count && self.get().await == token {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} requests, and {}", self.requests(), self.get().await);
    }
}

#[tokio::test]
async fn the_request_is_the_one_of_the_stups_libraries() {
    let setting = setting().await;
    assert_eq!(setting.get().await, "token-1");
    let asked = setting.server.asked().remove(0);
    assert_eq!(asked.query, "realm=/services");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.headers["authorization"], "Basic YmF0Y2gtY2xpZW50OnMtMQ==");
    let agent = asked.headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("grantor-client/"), "{agent}");
    let form = [
        ("grant_type", "password"),
        ("username", "batch"),
        ("password", "p-1"),
        ("scope", "uid sales_order.read_all"),
    ];
    let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked.form, form.into());
}

#[tokio::test]
async fn sec_187_fifty_gets_at_once_make_one_request() {
    let setting = setting().await;
    setting.server.will_answer([Answer::token("one", 60).late(Duration::from_millis(200))]);
    let gets = (0..50).map(|_| {
        let tokens = setting.tokens.clone();
        tokio::spawn(async move { tokens.get("orders").await.unwrap().reveal().to_owned() })
    });
    for get in gets.collect::<Vec<_>>() {
        assert_eq!(get.await.unwrap(), "one");
    }
    assert_eq!(setting.requests(), 1);
}

#[tokio::test]
async fn fifty_gets_hear_of_one_failure_and_make_one_request() {
    let setting = setting().await;
    let refusal = Answer::json(400, &json!({"error": "invalid_scope", "decision_id": "d-7"}));
    setting.server.will_answer([refusal.late(Duration::from_millis(200))]);
    let gets = (0..50).map(|_| {
        let tokens = setting.tokens.clone();
        tokio::spawn(async move { tokens.get("orders").await.unwrap_err() })
    });
    for get in gets.collect::<Vec<_>>() {
        let error = get.await.unwrap();
        assert_eq!(error.refusal().unwrap().decision_id.as_deref(), Some("d-7"));
        assert!(!error.is_temporary());
    }
    assert_eq!(setting.requests(), 1);
}

#[tokio::test]
async fn a_get_that_gives_up_does_not_stop_the_request() {
    let setting = setting().await;
    setting.server.will_answer([Answer::token("one", 60).late(Duration::from_millis(200))]);
    let impatient =
        tokio::time::timeout(Duration::from_millis(50), setting.tokens.get("orders")).await;
    assert!(impatient.is_err());
    assert_eq!(setting.get().await, "one");
    assert_eq!(setting.requests(), 1);
}

#[tokio::test]
async fn names_do_not_wait_for_each_other() {
    let setting = setting().await;
    setting.tokens.manage("other", ["uid"]);
    setting.server.will_answer([Answer::token("slow", 60).late(Duration::from_secs(1))]);
    let tokens = setting.tokens.clone();
    let slow = tokio::spawn(async move { tokens.get("orders").await });
    while setting.requests() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(setting.tokens.get("other").await.unwrap().reveal(), "token-2");
    assert!(!slow.is_finished());
    slow.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_short_token_does_not_cost_a_request_per_call() {
    for life in [20 * 60, 300, 60, 10] {
        let setting = setting().await;
        setting.server.will_answer([Answer::token("one", life)]);
        for _ in 0..100 {
            assert_eq!(setting.get().await, "one");
        }
        setting.clock.advance(Duration::from_secs(life) / 2);
        for _ in 0..100 {
            assert_eq!(setting.get().await, "one");
        }
        assert_eq!(setting.requests(), 1, "of {life} s");
    }
}

#[tokio::test]
async fn renewal_happens_ahead_and_nobody_waits_for_it() {
    let setting = setting().await;
    setting.server.will_answer([
        Answer::token("one", 8 * 3_600),
        Answer::token("two", 8 * 3_600).late(Duration::from_millis(100)),
    ]);
    assert_eq!(setting.get().await, "one");
    setting.clock.advance(Duration::from_hours(7));
    assert_eq!(setting.get().await, "one");
    setting.clock.advance(Duration::from_mins(41));
    assert_eq!(setting.get().await, "one"); // at once, although the answer takes a while
    setting.settled(2, "two").await;
}

#[tokio::test]
async fn while_the_server_is_down_the_old_token_stays_until_a_minute_after_its_end() {
    let setting = setting().await;
    setting.server.will_answer([Answer::token("one", 1_000)]);
    setting.server.will_answer((0..50).map(|_| Answer::json(503, &json!({}))));
    assert_eq!(setting.get().await, "one");
    for _ in 0..99 {
        setting.clock.advance(Duration::from_secs(10));
        assert_eq!(setting.get().await, "one");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // 400 s of trying with pauses up to 30 s, jittered down to 15 s: neither silence nor a flood.
    assert!((8..50).contains(&setting.requests()), "{}", setting.requests());
    for seconds in [10, 59] {
        setting.clock.advance(Duration::from_secs(seconds));
        assert_eq!(setting.get().await, "one", "{seconds} s later");
    }
    setting.clock.advance(Duration::from_secs(1));
    let error = setting.tokens.get("orders").await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
}

#[tokio::test]
async fn when_the_server_is_back_so_is_the_token() {
    let setting = setting().await;
    setting.server.will_answer([Answer::json(500, &json!({"error": "server_error"}))]);
    let error = setting.tokens.get("orders").await.unwrap_err();
    assert!(matches!(error, TokenError::Refused(_)), "{error}");
    // The pause is kept: a caller in a loop does not hammer the server.
    let error = setting.tokens.get("orders").await.unwrap_err();
    assert!(matches!(error, TokenError::BackingOff { .. }), "{error}");
    assert_eq!(setting.requests(), 1);
    setting.clock.advance(Duration::from_millis(501));
    assert_eq!(setting.get().await, "token-2");
}

#[tokio::test]
async fn retry_after_is_obeyed_but_not_by_an_explicit_refresh() {
    let setting = setting().await;
    setting.server.will_answer([Answer::json(429, &json!({})).header("retry-after", "90")]);
    setting.tokens.get("orders").await.unwrap_err();
    setting.clock.advance(Duration::from_secs(89));
    setting.tokens.get("orders").await.unwrap_err();
    assert_eq!(setting.requests(), 1);
    assert_eq!(setting.tokens.refresh("orders").await.unwrap().reveal(), "token-2");
    assert_eq!(setting.get().await, "token-2");
}

#[tokio::test]
async fn rotated_credentials_are_picked_up() {
    let setting = setting().await;
    setting.get().await;
    write_credentials(setting.directory.path(), "p-2", &json!("s-2"));
    setting.tokens.refresh("orders").await.unwrap();
    let asked = setting.server.asked().remove(1);
    assert_eq!(asked.form["password"], "p-2");
    assert_eq!(asked.headers["authorization"], "Basic YmF0Y2gtY2xpZW50OnMtMg==");
}

#[tokio::test]
async fn half_written_credentials_do_not_cost_the_token_that_is_held() {
    let setting = setting().await;
    setting.server.will_answer([Answer::token("one", 60)]);
    setting.get().await;
    fs::write(setting.directory.path().join("user.json"), "{\"application_u").unwrap();
    setting.clock.advance(Duration::from_secs(57)); // urgent: the caller waits for the attempt
    assert_eq!(setting.get().await, "one");
    setting.clock.advance(Duration::from_secs(63));
    let error = setting.tokens.get("orders").await.unwrap_err();
    assert!(error.to_string().contains("user.json"), "{error}");
    assert_eq!(setting.requests(), 1);
}

#[tokio::test]
async fn a_client_secret_of_null_is_a_public_client() {
    let setting = setting().await;
    write_credentials(setting.directory.path(), "p", &json!(null));
    setting.get().await;
    let asked = setting.server.asked().remove(0);
    assert!(!asked.headers.contains_key("authorization"));
    assert_eq!(asked.form["client_id"], "batch-client");
    assert_eq!(asked.form["client_secret"], "");
}

#[tokio::test]
async fn a_token_file_beats_the_server_and_is_read_at_each_get() {
    let setting = setting().await;
    let file = setting.directory.path().join("orders-token-secret");
    for token in ["first", "second"] {
        fs::write(&file, format!("{token}\n")).unwrap();
        let got = setting.tokens.get("orders").await.unwrap();
        assert_eq!((got.reveal(), got.provenance()), (token, Provenance::File));
    }
    assert_eq!(setting.requests(), 0);
    fs::remove_file(&file).unwrap();
    assert_eq!(setting.get().await, "token-1");
}

#[tokio::test]
async fn without_a_url_ready_made_tokens_work_and_others_say_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file-token-secret"), "from-file").unwrap();
    let tokens = TokensBuilder::from_variables(|name| match name {
        "OAUTH2_ACCESS_TOKENS" => Some("fixed=YWJj==".to_owned()),
        "CREDENTIALS_DIR" => directory.path().to_str().map(str::to_owned),
        _ => None,
    });
    let tokens = tokens.unwrap().build().unwrap();
    for name in ["file", "neither"] {
        tokens.manage(name, ["uid"]);
    }
    let fixed = tokens.get("fixed").await.unwrap();
    assert_eq!((fixed.reveal(), fixed.provenance()), ("YWJj==", Provenance::Fixed));
    assert!(tokens.replace("fixed", &fixed).await.unwrap().is_none());
    assert_eq!(tokens.get("file").await.unwrap().reveal(), "from-file");
    assert!(matches!(tokens.get("neither").await, Err(TokenError::NoTokenUrl)));
    assert!(matches!(tokens.get("unheard").await, Err(TokenError::UnknownName(_))));
}

#[tokio::test]
async fn managing_a_name_again_forgets_its_token() {
    let setting = setting().await;
    assert_eq!(setting.get().await, "token-1");
    setting.tokens.manage("orders", ["sales_order.write"]);
    assert_eq!(setting.get().await, "token-2");
    assert_eq!(setting.server.asked()[1].form["scope"], "sales_order.write");
}

#[tokio::test]
async fn a_rotated_refresh_token_is_spent_once_and_its_successor_next() {
    let server = Server::start().await;
    for (token, next) in [("a-1", "r-2"), ("a-2", "r-3"), ("a-3", "r-4")] {
        let body = json!({"access_token": token, "refresh_token": next, "expires_in": 60});
        server.will_answer([Answer::json(200, &body).late(Duration::from_millis(20))]);
    }
    let client = ClientAuth::None { client_id: "cli".to_owned() };
    let tokens = Tokens::builder()
        .token_url(server.token_url())
        .credentials(client, Grant::RefreshToken("r-1".into()))
        .build()
        .unwrap();
    for name in ["a", "b", "c"] {
        tokens.manage(name, ["uid"]);
    }
    // Three names at once, one refresh token between them: one after the other.
    let (a, b, c) = tokio::join!(tokens.get("a"), tokens.get("b"), tokens.get("c"));
    for got in [a, b, c] {
        got.unwrap();
    }
    let spent: Vec<_> =
        server.asked().iter().map(|asked| asked.form["refresh_token"].clone()).collect();
    assert_eq!(spent, ["r-1", "r-2", "r-3"]);
}

#[tokio::test]
async fn in_the_background_tokens_stay_fresh_while_nobody_asks() {
    let setting = setting().await;
    setting.server.will_answer([Answer::token("one", 60), Answer::token("two", 60)]);
    setting.tokens.keep_fresh();
    while setting.requests() < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    setting.clock.advance(Duration::from_secs(40));
    while setting.requests() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    setting.settled(2, "two").await;
}

#[test]
fn a_runtime_that_was_shut_down_under_a_request_does_not_block_the_next() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let setting = first.block_on(async {
        let setting = setting().await;
        setting.server.will_answer([Answer::token("never", 60).late(Duration::from_mins(1))]);
        let get = setting.tokens.get("orders");
        assert!(tokio::time::timeout(Duration::from_millis(50), get).await.is_err());
        setting
    });
    drop(first);
    let tokens = setting.tokens.clone();
    let error = runtime().block_on(async move { tokens.get("orders").await.unwrap_err() });
    // The server died with its runtime: what matters is that it was asked.
    assert!(matches!(error, TokenError::Unreachable(_)), "{error}");
}
