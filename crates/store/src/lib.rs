//! What must be remembered, as a port; and the contract that every backend passes.
//!
//! # One shape for everything atomic
//!
//! Whatever must be atomic is an [`Operation`]: what to **claim**, and the **rule** that judges
//! what was claimed and returns the [`Effects`] to write. The backend begins, loads and locks the
//! claims, calls the rule, writes its effects, and commits; an error on the way leaves nothing
//! behind. The rule is pure, so it runs on the SQLite writer thread (between many others that one
//! commit makes durable) and inside a PostgreSQL transaction (again after a serialization failure)
//! alike, and no lock is held across anything slow.
//!
//! So a backend knows how to claim and how to write, and never why. What an operation means is
//! said once, in [`operations`], for both.
//!
//! # Reads
//!
//! Everything else is a read that stands alone. Point reads are cheap and run inline; pages are
//! bounded by their query.
//!
//! # Followers
//!
//! Every change of a document appends to the change sequence, every revocation to the revocation
//! sequence. Whoever caches reads the sequence behind its cursor ([`Store::changes`],
//! [`Store::revocations`]); a change is never skipped, in whatever order transactions commit.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantor_domain::audit::AuditEvent;
use grantor_domain::document::{Document, DocumentKey, Kind, StoredDocument, Versioned};
use grantor_domain::grant::Grant;
use grantor_domain::outbox::Notice;
use grantor_domain::revocation::Revocation;
use grantor_domain::session::Session;
use grantor_domain::single_use::{SingleUse, SingleUseKind};
use grantor_oauth_types::id::{DecisionId, GrantId, GroupId, SessionId, UserId};
use grantor_oauth_types::name::TenantName;
use jiff::{SignedDuration, Timestamp};

pub mod audit;
pub mod contract;
mod error;
mod operation;
pub mod operations;
mod query;
pub mod record;

pub use error::StoreError;
pub use operation::{
    Claim, Claimed, Effect, Effects, Expect, Found, MAX_CHILDREN, Operation, Rule, UsedKind,
};
pub use query::{AuditQuery, DocumentQuery, GrantQuery, PersonQuery, SessionQuery};

/// A backend.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Claims, judges, writes and commits; or leaves everything as it was.
    ///
    /// When it returns `Ok`, what the rule wrote survives `kill -9` (REL-001). When the outcome of
    /// a commit is not known, it returns [`StoreError::Unavailable`] and a retry is safe (REL-011).
    async fn transact(&self, operation: Operation) -> Result<(), StoreError>;

    /// Finds a document by one of its keys.
    async fn document(&self, key: &DocumentKey) -> Result<Option<StoredDocument>, StoreError>;

    /// Lists documents of one kind and tenant, ordered by id, behind a cursor.
    async fn documents(&self, query: &DocumentQuery) -> Result<Vec<StoredDocument>, StoreError>;

    /// Every group the user belongs to at this moment, directly or through nested groups, to the
    /// depth of [`grantor_domain::group::MAX_NESTING`].
    async fn groups_of(
        &self,
        tenant: &TenantName,
        user: UserId,
    ) -> Result<Vec<GroupId>, StoreError>;

    /// Finds a grant.
    async fn grant(&self, tenant: &TenantName, id: GrantId) -> Result<Option<Grant>, StoreError>;

    /// Lists grants, newest first, behind a cursor.
    async fn grants(&self, query: &GrantQuery) -> Result<Vec<Grant>, StoreError>;

    /// Finds a session.
    async fn session(
        &self,
        tenant: &TenantName,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError>;

    /// Lists the sessions of a user, newest first, behind a cursor.
    async fn sessions(&self, query: &SessionQuery) -> Result<Vec<Session>, StoreError>;

    /// Finds a single-use value. Whoever wants to spend it claims it.
    async fn single_use(
        &self,
        tenant: &TenantName,
        kind: SingleUseKind,
        id: [u8; 16],
    ) -> Result<Option<SingleUse>, StoreError>;

    /// The change sequence behind `after`, oldest first.
    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>, StoreError>;

    /// Where the change sequence ends now.
    async fn last_change(&self) -> Result<i64, StoreError>;

    /// The revocation sequence of a tenant behind `after`, oldest first.
    async fn revocations(
        &self,
        tenant: &TenantName,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Revocation)>, StoreError>;

    /// What was revoked in a tenant at `from` or later, oldest first.
    async fn revocations_since(
        &self,
        tenant: &TenantName,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Audit events, oldest first, behind a cursor; with their place in the chain.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError>;

    /// The newest audit rows of a person's own log, behind a cursor: single events, and batches that
    /// hold one of hers ([`AuditEvent::persons`]).
    async fn audit_of(&self, query: &PersonQuery) -> Result<Vec<AuditRow>, StoreError>;

    /// Takes messages that are due, the one that waits longest first: they are due again at `until`,
    /// so that no other node tells them meanwhile, and somebody does if this one ends (REL-038).
    async fn take_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Notice>, StoreError>;

    /// The event that carries a decision; issue events are found inside their batch.
    async fn decision(
        &self,
        tenant: &TenantName,
        id: DecisionId,
    ) -> Result<Option<AuditEvent>, StoreError>;

    /// Links up to `limit` events to the end of the hash chain, in the order in which they were
    /// committed, and adds the checkpoint that `sign` makes over the new head (SEC-191). Returns
    /// how many were linked. Two nodes that try at once take turns.
    async fn link_audit(&self, limit: usize, sign: CheckpointSigner) -> Result<usize, StoreError>;

    /// The signed checkpoints behind a link number, oldest first.
    async fn checkpoints(&self, after: i64, limit: usize) -> Result<Vec<Checkpoint>, StoreError>;

    /// Deletes up to `limit` rows of each sort that no answer can depend on any more: grants,
    /// sessions, single-use values, revocations, marks, messages and counters that were over [`PURGE_AFTER`] before `now`, and all but
    /// the newest [`KEPT_CHANGES`] changes. Audit rows stay. Returns how many were deleted.
    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Whether the database answers, in well under a second.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Whether the database answers, and what time it is there; `None` where it goes by the clock
    /// of this host (REL-024).
    async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        self.ping().await.map(|()| None)
    }

    /// Streams everything, as it is at one moment, in chunks (REL-040).
    async fn dump(&self, sink: tokio::sync::mpsc::Sender<Vec<DumpRow>>) -> Result<(), StoreError>;

    /// Writes dumped rows into an empty, migrated database, all in one transaction. Refuses one
    /// that is not empty.
    async fn load(&self, source: DumpSource) -> Result<(), StoreError>;
}

