//! Zign's stored refresh token: used, replaced, and never lost.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::person::{Outcome, Person};
use crate::server::{Answer, Server};

const FILE: &str = ".config/zalando-token-cli/refresh-token.yaml";

fn zign_user(server: &Server) -> Person {
    let person = Person::new()
        .set("ZALANDO_TOKEN_CLI_TOKEN_URL", server.token_url())
        .set("ZALANDO_TOKEN_CLI_CLIENT_ID", "zign-cli");
    fs::create_dir_all(person.path(".config/zalando-token-cli")).unwrap();
    fs::write(person.path(FILE), "refresh_token: canary-r1\n").unwrap();
    // Nobody can sign in there: the scripted server has no metadata.
    let settings = format!(
        "authorize_url: http://{}/oauth2/authorize\n\
         token_url: https://ignored.example.org/\nbusiness_partner_id: '7'\n",
        server.address
    );
    fs::write(person.path(".config/zalando-token-cli/zalando-token-cli.yaml"), settings).unwrap();
    person
}

fn rotated(token: &str, next: &str) -> Answer {
    let body = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 3_600, "refresh_token": next,
    });
    Answer::json(200, &body)
}

#[tokio::test]
async fn the_refresh_token_is_spent_as_zign_does_and_its_successor_stored() {
    let server = Server::start().await;
    server.will_answer([rotated("a-1", "canary: \"r2\""), rotated("a-2", "r3")]);
    let person = zign_user(&server);
    assert_eq!(person.gets(&["token", "-n", "me", "uid"]).await, "a-1\n");
    assert_eq!(person.gets(&["token", "-n", "me", "uid"]).await, "a-1\n");
    assert_eq!(person.gets(&["token"]).await, "a-2\n");
    let asked = server.asked();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "canary-r1"),
        ("client_id", "zign-cli"),
        ("business_partner_id", "7"),
        ("scope", "uid"),
    ];
    let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked[0].form, form.into());
    assert!(!asked[0].headers.contains_key("authorization"));
    assert_eq!(asked[1].form["refresh_token"], "canary: \"r2\"");
    assert_eq!(fs::read_to_string(person.path(FILE)).unwrap(), "refresh_token: \"r3\"\n");
}

#[tokio::test]
async fn ctrl_c_does_not_lose_the_rotated_refresh_token() {
    let server = Server::start().await;
    server.will_answer([rotated("a-1", "r2").late(Duration::from_millis(500))]);
    let person = zign_user(&server);
    let child = person.start(&["token", "-n", "me"]);
    while server.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let outcome = Outcome::of(child).await;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(130), ""), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(person.path(FILE)).unwrap(), "refresh_token: \"r2\"\n");
}

#[tokio::test]
async fn calls_at_once_spend_each_refresh_token_once() {
    let server = Server::start().await;
    let answers = (2..=6).map(|n| rotated(&format!("a-{n}"), &format!("r{n}")));
    server.will_answer(answers.map(|answer| answer.late(Duration::from_millis(50))));
    let person = zign_user(&server);
    let calls: Vec<_> = (0..5).map(|_| person.start(&["token"])).collect();
    for call in calls {
        assert!(call.wait_with_output().await.unwrap().status.success());
    }
    let spent: Vec<_> =
        server.asked().iter().map(|asked| asked.form["refresh_token"].clone()).collect();
    assert_eq!(spent, ["canary-r1", "r2", "r3", "r4", "r5"]);
}

#[tokio::test]
async fn a_refused_refresh_token_stays_and_the_error_says_what_to_do() {
    let server = Server::start().await;
    server.will_answer([Answer::json(400, &json!({"error": "invalid_grant"}))]);
    let person = zign_user(&server);
    let outcome = person.runs(&["token"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("the stored refresh token was not taken"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("cannot sign in at"),
        "the browser is next: {}",
        outcome.stderr
    );
    assert_eq!(fs::read_to_string(person.path(FILE)).unwrap(), "refresh_token: canary-r1\n");
}

#[tokio::test]
async fn service_mode_beats_the_refresh_token() {
    let server = Server::start().await;
    let person = zign_user(&server).set("OAUTH2_ACCESS_TOKEN_URL", server.token_url());
    // The URL alone is not enough: no credential files, so on to the refresh token.
    server.will_answer([rotated("refreshed", "r2")]);
    assert_eq!(person.gets(&["token"]).await, "refreshed\n");
    let client = json!({"client_id": "c", "client_secret": "s"}).to_string();
    fs::write(person.path("client.json"), client).unwrap();
    assert_eq!(person.gets(&["token"]).await, "token-2\n");
    assert_eq!(server.asked()[1].form["grant_type"], "client_credentials");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_without_its_content() {
    let server = Server::start().await;
    let person = zign_user(&server);
    for damaged in ["- canary", "canary", "refresh_token: [canary]", "refresh_token: {a: canary}"] {
        fs::write(person.path(FILE), damaged).unwrap();
        let outcome = person.runs(&["token"]).await;
        assert_eq!(outcome.code, Some(1), "{damaged}");
        assert!(outcome.stderr.contains("is not YAML with"), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    }
}
