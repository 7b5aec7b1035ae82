//! What a node remembers of the registry, and how it keeps up with changes.
//!
//! A tenant's configuration is held whole ([`TenantView`]); clients and users are cached one by
//! one as they come. Both follow the change sequence of the store: after a change of its own a node
//! catches up before it answers, and otherwise a task looks several times a second. So a node is
//! never staler than it says ([`Directory::behind`]).

mod entries;
mod follow;
mod hosts;
mod keys;
mod view;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use grantor_domain::document::{At, DocumentKey};
use grantor_domain::group::Group;
use grantor_domain::user::User;
use grantor_oauth_types::id::{GroupId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_store::{Documents as _, Store, StoreError};
use jiff::Timestamp;
use quick_cache::sync::Cache;

pub use entries::{ClientEntry, UserEntry};
pub use hosts::{Hosts, host_of, issuer_parts};
pub use keys::{KeyRing, PublishedKeys, Statement, make as make_key};
pub use view::{LONGEST_TOKEN_SECONDS, TenantView};

use crate::secrets::Secrets;
use crate::settings::MutualTlsListener;

/// How many clients and users a node remembers.
const REMEMBERED: usize = 4_096;

/// What somebody's groups are called.
pub type GroupNames = Vec<Arc<str>>;

/// The memory of a node.
#[derive(Debug)]
pub struct Directory {
    store: Arc<dyn Store>,
    secrets: Arc<Secrets>,
    mutual_tls: Option<MutualTlsListener>,
    tenants: ArcSwap<HashMap<TenantName, Arc<TenantView>>>,
    /// The same, by where they are
    hosts: ArcSwap<Hosts<Arc<TenantView>>>,
    clients: Cache<(TenantName, ClientId), Arc<ClientEntry>>,
    users: Cache<(TenantName, UserId), Arc<UserEntry>>,
    names: Cache<(TenantName, String), UserId>,
    group_names: Cache<(TenantName, GroupId), Arc<str>>,
    /// Grows with every change that was taken in: whatever was derived from the memory before is
    /// stale
    generation: AtomicU64,
    /// The last change that was taken in
    cursor: AtomicI64,
    /// When the sequence was last looked at, in milliseconds since 1970
    looked: AtomicI64,
    /// One at a time takes in changes
    following: tokio::sync::Mutex<()>,
}

impl Directory {
    /// Loads every tenant.
    pub async fn load(
        store: Arc<dyn Store>,
        secrets: Arc<Secrets>,
        mutual_tls: Option<MutualTlsListener>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let directory = Self {
            // What changes while we load is taken in again afterwards.
            cursor: AtomicI64::new(store.last_change().await?),
            store,
            secrets,
            mutual_tls,
            tenants: ArcSwap::default(),
            hosts: ArcSwap::default(),
            clients: Cache::new(REMEMBERED),
            users: Cache::new(REMEMBERED),
            names: Cache::new(REMEMBERED),
            group_names: Cache::new(REMEMBERED),
            generation: AtomicU64::new(0),
            looked: AtomicI64::new(now.as_millisecond()),
            following: tokio::sync::Mutex::default(),
        };
        directory.load_tenants(now).await?;
        Ok(directory)
    }

    /// A tenant by name.
    pub fn tenant(&self, name: &str) -> Option<Arc<TenantView>> {
        self.tenants.load().get(name).cloned()
    }

    /// Every tenant.
    pub fn tenants(&self) -> Arc<HashMap<TenantName, Arc<TenantView>>> {
        self.tenants.load_full()
    }

    /// Every tenant, by where it is.
    pub fn hosts(&self) -> arc_swap::Guard<Arc<Hosts<Arc<TenantView>>>> {
        self.hosts.load()
    }

    /// Grows with every change that was taken in.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How long ago the change sequence was last looked at, in milliseconds.
    pub fn behind(&self, now: Timestamp) -> i64 {
        (now.as_millisecond() - self.looked.load(Ordering::Relaxed)).max(0)
    }

    /// A client and what belongs to it.
    pub async fn client(
        &self,
        tenant: &TenantName,
        id: &ClientId,
    ) -> Result<Option<Arc<ClientEntry>>, StoreError> {
        let key = (tenant.clone(), id.clone());
        if let Some(entry) = self.clients.get(&key) {
            return Ok(Some(entry));
        }
        let before = self.generation();
        // In a box, as below: loading is rare, and every request carries the room for it.
        let loading = Box::pin(entries::load_client(&*self.store, tenant, id));
        let Some(entry) = loading.await? else {
            return Ok(None);
        };
        let entry = Arc::new(entry);
        self.clients.insert(key.clone(), Arc::clone(&entry));
        // A change that was taken in while we read may have looked for this entry too early.
        if self.generation() != before {
            self.clients.remove(&key);
        }
        Ok(Some(entry))
    }

    /// A user and what belongs to it.
    pub async fn user(
        &self,
        tenant: &TenantName,
        id: UserId,
    ) -> Result<Option<Arc<UserEntry>>, StoreError> {
        let key = (tenant.clone(), id);
        if let Some(entry) = self.users.get(&key) {
            return Ok(Some(entry));
        }
        let before = self.generation();
        let at = DocumentKey::id::<User>(tenant, id.to_string());
        let Some(entry) = Box::pin(entries::load_user(&*self.store, &at)).await? else {
            return Ok(None);
        };
        let entry = Arc::new(entry);
        self.users.insert(key.clone(), Arc::clone(&entry));
        if self.generation() != before {
            self.users.remove(&key);
        }
        Ok(Some(entry))
    }

    /// What groups are called, those that still exist.
    pub async fn group_names(
        &self,
        tenant: &TenantName,
        groups: &[GroupId],
    ) -> Result<GroupNames, StoreError> {
        let mut names = Vec::with_capacity(groups.len());
        for id in groups {
            let key = (tenant.clone(), *id);
            if let Some(name) = self.group_names.get(&key) {
                names.push(name);
                continue;
            }
            let before = self.generation();
            let at = DocumentKey::id::<Group>(tenant, id.to_string());
            let Some(found) = self.store.find::<Group>(&at).await? else { continue };
            let name: Arc<str> = found.value.name.into();
            self.group_names.insert(key.clone(), Arc::clone(&name));
            if self.generation() != before {
                self.group_names.remove(&key);
            }
            names.push(name);
        }
        Ok(names)
    }

    /// A user by the name it signs in with.
    pub async fn user_named(
        &self,
        tenant: &TenantName,
        realm: &RealmName,
        name: &str,
    ) -> Result<Option<Arc<UserEntry>>, StoreError> {
        let login = User::login_key(realm, name);
        let key = (tenant.clone(), login.clone());
        if let Some(id) = self.names.get(&key) {
            // The name may have passed on since: it is compared with what the user is called now.
            if let Some(entry) = self.user(tenant, id).await?
                && User::login_key(&entry.user.realm, entry.user.name.as_str()) == login
            {
                return Ok(Some(entry));
            }
            self.names.remove(&key);
        }
        let at = DocumentKey {
            tenant: tenant.clone(),
            kind: grantor_domain::document::Kind::User,
            at: At::Name(login),
        };
        let Some(found) = self.store.find::<User>(&at).await? else { return Ok(None) };
        self.names.insert(key, found.value.id);
        self.user(tenant, found.value.id).await
    }
}
