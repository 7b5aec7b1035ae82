//! A client that people sign in to: the steps of OIDC Core §3.1, one after the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use grantor_crypto::jws;
use grantor_crypto::jwt::{Audience, Claims, Rules};
use serde_json::{Map, Value};
use url::Url;

use crate::client_auth::ClientAuth;
use crate::endpoint::Issued;
use crate::error::TokenError;
use crate::grant::Grant;
use crate::login::callback;
use crate::login::error::{IdTokenError, LoginError};
use crate::login::fetch;
use crate::login::id_token::{self, IdToken, Occasion};
use crate::login::loopback::Loopback;
use crate::login::pending::PendingLogin;
use crate::login::provider::Provider;
use crate::login::refreshes::Refreshes;
use crate::login::request::AuthorizationRequest;
use crate::login::tokens::LoginTokens;
use crate::secret::{AccessToken, Secret};

/// An application that people sign in to. Make one when the application starts; cheap to clone.
///
/// ```no_run
/// use grantor_client::{AuthorizationRequest, ClientAuth, Provider, ProviderSettings, RelyingParty};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::discover("https://id.example.org", ProviderSettings::default()).await?;
/// let client = ClientAuth::Basic { client_id: "shop".into(), secret: "…".into() };
/// let shop = RelyingParty::new(provider, client, "https://shop.example.org/callback")?;
///
/// let (url, pending) = shop.start(&AuthorizationRequest::new(["openid", "wishlist.write"]));
/// // Keep `pending` in the person's session; redirect (303) to `url`. In the callback:
/// # let query = "";
/// let login = shop.finish(pending, query).await?;
/// println!("{} signed in", login.id_token.ok_or("no openid")?.subject());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RelyingParty {
    provider: Provider,
    client: ClientAuth,
    redirect_uri: Arc<str>,
    trusted_audiences: Vec<String>,
    refreshes: Arc<Refreshes>,
}

/// Somebody signed in, or renewed what came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// To call APIs with; its scopes are those that were granted, which may be fewer than asked.
    pub access_token: AccessToken,
    /// To renew it with, if the provider gave one. After a refresh it replaces the one before.
    pub refresh_token: Option<Secret>,
    /// Who it is; always there after a login that asked for `openid`.
    pub id_token: Option<IdToken>,
}

impl RelyingParty {
    /// `redirect_uri` is the registered address of the callback, exactly as registered.
    ///
    /// # Errors
    /// [`LoginError::Settings`] when it is not an absolute URI without a fragment (RFC 6749 §3.1.2).
    pub fn new(
        provider: Provider,
        client: ClientAuth,
        redirect_uri: &str,
    ) -> Result<Self, LoginError> {
        match Url::parse(redirect_uri) {
            Ok(url) if url.fragment().is_none() => {}
            _ => return Err(LoginError::Settings("the redirect URI")),
        }
        let redirect_uri = redirect_uri.into();
        let refreshes = Refreshes::new(Arc::clone(&provider.settings().clock));
        Ok(Self { provider, client, redirect_uri, trusted_audiences: Vec::new(), refreshes })
    }

    /// Takes ID tokens that are also for `audience`. OIDC Core §3.1.3.7, point 3.
    #[must_use]
    pub fn trust_audience(mut self, audience: impl Into<String>) -> Self {
        self.trusted_audiences.push(audience.into());
        self
    }

    /// The provider.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Begins a login: where to send the browser, and what to keep in the person's session.
    pub fn start(&self, request: &AuthorizationRequest) -> (Url, PendingLogin) {
        self.start_at(&self.redirect_uri, request)
    }

    fn start_at(&self, redirect_uri: &str, request: &AuthorizationRequest) -> (Url, PendingLogin) {
        let now = self.now();
        let pending = PendingLogin::new(self.provider.issuer(), redirect_uri, request, now);
        let endpoint = &self.provider.metadata().authorization_endpoint;
        (pending.url(endpoint, self.client.client_id(), request), pending)
    }

