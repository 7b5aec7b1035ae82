//! What an atomic operation is made of: claims, the rule that judges them, and the effects it wants.

use std::fmt;
use std::sync::Arc;

use grantor_domain::audit::AuditEvent;
use grantor_domain::document::{Document, DocumentKey, Kind, StoredDocument, Versioned};
use grantor_domain::grant::Grant;
use grantor_domain::outbox::Notice;
use grantor_domain::revocation::Revocation;
use grantor_domain::session::Session;
use grantor_domain::single_use::{SingleUse, SingleUseKind};
use grantor_domain::throttle::Attempts;
use grantor_oauth_types::id::{GrantId, SessionId, UserId};
use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;

use crate::{StoreError, audit};

/// Something atomic: what to claim, and the rule that judges it.
pub struct Operation {
    /// What the rule must know; loaded and locked, in this order
    pub claims: Vec<Claim>,
    /// Judges what was found. Called again if the database asks for a retry, so it must be pure
    pub rule: Rule,
}

/// A pure rule inside an operation. An `Err` undoes the operation.
pub type Rule = Arc<dyn Fn(&Claimed) -> Result<Effects, StoreError> + Send + Sync>;

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("claims", &self.claims).finish_non_exhaustive()
    }
}

/// What an operation needs to know and keep others from changing until it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A document
    Document(DocumentKey),
    /// All documents of a kind that hang on a parent (to cascade or to refuse a deletion); at
    /// most [`MAX_CHILDREN`]
    Children {
        /// Whose
        tenant: TenantName,
        /// Which kind
        kind: Kind,
        /// [`Document::parent`]
        parent: String,
    },
    /// A grant
    Grant(TenantName, GrantId),
    /// A session
    Session(TenantName, SessionId),
    /// A single-use value, by its lookup id
    SingleUse(TenantName, SingleUseKind, [u8; 16]),
    /// The failure counter of an account
    Attempts(TenantName, String),
    /// A mark that something was used: present if it was and is still remembered
    Used(UsedKind, Vec<u8>),
}

/// The most children a claim loads; an operation on more is refused as too large.
pub const MAX_CHILDREN: usize = 10_000;

/// What can be used only once. Separate spaces: a value of one kind never counts as another
/// (SEC-049).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsedKind {
    /// The `jti` of a client assertion (RFC 7523 §3)
    AssertionJti,
    /// The one-time secret of the first administrator (SEC-168)
    Bootstrap,
    /// A use of an initial access token (SEC-151)
    Registration,
}

impl UsedKind {
    /// The spelling in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssertionJti => "assertion_jti",
            Self::Bootstrap => "bootstrap",
            Self::Registration => "registration",
        }
    }
}

/// What was found under the claims, in their order.
#[derive(Debug)]
pub struct Claimed {
    found: Vec<Found>,
}

/// What was found under one claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Under [`Claim::Document`]
    Document(Option<StoredDocument>),
    /// Under [`Claim::Children`]
    Children(Vec<StoredDocument>),
    /// Under [`Claim::Grant`]
    Grant(Option<Box<Grant>>),
    /// Under [`Claim::Session`]
    Session(Option<Box<Session>>),
    /// Under [`Claim::SingleUse`]
    SingleUse(Option<Box<SingleUse>>),
    /// Under [`Claim::Attempts`]; zero when there is no counter
    Attempts(Attempts),
    /// Under [`Claim::Used`]
    Used(bool),
}

impl Claimed {
    /// For backends: what was found, in the order of the claims.
    pub fn new(found: Vec<Found>) -> Self {
        Self { found }
    }

    /// Everything that was found, in the order of the claims.
    pub fn iter(&self) -> impl Iterator<Item = &Found> {
        self.found.iter()
    }

    /// What was found under the claim with this number. Asking for another sort than was claimed
    /// is a mistake in the operation.
    pub fn document<D: Document>(&self, claim: usize) -> Result<Option<Versioned<D>>, StoreError> {
        match &self.found[claim] {
            Found::Document(stored) => {
                Ok(stored.as_ref().map(StoredDocument::decode).transpose()?)
            }
            other => unreachable!("claim {claim} is no document but {other:?}"),
        }
    }

    /// What was found under the claim with this number, undecoded.
    pub fn stored(&self, claim: usize) -> Option<&StoredDocument> {
        match &self.found[claim] {
            Found::Document(stored) => stored.as_ref(),
            other => unreachable!("claim {claim} is no document but {other:?}"),
        }
    }

    /// The children found under the claim with this number, undecoded.
    pub fn stored_children(&self, claim: usize) -> &[StoredDocument] {
        match &self.found[claim] {
            Found::Children(stored) => stored,
            other => unreachable!("claim {claim} is no list but {other:?}"),
        }
    }

