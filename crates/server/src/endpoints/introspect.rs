//! `POST /oauth2/introspect`. RFC 7662.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_domain::client::Client;
use grantor_domain::client_auth::ClientRefusal;
use grantor_domain::introspect::{describe, gates, may_introspect};
use grantor_domain::issue::AccessToken;
use grantor_domain::params::Params;
use grantor_domain::token::TokenError;
use grantor_oauth_types::id::{GroupId, UserId};
use grantor_oauth_types::introspection::Introspection;
use grantor_store::StoreError;

use super::{client, form};
use crate::access::{Permission as _, TokenIntrospect};
use crate::app::App;
use crate::asked::Asked;
use crate::directory::UserEntry;
use crate::extract::{authorization, bearer};
use crate::grants::{Context, TokenFailure};
use crate::reply::{json, token::failed};
use crate::tokens;

/// RFC 7662 §2.1: the caller authenticates; §2.2: and hears what is its business.
pub async fn post(asked: Asked) -> Response<Body> {
    let (app, context) = (&asked.app, asked.context());
    match answer(app, &context, &asked.headers, asked.query(), &asked.body).await {
        Ok(answer) => json::private(StatusCode::OK, &answer),
        Err(failure) => failed(app, &context, &failure),
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
    let caller = caller(app, context, headers, &mut params).await?;
    // A public client proves nothing: whoever knows its name could ask (SEC-103).
    if !caller.is_confidential() || !caller.enabled {
        return Err(TokenError::Client(ClientRefusal::OtherMethod).into());
    }
    let token = params.require("token").map_err(TokenError::from)?;
    let Ok(live) = tokens::verify(&context.tenant, &token, context.now) else {
        return Ok(Introspection::inactive());
    };
    let token = &live.token;
    if !may_introspect(&caller, token) || !is_let_in(app, context, token).await? {
        return Ok(Introspection::inactive());
    }
    let mut described = describe(token, &caller, &context.tenant.tenant.issuer);
    if described.username.is_none() && token.sub.parse::<UserId>().is_ok() {
        // A JWT does not carry it; Django knows people by it (`campus.md` 8.3).
        described.username = person(app, context, token).await?.map(|e| e.user.name.to_string());
    }
    Ok(described)
}

/// A client that authenticates, or a token that allows it (RFC 7662 §2.1).
async fn caller(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    params: &mut Params,
) -> Result<Arc<Client>, TokenFailure> {
    let header =
        authorization(headers).map_err(|_| TokenError::Client(ClientRefusal::TwoMethods))?;
    let Some(presented) = header.and_then(bearer) else {
        return Ok(client(app, context, headers, params).await?.shared());
    };
    if ["client_secret", "client_assertion"].into_iter().any(|name| params.has(name)) {
        return Err(TokenError::Client(ClientRefusal::TwoMethods).into());
    }
    let refused = || TokenError::Client(ClientRefusal::WrongSecret);
    // A bound one is good in the hands of its holder only (RFC 8705 §3).
    let live = tokens::presented(context, presented).map_err(|_| refused())?;
    let id =
        live.token.client.as_ref().filter(|_| live.token.scopes.contains(TokenIntrospect::SCOPE));
    let id = id.ok_or_else(refused)?;
    let entry = app.directory.client(&context.tenant.tenant.name, id).await?.ok_or_else(refused)?;
    Ok(Arc::clone(&entry.registered.client))
}

/// Whether the person of a token is in the groups that its way to sign in is for.
async fn is_let_in(app: &App, context: &Context, token: &AccessToken) -> Result<bool, StoreError> {
    let mut gates = gates(token, &context.tenant.scopes).peekable();
    if gates.peek().is_none() {
        return Ok(true);
    }
    let Some(person) = person(app, context, token).await? else { return Ok(false) };
    let inside = |groups: &[GroupId]| groups.iter().any(|group| person.groups.contains(group));
    Ok(gates.all(inside))
}

/// Of whom a token speaks: by her id, or by the grant where the token calls her otherwise.
async fn person(
    app: &App,
    context: &Context,
    token: &AccessToken,
) -> Result<Option<Arc<UserEntry>>, StoreError> {
    let tenant = &context.tenant.tenant.name;
    let user: Option<UserId> = match (token.sub.parse().ok(), token.gid) {
        (Some(user), _) => Some(user),
        (None, Some(id)) => app.store.grant(tenant, id).await?.map(|grant| grant.user),
        (None, None) => None,
    };
    match user {
        Some(user) => app.directory.user(tenant, user).await,
        None => Ok(None),
    }
}
