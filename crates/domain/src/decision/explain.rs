//! A recorded decision in words: which rule, which fact or setting, and what would change it.

use grantor_oauth_types::id::DecisionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{By, Outcome, RecordedDecision, Refusal, Rule, Step, Verdict};

/// The answer of `grantor explain` and `GET /api/v1/decisions/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which decision
    pub decision_id: DecisionId,
    /// When it was made
    pub at: Timestamp,
    /// `granted` or `refused`
    pub outcome: String,
    /// One sentence that gives away nothing about the set-up: fit for the person who asked
    pub summary: String,
    /// What was asked for, in short
    pub asked: String,
    /// Every step, in order; the last one decided
    pub steps: Vec<ExplainedStep>,
    /// What an administrator could change to get another answer
    pub what_would_change_it: Vec<String>,
}

/// One step in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedStep {
    /// The rule
    pub rule: Rule,
    /// The scope it was applied to
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The fact or setting it looked at
    pub decided_by: String,
    /// What it said
    pub verdict: Verdict,
}

/// Puts a recorded decision into words.
pub fn explain(id: DecisionId, at: Timestamp, record: &RecordedDecision) -> Explanation {
    let decision = &record.decision;
    Explanation {
        decision_id: id,
        at,
        outcome: match decision.outcome {
            Outcome::Granted(_) => "granted".to_owned(),
            Outcome::Refused(_) => "refused".to_owned(),
        },
        summary: summary(&decision.outcome),
        asked: asked(record),
        steps: decision
            .trace
            .iter()
            .map(|step| ExplainedStep {
                rule: step.rule,
                scope: step.scope.as_ref().map(ToString::to_string),
                decided_by: fact(step, record),
                verdict: step.verdict,
            })
            .collect(),
        what_would_change_it: decision
            .trace
            .iter()
            .filter(|step| step.verdict != Verdict::Pass)
            .filter_map(|step| remedy(step, record))
            .collect(),
    }
}

fn summary(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Granted(entitlement) if entitlement.dropped.is_empty() => {
            format!("Granted: {}", entitlement.scopes)
        }
        Outcome::Granted(entitlement) => format!(
            "Granted: {}; left out: {}",
            entitlement.scopes,
            join(entitlement.dropped.iter()),
        ),
        Outcome::Refused(
            Refusal::ScopeForbidden { scopes } | Refusal::ScopeExceedsGrant { scopes },
        ) => format!("Refused: not allowed to have {}", join(scopes.iter())),
        Outcome::Refused(refusal) => format!("Refused: {refusal}"),
    }
}

fn asked(record: &RecordedDecision) -> String {
    let ask = &record.ask;
    let scopes = ask.scopes.as_ref().filter(|scopes| !scopes.is_empty());
    let scopes = scopes.map_or_else(|| "the default scopes".to_owned(), ToString::to_string);
    let user = record.facts.subject_name();
    let user = user.map_or_else(String::new, |name| format!(" for user {name}"));
    format!("client {} asked by {} for {scopes}{user}", ask.client, ask.grant_type)
}

/// The fact or setting that a step looked at, with the name of the thing it is on.
fn fact(step: &Step, record: &RecordedDecision) -> String {
    let client = &record.ask.client;
    let realm = realm(record);
    let user = user(record);
    let scope = step.scope.as_ref().map_or("?", |scope| scope.as_str());
    match step.by {
        By::Tenant => "tenant.enabled".to_owned(),
        By::Client => format!("client {client}: enabled"),
        By::Application => format!("application {}: active", application(step, record)),
        By::ClientGrantTypes => format!("client {client}: grant_types"),
        By::RealmPasswordGrant => format!("realm {realm}: password_grant"),
        By::ClientPasswordGrant => format!("client {client}: compat.password_grant"),
        By::ClientImplicit => format!("client {client}: compat.implicit"),
        By::ClientAuthMethod => format!("client {client}: auth_method"),
        By::ClientRealms => format!("client {client}: realms"),
        By::ClientScopes => format!("client {client}: scopes"),
        By::ClientDefaultScopes => format!("client {client}: default_scopes"),
        By::RealmDefaultScopes => format!("realm {realm}: default_scopes"),
        By::ConsentBypass => format!("client {client}: consent_bypass"),
        By::User => format!("user {user}: enabled"),
        By::ServiceUser => format!("service user {}: enabled", service_user(record)),
        By::UserRealm => format!("user {user}: realm"),
        By::Grant => "the grant of the refresh token".to_owned(),
        By::Catalogue => format!("catalogue: is there a scope {scope}?"),
        By::ResourceTypeOwners => format!("resource type {}: owners", resource_type(step, record)),
        By::ResourceTypeAudience => "audience of the resource types".to_owned(),
        By::Password => format!("user {user} gave the password to the client"),
        By::Consent => format!("consent of user {user} to {scope} for client {client}"),
        By::Assignment => format!("assignment of {scope} to {}", record.principal()),
        By::Membership => format!("membership of user {user} in the groups of {scope}"),
        By::RequiredAcr => format!("scope {scope}: required_acr"),
        By::NoUser => "there is no user in this request".to_owned(),
        By::Always => "the rule of the scope alone".to_owned(),
    }
}

