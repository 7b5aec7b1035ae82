//! One spelling of a path, and no other, reaches a handler.

use grantor_testkit::TestServer;

use crate::wire::{send, status};

/// With the administrator's token: whatever answers 200 here was reached by another name.
#[tokio::test]
async fn sec_014_no_other_spelling_reaches_a_protected_route() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let plain = format!(
        "GET /api/v1/clients HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    assert_eq!(status(&send(&server, plain.as_bytes()).await), 200);
    for path in [
        "/oauth2/%2e%2e/api/v1/clients",
        "/oauth2/../api/v1/clients",
        "/api;x/v1/clients",
        "/api/v1/clients;x",
        "/..;/api/v1/clients",
        "//api/v1/clients",
        "/api//v1/clients",
        "/API/v1/clients",
        "/api/V1/Clients",
        "/api%2fv1%2fclients",
        "/api/v1/clients/",
        "/api/v1/clients%20",
        "/api/v1/clients%00",
        "/%61pi/v1/clients",
        "/api\\v1\\clients",
        "/nowhere?x=/api/v1/clients",
    ] {
        for authorization in [format!("Authorization: Bearer {token}\r\n"), String::new()] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: HOST\r\n{authorization}\r\n");
            let status = status(&send(&server, request.as_bytes()).await);
            assert!([400, 401, 404, 421].contains(&status), "{path}: {status}");
        }
    }
    server.stop().await;
}
