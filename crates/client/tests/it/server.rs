//! A token endpoint that answers as it was told and remembers what it was asked, and an API that
//! takes the tokens it was told to take.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;

/// What the token endpoint answers once.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    delay: Duration,
}

impl Answer {
    pub(crate) fn token(token: &str, expires_in: u64) -> Self {
        Self::json(
            200,
            &json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in}),
        )
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string(), delay: Duration::ZERO }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn late(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// What the token endpoint was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) form: HashMap<String, String>,
}

#[derive(Default)]
struct Shared {
    script: VecDeque<Answer>,
    asked: Vec<Asked>,
    valid: HashSet<String>,
    calls: Vec<(String, HeaderMap, Bytes)>,
}

/// Runs until dropped.
pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Without a script it issues `token-1`, `token-2`, … for an hour each.
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let app = Router::new()
            .route("/token", any(token))
            .route("/api", any(api))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, task }
    }

    pub(crate) fn token_url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    pub(crate) fn api_url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    pub(crate) fn will_answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.lock().unwrap().script.extend(answers);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.lock().unwrap().asked.clone()
    }

    /// Which tokens the API takes; without any, all.
    pub(crate) fn only_takes(&self, tokens: &[&str]) {
        self.shared.lock().unwrap().valid = tokens.iter().map(|&token| token.into()).collect();
    }

    /// Method, headers and body of the calls to the API.
    pub(crate) fn calls(&self) -> Vec<(String, HeaderMap, Bytes)> {
        self.shared.lock().unwrap().calls.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn token(
    State(shared): State<Arc<Mutex<Shared>>>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let answer = {
        let mut shared = shared.lock().unwrap();
        let form = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let query = uri.query().unwrap_or_default().to_owned();
        shared.asked.push(Asked { query, headers, form });
        let name = format!("token-{}", shared.asked.len());
        shared.script.pop_front().unwrap_or_else(|| Answer::token(&name, 3_600))
    };
    tokio::time::sleep(answer.delay).await;
    let mut response = (StatusCode::from_u16(answer.status).unwrap(), answer.body).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

async fn api(
    State(shared): State<Arc<Mutex<Shared>>>,
    method: axum::http::Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut shared = shared.lock().unwrap();
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let takes = !token.is_empty() && (shared.valid.is_empty() || shared.valid.contains(token));
    shared.calls.push((method.to_string(), headers.clone(), body));
    if takes {
        return r#"{"orders":[]}"#.into_response();
    }
    let challenge = [("www-authenticate", r#"Bearer error="invalid_token""#)];
    (StatusCode::UNAUTHORIZED, challenge, r#"{"error":"invalid_token"}"#).into_response()
}
