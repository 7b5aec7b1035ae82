//! essentials, as STUPS tools speak to it (`stups.md` 4, 13).

use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn put(server: &TestServer, path: &str, token: &str, body: &Value) -> Answer {
    Answer::of(server.request(Method::PUT, path).bearer_auth(token).json(body)).await
}

#[tokio::test]
async fn stups_38_a_type_and_its_scopes_are_written_and_read_back() {
    let server = TestServer::start().await;
    let token = server.delegate("essentials", &["uid", "grantor.catalogue_write"]).await;
    let path = "/resource-types/sales_order";
    let kind = json!({ "name": "Sales order", "description": "What was bought",
        "resource_owners": ["customers", "employees"] });
    let made = put(&server, path, &token, &kind).await;
    assert_eq!((made.status, made.text.as_str()), (StatusCode::OK, ""));
    for (scope, owner) in
        [("write", json!(true)), ("read", json!("true")), ("read_all", json!(false))]
    {
        let body = json!({ "summary": scope, "is_resource_owner_scope": owner });
        let made = put(&server, &format!("{path}/scopes/{scope}"), &token, &body).await;
        assert_eq!((made.status, made.text.as_str()), (StatusCode::OK, ""));
    }

    let list = server.get("/resource-types", &token).await;
    assert_eq!(list.body, json!([{ "id": "sales_order", "name": "Sales order" }]));
    let one = server.get(path, &token).await;
    let mut expected = kind.clone();
    expected["id"] = json!("sales_order");
    assert_eq!(one.body, expected);
    let scopes = server.get(&format!("{path}/scopes"), &token).await;
    let ids: Vec<&str> =
        scopes.body.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["read", "read_all", "write"]);
    let read = server.get(&format!("{path}/scopes/read"), &token).await;
    let expected = json!({ "id": "read", "summary": "read", "description": "",
        "user_information": "", "is_resource_owner_scope": true, "criticality_level": 2 });
    assert_eq!(read.body, expected);

    // The owners are needed by scopes.
    let mut emptied = kind.clone();
    emptied["resource_owners"] = json!([]);
    let refused = put(&server, path, &token, &emptied).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let message = refused.body["message"].as_str().unwrap();
    assert!(message.starts_with("Cannot remove resource owners from resource type"));
    let details =
        json!({ "resource_type_id": "sales_order", "affected_scope_ids": ["read", "write"] });
    assert_eq!(refused.body["details"], details);

    let gone = Answer::of(server.request(Method::DELETE, path).bearer_auth(&token)).await;
    assert_eq!((gone.status, gone.text.as_str()), (StatusCode::OK, ""));
    let missing = server.get(path, &token).await;
    assert_eq!((missing.status, missing.text.as_str()), (StatusCode::NOT_FOUND, "{}"));
    assert_eq!(server.get(&format!("{path}/scopes"), &token).await.body, json!([]));
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said_in_the_words_of_essentials() {
    let server = TestServer::start().await;
    let token = server.delegate("essentials", &["uid", "grantor.catalogue_write"]).await;
    let free = json!({ "name": "Free" });
    assert_eq!(
        put(&server, "/resource-types/free_type", &token, &free).await.status,
        StatusCode::OK
    );
    let scope = |extra: (&str, Value)| {
        let mut body = json!({ "summary": "x", "is_resource_owner_scope": false });
        body[extra.0] = extra.1;
        body
    };
    let type_of = |extra: (&str, Value)| {
        let mut body = json!({ "name": "x" });
        body[extra.0] = extra.1;
        body
    };
    let one = "/resource-types/free_type/scopes/read";
    let kind = "/resource-types/other_type";
    let table = [
        (
            one,
            scope(("is_resource_owner_scope", json!(true))),
            400,
            "A resource-owner-scope requires",
        ),
        (one, scope(("criticality_level", json!(4))), 400, ""),
        (one, scope(("criticality_level", json!("high"))), 400, ""),
        (one, scope(("surprise", json!(1))), 400, ""),
        (one, scope(("summary", Value::Null)), 400, ""),
        ("/resource-types/free_type/scopes/r", scope(("description", json!(""))), 400, ""),
        ("/resource-types/nothing/scopes/read", scope(("description", json!(""))), 404, ""),
        (
            kind,
            type_of(("resource_owners", json!(["martians"]))),
            400,
            "Resource owner list contains invalid",
        ),
        (kind, type_of(("resource_owners", json!(["customers", "customers"]))), 400, ""),
        (kind, type_of(("name", json!(7))), 400, ""),
        (kind, type_of(("surprise", json!(1))), 400, ""),
        ("/resource-types/Upper", json!({ "name": "x" }), 400, ""),
        ("/resource-types/grantor", json!({ "name": "x" }), 403, "Unauthorized"),
    ];
    for (path, body, status, message) in table {
        let answer = put(&server, path, &token, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.text);
        let said = answer.body["message"].as_str().unwrap_or_default();
        assert!(said.starts_with(message), "{path} {body}: {said}");
    }
    let request = server.request(Method::PUT, kind).bearer_auth(&token).body("name=x");
    let form = Answer::of(request.header("content-type", "text/plain")).await;
    assert_eq!(form.status, StatusCode::NOT_ACCEPTABLE);
    server.stop().await;
}

