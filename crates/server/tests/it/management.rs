//! The management API as stories.

use grantor_testkit::TestServer;
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
