//! `POST /oauth2/token`. RFC 6749 §3.2.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use grantor_domain::token::TokenRequest;

use super::{client, context, form};
use crate::app::App;
use crate::extract::{Here, Peer};
use crate::grants::{self, Context, Issued, TokenFailure};
use crate::reply;

/// RFC 6749 §3.2, from top to bottom.
pub async fn post(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let now = app.clock.now();
    let context = context(&app, tenant, peer, now);
    match answer(&app, &context, &headers, query.as_deref(), &body).await {
        Ok(issued) => reply::token::issued(issued, context.decision),
        Err(failure) => reply::token::failed(&failure, context.decision),
    }
}

async fn answer(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
) -> Result<Issued, TokenFailure> {
    let mut params = form(headers, query, body)?;
    let client = client(app, context, headers, &mut params).await?;
    let request = TokenRequest::parse(&mut params)?;
    grants::issue(app, context, &client, request).await
}
