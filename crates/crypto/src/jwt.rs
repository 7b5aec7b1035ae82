//! Claims, RFC 7519, and the rules they are held against. Pure: `now` is an argument.

use serde_json::{Map, Value};

use crate::json::parse_strict_object;

/// The leeway in seconds when nothing else is said (SEC-087).
pub const DEFAULT_LEEWAY: i64 = 30;
/// The most leeway that is ever applied, in seconds (SEC-087).
pub const MAX_LEEWAY: i64 = 60;

/// 9999-12-30T22:00:00Z, the last second that our time type holds.
const LAST_SECOND: i64 = 253_402_207_200;

/// Why claims are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The payload is not one JSON object without duplicate members (SEC-079).
    #[error("the claims are not strict JSON")]
    Json,
    /// A registered claim has the wrong type or a value that cannot be (SEC-080).
    #[error("the claim {0:?} is malformed")]
    Malformed(&'static str),
    /// A required claim is missing (SEC-081).
    #[error("the claim {0:?} is missing")]
    Missing(String),
    /// The token is of another kind (SEC-082).
    #[error("the token is of another type")]
    Type,
    /// RFC 7519 §4.1.1
    #[error("the token is from another issuer")]
    Issuer,
    /// RFC 7519 §4.1.3
    #[error("the token is for another audience")]
    Audience,
    /// RFC 7519 §4.1.4
    #[error("the token has expired")]
    Expired,
    /// RFC 7519 §4.1.5
    #[error("the token is not valid yet")]
    NotYetValid,
    /// RFC 7519 §4.1.6
    #[error("the token was issued in the future")]
    IssuedInFuture,
}

/// Whom a token is for, RFC 7519 §4.1.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceClaim {
    /// One string.
    One(String),
    /// An array of strings.
    Many(Vec<String>),
}

impl AudienceClaim {
    /// The audiences, however they were written.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Many(audiences) => audiences,
        }
    }

    /// Whether `audience` is among them, exactly (SEC-083).
    #[must_use]
    pub fn contains(&self, audience: &str) -> bool {
        self.as_slice().iter().any(|one| one == audience)
    }
}

/// The registered claims of RFC 7519 §4.1. A claim that is present is well-formed, or there is no
/// such value (SEC-080). Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisteredClaims {
    /// §4.1.1
    pub iss: Option<String>,
    /// §4.1.2
    pub sub: Option<String>,
    /// §4.1.3
    pub aud: Option<AudienceClaim>,
    /// §4.1.4
    pub exp: Option<i64>,
    /// §4.1.5
    pub nbf: Option<i64>,
    /// §4.1.6
    pub iat: Option<i64>,
    /// §4.1.7
    pub jti: Option<String>,
}

impl RegisteredClaims {
    /// Reads the registered claims out of all claims.
    pub fn from_members(members: &Map<String, Value>) -> Result<Self, ClaimError> {
        Ok(Self {
            iss: string(members, "iss")?,
            sub: string(members, "sub")?,
            aud: audience(members)?,
            exp: numeric_date(members, "exp")?,
            nbf: numeric_date(members, "nbf")?,
            iat: numeric_date(members, "iat")?,
            jti: string(members, "jti")?,
        })
    }
}

fn string(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, ClaimError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ClaimError::Malformed(name)),
    }
}

fn audience(members: &Map<String, Value>) -> Result<Option<AudienceClaim>, ClaimError> {
    let malformed = ClaimError::Malformed("aud");
    match members.get("aud") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(AudienceClaim::One(text.clone()))),
        Some(Value::Array(items)) => {
            let all = items.iter().map(|item| item.as_str().map(str::to_owned));
            let all: Option<Vec<String>> = all.collect();
            all.map(|all| Some(AudienceClaim::Many(all))).ok_or(malformed)
        }
        Some(_) => Err(malformed),
    }
}

