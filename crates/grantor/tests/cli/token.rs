//! `grantor token`.

use std::fs;

use serde_json::{Value, json};

use crate::person::Person;
use crate::server::{Answer, Server};

/// Changes the kept token `orders`.
fn age(person: &Person, change: impl FnOnce(&mut Value)) {
    let mut content: Value =
        serde_json::from_str(&fs::read_to_string(person.cache()).unwrap()).unwrap();
    change(&mut content["tokens"]["orders"]);
    fs::write(person.cache(), content.to_string()).unwrap();
}

#[tokio::test]
async fn service_mode_prints_the_token_and_a_newline() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    assert_eq!(person.gets(&["token", "uid", "sales_order.read"]).await, "token-1\n");
    let asked = server.asked().remove(0);
    assert_eq!(asked.query, "realm=/services");
    assert_eq!(asked.form["grant_type"], "password");
    assert_eq!(asked.form["scope"], "uid sales_order.read");
    // Without a name nothing is kept.
    assert!(!person.cache().exists());
}

#[tokio::test]
async fn a_named_token_is_kept_and_printed_again() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    for _ in 0..3 {
        assert_eq!(person.gets(&["token", "-n", "orders", "uid"]).await, "token-1\n");
    }
    assert_eq!(server.asked().len(), 1);
    // It needs neither server nor settings.
    drop(server);
    assert_eq!(person.gets(&["token", "--name", "orders"]).await, "token-1\n");
}

#[tokio::test]
async fn a_kept_token_that_is_old_or_too_narrow_or_of_another_server_is_replaced() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    let get = ["token", "-n", "orders", "uid"];
    assert_eq!(person.gets(&get).await, "token-1\n");
    age(&person, |token| {
        token["creation_time"] = json!(token["creation_time"].as_u64().unwrap() - 3_310);
    });
    assert_eq!(person.gets(&get).await, "token-2\n"); // 290 s were left
    assert_eq!(person.gets(&["token", "-n", "orders", "uid", "cn"]).await, "token-3\n");
    age(&person, |token| token["token_url"] = json!("https://auth.example.org/token"));
    assert_eq!(person.gets(&get).await, "token-4\n");
    assert_eq!(person.gets(&get).await, "token-4\n");
}

#[tokio::test]
async fn a_token_that_lives_five_minutes_is_kept_too() {
    let server = Server::start().await;
    server.will_answer([Answer::token("short", 300)]);
    let person = Person::with_credentials(&server);
    for _ in 0..3 {
        assert_eq!(person.gets(&["token", "-n", "orders"]).await, "short\n");
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn fixed_tokens_and_token_files_are_printed_and_not_kept() {
    let person = Person::new().set("OAUTH2_ACCESS_TOKENS", "orders=fixed-1,x=fixed-2");
    assert_eq!(person.gets(&["token", "-n", "orders"]).await, "fixed-1\n");
    let directory = person.path("").display().to_string();
    let person = person.set("CREDENTIALS_DIR", directory);
    fs::write(person.path("other-token-secret"), "from-file\n").unwrap();
    assert_eq!(person.gets(&["token", "-n", "other"]).await, "from-file\n");
    assert!(!person.cache().exists());
}

#[tokio::test]
async fn without_any_source_the_error_says_what_to_set() {
    let outcome = Person::new().runs(&["token", "uid"]).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    for says in ["error: ", "hint: ", "OAUTH2_ACCESS_TOKEN_URL", "grantor login --issuer"] {
        assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_the_decision_to_explain() {
    let server = Server::start().await;
    let body = json!({
        "error": "invalid_scope", "error_description": "sales_order.read_all is not assigned",
    });
    server.will_answer([Answer::json(400, &body).header("grantor-decision-id", "0192-d")]);
    let person = Person::with_credentials(&server);
    let outcome = person.runs(&["token", "sales_order.read_all"]).await;
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        outcome.stderr,
        "error: the token endpoint refused: invalid_scope: sales_order.read_all is not assigned \
         (decision 0192-d)\nhint: `grantor explain 0192-d` says which rule decided\n"
    );
}

#[tokio::test]
async fn a_broken_setting_is_an_error_and_not_the_next_source() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    fs::write(person.path("client.json"), "{\"client_id\": \"canary\"").unwrap();
    let outcome = person.runs(&["token"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("client.json: not a JSON object"), "{}", outcome.stderr);
    for (name, value, says) in [
        ("OAUTH2_ACCESS_TOKENS", "canary", "entry 1 is not `name=token`"),
        ("OAUTH2_ACCESS_TOKEN_URL", "nonsense", "not an absolute URL"),
        ("OAUTH2_ACCESS_TOKEN_URL", "http://auth.example.org/token", "over plain http"),
    ] {
        let outcome = Person::new().set(name, value).runs(&["token"]).await;
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn sec_171_kept_tokens_are_for_one_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    person.gets(&["token", "-n", "orders"]).await;
    let mode = || fs::metadata(person.cache()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(person.cache(), fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = person.runs(&["token", "-n", "orders"]).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "token-1\n"));
    assert!(outcome.stderr.contains("open to other users (mode 644)"), "{}", outcome.stderr);
    // Not a terminal: no colours.
    assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);
    assert_eq!(mode(), 0o600);
}

#[tokio::test]
async fn deprecated_options_are_ignored_with_a_warning_and_never_repeated() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    let options = [
        "token",
        "--url",
        "https://x.example.org",
        "--realm",
        "employees",
        "-U",
        "me",
        "-p",
        "canary",
        "--insecure",
        "-r",
        "uid",
    ];
    let outcome = person.runs(&options).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "token-1\n"));
    for option in ["--url", "--realm", "--user", "--password", "--insecure", "--refresh"] {
        let says = format!("{option} is deprecated and ignored");
        assert!(outcome.stderr.contains(&says), "{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
}

#[tokio::test]
async fn sec_189_nothing_secret_is_logged_however_verbose() {
    let server = Server::start().await;
    server.will_answer([
        Answer::json(500, &json!({"access_token": "canary-body"})),
        Answer::token("canary-token", 60),
    ]);
    let person = Person::with_credentials(&server).set("GRANTOR_LOG", "grantor=trace,warn");
    for code in [1, 0] {
        let outcome = person.runs(&["token", "-vvv", "-n", "orders"]).await;
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn wrong_usage_exits_with_2() {
    let person = Person::new();
    for arguments in
        [&["token", "a b"][..], &["token", "-n", ""], &["token", "--nonsense"], &["nonsense"], &[]]
    {
        assert_eq!(person.runs(arguments).await.code, Some(2), "{arguments:?}");
    }
}

#[tokio::test]
async fn twenty_calls_at_once_keep_all_their_tokens() {
    let server = Server::start().await;
    let person = Person::with_credentials(&server);
    let names: Vec<_> = (0..20).map(|n| format!("name-{n}")).collect();
    let calls: Vec<_> = names.iter().map(|name| person.start(&["token", "-n", name])).collect();
    for call in calls {
        assert!(call.wait_with_output().await.unwrap().status.success());
    }
    let kept: Value = serde_json::from_str(&person.gets(&["list", "-o", "json"]).await).unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 20);
}
