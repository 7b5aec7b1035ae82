//! Keys that sign and keys that verify. A key has one algorithm, for ever (SEC-074; RFC 8725 §3.1).
//!
//! Both are parsed once and cheap to clone. RSA private operations are AWS-LC's, in constant time
//! and blinded (SEC-096).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RsaEncoding, RsaKeyPair, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use zeroize::Zeroizing;

use crate::Algorithm;
use crate::jwk::{JwkError, PublicJwk, PublicMaterial};

mod low_s;

use low_s::LowSignature;
pub(crate) use low_s::is_the_one;

/// Why a private key could not be made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no private key of this algorithm.
    #[error("not a private key of this algorithm")]
    Malformed,
    /// RSA below 2048 or above 8192 bits.
    #[error("the RSA key has a size that is not accepted")]
    Size,
    /// The kid is empty, too long or not printable ASCII.
    #[error("the key id is not 1 to 128 printable characters")]
    KeyId,
    /// The library failed to generate a key.
    #[error("the key could not be generated")]
    Generation,
}

/// Signing failed inside the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature could not be made")]
pub struct SigningFailed;

/// The signature is not one of this key over this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// The longest `kid` that is read or written, in bytes (SEC-076).
pub const MAX_KID: usize = 128;

/// A private key that signs with one algorithm.
#[derive(Clone)]
pub struct SigningKey(Arc<SigningInner>);

struct SigningInner {
    kid: String,
    alg: Algorithm,
    pair: Pair,
    public: PublicJwk,
    verifying: VerifyingKey,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl SigningKey {
    /// A new key; RSA keys have 2048 bits. Without `kid` it is named after its thumbprint.
    pub fn generate(alg: Algorithm, kid: Option<String>) -> Result<Self, KeyError> {
        let pair = match alg {
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Pair::Ed25519),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
                EcdsaKeyPair::generate(ecdsa_signing(alg)).map(Pair::Ecdsa)
            }
            _ => RsaKeyPair::generate(KeySize::Rsa2048)
                .map(|pair| Pair::Rsa(pair, rsa_encoding(alg))),
        };
        Self::assemble(alg, kid, pair.map_err(|_| KeyError::Generation)?)
    }

    /// Reads the PKCS#8 document (RFC 5208, RFC 8410) of a key of this algorithm.
    pub fn from_pkcs8(alg: Algorithm, kid: Option<String>, der: &[u8]) -> Result<Self, KeyError> {
        let pair = match alg {
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
                EcdsaKeyPair::from_pkcs8(ecdsa_signing(alg), der).map(Pair::Ecdsa)
            }
            _ => RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa(pair, rsa_encoding(alg))),
        };
        Self::assemble(alg, kid, pair.map_err(|_| KeyError::Malformed)?)
    }

    /// Reads a PEM file: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY`
    /// (SEC 1). Encrypted files are refused.
    pub fn from_pem(alg: Algorithm, kid: Option<String>, pem: &str) -> Result<Self, KeyError> {
        let (label, der) = read_pem(pem).ok_or(KeyError::Malformed)?;
        let pair = match (label, alg) {
            ("PRIVATE KEY", _) => return Self::from_pkcs8(alg, kid, &der),
            ("RSA PRIVATE KEY", _) if alg.is_rsa() => {
                RsaKeyPair::from_der(&der).map(|pair| Pair::Rsa(pair, rsa_encoding(alg)))
            }
            ("EC PRIVATE KEY", Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512) => {
                EcdsaKeyPair::from_private_key_der(ecdsa_signing(alg), &der).map(Pair::Ecdsa)
            }
            _ => return Err(KeyError::Malformed),
        };
        Self::assemble(alg, kid, pair.map_err(|_| KeyError::Malformed)?)
    }

    fn assemble(alg: Algorithm, kid: Option<String>, pair: Pair) -> Result<Self, KeyError> {
        let material = public_material(alg, &pair).map_err(|_| KeyError::Size)?;
        let kid = match kid {
            Some(kid) if is_kid(&kid) => kid,
            Some(_) => return Err(KeyError::KeyId),
            None => short_name(&material.thumbprint()),
        };
        let public = PublicJwk::of(material, alg, kid.clone());
        let verifying = VerifyingKey::from_jwk(&public).map_err(|_| KeyError::Malformed)?;
        Ok(Self(Arc::new(SigningInner { kid, alg, pair, public, verifying })))
    }

    /// The name that tokens carry in their header.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn alg(&self) -> Algorithm {
        self.0.alg
    }

    /// The private key as PKCS#8. It must be sealed before it is stored (SEC-094).
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der = match &self.0.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.to_pkcs8().map(|der| der.as_ref().to_vec()),
            Pair::Rsa(pair, _) => pair.as_der().map(|der| der.as_ref().to_vec()),
        };
        der.map(Zeroizing::new).map_err(|_| KeyError::Malformed)
    }

    /// The public half, to verify with.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying.clone()
    }

    /// The public half, to publish.
    #[must_use]
    pub fn public_jwk(&self) -> PublicJwk {
        self.0.public.clone()
    }

    /// How long signatures of this key are, in bytes.
    #[must_use]
    pub fn signature_len(&self) -> usize {
        match &self.0.pair {
            Pair::Ed25519(_) => 64,
            Pair::Rsa(pair, _) => pair.public_modulus_len(),
            Pair::Ecdsa(_) => match self.0.alg {
                Algorithm::Es384 => 96,
                Algorithm::Es512 => 132,
                _ => 64,
            },
        }
    }

    /// Signs `message`; ECDSA signatures are r and s in fixed width (RFC 7518 §3.4), of the two
    /// that anybody can make of one the one with the smaller s.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.sign_inline(message).map(|signature| signature.as_ref().to_vec())
    }

    /// As [`Self::sign`], without the heap where the library allows it.
    pub(crate) fn sign_inline(&self, message: &[u8]) -> Result<InlineSignature, SigningFailed> {
        let random = SystemRandom::new();
        let signature = match &self.0.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&random, message)
                .map(|signature| InlineSignature::Fixed(LowSignature::of(signature.as_ref()))),
            Pair::Ed25519(pair) => pair.try_sign(message).map(InlineSignature::Short),
            Pair::Rsa(pair, encoding) => {
                let mut bytes = vec![0; self.signature_len()];
                pair.sign(*encoding, &random, message, &mut bytes)
                    .map(|()| InlineSignature::Long(bytes))
            }
        };
        signature.map_err(|_| SigningFailed)
    }
}

