//! The STUPS profile, as Plan B writes it: compact, and nothing else in it (`stups.md` 2.9).

use std::borrow::Cow;

use grantor_oauth_types::confirmation::Confirmation;
use grantor_oauth_types::id::GrantId;
use grantor_oauth_types::name::{ClientId, RealmName};
use grantor_oauth_types::scope::Scopes;
use serde::{Deserialize, Serialize};

use super::{AccessToken, Seconds, Unreadable, check_start, said};
use crate::client::TokenProfile;

/// The constant issuer of Plan B.
const ISSUER: &str = "B";

/// The scope that puts the client into the token.
const AZP: &str = "azp";

/// The claims, in the order of the reference. `gid` is ours, and only in tokens of a grant.
#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    realm: Cow<'a, str>,
    scope: Cow<'a, Scopes>,
    #[serde(borrow)]
    iss: Cow<'a, str>,
    iat: Seconds,
    exp: Seconds,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    azp: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gid: Option<GrantId>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::bound")]
    cnf: Option<Confirmation>,
    #[serde(default, skip_serializing, deserialize_with = "super::not_before")]
    nbf: Option<Seconds>,
}

pub(super) fn write(token: &AccessToken) -> Vec<u8> {
    let client = token.client.as_ref().filter(|_| token.scopes.contains(AZP));
    let claims = Claims {
        sub: token.sub.as_str().into(),
        realm: token.realm.as_ref().map(RealmName::with_slash).unwrap_or_default().into(),
        scope: Cow::Borrowed(&token.scopes),
        iss: ISSUER.into(),
        iat: Seconds(token.iat),
        exp: Seconds(token.exp),
        azp: client.map(|client| client.as_str().into()),
        gid: token.gid,
        cnf: token.cnf,
        nbf: None,
    };
    let mut payload = Vec::with_capacity(192);
    serde_json::to_writer(&mut payload, &claims).expect("a Vec takes every byte");
    payload
}

/// The member is always there. A client that speaks for itself is in no realm, and no API that
/// compares realms may take it for a user of one (SEC-059).
fn realm(text: &str) -> Result<Option<RealmName>, Unreadable> {
    let realm = Some(text).filter(|text| !text.is_empty()).map(RealmName::parse_lenient);
    realm.transpose().map_err(|_| Unreadable("its realm does not read"))
}

pub(super) fn read(payload: &[u8]) -> Result<AccessToken, Unreadable> {
    let claims: Claims<'_> =
        serde_json::from_slice(payload).map_err(|_| Unreadable("its claims do not read"))?;
    if claims.iss != ISSUER {
        return Err(Unreadable("it is from another issuer"));
    }
    check_start(claims.iat, claims.nbf)?;
    let client = claims.azp.as_deref().map(ClientId::parse).transpose();
    Ok(AccessToken {
        profile: TokenProfile::Stups,
        username: Some(said(&claims.sub)?),
        sub: claims.sub.into_owned(),
        realm: realm(&claims.realm)?,
        client: client.map_err(|_| Unreadable("its client does not read"))?,
        scopes: claims.scope.into_owned(),
        audiences: Vec::new(),
        iat: claims.iat.0,
        exp: claims.exp.0,
        jti: None,
        gid: claims.gid,
        sid: None,
        cnf: claims.cnf,
    })
}
