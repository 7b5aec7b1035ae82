//! A file per protocol endpoint, named like its path.

pub mod discovery;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod revocations;
pub mod revoke;
pub mod token;

use axum::http::HeaderMap;
use grantor_domain::client_auth::{
    AuthContext, AuthenticatedClient, Authentication, ClientRefusal, PresentedClient, authenticate,
};
use grantor_domain::params::{ParamError, Params};
use grantor_domain::token::TokenError;
use grantor_store::{UsedKind, operations};
use jiff::Timestamp;

use crate::app::App;
use crate::audit::{IssueEvent, Why};
use crate::directory::TenantView;
use crate::extract::{Peer, authorization, is_form};
use crate::grants::{Context, TokenFailure};

/// A new context, with the number of the decision that is about to be made.
fn context(app: &App, tenant: std::sync::Arc<TenantView>, peer: Peer, now: Timestamp) -> Context {
    Context { tenant, address: peer.0, now, decision: app.new_id(now) }
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

/// Judges what was presented, slows down whoever fails again and again, and writes the failure
/// down.
pub(crate) async fn authenticated(
    app: &App,
    context: &Context,
    presented: &PresentedClient,
) -> Result<AuthenticatedClient, TokenFailure> {
    let tenant = &context.tenant.tenant.name;
    let wait = app.client_failures.wait(tenant, &presented.id, context.address, context.now);
    if let Some(seconds) = wait {
        return Err(TokenError::SlowDown(seconds).into());
    }
    let entry = app.directory.client(tenant, &presented.id).await?;
    let auth = AuthContext {
        issuer: &context.tenant.tenant.issuer,
        digest_key: &app.secrets.client_digest,
        now: context.now,
    };
    let registered = entry.as_ref().map(|entry| &entry.registered);
    let proven = match authenticate(presented, registered, auth) {
        Ok(Authentication::Proven(client)) => Ok(client),
        Ok(Authentication::IfFirst(first)) => {
            let kind = UsedKind::AssertionJti;
            let unused = operations::use_once(&*app.store, kind, &first.mark, first.until).await?;
            first.proven(unused)
        }
        Err(refusal) => Err(refusal),
    };
    proven.map_err(|refusal| {
        app.client_failures.failed(tenant, &presented.id, context.address, context.now);
        app.audit.push(IssueEvent {
            id: context.decision,
            tenant: tenant.clone(),
            at: context.now,
            kind: "client.refused",
            outcome: grantor_domain::audit::AuditOutcome::Refused,
            actor: format!("client:{}", presented.id),
            address: context.address,
            why: Why::Reason(refusal.to_string()),
        });
        TokenError::Client(refusal).into()
    })
}
