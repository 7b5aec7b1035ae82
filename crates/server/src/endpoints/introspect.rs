//! `POST /oauth2/introspect`. RFC 7662.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_domain::client_auth::ClientRefusal;
use grantor_domain::introspect::{describe, may_introspect};
use grantor_domain::token::TokenError;
use grantor_oauth_types::introspection::Introspection;

use super::{client, context, form};
use crate::app::App;
use crate::extract::{Here, Peer};
use crate::grants::{Context, TokenFailure};
use crate::reply::{json, token::failed};
use crate::tokens;

/// RFC 7662 §2.1: the caller authenticates; §2.2: and hears what is its business.
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
        Ok(answer) => json::private(StatusCode::OK, &answer),
        Err(failure) => failed(&failure, context.decision),
    }
}

async fn answer(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
) -> Result<Introspection, TokenFailure> {
    let mut params = form(headers, query, body)?;
    let caller = client(app, context, headers, &mut params).await?;
    // A public client proves nothing: whoever knows its name could ask (SEC-103).
    if !caller.is_confidential() || !caller.enabled {
        return Err(TokenError::Client(ClientRefusal::OtherMethod).into());
    }
    let token = params.require("token").map_err(TokenError::from)?;
    let Ok(live) = tokens::verify(&context.tenant, &token, context.now) else {
        return Ok(Introspection::inactive());
    };
    if !may_introspect(&caller, &live.token) {
        return Ok(Introspection::inactive());
    }
    Ok(describe(&live.token, &context.tenant.tenant.issuer))
}
