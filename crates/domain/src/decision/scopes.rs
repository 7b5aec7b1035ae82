//! Which scopes come of a request: the granting rules of the catalogue (`design.md` 2).

use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::Timestamp;

use super::facts::SubjectFacts;
use super::{Ask, By, Facts, Refusal, Rule, Trace, Verdict, selectors};
use crate::assignment::{Assignment, Principal};
use crate::consent::ConsentStatus;
use crate::scope::{GrantRule, Scope};
use crate::sign_in::Level;

/// What is asked for, or the default: for a refresh what was granted (RFC 6749 §6), otherwise the
/// client's default scopes, else the realm's (RFC 6749 §3.3 wants the default documented). Where it
/// chooses no way to sign in, the one that the client is registered for.
pub fn asked(ask: &Ask, facts: &Facts<'_>) -> Scopes {
    let named = ask.scopes.as_ref().filter(|scopes| !scopes.is_empty());
    match (named, &facts.grant) {
        (Some(scopes), Some(_)) => scopes.clone(),
        (None, Some(grant)) => grant.scopes.clone(),
        (Some(scopes), None) => selectors::chosen(scopes.clone(), ask, facts),
        (None, None) => selectors::chosen(defaults(facts).cloned().unwrap_or_default(), ask, facts),
    }
}

fn defaults<'a>(facts: &Facts<'a>) -> Option<&'a Scopes> {
    let own = Some(&facts.client.default_scopes).filter(|scopes| !scopes.is_empty());
    own.or(facts.realm.map(|realm| &realm.default_scopes))
}

/// What a client may ask for, and what of it was lost since (only on a refresh).
pub(super) struct Foreseen<'a> {
    scopes: Vec<&'a Scope>,
    lost: Vec<ScopeToken>,
}

/// Every scope must be in the catalogue and registered for the client, or be a default one; and
/// on a refresh be part of the grant. Judged before the user is looked at.
pub(super) fn allowed_for_client<'a>(
    asked: &Scopes,
    ask: &Ask,
    facts: &Facts<'a>,
    trace: &mut Trace,
) -> Result<Foreseen<'a>, Refusal> {
    let mut exceeding = Vec::new();
    let mut missing = Vec::new();
    let mut scopes = Vec::with_capacity(asked.len());
    for token in asked.iter() {
        match foresee_one(token, facts) {
            Ok(scope) => scopes.push(scope),
            Err((Rule::WithinGrant, by)) => {
                trace.note(Rule::WithinGrant, Some(token), by, Verdict::Refuse);
                exceeding.push(token.clone());
            }
            Err((rule, by)) => {
                trace.note(rule, Some(token), by, refused(ask, facts));
                missing.push(token.clone());
            }
        }
    }
    if !exceeding.is_empty() {
        return Err(Refusal::ScopeExceedsGrant { scopes: exceeding });
    }
    for token in selectors::unfit(&scopes, ask) {
        trace.note(Rule::Selector, Some(&token), By::Always, refused(ask, facts));
        scopes.retain(|scope| scope.token != token);
        missing.push(token);
    }
    if !missing.is_empty() && refused(ask, facts) == Verdict::Refuse {
        return Err(Refusal::ScopeForbidden { scopes: missing });
    }
    if let Some(resource) = &ask.resource {
        check_target(scopes.iter().copied(), resource, facts, trace)?;
    }
    Ok(Foreseen { scopes, lost: missing })
}

/// What a rule says that does not hold: no. But a refresh that names no scope keeps what still
/// holds, and leaves out the rest (SEC-066).
fn refused(ask: &Ask, facts: &Facts<'_>) -> Verdict {
    if renews(ask, facts) { Verdict::Drop } else { Verdict::Refuse }
}

/// Whether this is a refresh, or the redemption of a code, for whatever was granted and still holds.
fn renews(ask: &Ask, facts: &Facts<'_>) -> bool {
    let given = facts.grant.is_some() || ask.grant_type == GrantType::RefreshToken;
    given && ask.scopes.as_ref().is_none_or(Scopes::is_empty)
}

