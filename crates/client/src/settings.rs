//! What [`Tokens`] needs to know, from the environment or from code.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::client_auth::ClientAuth;
use crate::clock::{Clock, SystemClock};
use crate::endpoint::TokenEndpoint;
use crate::error::TokenError;
use crate::fixed;
use crate::grant::Grant;
use crate::secret::{Secret, is_token_text};
use crate::tokens::Tokens;
use crate::transport::{PlainHttp, Timeouts};

/// Builds [`Tokens`].
///
/// | variable                                            | setting                              |
/// |-----------------------------------------------------|--------------------------------------|
/// | `OAUTH2_ACCESS_TOKEN_URL`, `OAUTH_ACCESS_TOKEN_URL` | [`token_url`](Self::token_url)       |
/// | `CREDENTIALS_DIR` (else the current directory)      | [`credentials_dir`](Self::credentials_dir) |
/// | `OAUTH2_ACCESS_TOKENS`, `name=token,…`              | [`fixed`](Self::fixed)               |
#[derive(Debug)]
pub struct TokensBuilder {
    token_url: Option<String>,
    source: Source,
    fixed: HashMap<String, Secret>,
    timeouts: Timeouts,
    plain_http: PlainHttp,
    roots: Vec<reqwest::Certificate>,
    clock: Arc<dyn Clock>,
}

/// Where credentials come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Files that are read again for every request.
    Directory(Origin),
    /// Handed over in code.
    Given(ClientAuth, Grant),
}

/// A directory of credentials.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) directory: PathBuf,
    /// Whether the only thing to be found there are ready-made tokens
    pub(crate) tokens_only: bool,
}

impl Source {
    fn directory(directory: PathBuf) -> Self {
        Self::Directory(Origin { directory, tokens_only: false })
    }
}

impl Default for TokensBuilder {
    fn default() -> Self {
        Self {
            token_url: None,
            source: Source::directory(PathBuf::from(".")),
            fixed: HashMap::new(),
            timeouts: Timeouts::default(),
            plain_http: PlainHttp::default(),
            roots: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl TokensBuilder {
    /// Settings from the environment variables above.
    ///
    /// # Errors
    /// [`TokenError::Settings`] when `OAUTH2_ACCESS_TOKENS` is malformed.
    pub fn from_env() -> Result<Self, TokenError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same from any source of variables. An empty one counts as not set.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, TokenError> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let mut builder = Self {
            token_url: variable("OAUTH2_ACCESS_TOKEN_URL")
                .or_else(|| variable("OAUTH_ACCESS_TOKEN_URL")),
            ..Self::default()
        };
        if let Some(directory) = variable("CREDENTIALS_DIR") {
            builder = builder.credentials_dir(directory);
        }
        if let Some(list) = variable("OAUTH2_ACCESS_TOKENS") {
            builder.fixed = fixed::parse(&list)?;
        }
        Ok(builder)
    }

    /// The token endpoint; may have a query such as `?realm=/services`.
    #[must_use]
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.token_url = Some(url.into());
        self
    }

    /// The directory with `user.json` and `client.json` (or, for one name, `<name>-client-id` and
    /// `<name>-client-secret`), read again for every request, so that a rotation needs no restart;
    /// and with ready-made tokens in `<name>-token-secret`.
    #[must_use]
    pub fn credentials_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        match &mut self.source {
            Source::Directory(origin) => origin.directory = directory,
            Source::Given(..) => self.source = Source::directory(directory),
        }
        self
    }

    /// Takes ready-made tokens from the directory and never asks a server, whatever else is there:
    /// without `<name>-token-secret` there is no token. Fixed tokens still count. It is the
    /// `from_file_only` of the Python library. With [`credentials`](Self::credentials) from code it
    /// means nothing.
    #[must_use]
    pub fn from_file_only(mut self) -> Self {
        if let Source::Directory(origin) = &mut self.source {
            origin.tokens_only = true;
        }
        self
    }

    /// Credentials from code instead of a directory. A refresh token is replaced, in memory, by
    /// each one that the server answers with.
    #[must_use]
    pub fn credentials(mut self, client: ClientAuth, grant: Grant) -> Self {
        self.source = Source::Given(client, grant);
        self
    }

