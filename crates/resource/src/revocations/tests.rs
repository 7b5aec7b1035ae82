use grantor_oauth_types::name::RealmName;
use grantor_oauth_types::revocation_feed::DEFAULT_SALT;
use grantor_oauth_types::scope::Scopes;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn token(issued_at: Option<i64>) -> Verified {
    Verified {
        subject: "stups_kio".to_owned(),
        realm: Some(RealmName::parse("services").unwrap()),
        client_id: Some("kio".to_owned()),
        scopes: Scopes::EMPTY,
        issued_at,
        bound: None,
        expires_at: None,
        claims: json!({"sub": "stups_kio", "sid": "s1", "n": 1, "b": true, "list": ["a"], "realm": "services"})
            .as_object()
            .unwrap()
            .clone(),
    }
}

fn entry(target: RevocationTarget, issued_before: i64) -> RevocationEntry {
    RevocationEntry { target, issued_before, until: issued_before + 1000 }
}

fn claims(names: &[&str], message: &str) -> RevocationTarget {
    let hash = sha256_of(&[DEFAULT_SALT.as_bytes(), message.as_bytes()]);
    RevocationTarget::Claims {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        hash: URL_SAFE_NO_PAD.encode(hash),
    }
}

fn set(entries: &[RevocationEntry]) -> RevocationSet {
    let mut set = RevocationSet::new(DEFAULT_SALT.to_owned());
    for entry in entries {
        set.add(entry).unwrap();
    }
    set
}

/// The vectors of `stups.md` 3.7, without their padding.
#[test]
fn hashes_are_those_of_plan_b() {
    let compact =
        RevocationTarget::Token { hash: "6Os3QMqS2oQ7IKT0hFdiMki_zGEagKEDP32B2krBG3o".to_owned() };
    assert!(set(&[entry(compact, 11)]).is_revoked("abc.def.ghi", &token(Some(10))));
    let subject = RevocationTarget::Claims {
        names: vec!["realm".to_owned(), "sub".to_owned()],
        hash: "FOLtyLMARcHtkzQF9WgfNuTOoHKiwxzCna61fZyHF0o".to_owned(),
    };
    assert!(set(&[entry(subject, 11)]).is_revoked("x", &token(Some(10))));
}

#[test]
fn a_set_of_claims_matches_as_a_whole_or_not_at_all() {
    let table = [
        (&["sid"][..], "s1", true),
        (&["client_id"], "kio", true),
        (&["azp"], "kio", true),
        (&["sub", "sid"], "stups_kio|s1", true),
        (&["sid", "sub"], "stups_kio|s1", false),
        (&["realm"], "services", false),
        (&["n"], "1", true),
        (&["b"], "true", true),
        // Partial sets never match, and what has no text does not either.
        (&["sub", "gid"], "stups_kio|", false),
        (&["sub", "gid"], "stups_kio", false),
        (&["list"], "[\"a\"]", false),
    ];
    for (names, message, expected) in table {
        let revoked = set(&[entry(claims(names, message), 11)]).is_revoked("x", &token(Some(10)));
        assert_eq!(revoked, expected, "{names:?} {message}");
    }
}

#[test]
fn the_comparison_is_strict_and_a_token_without_iat_is_dead() {
    for target in [RevocationTarget::Global, claims(&["sid"], "s1")] {
        let set = set(&[entry(target, 10)]);
        assert!(set.is_revoked("x", &token(Some(9))));
        assert!(!set.is_revoked("x", &token(Some(10))));
        assert!(set.is_revoked("x", &token(None)));
    }
}

#[test]
fn of_two_the_later_counts_and_the_end_is_the_end() {
    let target = || claims(&["sid"], "s1");
    let mut both = set(&[entry(target(), 20), entry(target(), 10)]);
    assert_eq!(both.len(), 1);
    assert!(both.is_revoked("x", &token(Some(19))));
    both.forget(1020 + KEEP - 1);
    assert_eq!(both.len(), 1);
    both.forget(1020 + KEEP);
    assert_eq!(both.len(), 0);
    assert!(!both.is_revoked("x", &token(Some(19))));
}

#[test]
fn an_entry_that_cannot_be_read_is_an_error() {
    for hash in ["", "abc", "6Os3QMqS2oQ7IKT0hFdiMki_zGEagKEDP32B2krBG3o=", "\u{e4}"] {
        let target = RevocationTarget::Token { hash: hash.to_owned() };
        assert_eq!(RevocationSet::default().add(&entry(target, 1)), Err(MalformedEntry));
    }
}

proptest! {
    /// However the news is cut into pieces, the same tokens are dead.
    #[test]
    fn absorbing_is_adding(entries in prop::collection::vec((0..3u8, 0..20i64), 0..12), cut in 0..12usize, iat in 0..20i64) {
        let entries: Vec<RevocationEntry> = entries.into_iter().map(|(kind, at)| entry(match kind {
            0 => RevocationTarget::Global,
            1 => claims(&["sid"], "s1"),
            _ => claims(&["sid"], "s2"),
        }, at)).collect();
        let cut = cut.min(entries.len());
        let whole = set(&entries);
        let mut parts = set(&entries[..cut]);
        parts.absorb(set(&entries[cut..]));
        prop_assert_eq!(parts.len(), whole.len());
        let token = token(Some(iat));
        prop_assert_eq!(parts.is_revoked("x", &token), whole.is_revoked("x", &token));
    }
}
