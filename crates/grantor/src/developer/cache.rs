//! Tokens with names, kept between calls in `tokens.json` of the configuration folder.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use etcetera::BaseStrategy as _;
use grantor_client::{AccessToken, Provenance};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::developer::private_file::PrivateFile;
use crate::failure::Hint as _;

/// A token is not handed out with less than this left: somebody is about to use it for a while.
const MARGIN: u64 = 300;

/// The platform's folder for configuration; `XDG_CONFIG_HOME` is honoured.
pub(crate) fn config_dir() -> anyhow::Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy()
        .context("cannot find the home directory")
        .hint("set HOME, or XDG_CONFIG_HOME")?;
    Ok(strategy.config_dir())
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct TokenCache {
    file: PrivateFile,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Content {
    tokens: BTreeMap<String, CachedToken>,
}

/// A kept token. The members are named as Zign names them.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct CachedToken {
    pub(crate) access_token: Zeroizing<String>,
    pub(crate) token_type: String,
    /// Words with blanks between.
    pub(crate) scope: String,
    /// Seconds since 1970.
    pub(crate) creation_time: u64,
    /// Seconds from then.
    pub(crate) expires_in: u64,
    /// Who issued it, so that a change of settings does not hand out another server's token.
    pub(crate) token_url: String,
}

impl fmt::Debug for CachedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CachedToken([redacted], {:?})", self.scope)
    }
}

impl CachedToken {
    pub(crate) fn of(token: &AccessToken, token_url: &str) -> Self {
        let created = token.issued_at().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            access_token: Zeroizing::new(token.reveal().to_owned()),
            token_type: "Bearer".to_owned(),
            scope: token.scopes().join(" "),
            creation_time: created.as_secs(),
            expires_in: token.lifetime().as_secs(),
            token_url: token_url.to_owned(),
        }
    }

    /// Seconds left at `now`, zero once it has ended.
    pub(crate) fn seconds_left(&self, now: SystemTime) -> u64 {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        self.creation_time.saturating_add(self.expires_in).saturating_sub(now)
    }

    /// More than five minutes left, or half of its life if that is less; and not from a future
    /// that a wrong clock made up.
    pub(crate) fn is_good(&self, now: SystemTime) -> bool {
        let left = self.seconds_left(now);
        left > MARGIN.min(self.expires_in / 2) && left <= self.expires_in.saturating_add(MARGIN)
    }

    /// Whether it is good for all that is asked. Zign did not compare.
    pub(crate) fn covers(&self, scopes: &[String]) -> bool {
        scopes.iter().all(|asked| self.scope.split_whitespace().any(|has| has == asked))
    }

    pub(crate) fn token(&self) -> anyhow::Result<AccessToken> {
        Ok(AccessToken::kept(
            self.access_token.as_str().into(),
            Provenance::Issued,
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.creation_time),
            Duration::from_secs(self.expires_in),
            self.scope.split_whitespace().map(str::to_owned).collect(),
        )?)
    }
}

impl TokenCache {
    /// That of the person who calls.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let path = config_dir()?.join("grantor").join("tokens.json");
        Ok(Self { file: PrivateFile::new(path) })
    }

    pub(crate) fn all(&self) -> anyhow::Result<BTreeMap<String, CachedToken>> {
        Ok(self.parse(self.file.read()?)?.tokens)
    }

    pub(crate) fn find(&self, name: &str) -> anyhow::Result<Option<CachedToken>> {
        Ok(self.all()?.remove(name))
    }

    pub(crate) fn keep(&self, name: &str, token: CachedToken) -> anyhow::Result<()> {
        self.change(|tokens| {
            tokens.insert(name.to_owned(), token);
            true
        })
    }

    /// Silent if there is none.
    pub(crate) fn delete(&self, name: &str) -> anyhow::Result<()> {
        if self.find(name)?.is_none() {
            return Ok(());
        }
        self.change(|tokens| tokens.remove(name).is_some())
    }

    /// Reads, changes and writes under the lock; writes only what `change` says is changed.
    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, CachedToken>) -> bool,
    ) -> anyhow::Result<()> {
        let locked = self.file.clone().lock()?;
        let mut content = self.parse(locked.read()?)?;
        if change(&mut content.tokens) {
            let text = Zeroizing::new(serde_json::to_string_pretty(&content)?);
            locked.write(&text)?;
        }
        Ok(())
    }

    fn parse(&self, text: Option<Zeroizing<String>>) -> anyhow::Result<Content> {
        let Some(text) = text else { return Ok(Content::default()) };
        // serde's message could quote a token: the place is enough.
        serde_json::from_str(&text)
            .map_err(|error| {
                let (line, path) = (error.line(), self.file.path().display());
                anyhow!("{path} is damaged at line {line}")
            })
            .hint(format!("remove {}; tokens will be asked for anew", self.file.path().display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scope: &str, expires_in: u64) -> CachedToken {
        CachedToken {
            access_token: Zeroizing::new("canary".to_owned()),
            token_type: "Bearer".to_owned(),
            scope: scope.to_owned(),
            creation_time: 1_000_000,
            expires_in,
            token_url: "https://auth.example.org/token".to_owned(),
        }
    }

    #[test]
    fn a_token_is_good_with_five_minutes_left_or_half_of_its_life() {
        for (life, left, good) in [
            (3_600, 3_600, true),
            (3_600, 301, true),
            (3_600, 300, false),
            (3_600, 0, false),
            (120, 120, true),
            (120, 61, true),
            (120, 60, false),
            (1, 1, true),
            (0, 0, false),
            (3_600, 3_900, true),
            (3_600, 3_901, false),
        ] {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + life - left);
            assert_eq!(token("", life).is_good(now), good, "{left} s of {life} s");
        }
    }

    #[test]
    fn a_token_covers_what_it_has() {
        let has = token("uid sales_order.read", 60);
        for (asked, covers) in [
            (vec![], true),
            (vec!["uid"], true),
            (vec!["sales_order.read", "uid"], true),
            (vec!["uid", "sales_order.write"], false),
            (vec!["sales_order"], false),
        ] {
            let asked: Vec<_> = asked.into_iter().map(str::to_owned).collect();
            assert_eq!(has.covers(&asked), covers, "{asked:?}");
        }
    }

    #[test]
    fn tokens_are_kept_found_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = TokenCache { file: PrivateFile::new(folder.path().join("tokens.json")) };
        assert!(cache.find("a").unwrap().is_none());
        cache.delete("a").unwrap();
        cache.keep("a", token("uid", 60)).unwrap();
        cache.keep("b", token("uid", 60)).unwrap();
        cache.keep("a", token("uid cn", 60)).unwrap();
        assert_eq!(cache.find("a").unwrap().unwrap().scope, "uid cn");
        cache.delete("a").unwrap();
        assert_eq!(cache.all().unwrap().into_keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_damaged_file_is_reported_without_its_content_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let cache = TokenCache { file: PrivateFile::new(path.clone()) };
        for damaged in ["", "canary", "{\"tokens\": \"canary\"}", "{\"tokens\":{\"a\":\"canary"] {
            std::fs::write(&path, damaged).unwrap();
            let error = cache.keep("a", token("uid", 60)).unwrap_err();
            let text = format!("{error:#} {error:?}");
            assert!(text.contains("damaged") && !text.contains("canary"), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn sec_189_a_kept_token_is_mute() {
        assert!(!format!("{:?}", token("uid", 60)).contains("canary"));
    }
}
