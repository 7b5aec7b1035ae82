//! Which scopes come of a request: the granting rules of the catalogue (`design.md` 2).

use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::Timestamp;

use super::facts::SubjectFacts;
use super::{Ask, By, Facts, Refusal, Rule, Trace, Verdict};
use crate::assignment::Assignment;
use crate::consent::ConsentStatus;
use crate::scope::{GrantRule, Scope};

/// What is asked for, or the default: for a refresh what was granted (RFC 6749 §6), otherwise the
/// client's default scopes, else the realm's (RFC 6749 §3.3 wants the default documented).
pub(super) fn asked(ask: &Ask, facts: &Facts<'_>) -> Scopes {
    if let Some(scopes) = ask.scopes.as_ref().filter(|scopes| !scopes.is_empty()) {
        return scopes.clone();
    }
    match &facts.grant {
        Some(grant) => grant.scopes.clone(),
        None => defaults(facts).cloned().unwrap_or_default(),
    }
}

fn defaults<'a>(facts: &Facts<'a>) -> Option<&'a Scopes> {
    let own = Some(&facts.client.default_scopes).filter(|scopes| !scopes.is_empty());
    own.or(facts.realm.map(|realm| &realm.default_scopes))
}

/// Every scope must be in the catalogue and registered for the client, or be a default one; and
/// on a refresh be part of the grant. Judged before the user is looked at.
pub(super) fn allowed_for_client<'a>(
    asked: &Scopes,
    ask: &Ask,
    facts: &Facts<'a>,
    trace: &mut Trace,
) -> Result<Vec<&'a Scope>, Refusal> {
    let mut forbidden = Vec::new();
    let mut exceeding = Vec::new();
    let mut known = Vec::with_capacity(asked.len());
    for token in asked.iter() {
        let Some(scope) = facts.scopes.get(token) else {
            trace.note(Rule::ScopeKnown, Some(token), By::Catalogue, Verdict::Refuse);
            forbidden.push(token.clone());
            continue;
        };
        if facts.grant.as_ref().is_some_and(|grant| !grant.scopes.contains(token.as_str())) {
            trace.note(Rule::WithinGrant, Some(token), By::Grant, Verdict::Refuse);
            exceeding.push(token.clone());
            continue;
        }
        if !facts.client.scopes.contains(token.as_str()) && !is_default(token, facts) {
            trace.note(Rule::ScopeForClient, Some(token), By::ClientScopes, Verdict::Refuse);
            forbidden.push(token.clone());
            continue;
        }
        known.push(scope);
    }
    if !exceeding.is_empty() {
        return Err(Refusal::ScopeExceedsGrant { scopes: exceeding });
    }
    if !forbidden.is_empty() {
        // On a refresh that names no scope, what the client lost is left out instead (SEC-065).
        if ask.grant_type != GrantType::RefreshToken || ask.scopes.is_some() || known.is_empty() {
            return Err(Refusal::ScopeForbidden { scopes: forbidden });
        }
    }
    Ok(known)
}

fn is_default(token: &ScopeToken, facts: &Facts<'_>) -> bool {
    facts.client.default_scopes.contains(token.as_str())
        || facts.realm.is_some_and(|realm| realm.default_scopes.contains(token.as_str()))
}

/// Applies the granting rule of each scope.
pub(super) fn granted(
    scopes: Vec<&Scope>,
    ask: &Ask,
    facts: &Facts<'_>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<(Scopes, Vec<ScopeToken>), Refusal> {
    let mut granted = Scopes::default();
    let (mut dropped, mut forbidden) = (Vec::new(), Vec::new());
    for scope in scopes {
        let (rule, by, mut verdict) = grant_one(scope, facts, now);
        // A refresh keeps what still holds and leaves out what does not (SEC-066), unless the
        // lost scope was named.
        let named = ask.scopes.as_ref().is_some_and(|s| s.contains(scope.token.as_str()));
        if verdict == Verdict::Refuse && ask.grant_type == GrantType::RefreshToken && !named {
            verdict = Verdict::Drop;
        }
        trace.note(rule, Some(&scope.token), by, verdict);
        match verdict {
            Verdict::Pass => granted.insert(scope.token.clone()),
            Verdict::Drop => dropped.push(scope.token.clone()),
            Verdict::Refuse => forbidden.push(scope.token.clone()),
        }
    }
    if forbidden.is_empty() {
        Ok((granted, dropped))
    } else {
        Err(Refusal::ScopeForbidden { scopes: forbidden })
    }
}

