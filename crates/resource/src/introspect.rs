//! Asking the authorization server about a token. RFC 7662.
//!
//! Answers are kept for a minute at most, refusals for five seconds (SEC-185), and any news from
//! the revocation feed ages what is kept. Many requests with one token cause one question. When the
//! server is away nothing that is not kept can be decided (SEC-186).

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use grantor_crypto::digest::sha256;
use grantor_crypto::json::parse_strict_object;
use grantor_crypto::jwt::Claims;
use http::HeaderValue;
use quick_cache::sync::Cache;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::caller::Verified;
use crate::fetch::{Answer, TIMEOUT};
use crate::refusal::{NotReady, TokenFault};
use crate::verifier::Core;

/// For how long a good answer is kept (SEC-185).
const KEEP_ACTIVE: Duration = Duration::from_mins(1);
/// For how long a bad one is.
const KEEP_INACTIVE: Duration = Duration::from_secs(5);
/// For how long either is kept although the revocation feed had news since.
const KEEP_THROUGH_NEWS: Duration = Duration::from_millis(500);
/// For how long nobody asks after a question failed: a server that is away must not make every
/// request wait until it gives up.
const PAUSE: Duration = Duration::from_millis(500);
/// How many questions are open at once.
const MAX_OPEN: usize = 64;
/// How many answers are kept.
const CAPACITY: usize = 4096;

/// Which tokens are introspected, and as which client.
#[derive(Clone)]
pub struct Introspection {
    always: bool,
    credentials: Credentials,
}

/// Client authentication, RFC 6749 §2.3.1.
#[derive(Clone)]
enum Credentials {
    Basic(HeaderValue),
    Post { client_id: String, client_secret: String },
}

impl fmt::Debug for Introspection {
    /// Mute: it holds a secret (SEC-189).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("always", &self.always).finish_non_exhaustive()
    }
}

impl Introspection {
    /// Tokens that cannot be read offline; JWTs are verified here.
    pub fn of_opaque_tokens(client_id: &str, client_secret: &str) -> Self {
        Self { always: false, credentials: Credentials::basic(client_id, client_secret) }
    }

    /// Every token.
    pub fn of_all_tokens(client_id: &str, client_secret: &str) -> Self {
        Self { always: true, credentials: Credentials::basic(client_id, client_secret) }
    }

    /// Send the credentials in the body (`client_secret_post`) instead of the header.
    #[must_use]
    pub fn with_secret_in_body(mut self, client_id: &str, client_secret: &str) -> Self {
        self.credentials = Credentials::Post {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
        };
        self
    }

    /// Whether this token is to be introspected.
    pub(crate) fn covers(&self, token: &str) -> bool {
        self.always || is_opaque(token)
    }
}

/// A compact JWS has dots (RFC 7515 §7.1), our reference tokens have none.
pub(crate) fn is_opaque(token: &str) -> bool {
    !token.contains('.')
}

