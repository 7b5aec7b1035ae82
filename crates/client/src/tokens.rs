//! Managed tokens: held by name, renewed ahead of their end, asked for once however many wait.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;

use crate::bearer::{BearerAuth, NamedToken};
use crate::clock::Clock;
use crate::credentials;
use crate::endpoint::TokenEndpoint;
use crate::error::TokenError;
use crate::grant::Grant;
use crate::schedule::{self, Freshness};
use crate::secret::{AccessToken, Provenance, Secret};
use crate::settings::{Source, TokensBuilder};
use crate::transport::PlainHttp;

/// How long a fixed token is taken to live.
const FIXED_LIFE: Duration = Duration::from_hours(365 * 24);

/// How long a token from a file can outlive the file.
const FILE_LIFE: Duration = Duration::from_mins(2);

/// A token this young that is refused would be refused again: renewing it helps nobody.
const TOO_YOUNG_TO_REPLACE: Duration = Duration::from_secs(5);

/// How often [`Tokens::keep_fresh`] looks.
const ROUND: Duration = Duration::from_secs(1);

/// Access tokens by name. Cheap to clone; clones share everything.
///
/// A token is renewed ahead of its end, in the background of a [`get`](Self::get), so callers do
/// not wait: when 60 % of its life is used, but at most 20 minutes ahead. While the server does
/// not answer, the old token stays in use until it really ends, and attempts are spaced out with
/// growing, jittered pauses (a `Retry-After` is obeyed). However many ask at once, there is one
/// request per name.
#[derive(Clone, Debug)]
pub struct Tokens {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Option<TokenEndpoint>,
    source: Source,
    /// The refresh token that replaced the given one. Locked while it is being spent.
    rotated: tokio::sync::Mutex<Option<Secret>>,
    fixed: HashMap<String, Secret>,
    plain_http: PlainHttp,
    clock: Arc<dyn Clock>,
    named: RwLock<HashMap<String, Arc<Entry>>>,
}

/// One name.
#[derive(Debug)]
struct Entry {
    name: String,
    scopes: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<AccessToken>,
    /// The last request, perhaps still under way.
    flight: Option<Flight>,
    /// Failures in a row, the last of them, and when to try again.
    failures: u32,
    failed: Option<(TokenError, SystemTime)>,
}

/// The answer that many can wait for, and whether there is still something to wait for.
#[derive(Clone, Debug)]
struct Flight {
    answer: Shared<BoxFuture<'static, Result<AccessToken, TokenError>>>,
    task: AbortHandle,
}

impl State {
    /// Also false when the runtime of the request was shut down under it.
    fn under_way(&self) -> Option<&Flight> {
        self.flight.as_ref().filter(|flight| !flight.task.is_finished())
    }
}

impl Tokens {
    /// With the settings of the environment; see [`TokensBuilder`].
    ///
    /// # Errors
    /// See [`TokensBuilder::from_env`] and [`TokensBuilder::build`].
    pub fn from_env() -> Result<Self, TokenError> {
        TokensBuilder::from_env()?.build()
    }

    /// With settings from code.
    pub fn builder() -> TokensBuilder {
        TokensBuilder::default()
    }

