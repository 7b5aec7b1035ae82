//! Managed tokens: held by name, renewed ahead of their end, asked for once however many wait.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use crate::bearer::{BearerAuth, NamedToken};
use crate::clock::Clock;
use crate::credentials;
use crate::endpoint::TokenEndpoint;
use crate::error::TokenError;
use crate::grant::Grant;
use crate::renewal::Renewal;
use crate::schedule::AfterExpiry;
use crate::secret::{AccessToken, Provenance, Secret};
use crate::settings::{Origin, Source, TokensBuilder};
use crate::transport::PlainHttp;

/// How long a fixed token is taken to live.
const FIXED_LIFE: Duration = Duration::from_hours(365 * 24);

/// How long a token from a file can outlive the file.
const FILE_LIFE: Duration = Duration::from_mins(2);

/// How often [`Tokens::keep_fresh`] looks.
const ROUND: Duration = Duration::from_secs(1);

/// Access tokens by name. Cheap to clone; clones share everything.
///
/// A token is renewed ahead of its end, in the background of a [`get`](Self::get), so callers do
/// not wait: when 60 % of its life is used, but at most 20 minutes ahead. While the server does
/// not answer, the old token stays in use until a minute after its end (clocks differ, and who
/// checks it may be as lenient), and attempts are spaced out with growing, jittered pauses (a
/// `Retry-After` is obeyed). However many ask at once, there is one request per name.
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
    renewal: Arc<Renewal>,
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

    /// Names of fixed tokens are under management from the start.
    pub(crate) fn new(
        endpoint: Option<TokenEndpoint>,
        source: Source,
        fixed: HashMap<String, Secret>,
        plain_http: PlainHttp,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let rotated = tokio::sync::Mutex::default();
        let named = RwLock::default();
        let known: Vec<String> = fixed.keys().cloned().collect();
        let inner = Inner { endpoint, source, rotated, fixed, plain_http, clock, named };
        let tokens = Self { inner: Arc::new(inner) };
        known.into_iter().for_each(|name| tokens.take(name, Vec::new(), AfterExpiry::Grace));
        tokens
    }

    /// Takes a name under management, and forgets a token it had.
    pub fn manage<S: Into<String>>(
        &self,
        name: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.take(name.into(), scopes, AfterExpiry::Grace);
    }

    /// The same, for whoever would rather send an expired token than none: while there is no new
    /// one to be had, [`get`](Self::get) goes on returning the old one, with a warning in the log.
    /// It is the `ignore_expiration` of the Python library.
    pub fn manage_ignoring_expiration<S: Into<String>>(
        &self,
        name: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.take(name.into(), scopes, AfterExpiry::Ignored);
    }

    fn take(&self, name: String, scopes: Vec<String>, after_expiry: AfterExpiry) {
        let clock = Arc::clone(&self.inner.clock);
        let renewal = Renewal::new(name.clone(), after_expiry, clock, None);
        let entry = Entry { name: name.clone(), scopes, renewal };
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
        entry.renewal.get(|| Arc::clone(&self.inner).fetch(Arc::clone(&entry))).await
    }

    /// A new token, whatever is held. Pauses after failures do not apply.
    ///
    /// # Errors
    /// [`TokenError`]; the held token stays.
    pub async fn refresh(&self, name: &str) -> Result<AccessToken, TokenError> {
        let entry = self.inner.entry(name)?;
        entry.renewal.refresh(|| Arc::clone(&self.inner).fetch(Arc::clone(&entry))).await
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
        entry.renewal.replace(refused, || Arc::clone(&self.inner).fetch(Arc::clone(&entry))).await
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
            entry.renewal.renew_if_due(now, || Arc::clone(self).fetch(Arc::clone(entry)));
        }
    }

    async fn fetch(self: Arc<Self>, entry: Arc<Entry>) -> Result<AccessToken, TokenError> {
        let now = self.clock.now();
        let ready_made = |secret: Secret, provenance, life| {
            Ok(AccessToken::new(secret, provenance, now, life, entry.scopes.clone()))
        };
        if let Some(token) = self.fixed.get(&entry.name) {
            return ready_made(token.clone(), Provenance::Fixed, FIXED_LIFE);
        }
        match &self.source {
            Source::Directory(origin) => {
                let (origin, name) = (origin.clone(), entry.name.clone());
                match from_files(origin, name, self.endpoint.is_some()).await? {
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

async fn from_files(origin: Origin, name: String, has_endpoint: bool) -> Result<Files, TokenError> {
    let read = tokio::task::spawn_blocking(move || {
        let directory: PathBuf = origin.directory;
        if let Some(token) = credentials::read_token(&directory, &name)? {
            return Ok(Files::Token(token));
        }
        if origin.tokens_only {
            return Err(credentials::no_token(&directory, &name));
        }
        if !has_endpoint {
            return Err(TokenError::NoTokenUrl);
        }
        let (client, grant) = credentials::read_directory(&directory, &name)?;
        Ok(Files::Credentials(client, grant))
    });
    read.await.unwrap_or(Err(TokenError::Interrupted))
}
