//! The one thread that writes: many operations, one commit.
//!
//! It takes whatever waits, runs each operation so that one that fails undoes only itself, commits,
//! and answers everybody. Nothing is answered before the commit: not even a
//! refusal, since it may rest on what a neighbour wrote and the commit then lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use grantor_store::{Claimed, Effects, Operation, StoreError};
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::effects;
use crate::fault::Fault;
use crate::queue::Queue;

/// The most operations in one commit. Beyond this the commit is no longer what costs.
pub(crate) const BATCH: usize = 256;

/// The most operations that wait.
pub(crate) const WAITING: usize = 4_096;

/// How many pages of log are worth a checkpoint: 16 MiB.
const CHECKPOINT_PAGES: i32 = 4_096;

/// From how many pages on the log must start over: 48 MiB (REL-005).
const RESTART_PAGES: i32 = 3 * CHECKPOINT_PAGES;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const SAVEPOINT: &str = "SAVEPOINT operation";
const RELEASE: &str = "RELEASE operation";
const UNDO: &str = "ROLLBACK TO operation";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 3] = [BEGIN, COMMIT, SAVEPOINT];

/// Something to write.
pub(crate) enum Work {
    /// An operation of the port
    Operation(Operation),
    /// Housekeeping: linking, purging, loading
    Task(Option<Task>),
}

/// Housekeeping, run in a savepoint like an operation.
pub(crate) type Task = Box<dyn FnOnce(&Connection) -> Result<(), Fault> + Send>;

/// Something to write, and who waits for it.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) done: oneshot::Sender<Outcome>,
    /// Where who waits runs
    pub(crate) runtime: Option<Handle>,
}

/// What the writer and its callers share.
pub(crate) struct Shared {
    pub(crate) queue: Queue<Job>,
    /// Set once nothing may be written any more
    pub(crate) failed: OnceLock<Failed>,
}

/// Why nothing is written until a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    /// Nobody knows what it has kept (REL-003)
    #[error("the disk failed; the server must be restarted")]
    Disk,
    /// What is in the file is not what was written (REL-007)
    #[error("the database is damaged; restore a backup")]
    Damaged,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// However the writer ends, nobody waits for it for ever.
struct LastOut(Arc<Shared>);

impl Drop for LastOut {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.failed.set(Failed::Disk);
        }
        self.0.queue.abandon();
    }
}

/// What came of one piece of work.
pub(crate) type Outcome = Result<(), StoreError>;

/// Why a whole batch was not committed.
enum Lost {
    /// One operation failed in the middle; the others may be tried again without it
    Neighbours,
    /// SQLite could not begin, keep or commit the transaction
    Transaction(String),
    /// Nothing is written any more, since now or before
    Failed(Failed),
}

impl Lost {
    fn answer(&self) -> StoreError {
        StoreError::Unavailable(match self {
            Self::Neighbours => "another operation undid this one".to_owned(),
            Self::Transaction(reason) => reason.clone(),
            Self::Failed(failed) => failed.to_string(),
        })
    }
}

/// Why a piece of work failed.
struct Failure {
    fault: Fault,
    /// Whether some of it was written and is not undone yet
    half_done: bool,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, half_done: false }
    }
}

/// The writing side.
pub(crate) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    /// Pages in the log after the last commit
    log_pages: Arc<AtomicI32>,
    /// Pages in the log at the last checkpoint that could not be finished
    put_off: i32,
}

