//! A disk that lies. REL-007.

use std::path::Path;
use std::sync::Arc;

use grantor_domain::document::{At, DocumentKey, Kind};
use grantor_oauth_types::id::{Id, UserId};
use grantor_store::audit::{events_of, verify_chain};
use grantor_store::contract::sample::{acme, document, event, grant, revocation};
use grantor_store::operations::write;
use grantor_store::{AuditQuery, Effect, Effects, Expect, Store, StoreError};
use grantor_store_sqlite::{SqliteStore, StoreConfig};

const ROWS: u64 = 120;

/// How many bytes are flipped, one at a time; `GRANTOR_FLIPPED_BYTES` asks for more.
fn flips() -> usize {
    std::env::var("GRANTOR_FLIPPED_BYTES").ok().and_then(|text| text.parse().ok()).unwrap_or(250)
}

async fn fill(path: &Path) {
    let store = SqliteStore::open(StoreConfig::new(path)).unwrap();
    for row in 0..ROWS {
        let mut client = document(&acme(), &format!("client-{row:05}"), Some(&format!("n{row}")));
        client.kind = Kind::Client;
        client.parent = Some(format!("app-{}", row % 7));
        client.body = format!("{{\"secret\":\"{}\"}}", "x".repeat(300));
        let mut opened = grant(&acme(), user(row % 5), &client.id);
        opened.id = Id::new(row, [1; 10]);
        let mut told = event(&acme(), "test.event");
        told.id = Id::new(row, [2; 10]);
        let effects = Effects::from(Effect::Put(client.clone(), Expect::New))
            .and(Effect::OpenGrant(Box::new(opened)))
            .and(Effect::Revoke(Box::new(revocation(&acme(), &client.id))))
            .audit(told);
        write(&store, effects).await.unwrap();
    }
    store.link_audit(1_000, Arc::new(|link, _| link.to_string())).await.unwrap();
    store.close().await;
}

fn user(number: u64) -> UserId {
    Id::new(number, [3; 10])
}

/// Everything that decisions rest on, as one text for each question. A question that the store
/// refuses to answer is an error.
async fn ask_everything(store: &dyn Store) -> Vec<Result<String, StoreError>> {
    let mut answers = Vec::new();
    for row in 0..ROWS {
        for at in [At::Id(format!("client-{row:05}")), At::Name(format!("n{row}"))] {
            let key = DocumentKey { tenant: acme(), kind: Kind::Client, at };
            answers.push(store.document(&key).await.map(|found| format!("{found:?}")));
        }
        let found = store.grant(&acme(), Id::new(row, [1; 10])).await;
        answers.push(found.map(|found| format!("{found:?}")));
        let found = store.decision(&acme(), Id::new(row, [2; 10])).await;
        answers.push(found.map(|found| format!("{found:?}")));
    }
    let found = store.revocations(&acme(), 0, 1_000).await;
    answers.push(found.map(|found| format!("{found:?}")));
    answers.push(chain(store).await);
    answers
}

async fn chain(store: &dyn Store) -> Result<String, StoreError> {
    let query =
        AuditQuery { tenant: None, after: 0, chain: true, kind: None, since: None, limit: 1_000 };
    let rows = store.audit(&query).await?;
    verify_chain(&rows).map_err(|bad| StoreError::Corrupt(bad.to_string()))?;
    for row in &rows {
        events_of(&row.body)?;
    }
    Ok(format!("{rows:?}"))
}

/// One byte is another one: the start refuses, or the row does, or it did not matter. Never is
/// something else answered than what was written.
#[tokio::test]
async fn rel_007_a_flipped_byte_is_detected_and_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound.db");
    fill(&sound).await;
    let store = SqliteStore::open(StoreConfig::new(&sound)).unwrap();
    let truth = ask_everything(&store).await;
    drop(store);
    let bytes = std::fs::read(&sound).unwrap();
    let damaged = folder.path().join("damaged.db");
    let (mut at_start, mut at_read) = (0, 0);
    for flip in 0..flips() {
        let place = (flip * 7_919 + flip * flip * 31) % bytes.len();
        let mut wrong = bytes.clone();
        wrong[place] ^= 1 << (flip % 8);
        std::fs::write(&damaged, &wrong).unwrap();
        let Ok(store) = SqliteStore::open(StoreConfig::new(&damaged)) else {
            at_start += 1;
            continue;
        };
        let answers = ask_everything(&store).await;
        for (answer, truth) in answers.iter().zip(&truth) {
            match answer {
                Ok(answer) => assert_eq!(Some(answer), truth.as_ref().ok(), "byte {place}"),
                Err(_) => at_read += 1,
            }
        }
    }
    // Were one of the two checks off, this would say so.
    assert!(at_start > 0 && at_read > 0, "{at_start} at the start, {at_read} when read");
}

/// The index of the log is made anew, and a file that is no database is refused.
#[tokio::test]
async fn rel_007_a_missing_index_of_the_log_harms_nothing_and_rubbish_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    fill(&database).await;
    let _ = std::fs::remove_file(folder.path().join("a.db-shm"));
    let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
    assert!(store.grant(&acme(), Id::new(3, [1; 10])).await.unwrap().is_some());
    drop(store);

    let mut half = std::fs::read(&database).unwrap();
    half.truncate(half.len() / 2);
    for wrong in [b"this is no database, but long enough to look".repeat(40), half] {
        std::fs::write(&database, wrong).unwrap();
        let outcome = SqliteStore::open(StoreConfig::new(&database));
        assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
    }
}
