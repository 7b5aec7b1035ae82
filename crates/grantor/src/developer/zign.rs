//! The settings and the refresh token of Zign, so that who used `zign` or `ztoken` goes on.
//!
//! | where                                                  | what                                |
//! |--------------------------------------------------------|-------------------------------------|
//! | `ZALANDO_TOKEN_CLI_TOKEN_URL`, `…_CLIENT_ID`, `…_BUSINESS_PARTNER_ID` | beat the file        |
//! | `zalando-token-cli/zalando-token-cli.yaml`             | the same in lower case              |
//! | `zalando-token-cli/refresh-token.yaml`                 | `refresh_token`: spent and replaced |
//!
//! The refresh token is read, spent and replaced under the lock that Zign takes too, in a task
//! that Ctrl-C does not stop: once the server has rotated it, only the new one is worth anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use grantor_client::{
    AccessToken, ClientAuth, Clock as _, Grant, PlainHttp, Secret, SystemClock, Timeouts,
    TokenEndpoint,
};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::developer::private_file::{LockedFile, PrivateFile};
use crate::developer::uninterrupted::uninterrupted;
use crate::failure::Hint as _;

/// As long as Zign waits.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(5), read: Duration::from_secs(20) };

/// What is needed to use the stored refresh token.
#[derive(Clone, Debug)]
pub(crate) struct StoredLogin {
    pub(crate) token_url: String,
    client_id: String,
    business_partner_id: Option<String>,
    refresh_token: PrivateFile,
}

#[derive(Deserialize)]
struct RefreshTokenFile {
    refresh_token: Option<Zeroizing<String>>,
}

impl StoredLogin {
    /// `None` if there is no stored token, or no URL or client id to use it with.
    pub(crate) fn find(
        config_dir: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<Self>> {
        let folder = config_dir.join("zalando-token-cli");
        let refresh_token = PrivateFile::new(folder.join("refresh-token.yaml"));
        if read_refresh_token(refresh_token.read()?, refresh_token.path())?.is_none() {
            return Ok(None);
        }
        let mut setting = settings(config_dir, variable)?;
        let (Some(token_url), Some(client_id)) = (setting("token_url"), setting("client_id"))
        else {
            return Ok(None);
        };
        let business_partner_id = setting("business_partner_id");
        Ok(Some(Self { token_url, client_id, business_partner_id, refresh_token }))
    }

    /// Spends the stored refresh token for an access token, and stores its successor.
    pub(crate) async fn refresh(self, scopes: Vec<String>) -> anyhow::Result<AccessToken> {
        uninterrupted(async move {
            let path = self.refresh_token.path().to_owned();
            let locked = self.refresh_token.clone().lock()?;
            // Again, since another process may have replaced it while this one waited.
            let stored = read_refresh_token(locked.read()?, &path)?
                .ok_or_else(|| anyhow!("{} was emptied meanwhile", path.display()))?;
            self.spend(stored, &scopes, &locked).await
        })
        .await
    }

    async fn spend(
        &self,
        stored: Secret,
        scopes: &[String],
        locked: &LockedFile,
    ) -> anyhow::Result<AccessToken> {
        let endpoint = TokenEndpoint::new(&self.token_url, TIMEOUTS, PlainHttp::LoopbackOnly, &[])?;
        let client = ClientAuth::None { client_id: self.client_id.clone() };
        let extra: Vec<_> = self
            .business_partner_id
            .iter()
            .map(|id| ("business_partner_id", id.as_str()))
            .collect();
        let grant = Grant::RefreshToken(stored);
        let issued = endpoint.request(&client, &grant, scopes, &extra, SystemClock.now()).await?;
        if let Some(next) = issued.refresh_token {
            // JSON text is YAML text.
            let text = Zeroizing::new(serde_json::to_string(next.reveal())?);
            locked.write(&Zeroizing::new(format!("refresh_token: {}\n", text.as_str())))?;
        }
        Ok(issued.access_token)
    }
}

fn read_refresh_token(
    text: Option<Zeroizing<String>>,
    path: &Path,
) -> anyhow::Result<Option<Secret>> {
    let Some(text) = text else { return Ok(None) };
    // The parser's message could quote the token.
    let file: RefreshTokenFile = serde_saphyr::from_str(&text)
        .map_err(|_| anyhow!("{} is not YAML with `refresh_token`", path.display()))
        .hint("remove it, and log in again")?;
    let token = file.refresh_token.filter(|token| !token.is_empty());
    Ok(token.map(|token| Secret::from(token.as_str())))
}

/// The issuer that people of Zign sign in at, and the client they do it with: scheme and host of
/// `authorize_url`, and `client_id`. RFC 8414 tells the rest.
pub(crate) fn sign_in_settings(
    config_dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<(String, String)>> {
    let mut setting = settings(config_dir, variable)?;
    let (Some(url), Some(client_id)) = (setting("authorize_url"), setting("client_id")) else {
        return Ok(None);
    };
    let url = Url::parse(&url).context("ZALANDO_TOKEN_CLI_AUTHORIZE_URL is not a URL")?;
    Ok(Some((url.origin().ascii_serialization(), client_id)))
}

/// A setting of Zign by its key: that of the environment beats that of the file.
fn settings(
    config_dir: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<impl FnMut(&str) -> Option<String>> {
    let path = config_dir.join("zalando-token-cli").join("zalando-token-cli.yaml");
    let mut file = read_settings(&path)?;
    Ok(move |key: &str| {
        let name = format!("ZALANDO_TOKEN_CLI_{}", key.to_ascii_uppercase());
        variable(&name).or_else(|| file.remove(key)).filter(|value| !value.is_empty())
    })
}

fn read_settings(path: &PathBuf) -> anyhow::Result<BTreeMap<String, String>> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Ok(BTreeMap::new()),
        Ok(text) => {
            let settings: BTreeMap<String, Option<String>> = serde_saphyr::from_str(&text)
                .with_context(|| format!("{} is not usable", path.display()))?;
            Ok(settings.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
