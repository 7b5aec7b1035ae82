//! Encryption of the content: AES-GCM (RFC 7518 §5.3), AES-CBC with HMAC (§5.2).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::{EncryptionFailed, UnknownEncryption};
use crate::{ct_eq, random};

/// How the content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// RFC 7518 §5.3
    A128Gcm,
    /// RFC 7518 §5.3
    A256Gcm,
    /// RFC 7518 §5.2.3
    A128CbcHs256,
    /// RFC 7518 §5.2.5
    A256CbcHs512,
}

/// What [`ContentEncryption::seal`] writes.
pub(super) struct Sealed {
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

impl ContentEncryption {
    /// Every way, in the order discovery lists them.
    pub const ALL: [Self; 4] =
        [Self::A256Gcm, Self::A128Gcm, Self::A256CbcHs512, Self::A128CbcHs256];

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The length of the content key, in bytes.
    pub(super) const fn key_len(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A256CbcHs512 => 64,
        }
    }

    /// A key for this way.
    pub(super) fn random_key(self) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(vec![0; self.key_len()]);
        random::fill(&mut key);
        key
    }

    pub(super) fn seal(
        self,
        cek: &[u8],
        aad: &[u8],
        content: &[u8],
    ) -> Result<Sealed, EncryptionFailed> {
        self.try_seal(cek, aad, content).ok_or(EncryptionFailed)
    }

    fn try_seal(self, cek: &[u8], aad: &[u8], content: &[u8]) -> Option<Sealed> {
        let mut ciphertext = content.to_vec();
        match self.parts(cek)? {
            Parts::Gcm(key) => {
                let iv = random::bytes::<12>();
                let nonce = Nonce::assume_unique_for_key(iv);
                let tag =
                    key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut ciphertext).ok()?;
                Some(Sealed { iv: iv.to_vec(), ciphertext, tag: tag.as_ref().to_vec() })
            }
            Parts::CbcHmac { mac, cipher, tag_len } => {
                let iv = random::bytes::<16>();
                let with_iv = EncryptionContext::Iv128(FixedLength::from(iv));
                let key = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).ok()?;
                key.less_safe_encrypt(&mut ciphertext, with_iv).ok()?;
                let tag = authenticate(&mac, aad, &iv, &ciphertext)?;
                let tag = tag.as_ref().get(..tag_len)?.to_vec();
                Some(Sealed { iv: iv.to_vec(), ciphertext, tag })
            }
        }
    }

    /// The content; `None` for every reason alike.
    pub(super) fn open(
        self,
        cek: &[u8],
        iv: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Option<Vec<u8>> {
        match self.parts(cek)? {
            Parts::Gcm(key) => {
                // RFC 7518 §5.3: 96 bits, and a tag of 128, not one shorter.
                if tag.len() != 16 {
                    return None;
                }
                let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
                let mut content = [ciphertext, tag].concat();
                let length = key.open_in_place(nonce, Aad::from(aad), &mut content).ok()?.len();
                content.truncate(length);
                Some(content)
            }
            Parts::CbcHmac { mac, cipher, tag_len } => {
                let iv: [u8; 16] = iv.try_into().ok()?;
                let expected = authenticate(&mac, aad, &iv, ciphertext)?;
                // RFC 7518 §5.2.2.2: the tag first, so that padding tells nothing.
                if !ct_eq(expected.as_ref().get(..tag_len)?, tag) {
                    return None;
                }
                let with_iv = DecryptionContext::Iv128(FixedLength::from(iv));
                let key = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).ok()?;
                let mut content = ciphertext.to_vec();
                let length = key.decrypt(&mut content, with_iv).ok()?.len();
                content.truncate(length);
                Some(content)
            }
        }
    }

    fn parts(self, cek: &[u8]) -> Option<Parts> {
        if cek.len() != self.key_len() {
            return None;
        }
        let gcm = |algorithm| {
            UnboundKey::new(algorithm, cek).ok().map(|key| Parts::Gcm(LessSafeKey::new(key)))
        };
        let cbc = |hash, algorithm| {
            // RFC 7518 §5.2.2.1: the first half authenticates, the second encrypts.
            let (mac, key) = cek.split_at(cek.len() / 2);
            let cipher = UnboundCipherKey::new(algorithm, key).ok()?;
            Some(Parts::CbcHmac { mac: hmac::Key::new(hash, mac), cipher, tag_len: mac.len() })
        };
        match self {
            Self::A128Gcm => gcm(&aead::AES_128_GCM),
            Self::A256Gcm => gcm(&aead::AES_256_GCM),
            Self::A128CbcHs256 => cbc(hmac::HMAC_SHA256, &cipher::AES_128),
            Self::A256CbcHs512 => cbc(hmac::HMAC_SHA512, &cipher::AES_256),
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "it lives on the stack, for a moment")]
enum Parts {
    Gcm(LessSafeKey),
    CbcHmac { mac: hmac::Key, cipher: UnboundCipherKey, tag_len: usize },
}

/// RFC 7518 §5.2.2.1, steps 4 and 5.
fn authenticate(mac: &hmac::Key, aad: &[u8], iv: &[u8], ciphertext: &[u8]) -> Option<hmac::Tag> {
    let bits = u64::try_from(aad.len()).ok()?.checked_mul(8)?;
    let mut context = hmac::Context::with_key(mac);
    context.update(aad);
    context.update(iv);
    context.update(ciphertext);
    context.update(&bits.to_be_bytes());
    Some(context.sign())
}

impl FromStr for ContentEncryption {
    type Err = UnknownEncryption;

    /// Exact and case-sensitive.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or(UnknownEncryption)
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for ContentEncryption {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for ContentEncryption {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
