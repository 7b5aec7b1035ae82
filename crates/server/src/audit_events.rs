//! The audit events of the protocol endpoints, in one place.

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::code::CodeRefusal;
use grantor_domain::grant::Grant;
use grantor_domain::issue::AccessToken;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::ClientId;
use serde_json::{Value, json};

use crate::grants::Context;

fn event(
    context: &Context,
    kind: &str,
    outcome: AuditOutcome,
    actor: String,
    subject: String,
    detail: Value,
) -> AuditEvent {
    AuditEvent {
        id: context.decision,
        tenant: context.tenant.tenant.name.clone(),
        at: context.now,
        kind: kind.to_owned(),
        outcome,
        actor,
        subject: Some(subject),
        address: context.address.map(|address| address.to_string()),
        detail,
    }
}

/// The id of an event that goes with a change is its own: the decision has one already.
fn change(
    context: &Context,
    kind: &str,
    actor: String,
    subject: String,
    detail: Value,
) -> AuditEvent {
    let decision = context.decision;
    let mut event = event(context, kind, AuditOutcome::Done, actor, subject, detail);
    event.id = crate::app::new_id(context.now);
    if let Value::Object(members) = &mut event.detail {
        members.insert("decision_id".to_owned(), json!(decision));
    }
    event
}

/// A delegation began.
pub fn grant_opened(grant: &Grant, context: &Context) -> AuditEvent {
    let (actor, subject) = (format!("user:{}", grant.user), format!("grant/{}", grant.id));
    change(
        context,
        "grant.opened",
        actor,
        subject,
        json!({ "client": grant.client, "scopes": grant.scopes }),
    )
}

/// Somebody signed in, anew or again.
pub fn session_opened(session: &grantor_domain::session::Session, context: &Context) -> AuditEvent {
    let (actor, subject) = (format!("user:{}", session.user), format!("session/{}", session.id));
    change(context, "session.opened", actor, subject, json!({ "amr": session.amr() }))
}

/// Somebody has decided what a client may do.
pub fn consent_given(
    user: UserId,
    client: &ClientId,
    consents: &[grantor_domain::consent::Consent],
    context: &Context,
) -> AuditEvent {
    let decided: Vec<Value> =
        consents.iter().map(|c| json!({ "scope": c.scope, "status": c.status })).collect();
    let detail = json!({ "client": client, "decided": decided });
    change(context, "consent.given", format!("user:{user}"), format!("user/{user}"), detail)
}

/// A delegation goes on: its refresh token was exchanged for the next.
pub fn grant_refreshed(grant: &Grant, context: &Context) -> AuditEvent {
    let (actor, subject) = (format!("client:{}", grant.client), format!("grant/{}", grant.id));
    let generation = grant.refresh.generation;
    change(context, "grant.refreshed", actor, subject, json!({ "generation": generation }))
}

/// A code was shown by whom it was not for, or without its proof, and is worth nothing any more.
pub fn code_burnt(client: &ClientId, why: &CodeRefusal, context: &Context) -> AuditEvent {
    let (actor, subject) = (format!("client:{client}"), format!("client/{client}"));
    let mut event =
        change(context, "code.burnt", actor, subject, json!({ "reason": why.to_string() }));
    event.outcome = AuditOutcome::Refused;
    event
}

/// A delegation was ended on request.
pub fn grant_revoked(grant: &Grant, context: &Context) -> AuditEvent {
    let (actor, subject) = (format!("client:{}", grant.client), format!("grant/{}", grant.id));
    change(context, "grant.revoked", actor, subject, json!({ "user": grant.user }))
}

/// A rotated refresh token came again: somebody has a copy.
pub fn refresh_reused(grant: &Grant, context: &Context) -> AuditEvent {
    let (actor, subject) = (format!("client:{}", grant.client), format!("grant/{}", grant.id));
    let mut event =
        change(context, "refresh.reuse_detected", actor, subject, json!({ "user": grant.user }));
    event.outcome = AuditOutcome::Refused;
    event
}

/// A code came a second time: somebody has a copy.
pub fn code_replayed(grant: &Grant, context: &Context) -> AuditEvent {
    let (actor, subject) = (format!("client:{}", grant.client), format!("grant/{}", grant.id));
    let mut event =
        change(context, "code.replay_detected", actor, subject, json!({ "user": grant.user }));
    event.outcome = AuditOutcome::Refused;
    event
}

/// An access token was ended.
pub fn token_revoked(context: &Context, actor: &str, token: &AccessToken) -> AuditEvent {
    let subject = format!("token/{}", token.jti.as_deref().unwrap_or("-"));
    change(
        context,
        "token.revoked",
        actor.to_owned(),
        subject,
        json!({ "sub": token.sub, "client": token.client }),
    )
}

/// Tokens were ended by what they say, or one by its hash.
pub fn revoked(
    context: &Context,
    actor: &str,
    revocation: &grantor_domain::revocation::Revocation,
) -> AuditEvent {
    let detail = json!({ "target": revocation.target, "issued_before": revocation.issued_before });
    change(context, "revocation.added", actor.to_owned(), "revocation".to_owned(), detail)
}
