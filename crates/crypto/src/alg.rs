//! The signature algorithms of JOSE that we sign with or accept.
//!
//! There is no `none` and no HMAC here, so no code path can take a public key for a shared secret
//! (SEC-072, SEC-073; RFC 8725 §3.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A digital signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256, RFC 7518 §3.4
    Es256,
    /// ECDSA with P-384 and SHA-384, RFC 7518 §3.4
    Es384,
    /// ECDSA with P-521 and SHA-512, RFC 7518 §3.4
    Es512,
    /// Ed25519, RFC 8037 §3.1; also read as `Ed25519`, RFC 9864 §2.2
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 §3.3
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384, RFC 7518 §3.3
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512, RFC 7518 §3.3
    Rs512,
    /// RSASSA-PSS with SHA-256, RFC 7518 §3.5
    Ps256,
    /// RSASSA-PSS with SHA-384, RFC 7518 §3.5
    Ps384,
    /// RSASSA-PSS with SHA-512, RFC 7518 §3.5
    Ps512,
}

impl Algorithm {
    /// Every algorithm, in the order discovery lists them: the ones we advise first.
    pub const ALL: [Self; 10] = [
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
    ];

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// Whether keys of this algorithm are RSA keys.
    #[must_use]
    pub const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512
        )
    }
}

/// The text names no algorithm that we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signature algorithm that is accepted here")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Exact and case-sensitive, as RFC 7515 §4.1.1 says.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "Ed25519" {
            return Ok(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reads_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(serde_json::from_str::<Algorithm>(&json).unwrap(), algorithm);
        }
        assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa));
    }

    #[test]
    fn sec_072_none_and_shared_secrets_are_no_algorithms() {
        for text in [
            "none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "es256", "ES256 ",
            "Ed448", "ES256K", "RS1",
        ] {
            assert_eq!(text.parse::<Algorithm>(), Err(UnknownAlgorithm), "{text:?}");
        }
    }
}
