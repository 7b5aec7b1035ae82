//! What the atomic operations mean, once for every backend.

use std::sync::{Arc, Mutex};

use grantor_crypto::digest::SecretDigest;
use grantor_domain::grant::Grant;
use grantor_domain::single_use::{SingleUse, SingleUseBody};
use grantor_domain::throttle::{Attempt, Attempts};
use grantor_oauth_types::id::GrantId;
use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;

use crate::{Claim, Claimed, Effect, Effects, Operation, Store, StoreError, UsedKind};

/// Runs an operation whose rule also has an answer for its caller.
pub async fn judge<T: Send + 'static>(
    store: &dyn Store,
    claims: Vec<Claim>,
    rule: impl Fn(&Claimed) -> Result<(T, Effects), StoreError> + Send + Sync + 'static,
) -> Result<T, StoreError> {
    let answer = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&answer);
    let rule = Arc::new(move |claimed: &Claimed| {
        let (value, effects) = rule(claimed)?;
        // A retry of the transaction judges anew: the last answer is the one that was committed.
        *slot.lock().expect("no rule panics while it holds the slot") = Some(value);
        Ok(effects)
    });
    store.transact(Operation { claims, rule }).await?;
    let value = answer.lock().expect("no rule panics while it holds the slot").take();
    Ok(value.expect("a committed operation has run its rule"))
}

/// Writes what needs no judgement.
pub async fn write(store: &dyn Store, effects: Effects) -> Result<(), StoreError> {
    let rule = Arc::new(move |_: &Claimed| Ok(effects.clone()));
    store.transact(Operation { claims: Vec::new(), rule }).await
}

/// Judges a grant and writes what follows: rotation, reuse, revocation.
pub async fn judge_grant<T: Send + 'static>(
    store: &dyn Store,
    tenant: &TenantName,
    grant: GrantId,
    rule: impl Fn(Option<&Grant>) -> (T, Effects) + Send + Sync + 'static,
) -> Result<T, StoreError> {
    let claims = vec![Claim::Grant(tenant.clone(), grant)];
    judge(store, claims, move |claimed| Ok(rule(claimed.grant(0)))).await
}

/// Spends a single-use value of a kind, if its digest is right and it still can be; hands out what
/// it stands for. Of many at once exactly one gets it (SEC-047).
pub async fn spend<B: SingleUseBody + Send + 'static>(
    store: &dyn Store,
    tenant: &TenantName,
    id: [u8; 16],
    digest: SecretDigest,
    now: Timestamp,
) -> Result<Option<B>, StoreError> {
    let claims = vec![Claim::SingleUse(tenant.clone(), B::KIND, id)];
    judge(store, claims, move |claimed| {
        let live = |found: &&SingleUse| {
            found.digest == digest && found.spent.is_none() && now < found.expires
        };
        let Some(found) = claimed.single_use(0).filter(live) else {
            return Ok((None, Effects::NONE));
        };
        let body = found.decode().map_err(|e| StoreError::Corrupt(e.to_string()))?;
        Ok((Some(body), Effect::Spend(Box::new(found.clone()), now).into()))
    })
    .await
}

/// Counts an attempt on an account before its secret is looked at, so that of many at once no
/// more are looked at than the limit allows (REL-021).
pub async fn attempt(
    store: &dyn Store,
    tenant: &TenantName,
    account: &str,
    now: Timestamp,
) -> Result<Attempt, StoreError> {
    let claims = vec![Claim::Attempts(tenant.clone(), account.to_owned())];
    let (tenant, account) = (tenant.clone(), account.to_owned());
    judge(store, claims, move |claimed| {
        let attempt = claimed.attempts(0).attempt(now);
        let effects = match attempt {
            Attempt::Counted(next) => {
                Effect::SetAttempts(tenant.clone(), account.clone(), next).into()
            }
            Attempt::Wait(_) => Effects::NONE,
        };
        Ok((attempt, effects))
    })
    .await
}

/// Forgets the failures of an account after a success.
pub fn forget_attempts(tenant: &TenantName, account: &str) -> Effect {
    Effect::SetAttempts(tenant.clone(), account.to_owned(), Attempts::default())
}

/// Uses something once: `true` for the first, `false` for everybody after (REL-020).
pub async fn use_once(
    store: &dyn Store,
    kind: UsedKind,
    value: &[u8],
    remember_until: Timestamp,
) -> Result<bool, StoreError> {
    let claims = vec![Claim::Used(kind, value.to_vec())];
    let value = value.to_vec();
    judge(store, claims, move |claimed| {
        if claimed.used(0) {
            return Ok((false, Effects::NONE));
        }
        Ok((true, Effect::MarkUsed(kind, value.clone(), remember_until).into()))
    })
    .await
}
