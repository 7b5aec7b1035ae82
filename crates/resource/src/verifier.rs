//! The verifier: from the text of a token to a [`Caller`].

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use grantor_crypto::Algorithm;
use grantor_crypto::digest::sha256;
use grantor_crypto::jws::parse_compact;
use http::request::Parts;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use url::Url;

use crate::caller::{Caller, Verified};
use crate::challenge::Challenge;
use crate::clock::Clock;
use crate::config::{OnStale, VerifierBuilder};
use crate::credentials;
use crate::discovery::{Endpoints, discover};
use crate::feed::Feed;
use crate::fetch::Fetch;
use crate::introspect::{Introspector, introspect, is_opaque};
use crate::keys::{Keys, key_for};
use crate::peer_certificate::PeerCertificate;
use crate::protected_resource::ProtectedResource;
use crate::refusal::{Denied, NotReady, Refusal, TokenFault};
use crate::token::Acceptance;

/// For how long a verified signature is remembered (SEC-185).
const KEEP_VERIFIED: Duration = Duration::from_mins(1);
/// How often discovery is repeated.
const REDISCOVER: Duration = Duration::from_hours(1);

/// Verifies the tokens of one issuer for one resource server. Cheap to clone; the background work
/// ends with the last clone.
#[derive(Clone, Debug)]
pub struct Verifier {
    core: Arc<Core>,
    _tasks: Arc<Tasks>,
}

#[derive(Debug)]
struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// What the background tasks and the requests share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) acceptance: Acceptance,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fetch: Fetch,
    pub(crate) keys: Keys,
    pub(crate) feed: Feed,
    pub(crate) introspector: Option<Introspector>,
    pub(crate) freshness: Freshness,
    pub(crate) challenge: Arc<Challenge>,
    pub(crate) resource: Option<ProtectedResource>,
    pub(crate) issuer: Url,
    pub(crate) endpoints: ArcSwapOption<Endpoints>,
    pub(crate) discovery: Mutex<Discovery>,
    /// By SHA-256 of the token; like the rest of this struct for one issuer and its audiences.
    pub(crate) verified: Cache<[u8; 32], Remembered>,
    pub(crate) changes: watch::Sender<()>,
}

/// How fresh the revocations must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Freshness {
    /// They are not followed at all.
    NotFollowed,
    Bounded {
        max: Duration,
        on_stale: OnStale,
    },
}

/// When discovery was tried, on the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    last: Option<Duration>,
    failures: u32,
}

/// A signature that was verified before.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    token: Arc<Verified>,
    /// Of the keys it was verified with (SEC-095)
    generation: u64,
    /// On the monotonic clock
    at: Duration,
}

/// How a verifier is doing, for health checks and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Why requests are answered 503, if they are
    pub not_ready: Option<NotReady>,
    /// How old the keys are
    pub keys_age: Option<Duration>,
    /// How old the knowledge of revocations is
    pub staleness: Option<Duration>,
    /// How many revocations are known
    pub revocations: usize,
}

impl Verifier {
    /// For the tokens of `issuer` (exactly as its metadata and its tokens write it) that are for
    /// `audience`, the identifier of this resource server (SEC-083, SEC-084).
    pub fn builder(issuer: &str, audience: &str) -> VerifierBuilder {
        VerifierBuilder::new(issuer, audience)
    }

    /// Starts the background work on the runtime of the caller.
    pub(crate) fn start(core: Core) -> Self {
        let core = Arc::new(core);
        let mut tasks = vec![tokio::spawn(crate::keys::keep(Arc::downgrade(&core))).abort_handle()];
        if !matches!(core.freshness, Freshness::NotFollowed) {
            let follow = crate::feed::follow(Arc::downgrade(&core));
            tasks.push(tokio::spawn(follow).abort_handle());
        }
        Self { core, _tasks: Arc::new(Tasks(tasks)) }
    }

    /// The caller behind the `Authorization` header of a request, and behind its [`PeerCertificate`]
    /// where the token is bound to one.
    pub async fn authenticate(&self, parts: &Parts) -> Result<Caller, Denied> {
        let token = credentials::bearer(parts).map_err(|refusal| self.denied(refusal))?;
        self.verify_from(token, parts.extensions.get()).await
    }

    /// The caller behind a token that came without a certificate.
    pub async fn verify(&self, token: &str) -> Result<Caller, Denied> {
        self.verify_from(token, None).await
    }

