//! A population of resource owners in a tenant with its ways to log in.

use grantor_oauth_types::name::{RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};
use crate::tenant::SignInPage;

/// A realm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realm {
    /// Whose it is
    pub tenant: TenantName,
    /// Its name, without slash
    pub name: RealmName,
    /// Whether its users are services: then every scope beyond the default ones must be assigned
    /// to the user, and no consent is asked for
    #[serde(default)]
    pub services: bool,
    /// Whether the password grant works for its users (RFC 9700 §2.4 advises against it)
    #[serde(default)]
    pub password_grant: bool,
    /// What is granted when nothing is asked for, and is allowed to every client
    #[serde(default)]
    pub default_scopes: Scopes,
    /// How long its users' access tokens live, in seconds; `None` is the tenant's setting
    #[serde(default)]
    pub access_token_seconds: Option<u32>,
    /// How its people sign in; `None` is the tenant's setting
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_page: Option<SignInPage>,
}

impl Document for Realm {
    const KIND: Kind = Kind::Realm;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.name.to_string()
    }
}
