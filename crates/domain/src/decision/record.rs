//! A decision with its inputs, as it is kept: to be explained after a restart, and judged again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use grantor_oauth_types::id::{DecisionId, GroupId};
use grantor_oauth_types::name::{ApplicationId, ClientId, RealmName, ResourceTypeId};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Ask, Decision, Facts, GrantFacts, Rule, SubjectFacts, decide, scopes};
use crate::application::Application;
use crate::assignment::Assignment;
use crate::client::{
    AuthorizationSettings, Client, LogoutSettings, MutualTls, OpenIdSettings, Presentation,
};
use crate::consent::Consent;
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::Scope;
use crate::sign_in::Level;
use crate::tenant::Tenant;
use crate::user::{Person, User};

/// What was asked, what was known, what was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedDecision {
    /// The question
    pub ask: Ask,
    /// What was known, reduced to what the question can touch; no secret is among it
    pub facts: RecordedFacts,
    /// The answer
    pub decision: Decision,
    /// Until when the answer stays the same
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

/// [`Facts`], owned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFacts {
    #[serde(flatten)]
    common: Arc<CommonFacts>,
    subject: Option<RecordedSubject>,
    grant: Option<RecordedGrant>,
}

/// What is the same for every request of a client for the same scopes, whoever it is about: most of
/// a record, so it is made once and shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonFacts {
    tenant: Tenant,
    client: Client,
    application: Option<Application>,
    client_assignments: Vec<Assignment>,
    application_assignments: Vec<Assignment>,
    #[serde(default)]
    service_user: Option<User>,
    realm: Option<Realm>,
    scopes: Vec<Scope>,
    resource_types: Vec<ResourceType>,
}

/// A record that says only what it does not share with another one. A member that is missing is as it
/// is there; one that is there and empty is written as `null`.
#[derive(Debug, Serialize)]
struct Brief<'a> {
    like: DecisionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<&'a Ask>,
    #[serde(skip_serializing_if = "BriefFacts::is_nothing")]
    facts: BriefFacts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'a Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a Option<Timestamp>>,
}

#[derive(Debug, Serialize)]
struct BriefFacts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Option<RecordedSubject>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a Option<RecordedGrant>>,
}

impl BriefFacts<'_> {
    fn is_nothing(&self) -> bool {
        self.subject.is_none() && self.grant.is_none()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedSubject {
    user: User,
    application: Option<Application>,
    assignments: Vec<Assignment>,
    groups: Vec<GroupId>,
    consents: Vec<Consent>,
    gave_password: bool,
    #[serde(default)]
    level: Level,
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
        let common = Arc::new(CommonFacts::new(&ask, facts));
        Self::make_on(common, ask, facts, now)
    }

    /// The same, where what is common to such requests was put together before, from the same facts
    /// and for the same scopes ([`asked`](super::asked)).
    pub fn make_on(common: Arc<CommonFacts>, ask: Ask, facts: &Facts<'_>, now: Timestamp) -> Self {
        let decision = decide(&ask, facts, now);
        let facts = RecordedFacts::new(common, &ask, facts);
        Self { until: facts.next_end(now), facts, ask, decision }
    }

    /// Keeps a decision that does not depend on the time, with its inputs.
    pub(super) fn of(ask: Ask, facts: &Facts<'_>, decision: Decision) -> Self {
        let common = Arc::new(CommonFacts::new(&ask, facts));
        Self { facts: RecordedFacts::new(common, &ask, facts), ask, decision, until: None }
    }

    /// What this record shares with others.
    pub fn common(&self) -> &Arc<CommonFacts> {
        &self.facts.common
    }

    /// This record without what it shares with `other`, the record of the decision `like`, which has
    /// the same [`CommonFacts`]. Whoever reads it lets [`complete`] put in what is missing.
    pub fn brief(&self, like: DecisionId, other: &Self) -> impl Serialize {
        let (facts, known) = (&self.facts, &other.facts);
        let facts = BriefFacts {
            subject: new(&facts.subject, &known.subject),
            grant: new(&facts.grant, &known.grant),
        };
        Brief {
            like,
            ask: new(&self.ask, &other.ask),
            facts,
            decision: new(&self.decision, &other.decision),
            until: new(&self.until, &other.until),
        }
    }

    /// Decides again on what was known then: the same answer, unless the rules have changed.
    pub fn replay(&self, now: Timestamp) -> Decision {
        let scopes: HashMap<ScopeToken, Scope> = self
            .facts
            .common
            .scopes
            .iter()
            .map(|scope| (scope.token.clone(), scope.clone()))
            .collect();
        let resource_types: HashMap<ResourceTypeId, ResourceType> =
            self.facts.common.resource_types.iter().map(|t| (t.id.clone(), t.clone())).collect();
        decide(&self.ask, &self.facts.borrow(&scopes, &resource_types), now)
    }

    /// Until when the same question on the same facts has the same answer as when it was made:
    /// nothing that was looked at ends before. `None` is for ever.
    pub fn holds_until(&self) -> Option<Timestamp> {
        self.until
    }
}

