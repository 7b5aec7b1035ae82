//! Pictures that a tenant uploads, PNG and WebP: what comes of one is within its bounds and stays what it is.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;

use grantor_domain::look::picture::redrawn;

fuzz_target!(|bytes: &[u8]| {
    for kind in ["png", "webp"] {
        let url = format!("data:image/{kind};base64,{}", STANDARD.encode(bytes));
        if let Ok(picture) = redrawn(&url) {
            assert_eq!(redrawn(&picture).as_ref(), Ok(&picture), "the same picture");
        }
    }
    if let Ok(url) = std::str::from_utf8(bytes) {
        let _ = redrawn(url);
    }
});