#[tokio::test]
async fn an_application_writes_the_types_that_are_named_after_it() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let user = json!({ "realm": "services", "name": "stups_sales" });
    let user = server.made("/api/v1/users", &admin, &user).await;
    let app = json!({ "id": "sales", "team": "sales", "name": "Sales" });
    server.made("/api/v1/applications", &admin, &app).await;
    let id = user["id"].as_str().unwrap();
    let user = json!({ "realm": "services", "name": "stups_sales", "application": "sales" });
    assert_eq!(server.put(&format!("/api/v1/users/{id}"), &admin, &user).await.status, 200);
    let app = json!({ "team": "sales", "name": "Sales", "service_user": id });
    assert_eq!(server.put("/api/v1/applications/sales", &admin, &app).await.status, 200);
    let client = json!({
        "id": "sales-robot", "application": "sales", "auth_method": "client_secret_basic",
        "grant_types": ["client_credentials"], "scopes": ["uid"], "token_profile": "stups",
    });
    let client = server.made("/api/v1/clients", &admin, &client).await;
    let secret = client["client_secret"].as_str().unwrap();
    let token = server.client_token("sales-robot", secret, Some("uid")).await;

    let kind = json!({ "name": "x" });
    let own = put(&server, "/resource-types/sales_order", &token, &kind).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    for (path, status) in [("/resource-types/stock_item", 403), ("/resource-types/a1", 400)] {
        let answer = put(&server, path, &token, &kind).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    // The token may come as `Token`, or as the password of `oauth2`.
    let bare = server.request(Method::GET, "/resource-types");
    let token_scheme = bare.header("authorization", format!("Token {token}"));
    assert_eq!(Answer::of(token_scheme).await.status, StatusCode::OK);
    let basic = server.request(Method::GET, "/resource-types").basic_auth("oauth2", Some(&token));
    assert_eq!(Answer::of(basic).await.status, StatusCode::OK);

    let without_uid = server.delegate("no-uid", &["grantor.catalogue_write"]).await;
    let answer = server.get("/resource-types", &without_uid).await;
    assert_eq!(
        (answer.status, &answer.body["message"]),
        (StatusCode::FORBIDDEN, &json!("Forbidden"))
    );
    let nobody = server.get("/resource-types", "x").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.text, r#"{"message":"Unauthorized"}"#);
    server.stop().await;
}

#[tokio::test]
async fn stups_45_every_preflight_is_answered_without_a_token() {
    let server = TestServer::start().await;
    for path in [
        "/resource-types",
        "/resource-types/x1",
        "/resource-types/x1/scopes",
        "/resource-types/x1/scopes/read",
        "/oauth2/tokeninfo",
    ] {
        let request = server
            .request(Method::OPTIONS, path)
            .header("origin", "https://ui.example")
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization");
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert!(answer.header("access-control-allow-headers").contains("authorization"), "{path}");
        assert_eq!(answer.header("access-control-max-age"), "3600", "{path}");
    }
    server.stop().await;
}
