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
    let realm = record.ask.realm.as_ref().map_or("?", |realm| realm.as_str());
    let user = record.facts.subject_name().unwrap_or_else(|| "(no user)".to_owned());
    let scope = step.scope.as_ref().map_or("?", |scope| scope.as_str());
    match step.by {
        By::Tenant => "tenant.enabled".to_owned(),
        By::Client => format!("client {client}: enabled"),
        By::Application => "application.active".to_owned(),
        By::ClientGrantTypes => format!("client {client}: grant_types"),
        By::RealmPasswordGrant => format!("realm {realm}: password_grant"),
        By::ClientPasswordGrant => format!("client {client}: compat.password_grant"),
        By::ClientAuthMethod => format!("client {client}: auth_method"),
        By::ClientRealms => format!("client {client}: realms"),
        By::ClientScopes => format!("client {client}: scopes"),
        By::ClientDefaultScopes => format!("client {client}: default_scopes"),
        By::RealmDefaultScopes => format!("realm {realm}: default_scopes"),
        By::ConsentBypass => format!("client {client}: consent_bypass"),
        By::User => format!("user {user}: enabled"),
        By::Grant => "the grant of the refresh token".to_owned(),
        By::Catalogue => format!("catalogue: is there a scope {scope}?"),
        By::ResourceTypeOwners => format!("owners of the resource type of {scope}"),
        By::ResourceTypeAudience => "audience of the resource types".to_owned(),
        By::Password => format!("user {user} gave the password to the client"),
        By::Consent => format!("consent of user {user} to {scope} for client {client}"),
        By::Assignment => format!("assignment of {scope} to {}", record.principal()),
        By::Membership => format!("membership of user {user} in the groups of {scope}"),
        By::NoUser => "there is no user in this request".to_owned(),
        By::Always => "the rule of the scope alone".to_owned(),
    }
}

/// What would change a step that did not pass.
fn remedy(step: &Step, record: &RecordedDecision) -> Option<String> {
    let client = &record.ask.client;
    let realm = record.ask.realm.as_ref().map_or("?", |realm| realm.as_str());
    let scope = step.scope.as_ref().map_or("?", |scope| scope.as_str());
    let text = match step.by {
        By::Tenant => "enable the tenant".to_owned(),
        By::Client => format!("enable client {client}"),
        By::Application => "activate the application".to_owned(),
        By::ClientGrantTypes => {
            format!("add {} to grant_types of client {client}", record.ask.grant_type)
        }
        By::RealmPasswordGrant => format!("allow the password grant in realm {realm}"),
        By::ClientPasswordGrant => format!("set compat.password_grant on client {client}"),
        By::ClientAuthMethod => format!("register client {client} as a confidential client"),
        By::ClientRealms => format!("add realm {realm} to client {client}"),
        By::ClientScopes => format!("add {scope} to the scopes of client {client}"),
        By::User => "enable the user".to_owned(),
        By::Grant if step.rule == Rule::WithinGrant => {
            format!("ask for a new grant that includes {scope}")
        }
        By::Grant => "sign in again to begin a new grant".to_owned(),
        By::Catalogue => format!("define {scope} in the catalogue, or ask for an existing scope"),
        By::ResourceTypeOwners => {
            format!("add realm {realm} to the owners of the resource type of {scope}")
        }
        By::ResourceTypeAudience => {
            "ask for a resource that serves one of the scopes, or for none".to_owned()
        }
        By::Consent => format!("let the user consent to {scope} for client {client}"),
        By::Assignment => format!("assign {scope} to {}", record.principal()),
        By::Membership => format!("make the user a member of a group of {scope}"),
        By::NoUser => format!("ask for {scope} in the name of a user"),
        By::ClientDefaultScopes
        | By::RealmDefaultScopes
        | By::ConsentBypass
        | By::Password
        | By::Always => return None,
    };
    Some(text)
}

fn join<'a, T: ToString + 'a>(items: impl Iterator<Item = &'a T>) -> String {
    items.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
