//! `/account/applications`: what applications may do for somebody.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Response;
use grantor_domain::consent::{Consent, ConsentStatus};
use grantor_domain::consent_request::needs_consent;
use grantor_domain::grant::Grant;
use grantor_oauth_types::name::ClientId;
use grantor_oauth_types::scope::ScopeToken;
use grantor_pages::account::{Application, Applications, HeldScope};
use grantor_store::{GrantQuery, StoreError};
use jiff::Timestamp;

use super::{Person, Refused};

/// The most grants of one person that are looked at.
pub(super) const MOST: usize = 1_000;

pub(super) async fn get(person: Person) -> Response<Body> {
    match shown(&person).await {
        Ok(applications) => person.page(Applications { applications }.page(&person.shell())),
        Err(error) => person.refused(&Refused::Broken(error)),
    }
}

/// What a client holds of somebody.
#[derive(Debug)]
pub(super) struct Held {
    /// Until when each scope; `None` is until it is taken back
    pub(super) scopes: BTreeMap<ScopeToken, Option<Timestamp>>,
    since: Timestamp,
    last_used: Option<Timestamp>,
}

impl Held {
    fn new(at: Timestamp) -> Self {
        Self { scopes: BTreeMap::new(), since: at, last_used: None }
    }
}

/// What every client holds: by consent, or by a grant that lives.
pub(super) async fn held(person: &Person) -> Result<BTreeMap<ClientId, Held>, StoreError> {
    let now = person.now();
    let consents = person.entry.consents.iter().filter(|consent| consent.is_live(now));
    let mut all: BTreeMap<ClientId, Held> = BTreeMap::new();
    for consent in consents.clone().filter(|c| c.status == ConsentStatus::Approved) {
        let held = all.entry(consent.client.clone()).or_insert_with(|| Held::new(consent.decided));
        held.since = held.since.min(consent.decided);
        held.scopes.insert(consent.scope.clone(), consent.expires);
    }
    let denied = |grant: &Grant, scope: &ScopeToken| {
        let is_it = |c: &&Consent| c.client == grant.client && c.scope == *scope;
        consents.clone().filter(is_it).any(|c| c.status == ConsentStatus::Denied)
    };
    for grant in grants(person, None).await?.iter().filter(|grant| grant.ended.is_none()) {
        let live = now < grant.expires && now < grant.refresh.idle_expires;
        let used = grant.refresh.previous.as_ref().map_or(grant.created, |p| p.rotated);
        let given = grant.scopes.iter().filter(|scope| live && !denied(grant, scope));
        let given: Vec<_> = given.filter(|scope| person.can_withdraw(scope)).cloned().collect();
        if !given.is_empty() {
            all.entry(grant.client.clone()).or_insert_with(|| Held::new(grant.created));
        }
        let Some(held) = all.get_mut(&grant.client) else { continue };
        held.since = held.since.min(grant.created);
        held.last_used = held.last_used.max(Some(used));
        for scope in given {
            held.scopes.entry(scope).or_insert(Some(grant.expires));
        }
    }
    note_sessions(person, &mut all).await?;
    Ok(all)
}

/// A sign-in to a client is a use of it.
async fn note_sessions(
    person: &Person,
    all: &mut BTreeMap<ClientId, Held>,
) -> Result<(), StoreError> {
    for session in super::sessions::live(person).await? {
        for used in &session.clients {
            if let Some(held) = all.get_mut(&used.client) {
                held.last_used = held.last_used.max(Some(used.since));
            }
        }
    }
    Ok(())
}

/// The grants of this person, to one client or all, newest first.
pub(super) async fn grants(
    person: &Person,
    client: Option<&ClientId>,
) -> Result<Vec<Grant>, StoreError> {
    let query = GrantQuery {
        tenant: person.context.tenant.tenant.name.clone(),
        user: Some(person.user().id),
        client: client.cloned(),
        before: None,
        limit: MOST,
    };
    person.app.store.grants(&query).await
}

async fn shown(person: &Person) -> Result<Vec<Application>, StoreError> {
    let mut applications = Vec::new();
    for (client, held) in held(person).await? {
        let scopes = held.scopes.iter().filter(|(scope, _)| person.can_withdraw(scope));
        let scopes = scopes.map(|(scope, until)| HeldScope {
            scope: scope.to_string(),
            text: person.scope_text(scope),
            until: until.map(|until| person.when(until)),
        });
        let tenant = &person.context.tenant.tenant.name;
        let entry = person.app.directory.client(tenant, &client).await?;
        applications.push(Application {
            name: person.client_name(&client).await?,
            home: entry.and_then(|entry| entry.client().presentation.client_uri.clone()),
            since: person.when(held.since),
            last_used: held.last_used.map(|at| person.when(at)),
            scopes: scopes.collect(),
            client: client.to_string(),
        });
    }
    applications.sort_by_key(|application| std::cmp::Reverse(application.last_used.map(|w| w.at)));
    Ok(applications)
}

impl Person {
    /// How a client is called.
    pub(super) async fn client_name(&self, client: &ClientId) -> Result<String, StoreError> {
        let tenant = &self.context.tenant.tenant.name;
        let entry = self.app.directory.client(tenant, client).await?;
        let name = entry.map(|entry| entry.client().name.clone()).filter(|name| !name.is_empty());
        Ok(name.unwrap_or_else(|| client.to_string()))
    }

    /// A scope in the words of the catalogue.
    pub(super) fn scope_text(&self, scope: &ScopeToken) -> String {
        let tag = self.browser.visit.shell.language.tag();
        let in_language = |texts: &BTreeMap<String, String>| {
            texts.get(tag).or_else(|| texts.get("en")).or_else(|| texts.values().next()).cloned()
        };
        let known = self.context.tenant.scopes.get(scope);
        let text = known.and_then(|known| {
            in_language(&known.user_information).or_else(|| in_language(&known.summary))
        });
        text.unwrap_or_else(|| scope.to_string())
    }

    /// Whether a scope is this person's to give and to take back: whatever the consent page asks about.
    pub(super) fn can_withdraw(&self, scope: &ScopeToken) -> bool {
        self.context.tenant.scopes.get(scope).is_none_or(needs_consent)
    }
}
