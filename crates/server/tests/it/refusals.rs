//! Bad input: refused for the right reason, with the place, and without a trace.

use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn client() -> Value {
    json!({
        "auth_method": "client_secret_basic",
        "grant_types": ["client_credentials"],
        "scopes": ["uid"],
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[tokio::test]
async fn sec_164_unknown_and_read_only_members_are_refused_and_named() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    server.made("/api/v1/clients", &admin, &with(client(), "id", json!("shop"))).await;
    let user = json!({ "realm": "customers", "name": "alice" });
    let user = server.made("/api/v1/users", &admin, &user).await;
    let user = format!("/api/v1/users/{}", user["id"].as_str().unwrap());
    let body = || json!({ "realm": "customers", "name": "alice" });
    let scope = |rule: Value| json!({ "token": "x.y", "rule": rule, "summary": { "en": "x" }, "resource_type": null });
    let table = [
        ("PUT", &*user, with(body(), "roles", json!(["admin"])), "/roles"),
        ("PUT", &user, with(body(), "tenant", json!("other")), "/tenant"),
        ("PUT", &user, with(body(), "id", json!("usr_1")), "/id"),
        ("PUT", &user, with(body(), "passwords", json!([])), "/passwords"),
        ("PUT", &user, with(body(), "created", json!(0)), "/created"),
        ("PUT", "/api/v1/clients/shop", with(client(), "secrets", json!([])), "/secrets"),
        ("PUT", "/api/v1/clients/shop", with(client(), "id", json!("x")), "/id"),
        (
            "PUT",
            "/api/v1/clients/shop",
            with(client(), "compat", json!({ "anything": true })),
            "/compat",
        ),
        (
            "POST",
            "/api/v1/scopes",
            scope(json!({ "granted": "always", "groups": [] })),
            "/rule/groups",
        ),
        ("POST", "/api/v1/scopes", scope(json!({ "granted": "never" })), "/rule"),
        (
            "PUT",
            "/api/v1/clients/shop",
            with(client(), "compat", json!({ "anything": false })),
            "/compat",
        ),
        ("PUT", &user, with(body(), "enabled", json!("yes")), "/enabled"),
        ("PUT", &user, with(body(), "realm", json!("employees")), "/realm"),
    ];
    for (method, path, body, pointer) in table {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = server.request(method, path).bearer_auth(&admin).header("if-match", "*");
        let answer = Answer::of(request.json(&body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {pointer}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let place = answer.body["errors"][0]["pointer"].as_str().unwrap();
        assert!(place.starts_with(pointer) || pointer.starts_with(place), "{pointer}: {place}");
    }
    assert_eq!(server.get(&user, &admin).await.header("etag"), "\"1\"", "nothing was written");
    // A switch may be sent as off, whether or not it is told when it is off.
    let off = json!({ "implicit": false, "assertion_audience": false });
    let off = with(client(), "compat", off);
    let done = server.put("/api/v1/clients/shop", &admin, &off).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    server.stop().await;
}

#[tokio::test]
async fn sec_152_a_change_is_refused_for_what_a_registration_is_refused_for() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    server.made("/api/v1/clients", &admin, &with(client(), "id", json!("shop"))).await;
    let small = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] });
    let table = [
        (with(client(), "scopes", json!(["no.such"])), "/scopes/0"),
        (with(client(), "realms", json!(["nowhere"])), "/realms/0"),
        (with(client(), "application", json!("nothing")), "/application"),
        (with(client(), "audiences", json!(["not a uri"])), "/audiences/0"),
        (with(client(), "access_token_seconds", json!(99_999_999)), "/access_token_seconds"),
        (with(client(), "jwks", small.clone()), "/jwks/keys/0"),
        (with(client(), "auth_method", json!("none")), "/grant_types"),
        (with(client(), "auth_method", json!("private_key_jwt")), "/jwks"),
        (with(client(), "compat", json!({ "password_grant": true })), "/compat/password_grant"),
        (with(client(), "name", json!("Shop\u{202e}poh")), "/name"),
    ];
    for (body, pointer) in table {
        let made = with(body.clone(), "id", json!("other"));
        let created = server.post("/api/v1/clients", &admin, &made).await;
        let changed = server.put("/api/v1/clients/shop", &admin, &body).await;
        for answer in [&created, &changed] {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer}: {}", answer.text);
            let errors = answer.body["errors"].as_array().unwrap();
            assert!(errors.iter().any(|e| e["pointer"] == pointer), "{pointer}: {}", answer.text);
        }
        assert_eq!(created.body["errors"], changed.body["errors"]);
    }
    // What is left out is the safe default, not what it was.
    let lenient =
        with(with(client(), "consent_bypass", json!(true)), "compat", json!({ "basic_raw": true }));
    assert_eq!(server.put("/api/v1/clients/shop", &admin, &lenient).await.status, StatusCode::OK);
    let strict = server.put("/api/v1/clients/shop", &admin, &client()).await;
    assert_eq!(strict.body["consent_bypass"], false);
    assert_eq!(strict.body["compat"]["basic_raw"], false);
    server.stop().await;
}

