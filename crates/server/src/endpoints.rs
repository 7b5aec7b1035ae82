//! A file per protocol endpoint, named like its path.

pub mod account_choice;
pub mod authorize;
pub mod check_session;
pub mod consent;
pub mod discovery;
pub mod end_session;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod par;
pub mod register;
pub mod revocations;
pub mod revoke;
pub mod sign_in;
pub mod token;
pub mod userinfo;

use std::time::Duration;

use axum::http::HeaderMap;
use grantor_domain::authorize::Complaint;
use grantor_domain::client_auth::{
    AuthContext, AuthenticatedClient, Authentication, ClientRefusal, PresentedClient, authenticate,
};
use grantor_domain::params::{ParamError, Params};
use grantor_domain::token::TokenError;
use grantor_store::{UsedKind, operations};
use jiff::Timestamp;

use crate::app::App;
use crate::audit::Actor;
use crate::browser::{Browser, is_from_here};
use crate::directory::TenantView;
use crate::extract::{Peer, authorization, is_form};
use crate::flow::FlowFailure;
use crate::grants::{Context, TokenFailure};
use crate::throttle::origin;
use crate::transaction::{Stuck, Transaction};

/// The event of a client that did not prove who it is.
const REFUSED: &str = "client.refused";

/// A new context, with the number of the decision that is about to be made.
fn context(app: &App, tenant: std::sync::Arc<TenantView>, peer: Peer, now: Timestamp) -> Context {
    Context::new(app, tenant, peer, now)
}

/// Reads the form of an OAuth endpoint: nothing else is taken (SEC-012), and nothing from the
/// query (SEC-017).
fn form(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Result<Params, TokenError> {
    if !is_form(headers) {
        return Err(ParamError::NotAForm.into());
    }
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(ParamError::Malformed("the query: parameters belong into the body").into());
    }
    Ok(Params::parse(body)?)
}

/// RFC 6749 §2.3: who is the client?
async fn client(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    params: &mut Params,
) -> Result<AuthenticatedClient, TokenFailure> {
    let header = authorization(headers).map_err(|_| ClientRefusal::TwoMethods);
    let header = header.map_err(TokenError::Client)?;
    let presented = PresentedClient::find(header, params).map_err(TokenError::from)?;
    authenticated(app, context, &presented).await
}

/// How late everybody hears that it did not prove who it is: unknown or wrong, whatever had to be looked
/// up (SEC-056).
const REFUSED_AFTER: Duration = Duration::from_millis(10);

/// Judges what was presented, slows down whoever fails again and again, and writes the failure
/// down.
pub(crate) async fn authenticated(
    app: &App,
    context: &Context,
    presented: &PresentedClient,
) -> Result<AuthenticatedClient, TokenFailure> {
    let judged = judged(app, context, presented).await;
    if let Err(TokenFailure::Refused(TokenError::Client(_))) = &judged {
        let elapsed = app.clock.now().duration_since(context.now).unsigned_abs();
        tokio::time::sleep(REFUSED_AFTER.saturating_sub(elapsed)).await;
    }
    judged
}

async fn judged(
    app: &App,
    context: &Context,
    presented: &PresentedClient,
) -> Result<AuthenticatedClient, TokenFailure> {
    let tenant = &context.tenant.tenant.name;
    let who = || (tenant.clone(), presented.id.clone(), context.address.map(origin));
    if let Some(seconds) = app.client_failures.wait(who, context.now) {
        let refusal = TokenError::SlowDown(seconds);
        context.record_refusal(app, REFUSED, Actor::Client(presented.id.clone()), &refusal);
        return Err(refusal.into());
    }
    let entry = app.directory.client(tenant, &presented.id).await?;
    let auth = AuthContext {
        issuer: &context.tenant.tenant.issuer,
        digest_key: &app.secrets.client_digest,
        now: context.now,
        certificate: context.certificate.as_deref(),
    };
    let registered = match &entry {
        Some(entry) => Some(app.client_keys.with_keys(app, &entry.registered).await),
        None => None,
    };
    let mut judged = authenticate(presented, registered.as_deref(), auth);
    if matches!(judged, Err(ClientRefusal::WrongKey))
        && let Some(registered) = &registered
    {
        // A client that has changed its key a moment ago gets in (trap 60).
        let newest = app.client_keys.with_newest_keys(app, registered).await;
        judged = authenticate(presented, Some(&newest), auth);
    }
    let proven = match judged {
        Ok(Authentication::Proven(client)) => Ok(client),
        Ok(Authentication::IfFirst(first)) => {
            let kind = UsedKind::AssertionJti;
            let unused = operations::use_once(&*app.store, kind, &first.mark, first.until).await?;
            first.proven(unused)
        }
        Err(refusal) => Err(refusal),
    };
    proven.map_err(|refusal| {
        app.client_failures.failed(&who(), context.now);
        context.record_refusal(app, REFUSED, Actor::Client(presented.id.clone()), &refusal);
        TokenError::Client(refusal).into()
    })
}

/// The transaction of a page, if it is of this browser and lives.
fn opened(
    app: &App,
    context: &Context,
    browser: &Browser,
    text: &str,
) -> Result<Transaction, FlowFailure> {
    let (sealer, tenant) = (&app.secrets.transactions, &context.tenant.tenant.name);
    Ok(Transaction::open(text, sealer, tenant, browser.binding(), context.now)?)
}

/// The transaction in the address of a page.
fn transaction_of(query: Option<&str>) -> Result<String, FlowFailure> {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let mut params = params.map_err(|error| FlowFailure::Page(Complaint::from(error)))?;
    Ok(params.take("tx").ok_or(Stuck::Unknown)?)
}

/// A form that one of our pages posted: from here (SEC-112), with a transaction of this browser
/// (SEC-040). A box that was ticked comes once for each, so `scope` may be repeated.
fn browser_form(
    app: &App,
    context: &Context,
    browser: &Browser,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Transaction, Params), FlowFailure> {
    if !is_from_here(&context.tenant, headers) {
        return Err(FlowFailure::Forged);
    }
    if !is_form(headers) {
        return Err(FlowFailure::Page(Complaint::invalid("the body is no form")));
    }
    let params = Params::parse_repeating(body, &["scope"]);
    let mut params = params.map_err(|error| FlowFailure::Page(Complaint::from(error)))?;
    let text = params.take("tx").ok_or(Stuck::Unknown)?;
    Ok((opened(app, context, browser, &text)?, params))
}
