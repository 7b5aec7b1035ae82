//! `GET` and `POST /oauth2/userinfo`. OIDC Core §5.3, RFC 6750 §2.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use grantor_domain::claims::{Wanted, release};
use grantor_domain::client::{Client, TokenProfile};
use grantor_domain::grant::Grant;
use grantor_domain::issue::AccessToken;
use grantor_domain::params::Params;
use grantor_oauth_types::error_code::BearerErrorCode;
use grantor_oauth_types::id::UserId;
use grantor_store::StoreError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::client_keys::NoClientKey;
use crate::directory::{TenantView, UserEntry};
use crate::extract::{Here, Peer, authorization, bearer, is_form};
use crate::grants::Context;
use crate::id_tokens;
use crate::reply::bearer_challenge::challenge;
use crate::reply::json::{private, retry_after};
use crate::reply::token::{KEYS_RETRY_SECONDS, RETRY_SECONDS};
use crate::tokens::{self, NoSigner};

/// The token is in the header alone.
pub async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    let context = super::context(&app, tenant, peer, app.clock.now());
    respond(&app, &context, query.as_deref(), &headers, &Bytes::new()).await
}

/// The token is in the header or in the form (RFC 6750 §2.2).
pub async fn post(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let context = super::context(&app, tenant, peer, app.clock.now());
    respond(&app, &context, query.as_deref(), &headers, &body).await
}

