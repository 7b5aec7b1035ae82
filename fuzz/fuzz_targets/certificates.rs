//! Certificates as strangers send them, and names as people register them: whatever reads as a name
//! reads the same again, and a name never is the subject of a certificate that has none.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_crypto::certificate::{Certificate, DistinguishedName};

fuzz_target!(|bytes: &[u8]| {
    let read = Certificate::parse(bytes);
    if let Ok(certificate) = &read {
        assert_eq!(
            certificate.thumbprint(),
            Certificate::parse(bytes).expect("again").thumbprint()
        );
        assert!(!certificate.names_host(""));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(name) = DistinguishedName::parse(text) {
        assert_eq!(DistinguishedName::parse(text).expect("again"), name);
        assert!(!name.is_empty());
    }
});
