//! What an access token says, in each token profile, and reading it back. RFC 9068; STUPS JWTs as
//! Plan B writes them.

pub mod id_token;
pub mod logout_token;
mod rfc9068;
mod stups;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use grantor_oauth_types::confirmation::Confirmation;
use grantor_oauth_types::id::{GrantId, SessionId};
use grantor_oauth_types::name::{ClientId, RealmName};
use grantor_oauth_types::scope::Scopes;
use serde::{Deserialize, Serialize};

use crate::client::TokenProfile;
use crate::revocation::RevocableClaims;

#[cfg(test)]
pub(crate) use tests::rfc9068 as an_access_token;

/// The `typ` of RFC 9068 §2.1.
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// An access token, whatever it is made of: what is known of it while it lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// How it reads
    pub profile: TokenProfile,
    /// The subject: a user id, a user name (STUPS), or a client id where no user is involved
    pub sub: String,
    /// What the user signs in with, where the profile says it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The realm of the subject
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<RealmName>,
    /// Who asked for it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// What it allows
    pub scopes: Scopes,
    /// Whom it is for
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Seconds since 1970
    pub iat: i64,
    /// Seconds since 1970
    pub exp: i64,
    /// Its identifier
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The grant it descends from
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<GrantId>,
    /// The session it ends with, if it does
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// With which certificate alone it counts (RFC 8705 §3)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl AccessToken {
    /// Whether it may be used at an API of this name (SEC-083). A token of the STUPS profile names
    /// none and is for every API of its issuer.
    pub fn is_for(&self, api: &str) -> bool {
        self.profile == TokenProfile::Stups || self.audiences.iter().any(|audience| audience == api)
    }
}

impl RevocableClaims for AccessToken {
    fn claim(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "sub" => Some(Cow::Borrowed(&self.sub)),
            "realm" => self.realm.as_ref().map(|realm| Cow::Owned(realm.with_slash())),
            "client_id" | "azp" => self.client.as_ref().map(|id| Cow::Borrowed(id.as_str())),
            "jti" => self.jti.as_deref().map(Cow::Borrowed),
            "gid" => self.gid.map(|gid| Cow::Owned(gid.to_string())),
            "sid" => self.sid.map(|sid| Cow::Owned(sid.to_string())),
            _ => None,
        }
    }

    fn issued_at(&self) -> i64 {
        self.iat
    }
}

impl AccessToken {
    /// The payload of the JWT.
    pub fn to_jwt_payload(&self, issuer: &str) -> Vec<u8> {
        match self.profile {
            TokenProfile::Rfc9068 => rfc9068::write(self, issuer),
            TokenProfile::Stups => stups::write(self),
        }
    }

    /// The `typ` of the JWT header; STUPS tokens have none.
    pub const fn jwt_typ(profile: TokenProfile) -> Option<&'static str> {
        match profile {
            TokenProfile::Rfc9068 => Some(ACCESS_TOKEN_TYP),
            TokenProfile::Stups => None,
        }
    }

    /// Reads the payload of a JWT that one of our keys signed. The `typ` tells the profiles apart,
    /// and access tokens from every other kind of JWT (SEC-082).
    pub fn from_jwt(typ: Option<&str>, payload: &[u8], issuer: &str) -> Result<Self, Unreadable> {
        match typ {
            Some(typ) if is_access_token_typ(typ) => rfc9068::read(payload, issuer),
            None => stups::read(payload),
            Some(_) => Err(Unreadable("it is another kind of JWT")),
        }
    }
}

/// RFC 9068 §4: `at+jwt`, with or without the `application/` prefix, in any letter case.
fn is_access_token_typ(typ: &str) -> bool {
    let typ = typ
        .get(..12)
        .filter(|p| p.eq_ignore_ascii_case("application/"))
        .map_or(typ, |_| &typ[12..]);
    typ.eq_ignore_ascii_case(ACCESS_TOKEN_TYP)
}

/// A point in time as a claim. Whatever is no number of seconds since 1970 that can be makes the
/// token unreadable; it never counts as absent (SEC-080).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "i64")]
struct Seconds(i64);

impl TryFrom<i64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        jiff::Timestamp::from_second(seconds)
            .ok()
            .filter(|_| seconds >= 0)
            .map(|_| Self(seconds))
            .ok_or("not a point in time")
    }
}

/// RFC 7519 §4.1.5: we write none, but it is a registered claim, and must not be malformed either.
fn not_before<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Seconds>, D::Error> {
    Seconds::deserialize(reader).map(Some)
}

/// RFC 7800 §3.1: a binding that is there has to be one that we know, `null` included.
fn bound<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Confirmation>, D::Error> {
    Confirmation::deserialize(reader).map(Some)
}

/// Our tokens are valid from when they are issued.
fn check_start(iat: Seconds, nbf: Option<Seconds>) -> Result<(), Unreadable> {
    let later = nbf.is_some_and(|nbf| nbf.0 > iat.0);
    if later { Err(Unreadable("it starts later than it was issued")) } else { Ok(()) }
}

/// A text that has to say something.
fn said(text: &str) -> Result<String, Unreadable> {
    if text.is_empty() { Err(Unreadable("a claim is empty")) } else { Ok(text.to_owned()) }
}

/// The payload is not that of an access token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an access token: {0}")]
pub struct Unreadable(pub &'static str);
