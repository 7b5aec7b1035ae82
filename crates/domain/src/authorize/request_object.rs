//! Request objects: an authorization request as a JWT that the client signed. RFC 9101, OIDC Core
//! §6.1; SEC-032.
//!
//! Only what is inside counts (RFC 9101 §6.3). A client that is switched to the older rules of OIDC
//! Core §6.1 (`compat.core_request_object`) may leave out the claims of the JWT, and what is missing
//! inside is looked for outside.

use grantor_crypto::jwk::JwkSet;
use grantor_crypto::jws::parse_compact;
use grantor_crypto::jwt::Claims;
use grantor_crypto::key::VerifyingKey;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use jiff::Timestamp;
use serde_json::Value;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::Complaint;
use crate::client::Client;
use crate::params::Params;

/// How far ahead it may end, in seconds.
const LONGEST_LIFE: i64 = 600;

/// How old it may be, in seconds (FAPI 2.0 Message Signing §5.3.1).
const OLDEST: i64 = 3_600;

/// Leeway for clocks, in seconds (SEC-087).
const LEEWAY: i64 = 30;

/// Claims of the JWT itself, which are no parameters.
const OWN: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// What a request object is held against.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// Whose it must be
    pub client: &'a Client,
    /// For whom it must be
    pub issuer: &'a str,
    /// When
    pub now: Timestamp,
}

/// A request object that was read.
#[derive(Debug)]
pub struct Read {
    /// What it asks for
    pub params: Params,
    /// Whether the client signed it
    pub signed: bool,
}

/// Reads a request object. `outside` is what came beside it.
pub fn read(
    compact: &str,
    outside: &Params,
    keys: &JwkSet,
    against: Against<'_>,
) -> Result<Read, Complaint> {
    let (payload, signed) = match signed_payload(compact, keys, against.client) {
        Some(payload) => (payload, true),
        None => (
            unsigned_payload(compact, against.client)
                .ok_or(bad("it is not signed by a key of the client"))?,
            false,
        ),
    };
    let claims = Claims::parse(&payload).map_err(|_| bad("its claims cannot be read"))?;
    check(&claims, signed, against)?;
    let mut params = Params::default();
    for (name, value) in &claims.all {
        if name == "request" || name == "request_uri" {
            return Err(bad("a request object holds no other one"));
        }
        if !OWN.contains(&name.as_str()) {
            put(&mut params, name, value)?;
        }
    }
    params.take("client_id");
    if against.client.compat.core_request_object {
        complete(&mut params, outside)?;
    }
    Ok(Read { params, signed })
}

/// OIDC Core §6.1: what is outside agrees about `response_type`, says that it is a request of OpenID
/// Connect, and fills in what is missing inside.
fn complete(params: &mut Params, outside: &Params) -> Result<(), Complaint> {
    let inside = params.peek("response_type");
    if inside.is_some() && outside.peek("response_type").is_some_and(|o| inside != Some(o)) {
        return Err(bad("response_type inside and outside differ"));
    }
    let openid = |scope: &str| scope.split(' ').any(|one| one == "openid");
    if params.peek("scope").is_some_and(openid) && !outside.peek("scope").is_none_or(openid) {
        return Err(bad("the scope outside lacks openid"));
    }
    let named: Vec<&str> = params.pairs().map(|(name, _)| name).collect();
    let missing = outside.pairs().filter(|(name, _)| !named.contains(name));
    let missing: Vec<(String, String)> =
        missing.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, value) in missing {
        params.put(&name, value).map_err(|_| bad("a parameter beside it is malformed"))?;
    }
    Ok(())
}

fn bad(words: &'static str) -> Complaint {
    Complaint::new(AuthorizeErrorCode::InvalidRequestObject, words)
}

