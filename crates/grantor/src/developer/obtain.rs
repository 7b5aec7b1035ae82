//! The order in which sources of a token are tried:
//!
//! 1. a fixed token of that name (`OAUTH2_ACCESS_TOKENS`), which somebody set on purpose;
//! 2. the kept token of that name, if it lasts, covers the scopes, and its server is the one that
//!    is configured now;
//! 3. service mode: `OAUTH2_ACCESS_TOKEN_URL` with files in `CREDENTIALS_DIR`;
//! 4. the refresh token of the last `grantor login`;
//! 5. the refresh token that Zign stored;
//! 6. the browser, if it is known where to sign in.
//!
//! What comes from a server and has a name is kept.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::anyhow;
use grantor_client::{AccessToken, Clock as _, Provenance, SystemClock, TokenError, TokensBuilder};

use crate::developer::cache::{CachedToken, TokenCache, config_dir};
use crate::developer::login::{Browser, KeptLogin, LoginFile, SignIn};
use crate::developer::zign::StoredLogin;
use crate::failure::hinted;

/// What the person asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) browser: Browser,
}

/// Whether the kept token will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Welcome,
    /// It was just refused.
    Useless,
}

impl Wanted {
    /// A token, or an error that says what to do.
    pub(crate) async fn obtain(&self, kept: Kept) -> anyhow::Result<AccessToken> {
        let settings = TokensBuilder::from_env().map_err(advise)?;
        let name = self.name.as_deref().unwrap_or_default();
        let person = Person::find(config_dir()?)?;
        let token_url = settings.configured_url().or_else(|| person.token_url()).map(str::to_owned);
        if !settings.is_fixed(name)
            && kept == Kept::Welcome
            && let Some(token) = self.find_kept(token_url.as_deref(), SystemClock.now())?
        {
            return token.token();
        }
        let (token, token_url) = match self.ask_as_service(settings).await {
            Ok(token) => (token, token_url.unwrap_or_default()),
            Err(error) if error.is_unconfigured() => self.ask_as_person(person, &error).await?,
            Err(error) => return Err(advise(error)),
        };
        if let Some(name) = &self.name
            && token.provenance() == Provenance::Issued
        {
            TokenCache::open()?.keep(name, CachedToken::of(&token, &token_url))?;
        }
        Ok(token)
    }

    /// The token, and who gave it.
    async fn ask_as_person(
        &self,
        person: Person,
        missing: &TokenError,
    ) -> anyhow::Result<(AccessToken, String)> {
        let refreshed = person.refresh(&self.scopes).await;
        let refused = match refreshed {
            Some(Ok(done)) => return Ok(done),
            // Only the server's no is a reason to trouble the person: for new scopes, or anew.
            Some(Err(error)) if is_refused(&error) => Some(error),
            Some(Err(error)) => return Err(advise_on_refresh(error)),
            None => None,
        };
        let Some(sign_in) = person.sign_in else {
            return Err(refused.map_or_else(|| no_source(missing), advise_on_refresh));
        };
        let file = LoginFile::of(&person.config_dir);
        match sign_in.sign_in(&self.scopes, self.browser, &file).await {
            Ok((login, kept)) => Ok((login.access_token, kept.token_url)),
            Err(error) if refused.is_some() => {
                Err(error.context("the stored refresh token was not taken"))
            }
            Err(error) => Err(error),
        }
    }

    fn find_kept(
        &self,
        token_url: Option<&str>,
        now: SystemTime,
    ) -> anyhow::Result<Option<CachedToken>> {
        let Some(name) = &self.name else { return Ok(None) };
        let found = TokenCache::open()?.find(name)?;
        Ok(found.filter(|token| {
            token.is_good(now)
                && token.covers(&self.scopes)
                && token_url.is_none_or(|url| url == token.token_url)
        }))
    }

