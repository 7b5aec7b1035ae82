//! Signing in with the browser, and what is kept of it: `grantor/login.json` of the configuration
//! folder, 0600, with the refresh token. RFC 8252, RFC 9700 §2.2.2.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use grantor_client::{
    AccessToken, AuthorizationRequest, ClientAuth, Clock as _, Grant, Login, LoginError, PlainHttp,
    Provider, ProviderSettings, RelyingParty, SystemClock, Timeouts, TokenEndpoint, open_browser,
};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::developer::private_file::{LockedFile, PrivateFile};
use crate::developer::uninterrupted::uninterrupted;
use crate::developer::zign;
use crate::failure::{Hint as _, hinted};

/// As long as Zign waits for a server.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(5), read: Duration::from_secs(20) };
/// As long as a person may take in the browser.
const PATIENCE: Duration = Duration::from_mins(5);
/// Its path; the port is free (RFC 8252 §7.3).
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Where to sign in, and as which client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignIn {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) realm: Option<String>,
}

/// Whether a browser may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    Open,
    /// The address is only printed: on a host without a screen.
    PrintOnly,
}

/// The last sign-in.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct KeptLogin {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,
    pub(crate) token_url: String,
    pub(crate) subject: Option<String>,
    pub(crate) refresh_token: Option<Zeroizing<String>>,
}

impl fmt::Debug for KeptLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptLogin([redacted], {:?}, {:?})", self.issuer, self.subject)
    }
}

/// `login.json`.
#[derive(Clone, Debug)]
pub(crate) struct LoginFile(PrivateFile);

impl LoginFile {
    pub(crate) fn of(config_dir: &Path) -> Self {
        Self(PrivateFile::new(config_dir.join("grantor").join("login.json")))
    }

    pub(crate) fn read(&self) -> anyhow::Result<Option<KeptLogin>> {
        parse(self.0.read()?, self.0.path())
    }

    fn write(&self, login: &KeptLogin) -> anyhow::Result<()> {
        write(&self.0.clone().lock()?, login)
    }

    /// Spends the kept refresh token, and keeps its successor before anybody sees the access token.
    pub(crate) async fn refresh(self, scopes: Vec<String>) -> anyhow::Result<AccessToken> {
        uninterrupted(async move {
            let locked = self.0.clone().lock()?;
            // Again, since another process may have replaced it while this one waited.
            let kept = parse(locked.read()?, self.0.path())?;
            let mut kept = kept.ok_or_else(|| anyhow!("the kept login was removed meanwhile"))?;
            let token = kept.refresh_token.take();
            let token = token.ok_or_else(|| anyhow!("the kept login has no refresh token"))?;
            let endpoint =
                TokenEndpoint::new(&kept.token_url, TIMEOUTS, PlainHttp::LoopbackOnly, &[])?;
            let client = ClientAuth::None { client_id: kept.client_id.clone() };
            let grant = Grant::RefreshToken(token.as_str().into());
            let issued = endpoint.request(&client, &grant, &scopes, &[], SystemClock.now()).await?;
            if let Some(next) = issued.refresh_token {
                kept.refresh_token = Some(Zeroizing::new(next.reveal().to_owned()));
                write(&locked, &kept)?;
            }
            Ok(issued.access_token)
        })
        .await
    }
}

fn parse(text: Option<Zeroizing<String>>, path: &Path) -> anyhow::Result<Option<KeptLogin>> {
    let Some(text) = text else { return Ok(None) };
    // The parser's message could quote the token.
    serde_json::from_str(&text)
        .map_err(|error| anyhow!("{} is damaged at line {}", path.display(), error.line()))
        .hint(format!("remove {}, and sign in again with `grantor login`", path.display()))
}

fn write(file: &LockedFile, login: &KeptLogin) -> anyhow::Result<()> {
    file.write(&Zeroizing::new(serde_json::to_string_pretty(login)?))
}

impl SignIn {
    /// From what was said on the command line or in the environment, the last sign-in, or the
    /// settings of Zign; in this order.
    pub(crate) fn find(
        config_dir: &Path,
        given: (Option<String>, Option<String>, Option<String>),
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<Self>> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (issuer, client_id, realm) = given;
        let issuer = issuer.or_else(|| variable("GRANTOR_ISSUER"));
        let client_id = client_id.or_else(|| variable("GRANTOR_CLIENT_ID"));
        let realm = realm.or_else(|| variable("GRANTOR_REALM"));
        let kept = LoginFile::of(config_dir).read()?;
        let kept = kept.filter(|kept| issuer.as_ref().is_none_or(|issuer| *issuer == kept.issuer));
        let kept = kept.map(|kept| (kept.issuer, kept.client_id, kept.realm));
        let (kept_issuer, kept_client, kept_realm) = match kept {
            Some((issuer, client, realm)) => (Some(issuer), Some(client), realm),
            None if issuer.is_none() => zign::sign_in_settings(config_dir, variable)?
                .map_or((None, None, None), |found| (Some(found.0), Some(found.1), None)),
            None => (None, None, None),
        };
        let Some(issuer) = issuer.or(kept_issuer) else { return Ok(None) };
        let client_id = client_id.or(kept_client).unwrap_or_else(|| "grantor-cli".to_owned());
        Ok(Some(Self { issuer, client_id, realm: realm.or(kept_realm) }))
    }

