//! Looking after signing keys: one per algorithm in use, replaced on schedule, published before
//! their first use and kept until the last token they signed is over. OIDC Core §10.1.1, REL-025,
//! REL-026.

use std::collections::BTreeSet;
use std::sync::Arc;

use grantor_crypto::alg::Algorithm;
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::document::{Document as _, DocumentKey};
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::name::TenantName;
use grantor_store::{
    Claim, DocumentQuery, Documents as _, Effects, Expect, Store, StoreError, operations,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::app::{App, new_id};
use crate::directory::{TenantView, make_key};
use crate::secrets::Secrets;

/// More keys than this in one tenant are not looked through.
const MOST: usize = 1_000;

/// Gives every tenant the keys it needs now, and takes in what time has changed.
pub async fn tend(app: &App) -> Result<(), StoreError> {
    for (name, view) in app.directory.tenants().iter() {
        // Those that clients asked for have a key already, and get the next one in time.
        let by_clients = view.keys.algorithms(app.clock.now());
        for alg in
            algorithms_in_use(&view.tenant).into_iter().chain(by_clients).collect::<BTreeSet<_>>()
        {
            ensure(app, view, name, alg).await?;
        }
    }
    app.directory.catch_up(app.clock.now()).await?;
    app.directory.load_tenants(app.clock.now()).await
}

/// The algorithms that a tenant signs with by itself. Clients that ask for another get a key of it
/// when they are registered.
fn algorithms_in_use(tenant: &Tenant) -> BTreeSet<Algorithm> {
    // Every OpenID Provider signs with RS256 (OIDC Discovery §3).
    BTreeSet::from([tenant.settings.signing_alg, Algorithm::Rs256])
}

/// Makes the first key, or the next one when the current one has signed for long enough.
async fn ensure(
    app: &App,
    view: &TenantView,
    tenant: &TenantName,
    alg: Algorithm,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let settings = &view.tenant.settings;
    let query = DocumentQuery::of::<SigningKeyRecord>(tenant, MOST);
    let records = app.store.list::<SigningKeyRecord>(&query).await?;
    let live =
        records.iter().map(|found| &found.value).filter(|key| key.alg == alg && key.is_current());
    let newest = live.max_by_key(|key| key.active_from);
    let due = match newest {
        None => true,
        Some(_) if settings.key_rotation_seconds == 0 => false,
        Some(key) => {
            let ahead = i64::from(settings.key_publish_ahead_seconds);
            let used = now.as_second() - key.active_from.as_second();
            used + ahead >= i64::from(settings.key_rotation_seconds)
        }
    };
    if !due {
        return Ok(());
    }
    // The first key signs at once: nobody can have cached a set without it.
    let ahead = if newest.is_some() { settings.key_publish_ahead_seconds } else { 0 };
    rotate(app, tenant, alg, ahead, newest.map(|key| key.kid.clone()), "system").await
}

/// Makes a new key that signs `ahead` seconds from now, and takes it in; see [`KeyDesk::rotate`].
pub async fn rotate(
    app: &App,
    tenant: &TenantName,
    alg: Algorithm,
    ahead_seconds: u32,
    newest: Option<String>,
    actor: &str,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let desk = KeyDesk { store: &*app.store, secrets: &app.secrets, actor, now };
    desk.rotate(tenant, alg, ahead_seconds, newest).await?;
    app.directory.catch_up(now).await
}

/// Who changes keys, where and when: the server, or a command on the host.
#[derive(Clone, Copy, Debug)]
pub struct KeyDesk<'a> {
    /// Where keys are kept
    pub store: &'a dyn Store,
    /// What seals them
    pub secrets: &'a Arc<Secrets>,
    /// Who does it, as audit events name it
    pub actor: &'a str,
    /// When
    pub now: Timestamp,
}

impl KeyDesk<'_> {
    /// Makes a new key that signs `ahead` seconds from now; the key before it, `newest`, signs
    /// until then. Of two nodes that try at once one does (REL-026). Returns the new key, or
    /// `None` when `newest` is not the newest any more.
    pub async fn rotate(
        &self,
        tenant: &TenantName,
        alg: Algorithm,
        ahead_seconds: u32,
        newest: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        let ahead = SignedDuration::from_secs(ahead_seconds.into());
        let active_from = self.now.saturating_add(ahead).unwrap_or(Timestamp::MAX);
        let record = self.make(tenant, alg, active_from).await?;
        // The claim on the tenant makes nodes take turns; the second finds that the first was
        // quicker.
        let claims = Self::claims(tenant, alg);
        let event = self.created(&record);
        operations::judge(self.store, claims, move |claimed| {
            let keys = claimed.children::<SigningKeyRecord>(1)?;
            let current = keys.into_iter().filter(|found| found.value.is_current());
            let current = current.max_by_key(|found| found.value.active_from);
            if current.as_ref().map(|found| &found.value.kid) != newest.as_ref() {
                return Ok((None, Effects::NONE));
            }
            let mut effects = Effects::NONE;
            if let Some(mut before) = current {
                before.value.retired = Some(active_from);
                effects = effects.put(&before.value, Expect::Version(before.version));
            }
            let effects = effects.put(&record, Expect::New).audit(event.clone());
            Ok((Some(record.kid.clone()), effects))
        })
        .await
    }

    /// The newest key of an algorithm that is in use or will be.
    pub async fn newest(
        &self,
        tenant: &TenantName,
        alg: Algorithm,
    ) -> Result<Option<String>, StoreError> {
        let query = DocumentQuery::of::<SigningKeyRecord>(tenant, MOST).under(alg.as_str());
        let records = self.store.list::<SigningKeyRecord>(&query).await?;
        let current =
            records.into_iter().map(|found| found.value).filter(SigningKeyRecord::is_current);
        Ok(current.max_by_key(|key| key.active_from).map(|key| key.kid))
    }

    /// Makes a key.
    pub(super) async fn make(
        &self,
        tenant: &TenantName,
        alg: Algorithm,
        active_from: Timestamp,
    ) -> Result<SigningKeyRecord, StoreError> {
        let (secrets, name, now) = (Arc::clone(self.secrets), tenant.clone(), self.now);
        // RSA keys take a moment: not on a worker that answers requests.
        let made =
            tokio::task::spawn_blocking(move || make_key(&name, alg, &secrets, now, active_from));
        made.await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// The tenant, and its keys of an algorithm.
    pub(super) fn claims(tenant: &TenantName, alg: Algorithm) -> Vec<Claim> {
        vec![
            Claim::Document(DocumentKey::id::<Tenant>(tenant, tenant.as_str())),
            Claim::Children {
                tenant: tenant.clone(),
                kind: SigningKeyRecord::KIND,
                parent: alg.as_str().to_owned(),
            },
        ]
    }

    pub(super) fn created(&self, record: &SigningKeyRecord) -> AuditEvent {
        let detail = json!({ "alg": record.alg, "active_from": record.active_from });
        self.event(&record.tenant, "key.created", format!("signing_key/{}", record.kid), detail)
    }

    pub(super) fn event(
        &self,
        tenant: &TenantName,
        kind: &str,
        subject: String,
        detail: serde_json::Value,
    ) -> AuditEvent {
        AuditEvent {
            id: new_id(self.now),
            tenant: tenant.clone(),
            at: self.now,
            kind: kind.to_owned(),
            outcome: AuditOutcome::Done,
            actor: self.actor.to_owned(),
            subject: Some(subject),
            address: None,
            detail,
        }
    }
}
