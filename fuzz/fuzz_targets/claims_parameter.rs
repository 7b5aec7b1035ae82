//! The `claims` parameter (OIDC Core §5.5): what is read means the same after it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_domain::claims::ClaimsRequest;

fuzz_target!(|text: &str| {
    if let Ok(request) = ClaimsRequest::parse(text) {
        let kept = serde_json::to_string(&request).expect("it came from JSON");
        assert_eq!(ClaimsRequest::parse(&kept).as_ref(), Ok(&request));
    }
});