impl Writer {
    pub(crate) fn new(mut connection: Connection, shared: Arc<Shared>) -> Result<Self, Fault> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let pages = Arc::clone(&log_pages);
        // In place of SQLite's own checkpoints, which swallow errors of the disk.
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { connection, shared, log_pages, put_off: 0 })
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let _last = LastOut(Arc::clone(&self.shared));
        let_others_finish();
        let mut batch = Vec::with_capacity(BATCH);
        while self.shared.queue.take(BATCH, &mut batch) {
            self.write(&mut batch);
            self.checkpoint();
        }
        if !self.has_failed() {
            let truncated =
                self.connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::TRUNCATE);
            if let Err(error) = truncated {
                tracing::warn!(%error, "the log was not emptied; the next start does it");
            }
        }
    }

    fn has_failed(&self) -> bool {
        self.shared.failed.get().is_some()
    }

    /// Nobody knows any more what is on the disk: no write is answered with success again.
    fn fail(&self, fault: &Fault) {
        tracing::error!(?fault, "the disk failed: nothing is written until a restart (REL-003)");
        let _ = self.shared.failed.set(Failed::Disk);
    }

    fn write(&self, batch: &mut Vec<Job>) {
        // Whoever no longer waits gets nothing done: that is what keeps an overload short.
        batch.retain(|job| !job.done.is_closed());
        // A task runs once; an operation may run again.
        let apart = batch.iter().any(|job| matches!(job.work, Work::Task(_)));
        let outcomes = match self.attempt(batch, apart) {
            Err(Lost::Neighbours) => self.attempt(batch, true),
            outcomes => outcomes,
        };
        let answers: Vec<_> = match outcomes {
            Ok(outcomes) => outcomes,
            Err(lost) => batch.iter().map(|_| Err(lost.answer())).collect(),
        };
        answer(batch, answers);
    }

    /// Runs and commits a batch. A savepoint for each operation costs about as much as the
    /// operation, so the first attempt does without (`apart` is false) and is given up when one
    /// fails in the middle, which is rare: what a rule refuses has not begun to write.
    fn attempt(&self, batch: &mut [Job], apart: bool) -> Result<Vec<Outcome>, Lost> {
        if let Some(failed) = self.shared.failed.get() {
            return Err(Lost::Failed(*failed));
        }
        self.execute(BEGIN).map_err(|error| self.lost(error.into()))?;
        let alone = batch.len() == 1;
        let mut outcomes = Vec::with_capacity(batch.len());
        for job in batch {
            let outcome = self.apply(&mut job.work, apart);
            if let Err(failure) = &outcome
                && failure.fault.is_fatal()
            {
                self.fail(&failure.fault);
            }
            if let Some(failed) = self.shared.failed.get() {
                self.roll_back();
                return Err(Lost::Failed(*failed));
            }
            let half_done = outcome.as_ref().is_err_and(|failure| failure.half_done);
            let outcome = outcome.map_err(|failure| StoreError::from(failure.fault));
            if half_done {
                self.roll_back();
                return if alone { Ok(vec![outcome]) } else { Err(Lost::Neighbours) };
            }
            if self.connection.is_autocommit() {
                // SQLite undid the whole transaction: the disk is full, for one.
                return Err(Lost::Transaction(
                    outcome.err().map_or_else(String::new, |e| e.to_string()),
                ));
            }
            outcomes.push(outcome);
        }
        self.execute(COMMIT).map_err(|error| self.lost(error.into()))?;
        Ok(outcomes)
    }

    /// The transaction could not begin or end.
    fn lost(&self, fault: Fault) -> Lost {
        self.roll_back();
        if fault.is_fatal() {
            self.fail(&fault);
            return Lost::Failed(Failed::Disk);
        }
        Lost::Transaction(StoreError::from(fault).to_string())
    }

    fn roll_back(&self) {
        // It fails where there is nothing to undo.
        if !self.connection.is_autocommit() {
            let _ = self.execute(ROLLBACK);
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(|_| ())
    }

    /// Does one piece of work; if it fails, says whether half of it is still there.
    fn apply(&self, work: &mut Work, apart: bool) -> Result<(), Failure> {
        match work {
            Work::Operation(operation) => {
                // Claiming and judging only read: what is refused there needs no undoing.
                let wanted = judge(&self.connection, operation)?;
                match wanted.0.is_empty() {
                    true => Ok(()),
                    false if apart => self.apply_apart(|db| effects::write(db, &wanted)),
                    false => unpanicked(|| effects::write(&self.connection, &wanted))
                        .map_err(|fault| Failure { fault, half_done: true }),
                }
            }
            Work::Task(task) => match task.take() {
                Some(task) => self.apply_apart(task),
                None => Ok(()),
            },
        }
    }

    /// In a savepoint of its own: if it fails it undoes itself, and only itself.
    fn apply_apart(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), Fault>,
    ) -> Result<(), Failure> {
        self.execute(SAVEPOINT).map_err(Fault::from)?;
        let outcome = unpanicked(|| work(&self.connection));
        if self.connection.is_autocommit() {
            return outcome.map_err(Failure::from);
        }
        let undone = if outcome.is_err() { self.execute(UNDO) } else { Ok(()) };
        if let Err(error) = undone.and_then(|()| self.execute(RELEASE)) {
            // What cannot be undone alone is undone with everything.
            self.roll_back();
            return Err(Fault::from(error).into());
        }
        outcome.map_err(Failure::from)
    }

    fn checkpoint(&mut self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < CHECKPOINT_PAGES {
            self.put_off = 0;
            return;
        }
        // A long reader keeps the log: looking again at every commit would be for nothing.
        if pages < self.put_off + CHECKPOINT_PAGES / 4 || self.has_failed() {
            return;
        }
        self.put_off = match self.checkpoint_once(pages) {
            Ok(true) => 0,
            Ok(false) => pages,
            Err(fault) => {
                if fault.is_fatal() {
                    self.fail(&fault);
                }
                pages
            }
        };
    }

    /// Whether the whole log is in the database now.
    fn checkpoint_once(&self, pages: i32) -> Result<bool, Fault> {
        let log = |mode| self.connection.wal_checkpoint_v2(Some(MAIN_DB), mode);
        let (written, copied) = log(CheckpointMode::PASSIVE)?;
        if written != copied {
            return Ok(false);
        }
        if pages >= RESTART_PAGES {
            // Waits only for readers of some microseconds: those that began before the copy.
            log(CheckpointMode::RESTART)?;
        }
        Ok(true)
    }
}