#[expect(clippy::large_enum_variant, reason = "it lives on the stack, for a moment")]
pub(crate) enum InlineSignature {
    Short(signature::Signature),
    Fixed(LowSignature),
    Long(Vec<u8>),
}

impl AsRef<[u8]> for InlineSignature {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Short(signature) => signature.as_ref(),
            Self::Fixed(signature) => signature.as_ref(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {:?} …)", self.0.alg, self.0.kid)
    }
}

fn public_material(alg: Algorithm, pair: &Pair) -> Result<PublicMaterial, JwkError> {
    match pair {
        Pair::Ecdsa(pair) => PublicMaterial::from_point(alg, pair.public_key().as_ref()),
        Pair::Ed25519(pair) => PublicMaterial::from_ed25519(pair.public_key().as_ref()),
        Pair::Rsa(pair, _) => {
            let public = pair.public_key();
            PublicMaterial::from_rsa(
                public.modulus().big_endian_without_leading_zero(),
                public.exponent().big_endian_without_leading_zero(),
            )
        }
    }
}

/// Whether `text` may name a key: an opaque word, short and printable (SEC-076).
pub(crate) fn is_kid(text: &str) -> bool {
    (1..=MAX_KID).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// A public key that verifies signatures of one algorithm.
#[derive(Clone)]
pub struct VerifyingKey(Arc<VerifyingInner>);

struct VerifyingInner {
    kid: Option<String>,
    alg: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// The key of a JWK that names its algorithm, or whose curve leaves only one.
    pub fn from_jwk(jwk: &PublicJwk) -> Result<Self, JwkError> {
        Self::from_jwk_for(jwk, jwk.alg().ok_or(JwkError::AlgorithmMissing)?)
    }

    /// The key of a JWK for `alg`, which the caller took from its own configuration. Refused when
    /// the JWK names another algorithm or is of another type.
    pub fn from_jwk_for(jwk: &PublicJwk, alg: Algorithm) -> Result<Self, JwkError> {
        if !jwk.fits(alg) {
            return Err(JwkError::AlgorithmMismatch);
        }
        let key = match jwk.material() {
            PublicMaterial::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(rsa_parameters(alg))
            }
            PublicMaterial::Ec { point, .. } => ParsedPublicKey::new(raw_verification(alg), point),
            PublicMaterial::Ed25519 { x } => ParsedPublicKey::new(raw_verification(alg), x),
        };
        let key = key.map_err(|_| JwkError::Material)?;
        Ok(Self(Arc::new(VerifyingInner { kid: jwk.kid().map(str::to_owned), alg, key })))
    }

    /// The name of the key, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn alg(&self) -> Algorithm {
        self.0.alg
    }

    /// Whether `signature` is this key's over `message`. ECDSA: r and s in fixed width, no DER.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.0.key.verify_sig(message, signature).map_err(|_| BadSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({} {:?})", self.0.alg, self.0.kid)
    }
}

fn ecdsa_signing(alg: Algorithm) -> &'static EcdsaSigningAlgorithm {
    match alg {
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        _ => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    }
}

pub(crate) fn raw_verification(alg: Algorithm) -> &'static dyn VerificationAlgorithm {
    match alg {
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
        Algorithm::EdDsa => &signature::ED25519,
        _ => &signature::ECDSA_P256_SHA256_FIXED,
    }
}

fn rsa_encoding(alg: Algorithm) -> &'static dyn RsaEncoding {
    match alg {
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

fn rsa_parameters(alg: Algorithm) -> &'static RsaParameters {
    match alg {
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    }
}

/// The label and the bytes of the one block of a PEM file (RFC 7468).
fn read_pem(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    use base64::Engine as _;
    let rest = text.trim().strip_prefix("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let der = base64::engine::general_purpose::STANDARD.decode(body.as_bytes()).ok()?;
    Some((label, Zeroizing::new(der)))
}

/// Letters and digits only: a name that begins with `-` could not be typed on a command line.
fn short_name(thumbprint: &str) -> String {
    thumbprint.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

#[cfg(test)]
mod tests;
