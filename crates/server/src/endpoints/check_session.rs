//! `GET /oauth2/check_session`. OIDC Session Management §3.2.

use axum::body::Body;
use axum::http::Response;
use grantor_pages::CheckSession;

use crate::extract::Here;
use crate::reply::page;
use crate::session_state::COOKIE;

/// The frame that clients ask whether the session is still the same.
pub async fn get(Here(tenant): Here) -> Response<Body> {
    page::frame(&tenant.tenant, CheckSession { cookie: COOKIE }.page())
}
