//! Public keys as JSON: RFC 7517, RFC 7518 §6, RFC 8037 §2, and their thumbprints (RFC 7638).
//!
//! Only public keys that verify signatures are read and written. Whatever hints at a private or
//! shared key, at another use, or at a second reading is refused (SEC-074, SEC-093).

use aws_lc_rs::digest;
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error as _;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::certificate::Certificate;
use crate::json::{StrictJsonError, StrictValue, parse_strict};
use crate::key::{is_kid, raw_verification};
use crate::{Algorithm, base64url};

mod set;
mod weak;

pub use set::{JwkSet, JwkSetError, KeySet, KeySetError};

/// Why a JWK is refused.
#[derive(Debug, thiserror::Error)]
pub enum JwkError {
    /// Not one JSON object without duplicate members.
    #[error(transparent)]
    Json(#[from] StrictJsonError),
    /// Not an object, or a member is missing or of the wrong type.
    #[error("the member {0:?} is missing or malformed")]
    Member(&'static str),
    /// A member of a private or shared key is present.
    #[error("a private or shared key where a public one belongs")]
    Private,
    /// The key type or curve is not known here.
    #[error("a key type or curve that is not supported")]
    Unsupported,
    /// `use` or `key_ops` say that the key does not verify signatures.
    #[error("the key is not meant to verify signatures")]
    Use,
    /// RSA below 2048 or above 8192 bits.
    #[error("the RSA key has a size that is not accepted")]
    Size,
    /// The point is not on its curve, or of small order; the exponent is no exponent.
    #[error("the numbers are no public key")]
    Material,
    /// The key does not say which algorithm it is for, and its type leaves several.
    #[error("the key names no algorithm")]
    AlgorithmMissing,
    /// The key is for another algorithm.
    #[error("the key is for another algorithm")]
    AlgorithmMismatch,
    /// The first certificate of `x5c` is that of another key (RFC 7517 §4.7).
    #[error("the certificate is for another key")]
    CertificateMismatch,
}

/// The numbers of a public key, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicMaterial {
    /// An uncompressed point; the algorithm names the curve.
    Ec {
        alg: Algorithm,
        point: Vec<u8>,
    },
    Ed25519 {
        x: [u8; 32],
    },
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// A public key that verifies signatures, with its name and its algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicJwk {
    kid: Option<String>,
    alg: Option<Algorithm>,
    material: PublicMaterial,
    certified: bool,
}

/// Members of private and shared keys: RFC 7518 §6.2.2, §6.3.2, §6.4, RFC 8037 §2.
pub(crate) const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl PublicJwk {
    pub(crate) const fn of(material: PublicMaterial, alg: Algorithm, kid: String) -> Self {
        Self { kid: Some(kid), alg: Some(alg), material, certified: false }
    }

    /// Reads one JWK.
    pub fn parse(json: &[u8]) -> Result<Self, JwkError> {
        Self::from_value(&parse_strict(json)?)
    }

    /// Reads a JWK out of a document that was read strictly.
    pub fn from_value(value: &Value) -> Result<Self, JwkError> {
        let members = value.as_object().ok_or(JwkError::Member("kty"))?;
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(JwkError::Private);
        }
        check_use(members)?;
        let material = PublicMaterial::from_members(members)?;
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if is_kid(kid) => Some(kid.clone()),
            Some(_) => return Err(JwkError::Member("kid")),
        };
        let alg = match text(members, "alg")? {
            None => material.only_algorithm(),
            Some(name) => Some(name.parse().map_err(|_| JwkError::Unsupported)?),
        };
        let certified = is_certified(members, &material)?;
        let jwk = Self { kid, alg, material, certified };
        match alg {
            Some(alg) if !jwk.material.fits(alg) => Err(JwkError::AlgorithmMismatch),
            _ => Ok(jwk),
        }
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm: as named, or as the curve implies; `None` for RSA that names none.
    #[must_use]
    pub const fn alg(&self) -> Option<Algorithm> {
        self.alg
    }

    /// Whether a certificate for the key came with it (`x5c`).
    #[must_use]
    pub const fn is_certified(&self) -> bool {
        self.certified
    }

    /// Whether it came with a certificate, and this one is for the same key. The certificate may be
    /// a newer one: what counts is the key (RFC 8705 §2.2).
    #[must_use]
    pub fn certifies(&self, certificate: &Certificate) -> bool {
        self.certified && certificate.material() == Some(&self.material)
    }

    /// Whether the key may be used with `alg`.
    #[must_use]
    pub fn fits(&self, alg: Algorithm) -> bool {
        self.alg.is_none_or(|own| own == alg) && self.material.fits(alg)
    }

    /// The SHA-256 thumbprint in base64url, RFC 7638 §3.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.material.thumbprint()
    }

    pub(crate) const fn material(&self) -> &PublicMaterial {
        &self.material
    }
}

/// RFC 7517 §4.2 and §4.3: what `use` and `key_ops` say must allow verifying.
fn check_use(members: &Map<String, Value>) -> Result<(), JwkError> {
    if text(members, "use")?.is_some_and(|word| word != "sig") {
        return Err(JwkError::Use);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|one| one == "verify") => Ok(()),
        Some(_) => Err(JwkError::Use),
    }
}

/// RFC 7517 §4.7: the first certificate is the key's. One that cannot be read certifies nothing; one
/// for another key makes the whole key doubtful.
fn is_certified(members: &Map<String, Value>, material: &PublicMaterial) -> Result<bool, JwkError> {
    let first = match members.get("x5c") {
        None => return Ok(false),
        Some(Value::Array(chain)) => chain.first().and_then(Value::as_str),
        Some(_) => None,
    };
    let der = BASE64_STANDARD.decode(first.ok_or(JwkError::Member("x5c"))?);
    let der = der.map_err(|_| JwkError::Member("x5c"))?;
    match Certificate::parse(&der).ok().as_ref().and_then(Certificate::material) {
        None => Ok(false),
        Some(own) if own == material => Ok(true),
        Some(_) => Err(JwkError::CertificateMismatch),
    }
}

