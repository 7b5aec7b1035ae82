//! A resource owner in one realm: a person, or the service user of an application.

mod skeleton;

use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ApplicationId, RealmName, TenantName, UserName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Whose it is
    pub tenant: TenantName,
    /// Made by the server, never re-assigned (SEC-088)
    pub id: UserId,
    /// In which population
    pub realm: RealmName,
    /// What it signs in with; unique in the realm however it is written (SEC-124)
    pub name: UserName,
    /// A disabled user gets nothing (SEC-051)
    #[serde(default = "crate::document_default::yes")]
    pub enabled: bool,
    /// The application whose service user this is
    #[serde(default)]
    pub application: Option<ApplicationId>,
    /// Any of them logs in: during a rotation the old and the new one are both valid
    #[serde(default)]
    pub passwords: Vec<StoredPassword>,
    /// Given name and the like, for people
    #[serde(default)]
    pub display_name: Option<String>,
    /// Address for notices
    #[serde(default)]
    pub email: Option<String>,
}

/// A password hash and where it came from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPassword {
    /// PHC string (argon2id) or modular crypt (bcrypt); never leaves the server
    pub hash: String,
    /// When it was set
    pub created: Timestamp,
    /// Who set it
    pub created_by: String,
}

impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredPassword").field("created", &self.created).finish_non_exhaustive()
    }
}

impl User {
    /// The name under which a user is found: one form of all that look alike, so that they share
    /// one account and one failure counter (SEC-115, SEC-124).
    pub fn login_key(realm: &RealmName, name: &str) -> String {
        format!("{realm}/{}", skeleton::of(name))
    }
}

impl Document for User {
    const KIND: Kind = Kind::User;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn name(&self) -> Option<String> {
        Some(Self::login_key(&self.realm, self.name.as_str()))
    }

    fn parent(&self) -> Option<String> {
        Some(self.realm.to_string())
    }
}
