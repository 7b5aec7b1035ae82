//! Single-use values: opened once, spent once.

use std::sync::Arc;

use grantor_crypto::digest::SecretDigest;
use grantor_domain::pushed::PushedRequest;
use grantor_domain::single_use::{SingleUse, SingleUseKind};

use super::sample::{acme, at, pushed, tenant};
use crate::operations::{spend, write};
use crate::{Effect, Store, StoreError};

async fn open(store: &dyn Store, value: &SingleUse) -> Result<(), StoreError> {
    write(store, Effect::OpenSingleUse(Box::new(value.clone())).into()).await
}

async fn take(store: &dyn Store, id: u8, secret: &str, second: i64) -> Option<PushedRequest> {
    let digest = SecretDigest::of(secret);
    spend(store, &acme(), [id; 16], digest, at(second)).await.unwrap()
}

/// Every column comes back, and a spent value stays to be known as such.
pub async fn a_single_use_value_reads_back_before_and_after(store: Arc<dyn Store>) {
    let mut wanted = pushed(&acme(), [1; 16]);
    open(&*store, &wanted).await.unwrap();
    let kind = SingleUseKind::PushedRequest;
    let found = store.single_use(&acme(), kind, [1; 16]).await.unwrap();
    assert_eq!(found.as_ref(), Some(&wanted));
    assert_eq!(take(&*store, 1, "wrong", 1).await, None, "another secret");
    assert_eq!(take(&*store, 1, "secret", 60).await, None, "too late");
    assert!(take(&*store, 1, "secret", 2).await.is_some());
    assert_eq!(take(&*store, 1, "secret", 3).await, None, "spent");
    wanted.spent = Some(at(2));
    assert_eq!(store.single_use(&acme(), kind, [1; 16]).await.unwrap(), Some(wanted));
    assert_eq!(store.single_use(&tenant("other"), kind, [1; 16]).await.unwrap(), None);
}

/// However they meet.
pub async fn rel_018_sec_047_of_many_that_spend_one_value_exactly_one_does(store: Arc<dyn Store>) {
    open(&*store, &pushed(&acme(), [1; 16])).await.unwrap();
    let racers = (0..100).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { take(&*store, 1, "secret", 1).await.is_some() })
    });
    let mut won = 0;
    for racer in racers.collect::<Vec<_>>() {
        won += usize::from(racer.await.unwrap());
    }
    assert_eq!(won, 1);
}

/// The same id in another kind is another value.
pub async fn sec_049_kinds_of_single_use_values_are_spaces_of_their_own(store: Arc<dyn Store>) {
    let other = SingleUse { kind: SingleUseKind::AuthorizationCode, ..pushed(&acme(), [1; 16]) };
    open(&*store, &other).await.unwrap();
    assert_eq!(take(&*store, 1, "secret", 1).await, None);
    open(&*store, &pushed(&acme(), [1; 16])).await.unwrap();
    assert!(take(&*store, 1, "secret", 1).await.is_some());
    let kind = SingleUseKind::AuthorizationCode;
    let found = store.single_use(&acme(), kind, [1; 16]).await.unwrap().unwrap();
    assert_eq!(found.spent, None, "it is not spent with its namesake");
}

/// A second one under the same id would bring a spent one back to life.
pub async fn a_value_is_opened_once(store: Arc<dyn Store>) {
    open(&*store, &pushed(&acme(), [1; 16])).await.unwrap();
    assert!(take(&*store, 1, "secret", 1).await.is_some());
    assert!(open(&*store, &pushed(&acme(), [1; 16])).await.is_err());
    assert_eq!(take(&*store, 1, "secret", 2).await, None);
}
