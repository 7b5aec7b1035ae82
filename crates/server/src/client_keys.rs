//! The public keys of clients, as they registered them or as they publish them.
//!
//! What is published is fetched through the outbound guard and kept for a while. A key that is not
//! in the set that is kept may be a new one: then it is fetched again, but not all the time (OIDC
//! Core §10.1.1; trap 60).

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use grantor_crypto::jwe::{EncryptionKey, KeyManagement};
use grantor_crypto::jwk::JwkSet;
use grantor_domain::client::Client;
use grantor_domain::client_auth::RegisteredClient;
use grantor_oauth_types::name::{ClientId, TenantName};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::app::App;
use crate::outbound::OutboundError;

/// How many sets are kept.
const KEPT: usize = 1_024;

/// For how long a set is good at most, whatever its host says of it (OIDC Core §10.2.1).
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// How soon a set is fetched again because a key is missing in it once more, or because it could not be
/// had (SEC-076). The first time a key is missing it is fetched at once.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// The longest document that is kept, in bytes: hundreds of keys (REL-035).
const LONGEST: usize = 64 * 1024;

/// Why there is no key of a client's to encrypt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoClientKey {
    /// What it publishes cannot be had now
    #[error("{}", self.words())]
    Unreachable,
    /// None of its keys is for this algorithm
    #[error("{}", self.words())]
    Unfit,
}

impl NoClientKey {
    /// For its developer.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unreachable => "the keys of the client cannot be fetched from its jwks_uri",
            Self::Unfit => "no key of the client fits the encryption that it is registered for",
        }
    }
}

/// The sets that were fetched of late.
#[derive(Debug)]
pub struct ClientKeys {
    fetched: Cache<(TenantName, ClientId), Arc<Slot>>,
}

/// What is known of one client's set. One request at a time fetches it, and the others take what it
/// found.
#[derive(Debug, Default)]
struct Slot {
    kept: ArcSwapOption<Fetched>,
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Fetched {
    uri: String,
    at: Timestamp,
    /// When it was last fetched because a key was missing
    missed: Option<Timestamp>,
    set: Option<Arc<Value>>,
    /// For how long it is good
    fresh: SignedDuration,
}

/// What somebody wants of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// One that is fresh
    Fresh,
    /// One with a key that the one at hand does not have
    Newer,
}

impl Default for ClientKeys {
    fn default() -> Self {
        Self { fetched: Cache::new(KEPT) }
    }
}

impl ClientKeys {
    /// The JWK set of a client; `None` if it has none, or it cannot be had now.
    pub async fn set_of(&self, app: &App, client: &Client) -> Option<Arc<Value>> {
        self.get(app, client, Wanted::Fresh).await
    }

    /// The same, where what is kept was found to lack a key.
    pub async fn newest_of(&self, app: &App, client: &Client) -> Option<Arc<Value>> {
        self.get(app, client, Wanted::Newer).await
    }

    /// The key that content for a client is encrypted with. A set that has none may be an old one
    /// (OIDC Core §10.2.1).
    pub async fn encryption_key(
        &self,
        app: &App,
        client: &Client,
        alg: KeyManagement,
    ) -> Result<EncryptionKey, NoClientKey> {
        let fitting = |set: &Value| {
            let keys = set.get("keys").and_then(Value::as_array)?;
            keys.iter().find_map(|key| EncryptionKey::from_jwk_for(key, alg).ok())
        };
        let mut set = self.set_of(app, client).await;
        let missing = set.as_deref().is_some_and(|set| fitting(set).is_none());
        if missing && client.jwks_uri.is_some() {
            set = self.newest_of(app, client).await;
        }
        let set = set.ok_or(NoClientKey::Unreachable);
        let key = set.and_then(|set| fitting(&set).ok_or(NoClientKey::Unfit));
        key.inspect_err(|reason| {
            tracing::warn!(%reason, client = %client.id, %alg, "nothing can be encrypted for a client");
        })
    }

