//! Messages that have to be told: written with their change, taken by one at a time, never lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use grantor_domain::outbox::Notice;
use jiff::SignedDuration;

use super::sample::{acme, at, event, notice};
use crate::operations::{judge, write};
use crate::{Effect, Effects, Store, StoreError};

async fn put(store: &dyn Store, notices: &[Notice]) {
    let effects = notices.iter().map(|notice| Effect::Notify(Box::new(notice.clone())));
    write(store, Effects(effects.collect())).await.unwrap();
}

/// Everything comes back; who takes it has it until then, and it is there again if he does not say
/// that it is told.
pub async fn rel_038_a_message_is_taken_until_a_moment_and_then_again(store: Arc<dyn Store>) {
    let (one, two) = (notice(&acme(), 1, at(10)), notice(&acme(), 2, at(20)));
    put(&*store, &[two.clone(), one.clone()]).await;
    assert_eq!(store.take_notices(at(9), at(50), 9).await.unwrap(), []);
    let taken = store.take_notices(at(10), at(50), 9).await.unwrap();
    assert_eq!(taken, [Notice { due: at(50), tries: 1, ..one.clone() }]);
    assert_eq!(store.take_notices(at(11), at(60), 9).await.unwrap(), []);
    let taken = store.take_notices(at(50), at(90), 1).await.unwrap();
    assert_eq!(taken[0].id, two.id, "the one that waits longest first");
    let taken = store.take_notices(at(50), at(90), 9).await.unwrap();
    assert_eq!(taken, [Notice { due: at(90), tries: 2, ..one.clone() }]);

    let told = Effects::from(Effect::Told(one.id)).and(Effect::TellAgain(two.id, at(70)));
    write(&*store, told).await.unwrap();
    assert_eq!(store.take_notices(at(69), at(99), 9).await.unwrap(), []);
    let taken = store.take_notices(at(90), at(99), 9).await.unwrap();
    assert_eq!(taken, [Notice { due: at(99), tries: 2, ..two.clone() }]);
    // What was told meanwhile does not come back.
    write(&*store, Effect::Told(two.id).into()).await.unwrap();
    write(&*store, Effect::TellAgain(two.id, at(70)).into()).await.unwrap();
    assert_eq!(store.take_notices(at(999), at(999), 9).await.unwrap(), []);
}

/// With its change or not at all.
pub async fn rel_038_a_message_is_written_with_its_change_or_not_at_all(store: Arc<dyn Store>) {
    let notify = Effect::Notify(Box::new(notice(&acme(), 1, at(0))));
    let refused = judge(&*store, Vec::new(), move |_| {
        let _ = Effects::from(notify.clone()).audit(event(&acme(), "a.b"));
        Err::<((), Effects), _>(StoreError::Unavailable("no".to_owned()))
    });
    assert!(refused.await.is_err());
    assert_eq!(store.take_notices(at(9), at(50), 9).await.unwrap(), []);
    // Two that tell of the same make one message of it.
    let twice = notice(&acme(), 2, at(0));
    put(&*store, std::slice::from_ref(&twice)).await;
    put(&*store, &[Notice { due: at(5), ..twice.clone() }, notice(&acme(), 3, at(7))]).await;
    let taken = store.take_notices(at(9), at(50), 9).await.unwrap();
    let ids: BTreeSet<_> = taken.iter().map(|taken| (taken.id[0], taken.tries)).collect();
    assert_eq!(ids, BTreeSet::from([(2, 1), (3, 1)]));
}

/// Many that take at once take different ones, and none is left.
pub async fn rel_038_many_that_take_at_once_take_different_messages(store: Arc<dyn Store>) {
    let notices: Vec<Notice> = (0..40).map(|n| notice(&acme(), n, at(0))).collect();
    put(&*store, &notices).await;
    let takers = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut all = Vec::new();
            loop {
                let taken = store.take_notices(at(1), at(50), 3).await.unwrap();
                if taken.is_empty() {
                    return all;
                }
                all.extend(taken.into_iter().map(|notice| notice.id));
            }
        })
    });
    let takers: Vec<_> = takers.collect();
    let mut all = Vec::new();
    for taker in takers {
        all.extend(taker.await.unwrap());
    }
    // Who finds every due one held by others leaves: they are taken, or due again later.
    let later = at(50) + SignedDuration::from_secs(1);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "one was taken twice");
    assert_eq!(store.take_notices(at(1), at(50), 99).await.unwrap().len() + all.len(), 40);
    assert_eq!(store.take_notices(later, at(99), 99).await.unwrap().len(), 40);
}
