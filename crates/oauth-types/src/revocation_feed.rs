//! What verifiers pull to learn of revocations.
//!
//! `GET <feed>?after=CURSOR&wait=SECONDS` answers a compact JWS, `typ` `revocations+jwt`, signed
//! with a key of the issuer's JWKS, whose payload is a [`RevocationDelta`]. `ETag` is the cursor;
//! with `If-None-Match` and `wait` the server holds the answer until there is news (304 otherwise).
//!
//! A token is dead when an entry matches and was made for tokens issued before a time later than
//! the token's `iat`. Three kinds match everything: the token itself, a tuple of its claims, or
//! every token of the issuer. Grants are claims (`gid`), so are sessions (`sid`), subjects
//! (`realm`, `sub`) and clients (`client_id`). The Plan B revocation protocol has the same three.
//!
//! A hash is `SHA-256(salt ‖ message)`. The message of a token is its compact form, the message of
//! claims is their values, in the order of `names`, joined with `|`. A realm is hashed with its
//! leading slash, whatever the token profile writes.

use serde::{Deserialize, Serialize};

/// The `typ` of the signed delta.
pub const DELTA_TYP: &str = "revocations+jwt";

/// Joins claim values before hashing.
pub const CLAIM_SEPARATOR: char = '|';

/// The salt of the Plan B protocol, when nothing else is configured.
pub const DEFAULT_SALT: &str = "seasaltisthebest";

/// News since a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationDelta {
    /// The issuer
    pub iss: String,
    /// When the server looked, in seconds since 1970: staleness is measured from here
    pub iat: i64,
    /// The cursor the delta starts after; 0 is everything
    pub after: i64,
    /// The cursor to ask with next time
    pub cursor: i64,
    /// Whether more is waiting behind `cursor`
    pub more: bool,
    /// What every hash is salted with
    pub salt: String,
    /// The news, oldest first
    pub entries: Vec<RevocationEntry>,
}

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RevocationEntry {
    /// What is matched
    #[serde(flatten)]
    pub target: RevocationTarget,
    /// Tokens whose `iat` is smaller are dead (seconds since 1970, strict, as Plan B compares).
    /// Our own revocations say "now + 1", so that a token issued in this very second dies too
    pub issued_before: i64,
    /// After this second no matching token can be alive; the entry may be forgotten
    pub until: i64,
}

/// What a revocation matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum RevocationTarget {
    /// One token
    Token {
        /// Salted hash of its compact form, base64url without padding
        hash: String,
    },
    /// Every token with these claims
    Claims {
        /// Which claims, in the order in which their values are joined
        names: Vec<String>,
        /// Salted hash of the joined values, base64url without padding
        hash: String,
    },
    /// Every token of the issuer
    Global,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_delta_looks_like() {
        let names = vec!["realm".to_owned(), "sub".to_owned()];
        let entry = |target| RevocationEntry { target, issued_before: 5, until: 9 };
        let delta = RevocationDelta {
            iss: "https://id.example".to_owned(),
            iat: 4,
            after: 1,
            cursor: 3,
            more: false,
            salt: DEFAULT_SALT.to_owned(),
            entries: vec![
                entry(RevocationTarget::Token { hash: "aa".to_owned() }),
                entry(RevocationTarget::Claims { names, hash: "bb".to_owned() }),
                entry(RevocationTarget::Global),
            ],
        };
        let written = serde_json::to_value(&delta).unwrap();
        let expected = json!({
            "iss": "https://id.example", "iat": 4, "after": 1, "cursor": 3, "more": false,
            "salt": "seasaltisthebest",
            "entries": [
                {"type": "token", "hash": "aa", "issued_before": 5, "until": 9},
                {"type": "claims", "names": ["realm", "sub"], "hash": "bb", "issued_before": 5, "until": 9},
                {"type": "global", "issued_before": 5, "until": 9},
            ],
        });
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<RevocationDelta>(expected).unwrap(), delta);
    }

    #[test]
    fn an_entry_of_a_kind_we_do_not_know_does_not_read() {
        // Better to be out of date, which shows, than to overlook a revocation.
        let entry = json!({"type": "planet", "issued_before": 5, "until": 9});
        assert!(serde_json::from_value::<RevocationEntry>(entry).is_err());
    }
}
