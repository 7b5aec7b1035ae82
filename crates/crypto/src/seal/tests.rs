//! Sealing: what opens, and everything that does not.

use proptest::prelude::*;

use super::*;

fn ring() -> Keyring {
    Keyring::new(MasterKey::from_bytes([1; 32]), [])
}

#[test]
fn sec_094_a_sealed_value_opens_only_in_its_place_and_unaltered() {
    let sealed = ring().seal(b"signing_key/a/1", b"a private key");
    assert_eq!(&*ring().open(b"signing_key/a/1", &sealed).unwrap(), b"a private key");
    assert_eq!(ring().open(b"signing_key/a/2", &sealed), Err(OpenError::Refused), "another row");
    assert_eq!(ring().open(b"", &sealed), Err(OpenError::Refused), "no place");
    assert!(!sealed.windows(7).any(|window| window == b"private"));
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert!(ring().open(b"signing_key/a/1", &altered).is_err(), "byte {at}");
    }
    for length in 0..sealed.len() {
        assert!(ring().open(b"signing_key/a/1", &sealed[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn sec_094_a_value_is_rewrapped_under_the_new_master_key_while_both_are_at_hand() {
    let (old, new) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
    let before = Keyring::new(old.clone(), []);
    let both = Keyring::new(new.clone(), [old.clone()]);
    let after = Keyring::new(new, []);

    let sealed = before.seal(b"row", b"secret");
    assert!(both.needs_rewrap(&sealed));
    let rewrapped = both.rewrap(b"row", &sealed).unwrap().unwrap();
    assert!(!both.needs_rewrap(&rewrapped));
    assert_eq!(both.rewrap(b"row", &rewrapped), Ok(None));
    assert_eq!(&*after.open(b"row", &rewrapped).unwrap(), b"secret");
    assert_eq!(after.open(b"row", &sealed), Err(OpenError::UnknownKey(old.id())));
    assert_eq!(both.rewrap(b"another row", &sealed), Err(OpenError::Refused));
}

#[test]
fn the_same_value_never_looks_the_same_twice() {
    assert_ne!(ring().seal(b"row", b"secret"), ring().seal(b"row", b"secret"));
}

#[test]
fn sec_169_a_master_key_that_somebody_thought_of_is_known_as_such() {
    let repeated = |pattern: &[u8]| std::array::from_fn(|at| pattern[at % pattern.len()]);
    let sequence =
        |step: u8| std::array::from_fn(|at| u8::try_from(at).unwrap().wrapping_mul(step));
    for bytes in [
        [0; 32],
        [0xff; 32],
        repeated(b"\xde\xad\xbe\xef"),
        repeated(b"0123456789abcdef"),
        repeated(&[1, 9, 200, 77, 3, 250, 18, 99, 41, 160, 7, 222, 131, 64, 5]),
        sequence(1),
        sequence(255),
        sequence(7),
        *b"correct horse battery staple 123",
        *b"0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        *b"change-me-change-me-change-me-ok",
    ] {
        assert!(MasterKey::from_bytes(bytes).is_guessable(), "{bytes:?}");
    }
    for _ in 0..10_000 {
        assert!(!MasterKey::generate().is_guessable());
    }
}

#[test]
fn a_master_key_is_read_in_every_usual_form() {
    let key = MasterKey::generate();
    let same = |read: Result<MasterKey, BadMasterKey>| assert_eq!(read.unwrap().id(), key.id());
    let hex = key.bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    same(MasterKey::from_text(&key.reveal()));
    same(MasterKey::from_text(&hex));
    same(MasterKey::from_text(&hex.to_uppercase()));
    same(MasterKey::from_file(&*key.bytes));
    same(MasterKey::from_file(format!("{}\n", *key.reveal()).as_bytes()));
    for text in ["", "short", &"g".repeat(64), &"=".repeat(44), &hex[1..], &"é".repeat(32)] {
        assert_eq!(MasterKey::from_text(text).unwrap_err(), BadMasterKey, "{text:?}");
    }
    assert!(MasterKey::from_file(&[0xff; 33]).is_err());
}

#[test]
fn derived_keys_differ_by_label_and_master_key() {
    let other = Keyring::new(MasterKey::from_bytes([2; 32]), [MasterKey::from_bytes([1; 32])]);
    assert_eq!(ring().derive("digest"), ring().derive("digest"));
    assert_ne!(ring().derive("digest"), ring().derive("page"));
    assert_ne!(ring().derive("digest"), other.derive("digest"));
    assert_eq!(other.derive_all("digest"), [other.derive("digest"), ring().derive("digest")]);
    assert_ne!(*ring().derive("digest"), [1; 32]);
}

#[test]
fn what_is_sealed_with_a_secret_opens_with_that_secret_only() {
    let sealed = seal_with_secret("grt_old", b"grant/1", b"grt_new");
    assert_eq!(&*open_with_secret("grt_old", b"grant/1", &sealed).unwrap(), b"grt_new");
    assert!(open_with_secret("grt_other", b"grant/1", &sealed).is_err());
    assert!(open_with_secret("grt_old", b"grant/2", &sealed).is_err());
    assert!(open_with_secret("grt_old", b"grant/1", &[]).is_err());
    assert!(ring().open(b"grant/1", &sealed).is_err());
}

#[test]
fn sec_189_keys_are_not_printed() {
    let key = MasterKey::from_bytes([1; 32]);
    let printed = format!("{key:?} {:?}", ring());
    assert!(!printed.contains(&*key.reveal()) && !printed.contains("[1,"), "{printed}");
}

proptest! {
    #[test]
    fn anything_seals_and_opens_and_no_bytes_panic(
        plaintext in prop::collection::vec(any::<u8>(), 0..200),
        context in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let sealed = ring().seal(&context, &plaintext);
        prop_assert_eq!(&*ring().open(&context, &sealed).unwrap(), &plaintext);
        let _ = ring().open(&context, &plaintext);
        let _ = open_with_secret("x", &context, &plaintext);
    }
}
