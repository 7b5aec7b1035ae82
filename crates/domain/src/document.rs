//! Aggregates that are kept whole: a key, a version, and a body.
//!
//! Everything people configure (tenants, clients, scopes, …) is read and written as one document.
//! Its key columns are real columns, unique in the database (REL-023); the body is JSON, so that
//! adding a field is not a schema change and two versions of Grantor can run side by side.

use grantor_oauth_types::name::TenantName;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The kinds of document. The text form names the table and appears in the change sequence.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`crate::tenant::Tenant`]
    Tenant,
    /// [`crate::realm::Realm`]
    Realm,
    /// [`crate::user::User`]
    User,
    /// [`crate::group::Group`]
    Group,
    /// [`crate::application::Application`]
    Application,
    /// [`crate::client::Client`]
    Client,
    /// [`crate::resource_type::ResourceType`]
    ResourceType,
    /// [`crate::scope::Scope`]
    Scope,
    /// [`crate::assignment::Assignment`]
    Assignment,
    /// [`crate::consent::Consent`]
    Consent,
    /// [`crate::signing_key::SigningKeyRecord`]
    SigningKey,
    /// [`crate::data_key::DataKey`]
    DataKey,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Tenant,
        Self::Realm,
        Self::User,
        Self::Group,
        Self::Application,
        Self::Client,
        Self::ResourceType,
        Self::Scope,
        Self::Assignment,
        Self::Consent,
        Self::SigningKey,
        Self::DataKey,
    ];

    /// The name of the kind, and of its table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Realm => "realm",
            Self::User => "user",
            Self::Group => "group",
            Self::Application => "application",
            Self::Client => "client",
            Self::ResourceType => "resource_type",
            Self::Scope => "scope",
            Self::Assignment => "assignment",
            Self::Consent => "consent",
            Self::SigningKey => "signing_key",
            Self::DataKey => "data_key",
        }
    }
}

/// Something that is kept as a document.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Which kind it is.
    const KIND: Kind;

    /// The tenant it belongs to. A tenant belongs to itself.
    fn tenant(&self) -> &TenantName;

    /// The primary key inside tenant and kind.
    fn id(&self) -> String;

    /// A second key, unique inside tenant and kind, by which it is found too; and which sorts
    /// lists (a user's `realm/name`, for instance). `None` where the id says it all.
    fn name(&self) -> Option<String> {
        None
    }

    /// What it hangs on and is listed by (a scope's resource type, an assignment's principal).
    fn parent(&self) -> Option<String> {
        None
    }
}

/// Where a document is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentKey {
    /// Whose it is
    pub tenant: TenantName,
    /// What it is
    pub kind: Kind,
    /// Which one
    pub at: At,
}

/// One of the two keys of a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    /// By [`Document::id`]
    Id(String),
    /// By [`Document::name`]
    Name(String),
}

impl DocumentKey {
    /// The key of `D` with this id.
    pub fn id<D: Document>(tenant: &TenantName, id: impl Into<String>) -> Self {
        Self { tenant: tenant.clone(), kind: D::KIND, at: At::Id(id.into()) }
    }

    /// The key of `D` with this name.
    pub fn name<D: Document>(tenant: &TenantName, name: impl Into<String>) -> Self {
        Self { tenant: tenant.clone(), kind: D::KIND, at: At::Name(name.into()) }
    }
}

/// A document as the store has it: what it means is for [`StoredDocument::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Whose it is
    pub tenant: TenantName,
    /// What it is
    pub kind: Kind,
    /// [`Document::id`]
    pub id: String,
    /// [`Document::name`]
    pub name: Option<String>,
    /// [`Document::parent`]
    pub parent: Option<String>,
    /// Starts at 1, grows by 1 with each write; what `If-Match` compares
    pub version: i64,
    /// The JSON text
    pub body: String,
}

/// The body in the database does not read as what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {id} in the database does not read: {reason}", kind = kind.as_str())]
pub struct CorruptDocument {
    /// What it should be
    pub kind: Kind,
    /// Which one
    pub id: String,
    /// What the reader said
    pub reason: String,
}

impl StoredDocument {
    /// Writes a document down. `version` is for the store to set.
    pub fn encode<D: Document>(document: &D) -> Self {
        Self {
            tenant: document.tenant().clone(),
            kind: D::KIND,
            id: document.id(),
            name: document.name(),
            parent: document.parent(),
            version: 0,
            body: serde_json::to_string(document).expect("entities have string keys only"),
        }
    }

    /// Reads it back.
    pub fn decode<D: Document>(&self) -> Result<Versioned<D>, CorruptDocument> {
        debug_assert_eq!(self.kind, D::KIND);
        serde_json::from_str(&self.body)
            .map(|value| Versioned { version: self.version, value })
            .map_err(|e| CorruptDocument {
                kind: self.kind,
                id: self.id.clone(),
                reason: e.to_string(),
            })
    }
}

/// A document and the version that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<D> {
    /// What `If-Match` compares
    pub version: i64,
    /// The document
    pub value: D,
}
