//! Passwords: both schemes, their limits, and what is replaced.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

#[test]
fn sec_117_a_password_has_1_to_1024_bytes() {
    assert_eq!(Password::new("").unwrap_err(), PasswordError::Empty);
    assert!(Password::new(&"x".repeat(1024)).is_ok());
    assert_eq!(Password::new(&"x".repeat(1025)).unwrap_err(), PasswordError::TooLong);
    assert_eq!(Password::new(&"x".repeat(1_000_000)).unwrap_err(), PasswordError::TooLong);
    // U+0958 doubles when it is normalised.
    assert_eq!(Password::new(&"\u{958}".repeat(341)).unwrap_err(), PasswordError::TooLong);
}

#[test]
fn sec_117_composed_and_decomposed_forms_are_one_password() {
    let mut hasher = Hasher::cheap_for_tests();
    let stored = hasher.hash(&password("Gr\u{fc}\u{df}e"));
    assert!(hasher.verify(&password("Gru\u{308}\u{df}e"), &stored));
    assert!(!hasher.verify(&password("Grusse"), &stored));
}

#[test]
fn sec_117_nothing_behind_72_bytes_is_ignored() {
    let mut hasher = Hasher::cheap_for_tests();
    let long = "x".repeat(72);
    let stored = hasher.hash(&password(&format!("{long}a")));
    assert!(hasher.verify(&password(&format!("{long}a")), &stored));
    assert!(!hasher.verify(&password(&format!("{long}b")), &stored));
    assert!(!hasher.verify(&password(&long), &stored));

    // bcrypt itself would take all of these for one password.
    let stored: PasswordHash = bcrypt::hash(&long, 4).unwrap().parse().unwrap();
    assert!(hasher.verify(&password(&long), &stored));
    assert!(!hasher.verify(&password(&format!("{long}a")), &stored));
}

#[test]
fn a_new_hash_is_argon2id_with_the_default_cost_and_its_own_salt() {
    let mut hasher = Hasher::new(&HashCost::default()).unwrap();
    let (one, two) = (hasher.hash(&password("secret")), hasher.hash(&password("secret")));
    assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_ne!(one.as_str(), two.as_str());
    let read: PasswordHash = one.as_str().parse().unwrap();
    assert!(hasher.verify(&password("secret"), &read));
    assert!(!hasher.verify(&password("Secret"), &read));
    assert!(!hasher.verify_nobody(&password("secret")));
}

#[test]
fn hashes_of_others_verify() {
    let table = [
        // RFC 9106's reference implementation: `echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32`.
        (
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "password",
        ),
        // Openwall's crypt_blowfish, wrapper.c.
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ];
    let mut hasher = Hasher::cheap_for_tests();
    for (stored, clear) in table {
        let stored: PasswordHash = stored.parse().unwrap();
        assert!(hasher.verify(&password(clear), &stored), "{stored:?}");
        assert!(!hasher.verify(&password("U*u"), &stored), "{stored:?}");
    }
    let hash = bcrypt::hash_with_result("password", 4).unwrap();
    for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
        let stored: PasswordHash = hash.format_for_version(version).parse().unwrap();
        assert!(hasher.verify(&password("password"), &stored));
        assert!(hasher.needs_rehash(&stored));
    }
}

#[test]
fn sec_117_what_is_weaker_than_today_is_replaced() {
    let hasher = |memory, time| Hasher::new(&HashCost { memory, time, lanes: 1 }).unwrap();
    let stored = Hasher::cheap_for_tests().hash(&password("secret"));
    assert!(hasher(19456, 2).needs_rehash(&stored));
    let stored = hasher(19456, 3).hash(&password("secret"));
    assert!(!hasher(19456, 2).needs_rehash(&stored));
    assert!(!hasher(19456, 3).needs_rehash(&stored));
    assert!(hasher(19456, 4).needs_rehash(&stored));
    assert!(hasher(20000, 3).needs_rehash(&stored));
}

