//! `OAUTH2_ACCESS_TOKENS`, as the library for clients reads it: what it takes can be sent, and what it refuses
//! is not quoted.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The files themselves, without the library around them.
#[path = "../../crates/client/src/fixed.rs"]
mod fixed;
#[expect(dead_code, reason = "only the form of a token is wanted")]
#[path = "../../crates/client/src/secret.rs"]
mod secret;
mod error {
    #[derive(Debug)]
    pub enum TokenError {
        Settings(String),
        #[expect(dead_code, reason = "said by a part that is not used here")]
        InvalidResponse(&'static str),
    }
}

fuzz_target!(|list: &str| match fixed::parse(list) {
    Ok(tokens) => {
        for token in tokens.values() {
            assert!(secret::is_token_text(token.reveal()));
        }
    }
    Err(error::TokenError::Settings(text)) => {
        assert!(text.starts_with("OAUTH2_ACCESS_TOKENS: entry ") && text.len() < 100, "{text}");
    }
    Err(error::TokenError::InvalidResponse(_)) => unreachable!(),
});
