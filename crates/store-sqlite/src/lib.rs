//! The store on SQLite: one writer thread, many operations a commit.
//!
//! | | |
//! |---|---|
//! | writing | the `writer` thread alone; an operation that waits shares the commit with its neighbours |
//! | point reads | where the caller runs, on a small pool of connections |
//! | long reads | pages of many rows, dumps: on threads that may block |
//!
//! The log is written ahead (WAL). With [`Synchronous::Full`], the default, what was acknowledged
//! survives a power cut (REL-002); with [`Synchronous::Normal`] it survives `kill -9` and a crash of
//! the program, but a power cut may take the last moments. Never is anything half done.
//!
//! Each file of statements belongs to one aggregate and lists them all, so that a test prepares
//! every one on the migrated schema.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use grantor_domain::audit::AuditEvent;
use grantor_domain::document::{DocumentKey, StoredDocument};
use grantor_domain::grant::Grant;
use grantor_domain::outbox::Notice;
use grantor_domain::revocation::Revocation;
use grantor_domain::session::Session;
use grantor_domain::single_use::{SingleUse, SingleUseKind};
use grantor_oauth_types::id::{DecisionId, GrantId, GroupId, SessionId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_store::{
    AuditQuery, AuditRow, Change, Checkpoint, CheckpointSigner, DocumentQuery, DumpRow, DumpSource,
    GrantQuery, Operation, PURGE_AFTER, PersonQuery, SessionQuery, Store, StoreError,
};
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::column::micros;
use crate::fault::Fault;
use crate::inspection::Inspection;
use crate::queue::Queue;
use crate::reader::Readers;
use crate::schema::Checked;
use crate::writer::{Job, Shared, Work, Writer};

mod attempts;
mod audit;
mod changes;
mod column;
mod documents;
mod dump;
mod effects;
mod fault;
mod grants;
mod groups;
mod inspection;
mod outbox;
mod queue;
mod reader;
mod revocations;
mod rows;
mod schema;
mod sessions;
mod single_use;
mod used;
mod writer;

#[cfg(test)]
mod tests;

/// Where the database is, and how it is kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The file; made if it is not there. Beside it lie its log, and the lock that keeps a second
    /// process away
    pub path: PathBuf,
    /// What survives a power cut
    pub synchronous: Synchronous,
    /// How many connections serve point reads
    pub readers: usize,
}

impl StoreConfig {
    /// With the defaults: nothing that was acknowledged is lost, four readers.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), synchronous: Synchronous::Full, readers: 4 }
    }
}

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When the disk has it
    #[default]
    Full,
    /// When the operating system has it
    Normal,
}

impl Synchronous {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

/// The store.
#[derive(Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    readers: Readers,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Runs while a large file is looked through
    _inspection: Option<Inspection>,
    /// Dropped last: until then no other process opens the file. None when only reading
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the file, checks it, brings its schema up to date and starts the writer.
    ///
    /// Fails when another process uses the file (REL-006), when the file is damaged (REL-007), and
    /// when its schema is newer than this program (REL-030). Of a large file the tables that decide are
    /// looked at first and the rest while it is in use: damage there ends writing, and
    /// [`Store::ping`] says so.
    pub fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let StoreConfig { path, synchronous, readers } = config;
        let path = schema::canonical(&path);
        let lock = schema::lock(&path)?;
        let (connection, checked) = schema::open(&path, synchronous)?;
        let queue = Queue::new(writer::WAITING);
        let shared = Arc::new(Shared { queue, failed: OnceLock::new() });
        let inspection = match checked {
            Checked::Whole => None,
            Checked::InPart => Some(Inspection::start(&path, Arc::clone(&shared))?),
        };
        let readers = Readers::open(path, readers)?;
        let writer = Writer::new(connection, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new().name("sqlite-writer".to_owned());
        let writer = thread.spawn(|| writer.run());
        let writer = writer.map_err(|e| StoreError::Unavailable(format!("no writer: {e}")))?;
        let writer = Mutex::new(Some(writer));
        Ok(Self { shared, readers, writer, _inspection: inspection, _lock: Some(lock) })
    }

