//! To which key a token is bound: the `cnf` member. RFC 7800 §3.1, RFC 8705 §3.1.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a request must prove to possess for its token to count. A way of binding that is not known
/// here does not read: such a token must never pass for an unbound one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// RFC 8705 §3.1
    #[serde(rename = "x5t#S256")]
    pub certificate: CertificateThumbprint,
}

/// SHA-256 of a certificate in DER. RFC 8705 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificateThumbprint([u8; 32]);

impl CertificateThumbprint {
    /// Takes the hash.
    pub const fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Not 32 bytes in base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 thumbprint")]
pub struct NotAThumbprint;

impl FromStr for CertificateThumbprint {
    type Err = NotAThumbprint;

    /// The one spelling: 43 characters, no padding (RFC 8705 §3.1).
    fn from_str(text: &str) -> Result<Self, NotAThumbprint> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAThumbprint)?;
        bytes.try_into().map(Self).map_err(|_| NotAThumbprint)
    }
}

impl fmt::Display for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl Serialize for CertificateThumbprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CertificateThumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 8705 §3.1 shows one.
    const EXAMPLE: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

    #[test]
    fn a_thumbprint_has_one_spelling() {
        // That of the RFC has stray bits at its end, so it is no spelling at all.
        assert_eq!(EXAMPLE.parse::<CertificateThumbprint>(), Err(NotAThumbprint));
        let text = format!("{}0", &EXAMPLE[..42]);
        let json = format!(r#"{{"x5t#S256":"{text}"}}"#);
        let cnf: Confirmation = serde_json::from_str(&json).unwrap();
        assert_eq!(cnf.certificate.to_string(), text);
        assert_eq!(serde_json::to_string(&cnf).unwrap(), json);
        for other in [format!("{text}="), text[..42].to_owned(), text.replace('_', "/")] {
            assert_eq!(other.parse::<CertificateThumbprint>(), Err(NotAThumbprint), "{other}");
        }
    }

    #[test]
    fn another_way_of_binding_does_not_read() {
        let with = |more: &str| format!(r#"{{"x5t#S256":"{}"{more}}}"#, "A".repeat(43));
        assert!(serde_json::from_str::<Confirmation>(&with("")).is_ok());
        assert!(serde_json::from_str::<Confirmation>(&with(r#","jkt":"x""#)).is_err());
        assert!(serde_json::from_str::<Confirmation>(r#"{"jkt":"x"}"#).is_err());
        assert!(serde_json::from_str::<Confirmation>("{}").is_err());
    }

    proptest! {
        #[test]
        fn every_thumbprint_reads_back(hash in any::<[u8; 32]>()) {
            let thumbprint = CertificateThumbprint::from_bytes(hash);
            prop_assert_eq!(thumbprint.to_string().parse(), Ok(thumbprint));
        }
    }
}
