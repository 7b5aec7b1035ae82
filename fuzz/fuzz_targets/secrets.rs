//! Bearer secrets, sealed tokens, sealed values and stored hashes: text of strangers is never one of
//! ours, and what parses is written back byte for byte.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

use grantor_crypto::password::{Password, PasswordHash};
use grantor_crypto::seal::{MasterKey, open_with_secret};
use grantor_crypto::secret::{BearerSecret, LookupSecret, SecretKind};
use grantor_crypto::token::{TokenKey, TokenSealer};

static SEALER: LazyLock<TokenSealer> =
    LazyLock::new(|| TokenSealer::new(TokenKey::new(1, &[7; 32]), []));

fuzz_target!(|text: &str| {
    assert_eq!(SEALER.open("gat_", b"tenant", text), None, "forged");
    for kind in [SecretKind::RefreshToken, SecretKind::ClientSecret] {
        if let Some(secret) = BearerSecret::parse(kind, text) {
            assert_eq!(secret.reveal(), text);
        }
        if let Some(secret) = LookupSecret::parse(kind, text) {
            assert_eq!(secret.reveal(), text);
        }
    }
    if let Ok(hash) = text.parse::<PasswordHash>() {
        assert_eq!(hash.as_str(), text);
    }
    let _ = Password::new(text);
    let _ = MasterKey::from_text(text);
    let _ = MasterKey::from_file(text.as_bytes());
    let _ = open_with_secret("secret", b"context", text.as_bytes());
});
