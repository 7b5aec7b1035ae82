//! Withdrawing a compromised key: at once, in one transaction, with a successor that signs from this
//! moment on. SEC-095, REL-027.

use grantor_domain::document::DocumentKey;
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_oauth_types::name::TenantName;
use grantor_store::{Documents as _, Effect, Effects, Expect, StoreError, operations};
use jiff::Timestamp;
use serde_json::json;

use super::KeyDesk;
use crate::revoke::remembered_until;

/// There is no such key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tenant {tenant} has no signing key {kid}")]
pub struct NoSuchKey {
    /// Where it was looked for
    pub tenant: TenantName,
    /// Its name
    pub kid: String,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Whether the key was withdrawn before already
    pub already: bool,
    /// The key that signs in its place, if one was needed
    pub successor: Option<String>,
}

impl KeyDesk<'_> {
    /// Takes a key out of use: it leaves the JWKS, and what it signed is worth nothing. If nobody
    /// else may sign now, a new key does from this moment on. With `not_before`, whatever was
    /// issued before this moment ends too: every grant, every token of the tenant (SEC-095).
    ///
    /// Refuses with [`NoSuchKey`].
    pub async fn withdraw(
        &self,
        tenant: &TenantName,
        kid: &str,
        not_before: bool,
    ) -> Result<Withdrawn, StoreError> {
        let key = DocumentKey::id::<SigningKeyRecord>(tenant, kid);
        let found = self.store.find::<SigningKeyRecord>(&key).await?;
        let none = || NoSuchKey { tenant: tenant.clone(), kid: kid.to_owned() };
        let alg = found.ok_or_else(|| StoreError::refused(none()))?.value.alg;
        let spare = self.make(tenant, alg, self.now).await?;
        let subject = format!("signing_key/{kid}");
        let detail = json!({ "not_before": not_before });
        let withdrawn = self.event(tenant, "key.withdrawn", subject, detail);
        let created = self.created(&spare);
        let ending = if not_before { not_before_now(tenant, self.now) } else { Effects::NONE };
        let (kid, now) = (kid.to_owned(), self.now);
        operations::judge(self.store, Self::claims(tenant, alg), move |claimed| {
            let mut keys = claimed.children::<SigningKeyRecord>(1)?;
            let Some(at) = keys.iter().position(|found| found.value.kid == kid) else {
                return Err(StoreError::Corrupt(format!("the signing key {kid} is gone")));
            };
            let mut key = keys.swap_remove(at);
            let already = key.value.withdrawn.is_some();
            let mut effects = Effects::NONE;
            if !already {
                key.value.withdrawn = Some(now);
                effects = effects.put(&key.value, Expect::Version(key.version));
            }
            // Said once; what ends besides may end again.
            if !already || not_before {
                effects = effects.audit(withdrawn.clone());
            }
            let successor =
                !covers(&keys.iter().map(|found| &found.value).collect::<Vec<_>>(), now);
            if successor {
                let mut spare = spare.clone();
                // A key that is published already takes over when it was to.
                let next = keys.iter().map(|found| &found.value).filter(|key| key.is_current());
                spare.retired = next.map(|key| key.active_from).min();
                effects = effects.put(&spare, Expect::New).audit(created.clone());
            }
            effects.0.extend(ending.0.iter().cloned());
            let successor = successor.then(|| spare.kid.clone());
            Ok((Withdrawn { already, successor }, effects))
        })
        .await
    }
}

/// Whether from this moment on one of these keys may sign at any time: the last of them without an end.
/// A second withdrawal of the same key finds that so, and makes no other successor.
fn covers(keys: &[&SigningKeyRecord], now: Timestamp) -> bool {
    let mut moment = now;
    loop {
        let mut signing = keys.iter().filter(|key| key.may_sign(moment)).peekable();
        if signing.peek().is_none() {
            return false;
        }
        // Each is retired later than the moment at which it may sign, so this ends.
        match signing.map(|key| key.retired.unwrap_or(Timestamp::MAX)).max() {
            Some(end) if end < Timestamp::MAX => moment = end,
            _ => return true,
        }
    }
}

/// Ends whatever a tenant issued before this moment: every grant with its refresh token, and every
/// access token (SEC-095, REL-041).
pub fn not_before_now(tenant: &TenantName, now: Timestamp) -> Effects {
    Effects::NONE
        .and(Effect::EndGrants { tenant: tenant.clone(), user: None, client: None, at: now })
        .and(Effect::Revoke(Box::new(Revocation {
            tenant: tenant.clone(),
            target: Target::Global,
            // Strictly before: a token may have been issued in this very second.
            issued_before: now.as_second() + 1,
            revoked: now,
            until: remembered_until(now),
        })))
}
