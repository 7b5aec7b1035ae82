//! What is known before anybody signs in: a hopeless request shows no page.

use std::sync::Arc;

use grantor_domain::authorize::{AuthorizationRequest, Complaint};
use grantor_domain::decision::{Ask, Outcome, RecordedDecision, Refusal, foresee};
use grantor_domain::sign_in::Level;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::response_type::ResponseType;
use grantor_oauth_types::scope::Scopes;

use crate::app::App;
use crate::audit::Actor;
use crate::decisions::About;
use crate::directory::ClientEntry;
use crate::grants::Context;

/// What is known of the client alone already refuses: a hopeless request shows no page (SEC-036). Of
/// several resources each must be one that the scopes are of (RFC 8707 §2).
pub fn foreseen(
    app: &App,
    context: &Context,
    entry: &ClientEntry,
    request: &AuthorizationRequest,
) -> Option<Complaint> {
    if request.realm.as_ref().is_some_and(|realm| !context.tenant.realms.contains_key(realm)) {
        return Some(Complaint::invalid("unknown realm"));
    }
    let about = About {
        tenant: &context.tenant,
        client: entry,
        realm: request.realm.as_ref(),
        user: None,
        gave_password: false,
        level: Level::Single,
    };
    let kind = request.to.response_type();
    let mut grants = vec![grant_type(kind)];
    if kind.is_front_channel() {
        grants.push(GrantType::Implicit);
    }
    let targets = match request.resources.as_slice() {
        [] => vec![None],
        resources => resources.iter().map(|resource| Some(resource.clone())).collect(),
    };
    let asks = grants.into_iter().flat_map(|grant_type| {
        targets.iter().map(move |resource| Ask {
            grant_type,
            client: request.client().clone(),
            realm: request.realm.clone(),
            scopes: request.scopes.clone(),
            resource: resource.clone(),
        })
    });
    let record = asks.into_iter().find_map(|ask| foresee(&ask, &about.facts()))?;
    let Outcome::Refused(refusal) = record.decision.outcome.clone() else { return None };
    Some(refused(app, context, &Arc::new(record), &refusal))
}

/// What the client hears of a decision against it, which is recorded.
pub(super) fn refused(
    app: &App,
    context: &Context,
    record: &Arc<RecordedDecision>,
    refusal: &Refusal,
) -> Complaint {
    let actor = Actor::Client(record.ask.client.clone());
    context.record_decision(app, "authorization.refused", actor, record);
    complaint_of(refusal)
}

/// The level of sign-in that the scopes need which are asked for, or come by default.
pub(super) fn scopes_need(
    context: &Context,
    entry: &ClientEntry,
    request: &AuthorizationRequest,
) -> Option<Level> {
    let asked = request.scopes.as_ref().filter(|scopes| !scopes.is_empty());
    let own = Some(&entry.client().default_scopes).filter(|scopes| !scopes.is_empty());
    let realm = request.realm.as_ref().and_then(|name| context.tenant.realms.get(name));
    let scopes = asked.or(own).or(realm.map(|realm| &realm.default_scopes));
    let known = |token| context.tenant.scopes.get(token);
    let needed = scopes.into_iter().flat_map(Scopes::iter).filter_map(known);
    needed.filter_map(Level::needed_by).max()
}

/// The grant type that an authorization endpoint's answer belongs to.
pub(super) fn grant_type(kind: ResponseType) -> GrantType {
    match kind.is_front_channel() && !kind.has_code() {
        true => GrantType::Implicit,
        false => GrantType::AuthorizationCode,
    }
}

/// One resource narrows the decision; several narrow nothing at once (SEC-037: a token each).
pub(super) fn only(resources: &[String]) -> Option<String> {
    match resources {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// What the client hears of a refusal. No wildcard arm: a new reason needs a code.
pub fn complaint_of(refusal: &Refusal) -> Complaint {
    use AuthorizeErrorCode as Code;
    match refusal {
        Refusal::TenantDisabled | Refusal::ClientDisabled => {
            Complaint::new(Code::UnauthorizedClient, "the client is switched off")
        }
        Refusal::GrantTypeNotRegistered | Refusal::PublicClient | Refusal::PasswordGrantOff => {
            Complaint::new(Code::UnauthorizedClient, "the client is not registered for this")
        }
        Refusal::RealmNotForClient => {
            Complaint::new(Code::UnauthorizedClient, "the client may not act in this realm")
        }
        Refusal::SubjectDisabled | Refusal::GrantEnded => {
            Complaint::new(Code::AccessDenied, "this person may not do that")
        }
        Refusal::ScopeForbidden { .. } | Refusal::ScopeExceedsGrant { .. } => {
            Complaint::new(Code::InvalidScope, "a scope is unknown or not allowed")
        }
        Refusal::TargetUnknown => {
            Complaint::new(Code::InvalidTarget, "no scope of the request is for this resource")
        }
    }
}
