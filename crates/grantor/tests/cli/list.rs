//! `grantor list` and `grantor delete`.

use std::fs;

use serde_json::Value;

use crate::person::Person;
use crate::server::{Answer, Server};

async fn person_with_tokens() -> Person {
    let server = Server::start().await;
    server.will_answer([
        Answer::token("canary-of-orders-which-is-longer", 3_630),
        Answer::token("canary-2", 630),
    ]);
    let person = Person::with_credentials(&server);
    person.gets(&["token", "-n", "orders", "uid", "cn"]).await;
    person.gets(&["token", "-n", "batch"]).await;
    person
}

#[tokio::test]
async fn tokens_are_listed_by_name_with_the_minutes_they_have_left() {
    let person = person_with_tokens().await;
    let text = person.gets(&["list"]).await;
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["name", "access_token", "scope", "creation_time", "expires_in"]);
    assert_eq!(lines[1][0], "batch");
    assert_eq!((lines[1].last(), lines[2].last()), (Some(&"10m"), Some(&"60m")));
    assert_eq!(lines[2][..4], ["orders", "canary-o…", "uid", "cn"]);
    assert_eq!(lines.len(), 3);

    let tsv = person.gets(&["list", "-o", "tsv"]).await;
    let orders: Vec<_> = tsv.lines().nth(2).unwrap().split('\t').collect();
    assert_eq!((orders[0], orders[2], orders[4]), ("orders", "uid cn", "60m"));
    assert!(orders[3].ends_with('Z'), "{tsv}");

    let json: Value = serde_json::from_str(&person.gets(&["list", "-o", "json"]).await).unwrap();
    assert_eq!(json[1]["name"], "orders");
    assert_eq!(json[1]["expires_in"], "60m");
    assert!(json[1]["creation_time"].is_u64());
}

#[tokio::test]
async fn sec_171_a_list_shows_whole_tokens_only_on_demand() {
    let person = person_with_tokens().await;
    for form in ["text", "json", "tsv"] {
        let text = person.gets(&["list", "-o", form]).await;
        assert!(!text.contains("canary-of-orders-which-is-longer"), "{text}");
        let text = person.gets(&["list", "-o", form, "--reveal"]).await;
        assert!(text.contains("canary-of-orders-which-is-longer"), "{text}");
    }
}

#[tokio::test]
async fn a_deleted_token_is_gone_and_deleting_what_is_not_there_is_silent() {
    let person = person_with_tokens().await;
    for _ in 0..2 {
        let outcome = person.runs(&["delete", "orders"]).await;
        assert_eq!(
            (outcome.code, outcome.stdout, outcome.stderr),
            (Some(0), String::new(), String::new())
        );
    }
    let json: Value = serde_json::from_str(&person.gets(&["list", "-o", "json"]).await).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_kept_is_an_empty_list_and_creates_no_file() {
    let person = Person::new();
    assert_eq!(person.gets(&["list", "-o", "json"]).await, "[]\n");
    person.gets(&["delete", "x"]).await;
    assert!(!person.path(".config").exists());
}

#[tokio::test]
async fn unique_prefixes_of_commands_work() {
    assert_eq!(Person::new().gets(&["li", "-o", "json"]).await, "[]\n");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_that_says_what_to_do() {
    let person = person_with_tokens().await;
    fs::write(person.cache(), "{\"tokens\":{\"a\":\"canary\"}}").unwrap();
    let outcome = person.runs(&["list"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("is damaged") && outcome.stderr.contains("hint: remove"));
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
}
