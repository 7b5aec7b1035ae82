//! Secrets: shown once, rotated, and never read.

use base64::Engine as _;
use grantor_server::routes::{self, Guard};
use grantor_testkit::TestServer;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::people::{PASSWORD, Person};

#[tokio::test]
async fn sec_160_a_secret_is_rotated_with_an_overlap_and_at_most_two_live() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let client = json!({
        "id": "shop", "auth_method": "client_secret_basic",
        "grant_types": ["client_credentials"], "scopes": ["uid"],
    });
    let text = |body: &Value| body["client_secret"].as_str().unwrap().to_owned();
    let first = text(&server.made("/api/v1/clients", &admin, &client).await);
    let path = "/api/v1/clients/shop/secrets";
    let works = |secret: String| {
        let server = &server;
        async move {
            let answer = server.client_credentials("shop", &secret, Some("uid")).await;
            answer.status == StatusCode::OK
        }
    };

    let second = text(&server.made(path, &admin, &json!({ "overlap_seconds": 60 })).await);
    assert!(works(first.clone()).await && works(second.clone()).await);
    server.clock.advance(SignedDuration::from_secs(61));
    assert!(!works(first).await && works(second.clone()).await);

    let third = text(&server.made(path, &admin, &json!({})).await);
    let fourth = text(&server.made(path, &admin, &json!({})).await);
    assert!(!works(second).await, "the oldest of three is dead");
    assert!(works(third.clone()).await && works(fourth.clone()).await);
    let shown = server.get("/api/v1/clients/shop", &admin).await;
    assert_eq!(shown.body["secrets"].as_array().unwrap().len(), 2);

    let ended = server.delete("/api/v1/clients/shop/secrets/previous", &admin).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(!works(third).await && works(fourth.clone()).await);
    let fifth = text(&server.made(path, &admin, &json!({ "overlap_seconds": 0 })).await);
    assert!(!works(fourth).await && works(fifth).await, "no overlap is no overlap");
    server.stop().await;
}

/// Somebody who registered himself: the token of the registration, and the secret.
async fn registered(server: &TestServer, admin: &str) -> (String, String) {
    let mut tenant = server.get("/api/v1/tenants/main", admin).await.body;
    tenant["settings"]["registration"] = json!("open");
    tenant.as_object_mut().unwrap().retain(|name, _| name != "name" && name != "version");
    assert_eq!(server.put("/api/v1/tenants/main", admin, &tenant).await.status, StatusCode::OK);
    let body = json!({ "redirect_uris": ["https://rp.example/cb"] });
    let request = server.request(reqwest::Method::POST, "/oauth2/register").json(&body);
    let made = grantor_testkit::Answer::of(request).await.body;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    // Whoever reads it later is told the token he came with, and never the secret.
    let own = server.http.get(text("registration_client_uri"));
    let own = own.bearer_auth(text("registration_access_token"));
    let own = grantor_testkit::Answer::of(own).await;
    assert!(own.status == StatusCode::OK && !own.text.contains(&text("client_secret")));
    (text("registration_access_token"), text("client_secret"))
}

fn digest_of_token(token: &str) -> String {
    let digest = grantor_crypto::digest::sha256(token.as_bytes());
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(digest)
}

#[tokio::test]
async fn sec_159_no_read_returns_a_secret_or_what_is_stored_of_it() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let person = Person::new(&server, &admin, "alice", "rfc9068").await;
    let tokens = person.sign_in(&server).await;
    let refresh = tokens.body["refresh_token"].as_str().unwrap().to_owned();
    let made =
        server.post(&format!("/api/v1/users/{}/password", person.id), &admin, &json!({})).await;
    let generated = made.body["password"].as_str().unwrap().to_owned();
    let administrator = server.administrator.clone().unwrap();
    let rotated = format!("/api/v1/clients/{}/secrets", person.client);
    let rotated = server.made(&rotated, &admin, &json!({})).await;
    let rotated = rotated["client_secret"].as_str().unwrap().to_owned();
    let (registration, secret) = registered(&server, &admin).await;
    let digest = |secret: &str| {
        let digest = server.app.secrets.client_digest.digest(secret);
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(digest.as_bytes())
    };
    let canaries = [
        PASSWORD.to_owned(),
        generated,
        refresh,
        person.secret.clone(),
        digest(&person.secret),
        digest(&rotated),
        rotated,
        digest(&secret),
        secret,
        digest_of_token(&registration),
        registration,
        digest(&administrator.client_secret),
        administrator.client_secret,
        "$argon2id$".to_owned(),
        "\"sealed\"".to_owned(),
        "\"digest\"".to_owned(),
        "\"hash\":\"$".to_owned(),
    ];

    let grants = server.get("/api/v1/grants", &admin).await;
    let grant = grants.body["items"][0]["id"].as_str().unwrap().to_owned();
    let decision = tokens.body["decision_id"].as_str().unwrap().to_owned();
    let reads: Vec<&str> = grantor_server::access::ALL.iter().map(|p| p.scope).collect();
    let auditor: Vec<&str> = reads.iter().copied().filter(|s| s.ends_with("_read")).collect();
    let auditor = server.delegate("auditor1", &auditor).await;
    let clients = ["grantor.client_read", "grantor.client_write"];
    let clients = server.delegate("clientadmin1", &clients).await;
    let alice = tokens.body["access_token"].as_str().unwrap().to_owned();
    let callers = [&admin, &auditor, &clients, &alice];
    let mut read = 0;
    for route in routes::public().table() {
        if !matches!(route.guard, Guard::Permit(_) | Guard::Token) || route.method != "GET" {
            continue;
        }
        let id = match route.path.as_str() {
            path if path.contains("/users/") => person.id.as_str(),
            path if path.contains("/clients/") => &person.client,
            path if path.contains("/grants/") => &grant,
            path if path.contains("/decisions/") => &decision,
            path if path.contains("/realms/") => "customers",
            path if path.contains("/tenants/") => "main",
            _ => "xx",
        };
        let path = route.path.replace("{id}", id).replace("{rt}", id).replace("{s}", id);
        for query in ["", "?limit=200"] {
            for token in callers {
                let answer = server.get(&format!("{path}{query}"), token).await;
                for canary in &canaries {
                    assert!(!answer.text.contains(canary.as_str()), "{path} shows {canary}");
                }
                read += usize::from(answer.status == StatusCode::OK);
            }
        }
    }
    assert!(read > 60, "the reads were refused: {read}");
    server.stop().await;
}
