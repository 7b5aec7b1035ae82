//! Following the revocation feed. See [`grantor_oauth_types::revocation_feed`].
//!
//! One long poll is always open, so news arrives when it happens. Every answer with news is signed
//! with a key of the issuer; an answer that cannot be believed changes nothing, and shows in the
//! [staleness](Feed::staleness).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use grantor_crypto::jws::parse_document;
use grantor_crypto::jwt::{Claims, Rules};
use grantor_oauth_types::revocation_feed::{DELTA_TYP, RevocationDelta};
use http::{HeaderValue, StatusCode};
use serde_json::Value;
use url::Url;

use crate::caller::Verified;
use crate::fetch::{FetchError, MAX_BODY};
use crate::keys::key_for;
use crate::refusal::Refusal;
use crate::revocations::{MalformedEntry, RevocationSet};
use crate::verifier::Core;

/// How long the server is asked to hold an answer without news.
const WAIT: Duration = Duration::from_secs(20);
/// The shortest time between two questions without news, should the server not hold answers.
const PAUSE: Duration = Duration::from_secs(1);
/// No news ever.
const NEVER: i64 = i64::MIN;

/// What the feed has told.
#[derive(Debug)]
pub(crate) struct Feed {
    set: RwLock<RevocationSet>,
    /// When the server last looked, in milliseconds on our monotonic clock
    looked_at: AtomicI64,
    /// Changes with every piece of news
    generation: AtomicU64,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            set: RwLock::default(),
            looked_at: AtomicI64::new(NEVER),
            generation: AtomicU64::new(0),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Feed {
    /// How old the knowledge is; `None` when there never was any.
    pub(crate) fn staleness(&self, now: Duration) -> Option<Duration> {
        match self.looked_at.load(Ordering::Acquire) {
            NEVER => None,
            at => Some(Duration::from_millis(
                u64::try_from(millis(now).saturating_sub(at)).unwrap_or(0),
            )),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn is_revoked(&self, compact: &str, token: &Verified) -> bool {
        self.set.read().unwrap_or_else(PoisonError::into_inner).is_revoked(compact, token)
    }

    pub(crate) fn len(&self) -> usize {
        self.set.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn forget(&self, now: i64) {
        self.write(|set| set.forget(now));
    }

    fn write<T>(&self, change: impl FnOnce(&mut RevocationSet) -> T) -> T {
        change(&mut self.set.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// A whole new reading. What was known under the same salt stays known: revocations are never
    /// taken back.
    fn publish(&self, mut fresh: RevocationSet) {
        self.write(|set| {
            let old = std::mem::take(set);
            if old.salt() == fresh.salt() {
                fresh.absorb(old);
            }
            *set = fresh;
        });
    }
}

/// Why an answer of the feed changes nothing.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the server answered nothing new before it told anything")]
    NothingYet,
    #[error("the delta is no compact JWS")]
    Malformed,
    #[error("the delta cannot be verified: {0}")]
    Key(Refusal),
    #[error("the signature of the delta is wrong")]
    Signature,
    #[error("the delta is not what was asked for: {0}")]
    Claims(&'static str),
    #[error(transparent)]
    Entry(#[from] MalformedEntry),
}

/// Where the reading stands.
#[derive(Debug, Default)]
struct Position {
    cursor: i64,
    etag: Option<HeaderValue>,
    /// Collects a reading from the start until it is whole
    fresh: Option<RevocationSet>,
    /// Whether everything up to `cursor` was published
    whole: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    News,
    Nothing,
}

/// Follows the feed until the verifier is gone.
pub(crate) async fn follow(core: Weak<Core>) {
    let mut position = Position::default();
    let mut failures = 0u32;
    loop {
        let Some(core) = core.upgrade() else { return };
        let floor = tokio::time::sleep(PAUSE);
        match step(&core, &mut position).await {
            None => tokio::time::sleep(Duration::from_millis(100)).await,
            Some(Ok(Progress::News)) => failures = 0,
            // Already over when the server held its answer.
            Some(Ok(Progress::Nothing)) => {
                failures = 0;
                floor.await;
            }
            Some(Err(error)) => {
                failures = failures.saturating_add(1);
                // The first, the second, the fourth …: an outage must not fill the log.
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "the revocation feed could not be read");
                }
                // At most a second: whoever revokes after a restart waits for us.
                tokio::time::sleep(Duration::from_millis(100 << failures.min(3))).await;
            }
        }
    }
}

/// One exchange; `None` while it is not known where the feed is or how to verify it.
async fn step(core: &Arc<Core>, position: &mut Position) -> Option<Result<Progress, FeedError>> {
    core.keys.current(core.clock.monotonic()).ok()?;
    let url = core.endpoints()?.revocation_feed.clone()?;
    Some(exchange(core, &url, position).await)
}

async fn exchange(
    core: &Arc<Core>,
    url: &Url,
    position: &mut Position,
) -> Result<Progress, FeedError> {
    let wait = if position.whole { WAIT } else { Duration::ZERO };
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("after", &position.cursor.to_string())
        .append_pair("wait", &wait.as_secs().to_string());
    let etag = position.etag.as_ref().filter(|_| position.whole);
    let answer = core.fetch.get(&url, "application/jose, application/jwt", etag, wait).await?;
    match answer.status {
        StatusCode::OK => {
            let token = std::str::from_utf8(&answer.body).map_err(|_| FeedError::Malformed)?;
            let delta = verify(core, token.trim_ascii()).await?;
            let progress = apply(core, position, &delta)?;
            position.etag = answer.etag;
            Ok(progress)
        }
        StatusCode::NOT_MODIFIED if position.whole => {
            core.feed.looked_at.store(millis(core.clock.monotonic()), Ordering::Release);
            Ok(Progress::Nothing)
        }
        StatusCode::NOT_MODIFIED => Err(FeedError::NothingYet),
        // The server does not know the cursor, after a restore perhaps: everything once more.
        StatusCode::BAD_REQUEST
        | StatusCode::CONFLICT
        | StatusCode::GONE
        | StatusCode::RANGE_NOT_SATISFIABLE
        | StatusCode::UNPROCESSABLE_ENTITY
            if position.cursor != 0 =>
        {
            tracing::warn!("the revocation feed refused its cursor; reading it from the start");
            *position = Position::default();
            Ok(Progress::News)
        }
        status => Err(FetchError::Status(status).into()),
    }
}

/// A delta is believed when a key of the issuer signed it, as a delta and nothing else (SEC-082).
async fn verify(core: &Arc<Core>, token: &str) -> Result<RevocationDelta, FeedError> {
    let unverified = parse_document(token, MAX_BODY).map_err(|_| FeedError::Malformed)?;
    let typ = unverified.header.typ.clone();
    let (key, _) = key_for(core, &unverified.header).await.map_err(FeedError::Key)?;
    let payload = unverified.verify(&key).map_err(|_| FeedError::Signature)?;
    let claims = Claims::parse(&payload).map_err(|_| FeedError::Claims("not strict JSON"))?;
    let rules = Rules {
        issuer: Some(&core.acceptance.issuer),
        typ: Some(DELTA_TYP),
        leeway: core.acceptance.leeway,
        required: &["iss", "iat"],
        ..Rules::at(core.clock.unix_seconds())
    };
    claims.check(typ.as_deref(), &rules).map_err(|_| FeedError::Claims("type, issuer or time"))?;
    serde_json::from_value(Value::Object(claims.all)).map_err(|_| FeedError::Claims("form"))
}

fn apply(
    core: &Core,
    position: &mut Position,
    delta: &RevocationDelta,
) -> Result<Progress, FeedError> {
    if delta.after != position.cursor && delta.after != 0 {
        return Err(FeedError::Claims("another cursor"));
    }
    if delta.cursor < delta.after || (delta.more && delta.cursor == delta.after) {
        return Err(FeedError::Claims("a cursor that goes back"));
    }
    if delta.after == 0 {
        position.fresh = Some(RevocationSet::new(delta.salt.clone()));
    }
    let moved = delta.cursor != position.cursor || !position.whole;
    take_in(core, position, delta)?;
    position.cursor = delta.cursor;
    position.whole = !delta.more;
    if !delta.entries.is_empty() {
        core.feed.generation.fetch_add(1, Ordering::AcqRel);
    }
    if delta.more {
        return Ok(Progress::News);
    }
    if let Some(fresh) = position.fresh.take() {
        core.feed.publish(fresh);
    }
    // Measured from when the server looked, should the answer have been long on its way.
    let age = core.clock.unix_seconds().saturating_sub(delta.iat).max(0).saturating_mul(1000);
    let looked = millis(core.clock.monotonic()).saturating_sub(age);
    core.feed.looked_at.store(looked, Ordering::Release);
    core.announce();
    Ok(if moved { Progress::News } else { Progress::Nothing })
}

/// All entries of a delta, or none.
fn take_in(core: &Core, position: &mut Position, delta: &RevocationDelta) -> Result<(), FeedError> {
    let mut news = RevocationSet::new(delta.salt.clone());
    for entry in &delta.entries {
        news.add(entry)?;
    }
    let expected = match &position.fresh {
        Some(fresh) => fresh.salt().to_owned(),
        None => core.feed.salt(),
    };
    if delta.salt != expected {
        // Hashes under another salt do not fit together: everything once more.
        *position = Position::default();
        return Err(FeedError::Claims("another salt than before"));
    }
    match &mut position.fresh {
        Some(fresh) => fresh.absorb(news),
        None => core.feed.write(|set| set.absorb(news)),
    }
    Ok(())
}

impl Feed {
    fn salt(&self) -> String {
        self.set.read().unwrap_or_else(PoisonError::into_inner).salt().to_owned()
    }
}
