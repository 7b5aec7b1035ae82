//! What a check knows of the rest.

use std::collections::{HashMap, HashSet};

use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{RealmName, ResourceTypeId};
use grantor_oauth_types::scope::ScopeToken;
use jiff::Timestamp;

use crate::document::{CorruptDocument, Document, Kind, StoredDocument};
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::Scope;
use crate::user::User;

/// What exists, as far as it was asked for with [`super::Entry::wants`]; and the time.
#[derive(Clone, Debug)]
pub struct Known {
    pub(super) now: Timestamp,
    ids: HashSet<(Kind, String)>,
    realms: HashMap<RealmName, Realm>,
    users: HashMap<UserId, User>,
    resource_types: HashMap<ResourceTypeId, ResourceType>,
    scopes: HashMap<ScopeToken, Scope>,
}

impl Known {
    /// Nothing yet.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            ids: HashSet::new(),
            realms: HashMap::new(),
            users: HashMap::new(),
            resource_types: HashMap::new(),
            scopes: HashMap::new(),
        }
    }

    /// Takes in a document as the store has it; of one tenant only.
    pub fn add(&mut self, stored: &StoredDocument) -> Result<(), CorruptDocument> {
        match stored.kind {
            Kind::Realm => self.add_realm(stored.decode()?.value),
            Kind::User => self.add_user(stored.decode()?.value),
            Kind::ResourceType => self.add_resource_type(stored.decode()?.value),
            Kind::Scope => self.add_scope(stored.decode()?.value),
            _ => {}
        }
        self.ids.insert((stored.kind, stored.id.clone()));
        Ok(())
    }

    /// Takes in a document that is to be written together with the one that is checked.
    #[must_use]
    pub fn and<D: Document>(mut self, document: &D) -> Self {
        self.add(&StoredDocument::encode(document)).expect("what was encoded just now decodes");
        self
    }

    fn add_realm(&mut self, realm: Realm) {
        self.realms.insert(realm.name.clone(), realm);
    }

    fn add_user(&mut self, user: User) {
        self.users.insert(user.id, user);
    }

    fn add_resource_type(&mut self, resource_type: ResourceType) {
        self.resource_types.insert(resource_type.id.clone(), resource_type);
    }

    fn add_scope(&mut self, scope: Scope) {
        self.scopes.insert(scope.token.clone(), scope);
    }

    pub(super) fn has<D: Document>(&self, id: &str) -> bool {
        self.ids.contains(&(D::KIND, id.to_owned()))
    }

    pub(super) fn realm(&self, name: &RealmName) -> Option<&Realm> {
        self.realms.get(name)
    }

    pub(super) fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id)
    }

    pub(super) fn resource_type(&self, id: &ResourceTypeId) -> Option<&ResourceType> {
        self.resource_types.get(id)
    }

    pub(super) fn scope(&self, token: &ScopeToken) -> Option<&Scope> {
        self.scopes.get(token)
    }

    /// The scopes of a resource type, in the order of their names.
    pub(super) fn scopes_of<'a>(&'a self, id: &'a ResourceTypeId) -> Vec<&'a Scope> {
        let mut scopes: Vec<&Scope> =
            self.scopes.values().filter(|s| s.resource_type.as_ref() == Some(id)).collect();
        scopes.sort_by(|a, b| a.token.cmp(&b.token));
        scopes
    }
}
