//! Reference tokens: what opens, and everything that does not.

use proptest::prelude::*;

use super::*;

fn sealer() -> TokenSealer {
    TokenSealer::new(TokenKey::new(1, &[1; 32]), [])
}

#[test]
fn sec_090_a_token_opens_with_its_prefix_and_context_and_in_one_spelling() {
    let token = sealer().seal("gat", b"tenant-a", b"payload");
    assert!(token.starts_with("gat_"));
    assert_eq!(token.len(), token.capacity(), "one allocation of the right size");
    assert_eq!(sealer().open("gat", b"tenant-a", &token).unwrap(), b"payload");
    assert_eq!(sealer().open("gat", b"tenant-b", &token), None, "another tenant");
    assert_eq!(sealer().open("gpt", b"tenant-a", &token), None, "another kind");
    assert_eq!(sealer().open("gpt", b"tenant-a", &token.replacen("gat", "gpt", 1)), None);
    for spelling in [
        format!("{token}="),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        token.to_uppercase(),
    ] {
        assert_eq!(sealer().open("gat", b"tenant-a", &spelling), None, "{spelling:?}");
    }
    for at in 4..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(sealer().open("gat", b"tenant-a", &altered), None, "character {at}");
    }
    for length in 0..token.len() {
        assert_eq!(sealer().open("gat", b"tenant-a", &token[..length]), None, "{length}");
    }
}

#[test]
fn tokens_of_older_keys_open_until_the_key_goes() {
    let token = sealer().seal("gat", b"", b"payload");
    let rotated = TokenSealer::new(TokenKey::new(2, &[2; 32]), [TokenKey::new(1, &[1; 32])]);
    assert_eq!(rotated.open("gat", b"", &token).unwrap(), b"payload");
    assert_eq!(TokenSealer::new(TokenKey::new(2, &[2; 32]), []).open("gat", b"", &token), None);
    assert_eq!(TokenSealer::new(TokenKey::new(1, &[2; 32]), []).open("gat", b"", &token), None);
    assert_eq!(sealer().open("gat", b"", &rotated.seal("gat", b"", b"payload")), None);
}

#[test]
fn sec_090_two_tokens_with_one_payload_share_nothing_but_their_head() {
    let (one, two) = (sealer().seal("gat", b"", &[0; 64]), sealer().seal("gat", b"", &[0; 64]));
    assert_eq!(one[..8], two[..8]);
    assert_ne!(one[8..24], two[8..24]);
    assert_ne!(one[24..], two[24..]);
}

proptest! {
    #[test]
    fn any_payload_comes_back_and_no_text_panics(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        text in "gat_[A-Za-z0-9_-]{0,100}|.{0,50}",
    ) {
        let token = sealer().seal("gat", b"t", &payload);
        prop_assert_eq!(sealer().open("gat", b"t", &token), Some(payload));
        prop_assert_eq!(sealer().open("gat", b"t", &text), None);
    }
}
