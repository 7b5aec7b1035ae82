//! What lists are asked with. Each is bounded.

use grantor_domain::document::{Document, Kind};
use grantor_oauth_types::id::{DecisionId, GrantId, SessionId, UserId};
use grantor_oauth_types::name::{ClientId, TenantName};

/// Documents of one kind and tenant, ordered by id.
#[derive(Clone, Debug)]
pub struct DocumentQuery {
    /// Whose; `None` is every tenant (only for [`Kind::Tenant`] and for start-up)
    pub tenant: Option<TenantName>,
    /// What
    pub kind: Kind,
    /// Only those that hang on this
    pub parent: Option<String>,
    /// Behind this id (exclusive)
    pub after: Option<String>,
    /// At most
    pub limit: usize,
}

impl DocumentQuery {
    /// The first documents of a kind.
    pub fn of<D: Document>(tenant: &TenantName, limit: usize) -> Self {
        Self { tenant: Some(tenant.clone()), kind: D::KIND, parent: None, after: None, limit }
    }

    /// Only those that hang on `parent`.
    #[must_use]
    pub fn under(mut self, parent: impl Into<String>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Only those behind an id.
    #[must_use]
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.after = Some(id.into());
        self
    }
}

/// Grants of a tenant, newest first.
#[derive(Clone, Debug)]
pub struct GrantQuery {
    /// Whose
    pub tenant: TenantName,
    /// Only of this user
    pub user: Option<UserId>,
    /// Only of this client
    pub client: Option<ClientId>,
    /// Only those older than this one (exclusive)
    pub before: Option<GrantId>,
    /// At most
    pub limit: usize,
}

/// Sessions of a user, newest first, ended ones too.
#[derive(Clone, Debug)]
pub struct SessionQuery {
    /// Whose
    pub tenant: TenantName,
    /// Of which user
    pub user: UserId,
    /// Only those older than this one (exclusive)
    pub before: Option<SessionId>,
    /// At most
    pub limit: usize,
}

/// Audit rows, oldest first.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// Of one tenant, or of all
    pub tenant: Option<TenantName>,
    /// Behind this row (exclusive)
    pub after: i64,
    /// In the order of the chain, linked rows only: then `after` is a link number
    pub chain: bool,
    /// Only events of this kind (batches are `token.issued`)
    pub kind: Option<String>,
    /// Only from this decision on
    pub since: Option<DecisionId>,
    /// At most
    pub limit: usize,
}

/// Audit rows of a person, newest first.
#[derive(Clone, Debug)]
pub struct PersonQuery {
    /// Where
    pub tenant: TenantName,
    /// Whose
    pub user: UserId,
    /// Only those before this row (exclusive)
    pub before: Option<i64>,
    /// At most
    pub limit: usize,
}
