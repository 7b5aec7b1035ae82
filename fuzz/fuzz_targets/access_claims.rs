//! The claims of access tokens in both profiles: whatever a key signed, reading it ends in claims or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_domain::issue::AccessToken;

fuzz_target!(|payload: &[u8]| {
    for typ in [Some("at+jwt"), Some("application/at+jwt"), Some("JWT"), None] {
        let _ = AccessToken::from_jwt(typ, payload, "https://as.test");
    }
});
