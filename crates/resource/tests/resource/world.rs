//! One server, one verifier, one API behind it, one clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor_crypto::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_resource::{Caller, Clock, Protect, Refusal, Require, Verifier, VerifierBuilder};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::server::{Server, serve};

/// When the tests begin.
pub(crate) const T0: i64 = 1_800_000_000;
pub(crate) const AUDIENCE: &str = "https://api1.example";

/// A clock that only moves when a test moves it.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn unix_seconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst) / 1000
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.load(Ordering::SeqCst) - T0 * 1000).unwrap())
    }
}

pub(crate) struct World {
    pub(crate) server: Arc<Server>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) verifier: Verifier,
    pub(crate) key: SigningKey,
}

/// What a request heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Heard {
    pub(crate) fn challenge(&self) -> Option<&str> {
        self.headers.get("www-authenticate").map(|value| value.to_str().unwrap())
    }
}

impl TestClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl World {
    /// A world in which everything works.
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Self {
        let world = Self::cold(configure).await;
        tokio::time::timeout(Duration::from_secs(10), world.verifier.ready()).await.unwrap();
        world
    }

    /// As it is at the very start.
    pub(crate) async fn cold(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Self {
        let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
        let server = serve(key.clone(), T0).await;
        Self::at(server, key, configure)
    }

    pub(crate) fn at(
        server: Arc<Server>,
        key: SigningKey,
        configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(T0 * 1000)));
        let builder = Verifier::builder(&server.issuer, AUDIENCE);
        let builder = builder.clock(Arc::<TestClock>::clone(&clock));
        let verifier = configure(builder).start().unwrap();
        Self { server, clock, verifier, key }
    }

    /// Lets time pass, for the server as well.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
        self.server.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The claims of a token that is right in every respect.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.server.issuer, "sub": "ada", "aud": AUDIENCE, "exp": T0 + 600, "iat": T0,
            "jti": "j1", "client_id": "shop", "scope": "uid sales_order.read", "realm": "/customers",
            "gid": "gnt_1",
        })
    }

    /// Such a token, with some claims changed; `null` takes a claim away.
    pub(crate) fn token(&self, changes: &Value) -> String {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        sign(&self.key, Some("at+jwt"), &claims.to_string())
    }

    pub(crate) fn good_token(&self) -> String {
        self.token(&json!({}))
    }

    pub(crate) fn stups_claims() -> Value {
        json!({
            "sub": "stups_kio", "realm": "/services", "scope": ["uid", "sales_order.read_all"],
            "iss": "B", "iat": T0, "exp": T0 + 600,
        })
    }

    /// Why a token is refused; `None` when it is not.
    pub(crate) async fn refusal(&self, token: &str) -> Option<Refusal> {
        self.verifier.verify(token).await.err().map(|denied| denied.refusal().clone())
    }

    /// An API that says who called, behind this requirement.
    pub(crate) fn api(&self, require: Require) -> Router {
        Router::new()
            .route("/", get(who).post(who))
            .layer(Protect::new(&self.verifier).require(require))
            .merge(self.verifier.metadata_routes())
    }

    /// What a `GET` with this token hears.
    pub(crate) async fn get(&self, token: &str) -> Heard {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        send(self.api(Require::authenticated()), request.body(Body::empty()).unwrap()).await
    }

    /// Asks until a token is refused or a second is over.
    pub(crate) async fn refused_within_a_second(&self, token: &str) -> bool {
        for _ in 0..100 {
            if self.refusal(token).await.is_some() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

async fn who(caller: Caller) -> String {
    json!({ "subject": caller.subject(), "realm": caller.realm() }).to_string()
}

pub(crate) async fn send(app: Router, request: Request<Body>) -> Heard {
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Heard { status: parts.status, headers: parts.headers, body }
}

pub(crate) fn sign(key: &SigningKey, typ: Option<&str>, payload: &str) -> String {
    Signer::new(key, typ).sign(payload.as_bytes()).unwrap()
}

/// A token with any header, honestly signed.
pub(crate) fn sign_as(key: &SigningKey, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", b64(signature))
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