fn foresee_one<'a>(token: &ScopeToken, facts: &Facts<'a>) -> Result<&'a Scope, (Rule, By)> {
    let within = |scopes: &Scopes| scopes.contains(token.as_str());
    if facts.grant.as_ref().is_some_and(|grant| !within(grant.scopes)) {
        return Err((Rule::WithinGrant, By::Grant));
    }
    let known = |id| facts.resource_types.contains_key(id);
    let scope = facts.scopes.get(token);
    // Without its resource type a scope has neither owners nor audience.
    let scope = scope.filter(|scope| scope.resource_type.as_ref().is_none_or(known));
    let scope = scope.ok_or((Rule::ScopeKnown, By::Catalogue))?;
    if within(&facts.client.scopes) || default_by(token, facts).is_some() {
        Ok(scope)
    } else {
        Err((Rule::ScopeForClient, By::ClientScopes))
    }
}

/// Whether a scope is granted by default, and by which setting.
fn default_by(token: &ScopeToken, facts: &Facts<'_>) -> Option<By> {
    if facts.realm.is_some_and(|realm| realm.default_scopes.contains(token.as_str())) {
        Some(By::RealmDefaultScopes)
    } else if facts.client.default_scopes.contains(token.as_str()) {
        Some(By::ClientDefaultScopes)
    } else {
        None
    }
}

/// Applies the granting rule of each scope. Returns what is granted and what is left out.
pub(super) fn granted(
    foreseen: Foreseen<'_>,
    ask: &Ask,
    facts: &Facts<'_>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<(Scopes, Vec<ScopeToken>), Refusal> {
    selectors::check_gate(&foreseen.scopes, facts, trace)?;
    let mut granted = Scopes::default();
    let (mut dropped, mut forbidden) = (foreseen.lost, Vec::new());
    for scope in foreseen.scopes {
        let (rule, by, mut verdict) = if is_elsewhere(scope, ask, facts) {
            (Rule::Target, By::ResourceTypeAudience, Verdict::Drop)
        } else if is_above_sign_in(scope, facts) {
            (Rule::SignInLevel, By::RequiredAcr, Verdict::Refuse)
        } else {
            grant_one(scope, facts, now)
        };
        if verdict == Verdict::Refuse {
            verdict = refused(ask, facts);
        }
        trace.note(rule, Some(&scope.token), by, verdict);
        match verdict {
            Verdict::Pass => granted.insert(scope.token.clone()),
            Verdict::Drop => dropped.push(scope.token.clone()),
            Verdict::Refuse => forbidden.push(scope.token.clone()),
        }
    }
    if !forbidden.is_empty() {
        return Err(Refusal::ScopeForbidden { scopes: forbidden });
    }
    // A grant of which nothing holds any more is over (SEC-065, SEC-066).
    let nothing = granted.iter().all(|token| selectors::is_selector(token, facts));
    let nothing = nothing && !dropped.is_empty();
    // What was to outlive the session and may no more is over as well.
    let offline = dropped.iter().any(|token| token.as_str() == "offline_access");
    let over = renews(ask, facts) && (nothing || offline);
    trace.check(Rule::GrantLive, By::Grant, !over, Refusal::GrantEnded)?;
    Ok((granted, dropped))
}

/// RFC 8707 §2: a token for one API carries no scope of another. Base scopes, which concern no data
/// of their own, go with every API.
fn is_elsewhere(scope: &Scope, ask: &Ask, facts: &Facts<'_>) -> bool {
    let resource = ask.resource.as_ref().filter(|_| scope.resource_type.is_some());
    resource.is_some_and(|resource| facts.audience_of(scope) != resource)
}

/// A scope can need a level of sign-in that this one is not of. A client that acts for itself has
/// nobody who signs in: what it may is assigned to it.
fn is_above_sign_in(scope: &Scope, facts: &Facts<'_>) -> bool {
    let level = facts.subject.as_ref().map(|subject| subject.level);
    level.zip(Level::needed_by(scope)).is_some_and(|(level, needed)| level < needed)
}

