//! A disk that is full, or fails, or is held by a slow reader. REL-003, REL-004, REL-005.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use grantor_store::contract::sample::{acme, document, event, key, put};
use grantor_store::operations::write;
use grantor_store::{Effect, Effects, Expect, Store, StoreError};
use grantor_store_sqlite::{SqliteStore, StoreConfig};

use crate::child::{self, TASKS};
use crate::{may_trace, skip};

/// A small disk, for as long as it is held.
struct SmallDisk(tempfile::TempDir);

/// Set where this program runs again in a namespace of its own, in which it may mount.
const APART: &str = "GRANTOR_FAULTS_APART";

/// Runs one test of this program again where it may mount, if the machine allows that: a user
/// namespace and its own mounts. Whether it was run, and succeeded.
fn run_apart(test: &str) -> bool {
    let apart = |program: &std::path::Path, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user"]).arg(program).args(arguments);
        command.env(APART, "1").output().expect("unshare is a part of every Linux system")
    };
    let allowed = apart(Path::new("true"), &[]).status.success();
    if allowed && std::env::var_os(APART).is_none() {
        let done = apart(&std::env::current_exe().unwrap(), &["--exact", test]);
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && said.contains("1 passed"), "{said}");
        return true;
    }
    false
}

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output();
        let mount = mount.expect("mount is not installed; `cargo xtask test` does that");
        mount.status.success().then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

/// Writes fail cleanly while the disk is full, reads go on, and writes go on by themselves when
/// there is room again. Nothing that was acknowledged is missing, and nothing that was not is there.
#[tokio::test]
async fn rel_004_a_full_disk_refuses_writes_until_there_is_room() {
    let Some(disk) = SmallDisk::mount("12m") else {
        if !run_apart("disk::rel_004_a_full_disk_refuses_writes_until_there_is_room") {
            skip("mounting is not allowed, not even in a namespace of its own");
        }
        return;
    };
    let database = disk.path().join("full.db");
    let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
    let first = document(&acme(), "first", None);
    put(&store, &first, Expect::New).await.unwrap();
    let filler = disk.path().join("filler");
    let mut room = vec![0_u8; 9 << 20];
    while std::fs::write(&filler, &room).is_err() {
        room.truncate(room.len() - 65_536);
    }

    let mut written = Vec::new();
    let mut refusals = 0;
    for number in 0..2_000 {
        let mut large = document(&acme(), &format!("large-{number}"), None);
        large.body = format!("\"{}\"", "x".repeat(30_000));
        match put(&store, &large, Expect::New).await {
            Ok(()) => written.push((large, true)),
            Err(StoreError::Unavailable(_)) => {
                written.push((large, false));
                refusals += 1;
            }
            Err(other) => panic!("{other}"),
        }
        if refusals == 20 {
            break;
        }
    }
    assert_eq!(refusals, 20, "the disk never was full");
    assert!(store.document(&key(&first)).await.unwrap().is_some(), "reads go on");
    store.ping().await.unwrap();

    std::fs::remove_file(&filler).unwrap();
    put(&store, &document(&acme(), "after", None), Expect::New).await.unwrap();
    drop(store);
    let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
    for (document, acknowledged) in &written {
        let there = store.document(&key(document)).await.unwrap().is_some();
        assert_eq!(there, *acknowledged, "{}", document.id);
    }
}

/// Whichever sync fails: nobody hears "done" after it, and nothing that was done is missing.
#[tokio::test]
async fn rel_003_after_a_failed_sync_nothing_is_acknowledged() {
    if !may_trace() {
        return skip("tracing is not allowed");
    }
    let mut failed_while_writing = 0;
    for number in 1..=12 {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("failing.db");
        drop(SqliteStore::open(StoreConfig::new(&database)).unwrap());
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={}", number * 2);
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
        let mut child = child::start(&strace, &database, 20);
        let journal = child::follow(&mut child, || ());
        child.wait().unwrap();

        if let Some((before, _)) = journal.refused.iter().find(|_| journal.opened) {
            failed_while_writing += 1;
            // Neighbours may be told of the commit before while the refusals go out.
            let after = journal.acknowledged.len() - before;
            assert!(after < usize::from(TASKS), "{after} were acknowledged after the failure");
        }
        let store = SqliteStore::open(StoreConfig::new(&database)).unwrap();
        for (task, step) in journal.acknowledged {
            assert!(child::steps_in(&store, task).await >= step, "sync {number}: {task} {step}");
        }
    }
    assert!(failed_while_writing > 3, "only {failed_while_writing} failures hit the writer");
}

/// A long reader keeps the log growing; once it is gone the log starts over.
#[tokio::test]
async fn rel_005_the_log_is_bounded_once_a_long_reader_ends() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("log.db");
    let store = Arc::new(SqliteStore::open(StoreConfig::new(&database)).unwrap());
    let log = || std::fs::metadata(folder.path().join("log.db-wal")).unwrap().len();
    let mut number = 0;
    let mut grow = async |store: &SqliteStore| {
        let mut effects = Effects::NONE;
        for _ in 0..400 {
            number += 1;
            let mut told = event(&acme(), "test.large");
            told.subject = Some("x".repeat(10_000));
            effects = effects.and(Effect::Audit(Box::new(told)));
        }
        write(store, effects).await.unwrap();
    };
    // More than travels at once, so that the dump waits for us.
    for _ in 0..6 {
        grow(&store).await;
    }
    let (sink, mut rows) = tokio::sync::mpsc::channel(1);
    let dumping = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.dump(sink).await })
    };
    let first = rows.recv().await.unwrap();
    for _ in 0..20 {
        grow(&store).await;
    }
    assert!(log() > 64 << 20, "the reader holds the log: {}", log());
    assert!(!first.is_empty());
    while rows.recv().await.is_some() {}
    dumping.await.unwrap().unwrap();
    for _ in 0..4 {
        grow(&store).await;
        // The writer looks after the log when it has answered.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(log() <= 64 << 20, "{}", log());
    store.close().await;
    assert_eq!(log(), 0);
}
