//! Key sets, as a client registers them or another server publishes them: what is read never holds
//! more keys than it may, and each can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_crypto::Algorithm;
use grantor_crypto::jwk::{JwkSet, KeySet, PublicJwk};

fuzz_target!(|json: &[u8]| {
    if let Ok(key) = PublicJwk::parse(json) {
        let written = serde_json::to_vec(&key).expect("a key can be written");
        assert_eq!(
            PublicJwk::parse(&written).expect("what we wrote").thumbprint(),
            key.thumbprint()
        );
    }
    if let Ok(set) = JwkSet::parse(json) {
        let _ = KeySet::from_jwks(&set, &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256]);
    }
});