fn text<'a>(
    members: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, JwkError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkError::Member(name)),
    }
}

fn bytes(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    let text = text(members, name)?.ok_or(JwkError::Member(name))?;
    base64url::decode(text).ok_or(JwkError::Member(name))
}

impl PublicMaterial {
    pub(crate) fn from_members(members: &Map<String, Value>) -> Result<Self, JwkError> {
        match text(members, "kty")?.ok_or(JwkError::Member("kty"))? {
            "EC" => {
                let alg = match text(members, "crv")?.ok_or(JwkError::Member("crv"))? {
                    "P-256" => Algorithm::Es256,
                    "P-384" => Algorithm::Es384,
                    "P-521" => Algorithm::Es512,
                    _ => return Err(JwkError::Unsupported),
                };
                let width = coordinate_len(alg);
                let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
                // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
                if x.len() != width || y.len() != width {
                    return Err(JwkError::Member("x"));
                }
                Self::from_point(alg, &[&[4], x.as_slice(), y.as_slice()].concat())
            }
            "OKP" => match text(members, "crv")?.ok_or(JwkError::Member("crv"))? {
                "Ed25519" => Self::from_ed25519(&bytes(members, "x")?),
                _ => Err(JwkError::Unsupported),
            },
            "RSA" => Self::from_rsa(&bytes(members, "n")?, &bytes(members, "e")?),
            "oct" => Err(JwkError::Private),
            _ => Err(JwkError::Unsupported),
        }
    }

    pub(crate) fn from_point(alg: Algorithm, point: &[u8]) -> Result<Self, JwkError> {
        if point.len() != 1 + 2 * coordinate_len(alg) || point[0] != 4 {
            return Err(JwkError::Material);
        }
        // The library refuses points off the curve (RFC 8725 §3.4).
        ParsedPublicKey::new(raw_verification(alg), point).map_err(|_| JwkError::Material)?;
        Ok(Self::Ec { alg, point: point.to_vec() })
    }

    pub(crate) fn from_ed25519(x: &[u8]) -> Result<Self, JwkError> {
        let x: [u8; 32] = x.try_into().map_err(|_| JwkError::Member("x"))?;
        if weak::is_weak_ed25519(&x) {
            return Err(JwkError::Material);
        }
        Ok(Self::Ed25519 { x })
    }

    pub(crate) fn from_rsa(n: &[u8], e: &[u8]) -> Result<Self, JwkError> {
        // RFC 7518 §2, Base64urlUInt: no leading zero octets.
        let (Some(1..), Some(1..)) = (n.first(), e.first()) else {
            return Err(JwkError::Material);
        };
        let bits = n.len() * 8 - n[0].leading_zeros() as usize;
        if !(2048..=8192).contains(&bits) {
            return Err(JwkError::Size);
        }
        // Odd, at least 3, and small enough that verifying stays cheap.
        let odd = n[n.len() - 1] & 1 == 1 && e[e.len() - 1] & 1 == 1;
        if !odd || e == [1] || e.len() > 4 {
            return Err(JwkError::Material);
        }
        if weak::is_roca(n) {
            return Err(JwkError::Material);
        }
        Ok(Self::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    const fn only_algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Ec { alg, .. } => Some(*alg),
            Self::Ed25519 { .. } => Some(Algorithm::EdDsa),
            Self::Rsa { .. } => None,
        }
    }

    fn fits(&self, alg: Algorithm) -> bool {
        self.only_algorithm().map_or(alg.is_rsa(), |only| only == alg)
    }

    /// The required members in the order of RFC 7638 §3.2, which is the alphabet's.
    fn required_members(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Ec { alg, point } => {
                let (x, y) = point[1..].split_at(coordinate_len(*alg));
                let crv = match alg {
                    Algorithm::Es384 => "P-384",
                    Algorithm::Es512 => "P-521",
                    _ => "P-256",
                };
                vec![
                    ("crv", crv.to_owned()),
                    ("kty", "EC".to_owned()),
                    ("x", base64url::encode(x)),
                    ("y", base64url::encode(y)),
                ]
            }
            Self::Ed25519 { x } => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", base64url::encode(x)),
            ],
            Self::Rsa { n, e } => vec![
                ("e", base64url::encode(e)),
                ("kty", "RSA".to_owned()),
                ("n", base64url::encode(n)),
            ],
        }
    }

    pub(crate) fn thumbprint(&self) -> String {
        // No value needs escaping, so this is the JSON of RFC 7638 §3.
        let members: Vec<String> = self
            .required_members()
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        let json = format!("{{{}}}", members.join(","));
        base64url::encode(digest::digest(&digest::SHA256, json.as_bytes()))
    }
}

const fn coordinate_len(alg: Algorithm) -> usize {
    match alg {
        Algorithm::Es384 => 48,
        Algorithm::Es512 => 66,
        _ => 32,
    }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        for (name, value) in self.material.required_members() {
            members.serialize_entry(name, &value)?;
        }
        members.serialize_entry("use", "sig")?;
        if let Some(alg) = self.alg {
            members.serialize_entry("alg", alg.as_str())?;
        }
        if let Some(kid) = &self.kid {
            members.serialize_entry("kid", kid)?;
        }
        members.end()
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StrictValue(value) = StrictValue::deserialize(deserializer)?;
        Self::from_value(&value).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
