//! Passwords, and the hashes that are stored of them (SEC-117).
//!
//! New hashes are argon2id; argon2i, argon2d, bcrypt, scrypt and PBKDF2 are read because migrated users
//! bring them along, and are replaced at the next login. Whoever writes down the hash chooses what it
//! costs to look at it: so there is a limit to what one is allowed to cost, in memory and in work
//! (SEC-118).

mod foreign;

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::{ct_eq, random};
use foreign::Foreign;

/// The longest password, in bytes.
pub const MAX_PASSWORD: usize = 1024;

/// Why a text is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// No text at all.
    #[error("the password is empty")]
    Empty,
    /// More than [`MAX_PASSWORD`] bytes.
    #[error("the password is longer than 1024 bytes")]
    TooLong,
}

/// A password in the clear, NFC-normalised once, 1 to [`MAX_PASSWORD`] bytes.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes what a person typed.
    pub fn new(typed: &str) -> Result<Self, PasswordError> {
        if typed.is_empty() {
            return Err(PasswordError::Empty);
        }
        // Before normalising, so that a megabyte costs nothing.
        if typed.len() > MAX_PASSWORD {
            return Err(PasswordError::TooLong);
        }
        let normal: Zeroizing<String> = Zeroizing::new(typed.nfc().collect());
        if normal.len() > MAX_PASSWORD { Err(PasswordError::TooLong) } else { Ok(Self(normal)) }
    }

    /// The normalised text, to hold against policies and directories. Greppable by design.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The text is no hash that we verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no password hash that is taken: argon2, bcrypt, scrypt or PBKDF2, within the limits of cost"
)]
pub struct UnsupportedHash;

/// A stored password hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    scheme: Scheme,
}

#[derive(Clone, PartialEq, Eq)]
enum Scheme {
    Argon2 { algorithm: Algorithm, params: Params, salt: Vec<u8>, hash: Vec<u8> },
    Bcrypt { cost: u32 },
    Foreign(Foreign),
}

/// Limits on what a stored (perhaps imported) hash may cost us to verify: 256 MiB, and a second or two
/// of one core.
const MAX_MEMORY: u32 = 256 * 1024;
const MAX_TIME: u32 = 32;
const MAX_LANES: u32 = 16;
/// Memory times passes: what argon2 has to write, in KiB.
const MAX_FILLED: u64 = 1024 * 1024;
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=15;
/// The longest text of a hash that is looked at.
const MAX_TEXT: usize = 512;

impl PasswordHash {
    /// The text as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it costs to compare a password with it.
    #[must_use]
    pub fn cost(&self) -> Cost {
        match &self.scheme {
            Scheme::Argon2 { params, .. } => {
                let memory = params.block_count() as u64 * 1024;
                Cost { memory, rounds: memory * u64::from(params.t_cost()) / 1024 }
            }
            Scheme::Bcrypt { cost } => Cost { memory: 4096, rounds: 1 << cost },
            Scheme::Foreign(foreign) => foreign.cost(),
        }
    }
}

/// What it costs to compare a password with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Bytes
    pub memory: u64,
    /// Steps of its scheme: KiB that are filled (argon2), rounds (bcrypt), iterations (PBKDF2), KiB
    /// that are mixed (scrypt)
    pub rounds: u64,
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match &self.scheme {
            Scheme::Argon2 { algorithm, .. } => algorithm.as_str(),
            Scheme::Bcrypt { .. } => "bcrypt",
            Scheme::Foreign(foreign) => foreign.name(),
        };
        write!(f, "PasswordHash({scheme} …)")
    }
}

impl FromStr for PasswordHash {
    type Err = UnsupportedHash;

    fn from_str(text: &str) -> Result<Self, UnsupportedHash> {
        let scheme = if text.len() > MAX_TEXT {
            None
        } else if text.starts_with("$2") {
            read_bcrypt(text)
        } else if text.starts_with("$argon2") {
            read_argon2(text)
        } else {
            Foreign::read(text).map(Scheme::Foreign)
        };
        scheme.map(|scheme| Self { text: text.to_owned(), scheme }).ok_or(UnsupportedHash)
    }
}