/// One scope, by its rule.
fn grant_one(scope: &Scope, facts: &Facts<'_>, now: Timestamp) -> (Rule, By, Verdict) {
    match &scope.rule {
        GrantRule::Always => (Rule::Always, By::Always, Verdict::Pass),
        GrantRule::Selector => (Rule::Selector, By::Always, Verdict::Drop),
        GrantRule::Identity => match &facts.subject {
            Some(_) => (Rule::Identity, By::Always, Verdict::Pass),
            None => (Rule::Identity, By::NoUser, Verdict::Drop),
        },
        GrantRule::Group { groups } => {
            let member = facts
                .subject
                .as_ref()
                .is_some_and(|subject| groups.iter().any(|group| subject.groups.contains(group)));
            (Rule::Group, By::Membership, if member { Verdict::Pass } else { Verdict::Drop })
        }
        GrantRule::Assigned => assigned(scope, facts, now),
        GrantRule::Owner => owner(scope, facts, now),
    }
}

/// An unexpired assignment to the user, a group of the user, the client, or (where the client
/// acts for itself) the service user of its application. In a realm of services a default scope
/// needs none.
fn assigned(scope: &Scope, facts: &Facts<'_>, now: Timestamp) -> (Rule, By, Verdict) {
    let has = |assignments: &[Assignment]| {
        assignments.iter().any(|a| a.scope == scope.token && a.is_live(now))
    };
    let found = match &facts.subject {
        Some(subject) => has(subject.assignments),
        None => has(facts.client_assignments) || has(facts.application_assignments),
    };
    (Rule::Assigned, By::Assignment, if found { Verdict::Pass } else { Verdict::Refuse })
}

/// The owner consents. A service has nobody to ask: its scopes beyond the default ones are
/// assigned to it (`stups.md` 2.6).
fn owner(scope: &Scope, facts: &Facts<'_>, now: Timestamp) -> (Rule, By, Verdict) {
    let Some(subject) = &facts.subject else {
        return assigned(scope, facts, now);
    };
    if facts.realm.is_some_and(|realm| realm.services) {
        if is_default(&scope.token, facts) {
            return (Rule::DefaultScope, By::RealmDefaultScopes, Verdict::Pass);
        }
        return assigned(scope, facts, now);
    }
    let owners = scope.resource_type.as_ref().and_then(|id| facts.resource_types.get(id));
    if owners.is_some_and(|known| !known.owners.contains(&subject.user.realm)) {
        return (Rule::Owner, By::ResourceTypeOwners, Verdict::Refuse);
    }
    consent(scope, subject, facts, now)
}

fn consent(
    scope: &Scope,
    subject: &SubjectFacts<'_>,
    facts: &Facts<'_>,
    now: Timestamp,
) -> (Rule, By, Verdict) {
    let decided = subject
        .consents
        .iter()
        .find(|consent| {
            consent.client == facts.client.id
                && consent.scope == scope.token
                && consent.is_live(now)
        })
        .map(|consent| consent.status);
    match decided {
        // What an owner has refused or withdrawn no other evidence brings back.
        Some(ConsentStatus::Denied) => (Rule::Owner, By::Consent, Verdict::Refuse),
        Some(ConsentStatus::Approved) => (Rule::Owner, By::Consent, Verdict::Pass),
        None if subject.gave_password => (Rule::Owner, By::Password, Verdict::Pass),
        // The grant itself is the recorded consent, as long as it was not taken back.
        None if facts.grant.is_some() => (Rule::Owner, By::Grant, Verdict::Pass),
        None if facts.client.consent_bypass => (Rule::Owner, By::ConsentBypass, Verdict::Pass),
        None => (Rule::Owner, By::Consent, Verdict::Refuse),
    }
}

/// RFC 8707 §2: the audience asked for must serve a granted scope, and then only its scopes'
/// audience is in the token (SEC-037). Otherwise every API that serves a granted scope is.
pub(super) fn audiences(
    scopes: &Scopes,
    ask: &Ask,
    facts: &Facts<'_>,
    trace: &mut Trace,
) -> Result<Vec<String>, Refusal> {
    let mut audiences: Vec<String> = Vec::new();
    for scope in scopes.iter().filter_map(|token| facts.scopes.get(token)) {
        let audience = facts.audience_of(scope);
        if scope.resource_type.is_some() && !audiences.iter().any(|known| known == audience) {
            audiences.push(audience.to_owned());
        }
    }
    if let Some(resource) = &ask.resource {
        let holds = audiences.iter().any(|known| known == resource);
        trace.check(Rule::Target, By::ResourceTypeAudience, holds, Refusal::TargetUnknown)?;
        return Ok(vec![resource.clone()]);
    }
    if audiences.is_empty() {
        audiences.push(facts.tenant.issuer.clone());
    }
    Ok(audiences)
}