    async fn ask_as_service(&self, settings: TokensBuilder) -> Result<AccessToken, TokenError> {
        let tokens = settings.build()?;
        let name = self.name.as_deref().unwrap_or_default();
        tokens.manage(name, self.scopes.iter().cloned());
        tokens.get(name).await
    }
}

/// What there is of a person's earlier sign-ins.
#[derive(Debug)]
struct Person {
    config_dir: PathBuf,
    /// With a refresh token
    login: Option<KeptLogin>,
    zign: Option<StoredLogin>,
    sign_in: Option<SignIn>,
}

impl Person {
    fn find(config_dir: PathBuf) -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        let sign_in = SignIn::find(&config_dir, (None, None, None), variable)?;
        let login = LoginFile::of(&config_dir).read()?;
        let login = login.filter(|login| {
            // Another server may be set now.
            let same = sign_in.as_ref().is_some_and(|now| now.issuer == login.issuer);
            same && login.refresh_token.is_some()
        });
        let zign = StoredLogin::find(&config_dir, variable)?;
        Ok(Self { config_dir, login, zign, sign_in })
    }

    fn token_url(&self) -> Option<&str> {
        let login = self.login.as_ref().map(|login| login.token_url.as_str());
        login.or_else(|| self.zign.as_ref().map(|stored| stored.token_url.as_str()))
    }

    /// With the refresh token of the last sign-in, else with that of Zign; `None` without either.
    async fn refresh(&self, scopes: &[String]) -> Option<anyhow::Result<(AccessToken, String)>> {
        if let Some(login) = &self.login {
            let refreshed = LoginFile::of(&self.config_dir).refresh(scopes.to_vec()).await;
            return Some(refreshed.map(|token| (token, login.token_url.clone())));
        }
        let stored = self.zign.clone()?;
        let token_url = stored.token_url.clone();
        Some(stored.refresh(scopes.to_vec()).await.map(|token| (token, token_url)))
    }
}

fn is_refused(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<TokenError>()
        .is_some_and(|error| error.refusal().is_some() && !error.is_temporary())
}

fn no_source(missing: &TokenError) -> anyhow::Error {
    hinted(
        anyhow!("there is no way to get a token: {missing}"),
        "for a service, set OAUTH2_ACCESS_TOKEN_URL, and CREDENTIALS_DIR to the directory with \
         user.json and client.json; for a person, `grantor login --issuer https://id.example.org` \
         (or set GRANTOR_ISSUER), or Zign's settings",
    )
}

fn advise(error: TokenError) -> anyhow::Error {
    let advice = match &error {
        TokenError::PlainHttp { .. } => "use https; plain http is for this machine only".to_owned(),
        TokenError::InvalidUrl(_) => {
            "OAUTH2_ACCESS_TOKEN_URL is like https://auth.example.org/oauth2/access_token"
                .to_owned()
        }
        TokenError::Unreachable(_) => {
            "is the URL right (OAUTH2_ACCESS_TOKEN_URL), and the server up?".to_owned()
        }
        TokenError::Refused(refusal) => match &refusal.decision_id {
            Some(id) => format!("`grantor explain {id}` says which rule decided"),
            None => "check the scopes, and user.json and client.json in CREDENTIALS_DIR".to_owned(),
        },
        TokenError::Redirected(_) => {
            "set OAUTH2_ACCESS_TOKEN_URL to where the endpoint really is".to_owned()
        }
        _ => return error.into(),
    };
    hinted(error, advice)
}

fn advise_on_refresh(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<TokenError>() {
        Ok(error @ TokenError::Refused(_)) => hinted(
            anyhow::Error::new(error).context("the stored refresh token was not taken"),
            "log in again: `grantor login`",
        ),
        Ok(error) => advise(error),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_source_the_error_says_what_to_set() {
        let text = crate::failure::text(&no_source(&TokenError::NoTokenUrl));
        for says in ["OAUTH2_ACCESS_TOKEN_URL", "CREDENTIALS_DIR", "grantor login --issuer"] {
            assert!(text.contains(says), "{text}");
        }
    }
}