/// `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`: the PHC string format. RFC 9106.
fn read_argon2(text: &str) -> Option<Scheme> {
    let (name, rest) = text.strip_prefix('$')?.split_once("$v=19$m=")?;
    let algorithm = match name {
        "argon2id" => Algorithm::Argon2id,
        "argon2i" => Algorithm::Argon2i,
        "argon2d" => Algorithm::Argon2d,
        _ => return None,
    };
    let (costs, rest) = rest.split_once('$')?;
    let (salt, hash) = rest.split_once('$')?;
    let (m, rest) = costs.split_once(",t=")?;
    let (t, p) = rest.split_once(",p=")?;
    let (m, t, p) = (number(m)?, number(t)?, number(p)?);
    let filled = u64::from(m) * u64::from(t);
    if m > MAX_MEMORY || t > MAX_TIME || p > MAX_LANES || filled > MAX_FILLED {
        return None;
    }
    let salt = STANDARD_NO_PAD.decode(salt).ok()?;
    let hash = STANDARD_NO_PAD.decode(hash).ok()?;
    if !(8..=64).contains(&salt.len()) || !(16..=64).contains(&hash.len()) {
        return None;
    }
    let params = Params::new(m, t, p, Some(hash.len())).ok()?;
    Some(Scheme::Argon2 { algorithm, params, salt, hash })
}

/// Decimal without sign or leading zero.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

/// `$2b$12$` and 53 characters.
fn read_bcrypt(text: &str) -> Option<Scheme> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|head| text.strip_prefix(head))?;
    let (cost, rest) = rest.split_at_checked(2)?;
    let body = rest.strip_prefix('$')?;
    let digits = cost.bytes().all(|byte| byte.is_ascii_digit());
    let cost = cost.parse().ok()?;
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/';
    let fits = digits
        && BCRYPT_COSTS.contains(&cost)
        && body.len() == 53
        && body.bytes().all(alphabet)
        && text.parse::<bcrypt::HashParts>().is_ok();
    fits.then_some(Scheme::Bcrypt { cost })
}

/// How costly new hashes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// KiB; at least 19,456.
    pub memory: u32,
    /// Passes; at least 2.
    pub time: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    /// 19 MiB, 2 passes, 1 lane: the least that SEC-117 allows.
    fn default() -> Self {
        Self { memory: 19 * 1024, time: 2, lanes: 1 }
    }
}

/// The cost is below SEC-117, or above what we would verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argon2id needs 19456 to 262144 KiB, 2 to 32 passes and 1 to 16 lanes")]
pub struct BadCost;

const SALT: usize = 16;
const HASH: usize = 32;

/// Computes hashes, with memory of its own that is used again and again: fresh pages cost nearly as
/// much as the hash. Not to be shared; a [`PasswordPool`](crate::pool::PasswordPool) has one a worker.
pub struct Hasher {
    params: Params,
    /// Taken with the first hash, given back by [`Self::rest`]
    memory: Vec<Block>,
    dummy: PasswordHash,
}

impl Hasher {
    /// A hasher that makes hashes of this cost.
    pub fn new(cost: &HashCost) -> Result<Self, BadCost> {
        let minimum = HashCost::default();
        let fits = (minimum.memory..=MAX_MEMORY).contains(&cost.memory)
            && (minimum.time..=MAX_TIME).contains(&cost.time)
            && (1..=MAX_LANES).contains(&cost.lanes);
        if !fits {
            return Err(BadCost);
        }
        Self::with_params(cost)
    }

    /// A hasher below the limits of SEC-117, for tests of everything around it.
    ///
    /// # Panics
    /// Never: the parameters are valid.
    pub fn cheap_for_tests() -> Self {
        Self::with_params(&HashCost { memory: 64, time: 1, lanes: 1 }).expect("valid parameters")
    }

    fn with_params(cost: &HashCost) -> Result<Self, BadCost> {
        let params =
            Params::new(cost.memory, cost.time, cost.lanes, Some(HASH)).map_err(|_| BadCost)?;
        let dummy = phc(&params, &random::bytes::<SALT>(), &random::bytes::<HASH>());
        Ok(Self { params, memory: Vec::new(), dummy })
    }