#[test]
fn sec_117_a_cost_below_the_minimum_is_refused() {
    for (memory, time, lanes) in [
        (19455, 2, 1),
        (19456, 1, 1),
        (19456, 2, 0),
        (300_000, 2, 1),
        (19456, 33, 1),
        (19456, 2, 17),
    ] {
        assert_eq!(Hasher::new(&HashCost { memory, time, lanes }).unwrap_err(), BadCost);
    }
}

#[test]
fn what_is_no_hash_or_too_costly_is_not_read() {
    let salt_and_hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let argon2 = |head: &str| format!("{head}${salt_and_hash}");
    let bcrypt = "zVHmKQtGGQob.b/Nc7l9NO8UlrYcW05FiuCj/SxsFO/ZtiN9.mNzy";
    let table = [
        ("clear text", "password".to_owned()),
        ("empty", String::new()),
        ("argon2 of no kind", argon2("$argon2$v=19$m=65536,t=2,p=1")),
        ("argon2 of another kind", argon2("$argon2ds$v=19$m=65536,t=2,p=1")),
        ("old version", argon2("$argon2id$v=16$m=65536,t=2,p=1")),
        ("a gigabyte", argon2("$argon2id$v=19$m=1048576,t=2,p=1")),
        ("a year", argon2("$argon2id$v=19$m=65536,t=4294967295,p=1")),
        ("all the memory, and often", argon2("$argon2id$v=19$m=262144,t=5,p=1")),
        ("more lanes than there are", argon2("$argon2id$v=19$m=65536,t=2,p=17")),
        ("longer than hashes are", argon2(&format!("$argon2id$v=19$m=65536,t=2,p=1,data={}", "A".repeat(512)))),
        ("leading zero", argon2("$argon2id$v=19$m=065536,t=2,p=1")),
        ("sign", argon2("$argon2id$v=19$m=+65536,t=2,p=1")),
        ("another order", argon2("$argon2id$v=19$t=2,m=65536,p=1")),
        ("no time", argon2("$argon2id$v=19$m=65536,t=0,p=1")),
        ("no salt", "$argon2id$v=19$m=65536,t=2,p=1$$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc".to_owned()),
        ("short hash", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$AAAA".to_owned()),
        ("padding", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ=$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc".to_owned()),
        ("bcrypt of before 2011", format!("$2x$04${bcrypt}")),
        ("bcrypt for days", format!("$2b$31${bcrypt}")),
        ("bcrypt cost below", format!("$2b$03${bcrypt}")),
        ("bcrypt short", format!("$2b$04${}", &bcrypt[1..])),
        ("bcrypt long", format!("$2b$04${bcrypt}a")),
        ("bcrypt not ASCII", format!("$2b$04$é{}", &bcrypt[2..])),
        ("bcrypt cost alone", "$2b$04".to_owned()),
        ("bcrypt é", "$2b$é".to_owned()),
        ("a line end", format!("$2b$04${bcrypt}\n")),
    ];
    for (what, text) in table {
        assert_eq!(text.parse::<PasswordHash>().unwrap_err(), UnsupportedHash, "{what}");
    }
}

#[test]
fn sec_189_neither_password_nor_hash_is_printed() {
    let mut hasher = Hasher::cheap_for_tests();
    let (secret, stored) = (password("hunter2"), hasher.hash(&password("hunter2")));
    assert_eq!(format!("{secret:?} {stored:?}"), "Password(…) PasswordHash(argon2id …)");
}

/// Numbers as costs come: small ones, those about a limit, and any.
fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u32..40).prop_map(|n| n.to_string()),
        (0_u32..32, 0_u32..3)
            .prop_map(|(bits, off)| (1_u64 << bits).abs_diff(off.into()).to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        "[-+ 0-9a-f]{0,12}",
    ]
}

