//! What a dump is made of: the same for every backend, so that a dump of one loads into another.

use grantor_domain::audit::AuditEvent;
use grantor_domain::document::{Kind, StoredDocument};
use grantor_domain::grant::Grant;
use grantor_domain::outbox::Notice;
use grantor_domain::revocation::Revocation;
use grantor_domain::session::Session;
use grantor_domain::single_use::SingleUse;
use grantor_domain::throttle::Attempts;
use grantor_oauth_types::id::DecisionId;
use grantor_oauth_types::name::TenantName;
use serde::{Deserialize, Serialize};

use crate::audit::{AuditEntry, events_of};
use crate::{Changed, Checkpoint, DumpRow, StoreError};

/// One thing that is remembered. Tables are dumped in the order of these variants; what is derived
/// (group membership, checksums) is not dumped but made anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "table", content = "row", rename_all = "snake_case")]
pub enum Record {
    /// A document of any kind
    Document(DocumentRecord),
    /// A grant with its refresh token
    Grants(Box<Grant>),
    /// A session
    Sessions(Box<Session>),
    /// A single-use value
    SingleUse(Box<SingleUse>),
    /// A message that was not told yet
    Outbox(Box<Notice>),
    /// A failure counter
    Attempts {
        /// Whose
        tenant: TenantName,
        /// Of which account
        account: String,
        /// The counter
        #[serde(flatten)]
        attempts: Attempts,
    },
    /// A mark; see [`used_digest`]
    Used {
        /// [`crate::UsedKind::as_str`]
        kind: String,
        /// SHA-256 of the value
        value: [u8; 32],
        /// Remembered until, in microseconds since 1970
        until: i64,
    },
    /// A number of the change sequence
    Changes {
        /// Its place
        seq: i64,
        /// Where
        tenant: TenantName,
        /// Of which kind; `None` when the revocations grew
        kind: Option<Kind>,
        /// Of which document
        id: Option<String>,
        /// What that hung on
        parent: Option<String>,
    },
    /// A number of the revocation sequence
    Revocations {
        /// Its place
        seq: i64,
        /// What it says
        revocation: Revocation,
    },
    /// An audit row
    Audit(AuditRecord),
    /// A link of the audit chain
    AuditLink {
        /// Its place in the chain
        link: i64,
        /// Which row it is
        seq: i64,
        /// The hash before
        previous: [u8; 32],
        /// Its hash
        hash: [u8; 32],
    },
    /// A signed checkpoint
    Checkpoints {
        /// Of which link
        link: i64,
        /// The hash there
        hash: [u8; 32],
        /// A compact JWS
        signed: String,
    },
    /// How far a sequence has counted, when its newest rows are gone already
    Sequence {
        /// `changes` or `revocations`
        name: String,
        /// The last number that was given
        last: i64,
    },
}

/// A document in a dump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Whose
    pub tenant: TenantName,
    /// What
    pub kind: Kind,
    /// [`StoredDocument::id`]
    pub id: String,
    /// [`StoredDocument::name`]
    pub name: Option<String>,
    /// [`StoredDocument::parent`]
    pub parent: Option<String>,
    /// [`StoredDocument::version`]
    pub version: i64,
    /// The JSON text, byte for byte
    pub body: String,
}

/// An audit row in a dump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its place
    pub seq: i64,
    /// Where
    pub tenant: TenantName,
    /// [`AuditEntry::first`]
    pub first: DecisionId,
    /// [`AuditEntry::last`]
    pub last: DecisionId,
    /// [`AuditEntry::kind`]
    pub kind: String,
    /// The exact bytes
    pub body: String,
}

/// What is kept of a value that can be used once: neither a secret nor of unbounded length.
pub fn used_digest(value: &[u8]) -> [u8; 32] {
    grantor_crypto::digest::sha256(value)
}

impl Record {
    /// As a row of a dump.
    pub fn to_row(&self) -> DumpRow {
        let value = serde_json::to_value(self).expect("records have string keys only");
        serde_json::from_value(value).expect("every record is a table and a row of columns")
    }

    /// From a row of a dump.
    pub fn from_row(row: DumpRow) -> Result<Self, StoreError> {
        let table = row.table.clone();
        let value = serde_json::to_value(row).expect("rows have string keys only");
        serde_json::from_value(value)
            .map_err(|e| StoreError::Corrupt(format!("a row of {table} does not read: {e}")))
    }

    /// Of a change.
    pub fn change(change: crate::Change) -> Self {
        let (kind, id, parent) = match change.what {
            Changed::Document(kind, id, parent) => (Some(kind), Some(id), parent),
            Changed::Revocations => (None, None, None),
        };
        Self::Changes { seq: change.seq, tenant: change.tenant, kind, id, parent }
    }
}

impl From<StoredDocument> for Record {
    fn from(stored: StoredDocument) -> Self {
        let StoredDocument { tenant, kind, id, name, parent, version, body } = stored;
        Self::Document(DocumentRecord { tenant, kind, id, name, parent, version, body })
    }
}

impl From<DocumentRecord> for StoredDocument {
    fn from(record: DocumentRecord) -> Self {
        let DocumentRecord { tenant, kind, id, name, parent, version, body } = record;
        Self { tenant, kind, id, name, parent, version, body }
    }
}

impl From<Checkpoint> for Record {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { link, hash, signed } = checkpoint;
        Self::Checkpoints { link, hash, signed }
    }
}

impl AuditRecord {
    /// The entry, and its place.
    pub fn into_entry(self) -> Result<(i64, AuditEntry), StoreError> {
        let Self { seq, tenant, first, last, kind, body } = self;
        let persons = events_of(&body)?.iter().flat_map(AuditEvent::persons).collect();
        Ok((seq, AuditEntry { tenant, first, last, kind, body, persons }))
    }
}
