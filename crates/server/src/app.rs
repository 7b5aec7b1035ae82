//! What a request can reach.

use std::net::IpAddr;
use std::sync::Arc;

use grantor_crypto::pool::PasswordPool;
use grantor_oauth_types::id::{Id, IdKind};
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_store::Store;
use jiff::Timestamp;

use crate::audit::AuditSink;
use crate::clock::Clock;
use crate::decisions::Decisions;
use crate::directory::Directory;
use crate::metrics::Metrics;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::throttle::Throttle;

/// One per process, cloned per request. Handlers take `State<App>` and nothing else global.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Parts {
    /// Where things are remembered
    pub store: Arc<dyn Store>,
    /// What the node remembers of it
    pub directory: Arc<Directory>,
    /// The derived keys
    pub secrets: Arc<Secrets>,
    /// Where passwords are hashed
    pub passwords: PasswordPool,
    /// Where issue events go
    pub audit: AuditSink,
    /// Decisions that were made before
    pub decisions: Decisions,
    /// What is counted
    pub metrics: Metrics,
    /// What time it is
    pub clock: Arc<dyn Clock>,
    /// How the operator wants it
    pub settings: Settings,
    /// Failed client authentications of late
    pub client_failures: Throttle<(TenantName, ClientId, Option<IpAddr>)>,
    /// Wrong passwords of late, by where they came from
    pub password_failures: Throttle<(TenantName, Option<IpAddr>)>,
    /// Tries of late at one account from one address
    pub account_failures: Throttle<(TenantName, String, Option<IpAddr>)>,
    /// Tokens of late that were nothing, in the query of token info, by address
    pub query_failures: Throttle<(TenantName, Option<IpAddr>)>,
    /// The one way out
    pub outbound: crate::outbound::Outbound,
    /// Logout tokens on their way
    pub back_channel: crate::logout::BackChannel,
    /// What another token info service said
    pub upstream_tokeninfo: crate::upstream_tokeninfo::Upstream,
    /// Public keys of clients
    pub client_keys: crate::client_keys::ClientKeys,
    /// Request objects that clients publish
    pub request_files: crate::request_files::RequestFiles,
    /// Who is having a password judged now
    pub turnstiles: crate::turnstile::Turnstiles,
    /// Requests that are being answered
    pub load: crate::shedding::Load,
    /// The process is going away: nothing new is taken on
    pub draining: tokio::sync::watch::Sender<bool>,
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// A new time-ordered id.
    pub fn new_id<K: IdKind>(&self, now: Timestamp) -> Id<K> {
        new_id(now)
    }
}

/// A new time-ordered id.
pub fn new_id<K: IdKind>(now: Timestamp) -> Id<K> {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Id::new(millis, grantor_crypto::random::bytes())
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