#[tokio::test]
async fn sec_012_sec_007_bodies_are_json_of_bounded_size_and_depth() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let post = |kind: &str, body: String| {
        let request = server.request(Method::POST, "/api/v1/groups").bearer_auth(&admin);
        Answer::of(request.header("content-type", kind.to_owned()).body(body))
    };
    let group = json!({ "name": "team" }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "text/json"] {
        let answer = post(kind, group.clone()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let json = "application/json; charset=utf-8";
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(40), "]".repeat(40));
    for (what, body) in [
        ("twice", r#"{"name":"a","name":"b"}"#.to_owned()),
        ("deep", deep),
        ("array", "[]".to_owned()),
        ("behind", format!("{group}{group}")),
        ("empty", String::new()),
        ("control", "{\"name\":\"a\nb\"}".to_owned()),
    ] {
        assert_eq!(post(json, body).await.status, StatusCode::BAD_REQUEST, "{what}");
    }
    let long = json!({ "name": "a", "description": "x".repeat(1024 * 1024) }).to_string();
    assert_eq!(post(json, long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post(json, group).await.status, StatusCode::CREATED);
    server.stop().await;
}

#[tokio::test]
async fn sec_165_pages_are_followed_by_whoever_got_them_and_by_nobody_else() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    for number in 0..7 {
        server.made("/api/v1/groups", &admin, &json!({ "name": format!("g{number}") })).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/groups?limit=3".to_owned();
    let mut tokens = Vec::new();
    loop {
        let page = server.get(&path, &admin).await;
        let items = page.body["items"].as_array().unwrap().clone();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(token) = page.body["next_page_token"].as_str() else { break };
        tokens.push(token.to_owned());
        path = format!("/api/v1/groups?limit=3&page_token={token}");
    }
    seen.sort();
    assert_eq!(seen, ["g0", "g1", "g2", "g3", "g4", "g5", "g6"]);

    let other = server.delegate("other", &["grantor.group_read", "grantor.user_read"]).await;
    let token = &tokens[0];
    let other_letter = if token.as_bytes()[20] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other_letter}{}", &token[..20], &token[21..]);
    for (what, path, caller) in [
        ("another caller", format!("/api/v1/groups?page_token={token}"), &other),
        ("another list", format!("/api/v1/users?page_token={token}"), &admin),
        ("another filter", format!("/api/v1/groups?name=g1&page_token={token}"), &admin),
        ("altered", format!("/api/v1/groups?page_token={altered}"), &admin),
        ("made up", "/api/v1/groups?page_token=gpt_AQAA".to_owned(), &admin),
        ("sort", "/api/v1/groups?sort=name%3Bdrop%20table".to_owned(), &admin),
        ("order", "/api/v1/groups?order=(select%201)".to_owned(), &admin),
        ("limit", "/api/v1/groups?limit=201".to_owned(), &admin),
        ("limit empty", "/api/v1/groups?limit=".to_owned(), &admin),
        ("limit zero", "/api/v1/groups?limit=0".to_owned(), &admin),
        ("twice", "/api/v1/groups?limit=1&limit=2".to_owned(), &admin),
    ] {
        let answer = server.get(&path, caller).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {}", answer.text);
    }
    server.stop().await;
}
