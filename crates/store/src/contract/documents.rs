//! Documents: keys, versions, conflicts, lists.

use std::sync::Arc;

use grantor_domain::document::{At, Kind, StoredDocument};

use super::sample::{acme, document, key, key_by_name, put, tenant};
use crate::operations::write;
use crate::{DocumentQuery, Effect, Expect, Store, StoreError};

fn all(kind: Kind, limit: usize) -> DocumentQuery {
    DocumentQuery { tenant: Some(acme()), kind, parent: None, after: None, limit }
}

fn ids(found: &[StoredDocument]) -> Vec<&str> {
    found.iter().map(|document| document.id.as_str()).collect()
}

/// What is put is found by id and by name, byte for byte; in every kind's table.
pub async fn a_document_reads_back_by_both_keys(store: Arc<dyn Store>) {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Group) {
        let mut wanted = document(&acme(), "orders", Some("The Orders"));
        wanted.kind = kind;
        wanted.parent = Some("team".to_owned());
        put(&*store, &wanted, Expect::New).await.unwrap();
        wanted.version = 1;
        let found = store.document(&key(&wanted)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&wanted));
        let mut by_name = key_by_name(&acme(), "The Orders");
        by_name.kind = kind;
        assert_eq!(store.document(&by_name).await.unwrap(), found);
        by_name.at = At::Name("the orders".to_owned());
        assert_eq!(store.document(&by_name).await.unwrap(), None, "case was folded");
    }
}

/// Versions start at 1 and grow by 1; a write that knows another version is refused.
pub async fn a_version_grows_by_one_with_each_write(store: Arc<dyn Store>) {
    let mut document = document(&acme(), "orders", None);
    put(&*store, &document, Expect::New).await.unwrap();
    put(&*store, &document, Expect::Version(1)).await.unwrap();
    document.body = String::from("{\"changed\":true}");
    put(&*store, &document, Expect::Any).await.unwrap();
    let found = store.document(&key(&document)).await.unwrap().unwrap();
    assert_eq!((found.version, &found.body), (3, &document.body));

    document.body = String::from("{}");
    for wrong in [0, 1, 2, 4] {
        let outcome = put(&*store, &document, Expect::Version(wrong)).await;
        assert!(matches!(outcome, Err(StoreError::Stale { kind: Kind::Application })), "{wrong}");
    }
    assert_eq!(store.document(&key(&document)).await.unwrap(), Some(found));
}

/// `Any` adds what is not there; a known version of what is not there is stale.
pub async fn what_is_not_there_can_be_put_but_not_replaced(store: Arc<dyn Store>) {
    let orders = document(&acme(), "orders", None);
    let outcome = put(&*store, &orders, Expect::Version(1)).await;
    assert!(matches!(outcome, Err(StoreError::Stale { .. })));
    put(&*store, &orders, Expect::Any).await.unwrap();
    assert_eq!(store.document(&key(&orders)).await.unwrap().unwrap().version, 1);
}

/// The database says so itself, and which key it is (REL-023).
pub async fn a_taken_id_and_a_taken_name_are_conflicts(store: Arc<dyn Store>) {
    let first = document(&acme(), "first", Some("name"));
    put(&*store, &first, Expect::New).await.unwrap();
    let outcome = put(&*store, &document(&acme(), "first", None), Expect::New).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { key: "id", .. })), "{outcome:?}");

    let second = document(&acme(), "second", Some("name"));
    for expect in [Expect::New, Expect::Any] {
        let outcome = put(&*store, &second, expect).await;
        assert!(matches!(outcome, Err(StoreError::Conflict { key: "name", .. })), "{outcome:?}");
    }
    let second = document(&acme(), "second", Some("other"));
    put(&*store, &second, Expect::New).await.unwrap();
    let renamed = document(&acme(), "second", Some("name"));
    let outcome = put(&*store, &renamed, Expect::Version(1)).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { key: "name", .. })), "{outcome:?}");

    // A name that was given up is free; documents without a name have no conflict.
    put(&*store, &document(&acme(), "first", None), Expect::Any).await.unwrap();
    put(&*store, &renamed, Expect::Version(1)).await.unwrap();
    put(&*store, &document(&acme(), "third", None), Expect::New).await.unwrap();
    // Another tenant has names of its own.
    put(&*store, &document(&tenant("other"), "first", Some("name")), Expect::New).await.unwrap();
}

