//! The rules for ID tokens, one function without I/O. OIDC Core §3.1.3.7, §3.1.3.8, §12.2.

use std::fmt;

use grantor_crypto::jws::{self, Header};
use grantor_crypto::jwt::{Audience, Claims, DEFAULT_LEEWAY, Rules};
use grantor_crypto::key::VerifyingKey;
use grantor_crypto::{Algorithm, ct_eq, token_hash};
use serde_json::Value;

use crate::login::error::IdTokenError;
use crate::secret::Secret;

/// The algorithms that are taken unless the application says otherwise. Those with a shared secret
/// are not among them and cannot be (SEC-072, SEC-073).
pub(crate) const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa, Algorithm::Es384];

/// Who signed in: an ID token that was verified.
#[derive(Clone)]
pub struct IdToken {
    claims: Claims,
    text: Secret,
}

impl IdToken {
    /// `sub`: who, for ever and only together with the issuer. Names and addresses change.
    pub fn subject(&self) -> &str {
        self.claims.registered.sub.as_deref().unwrap_or_default()
    }

    /// `iss`.
    pub fn issuer(&self) -> &str {
        self.claims.registered.iss.as_deref().unwrap_or_default()
    }

    /// When the person signed in, in seconds since 1970, if the provider says so.
    pub fn auth_time(&self) -> Option<i64> {
        self.claims.get("auth_time").and_then(Value::as_i64)
    }

    /// Any claim.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.text(name)
    }

    /// Whether this token, from a refresh, goes on with the login of `before`. OIDC Core §12.2: same
    /// issuer and subject, same audience, the original `auth_time`, no other nonce.
    pub(crate) fn continues(&self, before: &Self) -> Result<(), IdTokenError> {
        let same = |name: &str| self.claims.get(name) == before.claims.get(name);
        let same_if_there = |name: &str| self.claims.get(name).is_none() || same(name);
        let registered = &self.claims.registered;
        let goes_on = registered.sub == before.claims.registered.sub
            && registered.iss == before.claims.registered.iss
            && same_if_there("auth_time")
            && same_if_there("nonce")
            && same("azp");
        if goes_on { Ok(()) } else { Err(IdTokenError::Continuity) }
    }

    /// The token itself, for `id_token_hint`. OIDC RP-Initiated Logout §2.
    pub fn reveal(&self) -> &str {
        self.text.reveal()
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdToken([redacted], {:?})", self.subject())
    }
}

/// What an ID token is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    /// Who else may be in `aud`
    pub(crate) trusted_audiences: &'a [String],
    pub(crate) algorithms: &'a [Algorithm],
    /// Seconds since 1970
    pub(crate) now: i64,
    pub(crate) occasion: Occasion<'a>,
    /// The access token that came with it
    pub(crate) access_token: Option<&'a str>,
}

/// Why there is a new ID token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occasion<'a> {
    /// Somebody signed in.
    Login {
        /// As sent; without `openid` none was
        nonce: Option<&'a str>,
        /// Seconds
        max_age: Option<i64>,
        acr: &'a [String],
    },
    /// A refresh. Whom it may be about is asked with [`IdToken::continues`].
    Refresh,
}

/// The header of a token that may be an ID token, with an algorithm that is taken.
pub(crate) fn header(text: &str, algorithms: &[Algorithm]) -> Result<Header, IdTokenError> {
    let parsed = jws::parse_compact(text).map_err(|error| match error {
        // `none`, HS256 and the unheard-of are the same here.
        jws::JwsError::Algorithm => IdTokenError::Algorithm("an unknown algorithm".to_owned()),
        error => error.into(),
    })?;
    // SEC-072: our list decides, not the token.
    if !algorithms.contains(&parsed.header.alg) {
        return Err(IdTokenError::Algorithm(parsed.header.alg.to_string()));
    }
    Ok(parsed.header)
}

