//! The forms of a secret that may be stored, compared and indexed.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{base64url, ct_eq};

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 of `parts`, one after the other.
#[must_use]
pub fn sha256_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    array(context.finish().as_ref())
}

fn array(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("SHA-256 has 32 bytes")
}

macro_rules! stored_form {
    ($name:ident) => {
        impl $name {
            /// Takes the bytes as they were stored.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes to store.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl PartialEq for $name {
            /// In constant time (SEC-194).
            fn eq(&self, other: &Self) -> bool {
                ct_eq(&self.0, &other.0)
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&base64url::encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                base64url::decode_array(text.as_bytes())
                    .map(Self)
                    .ok_or_else(|| serde::de::Error::custom("not a digest"))
            }
        }
    };
}

/// SHA-256 of a secret with enough chance in it that no dictionary helps (SEC-090).
#[derive(Clone, Copy, Hash)]
#[expect(
    clippy::derived_hash_with_manual_eq,
    reason = "equality is that of the bytes, only slower"
)]
pub struct SecretDigest([u8; 32]);

stored_form!(SecretDigest);

impl SecretDigest {
    /// The digest of the whole text of a secret, prefix included.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(sha256(text.as_bytes()))
    }
}

/// HMAC-SHA-256 of a secret, under a key that the database does not hold (SEC-056).
#[derive(Clone, Copy)]
pub struct KeyedDigest([u8; 32]);

stored_form!(KeyedDigest);

/// The key of [`KeyedDigest`]s.
#[derive(Clone)]
pub struct DigestKey(hmac::Key);

impl DigestKey {
    /// Takes a key of its own; see [`Keyring::derive`](crate::seal::Keyring::derive).
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The form of `secret` to store.
    #[must_use]
    pub fn digest(&self, secret: &str) -> KeyedDigest {
        KeyedDigest(array(hmac::sign(&self.0, secret.as_bytes()).as_ref()))
    }

    /// Whether `secret` is the one that `stored` was made of; in constant time.
    #[must_use]
    pub fn verify(&self, secret: &str, stored: &KeyedDigest) -> bool {
        self.digest(secret) == *stored
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_056_a_keyed_digest_needs_the_key() {
        let key = DigestKey::new(&[1; 32]);
        let stored = key.digest("open sesame");
        assert!(key.verify("open sesame", &stored));
        assert!(!key.verify("open Sesame", &stored));
        assert!(!DigestKey::new(&[2; 32]).verify("open sesame", &stored));
        assert_ne!(stored.as_bytes(), SecretDigest::of("open sesame").as_bytes());
    }

    #[test]
    fn a_digest_survives_storage() {
        let digest = SecretDigest::of("abc");
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, "\"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0\"");
        assert_eq!(serde_json::from_str::<SecretDigest>(&json).unwrap(), digest);
        assert_eq!(SecretDigest::from_bytes(*digest.as_bytes()), digest);
        assert!(serde_json::from_str::<SecretDigest>("\"ungWv48\"").is_err());
    }

    #[test]
    fn sec_189_neither_digest_nor_key_is_printed() {
        let key = DigestKey::new(&[7; 32]);
        assert_eq!(
            format!("{key:?} {:?} {:?}", key.digest("a"), SecretDigest::of("a")),
            "DigestKey(…) KeyedDigest(…) SecretDigest(…)"
        );
    }
}
