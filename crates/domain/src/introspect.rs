//! What may be said about a token, and to whom. RFC 7662 §2.1, §4.

use grantor_oauth_types::introspection::Introspection;

use crate::client::Client;
use crate::issue::AccessToken;

/// Whether a client may learn about a token: it is an audience of it, or the token is its own
/// (SEC-103). Everybody else hears that it is not active.
pub fn may_introspect(caller: &Client, token: &AccessToken) -> bool {
    token.client.as_ref() == Some(&caller.id)
        || token.audiences.iter().any(|audience| caller.audiences.contains(audience))
}

/// What the resource server of a token hears. RFC 7662 §2.2.
pub fn describe(token: &AccessToken, issuer: &str) -> Introspection {
    Introspection {
        active: true,
        scope: Some(token.scopes.to_string()),
        client_id: token.client.as_ref().map(ToString::to_string),
        username: token.username.clone(),
        token_type: Some("Bearer".to_owned()),
        exp: Some(token.exp),
        iat: Some(token.iat),
        sub: Some(token.sub.clone()),
        aud: token.audiences.clone(),
        iss: Some(issuer.to_owned()),
        jti: token.jti.clone(),
        realm: token.realm.as_ref().map(grantor_oauth_types::name::RealmName::with_slash),
    }
}
