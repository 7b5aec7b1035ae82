//! Nobody hands on more than he has, and nobody takes over whoever has more.

use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Everything but the right to write users and the audit log.
const LOW: [&str; 11] = [
    "uid",
    "grantor.realm_write",
    "grantor.user_read",
    "grantor.group_write",
    "grantor.application_write",
    "grantor.client_write",
    "grantor.catalogue_write",
    "grantor.assignment_write",
    "grantor.assignment_read",
    "grantor.revocation_write",
    "grantor.key_write",
];

/// The right that the low administrator is after.
const ABOVE: &str = "grantor.user_write";

struct Scene {
    server: TestServer,
    admin: String,
    low: String,
    /// A user who holds [`ABOVE`] by a group in a group
    boss: String,
    outer: String,
    inner: String,
    assignment: String,
}

async fn scene() -> Scene {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let id = |body: Value| body["id"].as_str().unwrap().to_owned();
    let boss = json!({ "realm": "services", "name": "boss" });
    let boss = id(server.made("/api/v1/users", &admin, &boss).await);
    let inner = json!({ "name": "inner", "members": [{ "who": { "user": boss } }] });
    let inner = id(server.made("/api/v1/groups", &admin, &inner).await);
    let outer = json!({ "name": "outer", "members": [{ "who": { "group": inner } }] });
    let outer = id(server.made("/api/v1/groups", &admin, &outer).await);
    let assignment =
        json!({ "principal": { "group": outer }, "scope": ABOVE, "reason": "they run it" });
    let assignment = id(server.made("/api/v1/assignments", &admin, &assignment).await);
    let app = json!({ "id": "crm", "team": "crm", "name": "CRM" });
    server.made("/api/v1/applications", &admin, &app).await;
    // Somebody else who may write users, to show that the rest of the table is about rights.
    server.delegate("helpdesk", &["grantor.user_write"]).await;
    let low = server.delegate("low", &LOW).await;
    Scene { server, admin, low, boss, outer, inner, assignment }
}

#[tokio::test]
async fn sec_162_a_delegated_administrator_stays_below_his_own_rights() {
    let Scene { server, admin, low, boss, outer, inner, assignment } = scene().await;
    let client = |scopes: Value| {
        json!({
            "auth_method": "client_secret_basic",
            "grant_types": ["client_credentials"],
            "scopes": scopes,
        })
    };
    let mut named = client(json!([ABOVE]));
    named["id"] = json!("mine");
    let member = |name: &str| json!({ "name": name, "members": [{ "who": { "user": boss } }] });
    let assign =
        |principal: Value| json!({ "principal": principal, "scope": ABOVE, "reason": "x" });
    let app = json!({ "team": "crm", "name": "CRM", "service_user": boss });
    let realm = json!({ "default_scopes": ["uid", ABOVE] });
    let table = [
        (
            "assign it to himself",
            "POST",
            "assignments".to_owned(),
            assign(json!({ "client": "low" })),
        ),
        ("assign it to a user", "POST", "assignments".to_owned(), assign(json!({ "user": boss }))),
        ("take it from others", "DELETE", format!("assignments/{assignment}"), json!({})),
        ("register a client for it", "POST", "clients".to_owned(), named),
        ("add it to his client", "PUT", "clients/low".to_owned(), client(json!([ABOVE]))),
        ("by default", "PUT", "realms/services".to_owned(), realm),
        (
            "a new secret of a client that has it",
            "POST",
            "clients/helpdesk/secrets".to_owned(),
            json!({}),
        ),
        ("take over that client", "PUT", "clients/helpdesk".to_owned(), client(json!([]))),
        ("delete that client", "DELETE", "clients/helpdesk".to_owned(), json!({})),
        ("join the group", "PUT", format!("groups/{outer}"), member("outer")),
        ("join a group in the group", "PUT", format!("groups/{inner}"), member("inner")),
        ("the service user of an application", "PUT", "applications/crm".to_owned(), app),
    ];
    for (what, method, path, body) in &table {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = server.request(method, &format!("/api/v1/{path}")).bearer_auth(&low);
        let answer = Answer::of(request.header("if-match", "*").json(body)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.text);
        assert!(answer.text.contains("grantor.user_write"), "{what}: {}", answer.text);
    }
    server.app.audit.flush(&*server.app.store, jiff::Timestamp::UNIX_EPOCH).await;
    let log = server.get("/api/v1/audit?limit=200", &admin).await;
    let refused = log.body["items"].as_array().unwrap().iter();
    let refused =
        refused.filter(|e| e["kind"] == "permission.refused" && e["actor"] == "client:low");
    assert_eq!(refused.count(), 12);
    // Whoever holds the right may do all that: it was the right that was missing.
    for (what, method, path, body) in &table {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = server.request(method, &format!("/api/v1/{path}")).bearer_auth(&admin);
        let answer = Answer::of(request.header("if-match", "*").json(body)).await;
        assert_ne!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.text);
        assert_ne!(answer.status, StatusCode::NOT_FOUND, "{what}: {}", answer.text);
    }
    server.stop().await;
}

