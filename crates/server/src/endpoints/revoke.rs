//! `POST /oauth2/revoke`. RFC 7009.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_domain::token::TokenError;

use super::{client, context, form};
use crate::app::App;
use crate::extract::{Here, Peer};
use crate::grants::{Context, TokenFailure};
use crate::reply::{json, token::failed};
use crate::{revoke, tokens};

/// RFC 7009 §2.1 and §2.2: an unknown token is as good as a revoked one.
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
        Ok(()) => json::private_bytes(StatusCode::OK, Bytes::new()),
        // What could not be stored is never reported as done (SEC-106).
        Err(failure) => failed(&app, &context, &failure),
    }
}

async fn answer(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
) -> Result<(), TokenFailure> {
    let mut params = form(headers, query, body)?;
    let client = client(app, context, headers, &mut params).await?;
    // The hint only helps to search; our tokens say themselves what they are.
    let _hint = params.take("token_type_hint");
    let token = params.require("token").map_err(TokenError::from)?;
    if let Some((grant, _)) = app.secrets.read_refresh_token(&token) {
        revoke::grant(app, context, &client, grant).await?;
    } else if let Ok(live) = tokens::verify(&context.tenant, &token, context.now) {
        // Only its own (SEC-105). A STUPS token may not say whose it is: having it is enough then,
        // as it is for using it.
        if live.token.client.as_ref().is_none_or(|owner| *owner == client.id) {
            revoke::access_token(app, context, &live, &format!("client:{}", client.id)).await?;
        }
    }
    Ok(())
}
