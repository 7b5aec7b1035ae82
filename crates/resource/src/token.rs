//! What a verified signature is worth: the token profiles. Pure.
//!
//! | Profile   | `typ`    | `iss`      | `aud`        | `scope`          | `realm`     |
//! |-----------|----------|------------|--------------|------------------|-------------|
//! | `rfc9068` | `at+jwt` | the issuer | one of ours  | space-delimited  | may be there|
//! | `stups`   | none     | `B`        | none         | array of strings | `/services` |
//!
//! RFC 9068 §2.2 and §4; `stups.md` 2.9.

use grantor_crypto::jwt::{Audience, ClaimError, Claims, Rules};
use grantor_oauth_types::confirmation::{CertificateThumbprint, Confirmation};
use grantor_oauth_types::name::RealmName;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use serde::Deserialize as _;
use serde_json::Value;

use crate::caller::Verified;
use crate::refusal::TokenFault;

/// The `typ` of RFC 9068 §2.1.
const ACCESS_TOKEN_TYP: &str = "at+jwt";
/// The constant issuer of STUPS tokens.
const STUPS_ISSUER: &str = "B";

/// What this resource server takes.
#[derive(Clone, Debug)]
pub(crate) struct Acceptance {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) stups: bool,
    /// Seconds, at most 60 (SEC-087)
    pub(crate) leeway: i64,
}

impl Acceptance {
    /// Judges a payload whose signature was one of the issuer's; `typ` is that of its header.
    pub(crate) fn judge(
        &self,
        typ: Option<&str>,
        payload: &[u8],
        now: i64,
    ) -> Result<Verified, TokenFault> {
        let claims = Claims::parse(payload)?;
        match typ {
            // RFC 9068 §4; STUPS tokens carry no type, and every other kind of token carries its own.
            None if self.stups => self.stups(claims, now),
            None => Err(TokenFault::Kind),
            Some(typ) => self.rfc9068(claims, typ, now),
        }
    }

    fn rfc9068(&self, claims: Claims, typ: &str, now: i64) -> Result<Verified, TokenFault> {
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        let rules = Rules {
            issuer: Some(&self.issuer),
            audience: Audience::OneOf(&audiences),
            typ: Some(ACCESS_TOKEN_TYP),
            leeway: self.leeway,
            required: &["iss", "exp", "aud", "sub", "iat", "client_id", "jti"],
            now,
        };
        claims.check(Some(typ), &rules)?;
        filled(&claims, "jti")?;
        let client_id = Some(filled(&claims, "client_id")?);
        let scopes = match claims.get("scope") {
            None => Scopes::EMPTY,
            Some(Value::String(text)) => scopes(text.split(' ').filter(|one| !one.is_empty()))?,
            Some(_) => return Err(TokenFault::Claims),
        };
        let realm = realm(&claims)?;
        verified(claims, realm, client_id, scopes)
    }

    fn stups(&self, claims: Claims, now: i64) -> Result<Verified, TokenFault> {
        let rules = Rules {
            issuer: Some(STUPS_ISSUER),
            leeway: self.leeway,
            required: &["sub", "realm", "scope", "iat", "exp"],
            ..Rules::at(now)
        };
        claims.check(None, &rules)?;
        // They are for everybody; one that says otherwise means it.
        if claims.registered.aud.is_some() {
            self.is_for_us(&claims)?;
        }
        let Some(Value::Array(list)) = claims.get("scope") else { return Err(TokenFault::Claims) };
        let list: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        let scopes = scopes(list.ok_or(TokenFault::Claims)?.into_iter())?;
        let client_id = match claims.get("azp") {
            None => None,
            Some(_) => Some(filled(&claims, "azp")?),
        };
        let realm = stups_realm(&claims)?;
        verified(claims, realm, client_id, scopes)
    }