    /// The caller behind a token, on a connection with this certificate.
    pub async fn verify_from(
        &self,
        token: &str,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Caller, Denied> {
        match self.core.verify(token, certificate).await {
            Ok(verified) => Ok(Caller::new(verified, Arc::clone(&self.core.challenge))),
            Err(refusal) => Err(self.denied(refusal)),
        }
    }

    fn denied(&self, refusal: Refusal) -> Denied {
        Denied::new(refusal, Arc::clone(&self.core.challenge))
    }

    /// How old the knowledge of revocations is: a revocation made longer ago than this is heeded.
    /// `None` when nothing was learnt yet, or the feed is not followed.
    pub fn staleness(&self) -> Option<Duration> {
        self.core.feed.staleness(self.core.clock.monotonic())
    }

    /// How the verifier is doing.
    pub fn status(&self) -> Status {
        let now = self.core.clock.monotonic();
        Status {
            not_ready: self.core.ready(now).err(),
            keys_age: self.core.keys.age(now),
            staleness: self.core.feed.staleness(now),
            revocations: self.core.feed.len(),
        }
    }

    /// Waits until tokens can be verified. Requests need not wait: they are answered 503 before.
    pub async fn ready(&self) {
        let mut changes = self.core.changes.subscribe();
        while self.core.ready(self.core.clock.monotonic()).is_err() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// A router that serves `/.well-known/oauth-protected-resource` (RFC 9728 §3), to be merged
    /// outside [`Protect`](crate::Protect). Empty when the resource has no URL.
    pub fn metadata_routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        self.core.resource.as_ref().map_or_else(axum::Router::new, ProtectedResource::routes)
    }
}

impl Core {
    pub(crate) fn endpoints(&self) -> Option<Arc<Endpoints>> {
        self.endpoints.load_full()
    }

    /// Tells those who wait that something changed.
    pub(crate) fn announce(&self) {
        self.changes.send_replace(());
    }

    /// Asks where everything is, once an hour; until it is known, after 0.5, 1, 2 … 16 seconds.
    pub(crate) async fn discover_if_due(&self) {
        let mut discovery = self.discovery.lock().await;
        let now = self.clock.monotonic();
        let pause = match discovery.failures {
            0 => REDISCOVER,
            n => Duration::from_millis(250 << n.min(6)),
        };
        if discovery.last.is_some_and(|last| now < last + pause) {
            return;
        }
        discovery.last = Some(now);
        match discover(&self.fetch, &self.acceptance.issuer, &self.issuer).await {
            Ok(endpoints) => {
                discovery.failures = 0;
                let follows = !matches!(self.freshness, Freshness::NotFollowed);
                if follows && endpoints.revocation_feed.is_none() {
                    tracing::error!("the issuer has no revocation feed, but it is to be followed");
                }
                self.endpoints.store(Some(Arc::new(endpoints)));
            }
            Err(error) => {
                discovery.failures += 1;
                tracing::warn!(%error, "the authorization server could not be discovered");
            }
        }
    }

    /// Whether anything can be decided.
    fn ready(&self, now: Duration) -> Result<(), NotReady> {
        self.keys.current(now)?;
        self.fresh_enough(now)
    }

    fn fresh_enough(&self, now: Duration) -> Result<(), NotReady> {
        let Freshness::Bounded { max, on_stale } = self.freshness else { return Ok(()) };
        let fresh = self.feed.staleness(now).is_some_and(|staleness| staleness <= max);
        if fresh || on_stale == OnStale::FailOpen {
            Ok(())
        } else {
            Err(NotReady::StaleRevocations)
        }
    }

    async fn verify(
        self: &Arc<Self>,
        token: &str,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Arc<Verified>, Refusal> {
        let verified = match &self.introspector {
            Some(introspector) if introspector.covers(token) => {
                introspect(self, introspector, token).await??
            }
            _ => self.verify_offline(token).await?,
        };
        if self.acceptance.has_expired(&verified, self.clock.unix_seconds()) {
            return Err(TokenFault::Expired.into());
        }
        // Asked for every request, whatever is remembered.
        let shown = certificate.map(PeerCertificate::thumbprint);
        if verified.bound.is_some() && verified.bound != shown {
            return Err(TokenFault::Bound.into());
        }
        self.fresh_enough(self.clock.monotonic())?;
        if self.feed.is_revoked(token, &verified) {
            return Err(TokenFault::Revoked.into());
        }
        Ok(verified)
    }

    async fn verify_offline(self: &Arc<Self>, token: &str) -> Result<Arc<Verified>, Refusal> {
        let now = self.clock.monotonic();
        let generation = self.keys.current(now)?.generation;
        let hash = sha256(token.as_bytes());
        if let Some(known) = self.verified.get(&hash)
            && known.generation == generation
            && now.saturating_sub(known.at) < KEEP_VERIFIED
        {
            return Ok(known.token);
        }
        if is_opaque(token) {
            return Err(TokenFault::Opaque.into());
        }
        let unverified = parse_compact(token).map_err(|_| TokenFault::Malformed)?;
        // Revocations know a token by its text, and who signs them writes no other form of it.
        if !matches!(self.freshness, Freshness::NotFollowed) && !unverified.is_only_form() {
            return Err(TokenFault::Signature.into());
        }
        let (key, generation) = key_for(self, &unverified.header).await?;
        let typ = unverified.header.typ.clone();
        let payload = unverified.verify(&key).map_err(|_| TokenFault::Signature)?;
        let token = self.acceptance.judge(typ.as_deref(), &payload, self.clock.unix_seconds())?;
        let token = Arc::new(token);
        let remembered = Remembered { token: Arc::clone(&token), generation, at: now };
        self.verified.insert(hash, remembered);
        Ok(token)
    }
}
