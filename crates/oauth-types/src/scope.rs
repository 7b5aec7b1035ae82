//! Scope tokens and ordered sets of them. RFC 6749 §3.3.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One scope token: one or more of `%x21 / %x23-5B / %x5D-7E`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeToken(Arc<str>);

/// The most scopes one request may name (SEC-036).
pub const MAX_SCOPES: usize = 50;

/// The text is no scope, or there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedScope {
    /// A character outside RFC 6749 §3.3, or an empty token.
    #[error("a scope is made of visible ASCII characters except '\"' and '\\'")]
    Character,
    /// More than [`MAX_SCOPES`].
    #[error("more than {MAX_SCOPES} scopes")]
    TooMany,
    /// Longer than 256 characters.
    #[error("a scope is at most 256 characters long")]
    TooLong,
}

impl ScopeToken {
    /// Reads one token.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        if text.is_empty() || !text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err(MalformedScope::Character);
        }
        if text.len() > 256 {
            return Err(MalformedScope::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::borrow::Borrow<str> for ScopeToken {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScopeToken {
    type Err = MalformedScope;
    fn from_str(text: &str) -> Result<Self, MalformedScope> {
        Self::parse(text)
    }
}

impl serde::Serialize for ScopeToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for ScopeToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A set of scopes that remembers the order in which they were asked for.
///
/// Order carries no meaning in RFC 6749 §3.3, but some peers show it to people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<ScopeToken>);

impl Scopes {
    /// No scope.
    pub const EMPTY: Self = Self(Vec::new());

    /// Reads a space-delimited list; a token that comes twice counts once.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        let mut scopes = Self::default();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if scopes.0.len() == MAX_SCOPES {
                return Err(MalformedScope::TooMany);
            }
            scopes.insert(ScopeToken::parse(token)?);
        }
        Ok(scopes)
    }

    /// Adds a token at the end unless it is there.
    pub fn insert(&mut self, token: ScopeToken) {
        if !self.0.contains(&token) {
            self.0.push(token);
        }
    }

    /// Whether the token is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|known| known.as_str() == token)
    }

    /// Whether every token of `other` is in this set.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|token| self.contains(token.as_str()))
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Space-delimited and sorted, as STUPS token responses write it.
    pub fn to_sorted_string(&self) -> String {
        let mut tokens: Vec<&str> = self.0.iter().map(ScopeToken::as_str).collect();
        tokens.sort_unstable();
        tokens.join(" ")
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, token) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token.as_str())?;
        }
        Ok(())
    }
}

impl FromIterator<ScopeToken> for Scopes {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(tokens: I) -> Self {
        let mut scopes = Self::default();
        for token in tokens {
            scopes.insert(token);
        }
        scopes
    }
}

impl FromStr for Scopes {
    type Err = MalformedScope;
    fn from_str(text: &str) -> Result<Self, MalformedScope> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sec_036_more_than_fifty_scopes_are_refused_before_any_work() {
        let many: Vec<String> = (0..5_000).map(|i| format!("s{i}")).collect();
        assert_eq!(Scopes::parse(&many.join(" ")), Err(MalformedScope::TooMany));
        assert_eq!(Scopes::parse("openid\temail"), Err(MalformedScope::Character));
    }

    #[test]
    fn the_sorted_form_is_sorted_and_the_plain_form_keeps_the_order() {
        let scopes = Scopes::parse("uid sales_order.read_all uid").unwrap();
        assert_eq!(scopes.to_string(), "uid sales_order.read_all");
        assert_eq!(scopes.to_sorted_string(), "sales_order.read_all uid");
    }

    proptest! {
        /// Whatever we accept, we print in a form that we accept again, unchanged in meaning.
        #[test]
        fn what_is_read_can_be_read_back(text in "[!#-\\[\\]-~ ]{0,60}") {
            if let Ok(scopes) = Scopes::parse(&text) {
                prop_assert_eq!(Scopes::parse(&scopes.to_string()), Ok(scopes));
            }
        }
    }
}