/// Reading documents as what they are.
#[async_trait]
pub trait Documents {
    /// Finds and decodes.
    async fn find<D: Document>(
        &self,
        key: &DocumentKey,
    ) -> Result<Option<Versioned<D>>, StoreError>;

    /// Lists and decodes.
    async fn list<D: Document>(
        &self,
        query: &DocumentQuery,
    ) -> Result<Vec<Versioned<D>>, StoreError>;
}

#[async_trait]
impl Documents for dyn Store {
    async fn find<D: Document>(
        &self,
        key: &DocumentKey,
    ) -> Result<Option<Versioned<D>>, StoreError> {
        Ok(self.document(key).await?.map(|stored| stored.decode()).transpose()?)
    }

    async fn list<D: Document>(
        &self,
        query: &DocumentQuery,
    ) -> Result<Vec<Versioned<D>>, StoreError> {
        let stored = self.documents(query).await?;
        Ok(stored.iter().map(StoredDocument::decode).collect::<Result<_, _>>()?)
    }
}

/// A document was written or deleted, or a revocation was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the sequence; larger than every one before it
    pub seq: i64,
    /// Where
    pub tenant: TenantName,
    /// What changed
    pub what: Changed,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A document: its kind, id and parent (as they are after the change, or were before a
    /// deletion)
    Document(Kind, String, Option<String>),
    /// The revocation sequence of the tenant grew
    Revocations,
}

/// An audit row: an event or a batch of issue events, and its link in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// Its place in the table; the cursor
    pub seq: i64,
    /// Its place in the chain; `None` until it is linked
    pub link: Option<i64>,
    /// The hash of the row before it in the chain
    pub previous: Option<[u8; 32]>,
    /// SHA-256 over `previous` and the body's bytes
    pub hash: Option<[u8; 32]>,
    /// The exact bytes that were hashed: JSON of an event, or an array of them
    pub body: String,
}

/// A signed statement that the chain had this head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The link it speaks of
    pub link: i64,
    /// The hash of that link
    pub hash: [u8; 32],
    /// A compact JWS over link, hash and time
    pub signed: String,
}

/// Signs a checkpoint: link number and hash in, compact JWS out.
pub type CheckpointSigner = Arc<dyn Fn(i64, &[u8; 32]) -> String + Send + Sync>;

/// How long rows outlive their end, in seconds: clocks that differ, or step back, revive nothing
/// (REL-024).
pub const PURGE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How much of the change sequence is kept for followers. One that was away for more reads
/// everything anew.
pub const KEPT_CHANGES: i64 = 100_000;

/// The first link follows this.
pub const CHAIN_START: [u8; 32] = [0; 32];

/// The hash of a link: the one rule, for backends and for `audit verify`.
pub fn link_hash(previous: &[u8; 32], body: &str) -> [u8; 32] {
    grantor_crypto::digest::sha256_of(&[previous, body.as_bytes()])
}

/// Dumped rows on their way in. An empty chunk says that there are no more: a source that ends
/// without it broke off, and nothing is written; an error undoes everything, too.
pub type DumpSource = tokio::sync::mpsc::Receiver<Result<Vec<DumpRow>, StoreError>>;

/// A row of a dump: a table and its columns as JSON. Restoring needs no key: what is sealed stays
/// sealed. The dump as a whole is encrypted by whoever writes it to a file.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DumpRow {
    /// The table
    pub table: String,
    /// Column name → value (blobs as base64url)
    pub row: serde_json::Map<String, serde_json::Value>,
}
