//! Keys to encrypt for, and keys to decrypt with. As with signatures, a key has one algorithm.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, Curve25519SeedBin, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::agreement::{Curve, Point, unwrap, wrap};
use super::{ContentEncryption, EncryptionFailed, Header, KeyManagement, Party};
use crate::jwk::{JwkError, PRIVATE_MEMBERS, PublicMaterial};
use crate::key::{KeyError, is_kid};

/// A public key that content is encrypted for.
#[derive(Clone)]
pub struct EncryptionKey(Arc<EncryptionInner>);

struct EncryptionInner {
    kid: Option<String>,
    alg: KeyManagement,
    recipient: Recipient,
}

enum Recipient {
    Rsa(OaepPublicEncryptingKey),
    Curve(Point),
}

/// A content key, in the clear and as it travels.
pub(super) struct SealedKey {
    pub(super) cek: Zeroizing<Vec<u8>>,
    pub(super) encrypted: Vec<u8>,
    pub(super) epk: Option<Value>,
}

impl EncryptionKey {
    /// Reads a JWK whose `alg` names the algorithm.
    pub fn from_jwk(jwk: &Value) -> Result<Self, JwkError> {
        let alg = jwk["alg"].as_str().ok_or(JwkError::AlgorithmMissing)?;
        Self::from_jwk_for(jwk, alg.parse().map_err(|_| JwkError::Unsupported)?)
    }

    /// Reads a JWK (from a document that was read strictly) for `alg`, which the caller took from
    /// its own configuration. Refused when the JWK names another algorithm, another use, or holds
    /// a private member.
    pub fn from_jwk_for(jwk: &Value, alg: KeyManagement) -> Result<Self, JwkError> {
        let members = jwk.as_object().ok_or(JwkError::Member("kty"))?;
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(JwkError::Private);
        }
        check_use(members)?;
        if members.get("alg").is_some_and(|named| named != alg.as_str()) {
            return Err(JwkError::AlgorithmMismatch);
        }
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if is_kid(kid) => Some(kid.clone()),
            Some(_) => return Err(JwkError::Member("kid")),
        };
        let recipient = match PublicMaterial::from_members(members) {
            Ok(PublicMaterial::Rsa { n, e }) if alg.is_rsa() => Recipient::Rsa(oaep(&n, &e)?),
            _ if alg.is_rsa() => return Err(JwkError::AlgorithmMismatch),
            Err(JwkError::Size) => return Err(JwkError::Size),
            _ => Recipient::Curve(Point::from_jwk(jwk)?),
        };
        Ok(Self(Arc::new(EncryptionInner { kid, alg, recipient })))
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn alg(&self) -> KeyManagement {
        self.0.alg
    }

    /// A new content key for `enc`.
    pub(super) fn seal_content_key(
        &self,
        enc: ContentEncryption,
    ) -> Result<SealedKey, EncryptionFailed> {
        self.try_seal(enc).ok_or(EncryptionFailed)
    }

    fn try_seal(&self, enc: ContentEncryption) -> Option<SealedKey> {
        match &self.0.recipient {
            Recipient::Rsa(key) => {
                let cek = enc.random_key();
                let mut encrypted = vec![0; key.ciphertext_size()];
                let padding = oaep_algorithm(self.0.alg);
                let length = key.encrypt(padding, &cek, &mut encrypted, None).ok()?.len();
                encrypted.truncate(length);
                Some(SealedKey { cek, encrypted, epk: None })
            }
            Recipient::Curve(point) => {
                let ephemeral = PrivateKey::generate(point.curve.algorithm()).ok()?;
                let epk = Point::of(point.curve, &ephemeral)?.to_jwk();
                let agreed = point.agree(&ephemeral, self.0.alg, enc, &Party::default())?;
                if self.0.alg == KeyManagement::EcdhEs {
                    return Some(SealedKey { cek: agreed, encrypted: vec![], epk: Some(epk) });
                }
                let cek = enc.random_key();
                let encrypted = wrap(&agreed, &cek)?;
                Some(SealedKey { cek, encrypted, epk: Some(epk) })
            }
        }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({} {:?})", self.0.alg, self.0.kid)
    }
}

/// RFC 7517 §4.2 and §4.3: what `use` and `key_ops` say must allow encrypting.
fn check_use(members: &Map<String, Value>) -> Result<(), JwkError> {
    const OPERATIONS: [&str; 4] = ["encrypt", "wrapKey", "deriveKey", "deriveBits"];
    if members.get("use").is_some_and(|word| word != "enc") {
        return Err(JwkError::Use);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(named))
            if named.iter().any(|one| OPERATIONS.iter().any(|ours| one == ours)) =>
        {
            Ok(())
        }
        Some(_) => Err(JwkError::Use),
    }
}

fn oaep(n: &[u8], e: &[u8]) -> Result<OaepPublicEncryptingKey, JwkError> {
    let public: Result<PublicEncryptingKey, _> = RsaPublicKeyComponents { n, e }.try_into();
    public.and_then(OaepPublicEncryptingKey::new).map_err(|_| JwkError::Material)
}

const fn oaep_algorithm(alg: KeyManagement) -> &'static OaepAlgorithm {
    match alg {
        KeyManagement::RsaOaep => &OAEP_SHA1_MGF1SHA1,
        _ => &OAEP_SHA256_MGF1SHA256,
    }
}

/// A private key that decrypts with one algorithm.
#[derive(Clone)]
pub struct DecryptionKey(Arc<DecryptionInner>);

struct DecryptionInner {
    kid: String,
    alg: KeyManagement,
    pair: Pair,
}

