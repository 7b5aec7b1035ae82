//! The issuer's keys: fetched ahead, replaced as a whole, kept through outages. RFC 7517 §5.
//!
//! They are asked for every minute, so a key that is withdrawn is refused soon (SEC-095). A token
//! with a key nobody knows yet causes one more fetch, coalesced and rare, so that a flood of made-up
//! names reaches us and not the authorization server (SEC-076). While the server is away the keys
//! that are known go on verifying for a day (SEC-186).

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use grantor_crypto::jwk::{JwkSet, KeySet};
use grantor_crypto::jws::Header;
use grantor_crypto::key::VerifyingKey;
use tokio::sync::Mutex;

use crate::fetch::{Answer, FetchError};
use crate::refusal::{NotReady, Refusal, TokenFault};
use crate::verifier::Core;

/// How often keys are asked for in any case.
const REFRESH: Duration = Duration::from_mins(1);
/// How often an unknown key may cause a fetch.
const UNKNOWN: Duration = Duration::from_secs(30);
/// For how long known keys are good without news (SEC-186).
const MAX_AGE: Duration = Duration::from_hours(24);

/// The keys of one answer.
#[derive(Debug)]
pub(crate) struct KeyRing {
    jwks: JwkSet,
    set: KeySet,
    /// Changes whenever the keys do; what was verified under older ones is verified again
    pub(crate) generation: u64,
    /// On the monotonic clock
    fetched: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Keys {
    ring: ArcSwapOption<KeyRing>,
    /// Held while a fetch runs, so there is one at a time
    attempts: Mutex<Attempts>,
}

/// When the key set was asked for, on the monotonic clock.
#[derive(Debug, Default)]
struct Attempts {
    last: Option<Duration>,
    before_last: Option<Duration>,
    for_unknown: Option<Duration>,
    failures: u32,
}

impl Attempts {
    /// Once more for everybody? Failures are repeated after 1, 2, 4 … 30 seconds.
    fn is_due(&self, now: Duration) -> bool {
        let pause = match self.failures {
            0 => REFRESH,
            n => Duration::from_secs(1 << (n - 1).min(5)).min(UNKNOWN),
        };
        self.last.is_none_or(|last| now >= last + pause)
    }

    /// SEC-076: at most one in 30 seconds because of unknown names, at most two a minute at all.
    fn allows_unknown(&self, now: Duration) -> bool {
        self.for_unknown.is_none_or(|at| now >= at + UNKNOWN)
            && self.before_last.is_none_or(|at| now >= at + REFRESH)
    }
}

/// Why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("discovery has not succeeded yet")]
    NoAddress,
    #[error("the key set is malformed or has no usable key")]
    Malformed,
}

impl Keys {
    /// The keys, unless there are none or they are too old.
    pub(crate) fn current(&self, now: Duration) -> Result<Arc<KeyRing>, NotReady> {
        let ring = self.ring.load_full().ok_or(NotReady::Starting)?;
        if now.saturating_sub(ring.fetched) > MAX_AGE {
            return Err(NotReady::StaleKeys);
        }
        Ok(ring)
    }

    /// How old the keys are.
    pub(crate) fn age(&self, now: Duration) -> Option<Duration> {
        self.ring.load().as_ref().map(|ring| now.saturating_sub(ring.fetched))
    }

    /// Asks for the keys if it is time.
    pub(crate) async fn refresh_if_due(&self, core: &Core) {
        let mut attempts = self.attempts.lock().await;
        if attempts.is_due(core.clock.monotonic()) {
            self.refresh(core, &mut attempts).await;
        }
    }

    /// Asks for the keys because of an unknown name, if that is allowed now. Returns whether the
    /// last attempt brought keys.
    async fn refresh_for_unknown(&self, core: &Core, seen: u64) -> bool {
        let mut attempts = self.attempts.lock().await;
        let now = core.clock.monotonic();
        // Others who waited for the lock find the work done.
        let done = self.ring.load().as_ref().is_some_and(|ring| ring.generation != seen);
        if !done && attempts.allows_unknown(now) {
            attempts.for_unknown = Some(now);
            self.refresh(core, &mut attempts).await;
        }
        attempts.failures == 0
    }

    async fn refresh(&self, core: &Core, attempts: &mut Attempts) {
        attempts.before_last = attempts.last.replace(core.clock.monotonic());
        match fetch(core).await {
            Ok((jwks, set)) => {
                attempts.failures = 0;
                self.publish(jwks, set, core.clock.monotonic());
                core.announce();
            }
            Err(error) => {
                attempts.failures += 1;
                tracing::warn!(%error, "the keys of the issuer could not be refreshed");
            }
        }
    }

