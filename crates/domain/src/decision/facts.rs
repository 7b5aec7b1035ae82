//! The snapshot that a decision is made on.

use std::collections::HashMap;

use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::name::{ClientId, ResourceTypeId};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::Timestamp;

use crate::application::Application;
use crate::assignment::Assignment;
use crate::client::Client;
use crate::consent::Consent;
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::Scope;
use crate::sign_in::Level;
use crate::tenant::Tenant;
use crate::user::User;

/// Everything a decision looks at, borrowed from where it is cached.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Where
    pub tenant: &'a Tenant,
    /// Who asks
    pub client: &'a Client,
    /// The application of the client
    pub application: Option<&'a Application>,
    /// What is assigned to the client itself
    pub client_assignments: &'a [Assignment],
    /// What is assigned to the service user of the client's application, when the client acts for
    /// itself
    pub application_assignments: &'a [Assignment],
    /// That service user itself
    pub service_user: Option<&'a User>,
    /// The realm of the subject, or that was named
    pub realm: Option<&'a Realm>,
    /// For whom
    pub subject: Option<SubjectFacts<'a>>,
    /// The grant of a refresh token
    pub grant: Option<GrantFacts<'a>>,
    /// The scope catalogue
    pub scopes: &'a HashMap<ScopeToken, Scope>,
    /// The resource types
    pub resource_types: &'a HashMap<ResourceTypeId, ResourceType>,
}

/// The person or service in whose name the token will speak.
#[derive(Clone, Debug)]
pub struct SubjectFacts<'a> {
    /// Who
    pub user: &'a User,
    /// The application whose service user it is
    pub application: Option<&'a Application>,
    /// What is assigned to the user, and to groups the user belongs to
    pub assignments: &'a [Assignment],
    /// Every group, nested ones included
    pub groups: &'a [GroupId],
    /// What the user has decided about clients
    pub consents: &'a [Consent],
    /// Whether the user's password was given to the client in this very request
    pub gave_password: bool,
    /// How well the user has signed in for this
    pub level: Level,
}

/// What a refresh token stands for.
#[derive(Clone, Debug)]
pub struct GrantFacts<'a> {
    /// To whom it was given
    pub client: &'a ClientId,
    /// The most it can carry
    pub scopes: &'a Scopes,
    /// The absolute end
    pub expires: Timestamp,
    /// Whether it was ended before
    pub ended: bool,
}

impl Facts<'_> {
    /// Client, then realm, then tenant. SEC-091 bounds each where it is set.
    pub fn access_token_seconds(&self) -> u32 {
        self.client
            .access_token_seconds
            .or(self.realm.and_then(|realm| realm.access_token_seconds))
            .unwrap_or(self.tenant.settings.access_token_seconds)
    }

    /// The audience of a scope: its resource type's, or the issuer.
    pub fn audience_of<'f>(&'f self, scope: &'f Scope) -> &'f str {
        scope
            .resource_type
            .as_ref()
            .and_then(|id| self.resource_types.get(id))
            .and_then(|resource_type| resource_type.audience.as_deref())
            .unwrap_or(&self.tenant.issuer)
    }
}