    /// A registration with the keys that its client publishes, if it does.
    pub async fn with_keys<'r>(
        &self,
        app: &App,
        registered: &'r RegisteredClient,
    ) -> Cow<'r, RegisteredClient> {
        if registered.client.jwks_uri.is_none() {
            return Cow::Borrowed(registered);
        }
        // Fetching is rare and its state is large: in a box, authenticating everybody else stays small.
        Cow::Owned(parsed(registered, Box::pin(self.set_of(app, &registered.client)).await))
    }

    /// The same, where what is kept was found to lack a key.
    pub async fn with_newest_keys<'r>(
        &self,
        app: &App,
        registered: &'r RegisteredClient,
    ) -> Cow<'r, RegisteredClient> {
        if registered.client.jwks_uri.is_none() {
            return Cow::Borrowed(registered);
        }
        Cow::Owned(parsed(registered, Box::pin(self.newest_of(app, &registered.client)).await))
    }

    async fn get(&self, app: &App, client: &Client, wanted: Wanted) -> Option<Arc<Value>> {
        if let Some(jwks) = &client.jwks {
            return Some(Arc::new(jwks.clone()));
        }
        let uri = client.jwks_uri.as_ref()?;
        let (at, now) = ((client.tenant.clone(), client.id.clone()), app.clock.now());
        let slot = self.fetched.get_or_insert_with(&at, || Ok::<_, Infallible>(Arc::default()));
        let Ok(slot) = slot;
        if let Some(kept) = slot.good(uri, wanted, now) {
            return kept.set.clone();
        }
        let _turn = slot.turn.lock().await;
        if let Some(kept) = slot.good(uri, wanted, now) {
            return kept.set.clone();
        }
        let before = slot.of(uri);
        let before = before.as_deref();
        let (set, fresh) = match fetch(app, uri).await {
            Ok((set, fresh)) => (Some(Arc::new(set)), fresh),
            Err(error) => {
                tracing::warn!(%error, client = %client.id, "the keys of a client cannot be fetched");
                // What was good before is better than nothing.
                (before.and_then(|kept| kept.set.clone()), FRESH)
            }
        };
        let missed = match wanted {
            Wanted::Newer => Some(now),
            Wanted::Fresh => before.and_then(|kept| kept.missed),
        };
        let fetched = Fetched { uri: uri.clone(), at: now, missed, set: set.clone(), fresh };
        slot.kept.store(Some(Arc::new(fetched)));
        set
    }
}

impl Slot {
    /// What is known of what is published there.
    fn of(&self, uri: &str) -> Option<Arc<Fetched>> {
        self.kept.load_full().filter(|kept| kept.uri == uri)
    }

    /// The same, if it is not time to fetch it again.
    fn good(&self, uri: &str, wanted: Wanted, now: Timestamp) -> Option<Arc<Fetched>> {
        let kept = self.of(uri)?;
        let within = |at: Timestamp, limit| now.duration_since(at) < limit;
        let good = match (wanted, &kept.set) {
            (_, None) => within(kept.at, AGAIN),
            (Wanted::Fresh, Some(_)) => within(kept.at, kept.fresh),
            (Wanted::Newer, Some(_)) => kept.missed.is_some_and(|missed| within(missed, AGAIN)),
        };
        good.then_some(kept)
    }
}

/// The set, and for how long it is good: as its host says (RFC 9111 §5.2.2.1), within bounds.
async fn fetch(app: &App, uri: &str) -> Result<(Value, SignedDuration), OutboundError> {
    let (body, fresh) = app.outbound.get_kept(uri).await?;
    if body.len() > LONGEST {
        return Err(OutboundError::Unreachable(format!("more than {LONGEST} bytes of keys")));
    }
    let set = serde_json::from_slice(&body).map_err(|_| OutboundError::NotJson)?;
    Ok((set, fresh.unwrap_or(FRESH).clamp(AGAIN, FRESH)))
}

/// Without a set there are no keys, and nothing verifies.
fn parsed(registered: &RegisteredClient, set: Option<Arc<Value>>) -> RegisteredClient {
    let keys = set.and_then(|set| JwkSet::parse(set.to_string().as_bytes()).ok());
    let keys = Arc::new(keys.unwrap_or_default());
    RegisteredClient { client: Arc::clone(&registered.client), keys }
}
