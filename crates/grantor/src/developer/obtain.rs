//! The order in which sources of a token are tried:
//!
//! 1. a fixed token of that name (`OAUTH2_ACCESS_TOKENS`), which somebody set on purpose;
//! 2. the kept token of that name, if it lasts, covers the scopes, and its server is the one that
//!    is configured now;
//! 3. service mode: `OAUTH2_ACCESS_TOKEN_URL` with files in `CREDENTIALS_DIR`;
//! 4. the refresh token that Zign stored.
//!
//! What comes from a server and has a name is kept.

use std::time::SystemTime;

use anyhow::anyhow;
use grantor_client::{AccessToken, Clock as _, Provenance, SystemClock, TokenError, TokensBuilder};

use crate::developer::cache::{CachedToken, TokenCache, config_dir};
use crate::developer::zign::StoredLogin;
use crate::failure::hinted;

/// What the person asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: Option<String>,
    pub(crate) scopes: Vec<String>,
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
        let stored = StoredLogin::find(&config_dir()?, |name| std::env::var(name).ok())?;
        let token_url = settings
            .configured_url()
            .or_else(|| stored.as_ref().map(|stored| stored.token_url.as_str()))
            .map(str::to_owned);
        if !settings.is_fixed(name)
            && kept == Kept::Welcome
            && let Some(token) = self.find_kept(token_url.as_deref(), SystemClock.now())?
        {
            return token.token();
        }
        let (token, token_url) = match self.ask_as_service(settings).await {
            Ok(token) => (token, token_url.unwrap_or_default()),
            Err(error) if error.is_unconfigured() => {
                let Some(stored) = stored else { return Err(no_source(&error)) };
                let token_url = stored.token_url.clone();
                let refreshed = stored.refresh(self.scopes.clone()).await;
                (refreshed.map_err(advise_on_refresh)?, token_url)
            }
            Err(error) => return Err(advise(error)),
        };
        if let Some(name) = &self.name
            && token.provenance() == Provenance::Issued
        {
            TokenCache::open()?.keep(name, CachedToken::of(&token, &token_url))?;
        }
        Ok(token)
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

fn no_source(missing: &TokenError) -> anyhow::Error {
    hinted(
        anyhow!("there is no way to get a token: {missing}"),
        "for a service, set OAUTH2_ACCESS_TOKEN_URL, and CREDENTIALS_DIR to the directory with \
         user.json and client.json; for a person, set ZALANDO_TOKEN_CLI_TOKEN_URL and \
         ZALANDO_TOKEN_CLI_CLIENT_ID to use the refresh token that Zign stored. \
         Signing in with the browser is not in this version yet",
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
            "log in again with Zign; signing in with the browser is not in this version yet",
        ),
        Ok(error) => advise(error),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_source_the_error_says_what_to_set_and_what_does_not_exist_yet() {
        let text = crate::failure::text(&no_source(&TokenError::NoTokenUrl));
        for says in ["OAUTH2_ACCESS_TOKEN_URL", "CREDENTIALS_DIR", "browser is not in this version"]
        {
            assert!(text.contains(says), "{text}");
        }
    }
}
