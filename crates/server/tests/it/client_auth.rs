//! Client authentication, and what every answer to a client has, at each endpoint where clients come.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_server::clock::Clock as _;
use grantor_testkit::{Answer, TestServer};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::openid::{CHALLENGE, with};

const BACK: &str = "https://job.example/cb";

/// Where clients authenticate, and what a good request of a client holds besides.
const ENDPOINTS: [(&str, &[(&str, &str)]); 4] = [
    ("/oauth2/token", &[("grant_type", "client_credentials"), ("scope", "uid")]),
    ("/oauth2/introspect", &[("token", "x")]),
    ("/oauth2/revoke", &[("token", "x")]),
    (
        "/oauth2/par",
        &[
            ("response_type", "code"),
            ("redirect_uri", BACK),
            ("scope", "uid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ],
    ),
];

/// A client that may everything that the endpoints do.
fn job(id: &str, method: &str) -> Value {
    let grants = match method {
        "none" => json!(["authorization_code"]),
        _ => json!(["client_credentials", "authorization_code"]),
    };
    json!({
        "id": id, "auth_method": method, "grant_types": grants, "scopes": ["uid"],
        "default_scopes": ["uid"], "redirect_uris": [BACK],
    })
}

struct Clients {
    server: TestServer,
    admin: String,
    basic: String,
    post: String,
}

impl Clients {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let admin = server.admin_token().await;
        let mut secrets = Vec::new();
        for (id, method) in
            [("basic", "client_secret_basic"), ("post", "client_secret_post"), ("public", "none")]
        {
            let made = server.made("/api/v1/clients", &admin, &job(id, method)).await;
            secrets.push(made["client_secret"].as_str().unwrap_or_default().to_owned());
        }
        let [basic, post, _] = secrets.try_into().expect("three");
        Self { server, admin, basic, post }
    }

    async fn ask(&self, path: &str, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
        let mut request = self.server.request(Method::POST, path);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        Answer::of(request.form(form)).await
    }

    /// Whoever fails often has to wait (SEC-056), which is not what these tests are about.
    fn forget_failures(&self) {
        self.server.clock.advance(SignedDuration::from_secs(301));
    }

    fn header(&self) -> String {
        basic("Basic", &format!("basic:{}", self.basic))
    }
}

fn basic(scheme: &str, pair: &str) -> String {
    format!("{scheme} {}", BASE64_STANDARD.encode(pair))
}

/// Every character as `%XX`.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn and<'a>(form: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    form.iter().chain(more).copied().collect()
}

fn is_fine(answer: &Answer) -> bool {
    answer.status.is_success()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, what: &str) {
    let seen = (answer.status.as_u16(), answer.body["error"].as_str());
    assert_eq!(seen, (status, Some(code)), "{what}: {}", answer.text);
}

#[tokio::test]
async fn trap_004_every_answer_is_json_is_dated_and_is_not_stored() {
    let clients = Clients::start().await;
    for (path, form) in ENDPOINTS {
        for scheme in ["Basic", "basic", "BASIC"] {
            let header = basic(scheme, &format!("basic:{}", clients.basic));
            let answer = clients.ask(path, Some(&header), form).await;
            assert!(is_fine(&answer), "{scheme} {path}: {}", answer.text);
        }
        let wrong = basic("Basic", "basic:wrong");
        for header in [&clients.header(), &wrong] {
            let answer = clients.ask(path, Some(header), form).await;
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert!(answer.header("date").ends_with(" GMT"), "{path}");
        }
    }
    for path in ["/.well-known/openid-configuration", "/oauth2/jwks", "/oauth2/authorize", "/x"] {
        let answer = Answer::of(clients.server.request(Method::GET, path)).await;
        assert!(answer.header("date").ends_with(" GMT"), "{path}");
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = clients.server.request(Method::GET, "/api/v1/me");
        let request = request.header("authorization", format!("{scheme} {}", clients.admin));
        assert_eq!(Answer::of(request).await.status, StatusCode::OK, "{scheme}");
    }
    let register = clients.server.request(Method::POST, "/oauth2/register").json(&json!({}));
    let register = Answer::of(register).await;
    assert_eq!(register.header("content-type"), "application/json");
    assert_eq!(register.header("cache-control"), "no-store");
    clients.server.stop().await;
}

/// RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
fn is_description(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[tokio::test]
async fn trap_005_descriptions_hold_their_characters_and_echo_nothing_that_could_do_harm() {
    let clients = Clients::start().await;
    let odd = "\"<script>alert(1)</script>\\\r\n\tSet-Cookie: a=b é\u{202e}";
    let names = [
        "grant_type",
        "scope",
        "client_id",
        "resource",
        "token",
        "token_type_hint",
        "code",
        "refresh_token",
        "redirect_uri",
        "response_type",
        "request",
        "request_uri",
        "prompt",
        "max_age",
        "claims",
        "client_assertion",
        "client_assertion_type",
        "code_challenge",
        odd,
    ];
    let mut seen = 0;
    for (path, form) in ENDPOINTS {
        for name in names {
            let mut kept: Vec<_> = form.iter().filter(|(n, _)| *n != name).copied().collect();
            kept.push((name, odd));
            let twice = and(&kept, &[(name, odd)]);
            for form in [kept, twice] {
                let answer = clients.ask(path, Some(&clients.header()), &form).await;
                assert!(!answer.status.is_server_error(), "{path} {name}: {}", answer.text);
                for (_, value) in &answer.headers {
                    assert!(!value.as_bytes().windows(6).any(|w| w == b"script"), "{path} {name}");
                }
                let Some(description) = answer.body["error_description"].as_str() else { continue };
                seen += 1;
                assert!(is_description(description), "{path} {name}: {description}");
                assert!(!description.contains('<'), "{path} {name}: {description}");
            }
        }
    }
    assert!(seen > 60, "{seen} descriptions were looked at");
    clients.server.stop().await;
}

#[tokio::test]
async fn trap_006_unknown_parameters_are_ignored_repeated_ones_refused_and_empty_ones_absent() {
    let clients = Clients::start().await;
    for (path, form) in ENDPOINTS {
        let header = clients.header();
        let ask = async |form: &[(&str, &str)]| clients.ask(path, Some(&header), form).await;
        let unknown = [("unheard_of", "x"), ("foo[bar]", "{}"), ("Scope", "admin"), ("", "y")];
        assert!(is_fine(&ask(&and(form, &unknown)).await), "{path}");
        let empty = [("client_secret", ""), ("client_assertion", ""), ("client_id", "")];
        assert!(is_fine(&ask(&and(form, &empty)).await), "{path}");
        for (name, value) in form {
            refused(&ask(&and(form, &[(name, value)])).await, 400, "invalid_request", path);
            refused(&ask(&and(form, &[(name, "")])).await, 400, "invalid_request", path);
            // What the endpoint cannot do without is as good as missing.
            if ["grant_type", "token", "response_type", "code_challenge"].contains(name) {
                let others = form.iter().filter(|(n, _)| n != name).copied();
                let empty: Vec<_> = others.chain([(*name, "")]).collect();
                refused(&ask(&empty).await, 400, "invalid_request", name);
            }
        }
        let both = format!("{path}?{}={}", form[0].0, form[0].1);
        let both = clients.ask(&both, Some(&header), form).await;
        refused(&both, 400, "invalid_request", "in the query and in the body");
    }
    let header = clients.header();
    let no_scope = [("grant_type", "client_credentials"), ("scope", ""), ("resource", "")];
    let answer = clients.ask("/oauth2/token", Some(&header), &no_scope).await;
    assert_eq!(answer.body["scope"], "uid", "{}", answer.text);
    clients.server.stop().await;
}

#[tokio::test]
async fn trap_056_sec_054_sec_055_basic_is_encoded_alone_and_refused_with_its_challenge() {
    let clients = Clients::start().await;
    let secret = &clients.basic;
    for (path, form) in ENDPOINTS {
        clients.forget_failures();
        for pair in [
            format!("basic:{secret}"),
            format!("{}:{}", encoded("basic"), encoded(secret)),
            format!("basic:{}", secret.replace('_', "%5F")),
        ] {
            let answer = clients.ask(path, Some(&basic("Basic", &pair)), form).await;
            assert!(is_fine(&answer), "{path} {pair}: {}", answer.text);
        }
        let half = &secret[..secret.len() / 2];
        for wrong in [
            basic("Basic", "basic:wrong"),
            basic("Basic", "basic:"),
            basic("Basic", "basic"),
            basic("Basic", &format!(":{secret}")),
            basic("Basic", &format!("nobody:{secret}")),
            basic("Basic", &format!("basic:{half}")),
            // Decoded once: this is the text `%67…`, and `+` is a space.
            basic("Basic", &format!("basic:{}", encoded(&encoded(secret)))),
            basic("Basic", &format!("basic:+{secret}")),
            basic("Basic", &format!("basic:{secret}%")),
            basic("Basic", &format!("basic:{secret}\n")),
            clients.header().trim_end_matches('=').to_owned() + "*",
            "Basic".to_owned(),
        ] {
            let answer = clients.ask(path, Some(&wrong), form).await;
            refused(&answer, 401, "invalid_client", &format!("{path} {wrong}"));
            assert!(answer.header("www-authenticate").starts_with("Basic "), "{path}");
        }
        // RFC 6749 §2.3: one method in each request.
        let header = clients.header();
        for (more, status, code) in [
            (("client_secret", secret.as_str()), 400, "invalid_request"),
            (("client_id", "post"), 400, "invalid_request"),
        ] {
            let answer = clients.ask(path, Some(&header), &and(form, &[more])).await;
            refused(&answer, status, code, path);
        }
        let same = clients.ask(path, Some(&header), &and(form, &[("client_id", "basic")])).await;
        assert!(is_fine(&same), "{path}: {}", same.text);
        let in_body = [("client_id", "post"), ("client_secret", "wrong")];
        let answer = clients.ask(path, None, &and(form, &in_body)).await;
        refused(&answer, 401, "invalid_client", path);
        let nobody = clients.ask(path, None, form).await;
        refused(&nobody, 401, "invalid_client", path);
    }
    clients.server.stop().await;
}

#[tokio::test]
async fn trap_057_sec_052_a_client_authenticates_as_it_is_registered_and_no_secret_is_left_out() {
    let clients = Clients::start().await;
    let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
    let signs = with(
        job("signs", "private_key_jwt"),
        &json!({ "jwks": { "keys": [serde_json::to_value(key.public_jwk()).unwrap()] } }),
    );
    clients.server.made("/api/v1/clients", &clients.admin, &signs).await;
    let (in_header, in_body) = (clients.basic.as_str(), clients.post.as_str());
    for (path, form) in ENDPOINTS {
        clients.forget_failures();
        let right = [("client_id", "post"), ("client_secret", in_body)];
        assert!(is_fine(&clients.ask(path, None, &and(form, &right)).await), "{path}");
        for (header, more, what) in [
            (None, vec![("client_id", "basic"), ("client_secret", in_header)], "in the body"),
            (Some(format!("post:{in_body}")), vec![], "in the header"),
            (None, vec![("client_id", "basic")], "a secret left out"),
            (None, vec![("client_id", "post")], "a secret left out"),
            (None, vec![("client_id", "signs")], "an assertion left out"),
            (Some("signs:x".to_owned()), vec![], "a secret for an assertion"),
            (Some("public:".to_owned()), vec![], "a secret of a public client"),
            (Some("public:x".to_owned()), vec![], "a secret of a public client"),
        ] {
            let header = header.map(|pair| basic("Basic", &pair));
            let answer = clients.ask(path, header.as_deref(), &and(form, &more)).await;
            refused(&answer, 401, "invalid_client", &format!("{path}: {what}"));
        }
    }
    // Where policy says so, header or body; still one of them, and the secret must be right.
    let lenient = with(
        job("basic", "client_secret_basic"),
        &json!({ "compat": { "any_secret_method": true } }),
    );
    let mut body = lenient.as_object().unwrap().clone();
    body.remove("id");
    let admin = clients.server.admin_token().await;
    let put = clients.server.put("/api/v1/clients/basic", &admin, &Value::Object(body)).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let (path, form) = ENDPOINTS[0];
    let both_right = [("client_id", "basic"), ("client_secret", in_header)];
    assert!(is_fine(&clients.ask(path, None, &and(form, &both_right)).await));
    let wrong = [("client_id", "basic"), ("client_secret", "wrong")];
    refused(&clients.ask(path, None, &and(form, &wrong)).await, 401, "invalid_client", "wrong");
    let none = [("client_id", "basic")];
    refused(&clients.ask(path, None, &and(form, &none)).await, 401, "invalid_client", "none");
    clients.server.stop().await;
}

#[tokio::test]
async fn trap_058_sec_057_an_assertion_names_client_and_issuer_ends_soon_and_works_once() {
    let clients = Clients::start().await;
    let server = &clients.server;
    let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
    let jwks = json!({ "keys": [serde_json::to_value(key.public_jwk()).unwrap()] });
    let signs = with(job("signs", "private_key_jwt"), &json!({ "jwks": jwks }));
    server.made("/api/v1/clients", &clients.admin, &signs).await;
    let mut number = 0;
    let mut assertion = |now: i64, more: Value| {
        number += 1;
        let claims = with(
            json!({
                "iss": "signs", "sub": "signs", "aud": server.issuer, "exp": now + 60,
                "iat": now, "jti": format!("jti-{number}"),
            }),
            &more,
        );
        Signer::new(&key, None).sign(claims.to_string().as_bytes()).unwrap()
    };
    let ask = async |path: &str, form: &[(&str, &str)], assertion: &str, more: &[(&str, &str)]| {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let signed = [("client_assertion_type", kind), ("client_assertion", assertion)];
        clients.ask(path, None, &and(&and(form, &signed), more)).await
    };
    for (path, form) in ENDPOINTS {
        clients.forget_failures();
        let now = server.clock.now().as_second();
        let mut assertion = |more: Value| assertion(now, more);
        let here = format!("{}{path}", server.issuer);
        for (what, more) in [
            ("as it should be", json!({})),
            ("ten seconds ahead", json!({ "iat": now + 10, "nbf": now + 10 })),
        ] {
            let answer = ask(path, form, &assertion(more), &[]).await;
            assert!(is_fine(&answer), "{path} {what}: {}", answer.text);
        }
        for (what, more) in [
            ("iss", json!({ "iss": "basic" })),
            ("sub", json!({ "sub": "basic" })),
            ("both of another", json!({ "iss": "basic", "sub": "basic" })),
            ("expired", json!({ "exp": now - 31 })),
            ("ends too late", json!({ "exp": now + 86_400 })),
            ("a minute ahead", json!({ "iat": now + 61, "nbf": now + 61 })),
            ("aud of another", json!({ "aud": "https://evil.example" })),
            ("aud of the endpoint", json!({ "aud": here })),
            ("aud as an array", json!({ "aud": [server.issuer] })),
            ("aud with another", json!({ "aud": [server.issuer, "https://evil.example"] })),
        ] {
            let answer = ask(path, form, &assertion(more), &[]).await;
            refused(&answer, 401, "invalid_client", &format!("{path} {what}"));
        }
        let once = assertion(json!({}));
        assert!(is_fine(&ask(path, form, &once, &[]).await), "{path}");
        refused(&ask(path, form, &once, &[]).await, 401, "invalid_client", "a second time");
        let named = ask(path, form, &assertion(json!({})), &[("client_id", "signs")]).await;
        assert!(is_fine(&named), "{path}: {}", named.text);
        let other = ask(path, form, &assertion(json!({})), &[("client_id", "basic")]).await;
        refused(&other, 400, "invalid_request", path);
        let with_secret = [("client_secret", clients.basic.as_str())];
        let both = ask(path, form, &assertion(json!({})), &with_secret).await;
        refused(&both, 400, "invalid_request", path);
    }
    clients.server.stop().await;
}

#[tokio::test]
async fn sec_017_no_credential_is_taken_from_the_query() {
    let clients = Clients::start().await;
    let token = clients.server.client_token("basic", &clients.basic, Some("uid")).await;
    let credentials = format!("client_id=post&client_secret={}", clients.post);
    for (path, form) in ENDPOINTS {
        let answer = clients.ask(&format!("{path}?{credentials}"), None, form).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
        let get = format!("{path}?{credentials}&token={token}&grant_type=client_credentials");
        let get = Answer::of(clients.server.request(Method::GET, &get)).await;
        assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED, "{path}: {}", get.text);
        assert_eq!(get.header("allow"), "POST", "{path}");
    }
    for path in ["/oauth2/userinfo", "/api/v1/me", "/oauth2/tokeninfo", "/oauth2/register/basic"] {
        let path = format!("{path}?access_token={}", clients.admin);
        let answer = Answer::of(clients.server.request(Method::GET, &path)).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
    }
    assert!(clients.server.is_active(&token).await);
    clients.server.stop().await;
}