    /// A ready-made token for a name, taken to live a year: for tests and for development. The name
    /// need not be given to [`Tokens::manage`].
    ///
    /// # Errors
    /// [`TokenError::Settings`] when it could not stand in a header.
    pub fn fixed(
        mut self,
        name: impl Into<String>,
        token: impl Into<Secret>,
    ) -> Result<Self, TokenError> {
        let (name, token) = (name.into(), token.into());
        if !is_token_text(token.reveal()) {
            let text = format!("the fixed token for {name:?} is not a token");
            return Err(TokenError::Settings(text));
        }
        self.fixed.insert(name, token);
        Ok(self)
    }

    /// Whether there is a fixed token for a name, so that no server will be asked.
    pub fn is_fixed(&self, name: &str) -> bool {
        self.fixed.contains_key(name)
    }

    /// Which token endpoint will be asked, if one is known.
    pub fn configured_url(&self) -> Option<&str> {
        self.token_url.as_deref()
    }

    /// How long to wait for the server: 1.25 s to connect and 2.25 s for each read by default.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Lets secrets and tokens go over plain http to other machines. Think twice.
    #[must_use]
    pub fn plain_http(mut self, plain_http: PlainHttp) -> Self {
        self.plain_http = plain_http;
        self
    }

    /// Trusts a certificate authority (PEM, one or many) beside those of the system. There is no
    /// way to switch verification off: this is what to do instead.
    ///
    /// # Errors
    /// [`TokenError::Settings`] when there is no certificate in it.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, TokenError> {
        let roots = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
        if roots.is_empty() {
            return Err(TokenError::Settings("no certificate in the PEM text".to_owned()));
        }
        self.roots.extend(roots);
        Ok(self)
    }

    /// The clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// As [`TokenEndpoint::new`]. That there is no token URL is no error here: ready-made tokens
    /// need none.
    pub fn build(self) -> Result<Tokens, TokenError> {
        let endpoint = self
            .token_url
            .map(|url| TokenEndpoint::new(&url, self.timeouts, self.plain_http, &self.roots))
            .transpose()?;
        Ok(Tokens::new(endpoint, self.source, self.fixed, self.plain_http, self.clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> TokensBuilder {
        TokensBuilder::from_variables(|asked| {
            let found = variables.iter().find(|(name, _)| *name == asked);
            found.map(|(_, value)| (*value).to_owned())
        })
        .unwrap()
    }

    #[test]
    fn the_newer_variable_for_the_url_beats_the_older() {
        let both = [("OAUTH2_ACCESS_TOKEN_URL", "new"), ("OAUTH_ACCESS_TOKEN_URL", "old")];
        assert_eq!(from(&both).token_url.as_deref(), Some("new"));
        assert_eq!(from(&both[1..]).token_url.as_deref(), Some("old"));
        let empty = [("OAUTH2_ACCESS_TOKEN_URL", ""), ("OAUTH_ACCESS_TOKEN_URL", "old")];
        assert_eq!(from(&empty).token_url.as_deref(), Some("old"));
        assert_eq!(from(&[]).token_url, None);
    }

    #[test]
    fn credentials_are_in_the_current_directory_unless_said_otherwise() {
        let directory = |builder: TokensBuilder| match builder.source {
            Source::Directory(origin) => origin.directory,
            Source::Given(..) => panic!("not a directory"),
        };
        assert_eq!(directory(from(&[])), PathBuf::from("."));
        let there = [("CREDENTIALS_DIR", "/meta/credentials")];
        assert_eq!(directory(from(&there)), PathBuf::from("/meta/credentials"));
    }

    #[test]
    fn a_wrong_url_is_found_when_building() {
        for url in ["", "nonsense", "http://auth.example.org/token", "ftp://127.0.0.1/"] {
            assert!(TokensBuilder::default().token_url(url).build().is_err(), "{url}");
        }
        assert!(TokensBuilder::default().token_url("http://127.0.0.1:1/").build().is_ok());
        let legacy = TokensBuilder::default().token_url("http://auth.example.org/token");
        assert!(legacy.plain_http(PlainHttp::Everywhere).build().is_ok());
    }

    #[test]
    fn a_fixed_token_and_a_root_certificate_are_checked() {
        assert!(TokensBuilder::default().fixed("a", "two words").is_err());
        assert!(TokensBuilder::default().root_certificates(b"nonsense").is_err());
    }
}