    fn publish(&self, jwks: JwkSet, set: KeySet, fetched: Duration) {
        let generation = match self.ring.load().as_ref() {
            Some(old) if old.jwks == jwks => old.generation,
            Some(old) => old.generation + 1,
            None => 1,
        };
        self.ring.store(Some(Arc::new(KeyRing { jwks, set, generation, fetched })));
    }
}

async fn fetch(core: &Core) -> Result<(JwkSet, KeySet), KeysError> {
    let endpoints = core.endpoints().ok_or(KeysError::NoAddress)?;
    let accept = "application/jwk-set+json, application/json";
    let answer = core.fetch.get(&endpoints.jwks, accept, None, Duration::ZERO).await;
    let jwks = JwkSet::parse(&answer.and_then(Answer::ok)?).map_err(|_| KeysError::Malformed)?;
    let set = KeySet::from_jwks(&jwks, &core.algorithms).map_err(|_| KeysError::Malformed)?;
    // An empty answer keeps the old set (`stups.md` 3.5).
    if set.keys().is_empty() {
        return Err(KeysError::Malformed);
    }
    Ok((jwks, set))
}

impl KeyRing {
    /// The key that a header names: with this name and this algorithm (SEC-074).
    fn find(&self, header: &Header) -> Option<VerifyingKey> {
        self.set.find(header.kid.as_deref(), header.alg).cloned()
    }

    /// Whether fresh keys could help.
    fn lacks(&self, header: &Header) -> bool {
        header.kid.as_deref().is_some_and(|kid| !self.set.knows(kid))
    }
}

/// The key for a token, and the generation it is of. May wait for one fetch.
pub(crate) async fn key_for(
    core: &Arc<Core>,
    header: &Header,
) -> Result<(VerifyingKey, u64), Refusal> {
    // SEC-072: what is not on the list is refused before anything is asked of anybody.
    if !core.algorithms.contains(&header.alg) {
        return Err(TokenFault::UnknownKey.into());
    }
    let ring = core.keys.current(core.clock.monotonic())?;
    if let Some(key) = ring.find(header) {
        return Ok((key, ring.generation));
    }
    if !ring.lacks(header) {
        return Err(TokenFault::UnknownKey.into());
    }
    // In a task of its own: a caller that hangs up must not stop it half-way.
    let (task, seen) = (Arc::clone(core), ring.generation);
    let refreshed = tokio::spawn(async move { task.keys.refresh_for_unknown(&task, seen).await });
    let reached = refreshed.await.unwrap_or(false);
    let ring = core.keys.current(core.clock.monotonic())?;
    match ring.find(header) {
        Some(key) => Ok((key, ring.generation)),
        None if reached => Err(TokenFault::UnknownKey.into()),
        // Nobody can say whether the key is good (SEC-186).
        None => Err(NotReady::KeysUnreachable.into()),
    }
}

/// Keeps discovery and keys fresh until the verifier is gone.
pub(crate) async fn keep(core: Weak<Core>) {
    /// How often it is looked whether something is due.
    const TICK: Duration = Duration::from_millis(500);
    /// How often revocations that can match nothing any more are dropped: it walks over all.
    const FORGET: Duration = Duration::from_mins(1);
    let mut forgot = Duration::ZERO;
    while let Some(core) = core.upgrade() {
        core.discover_if_due().await;
        if core.endpoints().is_some() {
            core.keys.refresh_if_due(&core).await;
        }
        let now = core.clock.monotonic();
        if now >= forgot + FORGET {
            core.feed.forget(core.clock.unix_seconds());
            forgot = now;
        }
        drop(core);
        tokio::time::sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn keys_are_asked_for_every_minute_and_after_failures_sooner() {
        let attempts = |failures| Attempts { last: Some(s(100)), failures, ..Attempts::default() };
        assert!(Attempts::default().is_due(s(0)));
        for (failures, pause) in [(0, 60), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (40, 30)] {
            assert!(!attempts(failures).is_due(s(99 + pause)), "{failures}");
            assert!(attempts(failures).is_due(s(100 + pause)), "{failures}");
        }
    }

    #[test]
    fn sec_076_unknown_names_cause_one_fetch_in_thirty_seconds_and_two_a_minute() {
        let mut attempts = Attempts { last: Some(s(0)), ..Attempts::default() };
        let mut fetches = Vec::new();
        for now in 1..=300 {
            if attempts.allows_unknown(s(now)) {
                attempts.for_unknown = Some(s(now));
                attempts.before_last = attempts.last.replace(s(now));
                fetches.push(now);
            }
        }
        assert_eq!(fetches[..3], [1, 60, 90]);
        assert!(fetches.windows(2).all(|pair| pair[1] - pair[0] >= 30));
        assert!(fetches.windows(3).all(|three| three[2] - three[0] >= 60));
    }
}
