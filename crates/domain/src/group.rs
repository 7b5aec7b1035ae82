//! People who are given the same permissions. Groups nest.

use grantor_oauth_types::id::{GroupId, UserId};
use grantor_oauth_types::name::TenantName;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// How deep groups may nest; a cycle ends there too.
pub const MAX_NESTING: usize = 16;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Whose it is
    pub tenant: TenantName,
    /// Made by the server
    pub id: GroupId,
    /// Unique in the tenant
    pub name: String,
    /// For people
    #[serde(default)]
    pub description: String,
    /// Who belongs to it
    #[serde(default)]
    pub members: Vec<Member>,
}

/// A member and where the membership comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Who
    pub who: MemberRef,
    /// The outside system that said so; `None` is us
    #[serde(default)]
    pub source: Option<String>,
}

/// A user, or a group whose members are members too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRef {
    /// A user
    User(UserId),
    /// A nested group
    Group(GroupId),
}

impl Document for Group {
    const KIND: Kind = Kind::Group;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn name(&self) -> Option<String> {
        Some(self.name.clone())
    }
}
