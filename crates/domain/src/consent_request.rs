//! What a person has to be asked before a client gets what it asks for. SEC-041, SEC-042;
//! `campus.md` 4, `stups.md` 2.10.
//!
//! A consent is remembered per scope, with its end; so is a refusal that was an answer. A refusal
//! without end is a withdrawal: a new request may ask again. What a form posts can only take away
//! from what was shown.

use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::{SignedDuration, Timestamp};

use crate::client::Client;
use crate::consent::{Consent, ConsentStatus};
use crate::scope::Scope;

/// Who asks whom for what.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// Who asks
    pub client: &'a Client,
    /// What would be granted if the person agreed to everything
    pub scopes: &'a [&'a Scope],
    /// What the person has decided before, about whatever client
    pub consents: &'a [Consent],
    /// Whose decisions count
    pub user: UserId,
    /// `prompt=consent`
    pub again: bool,
    /// The answer leaves for a program that nobody vouches for (RFC 8252 §8.6)
    pub on_device: bool,
    /// How long a decision is remembered where the scope does not say, in seconds
    pub consent_seconds: u32,
}

/// A scope on the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which
    pub scope: ScopeToken,
    /// Whether it can be left out
    pub optional: bool,
    /// Whether it is ticked
    pub selected: bool,
}

/// What has to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: these go on, the rest was refused before
    Settled(Scopes),
    /// This
    Ask(Vec<Question>),
}

/// Judges what has to be asked.
pub fn judge(asking: &Asking<'_>, now: Timestamp) -> Verdict {
    let all = || asking.scopes.iter().map(|scope| scope.token.clone()).collect();
    // An administrator answers for the client; still the client may want the page (campus.md 4).
    if asking.client.consent_bypass && !asking.again {
        return Verdict::Settled(all());
    }
    let unsettled =
        |scope: &&&Scope| needs_consent(scope) && asking.remembered(scope, now).is_none();
    let any = asking.scopes.iter().any(|scope| needs_consent(scope));
    if any && (asking.is_new_each_time() || asking.scopes.iter().any(|scope| unsettled(&scope))) {
        return Verdict::Ask(asking.questions(now));
    }
    let refused = |scope: &&&Scope| asking.remembered(scope, now) == Some(ConsentStatus::Denied);
    Verdict::Settled(
        asking.scopes.iter().filter(|scope| !refused(scope)).map(|s| s.token.clone()).collect(),
    )
}

/// A selector chooses how to sign in; there is nothing in it to agree to.
pub fn needs_consent(scope: &Scope) -> bool {
    !scope.rule.is_selector()
}

/// Without `openid` it would be another protocol.
fn is_optional(scope: &Scope) -> bool {
    scope.token.as_str() != "openid"
}

impl Asking<'_> {
    /// Whether the question is put whatever is remembered: the request wants it, the client is
    /// registered so, or anybody could be that client (SEC-042).
    fn is_new_each_time(&self) -> bool {
        let anybody = !self.client.is_confidential() && self.on_device;
        self.again
            || self.client.authorization.ask_every_time
            || (anybody && !self.client.consent_bypass)
    }

    /// What was decided and counts now. A withdrawal does not: it ended what was, and a new request
    /// is a new question.
    fn remembered(&self, scope: &Scope, now: Timestamp) -> Option<ConsentStatus> {
        let about = |consent: &&Consent| {
            consent.user == self.user
                && consent.client == self.client.id
                && consent.scope == scope.token
                && consent.is_live(now)
        };
        let consent = self.consents.iter().find(about)?;
        let withdrawn = consent.status == ConsentStatus::Denied && consent.expires.is_none();
        (!withdrawn).then_some(consent.status)
    }

    fn decision(
        &self,
        tenant: &TenantName,
        scope: &Scope,
        status: ConsentStatus,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Consent {
        Consent {
            tenant: tenant.clone(),
            user: self.user,
            client: self.client.id.clone(),
            scope: scope.token.clone(),
            status,
            decided: now,
            expires,
        }
    }

    /// For how many seconds a decision about this scope is remembered.
    fn seconds(&self, scope: &Scope) -> u32 {
        scope.consent_seconds.unwrap_or(self.consent_seconds)
    }

    /// The shortest time for which any decision of the page is remembered, in seconds.
    pub fn shortest(&self) -> Option<u32> {
        let shown = self.scopes.iter().filter(|scope| needs_consent(scope));
        shown.map(|scope| self.seconds(scope)).min()
    }

    fn questions(&self, now: Timestamp) -> Vec<Question> {
        let shown = self.scopes.iter().filter(|scope| needs_consent(scope));
        shown
            .map(|scope| Question {
                scope: scope.token.clone(),
                optional: is_optional(scope),
                selected: self.remembered(scope, now) != Some(ConsentStatus::Denied),
            })
            .collect()
    }
}

/// What the person answered: the scopes that go on, and the decisions to remember. Only what was
/// shown counts, whatever was posted (SEC-041). `None`: nothing is left of it, which is to say no.
pub fn answered(
    tenant: &TenantName,
    asking: &Asking<'_>,
    ticked: &[String],
    now: Timestamp,
) -> Option<(Scopes, Vec<Consent>)> {
    let agreed = |scope: &Scope| {
        !needs_consent(scope)
            || !is_optional(scope)
            || ticked.iter().any(|one| one == scope.token.as_str())
    };
    let scopes: Scopes =
        asking.scopes.iter().filter(|scope| agreed(scope)).map(|s| s.token.clone()).collect();
    let left = asking.scopes.iter().any(|scope| needs_consent(scope) && agreed(scope));
    let decided = |scope: &Scope| {
        let life = SignedDuration::from_secs(asking.seconds(scope).into());
        let expires = Some(now.saturating_add(life).unwrap_or(Timestamp::MAX));
        let status = if agreed(scope) { ConsentStatus::Approved } else { ConsentStatus::Denied };
        asking.decision(tenant, scope, status, expires, now)
    };
    let shown = asking.scopes.iter().filter(|scope| needs_consent(scope));
    let consents = shown.map(|scope| decided(scope)).collect();
    left.then_some((scopes, consents))
}

/// What is remembered of a no to everything, whatever was agreed to before. It has no end, as a withdrawal
/// has none: the next request is a new question. A client for which an administrator answers asks nobody
/// the next time.
pub fn denied(tenant: &TenantName, asking: &Asking<'_>, now: Timestamp) -> Vec<Consent> {
    if asking.client.consent_bypass {
        return Vec::new();
    }
    let shown = asking.scopes.iter().filter(|scope| needs_consent(scope));
    shown.map(|scope| asking.decision(tenant, scope, ConsentStatus::Denied, None, now)).collect()
}

#[cfg(test)]
mod tests;
