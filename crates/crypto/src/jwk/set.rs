//! Sets of public keys: as they are published (RFC 7517 §5), and as tokens are verified with.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::Algorithm;
use crate::json::{StrictJsonError, parse_strict_object};
use crate::jwk::PublicJwk;
use crate::key::VerifyingKey;

/// Why a key set is refused.
#[derive(Debug, thiserror::Error)]
pub enum JwkSetError {
    /// Not one JSON object without duplicate members.
    #[error(transparent)]
    Json(#[from] StrictJsonError),
    /// `keys` is missing or no array of objects.
    #[error("there is no array \"keys\"")]
    Keys,
    /// More keys or bytes than anybody needs.
    #[error("the key set is too large")]
    Size,
    /// Two keys have one name, or a key has none.
    #[error("the keys are not named apart")]
    KeyId,
}

/// A set of public keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    keys: Vec<PublicJwk>,
}

impl JwkSet {
    /// The most keys that we publish (SEC-093).
    pub const MAX_OWN_KEYS: usize = 16;
    /// The most keys that we read.
    pub const MAX_KEYS: usize = 100;
    /// The longest set that we read, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// A set to publish: every key has a name, no name twice, at most [`Self::MAX_OWN_KEYS`].
    pub fn new(keys: Vec<PublicJwk>) -> Result<Self, JwkSetError> {
        if keys.len() > Self::MAX_OWN_KEYS {
            return Err(JwkSetError::Size);
        }
        let named_apart = keys.iter().enumerate().all(|(at, key)| {
            key.kid().is_some() && keys[..at].iter().all(|before| before.kid() != key.kid())
        });
        if named_apart { Ok(Self { keys }) } else { Err(JwkSetError::KeyId) }
    }

    /// Reads somebody else's set. Keys that we cannot use are left out, as RFC 7517 §5 asks.
    pub fn parse(json: &[u8]) -> Result<Self, JwkSetError> {
        if json.len() > Self::MAX_BYTES {
            return Err(JwkSetError::Size);
        }
        let members = parse_strict_object(json)?;
        Self::from_values(members.get("keys").and_then(Value::as_array).ok_or(JwkSetError::Keys)?)
    }

    fn from_values(keys: &[Value]) -> Result<Self, JwkSetError> {
        if keys.len() > Self::MAX_KEYS {
            return Err(JwkSetError::Size);
        }
        if !keys.iter().all(Value::is_object) {
            return Err(JwkSetError::Keys);
        }
        let keys = keys.iter().filter_map(|key| PublicJwk::from_value(key).ok()).collect();
        Ok(Self { keys })
    }

    /// The keys, in their order.
    #[must_use]
    pub fn keys(&self) -> &[PublicJwk] {
        &self.keys
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let crate::json::StrictValue(value) = crate::json::StrictValue::deserialize(deserializer)?;
        let keys = value.get("keys").and_then(Value::as_array);
        keys.ok_or(JwkSetError::Keys)
            .and_then(|keys| Self::from_values(keys))
            .map_err(D::Error::custom)
    }
}

/// Why keys do not make a [`KeySet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Two keys of one algorithm have one name (SEC-076).
    #[error("two keys of one algorithm have one name")]
    DuplicateKid,
}

/// Keys to verify with, found by name and algorithm. Immutable; replace it as a whole.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// At most a hundred, mostly three: a walk is faster than hashing.
    keys: Vec<VerifyingKey>,
}

impl KeySet {
    /// A set of our own keys.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, KeySetError> {
        let keys: Vec<VerifyingKey> = keys.into_iter().collect();
        for (at, key) in keys.iter().enumerate() {
            if keys[..at]
                .iter()
                .any(|before| before.kid() == key.kid() && before.alg() == key.alg())
            {
                return Err(KeySetError::DuplicateKid);
            }
        }
        Ok(Self { keys })
    }

    /// The keys of a set that may verify with one of `allowed`. An RSA key that names no algorithm
    /// may verify with each RSA algorithm in `allowed`, so keep that list short.
    pub fn from_jwks(set: &JwkSet, allowed: &[Algorithm]) -> Result<Self, KeySetError> {
        Self::new(set.keys().iter().flat_map(|jwk| {
            allowed.iter().filter_map(|alg| VerifyingKey::from_jwk_for(jwk, *alg).ok())
        }))
    }

    /// The key with this name and algorithm. Without a name: the only key of the algorithm.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, alg: Algorithm) -> Option<&VerifyingKey> {
        let mut fitting =
            self.keys.iter().filter(|key| key.alg() == alg && (kid.is_none() || key.kid() == kid));
        let found = fitting.next()?;
        fitting.next().is_none().then_some(found)
    }

    /// Whether any key has this name; if not, the set may be out of date.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }
}
