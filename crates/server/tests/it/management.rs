//! The management API as stories.

use grantor_testkit::TestServer;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::json;

use grantor_testkit::Answer;

#[tokio::test]
async fn a_batch_job_is_registered_and_gets_the_scope_it_was_assigned() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let made = |answer: Answer| {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer
    };

    let owned = json!({ "id": "sales_order", "name": "Sales order", "owners": ["customers"] });
    made(server.post("/api/v1/resource-types", &admin, &owned).await);
    let scope = json!({
        "token": "sales_order.read_all",
        "resource_type": "sales_order",
        "rule": { "granted": "assigned" },
        "summary": { "en": "Read every sales order" },
    });
    made(server.post("/api/v1/scopes", &admin, &scope).await);
    let client = json!({
        "id": "order-analytics",
        "auth_method": "client_secret_basic",
        "grant_types": ["client_credentials"],
        "scopes": ["sales_order.read_all", "uid"],
    });
    let client = made(server.post("/api/v1/clients", &admin, &client).await);
    assert_eq!(client.header("location"), "/api/v1/clients/order-analytics");
    let secret = client.body["client_secret"].as_str().unwrap();

    let asked = Some("uid sales_order.read_all");
    let refused = server.client_credentials("order-analytics", secret, asked).await;
    assert_eq!(refused.body["error"], "invalid_scope", "{}", refused.text);

    let assignment = json!({
        "principal": { "client": "order-analytics" },
        "scope": "sales_order.read_all",
        "reason": "Nightly report",
    });
    let assignment = made(server.post("/api/v1/assignments", &admin, &assignment).await);
    let token = server.client_token("order-analytics", secret, asked).await;
    assert!(server.is_active(&token).await);

    // What was decided can be read later, the refusal with what would change it.
    let id = refused.body["decision_id"].as_str().unwrap();
    let why = server.get(&format!("/api/v1/decisions/{id}"), &admin).await;
    assert_eq!(why.status, StatusCode::OK, "{}", why.text);
    assert_eq!(why.body["outcome"], "refused");
    assert!(why.text.contains("assign sales_order.read_all to client order-analytics"));

    let id = assignment.body["id"].as_str().unwrap();
    let gone = server.delete(&format!("/api/v1/assignments/{id}"), &admin).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let refused = server.client_credentials("order-analytics", secret, asked).await;
    assert_eq!(refused.body["error"], "invalid_scope");
    server.stop().await;
}