    /// Gives the memory back, until the next hash.
    pub fn rest(&mut self) {
        self.memory = Vec::new();
    }

    /// Whether it holds no memory.
    pub const fn is_resting(&self) -> bool {
        self.memory.is_empty()
    }

    /// The hash of `password` under a new salt.
    ///
    /// # Panics
    /// Never: the parameters were checked.
    pub fn hash(&mut self, password: &Password) -> PasswordHash {
        let salt = random::bytes::<SALT>();
        let params = self.params.clone();
        let mut hash = Zeroizing::new([0; HASH]);
        let done = self.compute(Algorithm::Argon2id, &params, password, &salt, &mut *hash);
        done.expect("the parameters were checked");
        phc(&params, &salt, &*hash)
    }

    /// Whether `stored` was made of `password`.
    pub fn verify(&mut self, password: &Password, stored: &PasswordHash) -> bool {
        match &stored.scheme {
            Scheme::Argon2 { algorithm, params, salt, hash } => {
                let mut computed = Zeroizing::new(vec![0; hash.len()]);
                let done = self.compute(*algorithm, params, password, salt, &mut computed);
                done.is_ok() && ct_eq(&computed, hash)
            }
            // bcrypt looks at 72 bytes only; two long passwords would be one (SEC-117).
            Scheme::Bcrypt { .. } => {
                password.0.len() <= BCRYPT_BYTES
                    && bcrypt::verify(password.0.as_bytes(), &stored.text).unwrap_or(false)
            }
            Scheme::Foreign(foreign) => foreign.verify(password.0.as_bytes()),
        }
    }

    /// Works as hard as [`Self::verify`] for a user that does not exist (SEC-114). Always `false`.
    pub fn verify_nobody(&mut self, password: &Password) -> bool {
        let dummy = self.dummy.clone();
        // The answer is not needed, only the work.
        std::hint::black_box(self.verify(password, &dummy));
        false
    }

    /// Whether `stored` should be replaced by [`Self::hash`] at the next login: another scheme, or
    /// less costly than what is made now.
    pub fn needs_rehash(&self, stored: &PasswordHash) -> bool {
        match &stored.scheme {
            Scheme::Argon2 { algorithm: Algorithm::Argon2id, params, .. } => {
                params.m_cost() < self.params.m_cost()
                    || params.t_cost() < self.params.t_cost()
                    || params.p_cost() != self.params.p_cost()
            }
            Scheme::Argon2 { .. } | Scheme::Bcrypt { .. } | Scheme::Foreign(_) => true,
        }
    }

    fn compute(
        &mut self,
        algorithm: Algorithm,
        params: &Params,
        password: &Password,
        salt: &[u8],
        hash: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let argon2 = Argon2::new(algorithm, Version::V0x13, params.clone());
        let (blocks, ours) = (params.block_count(), self.params.block_count());
        if blocks <= ours {
            if self.is_resting() {
                self.memory = vec![Block::new(); ours];
            }
            let memory = &mut self.memory[..blocks];
            return argon2.hash_password_into_with_memory(
                password.0.as_bytes(),
                salt,
                hash,
                memory,
            );
        }
        // A stored hash that is costlier than ours is rare: its memory goes back at once.
        let memory = vec![Block::new(); blocks];
        argon2.hash_password_into_with_memory(password.0.as_bytes(), salt, hash, memory)
    }
}

/// What bcrypt looks at.
const BCRYPT_BYTES: usize = 72;

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (m, t, p) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        write!(f, "Hasher(argon2id m={m},t={t},p={p})")
    }
}

fn phc(params: &Params, salt: &[u8], hash: &[u8]) -> PasswordHash {
    let text = format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        params.m_cost(),
        params.t_cost(),
        params.p_cost(),
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(hash)
    );
    let scheme = Scheme::Argon2 {
        algorithm: Algorithm::Argon2id,
        params: params.clone(),
        salt: salt.to_vec(),
        hash: hash.to_vec(),
    };
    PasswordHash { text, scheme }
}

#[cfg(test)]
mod tests;
