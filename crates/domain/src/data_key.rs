//! The key that other keys are derived from, sealed under the master key.
//!
//! The master key can be replaced; digests of client secrets, reference tokens and refresh tokens
//! must outlive that. So they hang on this key, which is made once and only ever sealed anew.

use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// A data key as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataKey {
    /// Whose it is: the default tenant's
    pub tenant: TenantName,
    /// What it is for
    pub purpose: String,
    /// The sealed 32 bytes, base64url; bound to tenant and purpose
    pub sealed: String,
    /// When it was made
    pub created: Timestamp,
}

/// The one from which everything is derived.
pub const ROOT: &str = "root";

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataKey").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl DataKey {
    /// What the sealed key is bound to (SEC-094).
    pub fn seal_context(tenant: &TenantName, purpose: &str) -> String {
        format!("data-key/{tenant}/{purpose}")
    }
}

impl Document for DataKey {
    const KIND: Kind = Kind::DataKey;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.purpose.clone()
    }
}
