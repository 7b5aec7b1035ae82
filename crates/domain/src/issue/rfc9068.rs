//! The default profile. RFC 9068 §2.2, §4.

use std::borrow::Cow;

use grantor_oauth_types::confirmation::Confirmation;
use grantor_oauth_types::id::{GrantId, SessionId};
use grantor_oauth_types::name::{ClientId, RealmName};
use grantor_oauth_types::scope::Scopes;
use serde::{Deserialize, Serialize};

use super::{AccessToken, Seconds, Unreadable, check_start, said};
use crate::client::TokenProfile;

/// The claims, in the order in which they are written. Duplicates and wrong types do not read
/// (SEC-079, SEC-080); a required claim that is missing does not either (SEC-081).
#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    aud: Audience,
    exp: Seconds,
    iat: Seconds,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    scope: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    realm: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gid: Option<GrantId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::bound")]
    cnf: Option<Confirmation>,
    #[serde(default, skip_serializing, deserialize_with = "super::not_before")]
    nbf: Option<Seconds>,
}

/// RFC 7519 §4.1.3: one string, or an array of them.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

pub(super) fn write(token: &AccessToken, issuer: &str) -> Vec<u8> {
    let claims = Claims {
        iss: issuer.into(),
        sub: token.sub.as_str().into(),
        aud: match token.audiences.as_slice() {
            [one] => Audience::One(one.clone()),
            many => Audience::Many(many.to_vec()),
        },
        exp: Seconds(token.exp),
        iat: Seconds(token.iat),
        jti: token.jti.as_deref().unwrap_or_default().into(),
        client_id: token.client.as_ref().map_or("", ClientId::as_str).into(),
        scope: token.scopes.to_string().into(),
        realm: token.realm.as_ref().map(|realm| realm.with_slash().into()),
        gid: token.gid,
        sid: token.sid,
        cnf: token.cnf,
        nbf: None,
    };
    let mut payload = Vec::with_capacity(384);
    serde_json::to_writer(&mut payload, &claims).expect("a Vec takes every byte");
    payload
}

pub(super) fn read(payload: &[u8], issuer: &str) -> Result<AccessToken, Unreadable> {
    let claims: Claims<'_> =
        serde_json::from_slice(payload).map_err(|_| Unreadable("its claims do not read"))?;
    if claims.iss != issuer {
        return Err(Unreadable("it is from another issuer"));
    }
    check_start(claims.iat, claims.nbf)?;
    let realm = claims.realm.as_deref().map(RealmName::parse_lenient).transpose();
    Ok(AccessToken {
        profile: TokenProfile::Rfc9068,
        sub: said(&claims.sub)?,
        username: None,
        realm: realm.map_err(|_| Unreadable("its realm does not read"))?,
        client: Some(
            ClientId::parse(&claims.client_id)
                .map_err(|_| Unreadable("its client does not read"))?,
        ),
        scopes: Scopes::parse(&claims.scope).map_err(|_| Unreadable("its scope does not read"))?,
        audiences: match claims.aud {
            Audience::One(one) => vec![said(&one)?],
            Audience::Many(many) if many.is_empty() => return Err(Unreadable("it is for nobody")),
            Audience::Many(many) => many,
        },
        iat: claims.iat.0,
        exp: claims.exp.0,
        jti: Some(said(&claims.jti)?),
        gid: claims.gid,
        sid: claims.sid,
        cnf: claims.cnf,
    })
}
