//! Mutual TLS, through real handshakes: who gets in, and what tokens are bound to. RFC 8705.

mod bound;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use grantor_testkit::{Answer, MutualTls, TestServer};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::openid::{BACK, with};

/// An authority that certifies clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: rustls::pki_types::CertificateDer<'static>,
}

/// A certificate with its key, as a client holds them.
struct Own {
    der: Vec<u8>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), der: made.der().clone() }
    }

    fn certify(&self, params: &CertificateParams) -> Own {
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Own { der: made.der().to_vec(), pem: made.pem(), key }
    }
}

/// `C=DE, CN=NAME`, for the host NAME.example, meant for clients.
fn client_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([format!("{name}.example")]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Own {
    fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let made = client_params(name).self_signed(&key).unwrap();
        Self { der: made.der().to_vec(), pem: made.pem(), key }
    }

    /// The key with its certificate, as a client registers it.
    fn jwks(&self) -> Value {
        let der = rcgen::PublicKeyData::subject_public_key_info(&self.key);
        let (x, y) = der[der.len() - 64..].split_at(32);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y),
            "x5c": [BASE64_STANDARD.encode(&self.der)] }] })
    }

    fn thumbprint(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::digest::sha256(&self.der))
    }

    fn identity(&self) -> reqwest::Identity {
        let pem = format!("{}{}", self.pem, self.key.serialize_pem());
        reqwest::Identity::from_pem(pem.as_bytes()).unwrap()
    }
}

/// A second listener, and what a client must trust to go there.
fn listener(authorities: &[&Authority]) -> (MutualTls, reqwest::Certificate) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let trusted = reqwest::Certificate::from_der(&certificate).unwrap();
    let key = key.serialize_der().try_into().unwrap();
    let authorities = authorities.iter().map(|authority| authority.der.clone()).collect();
    (MutualTls { certificate, key, authorities }, trusted)
}

/// A server with the listener.
struct World {
    server: TestServer,
    admin: String,
    line: Line,
}

impl std::ops::Deref for World {
    type Target = Line;
    fn deref(&self) -> &Line {
        &self.line
    }
}

impl World {
    async fn start(authorities: &[&Authority]) -> Self {
        let (mutual, trusted) = listener(authorities);
        let server = TestServer::builder().mutual_tls(mutual).start().await;
        let admin = server.admin_token().await;
        let line = Line::to(&server, trusted).await;
        Self { server, admin, line }
    }

    async fn client(&self, more: &Value) {
        let client = json!({ "grant_types": ["client_credentials"], "scopes": ["uid"] });
        self.server.made("/api/v1/clients", &self.admin, &with(client, more)).await;
    }
}

/// How clients get to the listener.
struct Line {
    trusted: reqwest::Certificate,
    aliases: Value,
}

impl Line {
    async fn to(server: &TestServer, trusted: reqwest::Certificate) -> Self {
        let aliases = metadata(server).await["mtls_endpoint_aliases"].clone();
        Self { trusted, aliases }
    }

    fn base(&self) -> String {
        let token = self.aliases["token_endpoint"].as_str().unwrap();
        token.strip_suffix("/oauth2/token").unwrap().to_owned()
    }