/// The member of a brief record that names the decision whose record has what is missing.
pub const LIKE: &str = "like";

/// Puts into a brief record what is missing of it in `whole`, the record that it is like: both as they
/// are kept.
pub fn complete(brief: &mut Map<String, Value>, whole: &Map<String, Value>) {
    let fill = |brief: &mut Map<String, Value>, whole: &Map<String, Value>| {
        for (name, member) in whole {
            brief.entry(name).or_insert_with(|| member.clone());
        }
    };
    brief.remove(LIKE);
    let facts = (brief.get_mut("facts"), whole.get("facts"));
    if let (Some(Value::Object(facts)), Some(Value::Object(known))) = facts {
        fill(facts, known);
    }
    fill(brief, whole);
}

impl CommonFacts {
    /// Puts them together.
    pub fn new(ask: &Ask, facts: &Facts<'_>) -> Self {
        // Nothing is said about a scope that was not asked for, if only by asking for the default.
        let tokens = scopes::asked(ask, facts);
        let scopes: Vec<Scope> =
            tokens.iter().filter_map(|token| facts.scopes.get(token)).cloned().collect();
        let resource_types = scopes
            .iter()
            .filter_map(|scope| facts.resource_types.get(scope.resource_type.as_ref()?))
            .cloned()
            .collect();
        Self {
            tenant: facts.tenant.clone(),
            client: what_decides(facts.client),
            application: facts.application.cloned(),
            client_assignments: about(&tokens, facts.client_assignments),
            application_assignments: about(&tokens, facts.application_assignments),
            service_user: facts.service_user.map(without_the_person),
            realm: facts.realm.cloned(),
            scopes,
            resource_types,
        }
    }
}

/// What is said, if it is not known.
fn new<'a, T: PartialEq>(said: &'a T, known: &T) -> Option<&'a T> {
    (said != known).then_some(said)
}

/// The assignments of these scopes.
fn about(tokens: &Scopes, assignments: &[Assignment]) -> Vec<Assignment> {
    assignments.iter().filter(|a| tokens.contains(a.scope.as_str())).cloned().collect()
}

impl RecordedFacts {
    fn new(common: Arc<CommonFacts>, ask: &Ask, facts: &Facts<'_>) -> Self {
        let subject = facts.subject.as_ref().map(|subject| RecordedSubject {
            user: without_the_person(subject.user),
            application: subject.application.cloned(),
            assignments: match subject.assignments {
                [] => Vec::new(),
                some => about(&scopes::asked(ask, facts), some),
            },
            groups: subject.groups.to_vec(),
            consents: (subject.consents.iter())
                .filter(|consent| consent.client == facts.client.id)
                .cloned()
                .collect(),
            gave_password: subject.gave_password,
            level: subject.level,
        });
        let grant = facts.grant.as_ref().map(|grant| RecordedGrant {
            client: grant.client.clone(),
            scopes: grant.scopes.clone(),
            expires: grant.expires,
            ended: grant.ended,
        });
        Self { common, subject, grant }
    }