    /// Judges what introspection says about an active token. RFC 7662 §2.2: most members are
    /// optional, but what is there must fit.
    pub(crate) fn judge_introspection(
        &self,
        claims: Claims,
        now: i64,
    ) -> Result<Verified, TokenFault> {
        let issuers = [self.issuer.as_str(), STUPS_ISSUER];
        let issuers = if self.stups { &issuers[..] } else { &issuers[..1] };
        if claims.registered.iss.as_deref().is_some_and(|iss| !issuers.contains(&iss)) {
            return Err(TokenFault::Issuer);
        }
        let rules = Rules { leeway: self.leeway, required: &["sub"], ..Rules::at(now) };
        claims.check(None, &rules)?;
        if claims.registered.aud.is_some() || !self.stups {
            self.is_for_us(&claims)?;
        }
        match claims.get("token_type") {
            None => {}
            Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
            Some(_) => return Err(TokenFault::Kind),
        }
        let scopes = match claims.get("scope") {
            None => Scopes::EMPTY,
            Some(Value::String(text)) => scopes(text.split(' ').filter(|one| !one.is_empty()))?,
            Some(_) => return Err(TokenFault::Claims),
        };
        let client_id = match claims.get("client_id") {
            None => None,
            Some(_) => Some(filled(&claims, "client_id")?),
        };
        let realm = realm(&claims)?;
        verified(claims, realm, client_id, scopes)
    }

    /// RFC 9068 §4, SEC-083: one of the audiences is exactly one of ours.
    fn is_for_us(&self, claims: &Claims) -> Result<(), TokenFault> {
        let audience = claims.registered.aud.as_ref().ok_or(TokenFault::Audience)?;
        let ours = self.audiences.iter().any(|our| audience.contains(our));
        ours.then_some(()).ok_or(TokenFault::Audience)
    }

    /// Whether a token that was good once has ended since.
    pub(crate) fn has_expired(&self, token: &Verified, now: i64) -> bool {
        token.expires_at.is_some_and(|exp| now >= exp.saturating_add(self.leeway))
    }
}

fn verified(
    claims: Claims,
    realm: Option<RealmName>,
    client_id: Option<String>,
    scopes: Scopes,
) -> Result<Verified, TokenFault> {
    let bound = bound(&claims)?;
    Ok(Verified {
        subject: filled(&claims, "sub")?,
        realm,
        client_id,
        scopes,
        issued_at: claims.registered.iat,
        expires_at: claims.registered.exp,
        bound,
        claims: claims.all,
    })
}

/// RFC 8705 §3.1. A bound token is not a bearer token, so one that is bound in a way that is not known
/// here, or in two, counts for nobody (RFC 9449 §7.2).
fn bound(claims: &Claims) -> Result<Option<CertificateThumbprint>, TokenFault> {
    let Some(cnf) = claims.all.get("cnf") else { return Ok(None) };
    let cnf = Confirmation::deserialize(cnf).map_err(|_| TokenFault::Bound)?;
    Ok(Some(cnf.certificate))
}

/// A claim that is a string and says something.
fn filled(claims: &Claims, name: &str) -> Result<String, TokenFault> {
    let text = claims.text(name).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(TokenFault::Claims)
}

fn scopes<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Scopes, TokenFault> {
    texts.map(|text| ScopeToken::parse(text).map_err(|_| TokenFault::Claims)).collect()
}

/// With slash or without: both are in use.
fn realm(claims: &Claims) -> Result<Option<RealmName>, TokenFault> {
    match claims.get("realm") {
        None => Ok(None),
        Some(Value::String(text)) => {
            RealmName::parse_lenient(text).map(Some).map_err(|_| TokenFault::Claims)
        }
        Some(_) => Err(TokenFault::Claims),
    }
}

/// STUPS tokens always have the claim; of a client that speaks for itself it is empty, and such a
/// client owns nothing (SEC-059).
fn stups_realm(claims: &Claims) -> Result<Option<RealmName>, TokenFault> {
    if claims.text("realm") == Some("") { Ok(None) } else { realm(claims) }
}

impl From<ClaimError> for TokenFault {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Json | ClaimError::Malformed(_) | ClaimError::Missing(_) => Self::Claims,
            ClaimError::Type => Self::Kind,
            ClaimError::Issuer => Self::Issuer,
            ClaimError::Audience => Self::Audience,
            ClaimError::Expired => Self::Expired,
            ClaimError::NotYetValid | ClaimError::IssuedInFuture => Self::NotYetValid,
        }
    }
}

#[cfg(test)]
mod tests;
