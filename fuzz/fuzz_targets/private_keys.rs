//! Private keys as operators bring them, DER and PEM: what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_crypto::Algorithm;
use grantor_crypto::jwe::{DecryptionKey, KeyManagement};
use grantor_crypto::key::SigningKey;

fuzz_target!(|input: &[u8]| {
    for alg in Algorithm::ALL {
        if let Ok(key) = SigningKey::from_pkcs8(alg, None, input) {
            let written = key.to_pkcs8().expect("what was read can be written");
            assert_eq!(SigningKey::from_pkcs8(alg, None, &written).expect("ours").kid(), key.kid());
        }
        if let Ok(text) = std::str::from_utf8(input) {
            let _ = SigningKey::from_pem(alg, None, text);
        }
    }
    for alg in KeyManagement::ALL {
        let _ = DecryptionKey::from_pkcs8(alg, "k".to_owned(), input);
    }
});
