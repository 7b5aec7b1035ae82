//! Hashes that migrated users bring along: PBKDF2 (RFC 8018) and scrypt (RFC 7914), as the PHC string
//! format, passlib and Django write them. They are verified, never made, and replaced at the next
//! sign-in.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::Cost;
use crate::ct_eq;

/// Limits on what a stored hash may cost us to verify, whatever combination of parameters it comes
/// with: the iterations of all blocks of PBKDF2, the memory of scrypt, and what scrypt mixes in all.
const MAX_ITERATIONS: u64 = 3_000_000;
const MAX_SCRYPT_BYTES: u64 = 256 * 1024 * 1024;
const MAX_SCRYPT_MIXED: u64 = 512 * 1024 * 1024;
const MAX_SCRYPT_INPUT: u64 = 1024 * 1024;
const MAX_LANES: u32 = 16;
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

/// With padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A hash of another make.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Foreign {
    /// RFC 8018 §5.2
    Pbkdf2 { digest: Digest, iterations: NonZeroU32, salt: Vec<u8>, hash: Vec<u8> },
    /// RFC 7914
    Scrypt { params: Scrypt, salt: Vec<u8>, hash: Vec<u8> },
}

/// What PBKDF2 is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    /// How many bytes one block of PBKDF2 gives.
    const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// The costs of scrypt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Scrypt {
    log_n: u8,
    r: u32,
    p: u32,
}

impl Scrypt {
    /// Reads the costs; `None` when they are above the limits. RFC 7914 §2.
    fn within_limits(log_n: u32, r: u32, p: u32) -> Option<Self> {
        let read = Self { log_n: u8::try_from(log_n).ok()?, r, p };
        let fits = (1..32).contains(&log_n)
            && (1..=MAX_LANES).contains(&p)
            && (1..=MAX_SCRYPT_BYTES).contains(&read.table()?)
            && read.table()?.checked_mul(p.into())? <= MAX_SCRYPT_MIXED
            && read.input()? <= MAX_SCRYPT_INPUT;
        fits.then_some(read)
    }

    /// 128 · N · r: the table, in bytes.
    fn table(self) -> Option<u64> {
        1_u64.checked_shl(self.log_n.into())?.checked_mul(128)?.checked_mul(self.r.into())
    }

    /// 128 · r · p: what is stretched first, in bytes. A small N does not make it small.
    fn input(self) -> Option<u64> {
        128_u64.checked_mul(self.r.into())?.checked_mul(self.p.into())
    }
}

impl Foreign {
    /// Reads one; `None` is none of these, or costs more than it should.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('$') {
            Some(rest) => read_phc(rest),
            None => read_django(text),
        }
    }

    /// Which scheme it is.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Pbkdf2 { .. } => "pbkdf2",
            Self::Scrypt { .. } => "scrypt",
        }
    }

    /// What a comparison costs.
    pub(super) fn cost(&self) -> Cost {
        match self {
            Self::Pbkdf2 { digest, iterations, hash, .. } => Cost {
                memory: 1024,
                rounds: u64::from(iterations.get()) * hash.len().div_ceil(digest.length()) as u64,
            },
            Self::Scrypt { params, .. } => {
                // Both were computed when it was read.
                let (table, input) = (params.table().unwrap_or(0), params.input().unwrap_or(0));
                Cost { memory: table + input, rounds: table * u64::from(params.p) / 1024 }
            }
        }
    }

    /// Whether it was made of this password.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Pbkdf2 { digest, iterations, salt, hash } => {
                let algorithm = match digest {
                    Digest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
                    Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                    Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                };
                pbkdf2::verify(algorithm, *iterations, salt, password, hash).is_ok()
            }
            Self::Scrypt { params, salt, hash } => {
                let Ok(params) = scrypt::Params::new(params.log_n, params.r, params.p) else {
                    return false;
                };
                let mut computed = Zeroizing::new(vec![0; hash.len()]);
                scrypt::scrypt(password, salt, &params, &mut computed).is_ok()
                    && ct_eq(&computed, hash)
            }
        }
    }
}

/// `pbkdf2-sha256$i=600000,l=32$salt$hash` and passlib's `pbkdf2-sha256$29000$salt$hash`;
/// `scrypt$ln=16,r=8,p=1$salt$hash`.
fn read_phc(text: &str) -> Option<Foreign> {
    let mut parts = text.split('$');
    let (scheme, costs) = (parts.next()?, parts.next()?);
    let (salt, hash) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    // passlib writes `.` for `+`.
    let bytes = |text: &str| BASE64.decode(text.replace('.', "+")).ok();
    let (salt, hash) = (bytes(salt)?, bytes(hash)?);
    let value =
        |name: &str| costs.split(',').find_map(|cost| cost.strip_prefix(name)?.strip_prefix('='));
    match scheme {
        "pbkdf2" | "pbkdf2-sha1" => {
            pbkdf2_of(Digest::Sha1, value("i").unwrap_or(costs), salt, hash)
        }
        "pbkdf2-sha256" => pbkdf2_of(Digest::Sha256, value("i").unwrap_or(costs), salt, hash),
        "pbkdf2-sha512" => pbkdf2_of(Digest::Sha512, value("i").unwrap_or(costs), salt, hash),
        "scrypt" => scrypt_of(number(value("ln")?)?, value("r")?, value("p")?, salt, hash),
        _ => None,
    }
}

/// `pbkdf2_sha256$600000$salt$hash` and `scrypt$16384$salt$8$1$hash`, where the salt is text.
fn read_django(text: &str) -> Option<Foreign> {
    let parts: Vec<&str> = text.split('$').collect();
    let bytes = |text: &str| BASE64.decode(text).ok();
    match parts.as_slice() {
        ["pbkdf2_sha1", costs, salt, hash] => {
            pbkdf2_of(Digest::Sha1, costs, salt.as_bytes().to_vec(), bytes(hash)?)
        }
        ["pbkdf2_sha256", costs, salt, hash] => {
            pbkdf2_of(Digest::Sha256, costs, salt.as_bytes().to_vec(), bytes(hash)?)
        }
        ["scrypt", n, salt, r, p, hash] => {
            let n = number(n).filter(|n| n.is_power_of_two())?;
            scrypt_of(n.trailing_zeros(), r, p, salt.as_bytes().to_vec(), bytes(hash)?)
        }
        _ => None,
    }
}

fn pbkdf2_of(digest: Digest, iterations: &str, salt: Vec<u8>, hash: Vec<u8>) -> Option<Foreign> {
    let iterations = NonZeroU32::new(number(iterations)?)?;
    let blocks = hash.len().div_ceil(digest.length()) as u64;
    let fits = LENGTHS.contains(&hash.len())
        && (4..=128).contains(&salt.len())
        && u64::from(iterations.get()) * blocks <= MAX_ITERATIONS;
    fits.then_some(Foreign::Pbkdf2 { digest, iterations, salt, hash })
}

fn scrypt_of(log_n: u32, r: &str, p: &str, salt: Vec<u8>, hash: Vec<u8>) -> Option<Foreign> {
    let params = Scrypt::within_limits(log_n, number(r)?, number(p)?)?;
    let fits = LENGTHS.contains(&hash.len()) && (4..=128).contains(&salt.len());
    fits.then_some(Foreign::Scrypt { params, salt, hash })
}

/// Decimal without sign or leading zero.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}
