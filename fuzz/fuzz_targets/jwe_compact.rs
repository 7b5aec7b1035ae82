//! Encrypted tokens and the keys to encrypt for: as text, and as a header and four parts that are encoded
//! first, so that the search reaches what lies behind the encoding. Nothing decrypts that nobody encrypted.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;

use grantor_crypto::jwe::{DecryptionKey, EncryptionKey, KeyManagement, parse_compact};

static KEYS: LazyLock<Vec<DecryptionKey>> = LazyLock::new(|| {
    let key = |alg: &KeyManagement| DecryptionKey::generate(*alg, "k".to_owned()).expect("a key");
    KeyManagement::ALL.iter().map(key).collect()
});

fuzz_target!(|input: &[u8]| {
    if let Ok(token) = std::str::from_utf8(input) {
        read(token);
    }
    let mut parts = input.splitn(5, |byte| *byte == 0).map(|part| URL_SAFE_NO_PAD.encode(part));
    let mut next = || parts.next().unwrap_or_default();
    read(&format!("{}.{}.{}.{}.{}", next(), next(), next(), next(), next()));
    if let Ok(jwk) = serde_json::from_slice(input) {
        let _ = EncryptionKey::from_jwk(&jwk);
    }
});

fn read(token: &str) {
    let Ok(token) = parse_compact(token) else { return };
    for key in KEYS.iter() {
        assert!(token.decrypt(key).is_err(), "forged");
    }
}
