//! An authorization server of a hundred lines: discovery, keys, feed, introspection.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Form, Query, State};
use axum::http::header::{AUTHORIZATION, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor_crypto::digest::sha256_of;
use grantor_crypto::jwk::JwkSet;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_oauth_types::revocation_feed::{
    DELTA_TYP, RevocationDelta, RevocationEntry, RevocationTarget,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) const SALT: &str = "salt of the test";

/// What can be wrong with the address of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It takes the question and says nothing
    Silent,
    /// Its answer has no end
    Endless,
    /// It sends us to another address
    Elsewhere,
}

/// What the server is like now; tests change it while it runs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) issuer: String,
    /// What discovery says the issuer is
    pub(crate) stated_issuer: Mutex<String>,
    /// The first one signs deltas
    pub(crate) keys: Mutex<Vec<SigningKey>>,
    pub(crate) salt: Mutex<String>,
    pub(crate) delta_typ: Mutex<&'static str>,
    pub(crate) revocations: Mutex<Vec<RevocationEntry>>,
    /// How many entries a delta has
    pub(crate) page: AtomicUsize,
    /// Whether answers without news wait
    pub(crate) holds: AtomicBool,
    pub(crate) polls: AtomicUsize,
    /// Cursors below are refused
    pub(crate) oldest: AtomicI64,
    pub(crate) now: AtomicI64,
    pub(crate) news: Notify,
    pub(crate) down: AtomicBool,
    pub(crate) introspection: Mutex<Value>,
    pub(crate) slow: AtomicBool,
    pub(crate) jwks_fetches: AtomicUsize,
    pub(crate) jwks_trouble: Mutex<Option<Trouble>>,
    pub(crate) introspections: AtomicUsize,
    pub(crate) whole_readings: AtomicUsize,
}

pub(crate) async fn serve(key: SigningKey, now: i64) -> Arc<Server> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let server = Arc::new(Server {
        stated_issuer: Mutex::new(issuer.clone()),
        issuer,
        keys: Mutex::new(vec![key]),
        salt: Mutex::new(SALT.to_owned()),
        delta_typ: Mutex::new(DELTA_TYP),
        revocations: Mutex::default(),
        page: AtomicUsize::new(2),
        holds: AtomicBool::new(true),
        polls: AtomicUsize::new(0),
        oldest: AtomicI64::new(0),
        now: AtomicI64::new(now),
        news: Notify::new(),
        down: AtomicBool::new(false),
        introspection: Mutex::new(json!({"active": false})),
        slow: AtomicBool::new(false),
        jwks_fetches: AtomicUsize::new(0),
        jwks_trouble: Mutex::default(),
        introspections: AtomicUsize::new(0),
        whole_readings: AtomicUsize::new(0),
    });
    let app = Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/jwks", get(jwks))
        .route("/elsewhere", get(jwks))
        .route("/feed", get(feed))
        .route("/introspect", post(introspect))
        .layer(from_fn_with_state(Arc::clone(&server), outage))
        .with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    server
}

type Shared = State<Arc<Server>>;

async fn outage(State(server): Shared, request: axum::extract::Request, next: Next) -> Response {
    if server.down.load(Ordering::SeqCst) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    next.run(request).await
}

async fn metadata(State(server): Shared) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", server.issuer);
    Json(json!({
        "issuer": *server.stated_issuer.lock().unwrap(),
        "jwks_uri": at("/jwks"),
        "introspection_endpoint": at("/introspect"),
        "grantor_revocation_feed": at("/feed"),
    }))
}

async fn jwks(State(server): Shared) -> Response {
    server.jwks_fetches.fetch_add(1, Ordering::SeqCst);
    let trouble = *server.jwks_trouble.lock().unwrap();
    match trouble {
        None => {}
        Some(Trouble::Silent) => std::future::pending().await,
        // A server of somebody else's may follow its first piece with others for ever.
        Some(Trouble::Endless) => {
            let piece = Bytes::from(vec![b' '; 64 * 1024]);
            let pieces = std::iter::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
            return Body::from_stream(futures_util::stream::iter(pieces)).into_response();
        }
        Some(Trouble::Elsewhere) => return Redirect::temporary("/elsewhere").into_response(),
    }
    let keys = server.keys.lock().unwrap().iter().map(SigningKey::public_jwk).collect();
    Json(JwkSet::new(keys).unwrap()).into_response()
}

