//! "This principal may have this scope", with reason, approver and end.

use grantor_oauth_types::id::{AssignmentId, GroupId, UserId};
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_oauth_types::scope::ScopeToken;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// An assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Whose it is
    pub tenant: TenantName,
    /// Made by the server
    pub id: AssignmentId,
    /// Who may have it
    pub principal: Principal,
    /// What
    pub scope: ScopeToken,
    /// Why
    pub reason: String,
    /// Who agreed
    #[serde(default)]
    pub approver: Option<String>,
    /// Since when
    pub created: Timestamp,
    /// Who wrote it down
    pub created_by: String,
    /// Until when; `None` is until taken away
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// Who can be given a scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// A user, mostly the service user of an application
    User(UserId),
    /// A client
    Client(ClientId),
    /// Every member of a group
    Group(GroupId),
}

impl Principal {
    /// The form by which the assignments of a principal are listed.
    pub fn key(&self) -> String {
        match self {
            Self::User(id) => id.to_string(),
            Self::Client(id) => format!("client/{id}"),
            Self::Group(id) => id.to_string(),
        }
    }
}

impl Assignment {
    /// Whether it counts at this moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }
}

impl Document for Assignment {
    const KIND: Kind = Kind::Assignment;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    /// A principal has a scope once.
    fn name(&self) -> Option<String> {
        Some(format!("{} {}", self.principal.key(), self.scope))
    }

    fn parent(&self) -> Option<String> {
        Some(self.principal.key())
    }
}
