//! A tenant as a node holds it: whole, immutable, replaced when it changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use grantor_crypto::token::TokenSealer;
use grantor_domain::issue::AccessToken;
use grantor_domain::realm::Realm;
use grantor_domain::resource_type::ResourceType;
use grantor_domain::revocation::{Hash, Revocation, RevocationSet};
use grantor_domain::scope::Scope;
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::name::{RealmName, ResourceTypeId, TenantName};
use grantor_oauth_types::scope::ScopeToken;
use grantor_pages::Brand;
use grantor_store::{DocumentQuery, Documents as _, Store, StoreError};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use super::hosts::issuer_parts;
use super::keys::{KeyRing, PublishedKeys};
use crate::metadata;
use crate::reply::page;
use crate::secrets::Secrets;
use crate::settings::MutualTlsListener;

/// How many verified tokens a tenant remembers. A token takes about half a kilobyte.
const VERIFIED: usize = 8_192;

/// More of a kind than this in one tenant is no catalogue any more.
const MOST: usize = 20_000;

/// The longest any access token may live, in seconds: keys stay published that long after their
/// last use, and revocations are remembered that long.
pub const LONGEST_TOKEN_SECONDS: u32 = 31 * 86_400;

/// A tenant, its catalogue, its keys.
#[derive(Debug)]
pub struct TenantView {
    /// No other view of this process has it
    pub serial: u64,
    /// The tenant
    pub tenant: Tenant,
    /// The path of its issuer: what its own paths begin with; mostly empty
    pub prefix: String,
    /// Its realms
    pub realms: HashMap<RealmName, Realm>,
    /// Its scopes
    pub scopes: HashMap<ScopeToken, Scope>,
    /// Its resource types
    pub resource_types: HashMap<ResourceTypeId, ResourceType>,
    /// Its keys
    pub keys: Arc<KeyRing>,
    /// The JWK set as it goes out
    pub published: PublishedKeys,
    /// Where it is found by clients that show a certificate (RFC 8705 §5)
    pub mutual_tls: Option<String>,
    /// The metadata document as it goes out
    pub metadata: Bytes,
    /// How its pages look
    pub brand: Brand,
    /// What seals its reference tokens
    pub reference_tokens: Arc<TokenSealer>,
    /// Signatures that were checked before; emptied when a key goes
    pub verified: Arc<Cache<Hash, Arc<AccessToken>>>,
    /// What is dead
    pub revocations: Arc<Revocations>,
}

/// The revocations of a tenant, and who waits for news.
#[derive(Debug)]
pub struct Revocations {
    /// What is dead
    pub set: ArcSwap<RevocationSet>,
    cursor: AtomicI64,
    news: watch::Sender<i64>,
}

impl Revocations {
    /// How far the sequence was taken in.
    pub fn cursor(&self) -> i64 {
        self.cursor.load(Ordering::Acquire)
    }

    /// Wakes up when the sequence grows.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.news.subscribe()
    }

    fn take_in(&self, news: &[(i64, Revocation)]) {
        let Some((last, _)) = news.last() else { return };
        let mut set = RevocationSet::clone(&self.set.load());
        news.iter().for_each(|(_, revocation)| set.add(revocation));
        self.set.store(Arc::new(set));
        self.cursor.store(*last, Ordering::Release);
        self.news.send_replace(*last);
    }

    /// Takes in what came behind the cursor.
    pub(super) async fn follow(
        &self,
        store: &dyn Store,
        tenant: &TenantName,
    ) -> Result<(), StoreError> {
        loop {
            let news = store.revocations(tenant, self.cursor(), 10_000).await?;
            self.take_in(&news);
            if news.len() < 10_000 {
                return Ok(());
            }
        }
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self { set: ArcSwap::default(), cursor: AtomicI64::new(0), news: watch::Sender::new(0) }
    }
}

/// The serial of the next view.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl TenantView {
    /// Loads a tenant; what is expensive is taken over from the view before it.
    pub(super) async fn load(
        store: &dyn Store,
        tenant: Tenant,
        secrets: &Secrets,
        mutual_tls: Option<&MutualTlsListener>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let name = &tenant.name;
        let realms = store.list::<Realm>(&DocumentQuery::of::<Realm>(name, MOST)).await?;
        let scopes = store.list::<Scope>(&DocumentQuery::of::<Scope>(name, MOST)).await?;
        let types = DocumentQuery::of::<ResourceType>(name, MOST);
        let types = store.list::<ResourceType>(&types).await?;
        let records = DocumentQuery::of::<SigningKeyRecord>(name, MOST);
        let records = store.list::<SigningKeyRecord>(&records).await?;
        let records = records.into_iter().map(|found| found.value).collect();
        let keys = KeyRing::open(name, records, secrets, before.map(|view| &*view.keys))?;
        let same_keys = before.filter(|view| keys.kids().iter().eq(view.keys.kids().iter()));
        let revocations = match before {
            Some(view) => Arc::clone(&view.revocations),
            None => Arc::default(),
        };
        revocations.follow(store, name).await?;
        let scopes: HashMap<_, _> =
            scopes.into_iter().map(|found| (found.value.token.clone(), found.value)).collect();
        let (_, prefix) = issuer_parts(&tenant.issuer).unwrap_or_default();
        Ok(Self {
            serial: NEXT.fetch_add(1, Ordering::Relaxed),
            prefix: prefix.to_owned(),
            brand: page::brand(&tenant),
            published: keys.publish(now, LONGEST_TOKEN_SECONDS),
            metadata: metadata::document(&tenant, &keys, &scopes, mutual_tls, now),
            mutual_tls: mutual_tls.and_then(|listener| listener.base(&tenant.issuer)),
            realms: realms.into_iter().map(|f| (f.value.name.clone(), f.value)).collect(),
            scopes,
            resource_types: types.into_iter().map(|f| (f.value.id.clone(), f.value)).collect(),
            keys: Arc::new(keys),
            reference_tokens: match before {
                Some(view) => Arc::clone(&view.reference_tokens),
                None => Arc::new(secrets.reference_tokens(name)),
            },
            verified: match same_keys {
                Some(view) => Arc::clone(&view.verified),
                None => Arc::new(Cache::new(VERIFIED)),
            },
            revocations,
            tenant,
        })
    }
}