/// What would change a step that did not pass.
fn remedy(step: &Step, record: &RecordedDecision) -> Option<String> {
    let client = &record.ask.client;
    let realm = realm(record);
    let scope = step.scope.as_ref().map_or("?", |scope| scope.as_str());
    let text = match step.by {
        By::Tenant => "enable the tenant".to_owned(),
        By::Client => format!("enable client {client}"),
        By::Application => format!("activate application {}", application(step, record)),
        By::ClientGrantTypes => {
            format!("add {} to grant_types of client {client}", record.ask.grant_type)
        }
        By::RealmPasswordGrant => format!("allow the password grant in realm {realm}"),
        By::ClientPasswordGrant => format!("set compat.password_grant on client {client}"),
        By::ClientImplicit => format!("set compat.implicit on client {client}"),
        By::ClientAuthMethod => format!("register client {client} as a confidential client"),
        By::ClientRealms => format!("add realm {realm} to client {client}"),
        By::ClientScopes => format!("add {scope} to the scopes of client {client}"),
        By::User => format!("enable user {}", user(record)),
        By::ServiceUser => format!("enable service user {}", service_user(record)),
        By::UserRealm => format!("ask in the realm of user {}", user(record)),
        By::Grant if step.rule == Rule::WithinGrant => {
            format!("ask for a new grant that includes {scope}")
        }
        By::Grant => "sign in again to begin a new grant".to_owned(),
        By::Catalogue => format!("define {scope} in the catalogue, or ask for an existing scope"),
        By::ResourceTypeOwners => {
            let resource_type = resource_type(step, record);
            format!("add realm {realm} to the owners of resource type {resource_type}")
        }
        By::ResourceTypeAudience => match (&step.scope, &record.ask.resource) {
            (Some(scope), _) => format!("ask for {scope} with the resource that serves it"),
            (None, resource) => format!(
                "ask for a scope that {} serves, or for another resource",
                resource.as_deref().unwrap_or("the resource"),
            ),
        },
        By::Consent => format!("let user {} consent to {scope} for client {client}", user(record)),
        By::Assignment => format!("assign {scope} to {}", record.principal()),
        By::Membership => format!("make user {} a member of a group of {scope}", user(record)),
        By::RequiredAcr => {
            let user = user(record);
            format!("let user {user} sign in at the level that {scope} needs")
        }
        By::NoUser if step.scope.is_none() => "ask in the name of a user".to_owned(),
        By::NoUser => format!("ask for {scope} in the name of a user"),
        By::ClientDefaultScopes
        | By::RealmDefaultScopes
        | By::ConsentBypass
        | By::Password
        | By::Always => return None,
    };
    Some(text)
}

fn user(record: &RecordedDecision) -> String {
    record.facts.subject_name().unwrap_or_else(|| "(none)".to_owned())
}

fn service_user(record: &RecordedDecision) -> String {
    record.facts.service_user_name().unwrap_or_else(|| "(none)".to_owned())
}

fn realm(record: &RecordedDecision) -> &str {
    let realm = record.facts.realm_name().or(record.ask.realm.as_ref());
    realm.map_or("(none)", |realm| realm.as_str())
}

fn application<'a>(step: &Step, record: &'a RecordedDecision) -> &'a str {
    record.facts.application_of(step.rule).map_or("(none)", |id| id.as_str())
}

fn resource_type<'a>(step: &Step, record: &'a RecordedDecision) -> &'a str {
    let scope = step.scope.as_ref();
    let found = scope.and_then(|scope| record.facts.resource_type_of(scope));
    found.map_or("(none)", |id| id.as_str())
}

fn join<'a, T: ToString + 'a>(items: impl Iterator<Item = &'a T>) -> String {
    items.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