/// Texts that look much like hashes, with costs of every size.
fn nearly_a_hash() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![
        Just("$argon2id$v=19$m=A,t=B,p=C$S$H"),
        Just("$argon2i$v=19$m=A,t=B,p=C$S$H"),
        Just("$argon2d$v=19$m=A,t=B,p=C$S$H"),
        Just("$2b$A$aaaaaaaaaaaaaaaaaaaaaOaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        Just("$pbkdf2-sha256$i=A,l=32$S$H"),
        Just("$pbkdf2-sha512$A$S$H"),
        Just("$pbkdf2$A$S$H"),
        Just("pbkdf2_sha256$A$S$H"),
        Just("$scrypt$ln=A,r=B,p=C$S$H"),
        Just("scrypt$A$S$B$C$H"),
    ];
    let bytes = || {
        let encoded = |bytes: Vec<u8>| STANDARD_NO_PAD.encode(bytes);
        prop_oneof![
            3 => proptest::collection::vec(any::<u8>(), 8..70).prop_map(encoded),
            1 => "[A-Za-z0-9+/]{0,90}={0,2}",
        ]
    };
    (scheme, [number_text(), number_text(), number_text()], bytes(), bytes()).prop_map(
        |(scheme, [a, b, c], salt, hash)| {
            let mut text = String::new();
            for part in scheme.chars() {
                match part {
                    'A' => text.push_str(&a),
                    'B' => text.push_str(&b),
                    'C' => text.push_str(&c),
                    'S' => text.push_str(&salt),
                    'H' => text.push_str(&hash),
                    other => text.push(other),
                }
            }
            text
        },
    )
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_read_is_kept(text in "\\$(2[aby]|argon2id)\\$.{0,90}|.{0,90}") {
        if let Ok(hash) = text.parse::<PasswordHash>() {
            prop_assert_eq!(hash.as_str(), text);
        }
    }

    #[test]
    fn sec_118_no_hash_that_is_read_costs_more_than_it_may(text in nearly_a_hash()) {
        if let Ok(hash) = text.parse::<PasswordHash>() {
            let Cost { memory, rounds } = hash.cost();
            prop_assert!(memory <= 257 * 1024 * 1024, "{memory} bytes");
            prop_assert!(rounds <= 3_000_000, "{rounds} rounds");
            prop_assert_eq!(hash.as_str(), text);
        }
    }

    #[test]
    fn a_cheap_hash_that_is_read_can_be_compared_with(text in nearly_a_hash()) {
        if let Ok(hash) = text.parse::<PasswordHash>() {
            let Cost { memory, rounds } = hash.cost();
            if memory <= 1 << 20 && rounds <= 1 << 12 {
                prop_assert!(!Hasher::cheap_for_tests().verify(&password("password"), &hash));
            }
        }
    }
}

#[test]
fn the_strategy_of_the_properties_makes_hashes_of_every_kind() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut read = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        let text = nearly_a_hash().new_tree(&mut runner).unwrap().current();
        if let Ok(hash) = text.parse::<PasswordHash>() {
            read.insert(format!("{hash:?}"));
        }
    }
    assert_eq!(read.len(), 6, "{read:?}");
}

#[test]
fn sec_118_a_hasher_holds_memory_only_between_its_first_hash_and_its_rest() {
    let mut hasher = Hasher::cheap_for_tests();
    assert!(hasher.is_resting());
    let stored = hasher.hash(&Password::new("secret").unwrap());
    assert!(!hasher.is_resting());
    hasher.rest();
    assert!(hasher.is_resting());
    assert!(hasher.verify(&Password::new("secret").unwrap(), &stored));
}

