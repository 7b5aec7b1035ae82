//! Two tenants on one server know nothing of each other.

use grantor_server::routes::{self, Guard};
use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::people::Person;

/// A second tenant under a path of the first one's issuer, and a token of its administrator.
pub(crate) async fn globex(server: &TestServer, admin: &str) -> String {
    let issuer = format!("{}/globex", server.issuer);
    let body = json!({ "name": "globex", "issuer": issuer });
    server.made("/api/v1/tenants", admin, &body).await;
    let path = "/api/v1/tenants/globex/bootstrap-secret";
    let secret = server.made(path, admin, &json!({})).await;
    // It is for that tenant, and for no other.
    let redeemed = json!({ "secret": secret["secret"] });
    let here = server.request(Method::POST, "/api/v1/bootstrap").json(&redeemed);
    assert_eq!(Answer::of(here).await.status, StatusCode::UNAUTHORIZED);
    let there = server.request(Method::POST, "/globex/api/v1/bootstrap").json(&redeemed);
    let made = Answer::of(there).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let again = server.post(path, admin, &json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "it has an administrator now");
    let request = server.request(Method::POST, "/globex/oauth2/token");
    let request = request.basic_auth("admin", made.body["client_secret"].as_str());
    let answer = Answer::of(request.form(&[("grant_type", "client_credentials")])).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sec_163_nothing_of_one_tenant_is_seen_or_touched_from_another() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let other = globex(&server, &admin).await;
    let alice = Person::new(&server, &admin, "alice", "rfc9068").await;
    alice.sign_in(&server).await;
    let group = server.made("/api/v1/groups", &admin, &json!({ "name": "acme-only" })).await;
    let group = group["id"].as_str().unwrap();
    let grants = server.get("/api/v1/grants", &admin).await;
    let grant = grants.body["items"][0]["id"].as_str().unwrap();

    assert_eq!(server.get("/api/v1/users", &other).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get("/globex/api/v1/users", &admin).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get("/globex/api/v1/tenants", &other).await.status, StatusCode::FORBIDDEN);

    for path in [
        format!("users/{}", alice.id),
        format!("groups/{group}"),
        format!("clients/{}", alice.client),
        format!("grants/{grant}"),
    ] {
        let path = format!("/globex/api/v1/{path}");
        assert_eq!(server.get(&path, &other).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(server.delete(&path, &other).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let refused = [
        ("groups", json!({ "name": "x", "members": [{ "who": { "user": alice.id } }] })),
        ("groups", json!({ "name": "x", "members": [{ "who": { "group": group } }] })),
        (
            "assignments",
            json!({ "principal": { "user": alice.id }, "scope": "grantor.key_read", "reason": "x" }),
        ),
        ("revocations", json!({ "user": alice.id })),
        (
            "applications",
            json!({ "id": "app", "team": "t", "name": "n", "service_user": alice.id }),
        ),
    ];
    for (path, body) in refused {
        let answer = server.post(&format!("/globex/api/v1/{path}"), &other, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text);
    }
    let page = server.get("/api/v1/scopes?limit=1", &admin).await;
    let token = page.body["next_page_token"].as_str().unwrap();
    let answer = server.get(&format!("/globex/api/v1/scopes?page_token={token}"), &other).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);

    for route in routes::public().table() {
        if matches!(route.guard, Guard::Permit(_))
            && route.method == "GET"
            && !route.path.contains('{')
        {
            let answer = server.get(&format!("/globex{}", route.path), &other).await;
            for id in [&*alice.id, group, grant, &*alice.client, "acme-only"] {
                assert!(!answer.text.contains(id), "{} shows {id}", route.path);
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_tenant_issues_nothing_and_what_it_issued_is_dead() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let other = globex(&server, &admin).await;
    assert_eq!(server.get("/globex/api/v1/me", &other).await.status, StatusCode::OK);
    let before = server.get("/api/v1/tenants/globex", &admin).await;
    let mut body: Value = before.body.clone();
    body.as_object_mut().unwrap().remove("name");
    body["enabled"] = json!(false);
    let disabled = server.put("/api/v1/tenants/globex", &admin, &body).await;
    assert_eq!(disabled.status, StatusCode::OK, "{}", disabled.text);
    let answer = server.get("/globex/api/v1/me", &other).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let list = server.get("/api/v1/tenants", &admin).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_is_made_in_a_tenant_with_a_path_is_found_where_location_says() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let other = globex(&server, &admin).await;
    for (token, api) in [(&admin, "/api/v1"), (&other, "/globex/api/v1")] {
        let made = server.post(&format!("{api}/groups"), token, &json!({ "name": "staff" })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let location = made.header("location");
        assert!(location.starts_with(&format!("{api}/groups/")), "{location}");
        assert_eq!(server.get(location, token).await.body["name"], "staff");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_database_with_other_tenants_gets_no_second_default_one() {
    use grantor_server::{clock::Clock as _, seed};

    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let name = "two".parse().unwrap();
    let now = server.clock.now();
    let made = seed::first_start(&*server.app.store, &name, "http://127.0.0.1:1", &[], now).await;
    let why = made.unwrap_err();
    let words = std::error::Error::source(&why).expect("a reason").to_string();
    assert!(words.contains("two") && words.contains("main"), "{words}");
    let tenants = server.get("/api/v1/tenants", &admin).await;
    assert_eq!(tenants.body["items"].as_array().unwrap().len(), 1, "{}", tenants.text);
    server.stop().await;
}
