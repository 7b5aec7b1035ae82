//! What headers of a request may change, and which headers every answer has.

use grantor_server::routes::{self, Guard};
use grantor_testkit::TestServer;
use reqwest::{Method, StatusCode};

/// Each route with its parameters filled in.
fn walked() -> impl Iterator<Item = (Guard, Method, String)> {
    let routes: Vec<_> = routes::public().table().to_vec();
    routes.into_iter().map(|route| {
        let filled = |part: &str| if part.starts_with('{') { "x".into() } else { part.to_owned() };
        let path = route.path.split('/').map(filled).collect::<Vec<_>>().join("/");
        (route.guard, route.method, path)
    })
}

/// Unauthenticated, so most are refusals; those must not be cached either.
#[tokio::test]
async fn sec_003_nothing_is_cacheable_but_keys_metadata_and_the_feed() {
    let server = TestServer::start().await;
    for (guard, method, path) in walked() {
        let answer = server.request(method.clone(), &path).send().await.unwrap();
        let header = answer.headers().get("cache-control").map(|v| v.to_str().unwrap().to_owned());
        let caching = header.unwrap_or_default();
        let open = guard == Guard::Open && answer.status().is_success();
        // The feed is asked for again each time, by its ETag.
        let bounded = caching == "no-cache"
            || caching.split(", ").any(|part| {
                part.strip_prefix("max-age=")
                    .is_some_and(|age| age.parse::<u32>().is_ok_and(|s| s <= 3600))
            });
        assert!(caching.contains("no-store") || open && bounded, "{method} {path}: {caching:?}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{method} {path}");
    }
    for path in ["/oauth2/jwks", "/.well-known/openid-configuration"] {
        let answer = server.request(Method::GET, path).send().await.unwrap();
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("max-age="), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_003_a_token_answer_is_not_cacheable() {
    let server = TestServer::start().await;
    let administrator = server.administrator.as_ref().unwrap();
    let (id, secret) = (administrator.client_id.as_str(), &administrator.client_secret);
    for secret in [secret.as_str(), "wrong"] {
        let answer = server.client_credentials(id, secret, None).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.text);
        assert_eq!(answer.header("pragma"), "no-cache", "{}", answer.text);
    }
    let token = server.admin_token().await;
    let read = server.get("/api/v1/clients", &token).await;
    assert_eq!((read.status, read.header("cache-control")), (StatusCode::OK, "no-store"));
    server.stop().await;
}

#[tokio::test]
async fn sec_004_no_header_changes_what_we_say_about_ourselves() {
    let server = TestServer::start().await;
    let path = "/.well-known/openid-configuration";
    let plain = server.request(Method::GET, path).send().await.unwrap().text().await.unwrap();
    assert!(plain.contains(&server.issuer));
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "javascript"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-host", "evil.example"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-port", "1"),
    ] {
        let request = server.request(Method::GET, path).header(name, value);
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), plain, "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_004_a_host_that_nobody_configured_is_turned_away() {
    let server = TestServer::start().await;
    for path in ["/.well-known/openid-configuration", "/oauth2/jwks", "/api/v1/clients", "/"] {
        for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost"] {
            let request = server.request(Method::GET, path).header("host", host);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{host}{path}");
            assert!(!answer.text().await.unwrap().contains("evil"), "{host}{path}");
        }
    }
    server.stop().await;
}

/// The faces that browsers of the STUPS tools call (compatibility check 45): a bearer token is needed and
/// no credential of the browser is ever sent along, so anybody's page may ask.
fn is_for_browsers(path: &str) -> bool {
    path == "/oauth2/tokeninfo" || path.starts_with("/resource-types")
}

