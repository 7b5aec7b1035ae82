//! Dynamic registration: what is taken, what is answered, and who may look after it.

use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::openid::with;

async fn open(policy: &str) -> (TestServer, String) {
    open_with(json!({ "registration": policy })).await
}

/// A server with these settings of its tenant.
async fn open_with(settings: Value) -> (TestServer, String) {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let mut tenant = server.get("/api/v1/tenants/main", &admin).await.body;
    tenant["settings"] = with(tenant["settings"].clone(), &settings);
    let members = ["issuer", "hosts", "enabled", "settings"];
    let body: Value = members.iter().map(|m| ((*m).to_owned(), tenant[*m].clone())).collect();
    let changed = server.put("/api/v1/tenants/main", &admin, &body).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    (server, admin)
}

async fn register(server: &TestServer, body: &Value) -> Answer {
    Answer::of(server.request(Method::POST, "/oauth2/register").json(body)).await
}

fn least() -> Value {
    json!({ "redirect_uris": ["https://rp.example/cb"] })
}

async fn call(server: &TestServer, method: Method, made: &Value, body: Option<&Value>) -> Answer {
    let uri = made["registration_client_uri"].as_str().unwrap();
    let token = made["registration_access_token"].as_str().unwrap();
    let mut request = server.http.request(method, uri).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(body);
    }
    Answer::of(request).await
}

