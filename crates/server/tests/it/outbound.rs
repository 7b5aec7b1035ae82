//! What the server fetches and sends: from and to a host of tests, which the guard lets through by
//! name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantor_server::outbound::OutboundPolicy;
use grantor_testkit::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::openid::{Openid, main, with};

/// A host with TLS: what it answers at which path, and what it was sent.
pub(crate) struct Host {
    port: u16,
    certificate: Vec<u8>,
    pages: Arc<Mutex<HashMap<String, String>>>,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    /// A further line of each head
    line: Arc<Mutex<&'static str>>,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_der();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let line: Arc<Mutex<&'static str>> = Arc::default();
        let (known, saw, says) = (Arc::clone(&pages), Arc::clone(&seen), Arc::clone(&line));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = vec![0; 64 * 1024];
                let mut length = 0;
                // Head, then as much body as it says.
                while let Ok(more @ 1..) = stream.read(&mut request[length..]).await {
                    length += more;
                    let text = String::from_utf8_lossy(&request[..length]).to_lowercase();
                    let Some(end) = text.find("\r\n\r\n") else { continue };
                    let body = text.find("content-length: ").map_or(0, |at| {
                        text[at + 16..].lines().next().unwrap().trim().parse::<usize>().unwrap()
                    });
                    if length >= end + 4 + body {
                        break;
                    }
                }
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                saw.lock().unwrap().push(text);
                let page = known.lock().unwrap().get(&path).cloned();
                let (status, body) = match &page {
                    Some(to) if to.starts_with("https://") => {
                        (format!("302 Found\r\nlocation: {to}"), "")
                    }
                    Some(page) => ("200 OK".to_owned(), page.as_str()),
                    None => ("404 Not Found".to_owned(), ""),
                };
                let line = *says.lock().unwrap();
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\n{line}content-length: {length}\r\n\r\n");
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, certificate: made.cert.der().to_vec(), pages, seen, line }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) {
        self.pages.lock().unwrap().insert(path.to_owned(), body.to_string());
    }

    /// What the head of every answer says from now on.
    fn say(&self, line: &'static str) {
        *self.line.lock().unwrap() = line;
    }

    pub(crate) fn redirect(&self, path: &str, to: &str) {
        self.pages.lock().unwrap().insert(path.to_owned(), to.to_owned());
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        let asked = format!(" {path} ");
        self.seen.lock().unwrap().iter().filter(|text| text.contains(&asked)).count()
    }

    /// The first logout token that it is sent.
    async fn logout_token(&self) -> String {
        let mut waited = 0;
        while self.count("/back") == 0 {
            waited += 1;
            assert!(waited < 100, "no logout token came");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let sent = self.seen.lock().unwrap()[0].clone();
        let form = "application/x-www-form-urlencoded";
        assert!(sent.starts_with("POST /back ") && sent.contains(form));
        let body = sent.split("\r\n\r\n").nth(1).unwrap();
        body.strip_prefix("logout_token=").expect("that and nothing else").to_owned()
    }

    pub(crate) async fn server(&self) -> TestServer {
        let policy = OutboundPolicy {
            allowed_hosts: vec!["localhost".to_owned()],
            roots: vec![self.certificate.clone()],
        };
        TestServer::builder().outbound(policy).start().await
    }
}

#[tokio::test]
async fn trap_095_sec_134_sec_135_a_client_is_sent_a_logout_token_and_nobody_waits_for_it() {
    let host = Host::start().await;
    host.put("/back", &json!({}));
    let logout = json!({ "logout": {
        "backchannel_logout_uri": host.at("/back"), "backchannel_logout_session_required": true,
    }, "openid": { "id_token_signed_response_alg": "ES256" } });
    let world = Openid::on(host.server().await, logout).await;
    used_for_shop(&world).await;
    let bought = world.redeemed("openid").await;
    let ask = world.server.request(Method::GET, "/oauth2/end_session");
    let ask = ask.header("cookie", format!("__Host-grantor-session-main={}", world.cookie));
    let ask = ask.query(&[("id_token_hint", bought["id_token"].as_str().unwrap())]);
    assert_eq!(Answer::of(ask).await.status, StatusCode::OK);
    let token = &host.logout_token().await;
    let (header, claims) = world.verified(token).await;
    assert_eq!(header, json!({ "alg": "ES256", "typ": "logout+jwt" }));
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!("shop"), &json!(world.server.issuer)));
    assert_eq!((&claims["sid"], &claims["sub"]), (&json!(world.session), &json!(world.user)));
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((1..=120).contains(&life) && claims["jti"].is_string());
    assert!(claims.get("nonce").is_none());
    let event = "http://schemas.openid.net/event/backchannel-logout";
    assert_eq!(claims["events"], json!({ event: {} }));
    // It is nothing else (SEC-082).
    assert!(!world.server.is_active(token).await);
    world.server.stop().await;
}