/// Believes `text`, or says why not. `key` is the provider's key that the header names.
pub(crate) fn verify(
    text: &str,
    key: &VerifyingKey,
    expected: &Expected<'_>,
) -> Result<IdToken, IdTokenError> {
    let header = header(text, expected.algorithms)?;
    // SEC-082: another kind of token is not an ID token, whoever signed it.
    if let Some(typ) = &header.typ
        && !typ.eq_ignore_ascii_case("JWT")
    {
        return Err(grantor_crypto::jwt::ClaimError::Type.into());
    }
    // Point 6. The signature is always checked, though TLS would do in the code flow.
    let claims = Claims::parse(&jws::parse_compact(text)?.verify(key)?)?;
    // Points 2, 3, 9 and 10.
    claims.check(
        header.typ.as_deref(),
        &Rules {
            issuer: Some(expected.issuer),
            audience: Audience::OneOf(&[expected.client_id]),
            typ: None,
            leeway: DEFAULT_LEEWAY,
            required: &["iss", "sub", "aud", "exp", "iat"],
            now: expected.now,
        },
    )?;
    check_parties(&claims, expected)?;
    match expected.occasion {
        Occasion::Login { nonce, max_age, acr } => {
            check_nonce(&claims, nonce)?;
            check_auth_time(&claims, max_age, expected.now)?;
            check_acr(&claims, acr)?;
        }
        Occasion::Refresh => {}
    }
    check_access_token(&claims, header.alg, expected.access_token)?;
    Ok(IdToken { claims, text: text.into() })
}

/// Points 3, 4 and 5, and the form of the subject (§2).
fn check_parties(claims: &Claims, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let audiences = claims.registered.aud.as_ref().map_or(&[][..], |aud| aud.as_slice());
    let trusted = |audience: &String| {
        audience == expected.client_id || expected.trusted_audiences.contains(audience)
    };
    if !audiences.iter().all(trusted) {
        return Err(IdTokenError::UntrustedAudience);
    }
    match claims.get("azp") {
        // Several audiences need one that says for whom it was made.
        None if audiences.len() > 1 => return Err(IdTokenError::AuthorizedParty),
        Some(azp) if azp.as_str() != Some(expected.client_id) => {
            return Err(IdTokenError::AuthorizedParty);
        }
        _ => {}
    }
    let subject = claims.registered.sub.as_deref().unwrap_or_default();
    if subject.is_empty() || subject.len() > 255 || !subject.is_ascii() {
        return Err(IdTokenError::Subject);
    }
    Ok(())
}

/// Point 11.
fn check_nonce(claims: &Claims, sent: Option<&str>) -> Result<(), IdTokenError> {
    let Some(sent) = sent else { return Ok(()) };
    let nonce = claims.text("nonce").ok_or(IdTokenError::Nonce)?;
    if ct_eq(nonce.as_bytes(), sent.as_bytes()) { Ok(()) } else { Err(IdTokenError::Nonce) }
}

/// Point 13: with `max_age` the claim is REQUIRED (§2).
fn check_auth_time(claims: &Claims, max_age: Option<i64>, now: i64) -> Result<(), IdTokenError> {
    let claim = claims.get("auth_time");
    let at = claim.and_then(Value::as_i64);
    if claim.is_some() && at.is_none() {
        return Err(IdTokenError::AuthTime);
    }
    let Some(max_age) = max_age else { return Ok(()) };
    let at = at.ok_or(IdTokenError::AuthTime)?;
    let recent = now.saturating_sub(at) <= max_age.saturating_add(DEFAULT_LEEWAY);
    let past = at <= now.saturating_add(DEFAULT_LEEWAY);
    if recent && past { Ok(()) } else { Err(IdTokenError::AuthTime) }
}

/// Point 12.
fn check_acr(claims: &Claims, levels: &[String]) -> Result<(), IdTokenError> {
    let reached = |acr| levels.iter().any(|level| level == acr);
    if levels.is_empty() || claims.text("acr").is_some_and(reached) {
        return Ok(());
    }
    Err(IdTokenError::Acr)
}

/// §3.1.3.8; `at_hash` is optional here, and right when it is there.
fn check_access_token(
    claims: &Claims,
    alg: Algorithm,
    access_token: Option<&str>,
) -> Result<(), IdTokenError> {
    let Some(hash) = claims.get("at_hash") else { return Ok(()) };
    let Some(access_token) = access_token else { return Ok(()) };
    let right = token_hash(alg, access_token);
    if hash.as_str().is_some_and(|hash| ct_eq(hash.as_bytes(), right.as_bytes())) {
        return Ok(());
    }
    Err(IdTokenError::AccessTokenHash)
}

#[cfg(test)]
mod tests;