    /// Opens the file to read it, also while a server writes it: what is committed is seen, and
    /// the server never waits. Every write is refused.
    ///
    /// Fails when there is no such file, and when its schema is not the one this program knows.
    pub fn open_read_only(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let path = path
            .canonicalize()
            .map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))?;
        schema::check_known(&path)?;
        let queue = Queue::new(writer::WAITING);
        queue.close();
        let shared = Arc::new(Shared { queue, failed: OnceLock::new() });
        let readers = Readers::open(path, 1)?;
        let writer = Mutex::new(None);
        Ok(Self { shared, readers, writer, _inspection: None, _lock: None })
    }

    /// Looks for damage everywhere in the file (REL-007), also while a server writes it; changes nothing.
    pub fn inspect(path: impl AsRef<std::path::Path>) -> Result<(), StoreError> {
        let db = schema::open_unwritten(path.as_ref())?;
        Ok(schema::check_everywhere(&db)?)
    }

    /// Does what waits, empties the log into the database, and takes no more writes.
    pub async fn close(&self) {
        if let Some(writer) = self.stop() {
            let joined = tokio::task::spawn_blocking(|| writer.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the writer ended badly; the next start repairs what is needed");
            }
        }
    }

    fn stop(&self) -> Option<JoinHandle<()>> {
        self.shared.queue.close();
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn check_alive(&self) -> Result<(), StoreError> {
        match self.shared.failed.get() {
            Some(failed) => Err(StoreError::Unavailable(failed.to_string())),
            None => Ok(()),
        }
    }

    async fn write(&self, work: Work) -> Result<(), StoreError> {
        self.check_alive()?;
        let (done, answer) = oneshot::channel();
        let runtime = tokio::runtime::Handle::try_current().ok();
        self.shared.queue.push(Job { work, done, runtime })?;
        // The writer drops an answer only when it ends before its time.
        let ended = |_| Err(StoreError::Unavailable("the writer ended".to_owned()));
        answer.await.unwrap_or_else(ended)
    }

    /// Housekeeping on the writer, among the operations of others.
    async fn task<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (found, value) = oneshot::channel();
        let task = move |db: &Connection| {
            let _ = found.send(task(db)?);
            Ok(())
        };
        self.write(Work::Task(Some(Box::new(task)))).await?;
        value.await.map_err(|_| StoreError::Unavailable("the writer ended".to_owned()))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(writer) = self.stop() {
            // A writer that panicked has said so already.
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn transact(&self, operation: Operation) -> Result<(), StoreError> {
        self.write(Work::Operation(operation)).await
    }

    async fn document(&self, key: &DocumentKey) -> Result<Option<StoredDocument>, StoreError> {
        self.readers.point(|db| documents::find(db, key))
    }

    async fn documents(&self, query: &DocumentQuery) -> Result<Vec<StoredDocument>, StoreError> {
        let query = query.clone();
        self.readers.page(query.limit, move |db| documents::page(db, &query)).await
    }

    async fn groups_of(
        &self,
        tenant: &TenantName,
        user: UserId,
    ) -> Result<Vec<GroupId>, StoreError> {
        self.readers.point(|db| groups::of(db, tenant, user))
    }

    async fn grant(&self, tenant: &TenantName, id: GrantId) -> Result<Option<Grant>, StoreError> {
        self.readers.point(|db| grants::find(db, tenant, id))
    }

    async fn grants(&self, query: &GrantQuery) -> Result<Vec<Grant>, StoreError> {
        let query = query.clone();
        self.readers.page(query.limit, move |db| grants::page(db, &query)).await
    }

    async fn session(
        &self,
        tenant: &TenantName,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        self.readers.point(|db| sessions::find(db, tenant, id))
    }

    async fn sessions(&self, query: &SessionQuery) -> Result<Vec<Session>, StoreError> {
        let query = query.clone();
        self.readers.page(query.limit, move |db| sessions::page(db, &query)).await
    }

    async fn single_use(
        &self,
        tenant: &TenantName,
        kind: SingleUseKind,
        id: [u8; 16],
    ) -> Result<Option<SingleUse>, StoreError> {
        self.readers.point(|db| single_use::find(db, tenant, kind, &id))
    }

    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.readers.page(limit, move |db| changes::after(db, after, limit)).await
    }

    async fn last_change(&self) -> Result<i64, StoreError> {
        self.readers.point(changes::last)
    }

    async fn revocations(
        &self,
        tenant: &TenantName,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Revocation)>, StoreError> {
        let tenant = tenant.clone();
        let read = move |db: &Connection| revocations::after(db, &tenant, after, limit);
        self.readers.page(limit, read).await
    }

    async fn revocations_since(
        &self,
        tenant: &TenantName,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<Revocation>, StoreError> {
        let tenant = tenant.clone();
        let read = move |db: &Connection| revocations::since(db, &tenant, from, limit);
        self.readers.page(limit, read).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        let query = query.clone();
        // A filter may look at any number of rows before it finds some.
        self.readers.long(move |db| audit::page(db, &query)).await
    }

    async fn audit_of(&self, query: &PersonQuery) -> Result<Vec<AuditRow>, StoreError> {
        let query = query.clone();
        self.readers.page(query.limit, move |db| audit::page_of(db, &query)).await
    }

    async fn take_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Notice>, StoreError> {
        // Most of the time there is nothing, and nothing to commit.
        if !self.readers.point(|db| outbox::any_due(db, now))? {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.task(move |db| outbox::take(db, now, until, limit)).await
    }

    async fn decision(
        &self,
        tenant: &TenantName,
        id: DecisionId,
    ) -> Result<Option<AuditEvent>, StoreError> {
        self.readers.point(|db| audit::decision(db, tenant, id))
    }

    async fn link_audit(&self, limit: usize, sign: CheckpointSigner) -> Result<usize, StoreError> {
        self.task(move |db| audit::link(db, limit, &sign)).await
    }

    async fn checkpoints(&self, after: i64, limit: usize) -> Result<Vec<Checkpoint>, StoreError> {
        self.readers.page(limit, move |db| audit::checkpoints(db, after, limit)).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let over = now.checked_sub(PURGE_AFTER).unwrap_or(Timestamp::MIN);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.task(move |db| {
            Ok(grants::purge(db, micros(over), limit)?
                + sessions::purge(db, micros(over), limit)?
                + single_use::purge(db, micros(over), limit)?
                + outbox::purge(db, micros(over), limit)?
                + attempts::purge(db, over.as_second(), limit)?
                + used::purge(db, micros(over), limit)?
                + revocations::purge(db, micros(over), limit)?
                + changes::purge(db, limit)?)
        })
        .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.check_alive()?;
        self.readers.point(changes::last).map(|_| ())
    }

    async fn dump(&self, sink: tokio::sync::mpsc::Sender<Vec<DumpRow>>) -> Result<(), StoreError> {
        self.readers.long(move |db| dump::dump(db, &sink)).await
    }

    async fn load(&self, source: DumpSource) -> Result<(), StoreError> {
        self.task(move |db| dump::load(db, source)).await
    }
}
