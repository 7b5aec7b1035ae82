//! Elliptic-curve agreement and the key that follows from it (RFC 7518 §4.6).

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::digest;
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap as _};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{ContentEncryption, KeyManagement, Party};
use crate::base64url;
use crate::jwk::JwkError;

/// A curve that keys are agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

impl Curve {
    const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::X25519];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::X25519 => "X25519",
        }
    }

    pub(super) const fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
            Self::P521 => &agreement::ECDH_P521,
            Self::X25519 => &agreement::X25519,
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A public key of agreement: an uncompressed point, or the bytes of X25519.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) curve: Curve,
    bytes: Vec<u8>,
}

impl Point {
    pub(super) fn of(curve: Curve, key: &PrivateKey) -> Option<Self> {
        let bytes = key.compute_public_key().ok()?.as_ref().to_vec();
        Some(Self { curve, bytes })
    }

    /// Reads `kty`, `crv`, `x` and `y` (RFC 7518 §6.2.1, RFC 8037 §2).
    pub(super) fn from_jwk(jwk: &Value) -> Result<Self, JwkError> {
        let crv = jwk["crv"].as_str().ok_or(JwkError::Member("crv"))?;
        let curve = Curve::ALL.into_iter().find(|curve| curve.name() == crv);
        let curve = curve.ok_or(JwkError::Unsupported)?;
        let coordinate = |name: &'static str| {
            let bytes = jwk[name].as_str().and_then(base64url::decode);
            bytes.filter(|bytes| bytes.len() == curve.width()).ok_or(JwkError::Member(name))
        };
        let bytes = match (curve, jwk["kty"].as_str()) {
            (Curve::X25519, Some("OKP")) => coordinate("x")?,
            (Curve::P256 | Curve::P384 | Curve::P521, Some("EC")) => {
                [vec![4], coordinate("x")?, coordinate("y")?].concat()
            }
            _ => return Err(JwkError::Member("kty")),
        };
        // Parsing refuses points off the curve.
        let unparsed = UnparsedPublicKey::new(curve.algorithm(), &bytes);
        agreement::ParsedPublicKey::try_from(unparsed).map_err(|_| JwkError::Material)?;
        Ok(Self { curve, bytes })
    }

    pub(super) fn to_jwk(&self) -> Value {
        if self.curve == Curve::X25519 {
            return json!({"kty": "OKP", "crv": "X25519", "x": base64url::encode(&self.bytes)});
        }
        let (x, y) = self.bytes[1..].split_at(self.curve.width());
        json!({
            "kty": "EC", "crv": self.curve.name(),
            "x": base64url::encode(x), "y": base64url::encode(y),
        })
    }

    /// The key that `private` and this point agree on, for `alg` and `enc`.
    pub(super) fn agree(
        &self,
        private: &PrivateKey,
        alg: KeyManagement,
        enc: ContentEncryption,
        party: &Party,
    ) -> Option<Zeroizing<Vec<u8>>> {
        // RFC 7518 §4.6.2: the name is that of what the key is for.
        let (name, length) = match alg {
            KeyManagement::EcdhEs => (enc.as_str(), enc.key_len()),
            KeyManagement::EcdhEsA128Kw => (alg.as_str(), 16),
            KeyManagement::EcdhEsA256Kw => (alg.as_str(), 32),
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => return None,
        };
        let peer = UnparsedPublicKey::new(self.curve.algorithm(), &self.bytes);
        agreement::agree(private, peer, (), |secret| {
            Ok(concat_kdf(secret, name, &party.apu, &party.apv, length))
        })
        .ok()
    }
}

/// The Concat KDF of NIST SP 800-56A with SHA-256, as RFC 7518 §4.6.2 uses it.
fn concat_kdf(
    secret: &[u8],
    name: &str,
    apu: &[u8],
    apv: &[u8],
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let number = |number: usize| u32::try_from(number).expect("short inputs").to_be_bytes();
    let mut key = Zeroizing::new(Vec::with_capacity(length + digest::SHA256_OUTPUT_LEN));
    let mut round = 0;
    while key.len() < length {
        round += 1;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&number(round));
        context.update(secret);
        for field in [name.as_bytes(), apu, apv] {
            context.update(&number(field.len()));
            context.update(field);
        }
        context.update(&number(length * 8));
        key.extend_from_slice(context.finish().as_ref());
    }
    key.truncate(length);
    key
}

const fn wrapping(key: &[u8]) -> &'static AesBlockCipher {
    if key.len() == 16 { &AES_128 } else { &AES_256 }
}

/// RFC 3394, of a content key.
pub(super) fn wrap(key: &[u8], cek: &[u8]) -> Option<Vec<u8>> {
    let mut wrapped = vec![0; cek.len() + 8];
    let length = AesKek::new(wrapping(key), key).ok()?.wrap(cek, &mut wrapped).ok()?.len();
    wrapped.truncate(length);
    Some(wrapped)
}

/// The way back.
pub(super) fn unwrap(key: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut cek = Zeroizing::new(vec![0; wrapped.len()]);
    let length = AesKek::new(wrapping(key), key).ok()?.unwrap(wrapped, &mut cek).ok()?.len();
    cek.truncate(length);
    Some(cek)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivation_of_rfc_7518_appendix_c_comes_out() {
        let secret = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49,
            110, 163, 218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat_kdf(&secret, "A128GCM", b"Alice", b"Bob", 16);
        assert_eq!(base64url::encode(&*key), "VqqN6vgjbSBcIijNcacQGg");
        assert_eq!(concat_kdf(&secret, "A256CBC-HS512", b"", b"", 64).len(), 64);
    }
}