    /// Signs in, and keeps what came of it.
    pub(crate) async fn sign_in(
        &self,
        scopes: &[String],
        browser: Browser,
        file: &LoginFile,
    ) -> anyhow::Result<(Login, KeptLogin)> {
        let settings = ProviderSettings::default().timeouts(TIMEOUTS);
        let provider = Provider::discover(&self.issuer, settings)
            .await
            .map_err(|error| self.advise(error))
            .with_context(|| format!("cannot sign in at {}", self.issuer))?;
        let client = ClientAuth::None { client_id: self.client_id.clone() };
        let token_url = provider.token_url().to_owned();
        let program = RelyingParty::new(provider, client, REDIRECT_URI)?;
        let mut request = AuthorizationRequest::new(scopes);
        if let Some(realm) = &self.realm {
            request = request.parameter("realm", realm);
        }
        let login = program
            .login_over_loopback(&request, PATIENCE, |url| show(url, browser))
            .await
            .map_err(|error| self.advise(error))?;
        let kept = KeptLogin {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            realm: self.realm.clone(),
            token_url,
            subject: login.id_token.as_ref().map(|who| who.subject().to_owned()),
            refresh_token: login
                .refresh_token
                .as_ref()
                .map(|token| Zeroizing::new(token.reveal().to_owned())),
        };
        file.write(&kept)?;
        Ok((login, kept))
    }

    fn advise(&self, error: LoginError) -> anyhow::Error {
        let hint = match &error {
            LoginError::Refused(refusal) if refusal.error == "access_denied" => {
                "you said no in the browser; nothing was allowed".to_owned()
            }
            LoginError::Refused(_) => {
                "check the scopes, and what the client may ask for".to_owned()
            }
            LoginError::NobodyCame => format!(
                "if the browser showed an error, the client {:?} is perhaps not registered with \
                 the redirect URI {REDIRECT_URI}",
                self.client_id
            ),
            LoginError::MetadataIssuer => {
                "give --issuer exactly as the server names itself, slash by slash".to_owned()
            }
            LoginError::Metadata(_) | LoginError::Token(_) => {
                "is the issuer right (--issuer, GRANTOR_ISSUER), and the server up?".to_owned()
            }
            _ => return error.into(),
        };
        hinted(error, hint)
    }
}

/// Opens the browser; and says where to go, since nobody can tell whether it did.
#[expect(clippy::print_stderr, reason = "the person has to read it; stdout is for the token")]
fn show(url: &Url, browser: Browser) {
    if browser == Browser::Open && open_browser(url) {
        eprintln!("Opening your browser to sign in. If nothing happens, open this address:");
    } else {
        eprintln!("Open this address in a browser on this machine to sign in:");
    }
    eprintln!("\n  {url}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &Path) -> LoginFile {
        let file = LoginFile::of(folder);
        let login = KeptLogin {
            issuer: "https://id.example".to_owned(),
            client_id: "cli".to_owned(),
            realm: Some("employees".to_owned()),
            token_url: "https://id.example/token".to_owned(),
            subject: Some("u-1".to_owned()),
            refresh_token: Some(Zeroizing::new("canary".to_owned())),
        };
        file.write(&login).unwrap();
        file
    }

    fn find(
        folder: &Path,
        issuer: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Option<(String, String, Option<String>)> {
        let variable = |asked: &str| {
            let found = variables.iter().find(|(name, _)| *name == asked);
            found.map(|(_, value)| (*value).to_owned())
        };
        let given = (issuer.map(str::to_owned), None, None);
        let found = SignIn::find(folder, given, variable).unwrap();
        found.map(|found| (found.issuer, found.client_id, found.realm))
    }

    #[test]
    fn where_to_sign_in_is_what_was_said_then_what_was_kept_then_what_zign_knew() {
        let folder = tempfile::tempdir().unwrap();
        let found = |issuer: &str, client: &str, realm: Option<&str>| {
            Some((issuer.to_owned(), client.to_owned(), realm.map(str::to_owned)))
        };
        assert_eq!(find(folder.path(), None, &[]), None);
        let zign = [
            ("ZALANDO_TOKEN_CLI_AUTHORIZE_URL", "https://zign.example/oauth2/authorize?realm=x"),
            ("ZALANDO_TOKEN_CLI_CLIENT_ID", "zign"),
        ];
        assert_eq!(find(folder.path(), None, &zign), found("https://zign.example", "zign", None));
        kept(folder.path());
        let last = found("https://id.example", "cli", Some("employees"));
        assert_eq!(find(folder.path(), None, &zign), last);
        assert_eq!(find(folder.path(), Some("https://id.example"), &zign), last);
        // Another server knows nothing of that client.
        let other = found("https://b.example", "grantor-cli", None);
        assert_eq!(find(folder.path(), Some("https://b.example"), &zign), other);
        let named = [("GRANTOR_ISSUER", "https://c.example"), ("GRANTOR_CLIENT_ID", "mine")];
        assert_eq!(find(folder.path(), None, &named), found("https://c.example", "mine", None));
    }

    #[test]
    fn sec_189_a_kept_login_is_mute_and_a_damaged_one_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = kept(folder.path());
        let login = file.read().unwrap().unwrap();
        assert_eq!(login.refresh_token.as_ref().unwrap().as_str(), "canary");
        assert!(!format!("{login:?}").contains("canary"));
        std::fs::write(file.0.path(), "{\"issuer\": \"canary").unwrap();
        let error = file.read().unwrap_err();
        let text = format!("{error:#} {error:?}");
        assert!(text.contains("damaged") && !text.contains("canary"), "{text}");
    }
}
