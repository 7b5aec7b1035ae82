//! The one decision function: everything that grants or refuses goes through [`decide`].
//!
//! Request and a snapshot of facts in, outcome and trace out. No I/O, no clock, no randomness. Every
//! grant type and every dialect builds the same input, so the same missing check cannot exist in
//! one endpoint only (SEC-051), every answer can be explained, and a recorded input can be judged
//! again.

mod explain;
mod facts;
mod record;
mod scopes;
mod selectors;
#[cfg(test)]
mod tests;

use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{ClientId, RealmName};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::consent::ConsentStatus;

pub use explain::{ExplainedStep, Explanation, explain};
pub use facts::{Facts, GrantFacts, SubjectFacts};
pub use record::{CommonFacts, LIKE, RecordedDecision, RecordedFacts, complete};
pub use scopes::asked;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// How
    pub grant_type: GrantType,
    /// By whom
    pub client: ClientId,
    /// For a user of which realm; `None` where no user is involved
    pub realm: Option<RealmName>,
    /// What; `None` or empty is "the default"
    pub scopes: Option<Scopes>,
    /// For which API (RFC 8707)
    pub resource: Option<String>,
}

/// What comes of it, and every step on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Granted or refused
    pub outcome: Outcome,
    /// The steps that were looked at, in order; the last one decided
    pub trace: Vec<Step>,
}

/// Granted or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A token may be issued with this
    Granted(Entitlement),
    /// And why not
    Refused(Refusal),
}

/// What a token may carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// In the order in which they were asked for
    pub scopes: Scopes,
    /// Whom the token is for
    pub audiences: Vec<String>,
    /// How long an access token lives, in seconds
    pub seconds: u32,
    /// Whether a refresh token goes with it
    pub refreshable: bool,
    /// Asked for and silently left out, as their rules want it
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<ScopeToken>,
}

/// Why nothing is granted. The reason is ours; what a client hears is decided by
/// [`crate::token::TokenError`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// The whole tenant is switched off
    #[error("the tenant is disabled")]
    TenantDisabled,
    /// The client is switched off, or its application is inactive
    #[error("the client is disabled")]
    ClientDisabled,
    /// The client is not registered for this grant type (RFC 6749 §5.2)
    #[error("the client is not registered for this grant type")]
    GrantTypeNotRegistered,
    /// The client may not act for users of this realm
    #[error("the client may not act for users of this realm")]
    RealmNotForClient,
    /// The password grant is off for realm or client (RFC 9700 §2.4)
    #[error("the password grant is not allowed for this realm and client")]
    PasswordGrantOff,
    /// Only confidential clients can act for themselves (RFC 6749 §4.4)
    #[error("a public client cannot act for itself")]
    PublicClient,
    /// The user is switched off, gone, or the wrong one for this client
    #[error("the user may not sign in")]
    SubjectDisabled,
    /// The grant is over
    #[error("the grant has ended")]
    GrantEnded,
    /// A scope is not in the catalogue, or not for this client or principal
    #[error("unknown or forbidden scope")]
    ScopeForbidden {
        /// Which ones, in the order in which they were asked for
        scopes: Vec<ScopeToken>,
    },
    /// More than the grant ever carried (RFC 6749 §6)
    #[error("a refresh can only shrink the scope")]
    ScopeExceedsGrant {
        /// Which ones
        scopes: Vec<ScopeToken>,
    },
    /// The API asked for serves none of the scopes (RFC 8707 §2)
    #[error("the resource is unknown or serves none of the scopes")]
    TargetUnknown,
}

/// One thing that was looked at. `by` names the rule, fact or setting in dotted words, `about` the
/// thing it was looked up on: together they are what an administrator would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which rule
    pub rule: Rule,
    /// About which scope, when it is about one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeToken>,
    /// The fact or setting that decided
    pub by: By,
    /// What the rule said
    pub verdict: Verdict,
}

/// The rules, in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The tenant is on
    TenantEnabled,
    /// The client and its application are on (SEC-051)
    ClientEnabled,
    /// RFC 6749 §5.2 `unauthorized_client`
    GrantTypeRegistered,
    /// Realm and client allow the password grant (SEC-053)
    PasswordGrantAllowed,
    /// Tokens from the authorization endpoint are switched on for the client (SEC-023)
    ImplicitAllowed,
    /// RFC 6749 §4.4: confidential clients only (SEC-059)
    ConfidentialClient,
    /// The client may act for this realm
    RealmForClient,
    /// The user is on, and not locked (SEC-051)
    SubjectEnabled,
    /// The grant lives (SEC-060)
    GrantLive,
    /// RFC 6749 §6: the scope may only shrink
    WithinGrant,
    /// The scope is in the catalogue (SEC-036)
    ScopeKnown,
    /// The client is registered for the scope (SEC-036)
    ScopeForClient,
    /// Granted by default in this realm
    DefaultScope,
    /// `owner`: the resource owner consents
    Owner,
    /// `assigned`: an unexpired assignment exists
    Assigned,
    /// `group`: a member at this moment
    Group,
    /// `always`
    Always,
    /// `selector`: one of them, which fits, and whose groups the user is in
    Selector,
    /// `identity`: claims about a person
    Identity,
    /// RFC 8707 §2
    Target,
    /// The user has signed in well enough for the scope (SEC-030)
    SignInLevel,
}

