//! Claims about a person: which are asked for, and which are released. OIDC Core §5.

mod groups;
mod release;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use groups::{GroupClaim, GroupForm, group_claims};
pub use release::{CLAIMS, Wanted, release};

/// The most claims that a request may name in each of its parts.
pub const MAX_CLAIMS: usize = 100;

/// The `claims` parameter. OIDC Core §5.5.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// For UserInfo
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "members")]
    pub userinfo: BTreeMap<String, ClaimRequest>,
    /// For the `id_token`
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "members")]
    pub id_token: BTreeMap<String, ClaimRequest>,
}

/// How one claim is asked for. OIDC Core §5.5.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimRequest {
    /// Needed for what the person wants to do; still no reason to refuse, but for `acr`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// Only this value will do
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// One of these values will do, the first is preferred
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

impl ClaimRequest {
    /// Whether a value is one that was asked for.
    pub fn accepts(&self, value: &Value) -> bool {
        let one = self.value.as_ref().is_none_or(|wanted| wanted == value);
        one && (self.values.is_empty() || self.values.contains(value))
    }
}

/// A value of null means "the default": voluntary, any value (OIDC Core §5.5.1).
fn members<'de, D: serde::Deserializer<'de>>(
    reader: D,
) -> Result<BTreeMap<String, ClaimRequest>, D::Error> {
    use serde::de::Error as _;

    let all = Option::<BTreeMap<String, Value>>::deserialize(reader)?.unwrap_or_default();
    let read = |(name, asked)| match asked {
        Value::Null => Ok((name, ClaimRequest::default())),
        asked @ Value::Object(_) => {
            Ok((name, serde_json::from_value(asked).map_err(D::Error::custom)?))
        }
        _ => Err(D::Error::custom("not an object")),
    };
    all.into_iter().map(read).collect()
}

/// The `claims` parameter is no JSON of its form (OIDC Core §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claims is not a JSON object of requests for claims")]
pub struct MalformedClaims;

impl ClaimsRequest {
    /// Reads the parameter. Unknown members and unknown claims are ignored.
    pub fn parse(text: &str) -> Result<Self, MalformedClaims> {
        let object = text.trim_start().starts_with('{');
        let read: Self = serde_json::from_str(text).map_err(|_| MalformedClaims)?;
        let few = read.userinfo.len() <= MAX_CLAIMS && read.id_token.len() <= MAX_CLAIMS;
        if object && few { Ok(read) } else { Err(MalformedClaims) }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trap_034_the_claims_parameter_reads_as_core_shows_it() {
        let text = json!({
            "userinfo": {
                "given_name": {"essential": true}, "nickname": null,
                "http://example.info/claims/groups": null, "family_name#ja-Kana-JP": null
            },
            "id_token": {"acr": {"values": ["urn:a", "urn:b"]}, "sub": {"value": "x"}},
            "unknown": {"a": 1}
        });
        let read = ClaimsRequest::parse(&text.to_string()).unwrap();
        assert!(read.userinfo["given_name"].essential && !read.userinfo["nickname"].essential);
        assert!(read.userinfo.contains_key("family_name#ja-Kana-JP"));
        assert!(read.id_token["acr"].accepts(&json!("urn:b")));
        assert!(!read.id_token["acr"].accepts(&json!("urn:c")));
        assert!(!read.id_token["sub"].accepts(&json!("y")));
        let kept = serde_json::to_string(&read).unwrap();
        assert_eq!(ClaimsRequest::parse(&kept), Ok(read));
    }

    #[test]
    fn trap_034_what_is_no_such_object_is_malformed() {
        for bad in ["", "{", "[]", "1", r#"{"userinfo":[]}"#, r#"{"id_token":{"a":1}}"#] {
            assert_eq!(ClaimsRequest::parse(bad), Err(MalformedClaims), "{bad:?}");
        }
        assert_eq!(ClaimsRequest::parse("{}"), Ok(ClaimsRequest::default()));
        assert_eq!(ClaimsRequest::parse(r#"{"userinfo":null}"#), Ok(ClaimsRequest::default()));
        let many: BTreeMap<String, Value> =
            (0..101).map(|n| (n.to_string(), Value::Null)).collect();
        let many = json!({ "userinfo": many }).to_string();
        assert_eq!(ClaimsRequest::parse(&many), Err(MalformedClaims));
    }
}
