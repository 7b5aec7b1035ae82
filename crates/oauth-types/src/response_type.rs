//! What an authorization request asks for, and how the answer travels. RFC 6749 §3.1.1; OAuth 2.0
//! Multiple Response Type Encoding Practices; Form Post Response Mode; JARM.

use std::fmt;
use std::str::FromStr;

use crate::word::words;

/// A response type: a set of words, whose order has no meaning (RFC 6749 §3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResponseType {
    /// RFC 6749 §4.1
    Code,
    /// Multiple Response Types §4: neither code nor token
    None,
    /// RFC 6749 §4.2
    Token,
    /// OIDC Core §3.2
    IdToken,
    /// OIDC Core §3.2
    IdTokenToken,
    /// OIDC Core §3.3
    CodeIdToken,
    /// OIDC Core §3.3
    CodeToken,
    /// OIDC Core §3.3
    CodeIdTokenToken,
}

/// Not a set of words that is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown response type")]
pub struct UnknownResponseType;

impl ResponseType {
    /// Every response type, in the order discovery lists them.
    pub const ALL: &'static [Self] = &[
        Self::Code,
        Self::None,
        Self::Token,
        Self::IdToken,
        Self::IdTokenToken,
        Self::CodeIdToken,
        Self::CodeToken,
        Self::CodeIdTokenToken,
    ];

    /// Reads a value as the set of words that it is; the same as [`str::parse`].
    pub fn read(text: &str) -> Result<Self, UnknownResponseType> {
        text.parse()
    }

    /// The spelling that registrations and discovery use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::None => "none",
            Self::Token => "token",
            Self::IdToken => "id_token",
            Self::IdTokenToken => "id_token token",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
        }
    }

    /// Whether a code comes back.
    pub const fn has_code(self) -> bool {
        matches!(self, Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// Whether the authorization endpoint itself returns an access token.
    pub const fn has_token(self) -> bool {
        matches!(self, Self::Token | Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// Whether the authorization endpoint itself returns an ID token.
    pub const fn has_id_token(self) -> bool {
        matches!(
            self,
            Self::IdToken | Self::IdTokenToken | Self::CodeIdToken | Self::CodeIdTokenToken
        )
    }

    /// Whether a token travels through the browser: such an answer is never in a query.
    pub const fn is_front_channel(self) -> bool {
        self.has_token() || self.has_id_token()
    }

    /// Multiple Response Types §2.1: `fragment` for whatever returns a token, else `query`.
    pub const fn default_mode(self) -> ResponseMode {
        if self.is_front_channel() { ResponseMode::Fragment } else { ResponseMode::Query }
    }
}

impl FromStr for ResponseType {
    type Err = UnknownResponseType;

    fn from_str(text: &str) -> Result<Self, UnknownResponseType> {
        let (mut code, mut none, mut token, mut id_token) = (false, false, false, false);
        for word in text.split(' ') {
            let seen = match word {
                "code" => &mut code,
                "none" => &mut none,
                "token" => &mut token,
                "id_token" => &mut id_token,
                _ => return Err(UnknownResponseType),
            };
            // A word that comes twice is no set.
            if std::mem::replace(seen, true) {
                return Err(UnknownResponseType);
            }
        }
        Ok(match (none, code, id_token, token) {
            (true, false, false, false) => Self::None,
            (false, true, false, false) => Self::Code,
            (false, false, false, true) => Self::Token,
            (false, false, true, false) => Self::IdToken,
            (false, false, true, true) => Self::IdTokenToken,
            (false, true, true, false) => Self::CodeIdToken,
            (false, true, false, true) => Self::CodeToken,
            (false, true, true, true) => Self::CodeIdTokenToken,
            _ => return Err(UnknownResponseType),
        })
    }
}

impl fmt::Display for ResponseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for ResponseType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for ResponseType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

words! {
    /// How the answer of the authorization endpoint gets to the client.
    ResponseMode, UnknownResponseMode {
        /// Multiple Response Types §2.1
        Query = "query",
        /// Multiple Response Types §2.1
        Fragment = "fragment",
        /// Form Post Response Mode §2
        FormPost = "form_post",
        /// JARM §2.3.4: signed, in the default place of the response type
        Jwt = "jwt",
        /// JARM §2.3.1
        QueryJwt = "query.jwt",
        /// JARM §2.3.2
        FragmentJwt = "fragment.jwt",
        /// JARM §2.3.3
        FormPostJwt = "form_post.jwt",
    }
}

/// Where in the answer the parameters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Behind the `?` of the redirect URI
    Query,
    /// Behind the `#`
    Fragment,
    /// In a form that the browser posts
    FormPost,
}

impl ResponseMode {
    /// Where the parameters stand; `jwt` goes by the response type (JARM §2.3.4).
    pub const fn placement(self, response_type: ResponseType) -> Placement {
        match self {
            Self::Fragment | Self::FragmentJwt => Placement::Fragment,
            Self::FormPost | Self::FormPostJwt => Placement::FormPost,
            Self::Jwt if response_type.is_front_channel() => Placement::Fragment,
            Self::Query | Self::QueryJwt | Self::Jwt => Placement::Query,
        }
    }

    /// Whether the parameters are inside a signed JWT.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Jwt | Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }
}

words! {
    /// What the client wants to happen on the screen. OIDC Core §3.1.2.1.
    Prompt, UnknownPrompt {
        /// No page at all
        None = "none",
        /// Sign in again
        Login = "login",
        /// Ask for consent again
        Consent = "consent",
        /// Choose an account
        SelectAccount = "select_account",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_022_response_types_are_sets() {
        assert_eq!("token id_token".parse(), Ok(ResponseType::IdTokenToken));
        assert_eq!("id_token token".parse(), Ok(ResponseType::IdTokenToken));
        assert_eq!("token code id_token".parse(), Ok(ResponseType::CodeIdTokenToken));
        for bad in ["", "code code", "none code", "Code", "code  token", "token\tcode", "saml"] {
            assert_eq!(bad.parse::<ResponseType>(), Err(UnknownResponseType), "{bad:?}");
        }
        for known in ResponseType::ALL.iter().copied() {
            assert_eq!(known.as_str().parse(), Ok(known));
            let json = serde_json::to_string(&known).unwrap();
            assert_eq!(serde_json::from_str::<ResponseType>(&json).unwrap(), known);
        }
    }

    #[test]
    fn trap_023_whatever_returns_a_token_defaults_to_the_fragment() {
        for known in ResponseType::ALL.iter().copied() {
            let front = known.as_str().split(' ').any(|word| word.ends_with("token"));
            let expected = if front { ResponseMode::Fragment } else { ResponseMode::Query };
            assert_eq!(known.default_mode(), expected, "{known}");
            let jwt = if front { Placement::Fragment } else { Placement::Query };
            assert_eq!(ResponseMode::Jwt.placement(known), jwt, "{known}");
        }
    }
}