async fn used_for_shop(world: &Openid) {
    let store = &world.server.app.store;
    let mut session = store.session(&main(), world.session).await.unwrap().unwrap();
    session.used_for(&"shop".parse().unwrap(), session.created);
    let put = grantor_store::Effect::PutSession(Box::new(session));
    grantor_store::operations::write(&**store, put.into()).await.unwrap();
}

#[tokio::test]
async fn sec_131_whoever_is_disabled_deleted_or_revoked_is_signed_out_at_the_clients_too() {
    for how in ["disabled", "deleted", "revoked"] {
        let host = Host::start().await;
        host.put("/back", &json!({}));
        let logout = json!({ "logout": { "backchannel_logout_uri": host.at("/back") } });
        let world = Openid::on(host.server().await, logout).await;
        used_for_shop(&world).await;
        let admin = world.server.admin_token().await;
        let path = format!("/api/v1/users/{}", world.user);
        let done = match how {
            "deleted" => world.server.delete(&path, &admin).await,
            "revoked" => {
                let everything = json!({ "user": world.user });
                world.server.post("/api/v1/revocations", &admin, &everything).await
            }
            _ => {
                let mut user = world.server.get(&path, &admin).await.body;
                let members = user.as_object_mut().unwrap();
                members.retain(|name, _| name != "id" && name != "passwords");
                members.insert("enabled".to_owned(), false.into());
                world.server.put(&path, &admin, &user).await
            }
        };
        assert!(done.status.is_success(), "{how}: {}", done.text);
        let (_, claims) = world.verified(&host.logout_token().await).await;
        assert_eq!((&claims["sid"], &claims["sub"]), (&json!(world.session), &json!(world.user)));
        world.server.stop().await;
    }
}

#[tokio::test]
async fn trap_060_sec_076_rel_035_keys_by_uri_are_kept_and_fetched_again_when_one_is_missing() {
    use grantor_crypto::alg::Algorithm;
    use grantor_crypto::jws::Signer;
    use grantor_crypto::key::SigningKey;

    let host = Host::start().await;
    let server = host.server().await;
    let admin = server.admin_token().await;
    let client = json!({
        "id": "robot", "auth_method": "private_key_jwt", "grant_types": ["client_credentials"],
        "scopes": ["uid"], "default_scopes": ["uid"], "jwks_uri": host.at("/jwks"),
    });
    server.made("/api/v1/clients", &admin, &client).await;
    let key = |kid: &str| SigningKey::generate(Algorithm::Es256, Some(kid.to_owned())).unwrap();
    let (first, second) = (key("first"), key("second"));
    let publish = |key: &SigningKey| host.put("/jwks", &json!({ "keys": [key.public_jwk()] }));
    let ask = async |key: &SigningKey, jti: &str| {
        use grantor_server::clock::Clock as _;
        let now = server.clock.now().as_second();
        let claims = json!({
            "iss": "robot", "sub": "robot", "aud": server.issuer, "jti": jti, "exp": now + 60,
        });
        let assertion = Signer::new(key, None).sign(claims.to_string().as_bytes()).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        let request = server.request(Method::POST, "/oauth2/token").form(&form);
        Answer::of(request).await
    };
    publish(&first);
    for jti in ["a", "b", "c"] {
        let answer = ask(&first, jti).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    assert_eq!(host.count("/jwks"), 1, "it is kept");
    publish(&second);
    assert_eq!(ask(&second, "d").await.status, StatusCode::OK, "a new key gets in at once");
    assert_eq!(host.count("/jwks"), 2);
    assert_eq!(ask(&first, "e").await.body["error"], "invalid_client");
    assert_eq!(host.count("/jwks"), 2, "not fetched again for every wrong one");
    // SEC-076: nor do many at once ask for it many times.
    server.clock.advance(jiff::SignedDuration::from_secs(31));
    let jtis: Vec<String> = (0..20).map(|n| format!("flood-{n}")).collect();
    let answers = futures_util::future::join_all(jtis.iter().map(|jti| ask(&first, jti))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::UNAUTHORIZED));
    assert_eq!(host.count("/jwks"), 3);
    // REL-035: what is too long to be keys is not kept.
    let long = json!({ "keys": [second.public_jwk()], "x": "x".repeat(65_536) });
    host.put("/jwks", &long);
    server.clock.advance(jiff::SignedDuration::from_mins(11));
    assert_eq!(ask(&second, "f").await.status, StatusCode::OK, "what was good is still good");
    assert_eq!(ask(&first, "g").await.status, StatusCode::UNAUTHORIZED);
    server.stop().await;
}

