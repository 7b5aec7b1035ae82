//! The provider's keys: fetched when needed, kept through outages. RFC 7517 §5, OIDC Core §10.1.1.

use std::time::{Duration, SystemTime};

use grantor_crypto::Algorithm;
use grantor_crypto::jwk::{JwkSet, KeySet};
use grantor_crypto::jws::Header;
use grantor_crypto::key::VerifyingKey;
use tokio::sync::Mutex;
use url::Url;

use crate::error::TokenError;
use crate::login::error::{IdTokenError, LoginError};
use crate::login::fetch;

/// Keys are asked for again after this time, so that a withdrawn one is forgotten (SEC-095).
const REFRESH: Duration = Duration::from_mins(10);
/// How often an unknown name may cause a fetch (SEC-076).
const UNKNOWN: Duration = Duration::from_secs(30);
/// For how long known keys are good when the provider does not answer (SEC-186).
const MAX_AGE: Duration = Duration::from_hours(24);

/// One at a time: whoever comes while a fetch runs waits for it.
#[derive(Debug)]
pub(crate) struct ProviderKeys {
    address: Url,
    algorithms: Vec<Algorithm>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: KeySet,
    fetched: Option<SystemTime>,
    tried: Option<SystemTime>,
}

impl Known {
    /// A clock that was set back counts as much time passed.
    fn is_older(time: Option<SystemTime>, than: Duration, now: SystemTime) -> bool {
        time.is_none_or(|time| now.duration_since(time).is_ok_and(|age| age >= than) || now < time)
    }

    fn wants_refresh(&self, header: &Header, now: SystemTime) -> bool {
        let unknown = header.kid.as_deref().is_some_and(|kid| !self.keys.knows(kid));
        let old = Self::is_older(self.fetched, REFRESH, now);
        self.fetched.is_none() || ((unknown || old) && Self::is_older(self.tried, UNKNOWN, now))
    }
}

impl ProviderKeys {
    pub(crate) fn new(address: Url, algorithms: Vec<Algorithm>) -> Self {
        Self { address, algorithms, known: Mutex::default() }
    }

    /// The key that a header names.
    pub(crate) async fn find(
        &self,
        http: &reqwest::Client,
        header: &Header,
        now: SystemTime,
    ) -> Result<VerifyingKey, LoginError> {
        let mut known = self.known.lock().await;
        if known.wants_refresh(header, now) {
            known.tried = Some(now);
            match self.fetch(http).await {
                Ok(keys) => {
                    known.keys = keys;
                    known.fetched = Some(now);
                }
                Err(error) if Known::is_older(known.fetched, MAX_AGE, now) => return Err(error),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the provider's keys were not refreshed");
                }
            }
        }
        let key = known.keys.find(header.kid.as_deref(), header.alg);
        key.cloned().ok_or_else(|| IdTokenError::UnknownKey.into())
    }

    async fn fetch(&self, http: &reqwest::Client) -> Result<KeySet, LoginError> {
        let body = fetch::get(http, &self.address, None).await?.success()?;
        let keys = JwkSet::parse(&body)
            .ok()
            .and_then(|set| KeySet::from_jwks(&set, &self.algorithms).ok())
            .filter(|keys| !keys.keys().is_empty());
        keys.ok_or(TokenError::InvalidResponse("no usable key set").into())
    }
}

#[cfg(test)]
mod tests {
    use grantor_crypto::key::SigningKey;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn header(kid: &str) -> Header {
        let kid = Some(kid.to_owned());
        Header { alg: Algorithm::Es256, kid, typ: None, cty: None, jwk: None }
    }

    #[test]
    fn sec_076_an_unknown_name_causes_a_fetch_once_in_thirty_seconds() {
        let key = SigningKey::generate(Algorithm::Es256, Some("k1".to_owned())).unwrap();
        let keys = KeySet::new([key.verifying_key()]).unwrap();
        let known = Known { keys, fetched: Some(at(0)), tried: Some(at(100)) };
        for (kid, now, wants) in [
            ("k1", 129, false),
            ("k1", 599, false),
            ("k1", 600, true),
            ("k2", 129, false),
            ("k2", 130, true),
        ] {
            assert_eq!(known.wants_refresh(&header(kid), at(now)), wants, "{kid} at {now}");
        }
        assert!(Known::default().wants_refresh(&header("k1"), at(0)));
    }
}