/// A NumericDate, RFC 7519 §2: whole seconds, or a fraction that is cut off.
fn numeric_date(
    members: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, ClaimError> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let seconds = value.as_i64().or_else(|| value.as_f64().and_then(whole_seconds));
    match seconds {
        Some(seconds) if (0..=LAST_SECOND).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(ClaimError::Malformed(name)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below 2^53, as checked")]
fn whole_seconds(seconds: f64) -> Option<i64> {
    (0.0..9e15).contains(&seconds).then(|| seconds.trunc() as i64)
}

/// Whom a token must be for.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// The caller checks it.
    Any,
    /// At least one of these is among the audiences.
    OneOf(&'a [&'a str]),
    /// This and nothing else, and written as a string: assertions to us (SEC-057).
    Only(&'a str),
}

/// What a token must be like.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The exact issuer; `None` when the caller chose the keys by it and compared already.
    pub issuer: Option<&'a str>,
    /// Whom it must be for.
    pub audience: Audience<'a>,
    /// The `typ` of the header, compared without case and without `application/` (RFC 7515
    /// §4.1.9). `None`: any, or none.
    pub typ: Option<&'a str>,
    /// Seconds by which clocks may differ; at most [`MAX_LEEWAY`] count.
    pub leeway: i64,
    /// Claims that must be there, registered or not.
    pub required: &'a [&'a str],
    /// Seconds since 1970.
    pub now: i64,
}

impl Rules<'_> {
    /// Rules that ask for nothing but times that fit.
    #[must_use]
    pub const fn at(now: i64) -> Self {
        Self {
            issuer: None,
            audience: Audience::Any,
            typ: None,
            leeway: DEFAULT_LEEWAY,
            required: &[],
            now,
        }
    }
}

/// The claims of a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The registered ones, well-formed.
    pub registered: RegisteredClaims,
    /// All of them, the registered ones included.
    pub all: Map<String, Value>,
}

impl Claims {
    /// Reads a payload.
    pub fn parse(payload: &[u8]) -> Result<Self, ClaimError> {
        Self::from_members(parse_strict_object(payload).map_err(|_| ClaimError::Json)?)
    }

    /// Takes claims that were read strictly.
    pub fn from_members(all: Map<String, Value>) -> Result<Self, ClaimError> {
        Ok(Self { registered: RegisteredClaims::from_members(&all)?, all })
    }

    /// A claim by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }

    /// A claim by its name, if it is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Holds the claims, and the `typ` of the header, against `rules`.
    pub fn check(&self, typ: Option<&str>, rules: &Rules<'_>) -> Result<(), ClaimError> {
        let claims = &self.registered;
        if rules.typ.is_some_and(|wanted| !typ.is_some_and(|typ| same_type(typ, wanted))) {
            return Err(ClaimError::Type);
        }
        if let Some(name) = rules.required.iter().find(|name| !self.all.contains_key(**name)) {
            return Err(ClaimError::Missing((*name).to_owned()));
        }
        if rules.issuer.is_some_and(|issuer| claims.iss.as_deref() != Some(issuer)) {
            return Err(ClaimError::Issuer);
        }
        if !rules.audience.admits(claims.aud.as_ref()) {
            return Err(ClaimError::Audience);
        }
        check_times(claims, rules)
    }
}

/// Holds claims that were read strictly against `rules`; `typ` is that of the header.
pub fn check(claims: &Value, typ: Option<&str>, rules: &Rules<'_>) -> Result<Claims, ClaimError> {
    let members = claims.as_object().ok_or(ClaimError::Json)?;
    let claims = Claims::from_members(members.clone())?;
    claims.check(typ, rules)?;
    Ok(claims)
}

/// RFC 7519 §4.1.4 to §4.1.6, with one leeway for all three (SEC-087).
fn check_times(claims: &RegisteredClaims, rules: &Rules<'_>) -> Result<(), ClaimError> {
    let leeway = rules.leeway.clamp(0, MAX_LEEWAY);
    if claims.exp.is_some_and(|exp| rules.now >= exp.saturating_add(leeway)) {
        return Err(ClaimError::Expired);
    }
    let latest = rules.now.saturating_add(leeway);
    if claims.nbf.is_some_and(|nbf| nbf > latest) {
        return Err(ClaimError::NotYetValid);
    }
    if claims.iat.is_some_and(|iat| iat > latest) {
        return Err(ClaimError::IssuedInFuture);
    }
    Ok(())
}

impl Audience<'_> {
    fn admits(self, claim: Option<&AudienceClaim>) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(ours) => {
                claim.is_some_and(|claim| ours.iter().any(|our| claim.contains(our)))
            }
            Self::Only(our) => matches!(claim, Some(AudienceClaim::One(one)) if one == our),
        }
    }
}

/// Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn same_type(typ: &str, wanted: &str) -> bool {
    fn short(typ: &str) -> &str {
        match typ.split_at_checked(12) {
            Some((head, rest)) if head.eq_ignore_ascii_case("application/") => rest,
            _ => typ,
        }
    }
    short(typ).eq_ignore_ascii_case(short(wanted))
}

#[cfg(test)]
mod tests;
