//! What is counted and what works once, exact however many come at once.

use std::sync::Arc;

use grantor_domain::throttle::{Attempt, FREE_ATTEMPTS};

use super::sample::{acme, at, tenant};
use crate::operations::{attempt, forget_attempts, use_once, write};
use crate::{Store, UsedKind};

async fn counted(store: &Arc<dyn Store>, many: usize) -> usize {
    let attempts = (0..many).map(|_| {
        let store = Arc::clone(store);
        tokio::spawn(async move { attempt(&*store, &acme(), "bob", at(0)).await.unwrap() })
    });
    let mut counted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        counted += usize::from(matches!(attempt.await.unwrap(), Attempt::Counted(_)));
    }
    counted
}

/// Of 500 wrong passwords at once no more are looked at than are free.
pub async fn rel_021_no_more_attempts_are_looked_at_than_are_free(store: Arc<dyn Store>) {
    let free = usize::try_from(FREE_ATTEMPTS).unwrap();
    assert_eq!(counted(&store, 500).await, free);
    assert!(matches!(attempt(&*store, &acme(), "bob", at(0)).await.unwrap(), Attempt::Wait(_)));
    // Others have counters of their own.
    for (tenant, account) in [(acme(), "Bob"), (tenant("other"), "bob")] {
        let first = attempt(&*store, &tenant, account, at(0)).await.unwrap();
        assert!(matches!(first, Attempt::Counted(now) if now.count == 1));
    }
    write(&*store, forget_attempts(&acme(), "bob").into()).await.unwrap();
    assert_eq!(counted(&store, 50).await, free, "a success forgives");
}

/// Of a hundred uses of one value exactly one counts; and its replay does not (RFC 7523 §3).
pub async fn rel_020_sec_057_of_many_uses_exactly_one_counts(store: Arc<dyn Store>) {
    for round in 0..10_u8 {
        let uses = (0..100).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                use_once(&*store, UsedKind::AssertionJti, &[round], at(300)).await.unwrap()
            })
        });
        let mut first = 0;
        for one in uses.collect::<Vec<_>>() {
            first += usize::from(one.await.unwrap());
        }
        assert_eq!(first, 1);
        assert!(!use_once(&*store, UsedKind::AssertionJti, &[round], at(300)).await.unwrap());
    }
}

/// A value of one kind never counts as another.
pub async fn sec_049_kinds_of_marks_are_spaces_of_their_own(store: Arc<dyn Store>) {
    assert!(use_once(&*store, UsedKind::AssertionJti, b"same", at(300)).await.unwrap());
    assert!(use_once(&*store, UsedKind::Bootstrap, b"same", at(300)).await.unwrap());
    assert!(!use_once(&*store, UsedKind::Bootstrap, b"same", at(300)).await.unwrap());
    let long = vec![7; 100_000];
    assert!(use_once(&*store, UsedKind::AssertionJti, &long, at(300)).await.unwrap());
    assert!(!use_once(&*store, UsedKind::AssertionJti, &long, at(300)).await.unwrap());
}
