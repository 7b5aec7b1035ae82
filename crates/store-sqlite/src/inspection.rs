//! Looking through a large file for damage while it is in use already (REL-007): a start does not wait
//! for it.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use grantor_store::StoreError;
use rusqlite::{Connection, ErrorCode, InterruptHandle};

use crate::fault::Fault;
use crate::schema;
use crate::writer::{Failed, Shared};

/// How soon who gives an inspection up looks whether it has ended.
const PATIENCE: Duration = Duration::from_millis(1);

/// Goes on until everything was looked at; given up when dropped.
pub(crate) struct Inspection {
    interrupt: InterruptHandle,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").finish_non_exhaustive()
    }
}

impl Inspection {
    /// Begins on a thread and a connection of its own. Damage ends all writing.
    pub(crate) fn start(path: &Path, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let db = schema::open_unwritten(path).map_err(StoreError::from)?;
        let interrupt = db.get_interrupt_handle();
        let thread = std::thread::Builder::new().name("sqlite-inspection".to_owned());
        let thread = thread.spawn(move || inspect(&db, &shared));
        let thread = thread.map_err(|e| StoreError::Unavailable(format!("no inspection: {e}")))?;
        Ok(Self { interrupt, thread: Some(thread) })
    }

    #[cfg(test)]
    fn ends(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Inspection {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // An interrupt reaches a statement that runs: what has not begun yet is waited for.
        while !thread.is_finished() {
            self.interrupt.interrupt();
            std::thread::sleep(PATIENCE);
        }
        let _ = thread.join();
    }
}

fn inspect(db: &Connection, shared: &Shared) {
    match schema::check_everywhere(db) {
        Ok(()) => tracing::info!("the database was looked through: it is sound"),
        Err(Fault::Sql(error))
            if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {}
        Err(fault) => match StoreError::from(fault) {
            error @ StoreError::Corrupt(_) => {
                tracing::error!(%error, "the database is damaged: nothing is written any more (REL-007)");
                let _ = shared.failed.set(Failed::Damaged);
            }
            error => tracing::warn!(%error, "the database could not be looked through"),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use tempfile::TempDir;

    use super::*;
    use crate::Synchronous;
    use crate::queue::Queue;

    /// A file with so many rows, each with a page of its own.
    fn file(rows: u32) -> (TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let (db, _) = schema::open(&path, Synchronous::Normal).unwrap();
        db.execute_batch("CREATE TABLE long (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
        let many = "
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
            INSERT INTO long SELECT i, printf('%.3000c', 'x') FROM n";
        db.execute(many, [rows]).unwrap();
        db.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
        (folder, path)
    }

    fn shared() -> Arc<Shared> {
        Arc::new(Shared { queue: Queue::new(1), failed: OnceLock::new() })
    }

    #[test]
    fn rel_007_damage_that_the_start_did_not_see_ends_writing() {
        let (_folder, path) = file(50);
        let (sound, damaged) = (shared(), shared());
        Inspection::start(&path, Arc::clone(&sound)).unwrap().ends();
        assert_eq!(sound.failed.get(), None);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 4_096;
        bytes[last..last + 64].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        Inspection::start(&path, Arc::clone(&damaged)).unwrap().ends();
        assert_eq!(damaged.failed.get(), Some(&Failed::Damaged));
    }

    #[test]
    fn an_inspection_that_is_given_up_ends_and_says_nothing() {
        let (_folder, path) = file(2_000);
        let shared = shared();
        drop(Inspection::start(&path, Arc::clone(&shared)).unwrap());
        assert_eq!(shared.failed.get(), None);
    }
}
