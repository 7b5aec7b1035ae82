//! Who waits for whom. Each lock that is not a row's has a test here that fails without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use grantor_domain::document::{At, DocumentKey, Kind};
use grantor_store::contract::sample::{acme, document, grant, id, key, put, revocation};
use grantor_store::operations::{judge, judge_grant, write};
use grantor_store::{Claim, Effect, Effects, Expect, Store};

use super::support::{Schema, client, url};
use crate::lock::{LOCK, Locks};

/// Long enough for another operation to be through, if it does not wait.
const LONG: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_of_a_sequence_wait_for_smaller_ones_and_rotations_wait_for_nothing() {
    let schema = Schema::new();
    let store = Arc::new(schema.store().await);
    let granted = grant(&acme(), id(), "shop");
    write(&*store, Effect::OpenGrant(Box::new(granted.clone())).into()).await.unwrap();

    // Somebody took a number and has not committed it.
    let mut other = client(&url()).await;
    other.batch_execute(&format!("SET search_path TO {}", schema.0)).await.unwrap();
    let number = Locks::new(&schema.0).number("sequence", &[]);
    let slow = other.transaction().await.unwrap();
    slow.query_one(LOCK, &[&number]).await.unwrap();
    slow.batch_execute(
        "INSERT INTO changes (tenant, kind, id) VALUES ('acme', 'application', 'slow')",
    )
    .await
    .unwrap();

    let change = tokio::spawn({
        let store = Arc::clone(&store);
        async move { put(&*store, &document(&acme(), "quick", None), Expect::New).await }
    });
    let revoke = tokio::spawn({
        let store = Arc::clone(&store);
        let revoke = Effect::Revoke(Box::new(revocation(&acme(), "shop")));
        async move { write(&*store, revoke.into()).await }
    });
    judge_grant(&*store, &acme(), granted.id, |found| {
        ((), Effect::UpdateGrant(Box::new(found.unwrap().clone())).into())
    })
    .await
    .unwrap();
    tokio::time::sleep(LONG).await;
    assert!(!change.is_finished() && !revoke.is_finished(), "a follower would miss `slow`");
    assert_eq!(store.last_change().await.unwrap(), 0);
    slow.commit().await.unwrap();
    change.await.unwrap().unwrap();
    revoke.await.unwrap().unwrap();
    let seqs: Vec<i64> = store.changes(0, 9).await.unwrap().iter().map(|c| c.seq).collect();
    assert_eq!(seqs.len(), 3);
    assert!(seqs.is_sorted() && seqs[0] == 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_adds_a_child_while_all_children_are_claimed() {
    let schema = Schema::new();
    let store = Arc::new(schema.store().await);
    let (over, store_of_other) = (Arc::new(AtomicBool::new(false)), Arc::clone(&store));
    let claims = vec![Claim::Children {
        tenant: acme(),
        kind: Kind::Application,
        parent: "team".to_owned(),
    }];
    let (ends, began) = (Arc::clone(&over), Arc::new(tokio::sync::Notify::new()));
    let begins = Arc::clone(&began);
    let all = judge(&*store, claims, move |claimed| {
        assert_eq!(claimed.stored_children(0), []);
        begins.notify_one();
        std::thread::sleep(LONG);
        ends.store(true, Ordering::SeqCst);
        Ok(((), Effect::Put(document(&acme(), "team is empty", None), Expect::New).into()))
    });
    // A task of its own: the rule holds up the one it runs in.
    let add = tokio::spawn(async move {
        began.notified().await;
        let mut child = document(&acme(), "child", None);
        child.parent = Some("team".to_owned());
        put(&*store_of_other, &child, Expect::New).await.unwrap();
        assert!(over.load(Ordering::SeqCst), "it was added to children that were claimed");
    });
    all.await.unwrap();
    add.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_claim_what_is_not_there_the_second_finds_what_the_first_wrote() {
    let schema = Schema::new();
    let store = Arc::new(schema.store().await);
    let wanted = document(&acme(), "orders", Some("name"));
    let by_name = DocumentKey { at: At::Name("name".to_owned()), ..key(&wanted) };
    for (round, key) in [key(&wanted), by_name].into_iter().enumerate() {
        let delete = Effect::Delete(acme(), Kind::Application, "orders".to_owned());
        write(&*store, delete.into()).await.unwrap();
        let judged = |wait: Duration| {
            let (store, key, wanted) = (Arc::clone(&store), key.clone(), wanted.clone());
            async move {
                tokio::time::sleep(wait).await;
                judge(&*store, vec![Claim::Document(key)], move |claimed| {
                    if claimed.stored(0).is_some() {
                        return Ok((false, Effects::NONE));
                    }
                    std::thread::sleep(LONG);
                    Ok((true, Effect::Put(wanted.clone(), Expect::New).into()))
                })
                .await
                .unwrap()
            }
        };
        let first = tokio::spawn(judged(Duration::ZERO));
        let second = tokio::spawn(judged(LONG / 3));
        // Which of them comes first does not matter.
        assert_ne!(first.await.unwrap(), second.await.unwrap(), "{round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_over_as_many_children_as_may_be_claimed_goes_through() {
    let schema = Schema::new();
    let store = schema.store().await;
    let client = client(&url()).await;
    let children = grantor_store::MAX_CHILDREN;
    client
        .batch_execute(&format!(
            "INSERT INTO {}.application (tenant, id, parent, version, body)
             SELECT 'acme', 'child-' || n, 'team', 1, '{{}}' FROM generate_series(1, {children}) n",
            schema.0
        ))
        .await
        .unwrap();
    let claims = vec![Claim::Children {
        tenant: acme(),
        kind: Kind::Application,
        parent: "team".to_owned(),
    }];
    let deleted = judge(&store, claims.clone(), |claimed| {
        let children = claimed.stored_children(0);
        let delete = |c: &grantor_domain::document::StoredDocument| {
            Effect::Delete(c.tenant.clone(), c.kind, c.id.clone())
        };
        Ok((children.len(), Effects(children.iter().map(delete).collect())))
    });
    assert_eq!(deleted.await.unwrap(), children);
    let changes = store.changes(0, children + 1).await.unwrap();
    assert_eq!(changes.len(), children);
    assert!(changes.is_sorted_by_key(|change| change.seq));

    let many = format!(
        "INSERT INTO {}.application (tenant, id, parent, version, body)
         SELECT 'acme', 'child-' || n, 'team', 1, '{{}}' FROM generate_series(0, {children}) n",
        schema.0
    );
    client.batch_execute(&many).await.unwrap();
    let refused = judge(&store, claims, |_| Ok(((), Effects::NONE))).await;
    assert!(matches!(refused, Err(grantor_store::StoreError::TooLarge)), "{refused:?}");
}
