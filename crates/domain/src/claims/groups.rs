//! A claim that names the groups of a person, for applications that decide by them. `campus.md` 5.

use std::collections::HashMap;

use grantor_oauth_types::scope::{ScopeToken, Scopes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CLAIMS;
use crate::scope::{GrantRule, Scope};

/// How much room the names have, in bytes: an `id_token` travels in headers and addresses. What does
/// not fit is left out, so that nobody seems to be in a group that she is not in.
const LONGEST: usize = 4_096;

/// Claims that say something about a token, or that the protocol reads.
const OF_TOKENS: [&str; 30] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
    "c_hash",
    "s_hash",
    "cnf",
    "events",
    "scope",
    "client_id",
    "realm",
    "act",
    "may_act",
    "authorization_details",
    "realm_access",
    "resource_access",
    "roles",
    "entitlements",
    "_claim_names",
    "_claim_sources",
];

/// A claim that names the groups of a person. It comes with the scope that has it, in the `id_token` and
/// at UserInfo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupClaim {
    /// Its name, mostly a URI
    pub name: String,
    /// How it is written
    #[serde(default)]
    pub form: GroupForm,
    /// Only groups whose names begin with it, which the claim leaves out; empty is every group
    #[serde(default)]
    pub prefix: String,
}

/// How the names of groups are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupForm {
    /// One text of names with a space between, and `_` for `:`. Names with spaces are left out
    #[default]
    Text,
    /// A list of names as they are
    List,
}

impl GroupClaim {
    /// Whether a claim may have this name: visible ASCII, and none that means something else, to a
    /// protocol or to a library that takes a dot as a way into an object (SEC-089).
    pub fn may_be_called(name: &str) -> bool {
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        let standard = || CLAIMS.iter().map(|(claim, _)| *claim);
        let root = name.split('.').next().unwrap_or_default();
        (1..=256).contains(&name.len())
            && name.bytes().all(visible)
            && !name.starts_with("__")
            && standard().chain(OF_TOKENS).all(|taken| taken != root)
    }

    /// What it says of somebody who is in these groups, in the order of the names; nothing where there
    /// is nothing to say (OIDC Core §5.3.2).
    pub fn value<'a>(&self, groups: impl IntoIterator<Item = &'a str>) -> Option<Value> {
        let mut names: Vec<String> =
            groups.into_iter().filter_map(|group| self.member(group)).collect();
        names.sort_unstable();
        names.dedup();
        let mut used = 0;
        names.retain(|name| {
            let fits = used + name.len() < LONGEST;
            used += if fits { name.len() + 1 } else { 0 };
            fits
        });
        match self.form {
            _ if names.is_empty() => None,
            GroupForm::Text => Some(names.join(" ").into()),
            GroupForm::List => Some(names.into()),
        }
    }

    /// What one group is called in the claim.
    fn member(&self, group: &str) -> Option<String> {
        let rest = group.strip_prefix(&self.prefix).filter(|rest| !rest.is_empty())?;
        match self.form {
            // With a space in it, it would be read as two groups, and she may be in neither.
            GroupForm::Text if rest.contains(char::is_whitespace) => None,
            GroupForm::Text => Some(rest.replace(':', "_")),
            GroupForm::List => Some(rest.to_owned()),
        }
    }
}

