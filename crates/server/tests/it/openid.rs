//! A person who signed in, and a client that has a code for it: seeded, as the authorization
//! endpoint would write it.

use grantor_crypto::digest::SecretDigest;
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::claims::ClaimsRequest;
use grantor_domain::code::{AuthorizationCode, CodeChallenge};
use grantor_domain::session::{AuthMethod, Session, SignIn};
use grantor_domain::single_use::SingleUse;
use grantor_oauth_types::client_metadata::CodeChallengeMethod;
use grantor_oauth_types::id::{GrantId, SessionId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_server::app::new_id;
use grantor_server::clock::Clock as _;
use grantor_store::{Effect, Effects, operations};
use grantor_testkit::{Answer, TestServer};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const BACK: &str = "https://shop.example/cb";

/// A server with a person, a session of hers, and a client.
pub(crate) struct Openid {
    pub(crate) server: TestServer,
    pub(crate) admin: String,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) cookie: String,
    pub(crate) secret: String,
}

/// A registration of a web application.
pub(crate) fn shop() -> Value {
    json!({
        "name": "Shop",
        "auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["uid", "openid", "profile", "email", "address", "offline_access"],
        "redirect_uris": [BACK],
    })
}

pub(crate) fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

impl Openid {
    pub(crate) async fn start(more: Value) -> Self {
        Self::on(TestServer::start().await, more).await
    }

    pub(crate) async fn on(server: TestServer, more: Value) -> Self {
        let admin = server.admin_token().await;
        let jane = json!({
            "realm": "customers", "name": "jane", "email": "jane@example.org",
            "email_verified": true,
            "person": {
                "given_name": "Jane", "family_name": "Doe", "birthdate": "1990-02-28",
                "address": { "locality": "Berlin" }, "updated_at": "2026-01-01T00:00:00Z",
            },
        });
        let made = server.made("/api/v1/users", &admin, &jane).await;
        let user: UserId = made["id"].as_str().unwrap().parse().unwrap();
        let shop = with(with(shop(), &more), &json!({ "id": "shop" }));
        let made = server.made("/api/v1/clients", &admin, &shop).await;
        let secret = made["client_secret"].as_str().unwrap_or_default().to_owned();
        let (session, cookie) = sign_in(&server, user).await;
        Self { server, admin, user, session, cookie, secret }
    }

    /// What the authorization endpoint would have made.
    pub(crate) fn code(&self, scopes: &str) -> AuthorizationCode {
        let now = self.server.clock.now();
        AuthorizationCode {
            client: ClientId::parse("shop").unwrap(),
            redirect_uri: Some(BACK.to_owned()),
            scopes: scopes.parse().unwrap(),
            resources: Vec::new(),
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            challenge: CodeChallenge::parse(CodeChallengeMethod::S256, CHALLENGE),
            user: self.user,
            realm: RealmName::parse("customers").unwrap(),
            sign_in: SignIn {
                session: Some(self.session),
                at: now,
                acr: None,
                amr: vec!["pwd".to_owned()],
            },
            claims: ClaimsRequest::default(),
            wants_auth_time: true,
            offline: false,
            grant: new_id::<grantor_oauth_types::id::Grant>(now),
        }
    }

    /// Puts a code there; returns its text.
    pub(crate) async fn give(&self, code: &AuthorizationCode) -> String {
        let now = self.server.clock.now();
        let id: GrantId = new_id(now);
        let secret = LookupSecret::mint(SecretKind::AuthorizationCode, id.bytes());
        let end = now + SignedDuration::from_secs(60);
        let kept = SingleUse::new(main(), id.bytes(), secret.digest(), end, code);
        let open = Effect::OpenSingleUse(Box::new(kept));
        operations::write(&*self.server.app.store, open.into()).await.unwrap();
        secret.reveal()
    }

    pub(crate) async fn given(&self, scopes: &str) -> String {
        self.give(&self.code(scopes)).await
    }

    /// A token request of the shop.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        let request = self.server.request(reqwest::Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth("shop", Some(&self.secret)).form(form)).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.token(&form(code)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub(crate) async fn redeemed(&self, scopes: &str) -> Value {
        let answer = self.redeem(&self.given(scopes).await).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    /// Header and claims of a JWT, whose signature the published keys verify.
    pub(crate) async fn verified(&self, jwt: &str) -> (Value, Value) {
        let set = Answer::of(self.server.request(reqwest::Method::GET, "/oauth2/jwks")).await;
        let set: grantor_crypto::jwk::JwkSet = serde_json::from_str(&set.text).unwrap();
        let parsed = grantor_crypto::jws::parse_compact(jwt).unwrap();
        let named =
            |key: &&grantor_crypto::jwk::PublicJwk| key.kid() == parsed.header.kid.as_deref();
        let key = set.keys().iter().find(named).expect("its key is published");
        let key = grantor_crypto::key::VerifyingKey::from_jwk_for(key, parsed.header.alg).unwrap();
        let header = json!({ "alg": parsed.header.alg, "typ": parsed.header.typ });
        let payload = parsed.verify(&key).unwrap();
        (header, serde_json::from_slice(&payload).unwrap())
    }
}

pub(crate) fn form(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ]
}

pub(crate) fn main() -> TenantName {
    TenantName::parse("main").unwrap()
}

/// A session of somebody, and its cookie.
pub(crate) async fn sign_in(server: &TestServer, user: UserId) -> (SessionId, String) {
    let now = server.clock.now();
    let id: SessionId = new_id(now);
    let secret = LookupSecret::mint(SecretKind::Session, id.bytes());
    let session = Session {
        tenant: main(),
        id,
        digest: secret.digest(),
        user,
        realm: RealmName::parse("customers").unwrap(),
        methods: vec![AuthMethod { amr: "pwd".to_owned(), at: now }],
        created: now,
        last_seen: now,
        idle_expires: now + SignedDuration::from_hours(1),
        expires: now + SignedDuration::from_hours(12),
        remember: false,
        device: String::new(),
        address: None,
        clients: Vec::new(),
        ended: None,
    };
    let put = Effects::from(Effect::PutSession(Box::new(session)));
    operations::write(&*server.app.store, put).await.unwrap();
    debug_assert_ne!(secret.digest(), SecretDigest::of(""));
    (id, secret.reveal())
}

#[tokio::test]
async fn trap_017_018_every_key_is_public_named_apart_and_there_before_it_signs() {
    let world = Openid::start(json!({})).await;
    let keys = async || {
        let set = Answer::of(world.server.request(reqwest::Method::GET, "/oauth2/jwks")).await;
        set.body["keys"].as_array().unwrap().clone()
    };
    let before = keys().await;
    assert!(
        before.iter().any(|key| key["alg"] == "RS256" && key["n"].as_str().unwrap().len() >= 342)
    );
    for key in &before {
        assert!(key["kid"].is_string() && key.get("d").is_none() && key["kty"] != "oct");
    }
    let bought = world.redeemed("openid").await;
    let old = bought["id_token"].as_str().unwrap();
    let rotate = json!({ "alg": "RS256" });
    let rotated = world.server.post("/api/v1/keys", &world.admin, &rotate).await;
    assert!(rotated.status.is_success(), "{}", rotated.text);
    assert_eq!(keys().await.len(), before.len() + 1, "published before its first use");
    let soon = world.redeemed("openid").await;
    let kid = |jwt: &str| grantor_crypto::jws::parse_compact(jwt).unwrap().header.kid.clone();
    assert_eq!(kid(soon["id_token"].as_str().unwrap()), kid(old), "the old one signs until then");
    world.verified(old).await;
    world.server.stop().await;
}
