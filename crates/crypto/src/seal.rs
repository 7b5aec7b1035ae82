//! Authenticated encryption at rest (SEC-094): AES-256-GCM with random nonces, under keys that the
//! database does not hold, bound to the place where the result is stored.
//!
//! A sealed value is `version (1) | key id (4) | nonce (12) | ciphertext | tag (16)`; the version, the
//! key id and the caller's context are authenticated. Moved to another row or column, it does not
//! open.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::{base64url, random};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Version and key id.
const HEAD: usize = 1 + 4;

/// Names a master key; it follows from the key, so there is nothing to configure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The text or file holds no master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes, as base64url, base64 or hexadecimal text, or raw")]
pub struct BadMasterKey;

/// The key that everything at rest is sealed under.
#[derive(Clone)]
pub struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl MasterKey {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        Self::from_bytes(random::bytes())
    }

    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut id = [0; 4];
        expand(&*bytes, b"grantor master key id", &mut id);
        Self { id: KeyId(id), bytes }
    }

    /// Reads base64url (43 characters), base64 (44) or hexadecimal (64).
    pub fn from_text(text: &str) -> Result<Self, BadMasterKey> {
        use base64::Engine as _;
        let text = text.trim();
        let bytes = match text.len() {
            64 => from_hex(text),
            44 => base64::engine::general_purpose::STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| bytes.try_into().ok()),
            _ => base64url::decode_array(text),
        };
        bytes.map(Self::from_bytes).ok_or(BadMasterKey)
    }

    /// Reads the content of a file: 32 raw bytes, or text as [`Self::from_text`] takes it.
    pub fn from_file(content: &[u8]) -> Result<Self, BadMasterKey> {
        if let Ok(bytes) = content.try_into() {
            return Ok(Self::from_bytes(bytes));
        }
        Self::from_text(std::str::from_utf8(content).map_err(|_| BadMasterKey)?)
    }

    /// The name of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whether these bytes look as if somebody had thought of them: few different ones, a sequence, or
    /// nothing but text. Of keys that were drawn at random not one in ten million millions does.
    #[must_use]
    pub fn is_guessable(&self) -> bool {
        let bytes = &*self.bytes;
        let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
        let step = bytes[1].wrapping_sub(bytes[0]);
        let sequence = bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
        let text = bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        distinct < 16 || sequence || text
    }

    /// The key as base64url, to be written where only the server reads it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url::encode(*self.bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({} …)", self.id)
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// A sealed value does not open: another key, another context, or altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not the form that sealing writes.
    #[error("not a sealed value")]
    Malformed,
    /// Sealed under a master key that is not in the ring.
    #[error("sealed under the master key {0}, which is not at hand")]
    UnknownKey(KeyId),
    /// Altered, or sealed for another place.
    #[error("the sealed value was altered, or belongs elsewhere")]
    Refused,
}

/// The current master key, and older ones that still open what was sealed under them.
#[derive(Clone)]
pub struct Keyring {
    /// The current one first.
    keys: Arc<[RingKey]>,
}

struct RingKey {
    master: MasterKey,
    sealing: LessSafeKey,
}

impl Keyring {
    /// Seals under `current`; opens with all.
    #[must_use]
    pub fn new(current: MasterKey, older: impl IntoIterator<Item = MasterKey>) -> Self {
        let ring_key = |master: MasterKey| {
            let mut key = Zeroizing::new([0; 32]);
            expand(&*master.bytes, b"grantor seal v1", &mut *key);
            RingKey { master, sealing: aes_256_gcm(&key) }
        };
        Self { keys: std::iter::once(current).chain(older).map(ring_key).collect() }
    }

    /// The name of the key that seals.
    #[must_use]
    pub fn current_id(&self) -> KeyId {
        self.current().master.id
    }

