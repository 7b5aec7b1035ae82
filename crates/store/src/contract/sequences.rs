//! Followers miss nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use grantor_domain::document::Kind;
use grantor_domain::revocation::Revocation;

use super::sample::{acme, at, document, put, revocation, tenant};
use crate::operations::write;
use crate::{Changed, Effect, Effects, Expect, Store};

/// Every change of a document, and every growth of the revocations, has a place in the sequence.
pub async fn every_change_has_its_place(store: Arc<dyn Store>) {
    let start = store.last_change().await.unwrap();
    let mut child = document(&acme(), "a", None);
    child.parent = Some("x".to_owned());
    put(&*store, &child, Expect::New).await.unwrap();
    child.parent = Some("y".to_owned());
    put(&*store, &child, Expect::Any).await.unwrap();
    let delete = Effect::Delete(acme(), Kind::Application, "a".to_owned());
    let revoke = Effect::Revoke(Box::new(revocation(&tenant("other"), "shop")));
    write(&*store, Effects::from(delete).and(revoke)).await.unwrap();

    let changes = store.changes(start, 100).await.unwrap();
    let expected = |parent: &str| {
        Changed::Document(Kind::Application, "a".to_owned(), Some(parent.to_owned()))
    };
    let what: Vec<_> = changes.iter().map(|change| change.what.clone()).collect();
    assert_eq!(what, [expected("x"), expected("y"), expected("y"), Changed::Revocations]);
    assert_eq!(changes[3].tenant, tenant("other"));
    assert!(changes.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(store.last_change().await.unwrap(), changes[3].seq);
    assert_eq!(store.changes(changes[1].seq, 1).await.unwrap(), changes[2..3]);
    assert_eq!(store.changes(changes[3].seq, 100).await.unwrap(), []);
}

/// A follower that polls while many commit sees every change, once, in order.
pub async fn a_follower_misses_no_change(store: Arc<dyn Store>) {
    const WRITERS: usize = 16;
    const EACH: usize = 25;
    let done = Arc::new(AtomicBool::new(false));
    let follower = {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        tokio::spawn(async move {
            let (mut cursor, mut revoked) = (0, 0);
            let (mut changes, mut revocations) = (Vec::new(), Vec::new());
            loop {
                // Asked for before the last look, so that the last look sees everything.
                let last = done.load(Ordering::Acquire);
                let page = store.changes(cursor, 7).await.unwrap();
                let hashes = store.revocations(&acme(), revoked, 7).await.unwrap();
                let idle = page.is_empty() && hashes.is_empty();
                cursor = page.last().map_or(cursor, |change| change.seq);
                revoked = hashes.last().map_or(revoked, |(seq, _)| *seq);
                changes.extend(page);
                revocations.extend(hashes);
                if idle && last {
                    return (changes, revocations);
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let writers = (0..WRITERS).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for i in 0..EACH {
                let name = format!("{writer}-{i}");
                let document = document(&acme(), &name, None);
                let effects = Effects::from(Effect::Put(document, Expect::New))
                    .and(Effect::Revoke(Box::new(revocation(&acme(), &name))));
                write(&*store, effects).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    done.store(true, Ordering::Release);
    let (changes, revocations) = follower.await.unwrap();
    assert!(changes.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert!(revocations.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let documents = changes.iter().filter_map(|change| match &change.what {
        Changed::Document(_, id, _) => Some(id.clone()),
        Changed::Revocations => None,
    });
    assert_eq!(documents.collect::<BTreeSet<_>>().len(), WRITERS * EACH);
    assert_eq!(changes.len(), 2 * WRITERS * EACH);
    let targets: BTreeSet<_> =
        revocations.iter().map(|(_, revocation)| format!("{:?}", revocation.target)).collect();
    assert_eq!(targets.len(), WRITERS * EACH);
}

/// A revocation comes back whole, to its own tenant only.
pub async fn sec_163_revocations_belong_to_their_tenant(store: Arc<dyn Store>) {
    let (ours, theirs) = (revocation(&acme(), "shop"), revocation(&tenant("other"), "app"));
    for revocation in [&ours, &theirs] {
        let revoke = Effect::Revoke(Box::new(revocation.clone()));
        write(&*store, revoke.into()).await.unwrap();
    }
    let found = store.revocations(&acme(), 0, 10).await.unwrap();
    assert_eq!(found.into_iter().map(|(_, found)| found).collect::<Vec<_>>(), [ours]);
}

/// What was revoked since a time is found by it, oldest first, however much there was before.
pub async fn revocations_are_found_by_their_time(store: Arc<dyn Store>) {
    let revoked = |second| Revocation { revoked: at(second), ..revocation(&acme(), "shop") };
    // Not in the order of their times: clocks of nodes differ.
    for second in [30, 10, 20, 20] {
        write(&*store, Effect::Revoke(Box::new(revoked(second))).into()).await.unwrap();
    }
    let theirs = Revocation { revoked: at(40), ..revocation(&tenant("other"), "shop") };
    write(&*store, Effect::Revoke(Box::new(theirs)).into()).await.unwrap();
    let since = async |second, limit| {
        let found = store.revocations_since(&acme(), at(second), limit).await.unwrap();
        found.into_iter().map(|found| found.revoked).collect::<Vec<_>>()
    };
    assert_eq!(since(20, 9).await, [20, 20, 30].map(at));
    assert_eq!(since(0, 2).await, [10, 20].map(at));
    assert_eq!(since(31, 9).await, []);
}
