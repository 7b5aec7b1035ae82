//! What a person has decided about a client and a scope.

use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_oauth_types::scope::ScopeToken;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// A consent; a refusal is remembered too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Whose it is
    pub tenant: TenantName,
    /// Who decided
    pub user: UserId,
    /// About whom
    pub client: ClientId,
    /// About what
    pub scope: ScopeToken,
    /// How
    pub status: ConsentStatus,
    /// When
    pub decided: Timestamp,
    /// Until when it is remembered
    pub expires: Option<Timestamp>,
}

/// Agreed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConsentStatus {
    /// Yes
    Approved,
    /// No
    Denied,
}

impl Consent {
    /// Whether it counts at this moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }
}

impl Document for Consent {
    const KIND: Kind = Kind::Consent;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        format!("{} {} {}", self.user, self.client, self.scope)
    }

    fn parent(&self) -> Option<String> {
        Some(self.user.to_string())
    }
}