    pub(crate) fn new(
        endpoint: Option<TokenEndpoint>,
        source: Source,
        fixed: HashMap<String, Secret>,
        plain_http: PlainHttp,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let rotated = tokio::sync::Mutex::default();
        let named = RwLock::default();
        let inner = Inner { endpoint, source, rotated, fixed, plain_http, clock, named };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a name under management, and forgets a token it had.
    pub fn manage<S: Into<String>>(
        &self,
        name: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) {
        let name = name.into();
        let scopes = scopes.into_iter().map(Into::into).collect();
        let entry = Entry { name: name.clone(), scopes, state: Mutex::default() };
        let mut named = self.inner.named.write().unwrap_or_else(PoisonError::into_inner);
        named.insert(name, Arc::new(entry));
    }

    /// A token that is good now.
    ///
    /// Returns at once if one is held, unless it is about to end; otherwise waits for the server.
    ///
    /// # Errors
    /// [`TokenError`] when there is no good token and none to be had.
    pub async fn get(&self, name: &str) -> Result<AccessToken, TokenError> {
        let entry = self.inner.entry(name)?;
        let now = self.inner.clock.now();
        let (held, flight) = {
            let mut state = entry.state();
            let held = state.held.clone();
            let freshness = held.as_ref().map(|token| schedule::freshness(token, now));
            match (held, freshness) {
                (Some(token), Some(Freshness::Fresh)) => return Ok(token),
                (Some(token), Some(Freshness::Due)) => {
                    let _ = self.inner.begin(&entry, &mut state, now);
                    return Ok(token);
                }
                (held, freshness) => (
                    held.filter(|_| freshness == Some(Freshness::Urgent)),
                    self.inner.begin(&entry, &mut state, now),
                ),
            }
        };
        let fetched = match flight {
            Ok(flight) => flight.answer.await,
            Err(error) => Err(error),
        };
        match (fetched, held) {
            (Err(_), Some(token)) if self.inner.clock.now() < token.expires_at() => Ok(token),
            (fetched, _) => fetched,
        }
    }

    /// A new token, whatever is held. Pauses after failures do not apply.
    ///
    /// # Errors
    /// [`TokenError`]; the held token stays.
    pub async fn refresh(&self, name: &str) -> Result<AccessToken, TokenError> {
        let entry = self.inner.entry(name)?;
        let flight = self.inner.launch(&entry, &mut entry.state());
        flight.answer.await
    }

    /// A better token than `refused`, which a resource server answered with 401: the one held, if
    /// it is another; else a new one. `None` if there is nothing better: a fixed token, or one so
    /// young (5 s) that its successor would be refused just the same.
    ///
    /// # Errors
    /// [`TokenError`] when there is none to be had.
    pub async fn replace(
        &self,
        name: &str,
        refused: &AccessToken,
    ) -> Result<Option<AccessToken>, TokenError> {
        let entry = self.inner.entry(name)?;
        let now = self.inner.clock.now();
        let flight = {
            let mut state = entry.state();
            if let Some(held) = &state.held {
                if !held.is_same(refused) {
                    return Ok(Some(held.clone()));
                }
                let age = now.duration_since(held.issued_at()).unwrap_or(Duration::MAX);
                let pointless = match held.provenance() {
                    Provenance::Issued => age < TOO_YOUNG_TO_REPLACE,
                    Provenance::File => false,
                    Provenance::Fixed => true,
                };
                if pointless && state.under_way().is_none() {
                    return Ok(None);
                }
            }
            self.inner.begin(&entry, &mut state, now)?
        };
        Ok(Some(flight.answer.await?).filter(|token| !token.is_same(refused)))
    }

    /// Middleware that sends the token of `name`, and tries once more after a 401.
    pub fn bearer(&self, name: impl Into<String>) -> BearerAuth<NamedToken> {
        BearerAuth::new(NamedToken::new(self.clone(), name)).plain_http(self.inner.plain_http)
    }

    /// An HTTP client that sends the token of `name`, and tries once more after a 401.
    pub fn authorize(
        &self,
        client: reqwest::Client,
        name: impl Into<String>,
    ) -> reqwest_middleware::ClientWithMiddleware {
        reqwest_middleware::ClientBuilder::new(client).with(self.bearer(name)).build()
    }

    /// Keeps every managed token fresh in the background, also while nobody asks, until the last
    /// clone of `self` is dropped. Optional. Must be called within a Tokio runtime.
    pub fn keep_fresh(&self) {
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            let mut rounds = tokio::time::interval(ROUND);
            rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                rounds.tick().await;
                let Some(inner) = Weak::upgrade(&inner) else { return };
                inner.renew_what_is_due();
            }
        });
    }
}

