//! Taking in changes.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use grantor_domain::document::{DocumentKey, Kind};
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_store::{Change, Changed, DocumentQuery, Documents as _, StoreError};
use jiff::Timestamp;

use super::{Directory, Hosts, TenantView};

/// How many changes are taken in at once.
const AT_ONCE: usize = 1_000;

impl Directory {
    /// Takes in every change up to now. A node calls this after a change of its own, before it
    /// answers; and a task calls it several times a second.
    pub async fn catch_up(&self, now: Timestamp) -> Result<(), StoreError> {
        let _one_at_a_time = self.following.lock().await;
        loop {
            let after = self.cursor.load(Ordering::Acquire);
            let changes = self.store.changes(after, AT_ONCE).await?;
            if let Some(last) = changes.last() {
                self.take_in(&changes, now).await?;
                self.cursor.store(last.seq, Ordering::Release);
            }
            if changes.len() < AT_ONCE {
                self.looked.store(now.as_millisecond(), Ordering::Relaxed);
                return Ok(());
            }
        }
    }

    async fn take_in(&self, changes: &[Change], now: Timestamp) -> Result<(), StoreError> {
        // Whoever reads while this goes on must not keep what it read (see `Directory::client`).
        self.generation.fetch_add(1, Ordering::AcqRel);
        let (mut reload, mut revoked) = (BTreeSet::new(), BTreeSet::new());
        for change in changes {
            match &change.what {
                Changed::Revocations => {
                    revoked.insert(&change.tenant);
                }
                Changed::Document(kind, id, parent) => {
                    if self.forget(&change.tenant, *kind, id, parent.as_deref()) {
                        reload.insert(&change.tenant);
                    }
                }
            }
        }
        if !reload.is_empty() {
            for tenant in reload {
                self.reload(tenant, now).await?;
            }
            self.find_hosts();
        }
        for tenant in revoked {
            if let Some(view) = self.tenant(tenant.as_str()) {
                view.revocations.follow(&*self.store, tenant).await?;
            }
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Forgets what a changed document may have gone into; says whether the tenant has to be
    /// loaded anew.
    fn forget(&self, tenant: &TenantName, kind: Kind, id: &str, parent: Option<&str>) -> bool {
        match kind {
            Kind::Tenant | Kind::Realm | Kind::Scope | Kind::ResourceType | Kind::SigningKey => {
                return true;
            }
            Kind::Client => self.forget_client(tenant, id),
            Kind::User => {
                self.forget_user(tenant, id);
                // A service user is part of its application's clients.
                self.clients.clear();
            }
            Kind::Consent => self.forget_user(tenant, parent.unwrap_or_default()),
            Kind::Assignment => match parent.unwrap_or_default() {
                principal if principal.starts_with("client/") => {
                    self.forget_client(tenant, principal.trim_start_matches("client/"));
                }
                _ => self.forget_everybody(),
            },
            // Read once, at start; sealing it anew changes nothing.
            Kind::DataKey => {}
            // Memberships and applications reach many; they change rarely.
            Kind::Group => {
                self.group_names.clear();
                self.forget_everybody();
            }
            Kind::Application => self.forget_everybody(),
        }
        false
    }

    fn forget_client(&self, tenant: &TenantName, id: &str) {
        if let Ok(id) = ClientId::parse(id) {
            self.clients.remove(&(tenant.clone(), id));
        }
    }

    fn forget_user(&self, tenant: &TenantName, id: &str) {
        if let Ok(id) = UserId::from_str(id) {
            self.users.remove(&(tenant.clone(), id));
        }
    }

    fn forget_everybody(&self) {
        self.clients.clear();
        self.users.clear();
    }

    async fn reload(&self, name: &TenantName, now: Timestamp) -> Result<(), StoreError> {
        let key = DocumentKey::id::<Tenant>(name, name.as_str());
        let found = self.store.find::<Tenant>(&key).await?;
        let before = self.tenant(name.as_str());
        let mut tenants = HashMap::clone(&self.tenants.load());
        match found {
            Some(found) => {
                let (store, secrets) = (&*self.store, &*self.secrets);
                let (before, mutual_tls) = (before.as_deref(), self.mutual_tls.as_ref());
                let view =
                    TenantView::load(store, found.value, secrets, mutual_tls, before, now).await?;
                tenants.insert(name.clone(), Arc::new(view));
            }
            None => {
                tenants.remove(name);
            }
        }
        self.tenants.store(Arc::new(tenants));
        Ok(())
    }

    /// Looks anew where the tenants are.
    fn find_hosts(&self) {
        let mut hosts = Hosts::default();
        self.tenants.load().values().for_each(|view| hosts.add(&view.tenant, view));
        self.hosts.store(Arc::new(hosts));
    }

    /// Loads every tenant anew: at start, and when time has passed that changes which key signs.
    pub async fn load_tenants(&self, now: Timestamp) -> Result<(), StoreError> {
        // Not beside a change that is taken in: of two loads the older must not come last.
        let _one_at_a_time = self.following.lock().await;
        let query = DocumentQuery {
            tenant: None,
            kind: Kind::Tenant,
            parent: None,
            after: None,
            limit: 10_000,
        };
        for found in self.store.list::<Tenant>(&query).await? {
            self.reload(&found.value.name, now).await?;
        }
        self.find_hosts();
        Ok(())
    }
}
