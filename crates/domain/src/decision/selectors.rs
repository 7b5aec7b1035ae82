//! Scopes that choose how the user signs in: `auth-<method>`, and `auth-none` for a client that acts
//! for itself (`campus.md` 2.1).
//!
//! Resource servers of that model decide by them, so the one that was used is granted with the rest.

use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::scope::{ScopeToken, Scopes};

use super::{Ask, By, Facts, Refusal, Rule, Trace, Verdict};
use crate::scope::{AUTH_NONE, SELECTOR_PREFIX, Scope};

/// Whether a scope of the catalogue chooses how to sign in. Other names are not looked up.
pub(super) fn is_selector(token: &ScopeToken, facts: &Facts<'_>) -> bool {
    token.as_str().starts_with(SELECTOR_PREFIX)
        && facts.scopes.get(token).is_some_and(|scope| scope.rule.is_selector())
}

/// Whether it is for requests of this kind: with a person, or without.
fn fits(token: &ScopeToken, ask: &Ask) -> bool {
    (token.as_str() == AUTH_NONE) == (ask.grant_type == GrantType::ClientCredentials)
}

/// What is asked for, with the selector that the client is registered for where none was named: the
/// only one, or of several the one among its default scopes. Where that is not clear either, all of
/// them, and [`unfit`] refuses that.
pub(super) fn chosen(mut scopes: Scopes, ask: &Ask, facts: &Facts<'_>) -> Scopes {
    if scopes.iter().any(|token| is_selector(token, facts)) {
        return scopes;
    }
    let usable = |all: &Scopes| -> Vec<ScopeToken> {
        all.iter().filter(|t| is_selector(t, facts) && fits(t, ask)).cloned().collect()
    };
    let registered = usable(&facts.client.scopes);
    let default = usable(&facts.client.default_scopes);
    let several = if default.is_empty() { registered.clone() } else { default };
    for token in if registered.len() > 1 { several } else { registered } {
        scopes.insert(token);
    }
    scopes
}

/// The selectors that cannot be: for requests of the other kind, or more than one.
pub(super) fn unfit(scopes: &[&Scope], ask: &Ask) -> Vec<ScopeToken> {
    let named = || scopes.iter().filter(|scope| scope.rule.is_selector());
    let single = named().count() < 2;
    named().map(|scope| &scope.token).filter(|t| !single || !fits(t, ask)).cloned().collect()
}

/// Whoever is in none of the groups of a selector may not sign in that way, now or later.
pub(super) fn check_gate(
    scopes: &[&Scope],
    facts: &Facts<'_>,
    trace: &mut Trace,
) -> Result<(), Refusal> {
    let Some(subject) = &facts.subject else { return Ok(()) };
    let gated = |scope: &&&Scope| scope.rule.is_selector() && !scope.rule.groups().is_empty();
    for scope in scopes.iter().filter(gated) {
        let inside = scope.rule.groups().iter().any(|group| subject.groups.contains(group));
        if !inside {
            trace.note(Rule::Selector, Some(&scope.token), By::Membership, Verdict::Refuse);
            return Err(Refusal::SubjectDisabled);
        }
    }
    Ok(())
}
