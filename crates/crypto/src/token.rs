//! Reference access tokens: opaque to everyone, readable to the nodes that hold the key.
//!
//! `<prefix>_` + base64url of `version (1) | key id (2) | nonce (12) | ciphertext | tag (16)`. The cipher
//! is AES-256-GCM-SIV (RFC 8452): at thousands of tokens a second random nonces of 96 bits do repeat
//! within a key's life, and with it a repetition shows at most that two tokens are the same. So the
//! nodes need not agree on counters.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{base64url, random};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
const HEAD: usize = 1 + 2;

/// The prefix of reference access tokens.
pub const ACCESS_TOKEN_PREFIX: &str = "gat";

/// The longest token that is read, in characters.
const MAX_TOKEN: usize = 16 * 1024;

/// A key of a [`TokenSealer`], under the number that tokens carry.
#[derive(Clone)]
pub struct TokenKey {
    id: u16,
    key: Arc<LessSafeKey>,
}

impl TokenKey {
    /// The key of these bytes. Two keys in use must not have one number.
    ///
    /// # Panics
    /// Never: the key has the right length.
    #[must_use]
    pub fn new(id: u16, key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&aead::AES_256_GCM_SIV, key).expect("the key has 32 bytes");
        Self { id, key: Arc::new(LessSafeKey::new(key)) }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({} …)", self.id)
    }
}

/// Seals and opens tokens. Keys are parsed once; replace the sealer when keys rotate.
#[derive(Clone, Debug)]
pub struct TokenSealer {
    /// The current one first.
    keys: Arc<[TokenKey]>,
}

impl TokenSealer {
    /// Seals under `current`; opens with all.
    #[must_use]
    pub fn new(current: TokenKey, older: impl IntoIterator<Item = TokenKey>) -> Self {
        Self { keys: std::iter::once(current).chain(older).collect() }
    }

    /// A token with `payload` inside. `context` (the tenant, say) is not in the token but must be the
    /// same when it is opened.
    ///
    /// # Panics
    /// When the library cannot encrypt, which it always can below 64 GiB.
    #[must_use]
    pub fn seal(&self, prefix: &str, context: &[u8], payload: &[u8]) -> String {
        let key = &self.keys[0];
        let mut sealed = Vec::with_capacity(HEAD + NONCE + payload.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id.to_be_bytes());
        sealed.extend_from_slice(&random::bytes::<NONCE>());
        sealed.extend_from_slice(payload);
        let (head, body) = sealed.split_at_mut(HEAD + NONCE);
        let tag = key
            .key
            .seal_in_place_separate_tag(nonce(head), aad(prefix, head, context), body)
            .expect("AES-GCM-SIV encrypts anything below 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        let size = prefix.len() + 1 + base64url::encoded_len(sealed.len());
        let mut token = String::with_capacity(size);
        token.push_str(prefix);
        token.push('_');
        base64url::encode_into(&sealed, &mut token);
        token
    }

    /// The payload of a token with this prefix that was sealed here in the same context; `None` for
    /// every other text, and for every other spelling of the token.
    #[must_use]
    pub fn open(&self, prefix: &str, context: &[u8], token: &str) -> Option<Vec<u8>> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let mut sealed = base64url::decode(token.strip_prefix(prefix)?.strip_prefix('_')?)?;
        if sealed.len() < HEAD + NONCE + TAG || sealed[0] != VERSION {
            return None;
        }
        let id = u16::from_be_bytes([sealed[1], sealed[2]]);
        let key = &self.keys.iter().find(|key| key.id == id)?.key;
        let (head, _) = sealed.split_at(HEAD + NONCE);
        let (nonce, aad) = (nonce(head), aad(prefix, head, context));
        let length = key.open_within(nonce, aad, &mut sealed, HEAD + NONCE..).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

fn nonce(head: &[u8]) -> Nonce {
    Nonce::try_assume_unique_for_key(&head[HEAD..]).expect("twelve bytes")
}

/// Everything around the payload: prefix, version, key and the caller's context.
fn aad(prefix: &str, head: &[u8], context: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([prefix.as_bytes(), b"\0", &head[..HEAD], context].concat())
}

#[cfg(test)]
mod tests;