    /// Finishes a login with the query of the callback, and redeems the code.
    ///
    /// # Errors
    /// [`LoginError::Refused`] when the provider or the person said no; the others mean that the
    /// callback is not to be believed, or that the provider does not answer.
    pub async fn finish(&self, pending: PendingLogin, query: &str) -> Result<Login, LoginError> {
        pending.check(self.provider.issuer(), self.now())?;
        let expected = callback::Expected {
            state: pending.state(),
            issuer: self.provider.issuer(),
            iss_required: self.provider.metadata().iss_in_every_answer,
        };
        let code = callback::read(query, expected)?;
        let grant = Grant::AuthorizationCode {
            code,
            redirect_uri: pending.redirect_uri().to_owned(),
            verifier: pending.verifier().into(),
        };
        let issued = self.redeem(&grant, pending.scopes(), pending.resources()).await?;
        let occasion = Occasion::Login {
            nonce: pending.nonce(),
            max_age: pending.max_age(),
            acr: pending.acr(),
        };
        let login = self.believe(issued, occasion).await?;
        if pending.expects_id_token() && login.id_token.is_none() {
            return Err(LoginError::NoIdToken);
        }
        Ok(login)
    }

    /// Signs somebody in to a program on this machine: listens on a free port of 127.0.0.1, calls
    /// `open` with the address to show, and waits for the browser to come back. RFC 8252 §7.3.
    ///
    /// The client is registered with the redirect URI `http://127.0.0.1/callback`; its port may
    /// vary.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); [`LoginError::NobodyCame`] after `patience`.
    pub async fn login_over_loopback(
        &self,
        request: &AuthorizationRequest,
        patience: Duration,
        open: impl FnOnce(&Url),
    ) -> Result<Login, LoginError> {
        let loopback = Loopback::bind().await?;
        let (url, pending) = self.start_at(&loopback.redirect_uri(), request);
        open(&url);
        let arrival = loopback.receive(pending.state(), patience).await?;
        let finished = self.finish(pending, arrival.query()).await;
        arrival.answer(finished.as_ref().map(|_| ())).await;
        finished
    }

    /// Keeps the access token of a login good from here on.
    pub fn keep(&self, login: Login) -> LoginTokens {
        LoginTokens::new(self.clone(), login)
    }

    /// Renews the access token. `before` is the ID token of the login, if it was kept: a new one
    /// must be about the same person.
    ///
    /// A refresh token is presented once, however many call this with it at the same time: all get
    /// the one answer. Whoever comes with a copy of it within a minute, when it has been replaced,
    /// gets what it bought, the newest there is. [`Self::keep`] does more.
    ///
    /// # Errors
    /// [`LoginError::Token`] with `invalid_grant` when the refresh token is spent or withdrawn.
    pub async fn refresh(
        &self,
        refresh_token: &Secret,
        before: Option<&IdToken>,
    ) -> Result<Login, LoginError> {
        let (client, token) = (self.clone(), refresh_token.clone());
        let spend = async move || {
            let issued = client.redeem(&Grant::RefreshToken(token.clone()), &[], &[]).await?;
            let mut login = client.believe(issued, Occasion::Refresh).await?;
            // RFC 6749 §6: without a new one the old one stays.
            login.refresh_token.get_or_insert(token);
            Ok(login)
        };
        let login = self.refreshes.once(refresh_token, spend).await?;
        // Each for itself: others may have asked, with less to compare.
        if let (Some(before), Some(now)) = (before, &login.id_token) {
            now.continues(before)?;
        }
        Ok(login)
    }

