//! Which access to a resource type, and how it is granted.

use std::collections::BTreeMap;

use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::name::{ResourceTypeId, TenantName};
use grantor_oauth_types::scope::ScopeToken;
use serde::{Deserialize, Serialize};

use crate::claims::GroupClaim;
use crate::document::{Document, Kind};

/// A scope of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Whose it is
    pub tenant: TenantName,
    /// Its name on the wire: `sales_order.read`, or a base scope such as `uid`
    pub token: ScopeToken,
    /// `None` for base scopes, which concern no data of their own
    #[serde(default)]
    pub resource_type: Option<ResourceTypeId>,
    /// How it is granted
    pub rule: GrantRule,
    /// What it is, by language
    pub summary: BTreeMap<String, String>,
    /// For developers
    #[serde(default)]
    pub description: String,
    /// What an owner reads on the consent page, by language; falls back to the summary
    #[serde(default)]
    pub user_information: BTreeMap<String, String>,
    /// 1 is harmless, 3 is critical
    #[serde(default = "default_risk")]
    pub risk: u8,
    /// The level of login it needs
    #[serde(default)]
    pub required_acr: Option<String>,
    /// Who approves assignments: a team or group, for people
    #[serde(default)]
    pub approver: Option<String>,
    /// How long an assignment lasts unless it says otherwise, in seconds
    #[serde(default)]
    pub assignment_seconds: Option<u32>,
    /// How long an owner's decision about it is remembered, in seconds; `None` is the tenant's setting
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_seconds: Option<u32>,
    /// The claim about groups that comes with it; only with [`GrantRule::Identity`]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_claim: Option<GroupClaim>,
}

fn default_risk() -> u8 {
    2
}

/// How a scope is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "granted", rename_all = "snake_case", deny_unknown_fields)]
pub enum GrantRule {
    /// The resource owner consents, or an approved client bypasses consent; the resource server
    /// must compare owner and subject
    Owner,
    /// An unexpired assignment exists for the user or the client
    Assigned,
    /// The user is a member of one of the groups at that moment; otherwise the scope is dropped
    Group {
        /// Any of these
        groups: Vec<GroupId>,
    },
    /// Asked for and allowed for the client
    Always,
    /// Chooses how the user must log in, or with [`AUTH_NONE`] that there is none (`campus.md` 2.1)
    Selector {
        /// Whoever is in none of these may not log in this way; empty is everybody
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<GroupId>,
    },
    /// Releases claims about a person
    Identity,
}

/// The selector of clients that act for themselves. Every other one is a way for people to sign in.
pub const AUTH_NONE: &str = "auth-none";

/// What the names of selectors begin with.
pub const SELECTOR_PREFIX: &str = "auth-";

impl GrantRule {
    /// Whether it chooses how to sign in.
    pub const fn is_selector(&self) -> bool {
        matches!(self, Self::Selector { .. })
    }

    /// The groups that it looks at.
    pub fn groups(&self) -> &[GroupId] {
        match self {
            Self::Group { groups } | Self::Selector { groups } => groups,
            Self::Owner | Self::Assigned | Self::Always | Self::Identity => &[],
        }
    }
}

impl Document for Scope {
    const KIND: Kind = Kind::Scope;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.token.to_string()
    }

    fn parent(&self) -> Option<String> {
        self.resource_type.as_ref().map(ToString::to_string)
    }
}
