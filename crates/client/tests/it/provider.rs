//! An OpenID Provider that signs what it was told to sign and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use grantor_client::{ClientAuth, Clock, LoginError, Provider, ProviderSettings, RelyingParty};
use grantor_crypto::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use serde_json::{Map, Value, json};
use url::Url;

/// Seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

#[derive(Debug)]
pub(crate) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }
}

/// What it says of itself and of people.
pub(crate) struct Manners {
    pub(crate) key: SigningKey,
    /// Members of the metadata that are otherwise
    pub(crate) metadata: Map<String, Value>,
    /// Claims of the next ID token that are otherwise; null leaves one out
    pub(crate) claims: Map<String, Value>,
    /// Members of the token answer that are otherwise; null leaves one out
    pub(crate) answer: Map<String, Value>,
    /// The userinfo answer; a text is sent as a JWT
    pub(crate) userinfo: Value,
    /// What the token endpoint was sent, with its `Authorization`
    pub(crate) asked: Vec<(HashMap<String, String>, Option<String>)>,
    /// How often keys were asked for
    pub(crate) key_requests: usize,
    /// How long the token endpoint thinks
    pub(crate) delay: Duration,
    /// Whether the token endpoint is out of order
    pub(crate) down: bool,
    /// The nonce of the login that is under way
    nonce: Option<String>,
}

#[derive(Clone)]
struct Shared(String, Arc<Mutex<Manners>>);

/// Runs until dropped.
pub(crate) struct FakeProvider {
    pub(crate) issuer: String,
    manners: Arc<Mutex<Manners>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::Es256, Some(kid.to_owned())).unwrap()
}

impl FakeProvider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let manners = Arc::new(Mutex::new(Manners {
            key: key("k1"),
            metadata: Map::new(),
            claims: Map::new(),
            answer: Map::new(),
            userinfo: json!({ "sub": "u-1", "name": "Alice" }),
            asked: Vec::new(),
            key_requests: 0,
            delay: Duration::ZERO,
            down: false,
            nonce: None,
        }));
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Shared(issuer.clone(), Arc::clone(&manners)));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { issuer, manners, task }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().unwrap());
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&Manners) -> T) -> T {
        look(&self.manners.lock().unwrap())
    }

    pub(crate) async fn discover(&self) -> Result<Provider, LoginError> {
        Provider::discover(&self.issuer, ProviderSettings::default().clock(Fixed)).await
    }

    pub(crate) async fn shop(&self) -> RelyingParty {
        let client = ClientAuth::Basic { client_id: "shop".to_owned(), secret: "s".into() };
        let provider = self.discover().await.unwrap();
        RelyingParty::new(provider, client, "https://shop.example/callback").unwrap()
    }

    /// What the person's browser does at the authorization endpoint: signs in, and comes back with
    /// this query.
    pub(crate) fn visit(&self, url: &Url) -> String {
        let sent: HashMap<String, String> = url.query_pairs().into_owned().collect();
        self.change(|manners| manners.nonce = sent.get("nonce").cloned());
        let issuer: String = url::form_urlencoded::byte_serialize(self.issuer.as_bytes()).collect();
        format!("code=c0de&state={}&iss={issuer}", sent["state"])
    }
}

fn overlay(mut onto: Value, changes: &Map<String, Value>) -> Value {
    let members = onto.as_object_mut().unwrap();
    for (name, value) in changes {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    onto
}

async fn metadata(State(Shared(issuer, manners)): State<Shared>) -> Json<Value> {
    let stated = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/logout?tenant=a"),
        "authorization_response_iss_parameter_supported": true,
    });
    Json(overlay(stated, &manners.lock().unwrap().metadata))
}

async fn jwks(State(Shared(_, manners)): State<Shared>) -> Json<Value> {
    let mut manners = manners.lock().unwrap();
    manners.key_requests += 1;
    Json(json!({ "keys": [manners.key.public_jwk()] }))
}

async fn token(
    State(Shared(issuer, manners)): State<Shared>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let delay = manners.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let mut manners = manners.lock().unwrap();
    let form: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let first = form["grant_type"] == "authorization_code";
    manners.asked.push((form, authorization));
    if manners.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let mut claims = json!({ "iss": issuer, "sub": "u-1", "aud": "shop", "iat": NOW,
        "exp": NOW + 300, "auth_time": NOW - 10 });
    if let Some(nonce) = manners.nonce.as_ref().filter(|_| first) {
        claims["nonce"] = json!(nonce);
    }
    let claims = overlay(claims, &manners.claims);
    let id_token = Signer::new(&manners.key, None).sign(claims.to_string().as_bytes()).unwrap();
    let answer = json!({ "access_token": "at", "token_type": "Bearer", "expires_in": 300,
        "refresh_token": "rt", "id_token": id_token, "scope": "openid" });
    let answer = overlay(answer, &manners.answer);
    let status = if answer.get("error").is_some() { 400 } else { 200 };
    (StatusCode::from_u16(status).unwrap(), Json(answer)).into_response()
}

async fn userinfo(State(Shared(_, manners)): State<Shared>, headers: HeaderMap) -> Response {
    if headers[header::AUTHORIZATION] != "Bearer at" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match &manners.lock().unwrap().userinfo {
        Value::String(jwt) => {
            ([(header::CONTENT_TYPE, "application/jwt")], jwt.clone()).into_response()
        }
        claims => Json(claims.clone()).into_response(),
    }
}