    /// Claims about the person, from the userinfo endpoint. OIDC Core §5.3.
    ///
    /// # Errors
    /// [`LoginError::UserInfo`] when the answer is about somebody else than `subject`.
    pub async fn userinfo(
        &self,
        access_token: &AccessToken,
        subject: &str,
    ) -> Result<Map<String, Value>, LoginError> {
        let address = self.provider.metadata().userinfo_endpoint.as_ref();
        let address = address.ok_or(LoginError::Unsupported("userinfo endpoint"))?;
        let authorization = access_token.authorization();
        let answer = fetch::get(self.provider.http(), address, Some(authorization)).await?;
        let signed = answer.is_jwt();
        let body = answer.success()?;
        let claims = match signed {
            true => self.verified_userinfo(&body).await?,
            false => match grantor_crypto::parse_strict(&body) {
                Ok(Value::Object(claims)) => claims,
                _ => return Err(LoginError::UserInfo("not one JSON object")),
            },
        };
        // §5.3.2: MUST be verified to match exactly, or MUST NOT be used.
        if claims.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(LoginError::UserInfo("it is about somebody else"));
        }
        Ok(claims)
    }

    /// Where to send the browser to sign out at the provider too. `back` is a registered
    /// `post_logout_redirect_uri` and the `state` it is to get. OIDC RP-Initiated Logout §2.
    ///
    /// # Errors
    /// [`LoginError::Unsupported`] when the provider has no such endpoint.
    pub fn logout_url(
        &self,
        id_token: Option<&IdToken>,
        back: Option<(&str, &str)>,
    ) -> Result<Url, LoginError> {
        let endpoint = self.provider.metadata().end_session_endpoint.clone();
        let mut url = endpoint.ok_or(LoginError::Unsupported("end session endpoint"))?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("client_id", self.client.client_id());
            if let Some(id_token) = id_token {
                query.append_pair("id_token_hint", id_token.reveal());
            }
            if let Some((back, state)) = back {
                query.append_pair("post_logout_redirect_uri", back);
                query.append_pair("state", state);
            }
        }
        Ok(url)
    }

    fn now(&self) -> SystemTime {
        self.provider.settings().clock.now()
    }

    fn unix_now(&self) -> i64 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    async fn redeem(
        &self,
        grant: &Grant,
        scopes: &[String],
        resources: &[String],
    ) -> Result<Issued, TokenError> {
        let extra: Vec<_> = resources.iter().map(|one| ("resource", one.as_str())).collect();
        let endpoint = self.provider.token_endpoint();
        endpoint.request(&self.client, grant, scopes, &extra, self.now()).await
    }

    async fn believe(&self, issued: Issued, occasion: Occasion<'_>) -> Result<Login, LoginError> {
        let Issued { access_token, refresh_token, id_token, .. } = issued;
        let id_token = match id_token {
            None => None,
            Some(text) => {
                let algorithms = &self.provider.settings().algorithms;
                let header = id_token::header(text.reveal(), algorithms)?;
                let key = self.provider.key(&header).await?;
                let expected = id_token::Expected {
                    issuer: self.provider.issuer(),
                    client_id: self.client.client_id(),
                    trusted_audiences: &self.trusted_audiences,
                    algorithms,
                    now: self.unix_now(),
                    occasion,
                    access_token: Some(access_token.reveal()),
                };
                Some(id_token::verify(text.reveal(), &key, &expected)?)
            }
        };
        Ok(Login { access_token, refresh_token, id_token })
    }

    /// §5.3.2: signed, then `iss` and `aud` are the provider and this client.
    async fn verified_userinfo(&self, body: &[u8]) -> Result<Map<String, Value>, LoginError> {
        let text = std::str::from_utf8(body).map_err(|_| LoginError::UserInfo("not a token"))?;
        let header = id_token::header(text, &self.provider.settings().algorithms)?;
        let key = self.provider.key(&header).await?;
        let payload = jws::parse_compact(text)
            .and_then(|parsed| parsed.verify(&key))
            .map_err(IdTokenError::from)?;
        let claims = Claims::parse(&payload).map_err(IdTokenError::from)?;
        let client_id = [self.client.client_id()];
        let rules = Rules {
            issuer: Some(self.provider.issuer()),
            audience: Audience::OneOf(&client_id),
            required: &["iss", "aud", "sub"],
            ..Rules::at(self.unix_now())
        };
        claims.check(None, &rules).map_err(IdTokenError::from)?;
        Ok(claims.all)
    }
}