    /// The names of all keys, the current one first; in the order of [`Self::derive_all`].
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(|key| key.master.id).collect()
    }

    fn current(&self) -> &RingKey {
        &self.keys[0]
    }

    /// Seals `plaintext` for the place that `context` names, such as `signing_key/<tenant>/<kid>`.
    ///
    /// # Panics
    /// When the library cannot encrypt, which it always can below 64 GiB.
    #[must_use]
    pub fn seal(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let key = self.current();
        let mut head = [VERSION; HEAD];
        head[1..].copy_from_slice(&key.master.id.0);
        seal_behind(&key.sealing, &head, context, plaintext)
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let id = sealed_under(sealed)?;
        let key = self.keys.iter().find(|key| key.master.id == id);
        let key = key.ok_or(OpenError::UnknownKey(id))?;
        open_behind(&key.sealing, HEAD, context, sealed).ok_or(OpenError::Refused)
    }

    /// Whether the value is sealed under another key than the current one.
    #[must_use]
    pub fn needs_rewrap(&self, sealed: &[u8]) -> bool {
        sealed_under(sealed).is_ok_and(|id| id != self.current_id())
    }

    /// Seals anew under the current key; `None` when it is already.
    pub fn rewrap(&self, context: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>, OpenError> {
        if sealed_under(sealed)? == self.current_id() {
            return Ok(None);
        }
        Ok(Some(self.seal(context, &self.open(context, sealed)?)))
    }

    /// A key for one purpose, from the current master key. It changes when that changes: what is
    /// stored for long (digests of client secrets) needs a random key that is itself sealed.
    #[must_use]
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        derive_from(&self.current().master, label)
    }

    /// As [`Self::derive`], for every master key, the current one first.
    #[must_use]
    pub fn derive_all(&self, label: &str) -> Vec<Zeroizing<[u8; 32]>> {
        self.keys.iter().map(|key| derive_from(&key.master, label)).collect()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.master.id)).finish()
    }
}

fn derive_from(master: &MasterKey, label: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    expand(&*master.bytes, &[b"grantor derive v1\0", label.as_bytes()].concat(), &mut *key);
    key
}

fn sealed_under(sealed: &[u8]) -> Result<KeyId, OpenError> {
    match sealed.split_first_chunk::<HEAD>() {
        Some(([VERSION, id @ ..], rest)) if rest.len() >= NONCE + TAG => Ok(KeyId(*id)),
        _ => Err(OpenError::Malformed),
    }
}

/// The version of values under a key of their own.
const SECRET_VERSION: u8 = 2;

/// Seals under a key that only the holder of `secret` has: the successor of a refresh token, kept
/// for the one who presents the token again inside the grace window (SEC-062).
///
/// # Panics
/// As [`Keyring::seal`].
#[must_use]
pub fn seal_with_secret(secret: &str, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
    seal_behind(&key_of_secret(secret), &[SECRET_VERSION], context, plaintext)
}

/// Opens what [`seal_with_secret`] sealed.
pub fn open_with_secret(
    secret: &str,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if sealed.first() != Some(&SECRET_VERSION) {
        return Err(OpenError::Malformed);
    }
    open_behind(&key_of_secret(secret), 1, context, sealed).ok_or(OpenError::Refused)
}

fn key_of_secret(secret: &str) -> LessSafeKey {
    let mut key = Zeroizing::new([0; 32]);
    expand(secret.as_bytes(), b"grantor seal with secret v1", &mut *key);
    aes_256_gcm(&key)
}

/// `head | nonce | ciphertext | tag`, with head and context authenticated.
fn seal_behind(key: &LessSafeKey, head: &[u8], context: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(head.len() + NONCE + plaintext.len() + TAG);
    sealed.extend_from_slice(head);
    let nonce = random::bytes::<NONCE>();
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let (_, body) = sealed.split_at_mut(head.len() + NONCE);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from([head, context].concat()),
            body,
        )
        .expect("AES-GCM encrypts anything below 64 GiB");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

fn open_behind(
    key: &LessSafeKey,
    head: usize,
    context: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (head, rest) = sealed.split_at_checked(head)?;
    let (nonce, body) = rest.split_first_chunk::<NONCE>()?;
    let mut body = Zeroizing::new(body.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length =
        key.open_in_place(nonce, Aad::from([head, context].concat()), &mut body).ok()?.len();
    body.truncate(length);
    Some(body)
}

fn aes_256_gcm(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&aead::AES_256_GCM, key).expect("the key has 32 bytes"))
}

/// HKDF-SHA-256 (RFC 5869) without salt.
pub(crate) fn expand(secret: &[u8], info: &[u8], key: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(secret)
        .expand(&[info], Length(key.len()))
        .and_then(|material| material.fill(key))
        .expect("HKDF gives up to 8160 bytes");
}

#[cfg(test)]
mod tests;
