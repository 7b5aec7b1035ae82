//! A web application that people sign in to.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{RawQuery, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, response::IntoResponse, response::Redirect, routing::get};
use grantor_client::{AuthorizationRequest, PendingLogin, RelyingParty};

#[derive(Clone)]
struct App(RelyingParty, Arc<Mutex<HashMap<String, PendingLogin>>>);

/// The two addresses that signing in takes.
pub fn routes(client: RelyingParty) -> Router {
    let app = App(client, Arc::default());
    Router::new().route("/login", get(login)).route("/callback", get(callback)).with_state(app)
}

async fn login(State(App(client, begun)): State<App>) -> impl IntoResponse {
    let (url, pending) = client.start(&AuthorizationRequest::new(["openid", "profile"]));
    // The cookie ties the login to this browser; behind https, name it __Host-login, and Secure.
    let cookie = format!("login={}; Path=/; HttpOnly; SameSite=Lax", pending.state());
    begun.lock().expect("no panic").insert(pending.state().to_owned(), pending);
    ([(SET_COOKIE, cookie)], Redirect::to(url.as_str()))
}

async fn callback(
    State(App(client, begun)): State<App>,
    (headers, RawQuery(query)): (HeaderMap, RawQuery),
) -> Result<String, (StatusCode, String)> {
    let no = |text: String| (StatusCode::BAD_REQUEST, text);
    let cookies = headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = cookies.split("; ").find_map(|one| one.strip_prefix("login=")).unwrap_or_default();
    let pending = begun.lock().expect("no panic").remove(key).ok_or(no("Begin anew.".into()))?;
    let login = client.finish(pending, &query.unwrap_or_default()).await;
    let login = login.map_err(|error| no(error.to_string()))?;
    Ok(login.id_token.map(|who| format!("Hello {}", who.subject())).unwrap_or_default())
}
