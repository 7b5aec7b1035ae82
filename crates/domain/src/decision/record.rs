//! A decision with its inputs, as it is kept: to be explained after a restart, and judged again.

use std::collections::HashMap;

use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::name::{ClientId, ResourceTypeId};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ask, Decision, Facts, GrantFacts, Outcome, Refusal, SubjectFacts, decide};
use crate::application::Application;
use crate::assignment::Assignment;
use crate::client::Client;
use crate::consent::Consent;
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::Scope;
use crate::tenant::Tenant;
use crate::user::User;

/// What was asked, what was known, what was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedDecision {
    /// The question
    pub ask: Ask,
    /// What was known, reduced to what the question can touch; no secret is among it
    pub facts: RecordedFacts,
    /// The answer
    pub decision: Decision,
}

/// [`Facts`], owned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFacts {
    tenant: Tenant,
    client: Client,
    application: Option<Application>,
    client_assignments: Vec<Assignment>,
    application_assignments: Vec<Assignment>,
    realm: Option<Realm>,
    subject: Option<RecordedSubject>,
    grant: Option<RecordedGrant>,
    scopes: Vec<Scope>,
    resource_types: Vec<ResourceType>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedSubject {
    user: User,
    application: Option<Application>,
    assignments: Vec<Assignment>,
    groups: Vec<GroupId>,
    consents: Vec<Consent>,
    gave_password: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedGrant {
    client: ClientId,
    scopes: Scopes,
    expires: Timestamp,
    ended: bool,
}

impl RecordedDecision {
    /// Decides, and keeps the inputs.
    pub fn make(ask: Ask, facts: &Facts<'_>, now: Timestamp) -> Self {
        let decision = decide(&ask, facts, now);
        Self::of(ask, facts, decision)
    }

    /// Keeps a decision with its inputs.
    pub(super) fn of(ask: Ask, facts: &Facts<'_>, decision: Decision) -> Self {
        Self { facts: RecordedFacts::new(&ask, facts, &decision), ask, decision }
    }

    /// Decides again on what was known then: the same answer, unless the rules have changed.
    pub fn replay(&self, now: Timestamp) -> Decision {
        let scopes: HashMap<ScopeToken, Scope> =
            self.facts.scopes.iter().map(|scope| (scope.token.clone(), scope.clone())).collect();
        let resource_types: HashMap<ResourceTypeId, ResourceType> =
            self.facts.resource_types.iter().map(|t| (t.id.clone(), t.clone())).collect();
        decide(&self.ask, &self.facts.borrow(&scopes, &resource_types), now)
    }

    /// Until when the same question on the same facts has the same answer: nothing that was
    /// looked at ends before. `None` is for ever.
    pub fn holds_until(&self) -> Option<Timestamp> {
        let facts = &self.facts;
        let subject = facts.subject.iter();
        let assignments = facts.client_assignments.iter().chain(&facts.application_assignments);
        let ends = assignments.chain(subject.clone().flat_map(|s| &s.assignments));
        let ends = ends.filter_map(|assignment| assignment.expires);
        let consents = subject.flat_map(|s| &s.consents).filter_map(|consent| consent.expires);
        ends.chain(consents).chain(facts.grant.iter().map(|grant| grant.expires)).min()
    }
}

impl RecordedFacts {
    fn new(ask: &Ask, facts: &Facts<'_>, decision: &Decision) -> Self {
        // Scopes that the decision looked at: the asked ones, and whatever it came to.
        let mut tokens = ask.scopes.clone().unwrap_or_default();
        decision.trace.iter().filter_map(|s| s.scope.clone()).for_each(|s| tokens.insert(s));
        if let Outcome::Refused(Refusal::ScopeForbidden { scopes }) = &decision.outcome {
            scopes.iter().for_each(|scope| tokens.insert(scope.clone()));
        }
        let scopes: Vec<Scope> =
            tokens.iter().filter_map(|token| facts.scopes.get(token)).cloned().collect();
        let resource_types = scopes
            .iter()
            .filter_map(|scope| facts.resource_types.get(scope.resource_type.as_ref()?))
            .cloned()
            .collect();
        let about = |assignments: &[Assignment]| -> Vec<Assignment> {
            assignments.iter().filter(|a| tokens.contains(a.scope.as_str())).cloned().collect()
        };
        Self {
            tenant: facts.tenant.clone(),
            client: without_secrets(facts.client),
            application: facts.application.cloned(),
            client_assignments: about(facts.client_assignments),
            application_assignments: about(facts.application_assignments),
            realm: facts.realm.cloned(),
            subject: facts.subject.as_ref().map(|subject| RecordedSubject {
                user: User { passwords: Vec::new(), ..subject.user.clone() },
                application: subject.application.cloned(),
                assignments: about(subject.assignments),
                groups: subject.groups.to_vec(),
                consents: (subject.consents.iter())
                    .filter(|consent| consent.client == facts.client.id)
                    .cloned()
                    .collect(),
                gave_password: subject.gave_password,
            }),
            grant: facts.grant.as_ref().map(|grant| RecordedGrant {
                client: grant.client.clone(),
                scopes: grant.scopes.clone(),
                expires: grant.expires,
                ended: grant.ended,
            }),
            scopes,
            resource_types,
        }
    }

    fn borrow<'a>(
        &'a self,
        scopes: &'a HashMap<ScopeToken, Scope>,
        resource_types: &'a HashMap<ResourceTypeId, ResourceType>,
    ) -> Facts<'a> {
        Facts {
            tenant: &self.tenant,
            client: &self.client,
            application: self.application.as_ref(),
            client_assignments: &self.client_assignments,
            application_assignments: &self.application_assignments,
            realm: self.realm.as_ref(),
            subject: self.subject.as_ref().map(|subject| SubjectFacts {
                user: &subject.user,
                application: subject.application.as_ref(),
                assignments: &subject.assignments,
                groups: &subject.groups,
                consents: &subject.consents,
                gave_password: subject.gave_password,
            }),
            grant: self.grant.as_ref().map(|grant| GrantFacts {
                client: &grant.client,
                scopes: &grant.scopes,
                expires: grant.expires,
                ended: grant.ended,
            }),
            scopes,
            resource_types,
        }
    }
}

fn without_secrets(client: &Client) -> Client {
    Client { secrets: Vec::new(), jwks: None, ..client.clone() }
}

impl RecordedDecision {
    /// To whom a missing assignment would have to be made.
    pub(super) fn principal(&self) -> String {
        let user = self.facts.subject_name().map(|name| format!("user {name}"));
        user.unwrap_or_else(|| format!("client {}", self.ask.client))
    }
}

impl RecordedFacts {
    /// `realm/name` of the user, if there is one.
    pub(super) fn subject_name(&self) -> Option<String> {
        self.subject.as_ref().map(|s| format!("{}/{}", s.user.realm, s.user.name))
    }
}