/// The fact or setting that decided a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum By {
    /// `tenant.enabled`
    Tenant,
    /// `client.enabled`
    Client,
    /// `application.active`
    Application,
    /// `client.grant_types`
    ClientGrantTypes,
    /// `realm.password_grant`
    RealmPasswordGrant,
    /// `client.compat.password_grant`
    ClientPasswordGrant,
    /// `client.compat.implicit`
    ClientImplicit,
    /// `client.auth_method`
    ClientAuthMethod,
    /// `client.realms`
    ClientRealms,
    /// `client.scopes`
    ClientScopes,
    /// `client.default_scopes`
    ClientDefaultScopes,
    /// `realm.default_scopes`
    RealmDefaultScopes,
    /// `client.consent_bypass`
    ConsentBypass,
    /// `user.enabled`
    User,
    /// `user.enabled` of the service user in whose place the client speaks
    ServiceUser,
    /// `user.realm`
    UserRealm,
    /// The grant of the refresh token
    Grant,
    /// The scope catalogue
    Catalogue,
    /// `resource_type.owners`
    ResourceTypeOwners,
    /// `resource_type.audience`
    ResourceTypeAudience,
    /// The owner gave her password to this client: consent by the act itself (RFC 6749 §4.3)
    Password,
    /// A remembered consent, or none
    Consent,
    /// An assignment to the user, the client or a group, or none
    Assignment,
    /// A membership, or none
    Membership,
    /// `scope.required_acr`
    RequiredAcr,
    /// There is no user
    NoUser,
    /// The rule alone
    Always,
}

/// What a rule said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on
    Pass,
    /// Leave this scope out, and go on
    Drop,
    /// Refuse
    Refuse,
}

/// Decides.
pub fn decide(ask: &Ask, facts: &Facts<'_>, now: Timestamp) -> Decision {
    let mut trace = Trace::default();
    let outcome = match judge(ask, facts, now, &mut trace) {
        Ok(entitlement) => Outcome::Granted(entitlement),
        Err(refusal) => Outcome::Refused(refusal),
    };
    Decision { outcome, trace: trace.0 }
}

/// Whether what is known of the client alone already refuses: so that a wrong client learns nothing
/// about users, and a hopeless request costs no password hash. `None` is "go on".
pub fn foresee(ask: &Ask, facts: &Facts<'_>) -> Option<RecordedDecision> {
    let mut trace = Trace::default();
    let refused = judge_client(ask, facts, &mut trace).and_then(|()| {
        scopes::allowed_for_client(&scopes::asked(ask, facts), ask, facts, &mut trace).map(|_| ())
    });
    let outcome = Outcome::Refused(refused.err()?);
    Some(RecordedDecision::of(ask.clone(), facts, Decision { outcome, trace: trace.0 }))
}

/// The rules in their order. What concerns the client comes before what concerns the user, so
/// that a wrong client learns nothing about users (`stups.md` 2.5).
fn judge(
    ask: &Ask,
    facts: &Facts<'_>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<Entitlement, Refusal> {
    judge_client(ask, facts, trace)?;
    let asked = scopes::asked(ask, facts);
    let foreseen = scopes::allowed_for_client(&asked, ask, facts, trace)?;
    judge_subject(ask, facts, trace)?;
    judge_grant(ask, facts, now, trace)?;
    let (scopes, dropped) = scopes::granted(foreseen, ask, facts, now, trace)?;
    let audiences = scopes::audiences(&scopes, ask, facts, trace)?;
    Ok(Entitlement {
        scopes,
        audiences,
        seconds: facts.access_token_seconds(),
        // RFC 6749 §4.4.3: none for a client that acts for itself. A service has its password.
        refreshable: facts.subject.is_some()
            && facts.client.grant_types.contains(&GrantType::RefreshToken)
            && !matches!(ask.grant_type, GrantType::ClientCredentials | GrantType::Implicit),
        dropped,
    })
}

