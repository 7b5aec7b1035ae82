//! What secrets look like, and what they do not show.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[test]
fn sec_090_every_kind_has_a_prefix_of_its_own_and_256_random_bits() {
    let prefixes: HashSet<_> = SecretKind::ALL.iter().map(|kind| kind.prefix()).collect();
    assert_eq!(prefixes.len(), SecretKind::ALL.len());
    for kind in SecretKind::ALL {
        let secret = BearerSecret::mint(kind).reveal();
        assert_eq!(secret.len(), 3 + 1 + 43);
        assert!(secret.starts_with(kind.prefix()));
        assert_ne!(secret, BearerSecret::mint(kind).reveal());
        let secret = LookupSecret::mint(kind, [7; 16]).reveal();
        assert_eq!(secret.len(), 3 + 1 + 64);
        assert_ne!(secret, LookupSecret::mint(kind, [7; 16]).reveal());
    }
}

#[test]
fn sec_090_a_secret_is_found_by_its_id_and_proved_by_the_digest_of_all_of_it() {
    let id = random::bytes();
    let minted = LookupSecret::mint(SecretKind::RefreshToken, id);
    let read = LookupSecret::parse(SecretKind::RefreshToken, &minted.reveal()).unwrap();
    assert_eq!(read.lookup_id(), id);
    assert_eq!(read.digest(), minted.digest());

    // The same id with another secret, and what the database holds, are no way in.
    assert_ne!(LookupSecret::mint(SecretKind::RefreshToken, id).digest(), minted.digest());
    let stored = base64url::encode(minted.digest().as_bytes());
    assert!(LookupSecret::parse(SecretKind::RefreshToken, &format!("grt_{stored}")).is_none());
    let as_token = BearerSecret::parse(SecretKind::RefreshToken, &format!("grt_{stored}")).unwrap();
    assert_ne!(as_token.digest(), minted.digest());
}

#[test]
fn sec_090_only_the_form_that_is_minted_is_read() {
    let good = BearerSecret::mint(SecretKind::Session).reveal();
    assert!(BearerSecret::parse(SecretKind::Session, &good).is_some());
    // 32 bytes leave two bits in the last character; they must be zero.
    let (head, last) = good.split_at(good.len() - 1);
    let stray = char::from(last.as_bytes()[0] + 1);
    let table = [
        ("another kind", good.replacen("gse", "grt", 1)),
        ("no prefix", good[4..].to_owned()),
        ("upper-case prefix", good.replacen("gse", "GSE", 1)),
        ("another separator", good.replacen("gse_", "gse-", 1)),
        ("a blank", format!("{good} ")),
        ("a line end", format!("{good}\n")),
        ("padding", format!("{good}=")),
        ("one more", format!("{good}A")),
        ("one less", head.to_owned()),
        ("stray bits", format!("{head}{stray}")),
        ("not base64url", format!("{head}+")),
        ("not ASCII", format!("{}é", &good[..good.len() - 2])),
        ("empty", String::new()),
        ("prefix alone", "gse_".to_owned()),
    ];
    for (what, text) in table {
        assert!(BearerSecret::parse(SecretKind::Session, &text).is_none(), "{what}");
        assert!(LookupSecret::parse(SecretKind::Session, &text).is_none(), "{what}");
    }
}

#[test]
fn sec_189_a_secret_in_a_log_is_its_prefix() {
    let bearer = BearerSecret::mint(SecretKind::ClientSecret);
    let lookup = LookupSecret::mint(SecretKind::AuthorizationCode, [0; 16]);
    assert_eq!(format!("{bearer:?} {lookup:?}"), "gcs_… gac_…");
}

proptest! {
    #[test]
    fn what_is_read_is_written_again_letter_for_letter(text in "g(se|rt)_[A-Za-z0-9_-]{40,66}|.{0,80}") {
        for kind in SecretKind::ALL {
            if let Some(secret) = BearerSecret::parse(kind, &text) {
                prop_assert_eq!(secret.reveal(), text.clone());
            }
            if let Some(secret) = LookupSecret::parse(kind, &text) {
                prop_assert_eq!(secret.reveal(), text.clone());
                let mut bytes = base64url::decode(&text[4..]).unwrap();
                bytes.truncate(16);
                prop_assert_eq!(&secret.lookup_id()[..], &bytes[..]);
            }
        }
    }
}
