//! A registered system with an owning team.

use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ApplicationId, TenantName};
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// An application: has one service user and any number of clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Whose it is
    pub tenant: TenantName,
    /// Chosen by its team
    pub id: ApplicationId,
    /// Who owns it
    pub team: String,
    /// For people
    pub name: String,
    /// One line for people
    #[serde(default)]
    pub subtitle: String,
    /// An inactive application gets no tokens: neither its clients nor its service user
    #[serde(default = "crate::document_default::yes")]
    pub active: bool,
    /// The user it acts as
    #[serde(default)]
    pub service_user: Option<UserId>,
}

impl Document for Application {
    const KIND: Kind = Kind::Application;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn parent(&self) -> Option<String> {
        Some(self.team.clone())
    }
}