    /// The children found under the claim with this number.
    pub fn children<D: Document>(&self, claim: usize) -> Result<Vec<Versioned<D>>, StoreError> {
        match &self.found[claim] {
            Found::Children(stored) => {
                Ok(stored.iter().map(StoredDocument::decode).collect::<Result<_, _>>()?)
            }
            other => unreachable!("claim {claim} is no list but {other:?}"),
        }
    }

    /// The grant found under the claim with this number.
    pub fn grant(&self, claim: usize) -> Option<&Grant> {
        match &self.found[claim] {
            Found::Grant(grant) => grant.as_deref(),
            other => unreachable!("claim {claim} is no grant but {other:?}"),
        }
    }

    /// The session found under the claim with this number.
    pub fn session(&self, claim: usize) -> Option<&Session> {
        match &self.found[claim] {
            Found::Session(session) => session.as_deref(),
            other => unreachable!("claim {claim} is no session but {other:?}"),
        }
    }

    /// The single-use value found under the claim with this number.
    pub fn single_use(&self, claim: usize) -> Option<&SingleUse> {
        match &self.found[claim] {
            Found::SingleUse(value) => value.as_deref(),
            other => unreachable!("claim {claim} is no single-use value but {other:?}"),
        }
    }

    /// The counter found under the claim with this number.
    pub fn attempts(&self, claim: usize) -> Attempts {
        match &self.found[claim] {
            Found::Attempts(attempts) => *attempts,
            other => unreachable!("claim {claim} is no counter but {other:?}"),
        }
    }

    /// Whether the mark claimed under this number was there.
    pub fn used(&self, claim: usize) -> bool {
        match &self.found[claim] {
            Found::Used(used) => *used,
            other => unreachable!("claim {claim} is no mark but {other:?}"),
        }
    }
}

/// What a rule wants written, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects(pub Vec<Effect>);

/// One thing to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Adds or replaces a document, and appends to the change sequence
    Put(StoredDocument, Expect),
    /// Deletes a document by id, and appends to the change sequence; nothing if it is not there
    Delete(TenantName, Kind, String),
    /// Adds a grant
    OpenGrant(Box<Grant>),
    /// Replaces a grant that was claimed
    UpdateGrant(Box<Grant>),
    /// Ends every live grant of a user, a client, or both (`None` is any), at this moment
    EndGrants {
        /// Whose
        tenant: TenantName,
        /// Of which user
        user: Option<UserId>,
        /// Of which client
        client: Option<grantor_oauth_types::name::ClientId>,
        /// When
        at: Timestamp,
    },
    /// Adds or replaces a session; whose it is never changes
    PutSession(Box<Session>),
    /// Ends every live session of a user but one, at this moment
    EndSessions {
        /// Whose
        tenant: TenantName,
        /// Of which user
        user: UserId,
        /// Not this one
        except: Option<SessionId>,
        /// When
        at: Timestamp,
    },
    /// Adds a single-use value
    OpenSingleUse(Box<SingleUse>),
    /// Marks a single-use value, as it was claimed, as spent at this moment
    Spend(Box<SingleUse>, Timestamp),
    /// Appends to the revocation sequence of its tenant
    Revoke(Box<Revocation>),
    /// Keeps a counter; a zero count deletes it
    SetAttempts(TenantName, String, Attempts),
    /// Marks as used, and remembers it at least until then
    MarkUsed(UsedKind, Vec<u8>, Timestamp),
    /// Remembers a message that has to be told to others, unless it is there already (REL-038)
    Notify(Box<Notice>),
    /// A message was told, or is given up
    Told([u8; 16]),
    /// A message is tried again at this moment
    TellAgain([u8; 16], Timestamp),
    /// Remembers an event
    Audit(Box<AuditEvent>),
    /// Remembers many issue events as one row, ordered by id: they are found through the ids of
    /// the first and the last
    AuditBatch(Vec<audit::Repeated>),
}

/// What must be true of a document that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is none; [`StoreError::Conflict`] otherwise
    New,
    /// It has this version; [`StoreError::Stale`] otherwise
    Version(i64),
    /// Whatever there is
    Any,
}

impl Effects {
    /// Nothing to write.
    pub const NONE: Self = Self(Vec::new());

    /// With one more.
    #[must_use]
    pub fn and(mut self, effect: Effect) -> Self {
        self.0.push(effect);
        self
    }

    /// Puts a document.
    #[must_use]
    pub fn put<D: Document>(self, document: &D, expect: Expect) -> Self {
        self.and(Effect::Put(StoredDocument::encode(document), expect))
    }

    /// Deletes a document.
    #[must_use]
    pub fn delete<D: Document>(self, document: &D) -> Self {
        self.and(Effect::Delete(document.tenant().clone(), D::KIND, document.id()))
    }

    /// Remembers an event.
    #[must_use]
    pub fn audit(self, event: AuditEvent) -> Self {
        self.and(Effect::Audit(Box::new(event)))
    }
}

impl From<Effect> for Effects {
    fn from(effect: Effect) -> Self {
        Self(vec![effect])
    }
}