/// One scope, by its rule.
fn grant_one(scope: &Scope, facts: &Facts<'_>, now: Timestamp) -> (Rule, By, Verdict) {
    match &scope.rule {
        GrantRule::Always => (Rule::Always, By::Always, Verdict::Pass),
        GrantRule::Selector { .. } => (Rule::Selector, By::Always, Verdict::Pass),
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
/// acts for itself) the service user of its application. That a scope is a default one makes up
/// for no assignment.
fn assigned(scope: &Scope, facts: &Facts<'_>, now: Timestamp) -> (Rule, By, Verdict) {
    let has = |assignments: &[Assignment], may: &dyn Fn(&Principal) -> bool| {
        assignments.iter().any(|a| a.scope == scope.token && a.is_live(now) && may(&a.principal))
    };
    let found = if let Some(subject) = &facts.subject {
        has(subject.assignments, &|principal| match principal {
            Principal::User(id) => *id == subject.user.id,
            Principal::Group(id) => subject.groups.contains(id),
            Principal::Client(_) => false,
        })
    } else {
        let own = |p: &Principal| matches!(p, Principal::Client(id) if *id == facts.client.id);
        let of_service = |p: &Principal| !matches!(p, Principal::Client(_));
        has(facts.client_assignments, &own) || has(facts.application_assignments, &of_service)
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
        return match default_by(&scope.token, facts) {
            Some(by) => (Rule::DefaultScope, by, Verdict::Pass),
            None => assigned(scope, facts, now),
        };
    }
    let resource_type = scope.resource_type.as_ref().and_then(|id| facts.resource_types.get(id));
    // What nobody owns nobody can give.
    if !resource_type.is_some_and(|known| known.owners.contains(&subject.user.realm)) {
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
    let decided = |status| has_decided(status, &scope.token, subject, facts, now);
    // What an owner has refused or withdrawn no other evidence brings back.
    if decided(ConsentStatus::Denied) {
        return (Rule::Owner, By::Consent, Verdict::Refuse);
    }
    let evidence = if decided(ConsentStatus::Approved) {
        By::Consent
    } else if subject.gave_password {
        By::Password
    } else if facts.grant.is_some() {
        // The grant itself is the recorded consent, as long as it was not taken back.
        By::Grant
    } else if facts.client.consent_bypass {
        By::ConsentBypass
    } else {
        return (Rule::Owner, By::Consent, Verdict::Refuse);
    };
    (Rule::Owner, evidence, Verdict::Pass)
}

/// Whether the user has decided so about the client and the scope, and it still counts.
pub(super) fn has_decided(
    status: ConsentStatus,
    scope: &ScopeToken,
    subject: &SubjectFacts<'_>,
    facts: &Facts<'_>,
    now: Timestamp,
) -> bool {
    subject.consents.iter().any(|consent| {
        consent.user == subject.user.id
            && consent.client == facts.client.id
            && consent.scope == *scope
            && consent.status == status
            && consent.is_live(now)
    })
}

/// RFC 8707 §2: with a resource, the audience is that API, and it must serve a granted scope
/// (SEC-037). Otherwise it is every API that serves one, and with `openid` we ourselves, who answer at
/// UserInfo (OIDC Core §5.3, SEC-108).
pub(super) fn audiences(
    scopes: &Scopes,
    ask: &Ask,
    facts: &Facts<'_>,
    trace: &mut Trace,
) -> Result<Vec<String>, Refusal> {
    let known = || scopes.iter().filter_map(|token| facts.scopes.get(token));
    if let Some(resource) = &ask.resource {
        check_target(known(), resource, facts, trace)?;
        return Ok(vec![resource.clone()]);
    }
    let mut audiences: Vec<String> = Vec::new();
    for scope in known().filter(|scope| scope.resource_type.is_some()) {
        let audience = facts.audience_of(scope);
        if !audiences.iter().any(|known| known == audience) {
            audiences.push(audience.to_owned());
        }
    }
    if audiences.is_empty()
        || scopes.contains("openid") && !audiences.contains(&facts.tenant.issuer)
    {
        audiences.push(facts.tenant.issuer.clone());
    }
    Ok(audiences)
}

/// The API that is asked for serves at least one of the scopes.
fn check_target<'a>(
    mut scopes: impl Iterator<Item = &'a Scope>,
    resource: &str,
    facts: &Facts<'_>,
    trace: &mut Trace,
) -> Result<(), Refusal> {
    let serves = scopes.any(|scope| facts.audience_of(scope) == resource);
    trace.check(Rule::Target, By::ResourceTypeAudience, serves, Refusal::TargetUnknown)
}
