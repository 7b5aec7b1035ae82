//! An authorization code: what it stands for, and what it takes to redeem it. RFC 6749 §4.1.2,
//! §4.1.3; RFC 7636 §4.6; RFC 9700 §4.2.4.

use grantor_crypto::digest::{SecretDigest, sha256};
use grantor_oauth_types::client_metadata::CodeChallengeMethod;
use grantor_oauth_types::id::{GrantId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName};
use grantor_oauth_types::scope::Scopes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::claims::ClaimsRequest;
use crate::session::SignIn;
use crate::single_use::{SingleUse, SingleUseBody, SingleUseKind};

/// What a code stands for. Its id, digest and end are those of its [`SingleUse`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationCode {
    /// To whom it was given
    pub client: ClientId,
    /// As it was sent in the request; `None` if it was not (RFC 6749 §4.1.3)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// What was granted
    pub scopes: Scopes,
    /// For which APIs (RFC 8707 §2.1)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// For the `id_token`, as it was sent
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// PKCE
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<CodeChallenge>,
    /// Who
    pub user: UserId,
    /// In which realm
    pub realm: RealmName,
    /// How she signed in
    pub sign_in: SignIn,
    /// OIDC Core §5.5
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// Whether `auth_time` was asked for, by `max_age` or registration (OIDC Core §2)
    #[serde(default)]
    pub wants_auth_time: bool,
    /// Whether `offline_access` was granted (OIDC Core §11)
    #[serde(default)]
    pub offline: bool,
    /// The grant it will open; tokens that came with it through the front channel name it already
    pub grant: GrantId,
}

impl SingleUseBody for AuthorizationCode {
    const KIND: SingleUseKind = SingleUseKind::AuthorizationCode;
}

/// A PKCE challenge. RFC 7636 §4.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeChallenge {
    /// How the verifier becomes the challenge
    pub method: CodeChallengeMethod,
    /// As sent
    pub challenge: String,
}

impl CodeChallenge {
    /// Reads a challenge: 43 characters of base64url for S256 (SEC-025), the syntax of a verifier
    /// for `plain`.
    pub fn parse(method: CodeChallengeMethod, challenge: &str) -> Option<Self> {
        let holds = match method {
            CodeChallengeMethod::S256 => {
                BASE64_URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|bytes| bytes.len() == 32)
            }
            CodeChallengeMethod::Plain => is_verifier(challenge),
        };
        holds.then(|| Self { method, challenge: challenge.to_owned() })
    }

    /// Whether the verifier is the one that the challenge was made of (RFC 7636 §4.6), compared in
    /// constant time (SEC-050).
    pub fn is_met(&self, verifier: &str) -> bool {
        if !is_verifier(verifier) {
            return false;
        }
        let transformed = match self.method {
            CodeChallengeMethod::S256 => BASE64_URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())),
            CodeChallengeMethod::Plain => verifier.to_owned(),
        };
        SecretDigest::of(&transformed) == SecretDigest::of(&self.challenge)
    }
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// What is presented beside the code.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// By whom: authenticated, or a public client that named itself
    pub client: &'a ClientId,
    /// Of the whole code
    pub digest: SecretDigest,
    /// RFC 6749 §4.1.3
    pub redirect_uri: Option<&'a str>,
    /// RFC 7636 §4.5
    pub verifier: Option<&'a str>,
}

/// What comes of a presented code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// It is good: spend it, and give what it stands for
    Good(Box<AuthorizationCode>),
    /// It came a second time from its client: what it bought is dead (SEC-046)
    Replayed(Box<AuthorizationCode>),
    /// The verifier was wrong: the code is spent, since somebody guesses (SEC-048)
    Burnt(CodeRefusal),
    /// Nothing, and nothing changes
    Refused(CodeRefusal),
}

/// Why a code is worth nothing. The client hears `invalid_grant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// Not one of ours, or gone
    #[error("unknown code")]
    Unknown,
    /// SEC-048
    #[error("the code was issued to another client")]
    IssuedToAnother,
    /// SEC-045
    #[error("the code has expired")]
    Expired,
    /// SEC-046
    #[error("the code was used before")]
    Replayed,
    /// RFC 6749 §4.1.3
    #[error("redirect_uri is not the one of the request")]
    OtherRedirect,
    /// RFC 7636 §4.6
    #[error("code_verifier is missing or wrong")]
    WrongVerifier,
    /// RFC 9700 §4.8.2: a verifier without a challenge was stripped of it (SEC-026)
    #[error("code_verifier came for a request without code_challenge")]
    UnaskedVerifier,
    /// The session was ended between authorization and redemption (SEC-051)
    #[error("the session has ended")]
    SessionEnded,
}

/// Judges a presented code that was claimed by this request.
///
/// Whoever is not its client changes nothing: the code still works for the right one (SEC-048).
pub fn redeem(found: Option<&SingleUse>, presented: &Presented<'_>, now: Timestamp) -> Redemption {
    use CodeRefusal as Why;
    let known = found.filter(|found| found.digest == presented.digest);
    let Some(found) = known else { return Redemption::Refused(Why::Unknown) };
    let Ok(code) = found.decode::<AuthorizationCode>() else {
        return Redemption::Refused(Why::Unknown);
    };
    if code.client != *presented.client {
        return Redemption::Refused(Why::IssuedToAnother);
    }
    if found.spent.is_some() {
        return Redemption::Replayed(Box::new(code));
    }
    if now >= found.expires {
        return Redemption::Refused(Why::Expired);
    }
    if code.redirect_uri.as_deref() != presented.redirect_uri {
        return Redemption::Refused(Why::OtherRedirect);
    }
    match (&code.challenge, presented.verifier) {
        (None, None) => {}
        (None, Some(_)) => return Redemption::Refused(Why::UnaskedVerifier),
        (Some(challenge), Some(verifier)) if challenge.is_met(verifier) => {}
        (Some(_), _) => return Redemption::Burnt(Why::WrongVerifier),
    }
    Redemption::Good(Box::new(code))
}

#[cfg(test)]
mod tests;
