//! `GET /oauth2/revocations`: what verifiers pull. See [`grantor_oauth_types::revocation_feed`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_domain::params::{ParamError, Params};
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::token::TokenError;
use grantor_oauth_types::revocation_feed::{RevocationDelta, RevocationEntry, RevocationTarget};

use crate::app::App;
use crate::directory::TenantView;
use crate::extract::{Here, Peer};
use crate::grants::TokenFailure;
use crate::reply::json;

/// How long an answer is held at most, in seconds: shorter than a request may take (SEC-009).
const LONGEST_WAIT: u64 = 25;

/// How many entries one answer carries.
const AT_ONCE: usize = 5_000;

/// The news behind a cursor; held until there is some.
pub async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    let context = super::context(&app, Arc::clone(&tenant), peer, app.clock.now());
    tracing::debug!(peer = ?context.address, "revocation feed");
    match answer(&app, tenant, query.as_deref().unwrap_or_default(), &headers).await {
        Ok(response) => response,
        Err(failure) => crate::reply::token::failed(&app, &context, &failure),
    }
}

async fn answer(
    app: &App,
    tenant: Arc<TenantView>,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response<Body>, TokenFailure> {
    let mut params = Params::parse(query.as_bytes()).map_err(TokenError::from)?;
    let number = |text: &str| text.parse::<u32>().ok().map(i64::from);
    let after = params.read("after", number).map_err(TokenError::from)?.unwrap_or(0);
    let wait = params.read("wait", |text| text.parse::<u64>().ok()).map_err(TokenError::from)?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if after > tenant.revocations.cursor() {
        // A cursor of another database (a restored one): the consumer starts over.
        return Err(TokenError::Params(ParamError::Malformed("after")).into());
    }
    if let Some(seconds) = wait {
        hold(app, &tenant, after, Duration::from_secs(seconds.min(LONGEST_WAIT))).await;
    }
    let news = app.store.revocations(&tenant.tenant.name, after, AT_ONCE).await?;
    let cursor = news.last().map_or(after, |(seq, _)| *seq);
    let etag = format!("\"{cursor}\"");
    if news.is_empty() && known == Some(etag.as_str()) && wait.is_none() {
        return Ok(json::not_modified(&etag));
    }
    let delta = RevocationDelta {
        iss: tenant.tenant.issuer.clone(),
        iat: app.clock.now().as_second(),
        after,
        cursor,
        more: news.len() == AT_ONCE,
        salt: tenant.tenant.settings.revocation_salt.clone(),
        entries: news.iter().map(|(_, revocation)| entry(revocation)).collect(),
    };
    Ok(signed(app, &tenant, &delta, &etag)?)
}

/// Waits until the sequence is behind no more, the server drains, or time is up.
async fn hold(app: &App, tenant: &TenantView, after: i64, wait: Duration) {
    let mut news = tenant.revocations.subscribe();
    let mut draining = app.draining.subscribe();
    if tenant.revocations.cursor() > after {
        return;
    }
    tokio::select! {
        _ = news.wait_for(|cursor| *cursor > after) => {}
        _ = draining.wait_for(|draining| *draining) => {}
        () = tokio::time::sleep(wait) => {}
    }
}

fn signed(
    app: &App,
    tenant: &TenantView,
    delta: &RevocationDelta,
    etag: &str,
) -> Result<Response<Body>, crate::tokens::NoSigner> {
    use crate::directory::Statement;
    use crate::tokens::NoSigner;
    let alg = tenant.tenant.settings.signing_alg;
    let signer = tenant.keys.statement_signer(Statement::RevocationFeed, alg, app.clock.now());
    let payload = serde_json::to_vec(delta).expect("a delta is plain JSON");
    let jws = signer.ok_or(NoSigner)?.sign(&payload).map_err(|_| NoSigner)?;
    let mut response = Response::new(Body::from(jws));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jose"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

fn entry(revocation: &Revocation) -> RevocationEntry {
    let encode = |hash: &[u8; 32]| BASE64_URL_SAFE_NO_PAD.encode(hash);
    RevocationEntry {
        target: match &revocation.target {
            Target::Token(hash) => RevocationTarget::Token { hash: encode(hash) },
            Target::Claims { names, hash } => {
                RevocationTarget::Claims { names: names.clone(), hash: encode(hash) }
            }
            Target::Global => RevocationTarget::Global,
        },
        issued_before: revocation.issued_before,
        until: revocation.until.as_second(),
    }
}