#[derive(Deserialize)]
struct FeedQuery {
    after: i64,
    wait: u64,
}

async fn feed(
    State(server): Shared,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Response {
    server.polls.fetch_add(1, Ordering::SeqCst);
    if query.after != 0 && query.after < server.oldest.load(Ordering::SeqCst) {
        return StatusCode::GONE.into_response();
    }
    if query.after == 0 {
        server.whole_readings.fetch_add(1, Ordering::SeqCst);
    }
    let news = server.news.notified();
    tokio::pin!(news);
    news.as_mut().enable();
    let matches = headers.get(IF_NONE_MATCH).is_some_and(|etag| *etag == *server.etag());
    if matches {
        let wait = if server.holds.load(Ordering::SeqCst) { query.wait } else { 0 };
        let _ = tokio::time::timeout(Duration::from_secs(wait), news).await;
        if headers.get(IF_NONE_MATCH).is_some_and(|etag| *etag == *server.etag()) {
            return StatusCode::NOT_MODIFIED.into_response();
        }
    }
    ([(ETAG, server.etag())], server.delta(query.after)).into_response()
}

async fn introspect(
    State(server): Shared,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    server.introspections.fetch_add(1, Ordering::SeqCst);
    if server.slow.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // base64 of "rs1:s%3Acret"
    let basic = headers.get(AUTHORIZATION).is_some_and(|value| value == "Basic cnMxOnMlM0FjcmV0");
    let posted = form.iter().any(|(name, value)| name == "client_secret" && value == "s:cret");
    if !basic && !posted {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(server.introspection.lock().unwrap().clone()).into_response()
}

impl Server {
    fn etag(&self) -> String {
        format!("\"{}\"", self.revocations.lock().unwrap().len())
    }

    fn delta(&self, after: i64) -> String {
        let all = self.revocations.lock().unwrap();
        let from = usize::try_from(after).unwrap().min(all.len());
        let to = (from + self.page.load(Ordering::SeqCst)).min(all.len());
        let delta = RevocationDelta {
            iss: self.issuer.clone(),
            iat: self.now.load(Ordering::SeqCst),
            after,
            cursor: i64::try_from(to).unwrap(),
            more: to < all.len(),
            salt: self.salt.lock().unwrap().clone(),
            entries: all[from..to].to_vec(),
        };
        let signer =
            Signer::new(&self.keys.lock().unwrap()[0], Some(*self.delta_typ.lock().unwrap()));
        signer.sign(&serde_json::to_vec(&delta).unwrap()).unwrap()
    }

    pub(crate) fn hash(&self, message: &str) -> String {
        let salt = self.salt.lock().unwrap().clone();
        URL_SAFE_NO_PAD.encode(sha256_of(&[salt.as_bytes(), message.as_bytes()]))
    }

    pub(crate) fn revoke(&self, target: RevocationTarget, issued_before: i64) {
        let until = issued_before + 100_000;
        self.revocations.lock().unwrap().push(RevocationEntry { target, issued_before, until });
        self.news.notify_waiters();
    }

    pub(crate) fn revoke_token(&self, token: &str) {
        let hash = self.hash(token);
        self.revoke(RevocationTarget::Token { hash }, self.now.load(Ordering::SeqCst) + 1);
    }

    pub(crate) fn revoke_claims(&self, claims: &[(&str, &str)]) {
        let values: Vec<&str> = claims.iter().map(|(_, value)| *value).collect();
        let target = RevocationTarget::Claims {
            names: claims.iter().map(|(name, _)| (*name).to_owned()).collect(),
            hash: self.hash(&values.join("|")),
        };
        self.revoke(target, self.now.load(Ordering::SeqCst) + 1);
    }
}
