//! What lets a client's page notice that the session has changed, without asking the server.
//! OIDC Session Management §2, §3.

use axum::http::HeaderValue;
use grantor_crypto::digest::{sha256, sha256_of};
use grantor_domain::session::Session;
use grantor_oauth_types::name::ClientId;
use url::Url;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The cookie with the state of the browser. Scripts of our frame read it, in pages of others: so it
/// is neither `HttpOnly` nor `SameSite` (§3.2). It tells nothing but that something changed.
pub const COOKIE: &str = "grantor-session-state";

/// What the cookie says while this session is the one in use; empty without one.
pub fn browser_state(session: Option<&Session>) -> String {
    let of = |session: &Session| {
        // Neither the id nor the digest can be told from it.
        let hash = sha256_of(&[b"session-state", &session.id.bytes(), session.digest.as_bytes()]);
        BASE64_URL_SAFE_NO_PAD.encode(&hash[..16])
    };
    session.map_or_else(String::new, of)
}

/// Sets the cookie, or removes it when there is no session any more.
pub fn cookie(issuer: &str, state: &str) -> HeaderValue {
    // A browser takes `SameSite=None` from https only; on a loopback address without TLS the cookie
    // goes without, and frames of other sites do not see it.
    let reach =
        if issuer.starts_with("https://") { "SameSite=None; Secure" } else { "SameSite=Lax" };
    let age = if state.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!("{COOKIE}={state}; Path=/; {reach}{age}");
    HeaderValue::from_str(&text).expect("a cookie is made of visible characters")
}

/// The `session_state` of an authorization response (§2): `hash.salt`.
pub fn session_state(client: &ClientId, redirect_uri: &str, browser_state: &str) -> String {
    let salt = BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<12>());
    let origin = Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization());
    let hashed = with_salt(client, &origin.unwrap_or_default(), browser_state, &salt);
    format!("{hashed}.{salt}")
}

/// As the script of the frame computes it.
fn with_salt(client: &ClientId, origin: &str, browser_state: &str, salt: &str) -> String {
    let text = format!("{client} {origin} {browser_state} {salt}");
    BASE64_URL_SAFE_NO_PAD.encode(sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_096_a_session_state_is_a_hash_over_client_origin_browser_and_salt() {
        let client = ClientId::parse("shop").unwrap();
        let state = session_state(&client, "https://shop.example:8443/cb?x=y", "abc");
        let (hash, salt) = state.split_once('.').unwrap();
        assert_eq!(with_salt(&client, "https://shop.example:8443", "abc", salt), hash);
        assert_ne!(with_salt(&client, "https://shop.example", "abc", salt), hash);
        assert_ne!(state, session_state(&client, "https://shop.example:8443/cb?x=y", "abc"));
        assert!(!state.contains(' '));
    }

    #[test]
    fn trap_096_scripts_of_other_sites_may_read_the_state_and_nothing_else() {
        let set = cookie("https://id.example", "abc");
        let set = set.to_str().unwrap();
        assert_eq!(set, "grantor-session-state=abc; Path=/; SameSite=None; Secure");
        assert!(cookie("https://id.example", "").to_str().unwrap().ends_with("Max-Age=0"));
    }
}
