//! What a resource server has to say about itself before it can start.
//!
//! Issuer and audience are arguments of [`Verifier::builder`], so leaving one out does not compile;
//! leaving one empty does not start (SEC-186).

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use grantor_crypto::Algorithm;
use grantor_crypto::jwt::{DEFAULT_LEEWAY, MAX_LEEWAY};
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, watch};
use url::Url;

use crate::challenge::{Challenge, is_quotable};
use crate::clock::{Clock, SystemClock};
use crate::feed::Feed;
use crate::fetch::{Fetch, is_plain_loopback};
use crate::introspect::{Introspection, Introspector};
use crate::keys::Keys;
use crate::protected_resource::ProtectedResource;
use crate::token::Acceptance;
use crate::verifier::{Core, Discovery, Freshness, Verifier};

/// What to do when revocations are older than allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStale {
    /// Answer 503: a revoked token never works.
    #[default]
    FailClosed,
    /// Go on: a revoked token may work until it expires.
    FailOpen,
}

/// How old revocations may be when nothing else is said: as long as an outage that must not be
/// felt, and then some (REL-039).
pub const DEFAULT_MAX_STALENESS: Duration = Duration::from_hours(2);

/// What [`VerifierBuilder`] accepts from the start: what the server signs with.
const DEFAULT_ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es384, Algorithm::Rs256, Algorithm::Ps256];

/// How many verified tokens are remembered when nothing else is said.
const DEFAULT_CAPACITY: usize = 4096;

/// Why a configuration cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The issuer is no https URL (http on loopback) without query and fragment, RFC 8414 §2.
    #[error("the issuer must be an https URL without query and fragment (http only on loopback)")]
    Issuer,
    /// An audience is empty or has characters that no header can carry.
    #[error("an audience must be printable and not empty")]
    Audience,
    /// The name of the protection space has characters that no header can carry.
    #[error("the realm of the challenge must be printable ASCII")]
    Realm,
    /// More leeway than anybody's clock needs (SEC-087).
    #[error("the leeway is 0 to {MAX_LEEWAY} seconds")]
    Leeway,
    /// No algorithm is left.
    #[error("at least one algorithm must be accepted")]
    Algorithms,
    /// Not called inside a tokio runtime.
    #[error("a verifier works in the background and needs a tokio runtime")]
    NoRuntime,
    /// TLS could not be set up.
    #[error("TLS cannot be set up; are there root certificates on this machine?")]
    Http(#[source] reqwest::Error),
}

/// Collects what a [`Verifier`] needs to know. Made by [`Verifier::builder`].
#[derive(Debug)]
pub struct VerifierBuilder {
    acceptance: Acceptance,
    algorithms: Vec<Algorithm>,
    introspection: Option<Introspection>,
    freshness: Freshness,
    challenge_realm: Option<String>,
    scopes_supported: Vec<String>,
    capacity: usize,
    clock: Arc<dyn Clock>,
}

impl VerifierBuilder {
    pub(crate) fn new(issuer: &str, audience: &str) -> Self {
        Self {
            acceptance: Acceptance {
                issuer: issuer.to_owned(),
                audiences: vec![audience.to_owned()],
                stups: false,
                leeway: DEFAULT_LEEWAY,
            },
            algorithms: DEFAULT_ALGORITHMS.to_vec(),
            introspection: None,
            freshness: Freshness::Bounded {
                max: DEFAULT_MAX_STALENESS,
                on_stale: OnStale::FailClosed,
            },
            challenge_realm: None,
            scopes_supported: Vec::new(),
            capacity: DEFAULT_CAPACITY,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// One more audience whose tokens are accepted.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.acceptance.audiences.push(audience.to_owned());
        self
    }

    /// Also accept tokens of the `stups` profile, which name neither issuer nor audience: every
    /// resource server of the issuer takes every one of them.
    #[must_use]
    pub fn accept_stups_tokens(mut self) -> Self {
        self.acceptance.stups = true;
        self
    }

    /// The signature algorithms that are accepted, instead of ES256, EdDSA, ES384, RS256, PS256.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// Ask the authorization server about tokens.
    #[must_use]
    pub fn introspect(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// How old the knowledge of revocations may be, and what to do beyond. Without it,
    /// [`DEFAULT_MAX_STALENESS`] and [`OnStale::FailClosed`].
    #[must_use]
    pub fn max_staleness(mut self, max: Duration, on_stale: OnStale) -> Self {
        self.freshness = Freshness::Bounded { max, on_stale };
        self
    }

    /// For issuers without a revocation feed: a token works until it expires, or until
    /// introspection refuses it.
    #[must_use]
    pub fn without_revocation_feed(mut self) -> Self {
        self.freshness = Freshness::NotFollowed;
        self
    }

    /// By how many seconds clocks may differ: 30 unless said, at most 60 (SEC-087).
    #[must_use]
    pub fn leeway(mut self, seconds: i64) -> Self {
        self.acceptance.leeway = seconds;
        self
    }

    /// The `realm` of challenges (RFC 9110 §11.5), instead of the first audience.
    #[must_use]
    pub fn challenge_realm(mut self, realm: &str) -> Self {
        self.challenge_realm = Some(realm.to_owned());
        self
    }

    /// What `scopes_supported` of the RFC 9728 document lists.
    #[must_use]
    pub fn scopes_supported<S: Into<String>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.scopes_supported = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// How many verified tokens are remembered, at about a kilobyte each.
    #[must_use]
    pub fn remember_tokens(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks everything and starts the background work; does not wait for it.
    pub fn start(self) -> Result<Verifier, ConfigError> {
        let issuer = issuer_url(&self.acceptance.issuer).ok_or(ConfigError::Issuer)?;
        let audiences = &self.acceptance.audiences;
        if audiences.iter().any(|audience| audience.is_empty() || !is_quotable(audience)) {
            return Err(ConfigError::Audience);
        }
        let realm = self.challenge_realm.as_deref().unwrap_or(&audiences[0]);
        if !is_quotable(realm) {
            return Err(ConfigError::Realm);
        }
        if !(0..=MAX_LEEWAY).contains(&self.acceptance.leeway) {
            return Err(ConfigError::Leeway);
        }
        if self.algorithms.is_empty() {
            return Err(ConfigError::Algorithms);
        }
        tokio::runtime::Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let resource = ProtectedResource::new(
            &audiences[0],
            &self.acceptance.issuer,
            self.scopes_supported.clone(),
        );
        let metadata = resource.as_ref().map(ProtectedResource::metadata_url);
        let challenge = Arc::new(Challenge::new(realm, metadata.as_deref()));
        Ok(Verifier::start(Core {
            fetch: Fetch::new(&issuer).map_err(ConfigError::Http)?,
            acceptance: self.acceptance,
            algorithms: self.algorithms,
            clock: self.clock,
            keys: Keys::default(),
            feed: Feed::default(),
            introspector: self.introspection.map(Introspector::new),
            freshness: self.freshness,
            challenge,
            resource,
            issuer,
            endpoints: ArcSwapOption::empty(),
            discovery: Mutex::new(Discovery::default()),
            verified: Cache::new(self.capacity),
            changes: watch::Sender::new(()),
        }))
    }
}

/// RFC 8414 §2: https, no query, no fragment.
fn issuer_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || is_plain_loopback(&url);
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (safe && bare && url.host().is_some()).then_some(url)
}