#[tokio::test]
async fn sec_013_no_origin_may_read_anything_but_the_faces_for_browsers() {
    let server = TestServer::start().await;
    for origin in ["https://spa.example", "null"] {
        for (_, method, path) in walked() {
            for method in [method, Method::OPTIONS] {
                let request = server.request(method.clone(), &path).header("origin", origin);
                let request = request.header("access-control-request-method", "POST");
                let answer = request.send().await.unwrap();
                let allowed = answer.headers().get("access-control-allow-origin");
                let expected = is_for_browsers(&path).then_some("*");
                let allowed = allowed.map(|origin| origin.to_str().unwrap());
                assert!(allowed.is_none() || allowed == expected, "{method} {path}: {allowed:?}");
                let credentials = answer.headers().get("access-control-allow-credentials");
                assert_eq!(credentials, None, "{method} {path} from {origin}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_013_campus_c26_a_listed_origin_may_ask_for_tokens_and_nothing_else() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let tenants = server.get("/api/v1/tenants", &admin).await.body;
    let mut body = tenants["items"][0].clone();
    let name = body.as_object_mut().unwrap().remove("name").unwrap();
    body["settings"]["web_origins"] = serde_json::json!(["https://spa.example"]);
    let path = format!("/api/v1/tenants/{}", name.as_str().unwrap());
    let put = server.request(Method::PUT, &path).bearer_auth(&admin).header("if-match", "*");
    assert_eq!(put.json(&body).send().await.unwrap().status(), StatusCode::OK);
    let ask = async |method: Method, path: &str, origin: &str| {
        let request = server.request(method, path).header("origin", origin);
        request.header("access-control-request-method", "POST").send().await.unwrap()
    };
    for path in ["/oauth2/token", "/.well-known/openid-configuration"] {
        let preflight = ask(Method::OPTIONS, path, "https://spa.example").await;
        assert_eq!(preflight.status(), StatusCode::NO_CONTENT, "{path}");
        for method in [Method::OPTIONS, Method::POST] {
            let answer = ask(method.clone(), path, "https://spa.example").await;
            let headers = answer.headers();
            assert_eq!(headers["access-control-allow-origin"], "https://spa.example", "{path}");
            assert_eq!(headers["vary"], "origin", "{path}");
            assert!(!headers.contains_key("access-control-allow-credentials"), "{path}");
            let other = ask(method, path, "https://spa.example.evil.example").await;
            assert!(!other.headers().contains_key("access-control-allow-origin"), "{path}");
            assert_eq!(other.headers()["vary"], "origin", "{path}");
        }
    }
    for path in ["/oauth2/introspect", "/api/v1/clients", "/oauth2/authorize", "/sign-in"] {
        let answer = ask(Method::GET, path, "https://spa.example").await;
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_015_errors_tell_nothing_about_the_inside() {
    let server = TestServer::start().await;
    let inside = [
        "panick", ".rs", "src/", "sqlite", "select ", "rusqlite", "postgres", "axum", "hyper",
        "grantor_",
    ];
    let folder = server.folder().display().to_string();
    let huge = "9".repeat(30_000);
    let bodies: [&[u8]; 6] =
        [b"", b"grant_type=%ff%fe", b"a=\xff\xfe", b"grant_type=%00", b"{\"a\":", huge.as_bytes()];
    for (_, method, path) in walked() {
        for body in bodies {
            for kind in ["application/x-www-form-urlencoded", "application/json"] {
                let request = server.request(method.clone(), &path).header("content-type", kind);
                let answer = request.body(body.to_vec()).send().await.unwrap();
                let (status, text) = (answer.status(), answer.text().await.unwrap());
                assert!(!status.is_server_error(), "{method} {path}: {status} {text}");
                if status.is_success() {
                    continue;
                }
                let lower = text.to_ascii_lowercase();
                let found = inside.iter().find(|word| lower.contains(**word));
                assert_eq!(found, None, "{method} {path}: {text}");
                // People read pages; what programs read has no other characters (RFC 6749 §5.2).
                let page = text.starts_with("<!doctype html>");
                assert!(page || text.is_ascii(), "{method} {path}: {text}");
                assert!(!text.contains(&folder), "{method} {path}: {text}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_015_a_refused_token_request_names_its_decision() {
    let server = TestServer::start().await;
    let answer = server.client_credentials("nobody", "nothing", None).await;
    assert_eq!(answer.body["error"], "invalid_client");
    assert!(answer.body["decision_id"].as_str().unwrap().starts_with("dec_"), "{}", answer.text);
    server.stop().await;
}

#[tokio::test]
async fn sec_018_health_and_metrics_are_on_a_listener_of_their_own() {
    let server = TestServer::start().await;
    for path in ["/metrics", "/healthz", "/readyz", "/debug/pprof", "/health"] {
        let answer = server.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/metrics", "/healthz", "/readyz"] {
        let answer = server.http.get(format!("{}{path}", server.operations)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    for agent in ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0"] {
        let request = server.request(Method::GET, "/api/v1/clients").header("user-agent", agent);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{agent}");
    }
    server.stop().await;
}
