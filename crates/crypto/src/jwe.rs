//! Compact encryption, RFC 7516 §7.1.
//!
//! Key management with RSA-OAEP or ECDH-ES, content with AES-GCM or AES-CBC and HMAC. `RSA1_5`,
//! `PBES2-*`, `dir` and shared keys are not implemented, compression is refused, and whatever does not
//! decrypt fails in one and the same way (SEC-086).
//!
//! Encrypting proves nothing about the sender: what comes out must be a signed token, and is given to
//! [`jws::parse_compact`](crate::jws::parse_compact), which refuses a second encryption inside.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::base64url;
use crate::json::parse_strict_object;
use crate::jws::MAX_TOKEN;
use crate::key::MAX_KID;

mod agreement;
mod content;
mod key;

pub use content::ContentEncryption;
pub use key::{DecryptionKey, EncryptionKey};

/// How the content key travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// RFC 7518 §4.3, with SHA-256
    RsaOaep256,
    /// RFC 7518 §4.3, with the SHA-1 of its day
    RsaOaep,
    /// RFC 7518 §4.6, direct
    EcdhEs,
    /// RFC 7518 §4.6, with AES key wrap
    EcdhEsA128Kw,
    /// RFC 7518 §4.6, with AES key wrap
    EcdhEsA256Kw,
}

impl KeyManagement {
    /// Every way, in the order discovery lists them: the ones we advise first.
    pub const ALL: [Self; 5] =
        [Self::EcdhEsA256Kw, Self::EcdhEsA128Kw, Self::EcdhEs, Self::RsaOaep256, Self::RsaOaep];

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::RsaOaep => "RSA-OAEP",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    const fn is_rsa(self) -> bool {
        matches!(self, Self::RsaOaep256 | Self::RsaOaep)
    }
}

/// The text names nothing that we encrypt or decrypt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an encryption algorithm that is accepted here")]
pub struct UnknownEncryption;

impl FromStr for KeyManagement {
    type Err = UnknownEncryption;

    /// Exact and case-sensitive.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or(UnknownEncryption)
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for KeyManagement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for KeyManagement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Longer than [`MAX_TOKEN`].
    #[error("the token is too long")]
    Size,
    /// Not exactly five parts (RFC 7516 §7.1).
    #[error("the token does not have five parts")]
    Parts,
    /// A part is not canonical base64url.
    #[error("a part of the token is not canonical base64url")]
    Encoding,
    /// The header is not one JSON object without duplicate members (RFC 7516 §4).
    #[error("the header is not strict JSON")]
    HeaderJson,
    /// A header parameter has the wrong type or size.
    #[error("the header parameter {0:?} is malformed")]
    HeaderMember(&'static str),
    /// `alg` or `enc` is missing or none that we accept.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// The header asks for an extension, a key or compression.
    #[error("the header parameter {0:?} is not accepted")]
    HeaderRefused(&'static str),
    /// The header names another algorithm than the key has (SEC-074).
    #[error("the algorithm of the token is not that of the key")]
    KeyMismatch,
    /// It does not decrypt; why is not told (SEC-086).
    #[error("the token does not decrypt")]
    Decryption,
}

/// Encryption failed inside the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be encrypted")]
pub struct EncryptionFailed;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// RFC 7516 §4.1.1
    pub alg: KeyManagement,
    /// RFC 7516 §4.1.2
    pub enc: ContentEncryption,
    /// RFC 7516 §4.1.6
    pub kid: Option<String>,
    /// RFC 7516 §4.1.11
    pub typ: Option<String>,
    /// RFC 7516 §4.1.12
    pub cty: Option<String>,
    /// RFC 7518 §4.6.1
    party: Party,
}

/// What goes into the agreement of a key besides the keys: RFC 7518 §4.6.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Party {
    epk: Option<Value>,
    apu: Vec<u8>,
    apv: Vec<u8>,
}

/// A token that was taken apart and not yet decrypted.
#[derive(Debug)]
pub struct Encrypted<'a> {
    /// The header, which anybody may have written.
    pub header: Header,
    /// The encoded header, which is authenticated as it is written.
    aad: &'a str,
    sealed_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