#[tokio::test]
async fn trap_085_an_answer_says_everything_as_it_is_registered() {
    let (server, _) = open("open").await;
    let made = register(&server, &least()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("content-type"), "application/json");
    assert_eq!(made.header("cache-control"), "no-store");
    let said = &made.body;
    assert_eq!(said["redirect_uris"], json!(["https://rp.example/cb"]));
    assert_eq!(said["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(said["grant_types"], json!(["authorization_code"]));
    assert_eq!(said["response_types"], json!(["code"]));
    assert_eq!(said["id_token_signed_response_alg"], "RS256");
    assert_eq!(said["subject_type"], "public");
    assert_eq!(said["application_type"], "web");
    assert_eq!(said["client_secret_expires_at"], 0);
    assert!(said["client_secret"].as_str().unwrap().len() > 40);
    assert!(said["registration_access_token"].is_string() && said["client_id_issued_at"].is_i64());
    let public = with(least(), &json!({ "token_endpoint_auth_method": "none" }));
    let public = register(&server, &public).await.body;
    assert!(public.get("client_secret").is_none());
    assert!(public.get("client_secret_expires_at").is_none());
    server.stop().await;
}

#[tokio::test]
async fn trap_088_089_what_is_registered_is_kept_and_unknown_members_are_ignored() {
    let settings = json!({ "registration": "open", "registration_compat": { "implicit": true } });
    let (server, _) = open_with(settings).await;
    let all = json!({
        "redirect_uris": ["https://rp.example/cb", "https://rp.example/cb2?x=y"],
        "client_name": "RP", "client_name#de": "Partei", "client_uri": "https://rp.example/",
        "logo_uri": "https://rp.example/logo.png", "policy_uri": "https://rp.example/policy",
        "tos_uri": "https://rp.example/tos", "contacts": ["a@rp.example"],
        "initiate_login_uri": "https://rp.example/start",
        "post_logout_redirect_uris": ["https://rp.example/bye"],
        "frontchannel_logout_uri": "https://rp.example/front",
        "frontchannel_logout_session_required": true,
        "backchannel_logout_uri": "https://rp.example/back",
        "backchannel_logout_session_required": true,
        "request_uris": ["https://rp.example/request#hash"],
        "default_max_age": 100, "require_auth_time": true, "default_acr_values": ["1"],
        "response_types": ["code id_token", "code"],
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "id_token_signed_response_alg": "PS256", "userinfo_signed_response_alg": "ES256",
    });
    let sent = with(all.clone(), &json!({ "unheard_of": { "a": [1] }, "jwks": null }));
    let made = register(&server, &sent).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let read = call(&server, Method::GET, &made.body, None).await;
    assert_eq!(read.status, StatusCode::OK);
    for answer in [&made.body, &read.body] {
        for (name, value) in all.as_object().unwrap() {
            let same = match value.as_array() {
                Some(values) => values.iter().all(|v| answer[name].as_array().unwrap().contains(v)),
                None => answer[name] == *value,
            };
            assert!(same, "{name}: {}", answer[name]);
        }
        assert!(answer.get("unheard_of").is_none() && answer.get("jwks").is_none());
    }
    assert!(read.body.get("client_secret").is_none(), "SEC-159: told once");
    server.stop().await;
}

#[tokio::test]
async fn trap_086_087_sec_152_what_may_not_be_registered_is_refused_with_its_code() {
    let (server, _) = open("open").await;
    let redirect = |uri: &str| json!({ "redirect_uris": [uri] });
    let meta = |more: Value| with(least(), &more);
    let key = json!({ "keys": [{ "kty": "oct", "k": "AA" }] });
    #[rustfmt::skip]
    let table = [
        (redirect("https://rp.example/cb#f"),                                     "invalid_redirect_uri"),
        (redirect("https://rp.example/cb#"),                                      "invalid_redirect_uri"),
        (redirect("http://rp.example/cb"),                                        "invalid_redirect_uri"),
        (redirect("http://localhost/cb"),                                         "invalid_redirect_uri"),
        (redirect("JaVaScRiPt:alert(1)"),                                         "invalid_redirect_uri"),
        (redirect("com.example:/cb"),                                             "invalid_redirect_uri"),
        (json!({}),                                                               "invalid_redirect_uri"),
        (json!({ "redirect_uris": [] }),                                          "invalid_redirect_uri"),
        (json!({ "redirect_uris": "https://rp.example/cb" }),                     "invalid_client_metadata"),
        (meta(json!({ "jwks": key })),                                            "invalid_client_metadata"),
        (meta(json!({ "jwks": { "keys": [] }, "jwks_uri": "https://rp.example/k" })), "invalid_client_metadata"),
        (meta(json!({ "response_types": ["id_token"] })),                         "invalid_client_metadata"),
        (meta(json!({ "grant_types": ["password"] })),                            "invalid_client_metadata"),
        (meta(json!({ "grant_types": ["client_credentials"] })),                  "invalid_client_metadata"),
        (meta(json!({ "token_endpoint_auth_method": "private_key_jwt" })),        "invalid_client_metadata"),
        (meta(json!({ "token_endpoint_auth_method": "magic" })),                  "invalid_client_metadata"),
        (meta(json!({ "logo_uri": "javascript:alert(1)" })),                      "invalid_client_metadata"),
        (meta(json!({ "initiate_login_uri": "http://rp.example/" })),             "invalid_client_metadata"),
        (meta(json!({ "client_name": "Bank\u{202e}knaB" })),                      "invalid_client_metadata"),
        (meta(json!({ "id_token_signed_response_alg": "none" })),                 "invalid_client_metadata"),
        (meta(json!({ "request_object_signing_alg": "none" })),                   "invalid_client_metadata"),
        (meta(json!({ "request_object_signing_alg": "HS256" })),                  "invalid_client_metadata"),
        (meta(json!({ "grant_types": ["authorization_code", "implicit"] })),      "invalid_client_metadata"),
        (meta(json!({ "id_token_signed_response_alg": "HS256" })),                "invalid_client_metadata"),
        (meta(json!({ "userinfo_encrypted_response_enc": "A128GCM" })),           "invalid_client_metadata"),
        (meta(json!({ "sector_identifier_uri": "https://127.0.0.1/sector" })),    "invalid_client_metadata"),
        (meta(json!({ "token_endpoint_auth_signing_alg": "HS256" })),             "invalid_client_metadata"),
        (meta(json!({ "token_endpoint_auth_signing_alg": "none" })),              "invalid_client_metadata"),
        (meta(json!({ "frontchannel_logout_uri": "https://rp.example:8443/front" })), "invalid_client_metadata"),
        (meta(json!({ "frontchannel_logout_uri": "https://evil.example/front" })), "invalid_client_metadata"),
        (json!({ "redirect_uris": ["https://a.example/cb", "https://b.example/cb"], "subject_type": "pairwise" }), "invalid_client_metadata"),
    ];
    for (body, code) in table {
        let answer = register(&server, &body).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{body}: {}",
            answer.text
        );
    }
    server.stop().await;
}

/// OIDC Registration §2: what is encrypted with a key of the client's needs one.
#[tokio::test]
async fn trap_068_encryption_that_no_registered_key_fits_is_refused_where_it_is_asked_for() {
    use grantor_crypto::jwe::{DecryptionKey, KeyManagement};

    let (server, admin) = open("open").await;
    let key = DecryptionKey::generate(KeyManagement::EcdhEs, "enc-1".to_owned()).unwrap();
    let jwks = json!({ "keys": [key.public_jwk().unwrap()] });
    for member in ["id_token", "userinfo", "authorization"] {
        let name = format!("{member}_encrypted_response_alg");
        let with_alg = |alg: &str| with(least(), &json!({ "jwks": jwks, name.as_str(): alg }));
        let made = register(&server, &with_alg("ECDH-ES")).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let refused = register(&server, &with_alg("RSA-OAEP-256")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert_eq!(refused.body["error"], "invalid_client_metadata");
        let words = refused.body["error_description"].as_str().unwrap();
        assert!(words.starts_with(&name), "{words}");
    }
    let client = json!({
        "id": "sealed", "auth_method": "client_secret_basic", "jwks": jwks,
        "openid": { "id_token_encryption": { "alg": "RSA-OAEP-256" } },
    });
    let refused = server.post("/api/v1/clients", &admin, &client).await;
    assert!(refused.text.contains("/openid/id_token_encryption"), "{}", refused.text);
    server.stop().await;
}

#[tokio::test]
async fn sec_057_the_algorithm_of_assertions_is_kept_told_and_enforced() {
    use grantor_crypto::alg::Algorithm;
    use grantor_crypto::jws::Signer;
    use grantor_crypto::key::SigningKey;
    use grantor_server::clock::Clock as _;

    let (server, admin) = open("open").await;
    let key = |alg| SigningKey::generate(alg, Some(format!("{alg}"))).unwrap();
    let (wrong, right) = (key(Algorithm::Es256), key(Algorithm::Ps256));
    let made = with(
        least(),
        &json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "PS256",
            "jwks": { "keys": [wrong.public_jwk(), right.public_jwk()] },
        }),
    );
    let made = register(&server, &made).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let read = call(&server, Method::GET, &made.body, None).await;
    let id = made.body["client_id"].as_str().unwrap();
    let seen = server.get(&format!("/api/v1/clients/{id}"), &admin).await;
    for answer in [&made, &read, &seen] {
        assert_eq!(answer.body["token_endpoint_auth_signing_alg"], "PS256", "{}", answer.text);
    }
    for (key, status) in [(&wrong, StatusCode::UNAUTHORIZED), (&right, StatusCode::OK)] {
        let exp = server.clock.now().as_second() + 60;
        let claims = json!({ "iss": id, "sub": id, "aud": server.issuer, "jti": "a", "exp": exp });
        let assertion = Signer::new(key, None).sign(claims.to_string().as_bytes()).unwrap();
        let form = [
            ("token", "x"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        let answer = server.request(Method::POST, "/oauth2/revoke").form(&form);
        let answer = Answer::of(answer).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_151_whoever_registers_himself_gets_nothing_that_has_to_be_assigned() {
    let (server, _) = open("open").await;
    let greedy = with(least(), &json!({ "scope": "openid email grantor.client_write nonsense" }));
    let made = register(&server, &greedy).await;
    assert_eq!(made.body["scope"], "openid email", "{}", made.text);
    server.stop().await;
}

#[tokio::test]
async fn sec_151_an_initial_access_token_is_asked_for_where_that_is_the_policy() {
    let (server, _) = open("off").await;
    assert_eq!(register(&server, &least()).await.status, StatusCode::NOT_FOUND);
    server.stop().await;
    let (server, admin) = open("token").await;
    assert_eq!(register(&server, &least()).await.status, StatusCode::UNAUTHORIZED);
    let weak = server.delegate("weak", &["grantor.client_read"]).await;
    let weak = server.post("/oauth2/register", &weak, &least()).await;
    assert_eq!(weak.status, StatusCode::FORBIDDEN);
    let initial = server.delegate("portal", &["grantor.client_register"]).await;
    let made = server.post("/oauth2/register", &initial, &least()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.body["client_id"].as_str().unwrap();
    let seen = server.get(&format!("/api/v1/clients/{id}"), &admin).await;
    assert_eq!(seen.body["redirect_uris"], least()["redirect_uris"]);
    assert_eq!(seen.body["compat"]["pkce_optional"], false);
    server.stop().await;
}

#[tokio::test]
async fn sec_151_an_initial_access_token_registers_so_many_clients_and_no_more() {
    let settings = json!({ "registration": "token", "registration_token_uses": 2 });
    let (server, _) = open_with(settings).await;
    let initial = server.delegate("portal", &["grantor.client_register"]).await;
    let register = |body: Value| {
        let (server, initial) = (&server, &initial);
        async move { server.post("/oauth2/register", initial, &body).await }
    };
    let bad = register(json!({ "redirect_uris": ["https://rp.example/#"] })).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST, "what is refused is no use of it");
    assert_eq!(register(least()).await.status, StatusCode::CREATED);
    // Both at once, and one is left.
    let (one, other) = tokio::join!(register(least()), register(least()));
    let made = [&one, &other].iter().filter(|a| a.status == StatusCode::CREATED).count();
    assert_eq!(made, 1, "{} {}", one.text, other.text);
    let over = register(least()).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED, "{}", over.text);
    assert!(over.header("www-authenticate").contains("invalid_token"));
    server.stop().await;
}

#[tokio::test]
async fn trap_044_067_who_registers_himself_gets_the_switches_of_the_tenant_where_he_has_use_for_them()
 {
    let switches = json!({
        "implicit": true, "pkce_optional": true, "unsigned_request": true,
        "core_request_object": true, "unsigned_id_token": true, "assertion_audience": true,
    });
    let lists =
        ["request_object_signing_alg_values_supported", "id_token_signing_alg_values_supported"];
    let none = async |server: &TestServer| {
        let metadata =
            Answer::of(server.request(Method::GET, "/.well-known/openid-configuration")).await.body;
        lists.map(|list| metadata[list].as_array().unwrap().contains(&json!("none")))
    };
    let (server, _) = open("open").await;
    assert_eq!(none(&server).await, [false, false]);
    server.stop().await;
    let settings = json!({ "registration": "open", "registration_compat": switches });
    let (server, admin) = open_with(settings).await;
    assert_eq!(none(&server).await, [true, true]);
    let compat = async |more: Value| {
        let made = register(&server, &with(least(), &more)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        for (name, value) in more.as_object().unwrap() {
            assert_eq!(made.body[name], *value, "as it was registered");
        }
        let id = made.body["client_id"].as_str().unwrap();
        server.get(&format!("/api/v1/clients/{id}"), &admin).await.body["compat"].clone()
    };
    let plain = compat(json!({})).await;
    for (name, on) in [
        ("implicit", false),
        ("pkce_optional", true),
        ("unsigned_request", true),
        ("core_request_object", true),
    ] {
        assert_eq!(plain[name], on, "{name}");
    }
    assert!(plain.get("unsigned_id_token").is_none() && plain.get("assertion_audience").is_none());
    let signed = compat(json!({ "request_object_signing_alg": "RS256" })).await;
    assert_eq!(signed["unsigned_request"], false);
    let unsigned =
        json!({ "request_object_signing_alg": "none", "id_token_signed_response_alg": "none" });
    assert_eq!(compat(unsigned).await["unsigned_id_token"], true);
    let public = compat(json!({ "token_endpoint_auth_method": "none" })).await;
    assert_eq!(public["pkce_optional"], false);
    let front = with(
        least(),
        &json!({
            "id_token_signed_response_alg": "none", "grant_types": ["implicit"],
            "response_types": ["id_token"],
        }),
    );
    let front = register(&server, &front).await;
    assert_eq!(front.body["error"], "invalid_client_metadata", "{}", front.text);
    server.stop().await;
}

#[tokio::test]
async fn sec_153_trap_090_a_registration_is_replaced_and_deleted_by_its_token_alone() {
    let (server, _) = open("open").await;
    let full = with(least(), &json!({ "client_name": "RP", "client_uri": "https://rp.example/" }));
    let made = register(&server, &full).await.body;
    let change = json!({
        "client_id": made["client_id"], "client_secret": made["client_secret"],
        "redirect_uris": ["https://rp.example/new"], "client_name": "New",
    });
    let put = call(&server, Method::PUT, &made, Some(&change)).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    assert_eq!(put.body["redirect_uris"], json!(["https://rp.example/new"]));
    assert!(put.body.get("client_uri").is_none(), "the whole record is replaced");
    let old = call(&server, Method::GET, &made, None).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED, "SEC-153: a token that was used up");
    let mut made = made;
    made["registration_access_token"] = put.body["registration_access_token"].clone();
    for wrong in [json!({ "client_id": "other" }), json!({ "client_secret": "gcs_wrong" })] {
        let wrong = call(&server, Method::PUT, &made, Some(&with(change.clone(), &wrong))).await;
        assert_eq!(wrong.body["error"], "invalid_client_metadata");
    }
    let evil = with(change.clone(), &json!({ "redirect_uris": ["https://evil.example/#"] }));
    assert_eq!(
        call(&server, Method::PUT, &made, Some(&evil)).await.body["error"],
        "invalid_redirect_uri"
    );
    // A wrong token and an unknown client are one answer.
    let other = register(&server, &least()).await.body;
    let mut crossed = made.clone();
    crossed["registration_access_token"] = other["registration_access_token"].clone();
    let crossed = call(&server, Method::GET, &crossed, None).await;
    let mut nobody = made.clone();
    nobody["registration_client_uri"] = json!(format!("{}/oauth2/register/nobody", server.issuer));
    let nobody = call(&server, Method::GET, &nobody, None).await;
    assert_eq!((crossed.status, &crossed.text), (StatusCode::UNAUTHORIZED, &nobody.text));
    let gone = call(&server, Method::DELETE, &made, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(call(&server, Method::GET, &made, None).await.status, StatusCode::UNAUTHORIZED);
    let id = made["client_id"].as_str().unwrap();
    let secret = made["client_secret"].as_str().unwrap();
    let dead = server.client_credentials(id, secret, None).await;
    assert_eq!(dead.body["error"], "invalid_client");
    server.stop().await;
}

#[tokio::test]
async fn sec_153_a_disabled_client_cannot_enable_itself() {
    let (server, admin) = open("open").await;
    let made = register(&server, &least()).await.body;
    let path = format!("/api/v1/clients/{}", made["client_id"].as_str().unwrap());
    let mut client = server.get(&path, &admin).await.body;
    for read_only in ["id", "secrets"] {
        client.as_object_mut().unwrap().remove(read_only);
    }
    client["enabled"] = json!(false);
    assert_eq!(server.put(&path, &admin, &client).await.status, StatusCode::OK);
    let change = with(least(), &json!({ "client_id": made["client_id"], "enabled": true }));
    for (method, body) in [(Method::GET, None), (Method::PUT, Some(&change))] {
        assert_eq!(call(&server, method, &made, body).await.status, StatusCode::UNAUTHORIZED);
    }
    server.stop().await;
}
