//! "Everything matching this, issued before t, is dead."

use std::collections::HashMap;

use grantor_oauth_types::id::{GrantId, SessionId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_oauth_types::revocation_feed::CLAIM_SEPARATOR;
use grantor_oauth_types::scope::Scopes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::realm::Realm;

/// The scope that allows to revoke tokens by the claims of somebody else.
pub const CLAIMS_OF_OTHERS: &str = "grantor.revocation_write";

/// Whether somebody with these scopes, of this realm, may add to the list: it is read by every API, and not
/// for everybody to fill. `stups.md` 3.9: by default `uid`, and a service or an employee.
pub fn may_add(scopes: &Scopes, realm: Option<&Realm>) -> bool {
    let trusted = realm.is_some_and(|realm| realm.services || realm.name.as_str() == "employees");
    scopes.contains(CLAIMS_OF_OTHERS) || trusted && scopes.contains("uid")
}

/// A salted SHA-256 (see [`grantor_oauth_types::revocation_feed`]).
pub type Hash = [u8; 32];

/// A revocation as it is kept. The store gives it its place in the sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Whose tokens
    pub tenant: TenantName,
    /// Which of them
    pub target: Target,
    /// Tokens with a smaller `iat` are dead (seconds since 1970)
    pub issued_before: i64,
    /// When it was made
    pub revoked: Timestamp,
    /// When no matching token can be alive any more
    pub until: Timestamp,
}

/// What a revocation matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One token, by the hash of its compact form
    Token(Hash),
    /// Every token with these claims, by the hash of their joined values
    Claims {
        /// In the order in which the values are joined
        names: Vec<String>,
        /// Of the values
        hash: Hash,
    },
    /// Every token of the tenant
    Global,
}

/// Salted SHA-256, as the Plan B protocol defines it.
pub fn hash(salt: &str, message: &str) -> Hash {
    grantor_crypto::digest::sha256_of(&[salt.as_bytes(), message.as_bytes()])
}

/// The hash of claim values in the order of their names.
pub fn hash_claims(salt: &str, values: &[&str]) -> Hash {
    hash(salt, &values.join(&CLAIM_SEPARATOR.to_string()))
}

impl Target {
    /// Every token of a grant.
    pub fn grant(salt: &str, grant: GrantId) -> Self {
        Self::claims(salt, &[("gid", &grant.to_string())])
    }

    /// Every token that ends with a session.
    pub fn session(salt: &str, session: SessionId) -> Self {
        Self::claims(salt, &[("sid", &session.to_string())])
    }

    /// Every token of a user.
    pub fn subject(salt: &str, realm: &RealmName, sub: &str) -> Self {
        Self::claims(salt, &[("realm", &realm.with_slash()), ("sub", sub)])
    }

    /// Every token a client was given.
    pub fn client(salt: &str, client: &ClientId) -> Self {
        Self::claims(salt, &[("client_id", client.as_str())])
    }

    /// Every token with these claims.
    pub fn claims(salt: &str, claims: &[(&str, &str)]) -> Self {
        let names = claims.iter().map(|(name, _)| (*name).to_owned()).collect();
        let values: Vec<&str> = claims.iter().map(|(_, value)| *value).collect();
        Self::Claims { names, hash: hash_claims(salt, &values) }
    }
}

/// The claims of a token that revocations can name.
pub trait RevocableClaims {
    /// The text of a claim; `realm` with its leading slash.
    fn claim(&self, name: &str) -> Option<std::borrow::Cow<'_, str>>;
    /// Issued when, in seconds since 1970.
    fn issued_at(&self) -> i64;
}

/// All revocations of one tenant, in memory. A look-up costs one hash per set of claim names,
/// however many revocations there are.
#[derive(Clone, Debug, Default)]
pub struct RevocationSet {
    global: Option<Entry>,
    tokens: HashMap<Hash, Entry>,
    claims: Vec<(Vec<String>, HashMap<Hash, Entry>)>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    issued_before: i64,
    until: i64,
}

impl RevocationSet {
    /// Takes in a revocation; of two for the same target the later counts.
    pub fn add(&mut self, revocation: &Revocation) {
        let entry =
            Entry { issued_before: revocation.issued_before, until: revocation.until.as_second() };
        match &revocation.target {
            Target::Global => self.global.get_or_insert(entry).merge(entry),
            Target::Token(hash) => self.tokens.entry(*hash).or_insert(entry).merge(entry),
            Target::Claims { names, hash } => {
                let at = self.claims.iter().position(|(known, _)| known == names);
                let at = at.unwrap_or_else(|| {
                    self.claims.push((names.clone(), HashMap::new()));
                    self.claims.len() - 1
                });
                self.claims[at].1.entry(*hash).or_insert(entry).merge(entry);
            }
        }
    }

    /// Whether a token is dead. `token_hash` is the salted hash of its compact form.
    pub fn is_revoked(&self, salt: &str, token_hash: &Hash, claims: &impl RevocableClaims) -> bool {
        let iat = claims.issued_at();
        let dead = |entry: &Entry| iat < entry.issued_before;
        self.global.as_ref().is_some_and(dead)
            || self.tokens.get(token_hash).is_some_and(dead)
            || self.claims.iter().any(|(names, set)| {
                let mut joined = String::with_capacity(64);
                for (i, name) in names.iter().enumerate() {
                    // A token without one of the claims does not match: there is nothing to hash.
                    let Some(value) = claims.claim(name) else { return false };
                    if i > 0 {
                        joined.push(CLAIM_SEPARATOR);
                    }
                    joined.push_str(&value);
                }
                set.get(&hash(salt, &joined)).is_some_and(dead)
            })
    }

    /// Forgets what can match no living token.
    pub fn forget_until(&mut self, now: Timestamp) {
        let alive = |entry: &Entry| entry.until > now.as_second();
        self.global = self.global.filter(alive);
        self.tokens.retain(|_, entry| alive(entry));
        for (_, set) in &mut self.claims {
            set.retain(|_, entry| alive(entry));
        }
        self.claims.retain(|(_, set)| !set.is_empty());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
            + self.claims.iter().map(|(_, set)| set.len()).sum::<usize>()
            + usize::from(self.global.is_some())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Entry {
    /// Of two for the same target the later counts, for as long as either has to be known.
    fn merge(&mut self, other: Self) {
        self.issued_before = self.issued_before.max(other.issued_before);
        self.until = self.until.max(other.until);
    }
}

#[cfg(test)]
mod tests;