/// A tenant belongs to itself, so its name, the issuer, is unique over all of them.
pub async fn sec_084_two_tenants_never_share_an_issuer(store: Arc<dyn Store>) {
    let of = |name: &str, issuer: &str| {
        let mut stored = document(&tenant(name), name, Some(issuer));
        stored.kind = Kind::Tenant;
        stored
    };
    put(&*store, &of("acme", "https://id.example.org"), Expect::New).await.unwrap();
    let other = of("other", "https://id.example.org");
    for expect in [Expect::New, Expect::Any] {
        let outcome = put(&*store, &other, expect).await;
        assert!(matches!(outcome, Err(StoreError::Conflict { key: "name", .. })), "{outcome:?}");
    }
    put(&*store, &of("other", "https://other.example.org"), Expect::New).await.unwrap();
    let outcome = put(&*store, &other, Expect::Version(1)).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { key: "name", .. })), "{outcome:?}");
}

/// 200 at once want one name: one gets it.
pub async fn rel_023_of_many_creations_of_one_name_one_succeeds(store: Arc<dyn Store>) {
    let creations = (0..200).map(|i| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let wanted = document(&acme(), &format!("id-{i}"), Some("shared"));
            put(&*store, &wanted, Expect::New).await
        })
    });
    let creations: Vec<_> = creations.collect();
    let mut created = 0;
    for creation in creations {
        match creation.await.unwrap() {
            Ok(()) => created += 1,
            Err(StoreError::Conflict { key: "name", .. }) => (),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(created, 1);
    assert_eq!(store.documents(&all(Kind::Application, 500)).await.unwrap().len(), 1);
}

/// What is deleted is gone under both keys, may be put again, and may be deleted again.
pub async fn a_deleted_document_is_gone(store: Arc<dyn Store>) {
    let orders = document(&acme(), "orders", Some("name"));
    put(&*store, &orders, Expect::New).await.unwrap();
    let delete = || Effect::Delete(acme(), Kind::Application, "orders".to_owned());
    write(&*store, delete().into()).await.unwrap();
    assert_eq!(store.document(&key(&orders)).await.unwrap(), None);
    assert_eq!(store.document(&key_by_name(&acme(), "name")).await.unwrap(), None);
    let after_first = store.last_change().await.unwrap();
    write(&*store, delete().into()).await.unwrap();
    assert_eq!(store.last_change().await.unwrap(), after_first, "nothing changed");
    put(&*store, &orders, Expect::New).await.unwrap();
}

/// Pages follow one another by id, in the order of bytes, on every backend.
pub async fn pages_are_ordered_by_the_bytes_of_the_id(store: Arc<dyn Store>) {
    let mut wanted = ["a", "B", "a-b", "a_b", "ab", "é", "Z", "10", "9", "a.b", "ä"];
    for id in wanted {
        put(&*store, &document(&acme(), id, None), Expect::New).await.unwrap();
    }
    put(&*store, &document(&tenant("other"), "aa", None), Expect::New).await.unwrap();
    wanted.sort_unstable();

    let mut query = all(Kind::Application, 4);
    let mut listed = Vec::new();
    loop {
        let page = store.documents(&query).await.unwrap();
        assert!(page.len() <= 4);
        listed.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(last) = page.last() else { break };
        query.after = Some(last.id.clone());
    }
    assert_eq!(listed, wanted);
    let many = store.documents(&all(Kind::Application, 5_000)).await.unwrap();
    assert_eq!(ids(&many), wanted);
}

/// A list can be of those that hang on one parent.
pub async fn a_list_under_a_parent_has_its_children_only(store: Arc<dyn Store>) {
    for (id, parent) in [("a", Some("x")), ("b", Some("y")), ("c", Some("x")), ("d", None)] {
        let mut child = document(&acme(), id, None);
        child.parent = parent.map(str::to_owned);
        put(&*store, &child, Expect::New).await.unwrap();
    }
    let under = DocumentQuery { parent: Some("x".to_owned()), ..all(Kind::Application, 9) };
    assert_eq!(ids(&store.documents(&under).await.unwrap()), ["a", "c"]);
    let behind = DocumentQuery { after: Some("a".to_owned()), ..under };
    assert_eq!(ids(&store.documents(&behind).await.unwrap()), ["c"]);
    // Without a tenant a list is of all.
    let everywhere = DocumentQuery { tenant: None, ..all(Kind::Application, 9) };
    put(&*store, &document(&tenant("other"), "e", None), Expect::New).await.unwrap();
    assert_eq!(ids(&store.documents(&everywhere).await.unwrap()), ["a", "b", "c", "d", "e"]);
}
