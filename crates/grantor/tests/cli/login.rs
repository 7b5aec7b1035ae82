//! Signing in with a browser that the test plays: it reads the address from stderr.

use std::fs;
use std::time::SystemTime;

use grantor_client::{Clock as _, SystemClock};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use url::Url;

use crate::person::{Outcome, Person};
use crate::provider::FakeProvider;

/// The clock of the program is that of the machine.
async fn provider() -> FakeProvider {
    let provider = FakeProvider::start().await;
    let now = SystemClock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    provider.change(|manners| {
        for (name, at) in [("iat", now), ("exp", now + 300), ("auth_time", now)] {
            manners.claims.insert(name.to_owned(), json!(at));
        }
        manners.answer.insert("expires_in".to_owned(), json!(3_600));
    });
    provider
}

/// Reads the address, goes there, and comes back with what `answer` makes of the callback.
async fn browse(
    mut child: Child,
    provider: &FakeProvider,
    answer: impl Fn(String) -> String,
) -> (Outcome, Url, String) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let url: Url = loop {
        let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("ended: {said}"));
        said.push_str(&line);
        said.push('\n');
        if let Ok(url) = line.trim().parse() {
            break url;
        }
    };
    let back = url.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    let callback = format!("{back}?{}", answer(provider.visit(&url)));
    let page = reqwest::get(callback).await.unwrap().text().await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        said.push_str(&line);
        said.push('\n');
    }
    let mut outcome = Outcome::of(child).await;
    outcome.stderr = said;
    (outcome, url, page)
}

fn member(person: &Person, name: &str) -> String {
    let text = fs::read_to_string(person.path(".config/grantor/login.json")).unwrap();
    let login: serde_json::Value = serde_json::from_str(&text).unwrap();
    login[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn login_keeps_what_token_uses_until_the_server_no_longer_takes_it() {
    let provider = provider().await;
    let person = Person::new();
    let login = ["login", "--issuer", &provider.issuer, "--client-id", "shop", "-n", "me", "uid"];
    let (outcome, url, page) = browse(person.start(&login), &provider, |query| query).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("as u-1"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("rt") && !outcome.stderr.contains("rt\n"), "{outcome:?}");
    assert!(page.contains("You are signed in"), "{page}");
    let scope = url.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    assert_eq!(scope, "openid uid");
    assert_eq!(member(&person, "refresh_token"), "rt");

    // The kept token needs nobody; without a name the refresh token is spent and replaced.
    assert_eq!(person.gets(&["token", "-n", "me", "openid"]).await, "at\n");
    provider.change(|manners| {
        manners.answer.insert("refresh_token".to_owned(), json!("rt-2"));
        manners.answer.insert("access_token".to_owned(), json!("at-2"));
    });
    assert_eq!(person.gets(&["token"]).await, "at-2\n");
    assert_eq!(member(&person, "refresh_token"), "rt-2");
    let spent = provider.with(|manners| manners.asked[1].0["refresh_token"].clone());
    assert_eq!(spent, "rt");
}

#[cfg(unix)]
#[tokio::test]
async fn sec_171_what_login_keeps_is_readable_for_one_person_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let provider = provider().await;
    let person = Person::new();
    let login = ["login", "--issuer", &provider.issuer, "--client-id", "shop", "-n", "me"];
    let (outcome, ..) = browse(person.start(&login), &provider, |query| query).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for file in [person.path(".config/grantor/login.json"), person.cache()] {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn token_opens_the_browser_when_nothing_else_is_left() {
    let provider = provider().await;
    let person = Person::new()
        .set("GRANTOR_ISSUER", &provider.issuer)
        .set("GRANTOR_CLIENT_ID", "shop")
        .set("GRANTOR_REALM", "employees");
    let first = person.start(&["token", "uid"]);
    let (outcome, url, _) = browse(first, &provider, |query| query).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "at\n"), "{outcome:?}");
    assert!(url.query_pairs().any(|pair| pair == ("realm".into(), "employees".into())));
}

#[tokio::test]
async fn who_says_no_in_the_browser_is_told_that_nothing_happened() {
    let provider = provider().await;
    let person = Person::new();
    let login = ["login", "--issuer", &provider.issuer, "--client-id", "shop"];
    let deny = |query: String| query.replace("code=c0de", "error=access_denied");
    let (outcome, _, page) = browse(person.start(&login), &provider, deny).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("hint: you said no in the browser"), "{}", outcome.stderr);
    assert!(page.contains("nothing was allowed"), "{page}");
    assert!(!person.path(".config/grantor/login.json").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn the_browser_of_the_environment_is_opened_with_the_address() {
    use std::os::unix::fs::PermissionsExt as _;

    let provider = provider().await;
    let person = Person::new();
    let script = person.path("browser.sh");
    fs::write(&script, "#!/bin/sh\necho \"$2\" > \"$1\"\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let seen = person.path("seen");
    let person = person.set("BROWSER", format!("{} {} %s", script.display(), seen.display()));
    let login = ["login", "--issuer", &provider.issuer, "--client-id", "shop"];
    let (outcome, url, _) = browse(person.start(&login), &provider, |query| query).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("Opening your browser"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(seen).unwrap().trim(), url.as_str());
}

#[tokio::test]
async fn without_a_server_to_sign_in_at_login_says_what_to_give() {
    let outcome = Person::new().runs(&["login"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("--issuer"), "{}", outcome.stderr);
}