/// Made by Python's `hashlib`, `argon2-cffi`, passlib and Django.
#[test]
fn sec_117_hashes_of_other_systems_verify_and_are_replaced() {
    let mut hasher = Hasher::cheap_for_tests();
    for text in [
        "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0MTIzNA$eI3Ualp6+YCaP6nooROniuhen6J38T/0+iuCAEJ9uRQ",
        "$argon2i$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0MTIzNA$1AJvlfYlrm0ZNHQOes77gZuAIc+zFWoq8tHJ2gP3+08",
        "$argon2d$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0MTIzNA$zL+f9VohSyvqefiwA1FahuUWmdY+xqwFQt3kwx0yNEA",
        "$pbkdf2-sha256$1000$yNk7Z.y9t7b2fg/hXEtpjQ$luEi0vfs87yNrHsEpKGTGSEPKfu4N8IBL3Xfwu8YGa8",
        "pbkdf2_sha256$1000$somesalt22charsABCDEFG$Yamq3WOASCsS5fI8sRRXmb6r+TSjTB37n81at7WnMJ8=",
        "scrypt$1024$somesalt$8$5$fRQmmR4c6NGGc2Q+sgSm3EhF1dSWxc0CZkbwKzQ/Q5a96jgvxO+TcOgvKszVYpnIg2so0Yb9AvSPM8qYrKrKBw==",
        "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0MTIzNA$Gv1ppJ66rBGZ4SMZjQl10XY734zFaJuHAY10Xd6pb+U",
        "$pbkdf2-sha512$1000$c2FsdHNhbHRzYWx0MTIzNA$jO1VfTTb6vUnXy3vwC1nAOIc7ZOal5/ChCzzH3WNpDMn0zsYpLn/iACzP91yo8s416cQM2K9DDdbvYtu3Pwwtw",
        "$pbkdf2$1000$c2FsdHNhbHRzYWx0MTIzNA$R1k4MvONNR3wAUqq0wvjbHBLmKc",
        "pbkdf2_sha256$1000$somesalt$j4Aa14inUtOh7Sg/D7hH54ohymuHNQD4+ccfhepGWAY=",
        "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0MTIzNA$FE8Vp8fwcNY9jOZ1Bw2dENy7rSGNBAiIrAbe5qNp2IE",
        "scrypt$1024$somesalt$8$1$wdXoWEig5T693O7BJbufEPRk+qarG40BYOh1xe9tMAduUA/EDCJ4bbzi8XnNMS0r1e0CRhszPgNnQYz1kNZkQA==",
    ] {
        let stored: PasswordHash = text.parse().unwrap_or_else(|_| panic!("{text}"));
        assert!(hasher.verify(&password("password"), &stored), "{text}");
        assert!(!hasher.verify(&password("Password"), &stored), "{text}");
        assert!(hasher.needs_rehash(&stored), "{text}");
        assert_eq!(stored.as_str(), text);
        assert!(!format!("{stored:?}").contains("salt"), "{text}");
    }
}

#[test]
fn hashes_that_would_cost_too_much_or_prove_too_little_are_not_taken() {
    let (salt, hash) = ("c2FsdHNhbHRzYWx0", "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g");
    for text in [
        format!("$pbkdf2-sha256$i=0,l=32${salt}${hash}"),
        format!("$pbkdf2-sha256$i=3000001,l=32${salt}${hash}"),
        format!("$pbkdf2-md5$i=1000${salt}${hash}"),
        format!("$pbkdf2-sha256$i=1000$${hash}"),
        format!("$pbkdf2-sha256$i=1000${salt}$aGFzaA"),
        format!("$scrypt$ln=21,r=8,p=1${salt}${hash}"),
        format!("$scrypt$ln=64,r=8,p=1${salt}${hash}"),
        format!("$scrypt$ln=10,r=0,p=1${salt}${hash}"),
        format!("$scrypt$ln=10,r=8,p=17${salt}${hash}"),
        format!("$scrypt$ln=0,r=8,p=1${salt}${hash}"),
        format!("$scrypt$ln=18,r=8,p=3${salt}${hash}"),
        // Within the limits of what is mixed, and as much memory again to begin with: 128 · r · p.
        format!("$scrypt$ln=1,r=1000000,p=2${salt}${hash}"),
        format!("$scrypt$ln=1,r=1000000,p=16${salt}${hash}"),
        format!("$scrypt$ln=1,r=4294967295,p=16${salt}${hash}"),
        // Every block of the result costs all iterations again.
        format!("$pbkdf2$i=1000000,l=64${salt}${hash}${hash}"),
        format!("$pbkdf2$i=1600000${salt}${hash}"),
        format!("scrypt$1000$somesalt$8$1${hash}"),
        format!("pbkdf2_sha256$1000$somesalt${hash}$more"),
    ] {
        assert!(text.parse::<PasswordHash>().is_err(), "{text}");
    }
}