/// Takes a compact token apart.
pub fn parse_compact(token: &str) -> Result<Encrypted<'_>, JweError> {
    if token.len() > MAX_TOKEN {
        return Err(JweError::Size);
    }
    // Counted before anything is allocated (SEC-085).
    if token.bytes().filter(|byte| *byte == b'.').count() != 4 {
        return Err(JweError::Parts);
    }
    let mut parts = token.split('.');
    let aad = parts.next().ok_or(JweError::Parts)?;
    let mut next = || parts.next().and_then(base64url::decode).ok_or(JweError::Encoding);
    let (sealed_key, iv, ciphertext, tag) = (next()?, next()?, next()?, next()?);
    let header = base64url::decode(aad).ok_or(JweError::Encoding)?;
    let members = parse_strict_object(&header).map_err(|_| JweError::HeaderJson)?;
    let header = Header::from_members(&members)?;
    Ok(Encrypted { header, aad, sealed_key, iv, ciphertext, tag })
}

/// Parameters that would bring a key along, an extension, or a compressed bomb.
const REFUSED: [&str; 7] = ["crit", "zip", "jku", "jwk", "x5u", "x5c", "b64"];

/// The longest `apu` and `apv`, in bytes: identifiers, as RFC 7518 §4.6.1.2 says.
const MAX_PARTY: usize = 256;

impl Header {
    fn from_members(members: &Map<String, Value>) -> Result<Self, JweError> {
        if let Some(name) = REFUSED.into_iter().find(|name| members.contains_key(*name)) {
            return Err(JweError::HeaderRefused(name));
        }
        let kid = text(members, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(JweError::HeaderMember("kid"));
        }
        let word = |name| members.get(name).and_then(Value::as_str).ok_or(JweError::Algorithm);
        Ok(Self {
            alg: word("alg")?.parse().map_err(|_| JweError::Algorithm)?,
            enc: word("enc")?.parse().map_err(|_| JweError::Algorithm)?,
            kid,
            typ: text(members, "typ")?,
            cty: text(members, "cty")?,
            party: Party {
                epk: members.get("epk").cloned(),
                apu: party(members, "apu")?,
                apv: party(members, "apv")?,
            },
        })
    }
}

fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, JweError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JweError::HeaderMember(name)),
    }
}

fn party(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JweError> {
    let text = text(members, name)?.unwrap_or_default();
    let bytes = base64url::decode(text).filter(|bytes| bytes.len() <= MAX_PARTY);
    bytes.ok_or(JweError::HeaderMember(name))
}

impl Encrypted<'_> {
    /// The content, when it was encrypted for `key`. It may still come from anybody.
    pub fn decrypt(&self, key: &DecryptionKey) -> Result<Vec<u8>, JweError> {
        if self.header.alg != key.alg() {
            return Err(JweError::KeyMismatch);
        }
        let cek = key.content_key(&self.header, &self.sealed_key);
        self.header
            .enc
            .open(&cek, &self.iv, self.aad.as_bytes(), &self.ciphertext, &self.tag)
            .ok_or(JweError::Decryption)
    }
}

/// Encrypts `content` for the holder of `key`; `cty` is `JWT` when the content is one.
pub fn encrypt(
    key: &EncryptionKey,
    enc: ContentEncryption,
    cty: Option<&str>,
    content: &[u8],
) -> Result<String, EncryptionFailed> {
    let content_key = key.seal_content_key(enc)?;
    let mut header = Map::new();
    header.insert("alg".to_owned(), key.alg().as_str().into());
    header.insert("enc".to_owned(), enc.as_str().into());
    if let Some(kid) = key.kid() {
        header.insert("kid".to_owned(), kid.into());
    }
    if let Some(cty) = cty {
        header.insert("cty".to_owned(), cty.into());
    }
    if let Some(epk) = content_key.epk {
        header.insert("epk".to_owned(), epk);
    }
    let mut token = base64url::encode(Value::from(header).to_string());
    let content = enc.seal(&content_key.cek, token.as_bytes(), content)?;
    for part in [&content_key.encrypted, &content.iv, &content.ciphertext, &content.tag] {
        token.push('.');
        base64url::encode_into(part, &mut token);
    }
    Ok(token)
}

#[cfg(test)]
mod tests;