enum Pair {
    Rsa(OaepPrivateDecryptingKey, Zeroizing<Vec<u8>>),
    Curve(Curve, PrivateKey),
}

/// What stands before the 32 bytes of an X25519 key in PKCS#8 (RFC 8410 §7).
const X25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];

impl DecryptionKey {
    /// A new key: RSA with 2048 bits, or P-256.
    pub fn generate(alg: KeyManagement, kid: String) -> Result<Self, KeyError> {
        if alg.is_rsa() {
            let key = PrivateDecryptingKey::generate(KeySize::Rsa2048);
            let der = key.and_then(|key| key.as_der());
            let der = Zeroizing::new(der.map_err(|_| KeyError::Generation)?.as_ref().to_vec());
            return Self::from_pkcs8(alg, kid, &der);
        }
        let key = PrivateKey::generate(Curve::P256.algorithm());
        Self::assemble(alg, kid, Pair::Curve(Curve::P256, key.map_err(|_| KeyError::Generation)?))
    }

    /// Reads the PKCS#8 document (RFC 5208, RFC 8410) of a key for this algorithm.
    pub fn from_pkcs8(alg: KeyManagement, kid: String, der: &[u8]) -> Result<Self, KeyError> {
        let pair = if alg.is_rsa() {
            let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| KeyError::Malformed)?;
            let key = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::Malformed)?;
            Pair::Rsa(key, Zeroizing::new(der.to_vec()))
        } else if let Some(seed) = der.strip_prefix(X25519_PKCS8.as_slice()) {
            let key = PrivateKey::from_private_key(Curve::X25519.algorithm(), seed);
            Pair::Curve(Curve::X25519, key.map_err(|_| KeyError::Malformed)?)
        } else {
            let read = |curve: Curve| {
                let key = PrivateKey::from_private_key_der(curve.algorithm(), der).ok()?;
                Some(Pair::Curve(curve, key))
            };
            let curves = [Curve::P256, Curve::P384, Curve::P521];
            curves.into_iter().find_map(read).ok_or(KeyError::Malformed)?
        };
        Self::assemble(alg, kid, pair)
    }

    fn assemble(alg: KeyManagement, kid: String, pair: Pair) -> Result<Self, KeyError> {
        if !is_kid(&kid) {
            return Err(KeyError::KeyId);
        }
        Ok(Self(Arc::new(DecryptionInner { kid, alg, pair })))
    }

    /// The private key as PKCS#8. It must be sealed before it is stored (SEC-094).
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match &self.0.pair {
            Pair::Rsa(_, der) => Ok(der.clone()),
            Pair::Curve(Curve::X25519, key) => {
                let seed: Curve25519SeedBin<'_> =
                    key.as_be_bytes().map_err(|_| KeyError::Malformed)?;
                Ok(Zeroizing::new([X25519_PKCS8.as_slice(), seed.as_ref()].concat()))
            }
            Pair::Curve(_, key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| KeyError::Malformed)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
        }
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn alg(&self) -> KeyManagement {
        self.0.alg
    }

    /// The public half as a JWK, to publish.
    pub fn public_jwk(&self) -> Result<Value, KeyError> {
        let mut jwk = match &self.0.pair {
            Pair::Rsa(_, der) => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed)?;
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let number = |bytes: &[u8]| crate::base64url::encode(bytes);
                json!({
                    "kty": "RSA",
                    "n": number(n.big_endian_without_leading_zero()),
                    "e": number(e.big_endian_without_leading_zero()),
                })
            }
            Pair::Curve(curve, key) => Point::of(*curve, key).ok_or(KeyError::Malformed)?.to_jwk(),
        };
        jwk["use"] = "enc".into();
        jwk["alg"] = self.0.alg.as_str().into();
        jwk["kid"] = self.0.kid.as_str().into();
        Ok(jwk)
    }

    /// The content key of a token. When there is none, a random one: then the content fails to
    /// open like any other, and nobody learns at which step (RFC 7516 §11.5).
    pub(super) fn content_key(&self, header: &Header, encrypted: &[u8]) -> Zeroizing<Vec<u8>> {
        let substitute = header.enc.random_key();
        let found = match &self.0.pair {
            Pair::Rsa(key, _) => self.rsa_content_key(key, encrypted),
            Pair::Curve(curve, key) => self.agreed_content_key(*curve, key, header, encrypted),
        };
        found.filter(|cek| cek.len() == header.enc.key_len()).unwrap_or(substitute)
    }

    fn rsa_content_key(
        &self,
        key: &OaepPrivateDecryptingKey,
        encrypted: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut cek = Zeroizing::new(vec![0; key.min_output_size()]);
        let padding = oaep_algorithm(self.0.alg);
        let length = key.decrypt(padding, encrypted, &mut cek, None).ok()?.len();
        cek.truncate(length);
        Some(cek)
    }

    fn agreed_content_key(
        &self,
        curve: Curve,
        key: &PrivateKey,
        header: &Header,
        encrypted: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let ephemeral = Point::from_jwk(header.party.epk.as_ref()?).ok()?;
        if ephemeral.curve != curve {
            return None;
        }
        let agreed = ephemeral.agree(key, self.0.alg, header.enc, &header.party)?;
        if self.0.alg == KeyManagement::EcdhEs {
            // RFC 7516 §5.2 step 10: there must be no encrypted key.
            return encrypted.is_empty().then_some(agreed);
        }
        unwrap(&agreed, encrypted)
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({} {:?} …)", self.0.alg, self.0.kid)
    }
}
