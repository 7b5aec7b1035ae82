//! Bearer secrets: who holds the text may act, so the text is hard to let slip (SEC-090).
//!
//! A secret starts with the prefix of its kind, so that logs, scanners and the wrong endpoint can
//! tell. Texts are read by fixed widths, since base64url itself contains `_`, and only in the one
//! form in which they are written.

use std::fmt;

use zeroize::Zeroizing;

use crate::digest::SecretDigest;
use crate::{base64url, random};

/// What a secret is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// A client authenticates with it, RFC 6749 §2.3.1
    ClientSecret,
    /// RFC 6749 §1.5
    RefreshToken,
    /// RFC 6749 §4.1
    AuthorizationCode,
    /// The cookie of a browser that signed in
    Session,
    /// Lets the first administrator in
    Bootstrap,
    /// The registration access token of RFC 7592 §3
    RegistrationToken,
    /// The reference of a pushed authorization request, RFC 9126 §2.2
    RequestUri,
    /// RFC 8628 §3.2
    DeviceCode,
    /// The password of a service user
    ServicePassword,
}

impl SecretKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::ClientSecret,
        Self::RefreshToken,
        Self::AuthorizationCode,
        Self::Session,
        Self::Bootstrap,
        Self::RegistrationToken,
        Self::RequestUri,
        Self::DeviceCode,
        Self::ServicePassword,
    ];

    /// The three letters before the underscore.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ClientSecret => "gcs",
            Self::RefreshToken => "grt",
            Self::AuthorizationCode => "gac",
            Self::Session => "gse",
            Self::Bootstrap => "gbs",
            Self::RegistrationToken => "grg",
            Self::RequestUri => "gru",
            Self::DeviceCode => "gdc",
            Self::ServicePassword => "gsp",
        }
    }

    /// What follows the prefix and its underscore.
    fn body(self, text: &str) -> Option<&str> {
        text.strip_prefix(self.prefix())?.strip_prefix('_')
    }

    fn compose(self, bytes: &[u8]) -> Zeroizing<String> {
        let mut text = String::with_capacity(4 + base64url::encoded_len(bytes.len()));
        text.push_str(self.prefix());
        text.push('_');
        base64url::encode_into(bytes, &mut text);
        Zeroizing::new(text)
    }
}

/// Random bytes of a secret: RFC 6749 §10.10 asks for 128 bits and advises 160; these are 256.
const SECRET_BYTES: usize = 32;

/// A bearer secret: `<prefix>_<43 characters>`. No `Display`, no `Serialize`, a mute `Debug`.
#[derive(Clone)]
pub struct BearerSecret {
    kind: SecretKind,
    text: Zeroizing<String>,
}

impl BearerSecret {
    /// A new secret.
    #[must_use]
    pub fn mint(kind: SecretKind) -> Self {
        let bytes = Zeroizing::new(random::bytes::<SECRET_BYTES>());
        Self { kind, text: kind.compose(&*bytes) }
    }

    /// Reads a presented secret; `None` when it cannot be one of ours of this kind.
    #[must_use]
    pub fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let _bytes: Zeroizing<[u8; SECRET_BYTES]> =
            base64url::decode_array(kind.body(text)?)?.into();
        Some(Self { kind, text: Zeroizing::new(text.to_owned()) })
    }

    /// The form that may be stored, compared and indexed.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.text)
    }

    /// The clear text, for the one response that hands it over. Greppable by design.
    #[must_use]
    pub fn reveal(&self) -> String {
        (*self.text).clone()
    }
}

impl fmt::Debug for BearerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_…", self.kind.prefix())
    }
}

/// A bearer secret that brings along where to look for it:
/// `<prefix>_<64 characters of 16 bytes id and 32 bytes secret>`.
///
/// The id is time-ordered and no secret; rows are found by it, and then the digest of the whole
/// text decides.
#[derive(Clone)]
pub struct LookupSecret {
    kind: SecretKind,
    id: [u8; 16],
    text: Zeroizing<String>,
}

impl LookupSecret {
    /// A new secret to be found under `id`.
    #[must_use]
    pub fn mint(kind: SecretKind, id: [u8; 16]) -> Self {
        let mut bytes = Zeroizing::new([0; 16 + SECRET_BYTES]);
        bytes[..16].copy_from_slice(&id);
        random::fill(&mut bytes[16..]);
        Self { kind, id, text: kind.compose(&*bytes) }
    }

    /// Reads a presented secret; `None` when it cannot be one of ours of this kind.
    #[must_use]
    pub fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let bytes: Zeroizing<[u8; 16 + SECRET_BYTES]> =
            base64url::decode_array(kind.body(text)?)?.into();
        let (id, _) = bytes.split_first_chunk::<16>()?;
        Some(Self { kind, id: *id, text: Zeroizing::new(text.to_owned()) })
    }

    /// The id that it was minted under.
    #[must_use]
    pub const fn lookup_id(&self) -> [u8; 16] {
        self.id
    }

    /// The form that may be stored and compared: the digest of the whole text.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.text)
    }

    /// The clear text, for the one response that hands it over. Greppable by design.
    #[must_use]
    pub fn reveal(&self) -> String {
        (*self.text).clone()
    }
}

impl fmt::Debug for LookupSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_…", self.kind.prefix())
    }
}

#[cfg(test)]
mod tests;
