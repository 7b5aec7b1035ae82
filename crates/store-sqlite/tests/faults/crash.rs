//! `kill -9` at any moment. REL-001, REL-008, REL-031, REL-042.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use grantor_domain::document::{At, DocumentKey, Kind};
use grantor_oauth_types::id::Id;
use grantor_store::audit::verify_chain;
use grantor_store::contract::sample::acme;
use grantor_store::{AuditQuery, Store};
use grantor_store_sqlite::{SqliteStore, StoreConfig};

use crate::child::{self, Journal, TASKS};

/// How many times the process is killed; `GRANTOR_KILL_CYCLES` asks for more.
fn cycles() -> u64 {
    std::env::var("GRANTOR_KILL_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

/// Numbers that look random and are the same in each run.
pub(crate) fn scattered(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How often one database is killed: then it is a new one, or it would be the growing file that
/// the test measures.
const ROUND: u64 = 50;

/// Nothing that was acknowledged is lost, nothing is half there, and the database is sound.
#[tokio::test]
async fn rel_001_rel_042_what_was_acknowledged_survives_kill_9_at_any_moment() {
    let mut killed_while_writing = 0;
    let cycles: Vec<u64> = (1..=cycles()).collect();
    for round in cycles.chunks(usize::try_from(ROUND).unwrap()) {
        killed_while_writing += kill_again_and_again(round).await;
    }
    let enough = cycles.len() / 2;
    assert!(killed_while_writing > enough, "{killed_while_writing} were worth the name");
}

/// Returns how often something had been acknowledged before the kill.
async fn kill_again_and_again(cycles: &[u64]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("killed.db");
    let mut acknowledged = [0; TASKS as usize];
    let mut killed_while_writing = 0;
    for cycle in cycles {
        let journal = kill_after(&database, Duration::from_micros(scattered(*cycle) % 120_000));
        killed_while_writing += usize::from(!journal.acknowledged.is_empty());
        for (task, step) in journal.acknowledged {
            let known = &mut acknowledged[usize::from(task)];
            *known = step.max(*known);
        }
        // Opening checks the integrity of the file.
        let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
        for task in 0..TASKS {
            let steps = child::steps_in(&store, task).await;
            let promised = acknowledged[usize::from(task)];
            assert!(steps >= promised, "cycle {cycle}: {task} had {promised}, has {steps}");
            assert_whole(&store, task, steps).await;
        }
    }
    let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
    assert_all_told(&store).await;
    killed_while_writing
}

fn kill_after(database: &Path, delay: Duration) -> Journal {
    let mut child = child::start(&[], database, i64::MAX / 2);
    let opened = Arc::new(AtomicBool::new(false));
    let process = child.id();
    let killer = {
        let opened = Arc::clone(&opened);
        std::thread::spawn(move || {
            while !opened.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(1));
            }
            // The passing of real time is what this test is about.
            std::thread::sleep(delay);
            std::process::Command::new("kill").args(["-9", &process.to_string()]).status()
        })
    };
    let journal = child::follow(&mut child, || opened.store(true, Ordering::Release));
    opened.store(true, Ordering::Release);
    assert!(killer.join().unwrap().unwrap().success());
    child.wait().unwrap();
    journal
}

/// The last step is there in all its parts, and nothing of the next.
pub(crate) async fn assert_whole(store: &dyn Store, task: u8, steps: i64) {
    for (number, wanted) in [(steps, steps > 0), (steps + 1, false)] {
        let key = DocumentKey {
            tenant: acme(),
            kind: Kind::Application,
            at: At::Name(format!("{task}-{number}")),
        };
        let document = store.document(&key).await.unwrap().is_some();
        let told = Id::new(1_790_000_000_000 + u64::try_from(number).unwrap(), [task; 10]);
        let event = store.decision(&acme(), told).await.unwrap().is_some();
        assert_eq!((document, event), (wanted, wanted), "task {task}, step {number} of {steps}");
    }
}

/// Each step of each task is told of exactly once, and each has its change; the chain holds.
async fn assert_all_told(store: &dyn Store) {
    let mut steps = 0;
    for task in 0..TASKS {
        steps += usize::try_from(child::steps_in(store, task).await).unwrap();
    }
    let sign = Arc::new(|link: i64, _: &[u8; 32]| link.to_string());
    assert_eq!(store.link_audit(usize::MAX, sign).await.unwrap(), steps);
    let query = AuditQuery {
        tenant: None,
        after: 0,
        chain: true,
        kind: None,
        since: None,
        limit: usize::MAX,
    };
    let rows = store.audit(&query).await.unwrap();
    verify_chain(&rows).unwrap();
    assert_eq!(rows.len(), steps);
    assert_eq!(store.changes(0, usize::MAX).await.unwrap().len(), steps);
}

/// Killed while the schema is made: the next start finishes it.
#[test]
fn rel_031_a_migration_survives_kill_9() {
    for cycle in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("new.db");
        let mut child = child::start(&[], &database, 1);
        while !database.exists() {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(scattered(cycle) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        SqliteStore::open(StoreConfig::new(&database)).unwrap();
    }
}
