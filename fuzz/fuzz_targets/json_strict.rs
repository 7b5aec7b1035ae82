//! Strict JSON: whatever it accepts, the ordinary parser accepts with the same meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_crypto::json::parse_strict;

fuzz_target!(|json: &[u8]| {
    if let Ok(value) = parse_strict(json) {
        let other: serde_json::Value = serde_json::from_slice(json).expect("stricter than serde");
        assert_eq!(value, other);
    }
});
