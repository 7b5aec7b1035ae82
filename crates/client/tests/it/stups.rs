//! What the STUPS tokens libraries promise, rule by rule, and this one keeps (`stups.md` 9).

use std::fs;
use std::time::Duration;

use grantor_client::{CredentialFault, Provenance, TokenError, Tokens, TokensBuilder};
use serde_json::json;

use crate::server::{Answer, Server};
use crate::tokens::{TestClock, write_credentials};

fn variables(server: &Server, directory: &std::path::Path, fixed: &str) -> TokensBuilder {
    TokensBuilder::from_variables(|name| match name {
        "OAUTH2_ACCESS_TOKEN_URL" => Some(server.token_url()),
        "CREDENTIALS_DIR" => directory.to_str().map(str::to_owned),
        "OAUTH2_ACCESS_TOKENS" => Some(fixed.to_owned()),
        _ => None,
    })
    .unwrap()
}

async fn text(tokens: &Tokens, name: &str) -> Result<String, TokenError> {
    Ok(tokens.get(name).await?.reveal().to_owned())
}

#[tokio::test]
async fn with_ignore_expiration_an_expired_token_is_used_until_there_is_a_new_one() {
    let (server, clock) = (Server::start().await, TestClock::default());
    let directory = tempfile::tempdir().unwrap();
    write_credentials(directory.path(), "p", &json!("s"));
    server.will_answer([Answer::token("one", 60), Answer::token("two", 60)]);
    let down = || (0..4).map(|_| Answer::json(500, &json!({})));
    server.will_answer(down());
    let tokens = variables(&server, directory.path(), "").clock(clock.clone()).build().unwrap();
    tokens.manage_ignoring_expiration("careless", ["uid"]);
    tokens.manage("careful", ["uid"]);
    assert_eq!(text(&tokens, "careless").await.unwrap(), "one");
    assert_eq!(text(&tokens, "careful").await.unwrap(), "two");
    clock.advance(Duration::from_hours(1));
    assert_eq!(text(&tokens, "careless").await.unwrap(), "one");
    let error = text(&tokens, "careful").await.unwrap_err();
    assert!(matches!(error, TokenError::Refused(_)), "{error}");
    assert_eq!(server.asked().len(), 4, "it was tried first");
    // Without any token there is nothing to ignore.
    tokens.manage_ignoring_expiration("new", ["uid"]);
    assert!(text(&tokens, "new").await.is_err());
    clock.advance(Duration::from_hours(1));
    server.will_answer([]);
    assert!(text(&tokens, "new").await.is_err());
    assert_eq!(text(&tokens, "careless").await.unwrap(), "token-7");
}

#[tokio::test]
async fn from_file_only_asks_no_server_whatever_else_there_is() {
    let (server, clock) = (Server::start().await, TestClock::default());
    let directory = tempfile::tempdir().unwrap();
    write_credentials(directory.path(), "p", &json!("s"));
    let file = directory.path().join("orders-token-secret");
    fs::write(&file, "from-file\n").unwrap();
    let tokens = variables(&server, directory.path(), "fixed=f").from_file_only();
    let tokens = tokens.clock(clock.clone()).build().unwrap();
    tokens.manage("orders", ["uid"]);
    tokens.manage("stock", ["uid"]);
    assert_eq!(text(&tokens, "orders").await.unwrap(), "from-file");
    assert_eq!(text(&tokens, "fixed").await.unwrap(), "f");
    let error = text(&tokens, "stock").await.unwrap_err();
    let TokenError::Credentials { file: missing, reason } = &error else { panic!("{error}") };
    assert!(missing.ends_with("stock-token-secret"), "{error}");
    assert!(matches!(reason, CredentialFault::Unreadable(std::io::ErrorKind::NotFound)));
    // What was read lasts for two minutes and the grace of one, should the file go away.
    fs::remove_file(&file).unwrap();
    clock.advance(Duration::from_secs(179));
    assert_eq!(text(&tokens, "orders").await.unwrap(), "from-file");
    clock.advance(Duration::from_secs(1));
    assert!(text(&tokens, "orders").await.is_err());
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_fixed_token_is_there_under_its_name_and_beats_file_and_server_for_a_year() {
    let (server, clock) = (Server::start().await, TestClock::default());
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a-token-secret"), "from-file").unwrap();
    let tokens = variables(&server, directory.path(), "a=1,b=2").clock(clock.clone());
    let tokens = tokens.build().unwrap();
    tokens.manage("a", ["uid"]);
    clock.advance(Duration::from_hours(364 * 24));
    for (name, token) in [("a", "1"), ("b", "2")] {
        let got = tokens.get(name).await.unwrap();
        assert_eq!((got.reveal(), got.provenance()), (token, Provenance::Fixed));
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn without_scopes_none_are_asked_for() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    write_credentials(directory.path(), "p", &json!("s"));
    let tokens = variables(&server, directory.path(), "").build().unwrap();
    tokens.manage("orders", [""; 0]);
    tokens.get("orders").await.unwrap();
    assert!(!server.asked()[0].form.contains_key("scope"));
}

#[tokio::test]
async fn a_client_of_the_name_s_own_asks_for_its_token() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    write_credentials(directory.path(), "p", &json!("s"));
    for (file, content) in [("orders-client-id", "mine\n"), ("orders-client-secret", "m\n")] {
        fs::write(directory.path().join(file), content).unwrap();
    }
    let tokens = variables(&server, directory.path(), "").build().unwrap();
    for name in ["orders", "stock"] {
        tokens.manage(name, ["uid"]);
        tokens.get(name).await.unwrap();
    }
    let shown = |index: usize| server.asked()[index].headers["authorization"].clone();
    assert_eq!(shown(0), "Basic bWluZTpt");
    assert_eq!(shown(1), "Basic YmF0Y2gtY2xpZW50OnM=");
}

#[tokio::test]
async fn an_answer_without_token_or_that_is_no_json_is_invalid_and_keeps_the_old_token() {
    let (server, clock) = (Server::start().await, TestClock::default());
    let directory = tempfile::tempdir().unwrap();
    write_credentials(directory.path(), "p", &json!("s"));
    let tokens = variables(&server, directory.path(), "").clock(clock.clone()).build().unwrap();
    tokens.manage("orders", ["uid"]);
    tokens.get("orders").await.unwrap();
    for body in [json!("text"), json!({}), json!({"access_token": "", "expires_in": 60})] {
        server.will_answer([Answer::json(200, &body)]);
        let error = tokens.refresh("orders").await.unwrap_err();
        assert!(matches!(error, TokenError::InvalidResponse(_)), "{error}");
    }
    assert_eq!(text(&tokens, "orders").await.unwrap(), "token-1");
}