impl Inner {
    fn entry(&self, name: &str) -> Result<Arc<Entry>, TokenError> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        named.get(name).cloned().ok_or_else(|| TokenError::UnknownName(name.to_owned()))
    }

    fn renew_what_is_due(self: &Arc<Self>) {
        let now = self.clock.now();
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        for entry in named.values() {
            let mut state = entry.state();
            let fresh = state.held.as_ref().is_some_and(|token| {
                schedule::freshness(token, now) == Freshness::Fresh
                    || token.provenance() == Provenance::File
            });
            if !fresh {
                let _ = self.begin(entry, &mut state, now);
            }
        }
    }

    /// Joins the request that is under way, or starts one unless the server is to be left alone.
    fn begin(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        state: &mut State,
        now: SystemTime,
    ) -> Result<Flight, TokenError> {
        if state.under_way().is_none()
            && let Some((last, until)) = &state.failed
            && let Ok(retry_in) = until.duration_since(now)
            && !retry_in.is_zero()
        {
            return Err(TokenError::BackingOff { retry_in, last: Box::new(last.clone()) });
        }
        Ok(self.launch(entry, state))
    }

    /// A task of its own, so that nobody's giving up takes the answer from the others.
    fn launch(self: &Arc<Self>, entry: &Arc<Entry>, state: &mut State) -> Flight {
        if let Some(flight) = state.under_way() {
            return flight.clone();
        }
        let (inner, entry) = (Arc::clone(self), Arc::clone(entry));
        let task = tokio::spawn(async move {
            let fetched = inner.fetch(&entry).await;
            entry.settle(&fetched, inner.clock.now());
            fetched
        });
        let handle = task.abort_handle();
        let answer = task.map(|end| end.unwrap_or(Err(TokenError::Interrupted))).boxed().shared();
        let flight = Flight { answer, task: handle };
        state.flight = Some(flight.clone());
        flight
    }

    async fn fetch(&self, entry: &Entry) -> Result<AccessToken, TokenError> {
        let now = self.clock.now();
        let ready_made = |secret: Secret, provenance, life| {
            Ok(AccessToken::new(secret, provenance, now, life, entry.scopes.clone()))
        };
        if let Some(token) = self.fixed.get(&entry.name) {
            return ready_made(token.clone(), Provenance::Fixed, FIXED_LIFE);
        }
        match &self.source {
            Source::Directory(directory) => {
                let (directory, name) = (directory.clone(), entry.name.clone());
                match from_files(directory, name, self.endpoint.is_some()).await? {
                    Files::Token(token) => ready_made(token, Provenance::File, FILE_LIFE),
                    Files::Credentials(client, grant) => {
                        let endpoint = self.endpoint.as_ref().ok_or(TokenError::NoTokenUrl)?;
                        let issued =
                            endpoint.request(&client, &grant, &entry.scopes, &[], now).await?;
                        Ok(issued.access_token)
                    }
                }
            }
            Source::Given(client, grant) => {
                let endpoint = self.endpoint.as_ref().ok_or(TokenError::NoTokenUrl)?;
                let mut rotated = match grant {
                    Grant::RefreshToken(_) => Some(self.rotated.lock().await),
                    _ => None,
                };
                let next = rotated.as_ref().and_then(|token| (**token).clone());
                let grant = next.map_or_else(|| grant.clone(), Grant::RefreshToken);
                let issued = endpoint.request(client, &grant, &entry.scopes, &[], now).await?;
                if let (Some(rotated), Some(next)) = (&mut rotated, issued.refresh_token) {
                    **rotated = Some(next);
                }
                Ok(issued.access_token)
            }
        }
    }
}

enum Files {
    Token(Secret),
    Credentials(crate::client_auth::ClientAuth, Grant),
}

async fn from_files(
    directory: PathBuf,
    name: String,
    has_endpoint: bool,
) -> Result<Files, TokenError> {
    let read = tokio::task::spawn_blocking(move || {
        if let Some(token) = credentials::read_token(&directory, &name)? {
            return Ok(Files::Token(token));
        }
        if !has_endpoint {
            return Err(TokenError::NoTokenUrl);
        }
        let (client, grant) = credentials::read_directory(&directory)?;
        Ok(Files::Credentials(client, grant))
    });
    read.await.unwrap_or(Err(TokenError::Interrupted))
}

impl Entry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, fetched: &Result<AccessToken, TokenError>, now: SystemTime) {
        let mut state = self.state();
        match fetched {
            Ok(token) => {
                state.held = Some(token.clone());
                state.failures = 0;
                state.failed = None;
                tracing::debug!(token_name = self.name, "token renewed");
            }
            Err(error) => {
                let good_until = state.held.as_ref().map(AccessToken::expires_at);
                let good_until = good_until.filter(|until| *until > now);
                state.failures = state.failures.saturating_add(1);
                let pause = schedule::pause(state.failures, error, good_until.is_some(), chance());
                state.failed = Some((error.clone(), now + pause));
                let error = error as &dyn std::error::Error;
                if good_until.is_some() {
                    tracing::warn!(token_name = self.name, error, "keeping the old token");
                } else {
                    // Whoever asks for it is told, and decides whether that is worth a warning.
                    tracing::debug!(token_name = self.name, error, "no token");
                }
            }
        }
    }
}

/// 0..1, different for each process and call. It spreads load and guards nothing.
fn chance() -> f64 {
    f64::from((RandomState::new().hash_one(()) >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
}