fn judge_client(ask: &Ask, facts: &Facts<'_>, trace: &mut Trace) -> Result<(), Refusal> {
    let client = facts.client;
    trace.check(Rule::TenantEnabled, By::Tenant, facts.tenant.enabled, Refusal::TenantDisabled)?;
    trace.check(Rule::ClientEnabled, By::Client, client.enabled, Refusal::ClientDisabled)?;
    if let Some(application) = facts.application {
        let active = application.active;
        trace.check(Rule::ClientEnabled, By::Application, active, Refusal::ClientDisabled)?;
    }
    let registered = client.grant_types.contains(&ask.grant_type);
    let refusal = Refusal::GrantTypeNotRegistered;
    trace.check(Rule::GrantTypeRegistered, By::ClientGrantTypes, registered, refusal)?;
    match ask.grant_type {
        GrantType::ClientCredentials => {
            let confidential = client.is_confidential();
            let refusal = Refusal::PublicClient;
            trace.check(Rule::ConfidentialClient, By::ClientAuthMethod, confidential, refusal)?;
            // What is assigned to the service user counts for the client: with it goes the client.
            let enabled = facts.service_user.is_none_or(|user| user.enabled);
            let refusal = Refusal::ClientDisabled;
            trace.check(Rule::ClientEnabled, By::ServiceUser, enabled, refusal)?;
        }
        GrantType::Password => {
            let allowed = client.compat.password_grant;
            let refusal = Refusal::PasswordGrantOff;
            trace.check(Rule::PasswordGrantAllowed, By::ClientPasswordGrant, allowed, refusal)?;
            let allowed = facts.realm.is_some_and(|realm| realm.password_grant);
            let refusal = Refusal::PasswordGrantOff;
            trace.check(Rule::PasswordGrantAllowed, By::RealmPasswordGrant, allowed, refusal)?;
        }
        GrantType::Implicit => {
            let allowed = client.compat.implicit;
            let refusal = Refusal::GrantTypeNotRegistered;
            trace.check(Rule::ImplicitAllowed, By::ClientImplicit, allowed, refusal)?;
        }
        GrantType::AuthorizationCode | GrantType::RefreshToken => {}
    }
    if let Some(realm) = facts.realm {
        let allowed = client.realms.is_empty() || client.realms.contains(&realm.name);
        trace.check(Rule::RealmForClient, By::ClientRealms, allowed, Refusal::RealmNotForClient)?;
    }
    Ok(())
}

/// A client for itself speaks for no user (RFC 6749 §4.4), and every other grant is some user's:
/// what is missing here was not looked up, and is refused.
fn judge_subject(ask: &Ask, facts: &Facts<'_>, trace: &mut Trace) -> Result<(), Refusal> {
    let refusal = Refusal::SubjectDisabled;
    let of_user = ask.grant_type != GrantType::ClientCredentials;
    let fits = facts.subject.is_some() == of_user;
    trace.check(Rule::SubjectEnabled, By::NoUser, fits, refusal.clone())?;
    let Some(subject) = &facts.subject else { return Ok(()) };
    let enabled = subject.user.enabled;
    trace.check(Rule::SubjectEnabled, By::User, enabled, refusal.clone())?;
    let at_home = facts.realm.is_some_and(|realm| realm.name == subject.user.realm);
    trace.check(Rule::SubjectEnabled, By::UserRealm, at_home, refusal.clone())?;
    let active = subject.application.is_none_or(|application| application.active);
    trace.check(Rule::SubjectEnabled, By::Application, active, refusal)
}

/// RFC 6749 §6: a refresh token stands for a grant that lives and is this client's (SEC-060).
fn judge_grant(
    ask: &Ask,
    facts: &Facts<'_>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<(), Refusal> {
    let live = match &facts.grant {
        Some(grant) => !grant.ended && now < grant.expires && grant.client == &facts.client.id,
        // At the authorization endpoint there is no code yet, and the consents themselves decide.
        None => ask.grant_type != GrantType::RefreshToken,
    };
    trace.check(Rule::GrantLive, By::Grant, live, Refusal::GrantEnded)?;
    // An owner who takes back a part of what was given ends the grant (SEC-051, SEC-065).
    let (Some(grant), Some(subject)) = (&facts.grant, &facts.subject) else { return Ok(()) };
    let withdrawn = |scope: &&ScopeToken| {
        scopes::has_decided(ConsentStatus::Denied, scope, subject, facts, now)
    };
    match grant.scopes.iter().find(withdrawn) {
        Some(scope) => {
            trace.note(Rule::GrantLive, Some(scope), By::Consent, Verdict::Refuse);
            Err(Refusal::GrantEnded)
        }
        None => Ok(()),
    }
}

/// Collects the steps.
#[derive(Debug, Default)]
pub(crate) struct Trace(Vec<Step>);

impl Trace {
    fn note(&mut self, rule: Rule, scope: Option<&ScopeToken>, by: By, verdict: Verdict) {
        self.0.push(Step { rule, scope: scope.cloned(), by, verdict });
    }

    fn check(&mut self, rule: Rule, by: By, holds: bool, refusal: Refusal) -> Result<(), Refusal> {
        // A rule that holds for everybody every day is not worth a line in each record.
        if holds {
            return Ok(());
        }
        self.note(rule, None, by, Verdict::Refuse);
        Err(refusal)
    }
}
