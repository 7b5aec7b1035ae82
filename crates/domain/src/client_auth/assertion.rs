//! `private_key_jwt`: a client assertion. RFC 7523 §3, with the single audience of rfc7523bis.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jwk::JwkSet;
use grantor_crypto::jws::parse_compact;
use grantor_crypto::jwt::{AudienceClaim, Claims};
use grantor_crypto::key::VerifyingKey;
use grantor_oauth_types::client_auth::CLIENT_ASSERTION_TYPE;
use grantor_oauth_types::name::ClientId;
use jiff::Timestamp;

use super::{AuthContext, ClientRefusal, PresentError};
use crate::client::Client;
use crate::params::{ParamError, Params};

/// An assertion lives at most this long ahead, in seconds, so that the replay memory stays bounded
/// (SEC-057).
const LONGEST_LIFE: i64 = 300;

/// Where clients authenticate that know the older rule, below the issuer: the token endpoint, pushed
/// requests (RFC 9126 §2), revocation, and for resource servers introspection (`campus.md` 8.2).
const ENDPOINTS: [&str; 4] =
    ["/oauth2/token", "/oauth2/par", "/oauth2/revoke", "/oauth2/introspect"];

/// Leeway for clocks, in seconds (SEC-087).
const LEEWAY: i64 = 30;

/// A client assertion as presented: only its `sub` was looked at, to know whose keys to try.
#[derive(Debug)]
pub struct Assertion {
    compact: String,
    client: ClientId,
}

impl Assertion {
    /// Takes the pair of parameters of RFC 7521 §4.2.
    pub(super) fn take(params: &mut Params) -> Result<Option<Self>, PresentError> {
        let kind = params.take("client_assertion_type");
        let compact = params.take("client_assertion");
        match (kind, compact) {
            (None, None) => Ok(None),
            (Some(kind), Some(compact)) if kind == CLIENT_ASSERTION_TYPE => {
                let client = claimed_client(&compact).ok_or(ClientRefusal::Malformed)?;
                Ok(Some(Self { compact, client }))
            }
            (Some(_), Some(_)) => Err(ParamError::Malformed("client_assertion_type").into()),
            (None, Some(_)) => Err(ParamError::Missing("client_assertion_type").into()),
            (Some(_), None) => Err(ParamError::Missing("client_assertion").into()),
        }
    }

    /// Whose assertion it says it is.
    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    /// Checks everything but the replay; returns what to remember and until when.
    pub(super) fn verify(
        &self,
        client: &Client,
        keys: &JwkSet,
        context: AuthContext<'_>,
    ) -> Result<(Vec<u8>, Timestamp), ClientRefusal> {
        let refused = ClientRefusal::BadAssertion;
        let (payload, alg) = self.signed_payload(keys)?;
        // OIDC Registration §2: MUST be rejected, if it is not signed with this algorithm.
        if client.token_endpoint_auth_signing_alg.is_some_and(|registered| registered != alg) {
            return Err(refused("it is not signed with the registered algorithm"));
        }
        let claims = Claims::parse(&payload).map_err(|_| refused("its claims cannot be read"))?;
        let (all, now) = (&claims.registered, context.now.as_second());
        let own = Some(client.id.as_str());
        if all.iss.as_deref() != own || all.sub.as_deref() != own {
            return Err(refused("iss and sub are the client_id"));
        }
        if !is_for_us(all.aud.as_ref(), client, context.issuer) {
            return Err(refused(match client.compat.assertion_audience {
                true => "aud is the issuer, or the URL of an endpoint where clients authenticate",
                false => "aud is the issuer, as a single string",
            }));
        }
        let exp = all.exp.ok_or(refused("exp is missing"))?;
        if exp <= now - LEEWAY {
            return Err(refused("it has expired"));
        }
        if exp > now + LONGEST_LIFE + LEEWAY {
            return Err(refused("exp is more than five minutes ahead"));
        }
        if all.iat.is_some_and(|iat| iat > now + LEEWAY)
            || all.nbf.is_some_and(|nbf| nbf > now + LEEWAY)
        {
            return Err(refused("it is from the future"));
        }
        let jti = all.jti.as_deref().filter(|jti| !jti.is_empty() && jti.len() <= 256);
        let jti = jti.ok_or(refused("jti is missing or too long"))?;
        let mark = format!("{} {} {jti}", client.tenant, client.id).into_bytes();
        let until = Timestamp::from_second(exp + LEEWAY + 1);
        Ok((mark, until.map_err(|_| refused("exp cannot be represented"))?))
    }

    /// The payload and what it is signed with, if a registered key signed it. Key and algorithm come from the registration
    /// (SEC-072…076); a `kid` only chooses among them.
    fn signed_payload(&self, keys: &JwkSet) -> Result<(Vec<u8>, Algorithm), ClientRefusal> {
        // What is wrong so far is told to nobody, who may not be the client at all (SEC-056).
        let parse = || parse_compact(&self.compact).map_err(|_| ClientRefusal::WrongKey);
        let header = parse()?.header;
        if !header.typ.as_deref().is_none_or(is_assertion_typ) {
            return Err(ClientRefusal::WrongKey);
        }
        for jwk in keys.keys() {
            let named = match (&header.kid, jwk.kid()) {
                (Some(kid), Some(known)) => kid == known,
                _ => true,
            };
            if !named {
                continue;
            }
            // Fails where the algorithm is not that of the key (SEC-074).
            let Ok(key) = VerifyingKey::from_jwk_for(jwk, header.alg) else { continue };
            if let Ok(payload) = parse()?.verify(&key) {
                return Ok((payload, header.alg));
            }
        }
        Err(ClientRefusal::WrongKey)
    }
}

/// One string, the issuer: an array or another URL would let a hostile server relay it. A client that
/// is switched to the older rule (`compat.assertion_audience`) may name an endpoint of ours, and others
/// besides (OIDC Core §9, RFC 7523 §3; trap 58).
fn is_for_us(aud: Option<&AudienceClaim>, client: &Client, issuer: &str) -> bool {
    match aud {
        Some(AudienceClaim::One(aud)) if aud == issuer => true,
        Some(aud) if client.compat.assertion_audience => {
            let named = |endpoint| aud.contains(&format!("{issuer}{endpoint}"));
            aud.contains(issuer) || ENDPOINTS.into_iter().any(named)
        }
        _ => false,
    }
}

/// An assertion says `JWT`, what RFC 7523bis gives it, or nothing: a token of another kind that the
/// client's key signed is none (SEC-082).
fn is_assertion_typ(typ: &str) -> bool {
    ["JWT", "client-authentication+jwt", "application/client-authentication+jwt"]
        .iter()
        .any(|known| typ.eq_ignore_ascii_case(known))
}

fn claimed_client(compact: &str) -> Option<ClientId> {
    let token = parse_compact(compact).ok()?;
    let claims = Claims::parse(token.unverified_payload()).ok()?;
    ClientId::parse(claims.registered.sub.as_deref()?).ok()
}
