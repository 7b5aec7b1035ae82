//! All or nothing, and one after the other. REL-008.

use std::sync::Arc;

use grantor_domain::document::Kind;

use super::sample::{acme, at, document, event, grant, id, key, put, revocation};
use crate::operations::{judge, write};
use crate::{
    AuditQuery, Claim, Effect, Effects, Expect, GrantQuery, Operation, Store, StoreError, UsedKind,
};

#[derive(Debug, thiserror::Error)]
#[error("no")]
struct No;

fn everything() -> Effects {
    Effects::NONE
        .and(Effect::Put(document(&acme(), "new", Some("new name")), Expect::New))
        .and(Effect::Delete(acme(), Kind::Application, "known".to_owned()))
        .and(Effect::OpenGrant(Box::new(grant(&acme(), id(), "shop"))))
        .and(Effect::Revoke(Box::new(revocation(&acme(), "shop"))))
        .and(Effect::SetAttempts(
            acme(),
            "bob".to_owned(),
            grantor_domain::throttle::Attempts { count: 3, last: 5 },
        ))
        .and(Effect::MarkUsed(UsedKind::AssertionJti, b"jti".to_vec(), at(60)))
        .audit(event(&acme(), "client.changed"))
        .and(Effect::AuditBatch(vec![event(&acme(), "token.issued").into()]))
}

async fn count(store: &dyn Store) -> (usize, usize, usize, usize, i64) {
    let documents = crate::DocumentQuery {
        tenant: None,
        kind: Kind::Application,
        parent: None,
        after: None,
        limit: 1_000,
    };
    let grants =
        GrantQuery { tenant: acme(), user: None, client: None, before: None, limit: 1_000 };
    let audit =
        AuditQuery { tenant: None, after: 0, chain: false, kind: None, since: None, limit: 1_000 };
    (
        store.documents(&documents).await.unwrap().len(),
        store.grants(&grants).await.unwrap().len(),
        store.revocations(&acme(), 0, 100).await.unwrap().len(),
        store.audit(&audit).await.unwrap().len(),
        store.last_change().await.unwrap(),
    )
}

async fn marks(store: &dyn Store) -> (u32, bool) {
    let claims = vec![
        Claim::Attempts(acme(), "bob".to_owned()),
        Claim::Used(UsedKind::AssertionJti, b"jti".to_vec()),
    ];
    let read = judge(store, claims, |claimed| {
        Ok(((claimed.attempts(0).count, claimed.used(1)), Effects::NONE))
    });
    read.await.unwrap()
}

/// An effect that fails takes back the ones before it, of every sort.
pub async fn rel_008_a_failing_effect_undoes_the_whole_operation(store: Arc<dyn Store>) {
    put(&*store, &document(&acme(), "known", Some("known")), Expect::New).await.unwrap();
    let before = count(&*store).await;
    // The name is free again after the deletion, and taken by another at the end.
    let failing =
        everything().and(Effect::Put(document(&acme(), "late", Some("new name")), Expect::New));
    let outcome = write(&*store, failing).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { key: "name", .. })), "{outcome:?}");
    assert_eq!(count(&*store).await, before);
    assert_eq!(marks(&*store).await, (0, false));

    write(&*store, everything()).await.unwrap();
    let (documents, grants, revocations, audit, last) = count(&*store).await;
    assert_eq!((documents, grants, revocations, audit), (1, 1, 1, 2));
    assert!(last >= before.4 + 3, "two documents and the revocations changed");
    assert_eq!(marks(&*store).await, (3, true));
}

/// A rule that says no leaves nothing, and its reason reaches the caller.
pub async fn a_refused_operation_leaves_nothing(store: Arc<dyn Store>) {
    let before = count(&*store).await;
    let rule = Arc::new(|_: &crate::Claimed| Err(StoreError::refused(No)));
    let outcome = store.transact(Operation { claims: Vec::new(), rule }).await;
    let Err(StoreError::Refused(reason)) = outcome else { panic!("{outcome:?}") };
    assert!(reason.downcast_ref::<No>().is_some());
    assert_eq!(count(&*store).await, before);
}

/// An operation that fails beside others does not take them with it, and the other way round.
pub async fn neighbours_of_a_failing_operation_are_kept(store: Arc<dyn Store>) {
    let writes = (0..300).map(|i| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let good = document(&acme(), &format!("good-{i}"), None);
            let effects = Effects::from(Effect::Put(good, Expect::New));
            if i % 3 == 0 {
                let stale = document(&acme(), &format!("stale-{i}"), None);
                let outcome = write(&*store, effects.and(Effect::Put(stale, Expect::Version(7))));
                assert!(matches!(outcome.await, Err(StoreError::Stale { .. })));
            } else {
                write(&*store, effects).await.unwrap();
            }
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    assert_eq!(count(&*store).await.0, 200);
}

/// Claims are seen as they are after every operation before, and none runs in between: a counter
/// in a document, read and written by many, loses nothing.
pub async fn what_is_claimed_does_not_change_until_it_is_written(store: Arc<dyn Store>) {
    let mut counter = document(&acme(), "counter", None);
    counter.body = String::from("0");
    put(&*store, &counter, Expect::New).await.unwrap();
    let adds = (0..200).map(|_| {
        let (store, counter) = (Arc::clone(&store), counter.clone());
        tokio::spawn(async move {
            let claims = vec![Claim::Document(key(&counter))];
            let rule = Arc::new(move |claimed: &crate::Claimed| {
                let found = claimed.stored(0).unwrap();
                let mut next = found.clone();
                next.body = (found.body.parse::<u32>().unwrap() + 1).to_string();
                Ok(Effect::Put(next, Expect::Version(found.version)).into())
            });
            store.transact(Operation { claims, rule }).await.unwrap();
        })
    });
    for add in adds.collect::<Vec<_>>() {
        add.await.unwrap();
    }
    let found = store.document(&key(&counter)).await.unwrap().unwrap();
    assert_eq!((found.body.as_str(), found.version), ("200", 201));
}

/// The children of a parent are claimed whole.
pub async fn children_are_claimed(store: Arc<dyn Store>) {
    for (id, parent) in [("a", "x"), ("b", "y"), ("c", "x")] {
        let mut child = document(&acme(), id, None);
        child.parent = Some(parent.to_owned());
        put(&*store, &child, Expect::New).await.unwrap();
    }
    let claims =
        vec![Claim::Children { tenant: acme(), kind: Kind::Application, parent: "x".to_owned() }];
    let rule = Arc::new(|claimed: &crate::Claimed| {
        let children = claimed.stored_children(0);
        let deletions = children
            .iter()
            .map(|child| Effect::Delete(child.tenant.clone(), child.kind, child.id.clone()));
        Ok(Effects(deletions.collect()))
    });
    store.transact(Operation { claims, rule }).await.unwrap();
    assert_eq!(count(&*store).await.0, 1);
}

/// A rule that panics is a mistake of ours; the store goes on.
pub async fn a_panicking_rule_harms_nobody_else(store: Arc<dyn Store>) {
    let rule = Arc::new(|_: &crate::Claimed| panic!("this panic is part of a test"));
    let operation = Operation { claims: Vec::new(), rule };
    let on = Arc::clone(&store);
    let outcome = tokio::spawn(async move { on.transact(operation).await }).await;
    assert!(!matches!(outcome, Ok(Ok(()))));
    put(&*store, &document(&acme(), "after", None), Expect::New).await.unwrap();
}
