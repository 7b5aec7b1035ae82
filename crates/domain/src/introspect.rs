//! What may be said about a token, and to whom. RFC 7662 §2.1, §4.

use std::collections::HashMap;

use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::introspection::Introspection;
use grantor_oauth_types::scope::ScopeToken;

use crate::client::Client;
use crate::issue::AccessToken;
use crate::scope::{GrantRule, SELECTOR_PREFIX, Scope};

/// Whether a client may learn about a token: it is an audience of it, or the token is its own
/// (SEC-103). Everybody else hears that it is not active.
pub fn may_introspect(caller: &Client, token: &AccessToken) -> bool {
    token.client.as_ref() == Some(&caller.id)
        || token.audiences.iter().any(|audience| caller.audiences.contains(audience))
}

/// The groups of the selectors that a token says it was signed in with, those that have any: who is in
/// none of them now may not sign in that way (`campus.md` 2.1), so the token is worth nothing more.
pub fn gates<'a>(
    token: &'a AccessToken,
    known: &'a HashMap<ScopeToken, Scope>,
) -> impl Iterator<Item = &'a [GroupId]> {
    let selectors = token.scopes.iter().filter(|scope| scope.as_str().starts_with(SELECTOR_PREFIX));
    let rules = selectors.filter_map(|scope| known.get(scope)).map(|scope| &scope.rule);
    rules.filter(|rule| rule.is_selector()).map(GrantRule::groups).filter(|all| !all.is_empty())
}

/// What the resource server of a token hears. RFC 7662 §2.2.
pub fn describe(token: &AccessToken, caller: &Client, issuer: &str) -> Introspection {
    let silent = caller.compat.introspection_no_audience;
    Introspection {
        active: true,
        scope: Some(token.scopes.to_string()),
        client_id: token.client.as_ref().map(ToString::to_string),
        username: token.username.clone(),
        token_type: Some("Bearer".to_owned()),
        exp: Some(token.exp),
        iat: Some(token.iat),
        sub: Some(token.sub.clone()),
        aud: if silent { Vec::new() } else { token.audiences.clone() },
        iss: Some(issuer.to_owned()),
        jti: token.jti.clone(),
        realm: token.realm.as_ref().map(grantor_oauth_types::name::RealmName::with_slash),
        cnf: token.cnf,
    }
}

#[cfg(test)]
mod tests {
    use grantor_oauth_types::confirmation::{CertificateThumbprint, Confirmation};

    use super::*;
    use crate::client::TokenProfile;
    use crate::example::*;

    /// A token of the shop for the API of orders.
    fn token() -> AccessToken {
        AccessToken {
            profile: TokenProfile::Rfc9068,
            sub: user_id(1).to_string(),
            username: None,
            realm: Some(realm_name("customers")),
            client: Some(client_id("shop")),
            scopes: scopes("uid sales_order.read"),
            audiences: vec![ORDERS_API.to_owned()],
            iat: NOW,
            exp: NOW + 600,
            jti: Some("0K".to_owned()),
            gid: None,
            sid: None,
            cnf: None,
        }
    }

    #[test]
    fn sec_103_who_may_learn_about_a_token() {
        let stranger = AccessToken { client: None, audiences: vec![], ..token() };
        let both =
            AccessToken { audiences: vec![STOCK_API.to_owned(), ORDERS_API.to_owned()], ..token() };
        #[rustfmt::skip]
        let table = [
            ("the client itself",        "shop",   vec![],                           token(),          true),
            ("an audience",              "orders", vec![ORDERS_API],                 token(),          true),
            ("one of two identifiers",   "orders", vec![STOCK_API, ORDERS_API],      token(),          true),
            ("one of two audiences",     "orders", vec![ORDERS_API],                 both,             true),
            ("another API",              "stock",  vec![STOCK_API],                  token(),          false),
            ("another client",           "other",  vec![],                           token(),          false),
            ("another with that sub",    "usr",    vec![],                           token(),          false),
            ("an audience, nearly",      "orders", vec!["https://orders.example/"],  token(),          false),
            ("a token for nobody",       "orders", vec![ORDERS_API],                 stranger.clone(), false),
            ("a token for nobody",       "shop",   vec![],                           stranger,         false),
        ];
        for (who, id, audiences, token, expected) in table {
            let audiences = audiences.into_iter().map(str::to_owned).collect();
            let caller = Client { audiences, ..client(id) };
            assert_eq!(may_introspect(&caller, &token), expected, "{who}");
        }
    }

    #[test]
    fn what_the_resource_server_hears() {
        let mut caller = client("orders");
        let heard = serde_json::to_value(describe(&token(), &caller, ISSUER)).unwrap();
        assert_eq!(
            heard,
            serde_json::json!({
                "active": true, "scope": "uid sales_order.read", "client_id": "shop",
                "token_type": "Bearer", "exp": NOW + 600, "iat": NOW,
                "sub": user_id(1).to_string(), "aud": [ORDERS_API], "iss": ISSUER,
                "jti": "0K", "realm": "/customers",
            })
        );
        caller.compat.introspection_no_audience = true;
        let heard = serde_json::to_value(describe(&token(), &caller, ISSUER)).unwrap();
        assert_eq!(heard.get("aud"), None);
    }

    #[test]
    fn rfc_8705_3_2_the_resource_server_hears_of_the_certificate() {
        let certificate = CertificateThumbprint::from_bytes([7; 32]);
        let bound = AccessToken { cnf: Some(Confirmation { certificate }), ..token() };
        let heard = serde_json::to_value(describe(&bound, &client("orders"), ISSUER)).unwrap();
        assert_eq!(heard["cnf"], serde_json::json!({ "x5t#S256": certificate.to_string() }));
    }

    #[test]
    fn sec_103_everybody_else_hears_exactly_one_member() {
        let heard = serde_json::to_string(&Introspection::inactive()).unwrap();
        assert_eq!(heard, r#"{"active":false}"#);
    }
}
