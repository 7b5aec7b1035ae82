//! Compact tokens, as an API or the server gets them from anybody: as text, and as a header and a payload
//! that are encoded first, so that the search reaches what lies behind the encoding. Nothing verifies
//! under a key of ours.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;

use grantor_crypto::Algorithm;
use grantor_crypto::jws::{parse_compact, parse_proof};
use grantor_crypto::jwt::Claims;
use grantor_crypto::key::{SigningKey, VerifyingKey};

static KEY: LazyLock<VerifyingKey> = LazyLock::new(|| {
    SigningKey::generate(Algorithm::Es256, None).expect("a new key").verifying_key().clone()
});

fuzz_target!(|input: &[u8]| {
    if let Ok(token) = std::str::from_utf8(input) {
        read(token);
    }
    let mut parts = input.splitn(3, |byte| *byte == 0).map(|part| URL_SAFE_NO_PAD.encode(part));
    let mut next = || parts.next().unwrap_or_default();
    read(&format!("{}.{}.{}", next(), next(), next()));
});

fn read(token: &str) {
    if let Ok(token) = parse_compact(token) {
        assert!(token.header.jwk.is_none());
        let _ = Claims::parse(token.unverified_payload());
        assert!(token.verify(&KEY).is_err(), "forged");
    }
    let _ = parse_proof(token);
}