/// The claims of groups that come with these scopes, as the catalogue has them now.
pub fn group_claims<'a>(
    granted: &'a Scopes,
    known: &'a HashMap<ScopeToken, Scope>,
) -> impl Iterator<Item = &'a GroupClaim> {
    let scopes = granted.iter().filter_map(|token| known.get(token));
    let scopes = scopes.filter(|scope| scope.rule == GrantRule::Identity);
    scopes.filter_map(|scope| scope.group_claim.as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::example::{scope, scopes, token};

    /// What it is about, the claim, the groups, and what is said.
    type Row<'a> = (&'a str, GroupForm, &'a str, &'a [&'a str], Option<Value>);

    fn claim(form: GroupForm, prefix: &str) -> GroupClaim {
        GroupClaim { name: "https://a.example/group".to_owned(), form, prefix: prefix.to_owned() }
    }

    #[test]
    fn campus_c20_groups_are_one_text_with_spaces_or_a_list() {
        use GroupForm::{List, Text};
        let stem = "cu:app:access:clm:";
        let of_the_stem = ["cu:app:access:clm:demo:d:demo2", "cu:app:access:clm:demo:d:other"];
        #[rustfmt::skip]
        let table: &[Row<'_>] = &[
            ("one",                   Text, "",   &["staff"],                  Some(json!("staff"))),
            ("in their order",        Text, "",   &["b", "a"],                 Some(json!("a b"))),
            ("stem and colons",       Text, stem, &of_the_stem,                Some(json!("demo_d_demo2 demo_d_other"))),
            ("of the stem only",      Text, stem, &["staff", of_the_stem[0]],  Some(json!("demo_d_demo2"))),
            ("no name is left",       Text, stem, &[stem],                     None),
            ("each once",             Text, "",   &["a:b", "a_b"],             Some(json!("a_b"))),
            ("a space makes two",     Text, "",   &["x admin", "y\u{a0}z", "a"], Some(json!("a"))),
            ("none",                  Text, "",   &[],                         None),
            ("nothing to say",        Text, "",   &["x admin"],                None),
            ("a list of one",         List, "",   &["staff"],                  Some(json!(["staff"]))),
            ("a list as they are",    List, "x:", &["x:b c", "x:a:b", "y"],    Some(json!(["a:b", "b c"]))),
            ("an empty list is none", List, "",   &[],                         None),
        ];
        for (what, form, prefix, groups, expected) in table {
            assert_eq!(claim(*form, prefix).value(groups.iter().copied()), *expected, "{what}");
        }
    }

    #[test]
    fn campus_c20_thousands_of_groups_make_no_claim_of_a_megabyte() {
        let many: Vec<String> = (0..5_000).map(|n| format!("group-{n:04}")).collect();
        let value = claim(GroupForm::Text, "").value(many.iter().map(String::as_str)).unwrap();
        let text = value.as_str().unwrap();
        assert!((LONGEST - 20..=LONGEST).contains(&text.len()), "{}", text.len());
        assert!(text.split(' ').all(|name| many.iter().any(|known| known == name)), "none is cut");
    }

    #[test]
    fn campus_c20_sec_089_a_claim_of_groups_takes_the_name_of_no_other() {
        for good in ["groups", "https://api.columbia.edu/claim/group", "urn:x:groups"] {
            assert!(GroupClaim::may_be_called(good), "{good}");
        }
        for bad in ["", "a b", "grüppe", "sub", "aud", "sid", "email", "name", &"g".repeat(257)] {
            assert!(!GroupClaim::may_be_called(bad), "{bad}");
        }
        for bad in [
            "iss",
            "exp",
            "azp",
            "client_id",
            "scope",
            "cnf",
            "act",
            "realm_access.roles",
            r"realm_access\.roles",
            "__proto__",
            "address.country",
        ] {
            assert!(!GroupClaim::may_be_called(bad), "{bad}");
        }
    }

    #[test]
    fn campus_c20_only_what_was_granted_and_says_who_somebody_is_has_a_claim() {
        let with = |name: &str, rule| Scope {
            group_claim: Some(claim(GroupForm::Text, name)),
            ..scope(name, None, rule)
        };
        let known = [
            with("group", GrantRule::Identity),
            with("other", GrantRule::Identity),
            with("always", GrantRule::Always),
            scope("email", None, GrantRule::Identity),
        ];
        let known: HashMap<_, _> = known.into_iter().map(|s| (s.token.clone(), s)).collect();
        assert!(known.contains_key(&token("always")));
        let granted = scopes("openid always email group");
        let found: Vec<&str> = group_claims(&granted, &known).map(|c| c.prefix.as_str()).collect();
        assert_eq!(found, ["group"]);
    }
}
