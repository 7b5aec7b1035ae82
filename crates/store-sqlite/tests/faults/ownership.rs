//! One process, one file, one schema. REL-006, REL-030.

use grantor_store::contract::sample::{acme, document, put};
use grantor_store::{Expect, Store as _, StoreError};
use grantor_store_sqlite::{SqliteStore, StoreConfig};

use crate::child;

#[tokio::test]
async fn rel_006_a_second_process_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("one.db");
    let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
    // Another way to spell the same file is the same file.
    let spelled = folder.path().join(".").join("one.db");
    let linked = folder.path().join("link.db");
    std::os::unix::fs::symlink(&database, &linked).unwrap();
    for path in [&database, &spelled, &linked] {
        let mut child = child::start(&[], path, 1);
        let journal = child::follow(&mut child, || ());
        child.wait().unwrap();
        assert!(!journal.opened && journal.refused.len() == 1, "{journal:?}");
        assert!(journal.refused[0].1.contains("another process"), "{journal:?}");
    }
    put(&store, &document(&acme(), "still", None), Expect::New).await.unwrap();
    drop(store);
    SqliteStore::open(StoreConfig::new(&linked)).unwrap();
}

#[tokio::test]
async fn rel_030_a_newer_schema_is_refused_without_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("newer.db");
    let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
    put(&store, &document(&acme(), "known", None), Expect::New).await.unwrap();
    store.close().await;
    assert!(matches!(store.ping().await, Ok(())), "reads go on");
    let late = put(&store, &document(&acme(), "late", None), Expect::New).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
    drop(store);

    let db = rusqlite::Connection::open(&database).unwrap();
    db.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         SELECT 999, 'later', applied_on, '1' FROM refinery_schema_history LIMIT 1",
        [],
    )
    .unwrap();
    drop(db);
    let before = std::fs::read(&database).unwrap();
    let outcome = SqliteStore::open(StoreConfig::new(&database));
    assert!(
        matches!(&outcome, Err(StoreError::Unavailable(e)) if e.contains("999")),
        "{outcome:?}"
    );
    assert_eq!(std::fs::read(&database).unwrap(), before);
}
