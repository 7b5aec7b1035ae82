//! The tokens of somebody who signed in: renewed when it is time, once however many ask.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::bearer::{BearerAuth, TokenSource};
use crate::error::TokenError;
use crate::login::error::LoginError;
use crate::login::relying_party::{Login, RelyingParty};
use crate::renewal::Renewal;
use crate::schedule::AfterExpiry;
use crate::secret::AccessToken;

/// The access token of a person, kept good with the refresh token of the login. Made by
/// [`RelyingParty::keep`]. Cheap to clone; clones share everything, so keep one in the person's
/// session.
///
/// It behaves as a name of [`Tokens`](crate::Tokens) does: renewed ahead of its end and in the
/// background, one request however many ask, the old token while the provider is down, and as a
/// [`TokenSource`] one more attempt after a 401.
///
/// ```no_run
/// # use grantor_client::{Login, RelyingParty};
/// # async fn example(shop: RelyingParty, login: Login) -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = shop.keep(login); // after `finish`
///
/// let http = tokens.authorize(reqwest::Client::new());
/// let wishes = http.get("https://wishes.example.org/").send().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct LoginTokens {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: RelyingParty,
    login: Mutex<Login>,
    renewal: Arc<Renewal>,
}

impl LoginTokens {
    pub(crate) fn new(client: RelyingParty, login: Login) -> Self {
        let clock = Arc::clone(&client.provider().settings().clock);
        let held = Some(login.access_token.clone());
        let renewal = Renewal::new("login".to_owned(), AfterExpiry::Grace, clock, held);
        Self { inner: Arc::new(Inner { client, login: Mutex::new(login), renewal }) }
    }

    /// The login as it is now, with the newest refresh token: what to store, if it is to outlive
    /// the process.
    pub fn login(&self) -> Login {
        self.inner.login().clone()
    }

    /// An access token that is good now.
    ///
    /// # Errors
    /// [`TokenError`] when there is none to be had. With a [`refusal`](TokenError::refusal) of
    /// `invalid_grant` the login is over: have the person sign in again. So it is with
    /// [`TokenError::NoRefreshToken`] once the token ended.
    pub async fn get(&self) -> Result<AccessToken, TokenError> {
        self.inner.renewal.get(|| Arc::clone(&self.inner).renew()).await
    }

    /// Middleware that sends the token, and tries once more after a 401. A token never travels over
    /// plain http, except to this machine or where the provider's settings allow it.
    pub fn bearer(&self) -> BearerAuth<Self> {
        let plain_http = self.inner.client.provider().settings().plain_http;
        BearerAuth::new(self.clone()).plain_http(plain_http)
    }

    /// An HTTP client that does so.
    pub fn authorize(&self, client: reqwest::Client) -> reqwest_middleware::ClientWithMiddleware {
        reqwest_middleware::ClientBuilder::new(client).with(self.bearer()).build()
    }
}

#[async_trait]
impl TokenSource for LoginTokens {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        self.get().await
    }

    async fn replace(&self, refused: &AccessToken) -> Result<Option<AccessToken>, TokenError> {
        self.inner.renewal.replace(refused, || Arc::clone(&self.inner).renew()).await
    }
}

impl Inner {
    fn login(&self) -> MutexGuard<'_, Login> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew(self: Arc<Self>) -> Result<AccessToken, TokenError> {
        let Login { refresh_token, id_token: before, .. } = self.login().clone();
        let refresh_token = refresh_token.ok_or(TokenError::NoRefreshToken)?;
        let renewed = self.client.refresh(&refresh_token, before.as_ref()).await;
        let mut renewed = renewed.map_err(|error| match error {
            LoginError::Token(error) => error,
            error => {
                tracing::warn!(%error, "what came of a refresh is not believed");
                TokenError::InvalidResponse("it is not about the person who signed in")
            }
        })?;
        renewed.id_token = renewed.id_token.or(before);
        let token = renewed.access_token.clone();
        *self.login() = renewed;
        Ok(token)
    }
}
