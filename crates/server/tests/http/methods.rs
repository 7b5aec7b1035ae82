//! Only what is declared works.

use std::collections::BTreeMap;

use grantor_server::routes;
use grantor_testkit::TestServer;
use reqwest::{Method, StatusCode};

use crate::wire::{send, status};

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::TRACE,
];

/// The methods of each path; a path's parameters filled in with something.
fn declared() -> BTreeMap<String, Vec<Method>> {
    let mut paths: BTreeMap<String, Vec<Method>> = BTreeMap::new();
    for route in routes::public().table() {
        let filled = |part: &str| if part.starts_with('{') { "x".into() } else { part.to_owned() };
        let path = route.path.split('/').map(filled).collect::<Vec<_>>().join("/");
        let methods = paths.entry(path).or_default();
        methods.push(route.method.clone());
        if route.method == Method::GET {
            methods.push(Method::HEAD);
        }
    }
    paths
}

#[tokio::test]
async fn sec_011_other_methods_than_the_declared_are_405() {
    let server = TestServer::start().await;
    for (path, declared) in declared() {
        for method in METHODS.into_iter().filter(|method| !declared.contains(method)) {
            let answer = server.request(method.clone(), &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert!(answer.headers().contains_key("allow"), "{method} {path} names no method");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_011_reading_issues_and_revokes_nothing() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for path in [
        "/oauth2/token?grant_type=client_credentials&client_id=a&client_secret=b".to_string(),
        format!("/oauth2/revoke?token={token}"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = server.request(method, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        }
    }
    assert!(server.is_active(&token).await);
    server.stop().await;
}

#[tokio::test]
async fn sec_011_a_header_does_not_change_the_method() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for header in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let request = server.request(Method::GET, "/api/v1/clients").bearer_auth(&token);
        let answer = request.header(header, "DELETE").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{header}");
    }
    let answer = send(&server, b"TRACE / HTTP/1.1\r\nHost: HOST\r\nX-Secret: s3cret\r\n\r\n").await;
    assert!(status(&answer) >= 400 && !answer.contains("s3cret"), "{answer}");
    server.stop().await;
}