#[tokio::test]
async fn sec_047_a_code_is_not_spent_on_an_id_token_that_cannot_be_made() {
    use grantor_crypto::jwe::{DecryptionKey, KeyManagement};

    let key = DecryptionKey::generate(KeyManagement::EcdhEs, "enc-1".to_owned()).unwrap();
    let host = Host::start().await;
    let encrypted = json!({
        "jwks_uri": host.at("/jwks"), "openid": { "id_token_encryption": { "alg": "ECDH-ES" } },
    });
    let world = Openid::on(host.server().await, encrypted).await;
    let code = world.given("openid").await;
    let refused = world.redeem(&code).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);
    assert_eq!(refused.body["error"], "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), "30");
    let publish = |key: &DecryptionKey| {
        host.put("/jwks", &json!({ "keys": [key.public_jwk().unwrap()] }));
    };
    publish(&key);
    world.server.clock.advance(jiff::SignedDuration::from_secs(29));
    assert_eq!(world.redeem(&code).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(host.count("/jwks"), 1, "not asked again so soon");
    world.server.clock.advance(jiff::SignedDuration::from_secs(2));
    let bought = world.redeem(&code).await;
    assert_eq!(bought.status, StatusCode::OK, "{}", bought.text);
    assert_eq!(bought.body["id_token"].as_str().unwrap().split('.').count(), 5);
    // There, and none of the keys is for it.
    let other = DecryptionKey::generate(KeyManagement::RsaOaep256, "enc-0".to_owned()).unwrap();
    publish(&other);
    world.server.clock.advance(jiff::SignedDuration::from_mins(11));
    let code = world.given("openid").await;
    let refused = world.redeem(&code).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    assert_eq!(refused.body["error"], "invalid_request");
    let words = "no key of the client fits the encryption that it is registered for";
    assert_eq!(refused.body["error_description"], words);
    publish(&key);
    world.server.clock.advance(jiff::SignedDuration::from_secs(31));
    assert_eq!(world.redeem(&code).await.status, StatusCode::OK);
    world.server.stop().await;
}

/// OIDC Core §10.2.1: as its host says, within bounds.
#[tokio::test]
async fn trap_068_rel_035_a_key_to_encrypt_with_is_fetched_again_when_its_time_is_over() {
    use grantor_crypto::jwe::{DecryptionKey, KeyManagement, parse_compact};

    let key = |kid: &str| DecryptionKey::generate(KeyManagement::EcdhEs, kid.to_owned()).unwrap();
    let host = Host::start().await;
    let encrypted = json!({
        "jwks_uri": host.at("/jwks"), "openid": { "id_token_encryption": { "alg": "ECDH-ES" } },
    });
    let world = Openid::on(host.server().await, encrypted).await;
    let publish = |kid: &str, line: &'static str| {
        host.say(line);
        host.put("/jwks", &json!({ "keys": [key(kid).public_jwk().unwrap()] }));
    };
    let kid = async |world: &Openid| {
        let bought = world.redeemed("openid").await;
        let token = parse_compact(bought["id_token"].as_str().unwrap()).unwrap();
        token.header.kid.clone().unwrap()
    };
    let later = |seconds| world.server.clock.advance(jiff::SignedDuration::from_secs(seconds));
    publish("first", "cache-control: public, MAX-AGE=60\r\n");
    assert_eq!(kid(&world).await, "first");
    publish("second", "cache-control: max-age=0\r\n");
    later(59);
    assert_eq!(kid(&world).await, "first");
    later(2);
    assert_eq!(kid(&world).await, "second");
    publish("third", "cache-control: max-age=86400\r\n");
    later(29);
    assert_eq!(kid(&world).await, "second", "at most one fetch in thirty seconds");
    later(2);
    assert_eq!(kid(&world).await, "third");
    publish("fourth", "");
    later(599);
    assert_eq!(kid(&world).await, "third");
    later(2);
    assert_eq!(kid(&world).await, "fourth", "ten minutes at most");
    assert_eq!(host.count("/jwks"), 4);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_046_sec_033_an_object_is_fetched_where_it_is_registered_and_kept_if_it_cannot_change()
{
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use grantor_crypto::alg::Algorithm;
    use grantor_crypto::jws::Signer;
    use grantor_crypto::key::SigningKey;
    use grantor_server::clock::Clock as _;

    let host = Host::start().await;
    let server = host.server().await;
    let admin = server.admin_token().await;
    let key = SigningKey::generate(Algorithm::Rs256, None).unwrap();
    let uris = ["/object", "/moved", "/long", "/gone"].map(|path| host.at(path));
    let client = json!({
        "id": "refs", "auth_method": "client_secret_basic", "grant_types": ["authorization_code"],
        "redirect_uris": [crate::openid::BACK], "scopes": ["openid"], "compat": { "pkce_optional": true },
        "jwks": { "keys": [key.public_jwk()] }, "authorization": { "request_uris": uris },
    });
    server.made("/api/v1/clients", &admin, &client).await;
    let claims = json!({
        "iss": "refs", "aud": server.issuer, "exp": server.clock.now().as_second() + 300,
        "client_id": "refs", "response_type": "code", "scope": "openid",
        "redirect_uri": crate::openid::BACK,
    });
    let object = Signer::new(&key, None).sign(claims.to_string().as_bytes()).unwrap();
    let put = |path: &str, text: &str| {
        host.pages.lock().unwrap().insert(path.to_owned(), text.to_owned())
    };
    put("/object", &object);
    put("/long", &format!("{object}{}", " ".repeat(65_536)));
    host.redirect("/moved", &host.at("/object"));
    let ask = async |path: &str| {
        let uri = host.at(path).replace('#', "%23");
        let address = format!("/oauth2/authorize?client_id=refs&request_uri={uri}");
        grantor_testkit::TestBrowser::new(&server).open(&address).await
    };
    for _ in 0..2 {
        assert!(ask("/object").await.has("login-form"));
    }
    assert_eq!(host.count("/object"), 2, "it may have changed");
    for (path, error) in [
        ("/moved", "invalid_request_uri"),
        ("/long", "invalid_request_uri"),
        ("/gone", "invalid_request_uri"),
    ] {
        let refused = ask(path).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(refused.error().as_deref(), Some(error), "{path}");
    }
    assert_eq!(host.count("/object"), 2, "SEC-156: redirects are not followed");
    let hash = BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::digest::sha256(object.as_bytes()));
    for _ in 0..2 {
        assert!(ask(&format!("/object#{hash}")).await.has("login-form"));
    }
    assert_eq!(host.count("/object"), 3, "what has the hash it says is kept");
    put("/object", "e30.e30.e30");
    let refused = ask("/object#other").await;
    assert_eq!(refused.error().as_deref(), Some("invalid_request_object"));
    server.stop().await;
}

