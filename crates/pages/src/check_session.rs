//! The frame that clients ask whether the session is still the same. OIDC Session Management §3.2.

use crate::csp::Csp;
use crate::shell::Page;

/// The frame.
///
/// `session_state` is `hash.salt`: the hash is SHA-256 of client id, origin of the client, browser state and
/// salt, with spaces between, in base64url. The browser state is the value of a cookie that scripts
/// may read; without that cookie it is empty.
#[derive(Clone, Debug)]
pub struct CheckSession {
    /// The name of the cookie with the browser state: letters, digits, `-` and `_`
    pub cookie: &'static str,
}

const SCRIPT: &str = include_str!("../assets/check_session.js");

impl CheckSession {
    /// The page; the one page that others may frame.
    #[must_use]
    pub fn page(&self) -> Page {
        let cookie = self.cookie;
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Session</title></head>\
             <body data-cookie=\"{cookie}\"><script>{SCRIPT}</script></body></html>"
        );
        Page { html, csp: Csp::default().script(SCRIPT).framable().render(false) }
    }
}
