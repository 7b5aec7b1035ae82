//! Compact signatures, RFC 7515 §7.1.
//!
//! Written with one allocation; read as strictly as SEC-072, 074…077, 079 and 085 ask. A key comes
//! from the reader's own key set, never from the token.

use serde_json::{Map, Value};

use crate::Algorithm;
use crate::base64url;
use crate::json::parse_strict_object;
pub use crate::jwk::KeySet;
use crate::jwk::PublicJwk;
use crate::key::{MAX_KID, SigningFailed, SigningKey, VerifyingKey, is_the_one};

/// The longest token that is read, in bytes (SEC-085).
pub const MAX_TOKEN: usize = 16 * 1024;

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN`], or than what was said.
    #[error("the token is too long")]
    Size,
    /// Not exactly three parts (RFC 7515 §7.1).
    #[error("the token does not have three parts")]
    Parts,
    /// A part is not canonical base64url (RFC 7515 §2).
    #[error("a part of the token is not canonical base64url")]
    Encoding,
    /// The header is not one JSON object without duplicate members (RFC 7515 §4).
    #[error("the header is not strict JSON")]
    HeaderJson,
    /// A header parameter has the wrong type or size.
    #[error("the header parameter {0:?} is malformed")]
    HeaderMember(&'static str),
    /// `alg` is missing or none that we accept (RFC 7515 §4.1.1).
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// The header asks for a key, an extension or a compression (SEC-075, SEC-077).
    #[error("the header parameter {0:?} is not accepted")]
    HeaderRefused(&'static str),
    /// The header names another algorithm than the key has (SEC-074).
    #[error("the algorithm of the token is not that of the key")]
    KeyMismatch,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
}

/// Signs payloads under one key and one header, which is encoded once.
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    /// The encoded header and its dot.
    head: String,
}

impl Signer {
    /// For tokens of type `typ`, such as `at+jwt`; without one the header has `alg` and `kid` only.
    #[must_use]
    pub fn new(key: &SigningKey, typ: Option<&str>) -> Self {
        let quoted = |text: &str| Value::from(text).to_string();
        let typ = typ.map_or_else(String::new, |typ| format!("\"typ\":{},", quoted(typ)));
        let header = format!("{{{typ}\"alg\":\"{}\",\"kid\":{}}}", key.alg(), quoted(key.kid()));
        Self { key: key.clone(), head: base64url::encode(header) + "." }
    }

    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The compact token around `payload`.
    pub fn sign(&self, payload: &[u8]) -> Result<String, SigningFailed> {
        let size = self.head.len()
            + base64url::encoded_len(payload.len())
            + 1
            + base64url::encoded_len(self.key.signature_len());
        let mut token = String::with_capacity(size);
        token.push_str(&self.head);
        base64url::encode_into(payload, &mut token);
        let signature = self.key.sign_inline(token.as_bytes())?;
        token.push('.');
        base64url::encode_into(&signature, &mut token);
        Ok(token)
    }
}

/// What a header says. It steers nothing but the choice among the reader's own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// RFC 7515 §4.1.1
    pub alg: Algorithm,
    /// RFC 7515 §4.1.4
    pub kid: Option<String>,
    /// RFC 7515 §4.1.9
    pub typ: Option<String>,
    /// RFC 7515 §4.1.10
    pub cty: Option<String>,
    /// RFC 7515 §4.1.3; only ever present from [`parse_proof`].
    pub jwk: Option<PublicJwk>,
}

/// A token that was taken apart and not yet verified.
#[derive(Debug)]
pub struct Unverified<'a> {
    /// The header.
    pub header: Header,
    message: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Takes a compact token apart.
pub fn parse_compact(token: &str) -> Result<Unverified<'_>, JwsError> {
    parse(token, false, MAX_TOKEN)
}

/// As [`parse_compact`], for signed documents that the reader itself asked for: they may be longer
/// than a token that anybody can send, up to `max` bytes.
pub fn parse_document(document: &str, max: usize) -> Result<Unverified<'_>, JwsError> {
    parse(document, false, max)
}

/// As [`parse_compact`], for proofs of possession that carry their public key (RFC 9449 §4.2). The
/// key in the header proves only that the sender holds it (SEC-075).
pub fn parse_proof(token: &str) -> Result<Unverified<'_>, JwsError> {
    let proof = parse(token, true, MAX_TOKEN)?;
    if proof.header.jwk.is_none() {
        return Err(JwsError::HeaderMember("jwk"));
    }
    Ok(proof)
}

fn parse(token: &str, proof: bool, max: usize) -> Result<Unverified<'_>, JwsError> {
    if token.len() > max {
        return Err(JwsError::Size);
    }
    // Counted before anything is allocated (CVE-2025-30204).
    if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
        return Err(JwsError::Parts);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Parts)?;
    let (header, payload) = message.split_once('.').ok_or(JwsError::Parts)?;
    let header = base64url::decode(header).ok_or(JwsError::Encoding)?;
    let payload = base64url::decode(payload).ok_or(JwsError::Encoding)?;
    let signature = base64url::decode(signature).ok_or(JwsError::Encoding)?;
    let members = parse_strict_object(&header).map_err(|_| JwsError::HeaderJson)?;
    Ok(Unverified { header: Header::from_members(&members, proof)?, message, payload, signature })
}

/// Parameters that would bring a key along (SEC-075), an extension we do not know (RFC 7515
/// §4.1.11, RFC 7797 §3), or compression.
const REFUSED: [&str; 7] = ["crit", "b64", "jku", "x5u", "x5c", "zip", "jwk"];

impl Header {
    fn from_members(members: &Map<String, Value>, proof: bool) -> Result<Self, JwsError> {
        for name in REFUSED {
            if members.contains_key(name) && !(proof && name == "jwk") {
                return Err(JwsError::HeaderRefused(name));
            }
        }
        let alg = members.get("alg").and_then(Value::as_str).ok_or(JwsError::Algorithm)?;
        let kid = string(members, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(JwsError::HeaderMember("kid"));
        }
        let jwk = match members.get("jwk") {
            None => None,
            Some(jwk) => {
                Some(PublicJwk::from_value(jwk).map_err(|_| JwsError::HeaderMember("jwk"))?)
            }
        };
        Ok(Self {
            alg: alg.parse().map_err(|_| JwsError::Algorithm)?,
            kid,
            typ: string(members, "typ")?,
            cty: string(members, "cty")?,
            jwk,
        })
    }
}

fn string(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, JwsError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JwsError::HeaderMember(name)),
    }
}

impl Unverified<'_> {
    /// The payload, once the signature is `key`'s and the header names the key's algorithm.
    pub fn verify(self, key: &VerifyingKey) -> Result<Vec<u8>, JwsError> {
        // SEC-072, SEC-074: the key has the algorithm; the header may only agree.
        if self.header.alg != key.alg() {
            return Err(JwsError::KeyMismatch);
        }
        key.verify(self.message.as_bytes(), &self.signature).map_err(|_| JwsError::Signature)?;
        Ok(self.payload)
    }

    /// Whether this is the only compact form of the token, if it verifies. Anybody can turn an ECDSA
    /// signature into a second one, so whoever keeps a list of tokens by their text must insist.
    #[must_use]
    pub fn is_only_form(&self) -> bool {
        is_the_one(self.header.alg, &self.signature)
    }

    /// The payload, which anybody may have written. Good only for finding out whose keys to verify
    /// with: the `iss` of an assertion, the `client_id` of a request object.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }
}

#[cfg(test)]
mod tests;
