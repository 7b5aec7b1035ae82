//! A category of data, and who can own such data.

use grantor_oauth_types::name::{RealmName, ResourceTypeId, TenantName};
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// A resource type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceType {
    /// Whose it is
    pub tenant: TenantName,
    /// Such as `sales_order`
    pub id: ResourceTypeId,
    /// For people
    pub name: String,
    /// For people
    #[serde(default)]
    pub description: String,
    /// The realms whose users can own such data
    #[serde(default)]
    pub owners: Vec<RealmName>,
    /// The identifier of the API that serves such data: goes into `aud`, is asked for as
    /// `resource` (RFC 8707). `None` is the issuer itself
    #[serde(default)]
    pub audience: Option<String>,
}

impl Document for ResourceType {
    const KIND: Kind = Kind::ResourceType;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.id.to_string()
    }
}
