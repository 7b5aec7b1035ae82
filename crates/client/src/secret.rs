//! Values that must not leak: a mute `Debug`, no `Display`, wiped from memory when dropped.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::TokenError;

/// A secret in the clear: a password, a client secret, a refresh token, an assertion.
///
/// Clones share one allocation, which is wiped when the last of them is dropped.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes ownership, so that no copy stays behind.
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    pub(crate) fn shared(text: Zeroizing<String>) -> Self {
        Self(Arc::new(text))
    }

    /// The clear text, for the one place that sends it. Greppable by design.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Where an access token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// The token endpoint issued it for us.
    Issued,
    /// A file `<name>-token-secret` in the credentials directory; read again at each use.
    File,
    /// `OAUTH2_ACCESS_TOKENS` or [`TokensBuilder::fixed`](crate::TokensBuilder::fixed).
    Fixed,
}

/// An access token, when it ends and what it is good for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessToken {
    secret: Secret,
    provenance: Provenance,
    issued_at: SystemTime,
    lifetime: Duration,
    scopes: Arc<[String]>,
}

impl AccessToken {
    /// A token that was kept somewhere, say in a file of the caller's.
    ///
    /// # Errors
    /// [`TokenError::InvalidResponse`] when the text cannot stand in a header.
    pub fn kept(
        secret: Secret,
        provenance: Provenance,
        issued_at: SystemTime,
        lifetime: Duration,
        scopes: Vec<String>,
    ) -> Result<Self, TokenError> {
        if !is_token_text(secret.reveal()) {
            return Err(TokenError::InvalidResponse("what was kept is not a token"));
        }
        Ok(Self::new(secret, provenance, issued_at, lifetime, scopes))
    }

    /// The caller has checked that `secret` may stand in a header ([`is_token_text`]).
    pub(crate) fn new(
        secret: Secret,
        provenance: Provenance,
        issued_at: SystemTime,
        lifetime: Duration,
        scopes: Vec<String>,
    ) -> Self {
        debug_assert!(is_token_text(secret.reveal()), "not a token");
        Self { secret, provenance, issued_at, lifetime, scopes: scopes.into() }
    }

    /// The clear text, for the one place that sends or prints it.
    pub fn reveal(&self) -> &str {
        self.secret.reveal()
    }

    /// The value of an `Authorization` header, marked sensitive. RFC 6750 §2.1.
    pub fn authorization(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.reveal()))
            .expect("the text was checked to be visible ASCII when the token was made");
        value.set_sensitive(true);
        value
    }

    /// Where it came from.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// When it was received (or read, for one from a file).
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// How long it lives from [`issued_at`](Self::issued_at).
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// When it ends.
    pub fn expires_at(&self) -> SystemTime {
        self.issued_at + self.lifetime
    }

    /// What it is good for: what the server said it granted, else what was asked for.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Whether both are the same token.
    pub fn is_same(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

/// Whether `text` can be an access token: one or more `VSCHAR` without blanks (RFC 6749 A.12 less
/// the space, which a Bearer header could not carry).
pub(crate) fn is_token_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_187_a_token_never_shows_in_debug_output_nor_in_a_header_s() {
        let token = AccessToken::new(
            "canary".into(),
            Provenance::Issued,
            SystemTime::UNIX_EPOCH,
            Duration::from_secs(1),
            vec!["uid".to_owned()],
        );
        let shown = format!("{token:?} {token:#?} {:?}", token.authorization());
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("uid"));
        assert_eq!(token.authorization().to_str().unwrap(), "Bearer canary");
    }

    #[test]
    fn token_text_is_visible_ascii() {
        for (text, is) in [
            ("abc.DEF-_~+/=", true),
            ("", false),
            ("a b", false),
            ("a\r\nX-Evil: 1", false),
            ("schlüssel", false),
            ("a\0", false),
        ] {
            assert_eq!(is_token_text(text), is, "{text:?}");
        }
    }
}