    /// A connection with this certificate, or none.
    fn http(&self, own: Option<&Own>) -> reqwest::Client {
        let builder = reqwest::Client::builder().tls_certs_only([self.trusted.clone()]);
        match own {
            Some(own) => builder.identity(own.identity()).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    fn request(&self, own: Option<&Own>, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http(own).request(method, format!("{}{path}", self.base()))
    }

    async fn post(&self, own: Option<&Own>, path: &str, form: &[(&str, &str)]) -> Answer {
        Answer::of(self.request(own, Method::POST, path).form(form)).await
    }

    async fn get(&self, own: Option<&Own>, path: &str, token: &str) -> Answer {
        Answer::of(self.request(own, Method::GET, path).bearer_auth(token)).await
    }

    /// A token of a client for itself.
    async fn token(&self, own: Option<&Own>, client: &str) -> Answer {
        let form = [("grant_type", "client_credentials"), ("client_id", client)];
        self.post(own, "/oauth2/token", &form).await
    }
}

async fn metadata(server: &TestServer) -> Value {
    let path = "/.well-known/openid-configuration";
    Answer::of(server.request(Method::GET, path)).await.body
}

fn refused(answer: &Answer, what: &str) {
    let said = (answer.status, answer.body["error"].as_str());
    assert_eq!(said, (StatusCode::UNAUTHORIZED, Some("invalid_client")), "{what}: {}", answer.text);
    assert!(answer.body.get("access_token").is_none());
}

#[tokio::test]
async fn trap_003_hosts_of_the_second_listener_are_named_as_aliases_alone() {
    let authority = Authority::new("Clients");
    let world = World::start(&[&authority]).await;
    let mut all = metadata(&world.server).await;
    let aliases = all.as_object_mut().unwrap().remove("mtls_endpoint_aliases").unwrap();
    let base = world.base();
    assert!(!all.to_string().contains(&base), "{base} in {all}");
    for (name, url) in all.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            assert!(url.as_str().unwrap().starts_with(&world.server.issuer), "{name}: {url}");
        }
    }
    for (name, url) in aliases.as_object().unwrap() {
        let path = url.as_str().unwrap().strip_prefix(&base).unwrap();
        assert_eq!(all[name], format!("{}{path}", world.server.issuer), "{name}");
    }
    for name in ["token", "introspection", "revocation", "pushed_authorization_request"] {
        assert!(aliases[format!("{name}_endpoint")].is_string(), "{name}");
    }
    assert_eq!(all["tls_client_certificate_bound_access_tokens"], true);
    let listed = |all: &Value, method: &str| {
        all["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&json!(method))
    };
    assert!(listed(&all, "tls_client_auth") && listed(&all, "self_signed_tls_client_auth"));

    let world = World::start(&[]).await;
    let all = metadata(&world.server).await;
    assert!(!listed(&all, "tls_client_auth") && listed(&all, "self_signed_tls_client_auth"));
    let plain = metadata(&TestServer::start().await).await.to_string();
    assert!(!plain.contains("mtls") && !plain.contains("tls_client"), "{plain}");
}

#[tokio::test]
async fn the_second_listener_answers_at_its_name_and_has_no_pages() {
    let world = World::start(&[]).await;
    for path in ["/oauth2/authorize", "/sign-in", "/account", "/oauth2/end_session"] {
        let answer = Answer::of(world.request(None, Method::GET, path)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    // On HTTP/2 a client cannot say another name than it goes to.
    let http = reqwest::Client::builder().tls_certs_only([world.trusted.clone()]).http1_only();
    let (http, token) = (http.build().unwrap(), format!("{}/oauth2/token", world.base()));
    let other = world.server.issuer.strip_prefix("http://").unwrap();
    for host in [other, "other.example"] {
        let request = http.post(&token).header("host", host);
        assert_eq!(Answer::of(request).await.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    let host = world.base().strip_prefix("https://").unwrap().to_owned();
    let public = world.server.request(Method::POST, "/oauth2/token").header("host", host);
    assert_eq!(Answer::of(public).await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn sec_058_trap_061_a_client_is_known_by_a_certificate_of_an_authority() {
    let (authority, stranger) = (Authority::new("Clients"), Authority::new("Clients"));
    let world = World::start(&[&authority]).await;
    let method = "tls_client_auth";
    let by = |id: &str, name: &str, value: &str| json!({ "id": id, "auth_method": method, "mutual_tls": { (name): value } });
    world.client(&by("shop", "tls_client_auth_subject_dn", "CN=shop,C=DE")).await;
    world.client(&by("host", "tls_client_auth_san_dns", "shop.example")).await;
    let own = authority.certify(&client_params("shop"));
    for id in ["shop", "host"] {
        let answer = world.token(Some(&own), id).await;
        assert_eq!(answer.status, StatusCode::OK, "{id}: {}", answer.text);
        assert_eq!(answer.body["token_type"], "Bearer");
    }
    let mut renamed = client_params("shop");
    renamed.subject_alt_names = client_params("evil").subject_alt_names;
    let mut over = client_params("shop");
    over.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let mut for_servers = client_params("shop");
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let table = [
        ("another subject", "shop", authority.certify(&client_params("evil"))),
        ("the same subject, another host", "host", authority.certify(&renamed)),
        ("over", "shop", authority.certify(&over)),
        ("for servers", "shop", authority.certify(&for_servers)),
        ("of another authority of that name", "shop", stranger.certify(&client_params("shop"))),
        ("of nobody", "shop", Own::self_signed("shop")),
    ];
    for (what, id, own) in &table {
        refused(&world.token(Some(own), id).await, what);
    }
    refused(&world.token(None, "shop").await, "none");
    let public = world.server.request(Method::POST, "/oauth2/token");
    let form = [("grant_type", "client_credentials"), ("client_id", "shop")];
    refused(&Answer::of(public.form(&form)).await, "at the other listener");
    world.server.stop().await;
}

#[tokio::test]
async fn trap_061_a_client_is_known_by_a_certificate_of_its_own() {
    let world = World::start(&[]).await;
    let own = Own::self_signed("shop");
    let method = "self_signed_tls_client_auth";
    world.client(&json!({ "id": "shop", "auth_method": method, "jwks": own.jwks() })).await;
    let answer = world.token(Some(&own), "shop").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    refused(&world.token(Some(&Own::self_signed("shop")), "shop").await, "another key");
    refused(&world.token(None, "shop").await, "none");
    // The id alone says who it is: without it nobody is there (RFC 8705 §2).
    let nameless = [("grant_type", "client_credentials")];
    refused(&world.post(Some(&own), "/oauth2/token", &nameless).await, "no client_id");
    world.server.stop().await;
}

#[tokio::test]
async fn a_certificate_authenticates_at_every_endpoint_that_clients_ask() {
    let world = World::start(&[]).await;
    let own = Own::self_signed("shop");
    let method = "self_signed_tls_client_auth";
    world
        .client(&json!({ "id": "shop", "auth_method": method, "jwks": own.jwks(),
            "grant_types": ["client_credentials", "authorization_code"], "redirect_uris": [BACK] }))
        .await;
    let token = world.token(Some(&own), "shop").await.body["access_token"].clone();
    let asked = [("client_id", "shop"), ("token", token.as_str().unwrap())];
    let pushed = [
        ("client_id", "shop"),
        ("response_type", "code"),
        ("redirect_uri", BACK),
        ("code_challenge", crate::openid::CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let table = [
        ("/oauth2/introspect", &asked[..], 200),
        ("/oauth2/par", &pushed[..], 201),
        ("/oauth2/revoke", &asked[..], 200),
    ];
    for (path, form, status) in table {
        refused(&world.post(Some(&Own::self_signed("shop")), path, form).await, path);
        refused(&world.post(None, path, form).await, path);
        let answer = world.post(Some(&own), path, form).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    let answer = world.post(Some(&own), "/oauth2/introspect", &asked).await;
    assert_eq!(answer.body, json!({ "active": false }), "it was revoked");
    world.server.stop().await;
}

/// What proxies hand certificates on with.
const HEADERS: [&str; 6] = [
    "x-ssl-client-cert",
    "ssl-client-cert",
    "x-forwarded-client-cert",
    "client-cert",
    "x-client-cert",
    "x-amzn-mtls-clientcert",
];

#[tokio::test]
async fn sec_058_a_certificate_in_a_header_is_none() {
    let authority = Authority::new("Clients");
    let world = World::start(&[&authority]).await;
    let own = authority.certify(&client_params("shop"));
    let subject = json!({ "tls_client_auth_subject_dn": "CN=shop,C=DE" });
    world
        .client(&json!({ "id": "shop", "auth_method": "tls_client_auth", "mutual_tls": subject }))
        .await;
    assert_eq!(world.token(Some(&own), "shop").await.status, StatusCode::OK);
    let form = [("grant_type", "client_credentials"), ("client_id", "shop")];
    let (plain, field) =
        (BASE64_STANDARD.encode(&own.der), format!(":{}:", BASE64_STANDARD.encode(&own.der)));
    for header in HEADERS {
        // Whoever fails so often has to wait (SEC-056).
        world.server.clock.advance(jiff::SignedDuration::from_hours(1));
        for value in [&plain, &field] {
            let mutual = world.request(None, Method::POST, "/oauth2/token");
            let public = world.server.request(Method::POST, "/oauth2/token");
            for request in [mutual, public] {
                let answer = Answer::of(request.header(header, value).form(&form)).await;
                refused(&answer, header);
            }
        }
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_client_registers_itself_for_what_is_offered() {
    let authority = Authority::new("Clients");
    let with_both = World::start(&[&authority]).await;
    let own_only = World::start(&[]).await;
    let plain = TestServer::start().await;
    let register = async |server: &TestServer, body: Value| {
        Answer::of(server.request(Method::POST, "/oauth2/register").json(&body)).await
    };
    let subject = json!({ "redirect_uris": [BACK], "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_san_dns": "shop.example",
        "tls_client_certificate_bound_access_tokens": true });
    for server in [&with_both.server, &own_only.server, &plain] {
        open(server).await;
    }
    let made = register(&with_both.server, subject.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    for (name, value) in subject.as_object().unwrap() {
        assert_eq!(made.body[name], *value, "{name}");
    }
    assert!(made.body.get("client_secret").is_none());
    let token =
        json!({ "redirect_uris": [BACK], "tls_client_certificate_bound_access_tokens": true });
    let two = with(subject.clone(), &json!({ "tls_client_auth_san_ip": "192.0.2.7" }));
    for (server, body) in [
        (&with_both.server, two),
        (&own_only.server, subject.clone()),
        (&plain, subject),
        (&plain, token),
    ] {
        let answer = register(server, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.body["error"], "invalid_client_metadata");
    }
}

/// Lets clients register themselves.
async fn open(server: &TestServer) {
    let admin = server.admin_token().await;
    let mut tenant = server.get("/api/v1/tenants/main", &admin).await.body;
    tenant["settings"]["registration"] = json!("open");
    tenant.as_object_mut().unwrap().remove("name");
    let answer = server.put("/api/v1/tenants/main", &admin, &tenant).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}
