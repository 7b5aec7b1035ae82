//! Locks on what may have no row yet, and on the sequences: PostgreSQL's advisory locks.
//!
//! A row lock needs a row. Where a claim finds none, two operations that both found none must
//! still take turns: one inserts, the other then sees it. `INSERT … ON CONFLICT` first would do
//! as well, but leaves rows behind for what was only asked about, and costs a write for each
//! refused attempt; an advisory lock is an entry in shared memory that ends with the transaction.
//!
//! Its number is the first half of a SHA-256, so that every version of Grantor that runs at the
//! same time computes the same one. Two claims that happen to share a number wait for each other
//! without need, nothing worse.

use grantor_crypto::digest::sha256_of;

use crate::step::{Step, step};

/// Waits for the lock and holds it until the transaction ends.
pub(crate) const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";
/// The same, together with others who share it.
pub(crate) const LOCK_SHARED: &str = "SELECT pg_advisory_xact_lock_shared($1)";

/// The locks of one schema.
#[derive(Clone, Debug)]
pub(crate) struct Locks {
    schema: String,
}

impl Locks {
    pub(crate) fn new(schema: &str) -> Self {
        Self { schema: schema.to_owned() }
    }

    /// The number of a lock. Advisory locks belong to the database, so the schema is part of it.
    pub(crate) fn number(&self, what: &str, parts: &[&[u8]]) -> i64 {
        let mut digested: Vec<[u8; 32]> = vec![sha256_of(&[self.schema.as_bytes()])];
        digested.push(sha256_of(&[what.as_bytes()]));
        digested.extend(parts.iter().map(|part| sha256_of(&[part])));
        let digested: Vec<&[u8]> = digested.iter().map(<[u8; 32]>::as_slice).collect();
        let hash = sha256_of(&digested);
        i64::from_be_bytes(hash[..8].try_into().expect("eight bytes"))
    }

    /// Alone.
    pub(crate) fn exclusive(&self, what: &str, parts: &[&[u8]]) -> Step {
        step!(LOCK, self.number(what, parts))
    }

    /// With others who share it.
    pub(crate) fn shared(&self, what: &str, parts: &[&[u8]]) -> Step {
        step!(LOCK_SHARED, self.number(what, parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_claims_have_different_locks_and_they_never_change() {
        let locks = Locks::new("public");
        let numbers = [
            locks.number("a", &[b"b", b"c"]),
            locks.number("a", &[b"bc"]),
            locks.number("ab", &[b"c"]),
            locks.number("a", &[b"c", b"b"]),
            Locks::new("other").number("a", &[b"b", b"c"]),
        ];
        let distinct: std::collections::HashSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), numbers.len());
        // Nodes of the next version must agree.
        assert_eq!(locks.number("sequence", &[]), Locks::new("public").number("sequence", &[]));
    }
}