/// Answers everybody. Waking them one by one from here would let each of them interrupt the writer, on
/// a single core at the price of two switches of threads each; so their runtime is woken once.
fn answer(batch: &mut Vec<Job>, answers: Vec<Outcome>) {
    let runtime = batch.iter_mut().find_map(|job| job.runtime.take());
    let waiting: Vec<_> = batch.drain(..).map(|job| job.done).zip(answers).collect();
    // Who stopped waiting does not hear of it.
    let send = move || waiting.into_iter().for_each(|(done, answer)| drop(done.send(answer)));
    match runtime {
        Some(runtime) => drop(runtime.spawn(async move { send() })),
        None => send(),
    }
}

/// Whoever brings an operation may go on, and bring more, before this thread begins: on a single core
/// that is what makes a batch of many (`SCHED_BATCH`: waking up interrupts nobody).
#[cfg(target_os = "linux")]
fn let_others_finish() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityOsValue, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
    let as_it_was = ThreadPriority::Os(ThreadPriorityOsValue::default());
    // Where it is not allowed, batches are smaller.
    let _ = set_thread_priority_and_policy(thread_native_id(), as_it_was, batch);
}

#[cfg(not(target_os = "linux"))]
fn let_others_finish() {}

fn judge(db: &Connection, operation: &Operation) -> Result<Effects, Fault> {
    let found = operation.claims.iter().map(|claim| effects::claimed(db, claim));
    let claimed = Claimed::new(found.collect::<Result<_, _>>()?);
    unpanicked(|| Ok((operation.rule)(&claimed)?))
}

/// A panic of one operation is the end of that operation, not of the writer.
fn unpanicked<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let reason = "an operation panicked; nothing of it was done".to_owned();
        Err(StoreError::Unavailable(reason).into())
    })
}
