//! Every path, and who may call it. Routes are added here and nowhere else.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{MethodFilter, on};
use grantor_pages::{ErrorKind, ErrorPage};
use serde_json::json;

use crate::app::App;
use crate::asked::{Answering, Asked, Endpoint};
use crate::dialects::stups;
use crate::endpoints::{
    account_choice, authorize, check_session, consent, discovery, end_session, health, introspect,
    jwks, par, register, revocations, revoke, sign_in, token, userinfo,
};
use crate::reply::json::private;
use crate::reply::page::Visit;

/// The longest body of an OAuth request, in bytes (SEC-007).
const FORM_LIMIT: usize = 64 * 1024;

/// The longest body that is read at a path, in bytes. The listener asks before anything is read, so
/// no route can forget to have a limit.
pub fn longest_body(path: &str) -> usize {
    if path.starts_with(crate::api::BASE) { crate::api::BODY_LIMIT } else { FORM_LIMIT }
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Anyone
    Open,
    /// A client, by RFC 6749 §2.3
    Client,
    /// Whoever has a token: the answer is about that token
    Token,
    /// Whoever has the one-time secret in the body
    Secret,
    /// A caller of the management API, with this permission
    Permit(&'static str),
}

/// A route: who may call it, how, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Who
    pub guard: Guard,
    /// How
    pub method: Method,
    /// Where
    pub path: String,
}

/// The routes, and the table of them that tests walk.
#[derive(Debug, Default)]
pub struct Routes {
    router: Router<App>,
    table: Vec<Route>,
    straight: Straight,
}

/// The endpoints that the listener calls itself. There are few of them, so they are looked through.
#[derive(Clone, Default)]
pub struct Straight(Vec<(Method, String, Endpoint)>);

impl Straight {
    /// Who answers this method at this path.
    pub fn find(&self, method: &Method, path: &str) -> Option<&Endpoint> {
        let found = self.0.iter().find(|(how, at, _)| at == path && how == method);
        found.map(|(_, _, endpoint)| endpoint)
    }
}

impl std::fmt::Debug for Straight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(method, path, _)| (method, path))).finish()
    }
}

impl Routes {
    /// Adds a route.
    #[must_use]
    pub fn add<H, T>(mut self, guard: Guard, method: Method, path: &str, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a plain method");
        self.router = self.router.route(path, on(filter, handler));
        self.table.push(Route { guard, method, path: path.to_owned() });
        self
    }

    /// Adds a route that many requests take: the listener calls its endpoint itself, so they cost
    /// as little as they can.
    #[must_use]
    pub fn add_straight<H, F, T>(
        mut self,
        guard: Guard,
        method: Method,
        path: &str,
        endpoint: H,
    ) -> Self
    where
        H: Handler<T, App> + Fn(Asked) -> F + Sync,
        F: Future<Output = Response<Body>> + Send + 'static,
        T: 'static,
    {
        let called = endpoint.clone();
        let called: Endpoint =
            Arc::new(move |asked: Asked| -> Answering { Box::pin(called(asked)) });
        self.straight.0.push((method.clone(), path.to_owned(), called));
        self.add(guard, method, path, endpoint)
    }

    /// Adds routes that were put together elsewhere.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self.straight.0.extend(other.straight.0);
        self
    }

    /// The table.
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// The router, and what goes past it.
    pub fn into_parts(self) -> (Router<App>, Straight) {
        (self.router, self.straight)
    }
}

