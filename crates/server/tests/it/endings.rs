//! What ends when somebody is disabled, deleted, or gets a new password.

use grantor_testkit::TestServer;
use reqwest::StatusCode;
use serde_json::json;

use crate::people::Person;

#[tokio::test]
async fn sec_131_sec_104_whoever_is_disabled_or_deleted_has_nothing_left() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    for profile in ["rfc9068", "stups"] {
        for (at, end) in
            ["disable user", "delete user", "new password", "rename", "disable client", "revoke"]
                .into_iter()
                .enumerate()
        {
            let person = Person::new(&server, &admin, &format!("{profile}-{at}"), profile).await;
            let given = person.sign_in(&server).await;
            assert_eq!(given.status, StatusCode::OK, "{}", given.text);
            let access = given.body["access_token"].as_str().unwrap();
            let refresh = given.body["refresh_token"].as_str().unwrap();
            assert!(server.is_active(access).await);

            let user = format!("/api/v1/users/{}", person.id);
            let client = format!("/api/v1/clients/{}", person.client);
            let body = |name: &str, enabled: bool| json!({ "realm": "customers", "name": name, "enabled": enabled });
            let done = match end {
                "disable user" => server.put(&user, &admin, &body(&person.name, false)).await,
                "delete user" => server.delete(&user, &admin).await,
                "new password" => {
                    server.post(&format!("{user}/password"), &admin, &json!({})).await
                }
                "rename" => {
                    server.put(&user, &admin, &body(&format!("{}-x", person.name), true)).await
                }
                "disable client" => {
                    let mut body = crate::people::client_of(&person.client, profile);
                    body.as_object_mut().unwrap().remove("id");
                    body["enabled"] = json!(false);
                    server.put(&client, &admin, &body).await
                }
                _ => {
                    let body = json!({ "user": person.id });
                    server.post("/api/v1/revocations", &admin, &body).await
                }
            };
            assert!(done.status.is_success(), "{profile} {end}: {}", done.text);
            assert!(!server.is_active(access).await, "{profile} {end}");
            let refreshed = person.refresh(&server, refresh).await;
            assert_ne!(refreshed.status, StatusCode::OK, "{profile} {end}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_177_another_user_of_the_same_name_inherits_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let alice = Person::new(&server, &admin, "alice", "rfc9068").await;
    let members = json!({ "name": "team", "members": [{ "who": { "user": alice.id } }] });
    let group = server.made("/api/v1/groups", &admin, &members).await;
    let gone = server.delete(&format!("/api/v1/users/{}", alice.id), &admin).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    let again = json!({ "realm": "customers", "name": "Alice" });
    let again = server.made("/api/v1/users", &admin, &again).await;
    assert_ne!(again["id"], json!(alice.id));
    let path = format!("/api/v1/groups/{}", group["id"].as_str().unwrap());
    assert_eq!(server.get(&path, &admin).await.body["members"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_password_can_be_rotated_without_a_gap() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let alice = Person::new(&server, &admin, "alice", "rfc9068").await;
    let path = format!("/api/v1/users/{}/password", alice.id);
    let kept = server.post(&path, &admin, &json!({ "keep_previous": true })).await;
    assert_eq!(kept.status, StatusCode::OK);
    assert!(kept.body["password"].as_str().unwrap().starts_with("gsp_"));
    assert_eq!(alice.sign_in(&server).await.status, StatusCode::OK, "the old one still works");
    let replaced = server.post(&path, &admin, &json!({ "keep_previous": true })).await;
    assert_eq!(replaced.status, StatusCode::OK);
    assert_eq!(alice.sign_in(&server).await.status, StatusCode::BAD_REQUEST, "two at most");
    server.stop().await;
}