/// Key and algorithm come from the registration; a `kid` only chooses among them.
fn signed_payload(compact: &str, keys: &JwkSet, client: &Client) -> Option<Vec<u8>> {
    let header = parse_compact(compact).ok()?.header;
    let registered = client.authorization.request_object_signing_alg;
    let fits = !client.authorization.request_object_unsigned
        && registered.is_none_or(|alg| alg == header.alg)
        && header.typ.as_deref().is_none_or(is_request_object_typ);
    if !fits {
        return None;
    }
    let named = |kid: Option<&str>| match (&header.kid, kid) {
        (Some(kid), Some(known)) => kid == known,
        _ => true,
    };
    let keys = keys.keys().iter().filter(|jwk| named(jwk.kid()));
    let keys = keys.filter_map(|jwk| VerifyingKey::from_jwk_for(jwk, header.alg).ok());
    let mut payloads = keys.filter_map(|key| parse_compact(compact).ok()?.verify(&key).ok());
    payloads.next()
}

/// RFC 9101 §10.8; a client assertion says what it is, and this is something else (SEC-082).
fn is_request_object_typ(typ: &str) -> bool {
    ["JWT", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"]
        .iter()
        .any(|known| typ.eq_ignore_ascii_case(known))
}

/// `compat.unsigned_request`: `alg: none`, an empty signature, and no algorithm registered.
fn unsigned_payload(compact: &str, client: &Client) -> Option<Vec<u8>> {
    let may = client.compat.unsigned_request
        && client.authorization.request_object_signing_alg.is_none()
        && !client.authorization.require_signed_request;
    let (header, rest) = compact.split_once('.').filter(|_| may && compact.len() <= 16_384)?;
    let payload = rest.strip_suffix('.').filter(|payload| !payload.contains('.'))?;
    let header =
        grantor_crypto::json::parse_strict_object(&BASE64_URL_SAFE_NO_PAD.decode(header).ok()?)
            .ok()?;
    (header.get("alg").and_then(Value::as_str) == Some("none")).then_some(())?;
    BASE64_URL_SAFE_NO_PAD.decode(payload).ok()
}

/// RFC 9101 §4, §10.8: it is this client's, for us, and of now.
fn check(claims: &Claims, signed: bool, against: Against<'_>) -> Result<(), Complaint> {
    let (all, id) = (&claims.registered, against.client.id.as_str());
    let now = against.now.as_second();
    // OIDC Core §6.1 has these where it advises them, but what is there is right.
    let strict = signed && !against.client.compat.core_request_object;
    if claims.text("client_id").or((!strict).then_some(id)) != Some(id) {
        return Err(bad("client_id inside is not that of the client"));
    }
    // RFC 9101 §10.8: else a client assertion could be read as one.
    if all.sub.as_deref() == Some(id) {
        return Err(bad("sub is the client: it is another kind of JWT"));
    }
    if all.iss.as_deref().or((!strict).then_some(id)) != Some(id) {
        return Err(bad("iss is not the client"));
    }
    let for_us = all.aud.as_ref().map(|aud| aud.contains(against.issuer));
    if !for_us.unwrap_or(!strict) {
        return Err(bad("aud is not this issuer"));
    }
    match all.exp {
        None if strict => return Err(bad("exp is missing")),
        Some(exp) if exp <= now - LEEWAY => return Err(bad("it has expired")),
        Some(exp) if exp > now + LONGEST_LIFE + LEEWAY => {
            return Err(bad("exp is more than ten minutes ahead"));
        }
        _ => {}
    }
    if all.nbf.is_some_and(|nbf| nbf > now + LEEWAY)
        || all.iat.is_some_and(|iat| iat > now + LEEWAY)
    {
        return Err(bad("it is from the future"));
    }
    if all.nbf.is_some_and(|nbf| nbf < now - OLDEST) {
        return Err(bad("it is too old"));
    }
    Ok(())
}

/// A claim as the parameter that it stands for (RFC 9101 §4).
fn put(params: &mut Params, name: &str, value: &Value) -> Result<(), Complaint> {
    let mut add = |text: String| {
        params.put(name, text).map_err(|_| bad("a parameter inside comes twice or is malformed"))
    };
    match value {
        Value::Null => Ok(()),
        Value::String(text) => add(text.clone()),
        Value::Number(_) | Value::Bool(_) | Value::Object(_) => add(value.to_string()),
        Value::Array(items) => items.iter().try_for_each(|item| match item.as_str() {
            Some(text) => add(text.to_owned()),
            None => Err(bad("a parameter inside is malformed")),
        }),
    }
}

#[cfg(test)]
mod tests;