/// Why nothing is said.
enum Refusal {
    /// RFC 6750 §3.1; `None` when no token was sent
    Bearer(Option<BearerErrorCode>),
    /// Our fault
    Broken(String),
    /// The database is away
    Later,
    /// Nothing can be encrypted for the client (§5.3.2)
    NoClientKey(NoClientKey),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => {
                tracing::error!(%reason, "the store is not available");
                Self::Later
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<NoSigner> for Refusal {
    fn from(error: NoSigner) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<NoClientKey> for Refusal {
    fn from(error: NoClientKey) -> Self {
        Self::NoClientKey(error)
    }
}

async fn respond(
    app: &App,
    context: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Response<Body> {
    match answer(app, context, query, headers, body).await {
        Ok(response) => response,
        Err(Refusal::Bearer(error)) => {
            let scope = (error == Some(BearerErrorCode::InsufficientScope)).then_some("openid");
            challenge(error, scope)
        }
        Err(Refusal::Later) => {
            let body = json!({ "error": "temporarily_unavailable" });
            retry_after(private(StatusCode::SERVICE_UNAVAILABLE, &body), RETRY_SECONDS)
        }
        Err(Refusal::NoClientKey(error)) => {
            let said =
                |error: &str, words: String| json!({ "error": error, "error_description": words });
            let words = error.to_string();
            match error {
                NoClientKey::Unreachable => {
                    let body = said("temporarily_unavailable", words);
                    let response = private(StatusCode::SERVICE_UNAVAILABLE, &body);
                    retry_after(response, KEYS_RETRY_SECONDS)
                }
                NoClientKey::Unfit => {
                    private(StatusCode::BAD_REQUEST, &said("invalid_request", words))
                }
            }
        }
        Err(Refusal::Broken(reason)) => {
            tracing::error!(%reason, "userinfo failed");
            private(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" }))
        }
    }
}

async fn answer(
    app: &App,
    context: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Body>, Refusal> {
    let view = &*context.tenant;
    let invalid = || Refusal::Bearer(Some(BearerErrorCode::InvalidToken));
    let text = presented(query, headers, body)?;
    let live = tokens::presented(context, &text).map_err(|_| invalid())?;
    if !live.token.scopes.contains("openid") {
        return Err(Refusal::Bearer(Some(BearerErrorCode::InsufficientScope)));
    }
    // SEC-108: one for another API alone is worth nothing here.
    if !live.token.is_for(&view.tenant.issuer) {
        return Err(invalid());
    }
    let tenant = &view.tenant.name;
    let grant = match live.token.gid {
        Some(id) => app.store.grant(tenant, id).await?,
        None => None,
    };
    let user = subject(app, view, &live.token, grant.as_ref()).await?;
    let user = user.filter(|entry| entry.user.enabled).ok_or_else(invalid)?;
    let id = live.token.client.as_ref().ok_or_else(invalid)?;
    let client = app.directory.client(tenant, id).await?.ok_or_else(invalid)?;
    let client = client.client();
    if !client.enabled {
        return Err(invalid());
    }
    // What was asked for one by one when the token was granted.
    let asked = grant.and_then(|grant| grant.origin).map(|origin| origin.claims);
    let asked = asked.unwrap_or_default();
    let wanted =
        Wanted { scopes: &live.token.scopes, claims: &asked.userinfo, registered: &client.scopes };
    let mut claims = release(&user.user, wanted);
    claims.extend(id_tokens::groups(app, view, &user, &live.token.scopes).await?);
    claims.insert("sub".to_owned(), id_tokens::subject(app, client, &user.user).into());
    written(app, view, client, claims, context.now).await
}

/// The one token of the request. RFC 6750 §2: never two ways at once; never the query, which ends up
/// in logs (SEC-017).
fn presented(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
    let bad = || Refusal::Bearer(Some(BearerErrorCode::InvalidRequest));
    let query = Params::parse(query.unwrap_or_default().as_bytes()).map_err(|_| bad())?;
    if query.has("access_token") {
        return Err(bad());
    }
    let header = authorization(headers).map_err(|_| bad())?;
    let in_body = match is_form(headers) {
        true => Params::parse(body).map_err(|_| bad())?.take("access_token"),
        false => None,
    };
    match (header, in_body) {
        (Some(_), Some(_)) => Err(bad()),
        (Some(header), None) => bearer(header).map(ToOwned::to_owned).ok_or(Refusal::Bearer(None)),
        (None, Some(token)) => Ok(token),
        (None, None) => Err(Refusal::Bearer(None)),
    }
}

/// The person of a token: by id, by name where the profile says it so, or by its grant where the
/// client knows her under a name that tells nobody who she is (OIDC Core §8).
async fn subject(
    app: &App,
    view: &TenantView,
    token: &AccessToken,
    grant: Option<&Grant>,
) -> Result<Option<Arc<UserEntry>>, StoreError> {
    let tenant = &view.tenant.name;
    match (token.profile, &token.realm) {
        (TokenProfile::Rfc9068, _) => {
            match token.sub.parse::<UserId>().ok().or(grant.map(|grant| grant.user)) {
                Some(id) => app.directory.user(tenant, id).await,
                None => Ok(None),
            }
        }
        (TokenProfile::Stups, Some(realm)) => {
            app.directory.user_named(tenant, realm, &token.sub).await
        }
        (TokenProfile::Stups, None) => Ok(None),
    }
}

/// Plain, signed, encrypted, or both, as the client is registered (§5.3.2).
async fn written(
    app: &App,
    view: &TenantView,
    client: &Client,
    mut claims: Map<String, Value>,
    now: Timestamp,
) -> Result<Response<Body>, Refusal> {
    let openid = &client.openid;
    let jwt = match (openid.userinfo_signed_response_alg, openid.userinfo_encryption) {
        (None, None) => return Ok(private(StatusCode::OK, &claims)),
        (None, Some(encryption)) => {
            id_tokens::seal_claims(app, client, encryption, &claims).await?
        }
        (Some(alg), encryption) => {
            claims.insert("iss".to_owned(), view.tenant.issuer.as_str().into());
            claims.insert("aud".to_owned(), client.id.as_str().into());
            let payload = serde_json::to_vec(&claims).expect("claims have string keys only");
            let signed = id_tokens::sign(view, alg, &payload, now)?;
            id_tokens::seal(app, client, encryption, signed).await?
        }
    };
    let mut response = crate::reply::json::private_bytes(StatusCode::OK, jwt.into());
    let jwt = HeaderValue::from_static("application/jwt");
    response.headers_mut().insert(header::CONTENT_TYPE, jwt);
    Ok(response)
}
