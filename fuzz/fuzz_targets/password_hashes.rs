//! Hashes that migrated users bring along: whatever parameters a stranger writes, what is read is kept
//! byte for byte, is never printed, and costs no more than a hash may (SEC-118). What is cheap is
//! compared with a password too.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

use grantor_crypto::password::{Hasher, Password, PasswordHash};

/// What real hashes begin with, so that the search does not have to find that.
const SCHEMES: [&str; 10] = [
    "$argon2id$v=19$m=",
    "$argon2i$v=19$m=",
    "$argon2d$v=19$m=",
    "$2b$",
    "$pbkdf2-sha256$",
    "$pbkdf2-sha512$i=",
    "$pbkdf2$",
    "pbkdf2_sha256$",
    "$scrypt$ln=",
    "scrypt$",
];

thread_local! {
    static HASHER: RefCell<Hasher> = RefCell::new(Hasher::cheap_for_tests());
}

fuzz_target!(|input: (u8, &str)| {
    let (scheme, rest) = input;
    look(rest);
    look(&format!("{}{rest}", SCHEMES[usize::from(scheme) % SCHEMES.len()]));
});

fn look(text: &str) {
    let Ok(hash) = text.parse::<PasswordHash>() else { return };
    assert_eq!(hash.as_str(), text);
    assert!(format!("{hash:?}").len() < 32, "the hash is printed");
    let cost = hash.cost();
    assert!(cost.memory <= 257 << 20 && cost.rounds <= 3_000_000, "{cost:?}: {text}");
    if cost.memory <= 1 << 20 && cost.rounds <= 1 << 11 {
        let password = Password::new("password").expect("a password");
        HASHER.with_borrow_mut(|hasher| hasher.verify(&password, &hash));
    }
}
