//! What may be written down: the rules of management writes.
//!
//! There is one rule for creating and for updating (SEC-152): the document is judged as a whole, as
//! it would be afterwards. The REST API, `grantor apply` and the essentials dialect all come here.
//!
//! A document names others, and some rules look at them. [`Entry::wants`] says which, so that the
//! caller can claim them in the transaction that writes; what was found goes into [`Known`], and
//! [`Entry::check`] judges. Every flaw is reported, not just the first.

mod catalogue;
mod client;
mod form;
mod known;
mod people;
mod tenant;
#[cfg(test)]
mod tests;

use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::scope::ScopeToken;

pub(crate) use form::is_absolute_uri;
pub use form::is_deceptive;
pub use known::Known;

use crate::document::{Document, DocumentKey, Kind};

/// The longest life of an access token that a tenant's default may have, in seconds (SEC-091).
pub const LONGEST_DEFAULT_ACCESS: u32 = 86_400;

/// The longest life that a realm or client may set for its own access tokens, in seconds: an
/// explicit exception, as STUPS customers' tokens of 30 days need (SEC-091, `stups.md` 2.9).
pub const LONGEST_ACCESS: u32 = 31 * 86_400;

/// The longest grace window of refresh tokens, in seconds (SEC-062).
pub const LONGEST_GRACE: u32 = 300;

/// The longest that a decision about a client is remembered, in seconds: ten years.
const LONGEST_CONSENT: u32 = 10 * 365 * 86_400;

/// The longest life of an authorization code, in seconds (`compat.code_ttl`, SEC-045).
pub const LONGEST_CODE: u32 = 300;

/// The longest life of a pushed request, in seconds (FAPI 2.0 §5.3.2.2).
pub const LONGEST_PUSHED: u32 = 599;

/// The latest absolute end of a grant, in seconds: unlimited refresh tokens do not exist (SEC-091).
pub const LONGEST_GRANT: u32 = 366 * 86_400;

/// The most live secrets of a client (SEC-160).
pub const MAX_LIVE_SECRETS: usize = 2;

/// The most keys of a client (SEC-155).
pub const MAX_CLIENT_KEYS: usize = 10;

/// The most entries of any list that people write (scopes of a client, owners, hosts, …), but for
/// the members of a group.
pub const MAX_LIST: usize = 500;

/// The most members of a group.
pub const MAX_MEMBERS: usize = 5_000;

/// A document that management writes.
pub trait Entry: Document {
    /// What [`Self::check`] has to know.
    fn wants(&self) -> Vec<Want>;

    /// Whether it may be written, as it is, among what is known.
    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>>;
}

/// Something a check looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// A document that is named
    Document(DocumentKey),
    /// All documents that hang on this one
    Children {
        /// Whose
        tenant: TenantName,
        /// Which kind
        kind: Kind,
        /// [`Document::parent`]
        parent: String,
    },
}

impl Want {
    fn id<D: Document>(tenant: &TenantName, id: &impl ToString) -> Self {
        Self::Document(DocumentKey::id::<D>(tenant, id.to_string()))
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where, as a JSON pointer into the document (RFC 6901)
    pub pointer: String,
    /// What
    pub reason: Reason,
}

impl Flaw {
    /// What is wrong, in words for the person who wrote it.
    pub fn message(&self) -> String {
        self.reason.to_string()
    }
}

/// Why a field is refused. Dialects render some of them in their own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not of its form
    #[error("expected {0}")]
    Form(&'static str),
    /// A number out of its bounds
    #[error("must be from {least} to {most}")]
    Range {
        /// At least
        least: u64,
        /// At most
        most: u64,
    },
    /// Too long a list
    #[error("at most {0} entries")]
    TooMany(usize),
    /// The same entry twice
    #[error("is there twice")]
    Twice,
    /// It names something that does not exist
    #[error("there is no {kind} {id}", kind = .kind.as_str())]
    Unknown {
        /// What it should be
        kind: Kind,
        /// Which one
        id: String,
    },
    /// Two fields contradict each other
    #[error("{0}")]
    Conflict(&'static str),
    /// Not a URI that answers may go to (SEC-019)
    #[error("{0}")]
    Redirect(crate::redirect_uri::Unacceptable),
    /// The key is not a public key we accept (SEC-155)
    #[error("no acceptable public key: {0}")]
    Key(String),
    /// `owner` on a scope whose resource type has no owners
    #[error("an owner scope requires a resource type with owners")]
    OwnersRequired,
    /// The owners go while scopes need them
    #[error("owners are needed by the scopes {}", join(.scopes))]
    OwnersInUse {
        /// Which scopes
        scopes: Vec<ScopeToken>,
    },
}

fn join(scopes: &[ScopeToken]) -> String {
    scopes.iter().map(ScopeToken::as_str).collect::<Vec<_>>().join(" ")
}

/// Collects flaws.
#[derive(Debug, Default)]
struct Flaws(Vec<Flaw>);

impl Flaws {
    fn add(&mut self, pointer: impl Into<String>, reason: Reason) {
        self.0.push(Flaw { pointer: pointer.into(), reason });
    }

    /// Adds a flaw unless the rule holds.
    fn demand(&mut self, holds: bool, pointer: &str, reason: Reason) {
        if !holds {
            self.add(pointer, reason);
        }
    }

    /// A number within its bounds.
    fn range(&mut self, pointer: &str, value: u32, least: u32, most: u32) {
        let reason = Reason::Range { least: least.into(), most: most.into() };
        self.demand((least..=most).contains(&value), pointer, reason);
    }

    /// A list that is not too long and names nothing twice.
    fn list<T: PartialEq>(&mut self, pointer: &str, items: &[T], most: usize) {
        if items.len() > most {
            return self.add(pointer, Reason::TooMany(most));
        }
        for (at, item) in items.iter().enumerate() {
            if items[..at].contains(item) {
                self.add(format!("{pointer}/{at}"), Reason::Twice);
            }
        }
    }

    /// A document that is named exists.
    fn exists<D: Document>(&mut self, pointer: &str, id: &str, known: &Known) {
        let reason = Reason::Unknown { kind: D::KIND, id: id.to_owned() };
        self.demand(known.has::<D>(id), pointer, reason);
    }

    fn done(self) -> Result<(), Vec<Flaw>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
