//! The store on PostgreSQL, for many nodes.
//!
//! | | |
//! |---|---|
//! | operations | a transaction each; claims are row locks, or locks on the key where there may be no row |
//! | reads | one statement, on the primary, from a pool of connections with prepared statements |
//! | sequences | numbers are taken in the order of commits, see `changes.rs` |
//! | outages | "unavailable" within the configured times; nodes reconnect by themselves |
//!
//! What was acknowledged is on the disk of the primary, and of a synchronous standby if there is
//! one: sessions commit with `synchronous_commit` at least `on`, whatever their default (REL-009).
//! When the connection is lost while a commit is on its way, nobody knows its outcome; the caller
//! hears [`StoreError::Unavailable`] and a retry finds one consistent state (REL-011).
//!
//! # What it costs
//!
//! CPU time of our process and rate, 32 tasks over 8 connections on two cores shared with the
//! database and a dozen builds (`tests/load.rs`):
//!
//! | | round trips | µs of CPU | a second |
//! |---|---|---|---|
//! | read a document, read a grant | 1 | 21–29 | 7,300–10,800 |
//! | append an audit event | 1 | 51–60 | 1,300–1,800 |
//! | open a grant with its event | 1 | 95 | 1,600 |
//! | rotate a grant with its event | 2 | 120–134 | 1,000–1,300 |
//! | use something once | 2 | 106–118 | 1,300–1,500 |
//!
//! Rates of writes are those of the disk's `fsync`; more connections share one.
//!
//! Each file of statements belongs to one aggregate and lists them all, so that a test prepares
//! every one on the migrated schema. No statement is assembled from what somebody sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
use tokio_postgres::Row;

use crate::column::micros;
use crate::connection::{Connector, Pool};
use crate::lock::Locks;

mod attempts;
mod audit;
mod changes;
mod claims;
mod column;
mod config;
mod connection;
mod documents;
mod dump;
mod effects;
mod fault;
mod grants;
mod groups;
mod link;
mod lock;
mod migrate;
mod outage;
mod outbox;
mod revocations;
mod sessions;
mod single_use;
mod step;
mod tls;
mod transact;
mod used;

#[cfg(test)]
mod tests;

pub use config::PostgresConfig;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configuration cannot be meant
    #[error("{0}")]
    Config(String),
    /// The database cannot be reached or refuses us; a later try may succeed
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The schema needs a newer Grantor; nothing was written (REL-030)
    #[error(
        "the database needs schema version {needs}, this program knows {known}: it is older than the one that migrated it"
    )]
    Newer {
        /// What the schema needs
        needs: i32,
        /// What this program knows
        known: i32,
    },
    /// A migration failed; what was applied before it stays
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
}

/// The store.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    locks: Locks,
    retries: AtomicU64,
}

impl PostgresStore {
    /// Connects, brings the schema up to date and is ready. Two nodes that start at once take
    /// turns with the schema (REL-031).
    ///
    /// Fails when the database cannot be reached, and when its schema needs a newer program
    /// (REL-030).
    pub async fn connect(config: PostgresConfig) -> Result<Self, ConnectError> {
        let connector = Connector::new(&config)?;
        migrate::migrate(&connector, &config).await?;
        let locks = Locks::new(config.schema.as_deref().unwrap_or("public"));
        let pool = Pool::new(connector, &config)?;
        Ok(Self { pool, locks, retries: AtomicU64::new(0) })
    }

    /// How many operations were tried again since the start, for a metric (REL-014).
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Closes all connections. Whoever comes later hears that the database is not available.
    pub fn close(&self) {
        self.pool.close();
    }

    async fn rows(&self, step: step::Step) -> Result<Vec<Row>, StoreError> {
        self.pool.rows(step).await
    }
}

const PING: &str = "SELECT 1";

const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros";

/// A database that takes longer to say that it is there is not there.
const ANSWERS_WITHIN: Duration = Duration::from_millis(900);

fn late() -> StoreError {
    StoreError::Unavailable("the database did not answer in time".to_owned())
}

#[async_trait]
impl Store for PostgresStore {
    async fn transact(&self, operation: Operation) -> Result<(), StoreError> {
        let retried = || _ = self.retries.fetch_add(1, Ordering::Relaxed);
        transact::transact(&self.pool, &self.locks, &operation, retried).await
    }

    async fn document(&self, key: &DocumentKey) -> Result<Option<StoredDocument>, StoreError> {
        let Some(step) = documents::find(key) else { return Ok(None) };
        self.rows(step).await?.first().map(|row| documents::read(row, key.kind)).transpose()
    }

    async fn documents(&self, query: &DocumentQuery) -> Result<Vec<StoredDocument>, StoreError> {
        documents::read_all(&self.rows(documents::page(query)).await?, query.kind)
    }