/// Everything that decides what anybody may do.
async fn rights_of_all(server: &TestServer, admin: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for list in ["assignments", "groups", "clients", "realms", "scopes", "applications", "users"] {
        let path = format!("/api/v1/{list}?limit=200");
        let answer = server.get(&path, admin).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        assert!(answer.body.get("next_page_token").is_none(), "{list}: one page is not all");
        all.push(answer.body);
    }
    all
}

/// For every permission that the caller has not: each way to it that one call of the API could be.
#[tokio::test]
async fn sec_162_no_call_raises_anybody_above_the_caller_whatever_the_permission() {
    let Scene { server, admin, low, boss, .. } = scene().await;
    let above: Vec<&str> = grantor_server::access::ALL.iter().map(|p| p.scope).collect();
    let above: Vec<&str> = above.into_iter().filter(|scope| !LOW.contains(scope)).collect();
    assert!(above.len() > 5 && above.contains(&ABOVE), "{above:?}");
    let client = |scopes: Value| {
        json!({
            "auth_method": "client_secret_basic", "grant_types": ["client_credentials"],
            "scopes": scopes,
        })
    };
    for (n, scope) in above.into_iter().enumerate() {
        // A client and a group that have it.
        let (theirs, group) = (format!("holder-{n}"), json!({ "name": format!("holders-{n}") }));
        server.delegate(&theirs, &[scope]).await;
        let group = server.made("/api/v1/groups", &admin, &group).await;
        let group = group["id"].as_str().unwrap().to_owned();
        let held = json!({ "principal": { "group": group }, "scope": scope, "reason": "x" });
        let held = server.made("/api/v1/assignments", &admin, &held).await;
        let assign =
            |who: Value| json!({ "principal": who, "scope": scope, "reason": "because I say so" });
        let joined = json!({ "name": "mine", "members": [{ "who": { "user": boss } }] });
        let mut mine = client(json!([scope]));
        mine["id"] = json!("mine");
        let before = rights_of_all(&server, &admin).await;
        for (method, path, body) in [
            ("POST", "assignments".to_owned(), assign(json!({ "client": "low" }))),
            ("POST", "assignments".to_owned(), assign(json!({ "user": boss }))),
            ("POST", "assignments".to_owned(), assign(json!({ "group": group }))),
            ("DELETE", format!("assignments/{}", held["id"].as_str().unwrap()), json!({})),
            ("POST", "clients".to_owned(), mine),
            ("PUT", "clients/low".to_owned(), client(json!(["uid", scope]))),
            ("PUT", format!("clients/{theirs}"), client(json!([]))),
            ("POST", format!("clients/{theirs}/secrets"), json!({})),
            ("DELETE", format!("clients/{theirs}"), json!({})),
            ("PUT", "realms/services".to_owned(), json!({ "default_scopes": [scope] })),
            ("PUT", format!("groups/{group}"), joined),
            (
                "PUT",
                format!("scopes/{scope}"),
                json!({
                    "resource_type": "grantor", "rule": { "granted": "always" }, "summary": { "en": "x" },
                }),
            ),
        ] {
            let what = format!("{scope}: {method} {path}");
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = server.request(method, &format!("/api/v1/{path}")).bearer_auth(&low);
            let answer = Answer::of(request.header("if-match", "*").json(&body)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.text);
        }
        assert_eq!(rights_of_all(&server, &admin).await, before, "{scope}: something has changed");
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_162_nobody_becomes_another_who_may_do_more() {
    let Scene { server, boss, .. } = scene().await;
    let helpdesk = server.delegate("support", &["grantor.user_write", "grantor.user_read"]).await;
    let path = format!("/api/v1/users/{boss}");
    // The helpdesk holds the one right that the boss has: he is no more than they are.
    let allowed = server.post(&format!("{path}/password"), &helpdesk, &json!({})).await;
    assert_eq!(allowed.status, StatusCode::OK, "{}", allowed.text);
    let admin = server.admin_token().await;
    let more = json!({
        "principal": { "user": boss }, "scope": "grantor.key_write", "reason": "promoted",
    });
    server.made("/api/v1/assignments", &admin, &more).await;
    let crm = json!({ "realm": "services", "name": "boss", "application": "crm" });
    for answer in [
        server.post(&format!("{path}/password"), &helpdesk, &json!({})).await,
        server.put(&path, &helpdesk, &crm).await,
        server.delete(&path, &helpdesk).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_162_what_permissions_mean_is_nobodys_to_change() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let scope = |token: &str| {
        json!({
            "token": token, "resource_type": "grantor",
            "rule": { "granted": "always" }, "summary": { "en": "x" },
        })
    };
    let mut open = scope("x");
    open.as_object_mut().unwrap().remove("token");
    let kind = json!({ "name": "Mine", "owners": ["customers"] });
    let mut near = kind.clone();
    near["id"] = json!("grantor.x");
    let answers = [
        server.put("/api/v1/scopes/grantor.user_write", &admin, &open).await,
        server.delete("/api/v1/scopes/grantor.user_write", &admin).await,
        server.post("/api/v1/scopes", &admin, &scope("grantor.of_tomorrow")).await,
        server.put("/api/v1/resource-types/grantor", &admin, &kind).await,
        server.delete("/api/v1/resource-types/grantor", &admin).await,
        server.post("/api/v1/resource-types", &admin, &near).await,
    ];
    for answer in answers {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    }
    server.stop().await;
}