#[tokio::test]
async fn an_application_is_registered_with_its_service_user_and_client_or_not_at_all() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let allowed = json!({ "password_grant": true, "services": true, "default_scopes": ["uid"] });
    server.put("/api/v1/realms/services", &admin, &allowed).await;
    let with_scopes = |scopes: serde_json::Value| {
        json!({
            "id": "analytics", "team": "data", "name": "Analytics",
            "new_service_user": { "realm": "services", "name": "stups_analytics" },
            "new_client": {
                "id": "analytics-batch", "auth_method": "client_secret_post",
                "grant_types": ["password"], "scopes": scopes,
                "compat": { "password_grant": true },
            },
        })
    };
    let refused =
        server.post("/api/v1/applications", &admin, &with_scopes(json!(["no.such"]))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.body["errors"][0]["pointer"], "/new_client/scopes/0");
    for path in ["applications/analytics", "clients/analytics-batch"] {
        let path = format!("/api/v1/{path}");
        assert_eq!(server.get(&path, &admin).await.status, StatusCode::NOT_FOUND);
    }
    let low = server.delegate("registrar", &["grantor.application_write"]).await;
    let refused = server.post("/api/v1/applications", &low, &with_scopes(json!(["uid"]))).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.header("www-authenticate").contains("grantor.user_write"));

    let made = server.made("/api/v1/applications", &admin, &with_scopes(json!(["uid"]))).await;
    let form = [
        ("grant_type", "password"),
        ("realm", "services"),
        ("username", "stups_analytics"),
        ("password", made["service_user_password"].as_str().unwrap()),
        ("client_id", made["client_id"].as_str().unwrap()),
        ("client_secret", made["client_secret"].as_str().unwrap()),
    ];
    let token = Answer::of(server.request(Method::POST, "/oauth2/token").form(&form)).await;
    assert_eq!(token.status, StatusCode::OK, "{}", token.text);

    // An inactive application has nothing left.
    let inactive = json!({
        "team": "data", "name": "Analytics", "service_user": made["service_user"], "active": false,
    });
    let done = server.put("/api/v1/applications/analytics", &admin, &inactive).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(!server.is_active(token.body["access_token"].as_str().unwrap()).await);
    let kept = server.delete("/api/v1/applications/analytics", &admin).await;
    assert_eq!(kept.status, StatusCode::CONFLICT, "it still has a client");
    for path in ["clients/analytics-batch", "applications/analytics"] {
        let gone = server.delete(&format!("/api/v1/{path}"), &admin).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{path}: {}", gone.text);
    }
    let user = format!("/api/v1/users/{}", made["service_user"].as_str().unwrap());
    assert_eq!(server.get(&user, &admin).await.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

/// SEC-190: an event for each change, in the log when the change is acknowledged, with what was
/// and what is, and no event for what was refused by a rule.
#[tokio::test]
async fn sec_190_every_change_is_in_the_audit_log_with_before_and_after() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let before = server.get("/api/v1/audit?limit=200", &admin).await.body["items"].clone();
    let before = before.as_array().unwrap().len();
    let group = server.made("/api/v1/groups", &admin, &json!({ "name": "team" })).await;
    let path = format!("/api/v1/groups/{}", group["id"].as_str().unwrap());
    server.put(&path, &admin, &json!({ "name": "crew" })).await;
    let refused = server.put(&path, &admin, &json!({ "name": "" })).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    server.delete(&path, &admin).await;
    server.made("/api/v1/keys", &admin, &json!({ "ahead_seconds": 0 })).await;
    server.post("/api/v1/revocations", &admin, &json!({ "client": "admin" })).await;

    // What was issued in the second of the revocation is dead too.
    server.clock.advance(SignedDuration::from_secs(1));
    let admin = server.delegate("auditor", &["grantor.audit_read"]).await;
    let log = server.get("/api/v1/audit?limit=200", &admin).await;
    let events = &log.body["items"].as_array().unwrap()[before..];
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let ours =
        ["group.created", "group.changed", "group.deleted", "key.created", "revocation.added"];
    let found: Vec<&&str> = kinds.iter().filter(|kind| ours.contains(kind)).collect();
    assert_eq!(found, ours.iter().collect::<Vec<_>>(), "{kinds:?}");
    let changed = events.iter().find(|event| event["kind"] == "group.changed").unwrap();
    assert_eq!(changed["actor"], "client:admin");
    assert_eq!(changed["address"], "127.0.0.1");
    assert_eq!(changed["subject"], json!(path.replace("/api/v1/groups/", "group/")));
    assert_eq!(changed["detail"]["before"]["name"], "team");
    assert_eq!(changed["detail"]["after"]["name"], "crew");
    server.stop().await;
}

#[tokio::test]
async fn sec_095_a_withdrawn_key_is_worth_nothing_and_another_signs() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let keys = server.get("/api/v1/keys", &admin).await;
    let items = keys.body["items"].as_array().unwrap();
    let key = items.iter().find(|key| key["alg"] == "ES256").unwrap();
    assert_eq!(key["state"], "active");
    let path = format!("/api/v1/keys/{}/withdrawal", key["kid"].as_str().unwrap());
    let done = server.post(&path, &admin, &json!({})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(done.body["successor"].is_string());
    assert_eq!(server.get("/api/v1/keys", &admin).await.status, StatusCode::UNAUTHORIZED);
    let again = server.admin_token().await;
    let keys = server.get("/api/v1/keys", &again).await;
    let states: Vec<_> =
        keys.body["items"].as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert!(states.contains(&json!("withdrawn")) && states.contains(&json!("active")));
    server.stop().await;
}

#[tokio::test]
async fn of_two_changes_of_one_version_the_second_is_told_to_read_again() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let path = "/api/v1/realms/customers";
    let before = server.get(path, &admin).await;
    let change = |etag: Option<String>| {
        let body = json!({ "password_grant": true, "default_scopes": ["uid"] });
        let mut request = server.request(Method::PUT, path).bearer_auth(&admin).json(&body);
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        Answer::of(request)
    };
    assert_eq!(change(None).await.status, StatusCode::PRECONDITION_REQUIRED);
    let etag = Some(before.header("etag").to_owned());
    let all = futures_util::future::join_all((0..8).map(|_| change(etag.clone()))).await;
    let done = all.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let late = all.iter().filter(|a| a.status == StatusCode::PRECONDITION_FAILED).count();
    assert_eq!((done, late), (1, 7));
    let after = server.get(path, &admin).await;
    assert_eq!(after.body["password_grant"], true);
    assert_ne!(after.header("etag"), before.header("etag"));
    server.stop().await;
}
