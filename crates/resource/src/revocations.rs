//! What is revoked, in memory. A look-up costs one hash per set of claim names, however many
//! revocations there are. See [`grantor_oauth_types::revocation_feed`] for what matches.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor_crypto::digest::sha256_of;
use grantor_oauth_types::revocation_feed::{CLAIM_SEPARATOR, RevocationEntry, RevocationTarget};
use serde_json::Value;

use crate::caller::Verified;

type Hash = [u8; 32];

/// For this long after their end revocations are kept, since clocks differ (SEC-087), in seconds.
const KEEP: i64 = 120;

/// The hash of an entry is not 32 bytes of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a revocation cannot be read")]
pub(crate) struct MalformedEntry;

/// All revocations of the issuer.
#[derive(Debug, Default)]
pub(crate) struct RevocationSet {
    salt: String,
    global: Option<Entry>,
    tokens: HashMap<Hash, Entry>,
    claims: Vec<(Vec<String>, HashMap<Hash, Entry>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    issued_before: i64,
    until: i64,
}

impl Entry {
    /// Of two for the same target the later counts (`stups.md` 3.7).
    fn merge(&mut self, other: Self) {
        self.issued_before = self.issued_before.max(other.issued_before);
        self.until = self.until.max(other.until);
    }

    /// Strict. A token that does not say when it was issued may be as old as any: dead.
    fn kills(self, issued_at: Option<i64>) -> bool {
        issued_at.is_none_or(|iat| iat < self.issued_before)
    }
}

impl RevocationSet {
    pub(crate) fn new(salt: String) -> Self {
        Self { salt, ..Self::default() }
    }

    pub(crate) fn salt(&self) -> &str {
        &self.salt
    }

    /// Takes in news.
    pub(crate) fn add(&mut self, news: &RevocationEntry) -> Result<(), MalformedEntry> {
        let entry = Entry { issued_before: news.issued_before, until: news.until };
        match &news.target {
            RevocationTarget::Global => self.global.get_or_insert(entry).merge(entry),
            RevocationTarget::Token { hash } => {
                self.tokens.entry(decode(hash)?).or_insert(entry).merge(entry);
            }
            RevocationTarget::Claims { names, hash } => {
                self.of_names(names).entry(decode(hash)?).or_insert(entry).merge(entry);
            }
        }
        Ok(())
    }

    fn of_names(&mut self, names: &[String]) -> &mut HashMap<Hash, Entry> {
        let at = self.claims.iter().position(|(known, _)| known == names).unwrap_or_else(|| {
            self.claims.push((names.to_vec(), HashMap::new()));
            self.claims.len() - 1
        });
        &mut self.claims[at].1
    }

    /// Takes in all of another set of the same salt.
    pub(crate) fn absorb(&mut self, other: Self) {
        if let Some(entry) = other.global {
            self.global.get_or_insert(entry).merge(entry);
        }
        for (hash, entry) in other.tokens {
            self.tokens.entry(hash).or_insert(entry).merge(entry);
        }
        for (names, entries) in other.claims {
            let known = self.of_names(&names);
            for (hash, entry) in entries {
                known.entry(hash).or_insert(entry).merge(entry);
            }
        }
    }

    /// Whether a token is dead; `compact` is its text.
    pub(crate) fn is_revoked(&self, compact: &str, token: &Verified) -> bool {
        let dead = |entry: &Entry| entry.kills(token.issued_at);
        self.global.as_ref().is_some_and(dead)
            || (!self.tokens.is_empty()
                && self.tokens.get(&self.hash(&[compact.as_bytes()])).is_some_and(dead))
            || self.claims.iter().any(|(names, entries)| {
                self.hash_claims(names, token).is_some_and(|h| entries.get(&h).is_some_and(dead))
            })
    }

    fn hash(&self, parts: &[&[u8]]) -> Hash {
        let salted: Vec<&[u8]> =
            std::iter::once(self.salt.as_bytes()).chain(parts.iter().copied()).collect();
        sha256_of(&salted)
    }

    /// `None` when the token lacks one of the claims: then there is nothing to match.
    fn hash_claims(&self, names: &[String], token: &Verified) -> Option<Hash> {
        let mut joined = String::with_capacity(64);
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                joined.push(CLAIM_SEPARATOR);
            }
            joined.push_str(&claim(token, name)?);
        }
        Some(self.hash(&[joined.as_bytes()]))
    }

    /// Forgets what can match no living token.
    pub(crate) fn forget(&mut self, now: i64) {
        let useful = |entry: &Entry| entry.until.saturating_add(KEEP) > now;
        self.global = self.global.filter(useful);
        self.tokens.retain(|_, entry| useful(entry));
        for (_, entries) in &mut self.claims {
            entries.retain(|_, entry| useful(entry));
        }
        self.claims.retain(|(_, entries)| !entries.is_empty());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let claims: usize = self.claims.iter().map(|(_, entries)| entries.len()).sum();
        self.tokens.len() + claims + usize::from(self.global.is_some())
    }
}

/// The text of a claim, whatever the token profile calls it and however it writes it.
fn claim<'a>(token: &'a Verified, name: &str) -> Option<Cow<'a, str>> {
    match name {
        "realm" => return token.realm.as_ref().map(|realm| Cow::Owned(realm.with_slash())),
        "client_id" | "azp" => return token.client_id.as_deref().map(Cow::Borrowed),
        _ => {}
    }
    match token.claims.get(name)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Owned(value.to_string())),
        _ => None,
    }
}

fn decode(hash: &str) -> Result<Hash, MalformedEntry> {
    let bytes = URL_SAFE_NO_PAD.decode(hash).map_err(|_| MalformedEntry)?;
    bytes.try_into().map_err(|_| MalformedEntry)
}

#[cfg(test)]
mod tests;