/// Everything the public listener answers.
pub fn public() -> Routes {
    Routes::default()
        .add_straight(
            Guard::Open,
            Method::GET,
            "/.well-known/oauth-authorization-server",
            discovery::get,
        )
        .add_straight(Guard::Open, Method::GET, "/.well-known/openid-configuration", discovery::get)
        // Clients that are told an issuer with a slash at its end (campus.md 15, C27).
        .add(Guard::Open, Method::GET, "/.well-known/openid-configuration/", discovery::get)
        .add_straight(Guard::Open, Method::GET, "/oauth2/jwks", jwks::get)
        .add(Guard::Open, Method::GET, "/oauth2/revocations", revocations::get)
        .add_straight(Guard::Client, Method::POST, "/oauth2/token", token::post)
        .add_straight(Guard::Client, Method::POST, "/oauth2/introspect", introspect::post)
        .add(Guard::Client, Method::POST, "/oauth2/revoke", revoke::post)
        .add(Guard::Open, Method::GET, "/oauth2/authorize", authorize::get)
        .add(Guard::Open, Method::POST, "/oauth2/authorize", authorize::post)
        .add(Guard::Client, Method::POST, "/oauth2/par", par::post)
        .add(Guard::Open, Method::GET, "/sign-in", sign_in::get)
        .add(Guard::Open, Method::POST, "/sign-in", sign_in::post)
        .add(Guard::Open, Method::GET, "/account-choice", account_choice::get)
        .add(Guard::Open, Method::POST, "/account-choice", account_choice::post)
        .add(Guard::Open, Method::GET, "/consent", consent::get)
        .add(Guard::Open, Method::POST, "/consent", consent::post)
        .add(Guard::Open, Method::GET, "/oauth2/end_session", end_session::get)
        .add(Guard::Open, Method::POST, "/oauth2/end_session", end_session::post)
        .add(Guard::Open, Method::GET, "/oauth2/check_session", check_session::get)
        .add(Guard::Open, Method::POST, "/oauth2/register", register::post)
        .add(Guard::Token, Method::GET, "/oauth2/register/{id}", register::get)
        .add(Guard::Token, Method::PUT, "/oauth2/register/{id}", register::put)
        .add(Guard::Token, Method::DELETE, "/oauth2/register/{id}", register::delete)
        .add(Guard::Token, Method::GET, "/oauth2/userinfo", userinfo::get)
        .add(Guard::Token, Method::POST, "/oauth2/userinfo", userinfo::post)
        .merge(crate::account::routes())
        .merge(stups::routes())
        .merge(crate::api::routes())
}

/// Everything that is answered where clients are asked for certificates: what they and the holders of
/// their tokens ask themselves (RFC 8705 §5). No page is among it; browsers would ask people for a
/// certificate.
pub fn mutual_tls() -> Routes {
    Routes::default()
        .add(Guard::Client, Method::POST, "/oauth2/token", token::post)
        .add(Guard::Client, Method::POST, "/oauth2/introspect", introspect::post)
        .add(Guard::Client, Method::POST, "/oauth2/revoke", revoke::post)
        .add(Guard::Client, Method::POST, "/oauth2/par", par::post)
        .add(Guard::Open, Method::POST, "/oauth2/register", register::post)
        .add(Guard::Token, Method::GET, "/oauth2/register/{id}", register::get)
        .add(Guard::Token, Method::PUT, "/oauth2/register/{id}", register::put)
        .add(Guard::Token, Method::DELETE, "/oauth2/register/{id}", register::delete)
        .add(Guard::Token, Method::GET, "/oauth2/userinfo", userinfo::get)
        .add(Guard::Token, Method::POST, "/oauth2/userinfo", userinfo::post)
        .merge(stups::routes())
        .merge(crate::api::routes())
}

/// Everything the operations listener answers.
pub fn operations() -> Routes {
    Routes::default()
        .add(Guard::Open, Method::GET, "/healthz", health::live)
        .add(Guard::Open, Method::GET, "/readyz", health::ready)
        .add(Guard::Open, Method::GET, "/health", stups::operation::health)
        .add(Guard::Open, Method::GET, "/metrics", stups::operation::metrics)
        .add(Guard::Open, Method::GET, "/api/v1/openapi.json", crate::api::described)
}

/// What is not there.
pub async fn not_found(
    visit: Visit,
    headers: HeaderMap,
    uri: axum::http::Uri,
) -> axum::response::Response {
    if uri.path().starts_with(crate::api::BASE) {
        return crate::api::Problem::not_found().into_response();
    }
    if wants_page(&headers) {
        let page = ErrorPage::new(ErrorKind::NotFound, "not_found");
        return visit.error(StatusCode::NOT_FOUND, &page);
    }
    private(StatusCode::NOT_FOUND, &json!({ "error": "not_found" }))
}

/// Whether a person is looking: browsers say first that they want HTML.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.starts_with("text/html"))
}
