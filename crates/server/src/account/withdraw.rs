//! `/account/applications/withdraw`: one scope of a client, or everything. SEC-107.
//!
//! What is taken back is remembered as a refusal without end: nothing brings it back but a new
//! question that the person answers (SEC-042). In the same operation its live grants lose the scope,
//! and whatever tokens the client holds of this person are dead before the answer goes out: at this
//! node at once, elsewhere within a second. With what is left the client gets new ones.

use std::collections::BTreeSet;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use grantor_domain::consent::{Consent, ConsentStatus};
use grantor_domain::document::Document as _;
use grantor_domain::grant::{EndReason, Grant};
use grantor_domain::refresh;
use grantor_domain::revocation::Target;
use grantor_oauth_types::id::GrantId;
use grantor_oauth_types::name::ClientId;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use grantor_pages::account::Notice;
use grantor_store::{Claim, Claimed, Effect, Effects, Expect, StoreError, operations};
use jiff::Timestamp;
use serde_json::json;

use super::{Person, Refused, applications};
use crate::api::write::revocation;

pub(super) async fn post(person: Person, headers: HeaderMap, body: Bytes) -> Response<Body> {
    match withdraw(&person, &headers, &body).await {
        Ok(notice) => person.done("/account/applications", notice),
        Err(refused) => person.refused(&refused),
    }
}

async fn withdraw(person: &Person, headers: &HeaderMap, body: &[u8]) -> Result<Notice, Refused> {
    let mut params = person.form(headers, body)?;
    let client = params.take("client").and_then(|text| ClientId::parse(&text).ok());
    let client = client.ok_or(Refused::Unknown)?;
    let held = applications::held(person).await?.remove(&client).ok_or(Refused::Unknown)?;
    let (scopes, notice) = match params.take("scope") {
        Some(scope) => {
            let scope = ScopeToken::parse(&scope).map_err(|_| Refused::Unknown)?;
            let held = held.scopes.contains_key(&scope).then_some(scope).ok_or(Refused::Unknown)?;
            (BTreeSet::from([held]), Notice::ScopeWithdrawn)
        }
        None => (held.scopes.into_keys().collect(), Notice::ApplicationWithdrawn),
    };
    let everything = notice == Notice::ApplicationWithdrawn;
    take_back(person, &client, scopes, everything).await?;
    Ok(notice)
}

/// What is to be taken back.
struct Withdrawal {
    client: ClientId,
    scopes: BTreeSet<ScopeToken>,
    everything: bool,
    now: Timestamp,
    /// In the place of consents that there are not
    new: Vec<Consent>,
    /// What follows whatever is found
    more: Effects,
}

async fn take_back(
    person: &Person,
    client: &ClientId,
    scopes: BTreeSet<ScopeToken>,
    everything: bool,
) -> Result<(), Refused> {
    let (user, tenant) = (person.user(), &person.context.tenant.tenant);
    let grants: Vec<GrantId> = applications::grants(person, Some(client))
        .await?
        .iter()
        .filter(|grant| grant.ended.is_none())
        .map(|grant| grant.id)
        .collect();
    let mut claims = vec![Claim::Children {
        tenant: tenant.name.clone(),
        kind: Consent::KIND,
        parent: user.id.to_string(),
    }];
    claims.extend(grants.iter().map(|id| Claim::Grant(tenant.name.clone(), *id)));
    let detail = json!({ "client": client, "scopes": scopes, "by": "owner" });
    let event = person.event("consent.withdrawn", format!("user/{}", user.id), detail);
    let withdrawal = Withdrawal {
        client: client.clone(),
        new: refusals(person, client, &scopes),
        scopes,
        everything,
        now: person.now(),
        more: dead_tokens(person, client, &grants).audit(event),
    };
    operations::judge(&*person.app.store, claims, move |claimed| {
        Ok(((), withdrawal.effects(claimed)?))
    })
    .await?;
    Ok(person.app.directory.catch_up(person.now()).await?)
}

fn refusals(person: &Person, client: &ClientId, scopes: &BTreeSet<ScopeToken>) -> Vec<Consent> {
    let refusal = |scope: &ScopeToken| Consent {
        tenant: person.context.tenant.tenant.name.clone(),
        user: person.user().id,
        client: client.clone(),
        scope: scope.clone(),
        status: ConsentStatus::Denied,
        decided: person.now(),
        expires: None,
    };
    scopes.iter().map(refusal).collect()
}

/// Every token of these grants, and every one that names the two, however it names the person.
fn dead_tokens(person: &Person, client: &ClientId, grants: &[GrantId]) -> Effects {
    let (user, tenant) = (person.user(), &person.context.tenant.tenant);
    let salt = &tenant.settings.revocation_salt;
    let realm = user.realm.with_slash();
    let mut targets: Vec<Target> = grants.iter().map(|id| Target::grant(salt, *id)).collect();
    for sub in [user.id.to_string(), user.name.to_string()] {
        let claims = [("realm", &*realm), ("sub", &*sub), ("client_id", client.as_str())];
        targets.push(Target::claims(salt, &claims));
    }
    targets.into_iter().fold(Effects::NONE, |effects, target| {
        let dead = revocation(tenant, target, person.now());
        effects.and(Effect::Revoke(Box::new(dead)))
    })
}

impl Withdrawal {
    fn effects(&self, claimed: &Claimed) -> Result<Effects, StoreError> {
        let mut effects = Effects::NONE;
        let known = claimed.children::<Consent>(0)?;
        let known: Vec<_> = known.iter().filter(|k| k.value.client == self.client).collect();
        for refusal in &self.new {
            let before = known.iter().find(|known| known.value.scope == refusal.scope);
            let expect = before.map_or(Expect::New, |known| Expect::Version(known.version));
            effects = effects.put(refusal, expect);
        }
        let count = claimed.iter().count();
        for grant in (1..count).filter_map(|claim| claimed.grant(claim)) {
            if grant.ended.is_none() {
                effects = effects.and(Effect::UpdateGrant(Box::new(self.narrowed(grant))));
            }
        }
        effects.0.extend(self.more.0.iter().cloned());
        Ok(effects)
    }

    /// The grant with what is left of it; over, if nothing is, or if it was to outlive its session and
    /// may no more (SEC-065).
    fn narrowed(&self, grant: &Grant) -> Grant {
        let left: Scopes =
            grant.scopes.iter().filter(|scope| !self.scopes.contains(*scope)).cloned().collect();
        let outlives = grant.origin.as_ref().is_some_and(|origin| origin.offline);
        let loses_that = outlives && !left.contains("offline_access");
        if self.everything || left.is_empty() || loses_that {
            return refresh::ended(grant, EndReason::Revoked, self.now);
        }
        Grant { scopes: left, ..grant.clone() }
    }
}