#[tokio::test]
async fn trap_087_sec_157_every_redirect_uri_has_to_be_in_the_list_of_its_sector() {
    let host = Host::start().await;
    let server = host.server().await;
    let admin = server.admin_token().await;
    let mut tenant = server.get("/api/v1/tenants/main", &admin).await.body;
    tenant["settings"]["registration"] = json!("open");
    let members = ["issuer", "hosts", "enabled", "settings"];
    let body: Value = members.iter().map(|m| ((*m).to_owned(), tenant[*m].clone())).collect();
    assert_eq!(server.put("/api/v1/tenants/main", &admin, &body).await.status, StatusCode::OK);
    let uris = json!(["https://a.example/cb", "https://b.example/cb"]);
    let client = json!({
        "redirect_uris": uris, "subject_type": "pairwise",
        "sector_identifier_uri": host.at("/sector"),
    });
    let register = async |client: &Value| {
        Answer::of(server.request(Method::POST, "/oauth2/register").json(client)).await
    };
    host.put("/sector", &uris);
    let made = register(&client).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    for bad in [json!(["https://a.example/cb"]), json!({}), json!([1, 2]), json!("x")] {
        host.put("/sector", &bad);
        let refused = register(&client).await;
        assert_eq!(refused.body["error"], "invalid_client_metadata", "{bad}: {}", refused.text);
    }
    host.redirect("/moved", &host.at("/sector"));
    host.put("/sector", &uris);
    let moved = with(client.clone(), &json!({ "sector_identifier_uri": host.at("/moved") }));
    let refused = register(&moved).await;
    assert_eq!(
        refused.body["error"], "invalid_client_metadata",
        "SEC-156: redirects are not followed"
    );
    server.stop().await;
}
