//! Which claims about a person go out: what the scopes release, and what was asked for one by one.
//! OIDC Core §5.1, §5.4, §5.5. No nulls, no empty texts (§5.3.2).

use std::collections::BTreeMap;

use grantor_oauth_types::scope::Scopes;
use serde_json::{Map, Value, json};

use super::ClaimRequest;
use crate::user::User;

/// The standard claims, and the scope that releases each. OIDC Core §5.4.
pub const CLAIMS: [(&str, &str); 19] = [
    ("name", "profile"),
    ("family_name", "profile"),
    ("given_name", "profile"),
    ("middle_name", "profile"),
    ("nickname", "profile"),
    ("preferred_username", "profile"),
    ("profile", "profile"),
    ("picture", "profile"),
    ("website", "profile"),
    ("gender", "profile"),
    ("birthdate", "profile"),
    ("zoneinfo", "profile"),
    ("locale", "profile"),
    ("updated_at", "profile"),
    ("email", "email"),
    ("email_verified", "email"),
    ("address", "address"),
    ("phone_number", "phone"),
    ("phone_number_verified", "phone"),
];

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What was granted: these scopes release their claims; none where scopes release nothing here
    pub scopes: &'a Scopes,
    /// Asked for one by one
    pub claims: &'a BTreeMap<String, ClaimRequest>,
    /// What the client is registered for: beyond it nothing can be asked for
    pub registered: &'a Scopes,
}

/// The claims that go out, without `sub`. What is not known, or not as it was asked for, is left
/// out; that is no error, not even if it was essential (§5.5.1).
pub fn release(user: &User, wanted: Wanted<'_>) -> Map<String, Value> {
    let mut released = Map::new();
    for (name, scope) in CLAIMS {
        let asked = wanted.claims.get(name);
        let by_scope = wanted.scopes.contains(scope);
        let by_name = asked.is_some() && wanted.registered.contains(scope);
        if !by_scope && !by_name {
            continue;
        }
        let Some(value) = value_of(user, name) else { continue };
        if by_scope || asked.is_none_or(|asked| asked.accepts(&value)) {
            released.insert(name.to_owned(), value);
        }
    }
    released
}

fn value_of(user: &User, name: &str) -> Option<Value> {
    let person = &user.person;
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let value = match name {
        "name" => text(&user.display_name).or_else(|| full_name(user)),
        "family_name" => text(&person.family_name),
        "given_name" => text(&person.given_name),
        "middle_name" => text(&person.middle_name),
        "nickname" => text(&person.nickname),
        "preferred_username" => {
            text(&person.preferred_username).or_else(|| Some(user.name.to_string()))
        }
        "profile" => text(&person.profile),
        "picture" => text(&person.picture),
        "website" => text(&person.website),
        "gender" => text(&person.gender),
        "birthdate" => text(&person.birthdate),
        "zoneinfo" => text(&person.zoneinfo),
        "locale" => text(&person.locale),
        "email" => text(&user.email),
        "phone_number" => text(&person.phone_number),
        "updated_at" => return Some(person.updated_at?.as_second().into()),
        // Only beside what it is about.
        "email_verified" => return text(&user.email).map(|_| user.email_verified.into()),
        "phone_number_verified" => {
            return text(&person.phone_number).map(|_| person.phone_number_verified.into());
        }
        "address" => {
            let address = json!(person.address.as_ref()?);
            return Some(address).filter(|a| a.as_object().is_some_and(|a| !a.is_empty()));
        }
        _ => None,
    };
    value.map(Value::String)
}

fn full_name(user: &User) -> Option<String> {
    let parts = [&user.person.given_name, &user.person.middle_name, &user.person.family_name];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    Some(parts.join(" ")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::ClaimsRequest;
    use crate::example::{at, scopes, user};
    use crate::user::Address;

    fn jane() -> User {
        let mut jane = user(1, "customers", "jane");
        jane.email = Some("jane@example.org".to_owned());
        jane.email_verified = true;
        jane.person.given_name = Some("Jane".to_owned());
        jane.person.family_name = Some("Doe".to_owned());
        jane.person.nickname = Some(String::new());
        jane.person.birthdate = Some("1990-02-28".to_owned());
        jane.person.phone_number = Some("+49 30 1234".to_owned());
        jane.person.updated_at = Some(at(1_700_000_000));
        jane.person.address =
            Some(Address { locality: Some("Berlin".to_owned()), ..Address::default() });
        jane
    }

    fn released(granted: &str, claims: &str) -> Value {
        let claims = ClaimsRequest::parse(claims).unwrap();
        let (granted, registered) = (scopes(granted), scopes("openid profile email address"));
        let claims = &claims.userinfo;
        release(&jane(), Wanted { scopes: &granted, claims, registered: &registered }).into()
    }

    #[test]
    fn trap_082_claims_have_their_types_and_nothing_is_empty() {
        let all = released("openid profile email address phone", "{}");
        let expected = json!({
            "name": "Jane Doe", "given_name": "Jane", "family_name": "Doe",
            "preferred_username": "jane", "birthdate": "1990-02-28",
            "updated_at": 1_700_000_000, "email": "jane@example.org", "email_verified": true,
            "address": { "locality": "Berlin" },
            "phone_number": "+49 30 1234", "phone_number_verified": false,
        });
        assert_eq!(all, expected);
    }

    #[test]
    fn each_scope_releases_its_claims_and_openid_alone_none() {
        assert_eq!(released("openid", "{}"), json!({}));
        let email = json!({ "email": "jane@example.org", "email_verified": true });
        assert_eq!(released("openid email", "{}"), email);
    }

    #[test]
    fn trap_034_claims_are_asked_for_one_by_one_with_values_or_without() {
        let one = released("openid", r#"{"userinfo":{"given_name":{"essential":true},"x":null}}"#);
        assert_eq!(one, json!({ "given_name": "Jane" }));
        let other = released("openid", r#"{"userinfo":{"given_name":{"value":"Joan"}}}"#);
        assert_eq!(other, json!({}));
        let among = r#"{"userinfo":{"given_name":{"values":["Joan","Jane"]}}}"#;
        assert_eq!(released("openid", among), json!({ "given_name": "Jane" }));
        let tagged = r#"{"userinfo":{"family_name#ja-Kana-JP":null}}"#;
        assert_eq!(released("openid", tagged), json!({}));
    }

    #[test]
    fn nothing_is_asked_for_beyond_what_the_client_is_registered_for() {
        let phone = r#"{"userinfo":{"phone_number":{"essential":true}}}"#;
        assert_eq!(released("openid", phone), json!({}));
    }
}