impl Credentials {
    /// RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
    fn basic(client_id: &str, client_secret: &str) -> Self {
        let encode = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let pair = STANDARD.encode(format!("{}:{}", encode(client_id), encode(client_secret)));
        let mut header =
            HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 is printable");
        header.set_sensitive(true);
        Self::Basic(header)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What became of a token.
#[derive(Clone, Debug)]
enum Outcome {
    Active(Arc<Verified>),
    Refused(TokenFault),
}

#[derive(Clone, Debug)]
struct Kept {
    outcome: Outcome,
    /// On the monotonic clock, before the question was sent
    asked: Duration,
    /// Of the revocation feed, at the same moment
    generation: u64,
}

type Question = Shared<BoxFuture<'static, Result<Outcome, NotReady>>>;

pub(crate) struct Introspector {
    config: Introspection,
    /// By SHA-256 of the token. Issuer, audience and binding belong to the verifier that owns the
    /// cache; scopes are judged anew for every request (SEC-185).
    kept: Cache<[u8; 32], Kept>,
    open: Mutex<HashMap<[u8; 32], Question>>,
    slots: Semaphore,
    /// Until then, in milliseconds on the monotonic clock, nobody asks: the server is away
    away_until: AtomicU64,
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Introspector {
    pub(crate) fn new(config: Introspection) -> Self {
        Self {
            config,
            kept: Cache::new(CAPACITY),
            open: Mutex::default(),
            slots: Semaphore::new(MAX_OPEN),
            away_until: AtomicU64::new(0),
        }
    }

    fn is_away(&self, now: Duration) -> bool {
        millis(now) < self.away_until.load(Ordering::Relaxed)
    }

    pub(crate) fn covers(&self, token: &str) -> bool {
        self.config.covers(token)
    }

    fn kept(&self, core: &Core, key: &[u8; 32]) -> Option<Outcome> {
        let kept = self.kept.get(key)?;
        let age = core.clock.monotonic().saturating_sub(kept.asked);
        let limit = match &kept.outcome {
            Outcome::Active(_) => KEEP_ACTIVE,
            Outcome::Refused(_) => KEEP_INACTIVE,
        };
        let calm = kept.generation == core.feed.generation();
        (age < limit && (calm || age < KEEP_THROUGH_NEWS)).then_some(kept.outcome)
    }

    /// Joins the question about this token, or starts it in a task of its own, so that it ends
    /// even if everybody hangs up.
    fn question(&self, core: &Arc<Core>, key: [u8; 32], token: &str) -> Question {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let (core, token) = (Arc::clone(core), token.to_owned());
            let task = tokio::spawn(async move { answer(&core, key, &token).await });
            let outcome = task.map(|ended| ended.unwrap_or(Err(NotReady::Introspection)));
            outcome.boxed().shared()
        };
        open.entry(key).or_insert_with(start).clone()
    }
}

/// What the authorization server says about a token, now or a short while ago.
pub(crate) async fn introspect(
    core: &Arc<Core>,
    introspector: &Introspector,
    token: &str,
) -> Result<Result<Arc<Verified>, TokenFault>, NotReady> {
    let key = sha256(token.as_bytes());
    let outcome = match introspector.kept(core, &key) {
        Some(outcome) => outcome,
        None => introspector.question(core, key, token).await?,
    };
    Ok(match outcome {
        Outcome::Active(verified) => Ok(verified),
        Outcome::Refused(fault) => Err(fault),
    })
}

async fn answer(core: &Arc<Core>, key: [u8; 32], token: &str) -> Result<Outcome, NotReady> {
    let introspector = core.introspector.as_ref().ok_or(NotReady::Introspection)?;
    let _open = Open { introspector, key };
    let (asked, generation) = (core.clock.monotonic(), core.feed.generation());
    let asking = tokio::time::timeout(TIMEOUT, ask(core, introspector, token));
    let outcome = asking.await.unwrap_or(Err(NotReady::Introspection));
    if let Ok(outcome) = &outcome {
        let outcome = outcome.clone();
        introspector.kept.insert(key, Kept { outcome, asked, generation });
    }
    outcome
}

/// A question that is open until this is dropped, however it ends.
struct Open<'a> {
    introspector: &'a Introspector,
    key: [u8; 32],
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut open = self.introspector.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&self.key);
    }
}

async fn ask(core: &Core, introspector: &Introspector, token: &str) -> Result<Outcome, NotReady> {
    let _slot = introspector.slots.acquire().await.map_err(|_| NotReady::Introspection)?;
    if introspector.is_away(core.clock.monotonic()) {
        return Err(NotReady::Introspection);
    }
    let endpoints = core.endpoints().ok_or(NotReady::Starting)?;
    let url = endpoints.introspection.as_ref().ok_or(NotReady::Introspection)?;
    let mut form = vec![("token", token), ("token_type_hint", "access_token")];
    let basic = match &introspector.config.credentials {
        Credentials::Basic(header) => Some(header),
        Credentials::Post { client_id, client_secret } => {
            form.extend([("client_id", client_id.as_str()), ("client_secret", client_secret)]);
            None
        }
    };
    let body = core.fetch.post_form(url, &form, basic).await.and_then(Answer::ok);
    let body = body.map_err(|error| {
        tracing::warn!(%error, "introspection failed");
        let until = core.clock.monotonic() + PAUSE;
        introspector.away_until.store(millis(until), Ordering::Relaxed);
        NotReady::Introspection
    })?;
    read(core, &body).ok_or_else(|| {
        tracing::warn!("the answer of introspection cannot be read");
        NotReady::Introspection
    })
}

/// RFC 7662 §2.2; `None` when it is no such answer.
fn read(core: &Core, body: &[u8]) -> Option<Outcome> {
    let members = parse_strict_object(body).ok()?;
    match members.get("active")? {
        Value::Bool(false) => return Some(Outcome::Refused(TokenFault::Revoked)),
        Value::Bool(true) => {}
        _ => return None,
    }
    let judged = Claims::from_members(members)
        .map_err(TokenFault::from)
        .and_then(|claims| core.acceptance.judge_introspection(claims, core.clock.unix_seconds()));
    Some(match judged {
        Ok(verified) => Outcome::Active(Arc::new(verified)),
        Err(fault) => Outcome::Refused(fault),
    })
}
