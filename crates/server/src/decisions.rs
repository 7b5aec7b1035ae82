//! Decisions that were made before: the same question on the same facts has the same answer.
//!
//! The decision function is pure, so an answer may be kept for as long as none of its facts has
//! changed (the generation of the directory) and none of them ends (its `holds_until`). Where an
//! answer is about one grant alone, what its record shares with others is kept instead.

use std::sync::Arc;

use grantor_domain::decision::{
    Ask, CommonFacts, Facts, GrantFacts, RecordedDecision, SubjectFacts, asked,
};
use grantor_domain::sign_in::Level;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;
use jiff::Timestamp;
use quick_cache::sync::Cache;

use crate::directory::{ClientEntry, TenantView, UserEntry};

/// How many answers are kept.
const KEPT: usize = 1_024;

/// Answers of late.
#[derive(Debug)]
pub struct Decisions {
    kept: Cache<Question, Kept>,
    common: Cache<Circumstances, (AsOf, Arc<CommonFacts>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    tenant: TenantName,
    grant_type: GrantType,
    client: ClientId,
    realm: Option<RealmName>,
    user: Option<UserId>,
    scopes: Option<Scopes>,
    resource: Option<String>,
    level: Level,
}

/// What [`CommonFacts`] depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Circumstances {
    tenant: TenantName,
    client: ClientId,
    realm: Option<RealmName>,
    scopes: Scopes,
}

/// Which facts: the generation of the directory, before they were taken from it, and the view of the
/// tenant, which the request may have been given even earlier.
type AsOf = (u64, u64);

#[derive(Clone, Debug)]
struct Kept {
    record: Arc<RecordedDecision>,
    of: AsOf,
    until: Option<Timestamp>,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { kept: Cache::new(KEPT), common: Cache::new(KEPT) }
    }
}

impl Decisions {
    /// Decides, or remembers having decided. `generation` is the directory's, taken before the
    /// facts were.
    pub fn decide(
        &self,
        ask: Ask,
        about: &About<'_>,
        generation: u64,
        now: Timestamp,
    ) -> Arc<RecordedDecision> {
        let question = Question {
            tenant: about.tenant.tenant.name.clone(),
            grant_type: ask.grant_type,
            client: ask.client.clone(),
            realm: ask.realm.clone(),
            user: about.user.map(|entry| entry.user.id),
            scopes: ask.scopes.clone(),
            resource: ask.resource.clone(),
            level: about.level,
        };
        if let Some(kept) = self.kept.get(&question)
            && kept.of == about.as_of(generation)
            && kept.until.is_none_or(|until| now < until)
        {
            return kept.record;
        }
        let record = self.decide_anew(ask, about, &about.facts(), generation, now);
        let of = about.as_of(generation);
        let kept = Kept { until: record.holds_until(), record: Arc::clone(&record), of };
        self.kept.insert(question, kept);
        record
    }

    /// Decides about a grant.
    pub fn decide_on(
        &self,
        grant: GrantFacts<'_>,
        ask: Ask,
        about: &About<'_>,
        generation: u64,
        now: Timestamp,
    ) -> Arc<RecordedDecision> {
        let facts = Facts { grant: Some(grant), ..about.facts() };
        self.decide_anew(ask, about, &facts, generation, now)
    }

    /// Decides on these facts, which are those of `about` but for grant and consents.
    pub fn decide_anew(
        &self,
        ask: Ask,
        about: &About<'_>,
        facts: &Facts<'_>,
        generation: u64,
        now: Timestamp,
    ) -> Arc<RecordedDecision> {
        let circumstances = Circumstances {
            tenant: about.tenant.tenant.name.clone(),
            client: ask.client.clone(),
            realm: about.realm.cloned(),
            scopes: asked(&ask, facts),
        };
        let common = match self.common.get(&circumstances) {
            Some((of, common)) if of == about.as_of(generation) => common,
            _ => {
                let common = Arc::new(CommonFacts::new(&ask, facts));
                let kept = (about.as_of(generation), Arc::clone(&common));
                self.common.insert(circumstances, kept);
                common
            }
        };
        Arc::new(RecordedDecision::make_on(common, ask, facts, now))
    }
}

/// Whom and what a decision is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Where
    pub tenant: &'a TenantView,
    /// Who asks
    pub client: &'a ClientEntry,
    /// The realm that was named, or the user's
    pub realm: Option<&'a RealmName>,
    /// For whom
    pub user: Option<&'a UserEntry>,
    /// Whether the user's password came with the request
    pub gave_password: bool,
    /// How well the user has signed in for this
    pub level: Level,
}

impl<'a> About<'a> {
    fn as_of(&self, generation: u64) -> AsOf {
        (generation, self.tenant.serial)
    }

    /// The facts, borrowed.
    pub fn facts(&self) -> Facts<'a> {
        let service_user = self.client.service_user.as_ref();
        let consents = self.user.map(|entry| entry.consents.as_slice()).unwrap_or_default();
        Facts {
            tenant: &self.tenant.tenant,
            client: self.client.client(),
            application: self.client.application.as_ref(),
            client_assignments: &self.client.assignments,
            application_assignments: service_user
                .map(|entry| entry.assignments.as_slice())
                .unwrap_or_default(),
            service_user: service_user.map(|entry| &*entry.user),
            realm: self.realm.and_then(|name| self.tenant.realms.get(name)),
            subject: self.user.map(|entry| SubjectFacts {
                user: &entry.user,
                application: entry.application.as_ref(),
                assignments: &entry.assignments,
                groups: &entry.groups,
                consents,
                gave_password: self.gave_password,
                level: self.level,
            }),
            grant: None,
            scopes: &self.tenant.scopes,
            resource_types: &self.tenant.resource_types,
        }
    }
}
