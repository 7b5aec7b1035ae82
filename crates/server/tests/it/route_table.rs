//! Rules that hold for every route, the ones of next year included.

use grantor_server::routes::{self, Guard, Route};
use grantor_testkit::{Answer, TestServer};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::openid::Openid;

async fn call(server: &TestServer, route: &Route, token: Option<&str>) -> Answer {
    let segments =
        route.path.split('/').map(|part| if part.starts_with('{') { "xx" } else { part });
    let path = segments.collect::<Vec<_>>().join("/");
    let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
    let mut request = server.request(method, &path).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    Answer::of(request).await
}

/// A token that names another API than this one.
async fn for_another_api(server: &TestServer, admin: &str) -> String {
    let kind = json!({ "id": "order", "name": "Order", "audience": "https://orders.example" });
    server.made("/api/v1/resource-types", admin, &kind).await;
    let scope = json!({
        "token": "order.list", "resource_type": "order",
        "rule": { "granted": "assigned" }, "summary": { "en": "List orders" },
    });
    server.made("/api/v1/scopes", admin, &scope).await;
    server.delegate("orders", &["order.list"]).await
}

/// A token of somebody who might do everything until a moment ago.
async fn of_a_disabled_administrator(server: &TestServer, admin: &str) -> String {
    let every: Vec<&str> = grantor_server::access::ALL.iter().map(|p| p.scope).collect();
    let token = server.delegate("former", &every).await;
    assert_eq!(server.get("/api/v1/clients", &token).await.status, StatusCode::OK);
    let off = json!({ "auth_method": "client_secret_basic", "enabled": false });
    let done = server.put("/api/v1/clients/former", admin, &off).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    token
}

/// What is no token for this API, whoever's it is.
async fn worthless(world: &Openid) -> Vec<(&'static str, String)> {
    let (server, admin) = (&world.server, &world.admin);
    let elsewhere = TestServer::start().await;
    let foreign = elsewhere.admin_token().await;
    elsewhere.stop().await;
    let bought = world.redeemed("openid offline_access").await;
    let of_jane = |name: &str| bought[name].as_str().unwrap().to_owned();
    vec![
        ("garbage", "x".to_owned()),
        ("another server's", foreign),
        ("another tenant's administrator's", crate::tenants::globex(server, admin).await),
        ("for another API", for_another_api(server, admin).await),
        ("of a disabled administrator", of_a_disabled_administrator(server, admin).await),
        ("an id_token", of_jane("id_token")),
        ("a refresh token", of_jane("refresh_token")),
        ("a client secret", world.secret.clone()),
        ("a session", world.cookie.clone()),
        ("a code", world.given("openid").await),
    ]
}

fn guarded() -> impl Iterator<Item = Route> {
    let table = routes::public().table().to_vec();
    table.into_iter().filter(|route| matches!(route.guard, Guard::Permit(_)))
}

#[tokio::test]
async fn sec_161_sec_188_no_guarded_route_answers_without_the_permission() {
    let world = Openid::start(json!({})).await;
    let worthless = worthless(&world).await;
    let of_jane = world.redeemed("openid uid").await["access_token"].as_str().unwrap().to_owned();
    let Openid { server, admin, .. } = world;
    let client = json!({
        "id": "nobody",
        "auth_method": "client_secret_basic",
        "grant_types": ["client_credentials"],
        "scopes": ["uid"],
    });
    let client = server.post("/api/v1/clients", &admin, &client).await;
    let secret = client.body["client_secret"].as_str().unwrap();
    let weak = server.client_token("nobody", secret, Some("uid")).await;
    assert!(guarded().count() > 40, "the table is not empty");

    for route in guarded() {
        let name = format!("{} {}", route.method, route.path);
        let none = call(&server, &route, None).await;
        assert_eq!(none.status, StatusCode::UNAUTHORIZED, "{name}");
        // SEC-188: no error code where no token was sent.
        assert_eq!(none.header("www-authenticate"), "Bearer realm=\"grantor\"", "{name}");
        for (what, token) in &worthless {
            let answer = call(&server, &route, Some(token)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name} {what}");
            assert!(answer.header("www-authenticate").contains("invalid_token"), "{name}");
        }
        let Guard::Permit(scope) = route.guard else { unreachable!("filtered") };
        for token in [&weak, &of_jane] {
            let answer = call(&server, &route, Some(token)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
            let challenge = answer.header("www-authenticate");
            let said = challenge.contains("insufficient_scope") && challenge.contains(scope);
            assert!(said, "{name}: {challenge}");
        }
    }

    server.clock.advance(SignedDuration::from_hours(1));
    for route in guarded() {
        let answer = call(&server, &route, Some(&admin)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} expired", route.path);
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_161_what_is_about_the_caller_needs_to_know_him() {
    let server = TestServer::start().await;
    for route in routes::public().table() {
        let ours = route.path.starts_with("/api/") || route.path.starts_with("/resource-types");
        if ours && route.guard == Guard::Token {
            for token in [None, Some("x")] {
                let answer = call(&server, route, token).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", route.path);
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_018_the_description_and_the_figures_are_not_for_strangers() {
    let server = TestServer::start().await;
    let public = |path: &str| Answer::of(server.request(Method::GET, path));
    for path in ["/metrics", "/healthz", "/readyz"] {
        let request = server.request(Method::GET, path).header("user-agent", "kube-probe/1.30");
        assert_eq!(Answer::of(request).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(public("/api/v1/openapi.json").await.status, StatusCode::UNAUTHORIZED);
    let weak = server.delegate("weak", &["uid"]).await;
    let refused = server.get("/api/v1/openapi.json", &weak).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    let reader = server.delegate("reader", &["grantor.realm_read"]).await;
    let described = server.get("/api/v1/openapi.json", &reader).await;
    assert_eq!(described.body["openapi"], "3.1.0");
    let inside = server.http.get(format!("{}/api/v1/openapi.json", server.operations));
    assert_eq!(Answer::of(inside).await.body, described.body);
    let nowhere = public("/api/v1/nothing").await;
    assert_eq!(nowhere.header("content-type"), "application/problem+json");
    server.stop().await;
}

#[test]
fn sec_161_every_route_of_the_api_has_a_guard() {
    for route in routes::public().table() {
        if route.path.starts_with("/api/") {
            assert!(!matches!(route.guard, Guard::Open | Guard::Client), "{}", route.path);
        }
    }
}

#[test]
fn the_description_and_the_route_table_agree() {
    let described = serde_json::to_value(grantor_server::api::openapi()).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    let mut in_table = 0;
    for route in routes::public().table().iter().filter(|r| r.path.starts_with("/api/v1/")) {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &described["paths"][&route.path][&method];
        assert!(operation.is_object(), "{method} {} is not described", route.path);
        if let Guard::Permit(scope) = route.guard {
            assert_eq!(operation["security"][0]["bearer"][0], scope, "{}", route.path);
        }
        in_table += 1;
    }
    // Every reference leads somewhere, and nothing is put together of closed parts.
    let text = described.to_string();
    assert!(!text.contains("allOf"));
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(described["components"]["schemas"][name].is_object(), "{name}");
    }
    let paths = described["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(operations, in_table, "something is described that is not there");
}
