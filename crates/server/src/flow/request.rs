//! Where the parameters of a request come from: the address, a signed object, or what was pushed.
//! RFC 9101 §5, RFC 9126 §4; SEC-032 to SEC-035.

use std::sync::Arc;

use grantor_crypto::jwk::JwkSet;
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::authorize::request_object::{self, Against};
use grantor_domain::authorize::{self, AuthorizationRequest, Complaint, Refused};
use grantor_domain::client::Client;
use grantor_domain::params::Params;
use grantor_domain::pushed::PushedRequest;
use grantor_domain::single_use::SingleUseBody as _;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_store::StoreError;

use super::FlowFailure;
use crate::app::App;
use crate::grants::Context;
use crate::request_files;
use crate::transaction::Pushed;

/// What stands before the secret in the reference of a pushed request (RFC 9126 §2.2).
pub const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// A request, and the pushed one that it is.
#[derive(Debug)]
pub struct Asked {
    /// What is asked for
    pub request: AuthorizationRequest,
    /// Spent when it is answered
    pub pushed: Option<Pushed>,
}

/// Reads the request of a client from wherever its parameters are. Whatever is wrong with where they
/// come from is said on a page: there is no redirect URI to trust yet.
pub async fn read(
    app: &App,
    context: &Context,
    client: &Client,
    params: Params,
) -> Result<Result<Asked, Refused>, FlowFailure> {
    let (params, signed, pushed) = match source(app, context, client, params).await? {
        Ok(found) => found,
        Err(complaint) => return Ok(Err(Refused::Page(complaint))),
    };
    let request = match authorize::read(params, client) {
        Ok(request) => request,
        Err(refused) => return Ok(Err(refused)),
    };
    let complaint = unmet(client, signed, pushed.is_some());
    if let Some(complaint) = complaint {
        return Ok(Err(Refused::Redirect(Box::new(request.to), complaint)));
    }
    Ok(Ok(Asked { request, pushed }))
}

/// SEC-035: a client that must push or sign cannot do without. What was pushed was held to that when
/// it came in.
fn unmet(client: &Client, signed: bool, pushed: bool) -> Option<Complaint> {
    let settings = &client.authorization;
    if settings.require_par && !pushed {
        return Some(Complaint::invalid("the requests of this client must be pushed"));
    }
    if settings.require_signed_request && !signed && !pushed {
        return Some(Complaint::invalid("the requests of this client must be signed"));
    }
    None
}

type Source = (Params, bool, Option<Pushed>);

async fn source(
    app: &App,
    context: &Context,
    client: &Client,
    mut params: Params,
) -> Result<Result<Source, Complaint>, FlowFailure> {
    let reference = params.peek("request_uri").filter(|uri| !uri.is_empty());
    if let Some(secret) = reference.and_then(|uri| uri.strip_prefix(URN)) {
        let found = pushed(app, context, client, secret).await?;
        return Ok(found.map(|(params, pushed)| (params, false, Some(pushed))));
    }
    let object = params.peek("request").is_some_and(|object| !object.is_empty());
    let registered = reference.is_some_and(|uri| request_files::is_registered(client, uri));
    let compact: Option<Arc<str>> = match (object, reference.is_some()) {
        (true, true) => {
            return Ok(Err(Complaint::invalid("request and request_uri exclude each other")));
        }
        (true, false) => params.take("request").map(Into::into),
        // SEC-033: fetched only from where the client registered, through the outbound guard.
        (false, true) if registered => {
            let uri = params.take("request_uri").unwrap_or_default();
            let Some(compact) = app.request_files.get(app, &uri).await else {
                let words = "the request object cannot be fetched";
                return Ok(Err(Complaint::new(AuthorizeErrorCode::InvalidRequestUri, words)));
            };
            Some(compact)
        }
        _ => None,
    };
    match compact {
        Some(compact) => {
            let read = opened(app, context, client, &params, &compact).await;
            Ok(read.map(|(params, signed)| (params, signed, None)))
        }
        // What is left of `request_uri` is refused by the reader, to the redirect URI.
        None => Ok(Ok((params, false, None))),
    }
}

/// A request object, held against the keys of the client; fetched anew if none of them fits.
/// `outside` is what came beside it.
pub async fn opened(
    app: &App,
    context: &Context,
    client: &Client,
    outside: &Params,
    compact: &str,
) -> Result<(Params, bool), Complaint> {
    let issuer = &context.tenant.tenant.issuer;
    let against = Against { client, issuer, now: context.now };
    let keys = |set: Option<Arc<serde_json::Value>>| {
        set.and_then(|set| JwkSet::parse(set.to_string().as_bytes()).ok()).unwrap_or_default()
    };
    let known = keys(app.client_keys.set_of(app, client).await);
    let read = match request_object::read(compact, outside, &known, against) {
        Err(_) if client.jwks_uri.is_some() => {
            let newest = keys(app.client_keys.newest_of(app, client).await);
            request_object::read(compact, outside, &newest, against)
        }
        read => read,
    }?;
    Ok((read.params, read.signed))
}

/// RFC 9126 §4: what was pushed, if this client pushed it and it can still be used. Everything else
/// in the address is ignored.
async fn pushed(
    app: &App,
    context: &Context,
    client: &Client,
    secret: &str,
) -> Result<Result<(Params, Pushed), Complaint>, FlowFailure> {
    let words = "the pushed request is unknown, of another client, used or expired";
    let unknown = Complaint::new(AuthorizeErrorCode::InvalidRequestUri, words);
    let Some(secret) = LookupSecret::parse(SecretKind::RequestUri, secret) else {
        return Ok(Err(unknown));
    };
    let (id, digest) = (secret.lookup_id(), secret.digest());
    let found = app.store.single_use(&context.tenant.tenant.name, PushedRequest::KIND, id).await?;
    let good = found.filter(|found| {
        found.digest == digest && found.spent.is_none() && context.now < found.expires
    });
    let Some(found) = good else { return Ok(Err(unknown)) };
    let request: PushedRequest =
        found.decode().map_err(|error| StoreError::Corrupt(error.to_string()))?;
    if request.client != client.id {
        return Ok(Err(unknown));
    }
    let mut params = Params::default();
    for (name, value) in request.parameters {
        params.put(&name, value).map_err(|_| StoreError::Corrupt("a pushed request".to_owned()))?;
    }
    Ok(Ok((params, Pushed { id, digest })))
}
