//! `POST /oauth2/par`: pushed authorization requests. RFC 9126.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::authorize::{self, Complaint, Refused};
use grantor_domain::client::Client;
use grantor_domain::params::Params;
use grantor_domain::pushed::PushedRequest;
use grantor_domain::single_use::SingleUse;
use grantor_oauth_types::id::GrantId;
use grantor_oauth_types::name::ClientId;
use grantor_oauth_types::token_response::ErrorResponse;
use grantor_store::{Effect, operations};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{client, context, form};
use crate::app::App;
use crate::extract::{Here, Peer};
use crate::flow::{self, URN};
use crate::grants::{Context, TokenFailure};
use crate::reply::authorize::note_rejected;
use crate::reply::json as reply;
use crate::reply::token::failed;

/// What can go wrong.
enum Failure {
    /// As at the token endpoint: authentication, the form, our own
    Token(TokenFailure),
    /// With what this client asks for
    Request(ClientId, Complaint),
}

impl<E: Into<TokenFailure>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Token(error.into())
    }
}

/// RFC 9126 §2.1, §2.2.
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
        Ok(reference) => {
            let seconds = context.tenant.tenant.settings.pushed_request_seconds;
            let body = json!({ "request_uri": reference, "expires_in": seconds });
            let response = reply::private(StatusCode::CREATED, &body);
            reply::with_decision(response, context.decision)
        }
        Err(Failure::Token(failure)) => failed(&app, &context, &failure),
        Err(Failure::Request(client, complaint)) => refused(&app, &context, &client, &complaint),
    }
}

/// RFC 9126 §2.3.
fn refused(
    app: &App,
    context: &Context,
    client: &ClientId,
    complaint: &Complaint,
) -> Response<Body> {
    let error = complaint.error.as_str();
    note_rejected(app, context, Some(client.as_str()), &complaint.description);
    tracing::info!(oauth.error = error, reason = complaint.description,
        decision.id = %context.decision, "pushed request refused");
    let body = ErrorResponse {
        error: error.to_owned(),
        error_description: Some(complaint.description.to_owned()),
        decision_id: Some(context.decision.to_string()),
    };
    reply::with_decision(reply::private(StatusCode::BAD_REQUEST, &body), context.decision)
}

async fn answer(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
) -> Result<String, Failure> {
    let mut params = form(headers, query, body)?;
    let client = client(app, context, headers, &mut params).await?;
    // Whoever authenticated otherwise may name itself besides; it is the same client.
    let named = params.take("client_id");
    if named.is_some_and(|named| named != client.id.as_str()) {
        let complaint = Complaint::invalid("client_id is not that of the client");
        return Err(Failure::Request(client.id.clone(), complaint));
    }
    let parameters = checked(app, context, &client, params).await;
    let parameters = parameters.map_err(|why| Failure::Request(client.id.clone(), why))?;
    Ok(keep(app, context, &client, parameters).await?)
}

/// Everything that can be judged now is judged now (RFC 9126 §2.1): the same reader as at the
/// authorization endpoint, and what is known of the client.
async fn checked(
    app: &App,
    context: &Context,
    client: &Client,
    mut params: Params,
) -> Result<Vec<(String, String)>, Complaint> {
    if params.take("request_uri").is_some() {
        return Err(Complaint::invalid("request_uri cannot be pushed"));
    }
    let mut signed = false;
    if let Some(compact) = params.take("request") {
        (params, signed) = flow::opened(app, context, client, &params, &compact).await?;
    }
    if client.authorization.require_signed_request && !signed {
        return Err(Complaint::invalid("the requests of this client must be signed"));
    }
    let pairs: Vec<(String, String)> =
        params.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let request = authorize::read(params, client).map_err(|refused| match refused {
        Refused::Page(complaint) | Refused::Redirect(_, complaint) => complaint,
    })?;
    let entry = app.directory.client(&context.tenant.tenant.name, &client.id).await;
    let entry = entry.ok().flatten();
    match entry.and_then(|entry| flow::foreseen(app, context, &entry, &request)) {
        Some(complaint) => Err(complaint),
        None => Ok(pairs),
    }
}

/// SEC-034: under its digest, bound to its client, for a short time.
async fn keep(
    app: &App,
    context: &Context,
    client: &Client,
    parameters: Vec<(String, String)>,
) -> Result<String, TokenFailure> {
    let id: GrantId = app.new_id(context.now);
    let secret = LookupSecret::mint(SecretKind::RequestUri, id.bytes());
    let tenant = &context.tenant.tenant;
    let life = SignedDuration::from_secs(tenant.settings.pushed_request_seconds.into());
    let expires = context.now.saturating_add(life).unwrap_or(Timestamp::MAX);
    let body = PushedRequest { client: client.id.clone(), parameters };
    let kept = SingleUse::new(tenant.name.clone(), id.bytes(), secret.digest(), expires, &body);
    operations::write(&*app.store, Effect::OpenSingleUse(Box::new(kept)).into()).await?;
    Ok(format!("{URN}{}", secret.reveal()))
}