    fn borrow<'a>(
        &'a self,
        scopes: &'a HashMap<ScopeToken, Scope>,
        resource_types: &'a HashMap<ResourceTypeId, ResourceType>,
    ) -> Facts<'a> {
        Facts {
            tenant: &self.common.tenant,
            client: &self.common.client,
            application: self.common.application.as_ref(),
            client_assignments: &self.common.client_assignments,
            application_assignments: &self.common.application_assignments,
            service_user: self.common.service_user.as_ref(),
            realm: self.common.realm.as_ref(),
            subject: self.subject.as_ref().map(|subject| SubjectFacts {
                user: &subject.user,
                application: subject.application.as_ref(),
                assignments: &subject.assignments,
                groups: &subject.groups,
                consents: &subject.consents,
                gave_password: subject.gave_password,
                level: subject.level,
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

/// What a decision looks at: no password, and nothing that the person told about herself. The log is
/// kept for long, and by others.
fn without_the_person(user: &User) -> User {
    User {
        tenant: user.tenant.clone(),
        id: user.id,
        realm: user.realm.clone(),
        name: user.name.clone(),
        enabled: user.enabled,
        application: user.application.clone(),
        passwords: Vec::new(),
        display_name: None,
        email: None,
        email_verified: false,
        person: Person::default(),
    }
}

/// What a decision looks at: no secret, no key, nothing of how the client looks or is talked to.
fn what_decides(client: &Client) -> Client {
    Client {
        tenant: client.tenant.clone(),
        id: client.id.clone(),
        name: client.name.clone(),
        application: client.application.clone(),
        enabled: client.enabled,
        auth_method: client.auth_method,
        secrets: Vec::new(),
        token_endpoint_auth_signing_alg: None,
        jwks: None,
        grant_types: client.grant_types.clone(),
        realms: client.realms.clone(),
        scopes: client.scopes.clone(),
        default_scopes: client.default_scopes.clone(),
        audiences: client.audiences.clone(),
        token_profile: client.token_profile,
        token_format: client.token_format,
        signing_alg: client.signing_alg,
        access_token_seconds: client.access_token_seconds,
        consent_bypass: client.consent_bypass,
        redirect_uris: Vec::new(),
        response_types: BTreeSet::new(),
        jwks_uri: None,
        authorization: AuthorizationSettings::default(),
        openid: OpenIdSettings::default(),
        logout: LogoutSettings::default(),
        presentation: Presentation::default(),
        mutual_tls: MutualTls::default(),
        registration: None,
        compat: client.compat,
    }
}

impl RecordedDecision {
    /// To whom a missing assignment would have to be made.
    pub(super) fn principal(&self) -> String {
        let user = self.facts.subject_name().map(|name| format!("user {name}"));
        user.unwrap_or_else(|| format!("client {}", self.ask.client))
    }
}

impl RecordedFacts {
    /// The next moment after `now` at which something ends that the decision can depend on.
    fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let subject = self.subject.iter();
        let assignments =
            self.common.client_assignments.iter().chain(&self.common.application_assignments);
        let ends = assignments.chain(subject.clone().flat_map(|s| &s.assignments));
        let ends = ends.filter_map(|assignment| assignment.expires);
        let consents = subject.flat_map(|s| &s.consents).filter_map(|consent| consent.expires);
        let grant = self.grant.iter().map(|grant| grant.expires);
        ends.chain(consents).chain(grant).filter(|end| *end > now).min()
    }

    /// The realm of the user, or that was named.
    pub(super) fn realm_name(&self) -> Option<&RealmName> {
        self.common.realm.as_ref().map(|realm| &realm.name)
    }

    /// `realm/name` of the service user of the client's application.
    pub(super) fn service_user_name(&self) -> Option<String> {
        self.common.service_user.as_ref().map(|user| format!("{}/{}", user.realm, user.name))
    }

    /// The application that a step is about: the client's, or the user's.
    pub(super) fn application_of(&self, rule: Rule) -> Option<&ApplicationId> {
        let application = match rule {
            Rule::SubjectEnabled => self.subject.as_ref().and_then(|s| s.application.as_ref()),
            _ => self.common.application.as_ref(),
        };
        application.map(|application| &application.id)
    }

    /// The resource type of a scope.
    pub(super) fn resource_type_of(&self, token: &ScopeToken) -> Option<&ResourceTypeId> {
        let scope = self.common.scopes.iter().find(|scope| &scope.token == token)?;
        scope.resource_type.as_ref()
    }

    /// `realm/name` of the user, if there is one.
    pub(super) fn subject_name(&self) -> Option<String> {
        self.subject.as_ref().map(|s| format!("{}/{}", s.user.realm, s.user.name))
    }
}