    async fn groups_of(
        &self,
        tenant: &TenantName,
        user: UserId,
    ) -> Result<Vec<GroupId>, StoreError> {
        groups::read(&self.rows(groups::of(tenant, user)).await?)
    }

    async fn grant(&self, tenant: &TenantName, id: GrantId) -> Result<Option<Grant>, StoreError> {
        self.rows(grants::find(tenant, id)).await?.first().map(grants::read).transpose()
    }

    async fn grants(&self, query: &GrantQuery) -> Result<Vec<Grant>, StoreError> {
        self.rows(grants::page(query)).await?.iter().map(grants::read).collect()
    }

    async fn session(
        &self,
        tenant: &TenantName,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        self.rows(sessions::find(tenant, id)).await?.first().map(sessions::read).transpose()
    }

    async fn sessions(&self, query: &SessionQuery) -> Result<Vec<Session>, StoreError> {
        self.rows(sessions::page(query)).await?.iter().map(sessions::read).collect()
    }

    async fn single_use(
        &self,
        tenant: &TenantName,
        kind: SingleUseKind,
        id: [u8; 16],
    ) -> Result<Option<SingleUse>, StoreError> {
        let rows = self.rows(single_use::find(tenant, kind, id)).await?;
        rows.first().map(single_use::read).transpose()
    }

    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.rows(changes::after(after, limit)).await?.iter().map(changes::read).collect()
    }

    async fn last_change(&self) -> Result<i64, StoreError> {
        let rows = self.rows(changes::last()).await?;
        rows.first().map_or(Ok(0), |row| column::get(row, "seq"))
    }

    async fn revocations(
        &self,
        tenant: &TenantName,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Revocation)>, StoreError> {
        let rows = self.rows(revocations::after(tenant, after, limit)).await?;
        rows.iter().map(revocations::read).collect()
    }

    async fn revocations_since(
        &self,
        tenant: &TenantName,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<Revocation>, StoreError> {
        let rows = self.rows(revocations::since(tenant, from, limit)).await?;
        rows.iter().map(|row| Ok(revocations::read(row)?.1)).collect()
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.rows(audit::page(query)).await?.iter().map(audit::read).collect()
    }

    async fn audit_of(&self, query: &PersonQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.rows(audit::page_of(query)).await?.iter().map(audit::read_of_person).collect()
    }

    async fn take_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Notice>, StoreError> {
        self.rows(outbox::take(now, until, limit)).await?.iter().map(outbox::read).collect()
    }

    async fn decision(
        &self,
        tenant: &TenantName,
        id: DecisionId,
    ) -> Result<Option<AuditEvent>, StoreError> {
        let single = audit::event(&self.rows(audit::single(tenant, id)).await?, id)?;
        match single {
            Some(event) => Ok(Some(event)),
            None => audit::event(&self.rows(audit::batches(tenant, id)).await?, id),
        }
    }

    async fn link_audit(&self, limit: usize, sign: CheckpointSigner) -> Result<usize, StoreError> {
        link::link(&self.pool, &self.locks, limit, &sign).await
    }

    async fn checkpoints(&self, after: i64, limit: usize) -> Result<Vec<Checkpoint>, StoreError> {
        let rows = self.rows(audit::checkpoints(after, limit)).await?;
        rows.iter().map(audit::read_checkpoint).collect()
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let over = now.checked_sub(PURGE_AFTER).unwrap_or(Timestamp::MIN);
        let limit = column::limit(limit);
        let mut deleted = 0;
        // One short transaction for each sort: nobody waits behind all of them.
        for step in [
            grants::purge(micros(over), limit),
            sessions::purge(micros(over), limit),
            single_use::purge(micros(over), limit),
            outbox::purge(micros(over), limit),
            attempts::purge(over.as_second(), limit),
            used::purge(micros(over), limit),
            revocations::purge(micros(over), limit),
            changes::purge(limit),
        ] {
            deleted += self.rows(step).await?.len();
        }
        Ok(deleted)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let ping = self.rows(step::step!(PING));
        let answer = tokio::time::timeout(ANSWERS_WITHIN, ping).await;
        answer.map_err(|_| late())?.map(|_| ())
    }

    async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let asked = tokio::time::timeout(ANSWERS_WITHIN, self.rows(step::step!(CLOCK)));
        let rows = asked.await.map_err(|_| late())??;
        let Some(row) = rows.first() else { return Ok(None) };
        let micros: i64 = column::get(row, "micros")?;
        let time = Timestamp::from_microsecond(micros);
        time.map(Some).map_err(|e| StoreError::Corrupt(format!("the time of the database: {e}")))
    }

    async fn dump(&self, sink: tokio::sync::mpsc::Sender<Vec<DumpRow>>) -> Result<(), StoreError> {
        dump::dump(&self.pool, &sink).await
    }

    async fn load(&self, source: DumpSource) -> Result<(), StoreError> {
        dump::load(&self.pool, source).await
    }
}
