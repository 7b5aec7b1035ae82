//! Identifiers the server makes: one type per kind of thing, time-ordered, never re-used.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use uuid::Uuid;

/// A kind of thing that has an [`Id`].
pub trait IdKind: 'static {
    /// What the text form starts with, so that logs and people can tell kinds apart, and so that
    /// no identifier of one kind can equal one of another (SEC-059, SEC-088).
    const PREFIX: &'static str;
}

/// An identifier of a `K`. Two kinds never compare, convert or get swapped in a call.
pub struct Id<K> {
    value: Uuid,
    kind: PhantomData<fn() -> K>,
}

macro_rules! kinds {
    ($( $(#[$meta:meta])* $kind:ident, $alias:ident = $prefix:literal; )+) => {
        $(
            $(#[$meta])*
            #[derive(Debug)]
            pub enum $kind {}
            impl IdKind for $kind { const PREFIX: &'static str = $prefix; }
            #[doc = concat!("Identifier with the prefix `", $prefix, "_`.")]
            pub type $alias = Id<$kind>;
        )+
    };
}

kinds! {
    /// A resource owner: a person or a service user.
    User, UserId = "usr";
    /// A group of users.
    Group, GroupId = "grp";
    /// One delegation; parent of refresh and access tokens.
    Grant, GrantId = "gnt";
    /// "This principal may have this scope."
    Assignment, AssignmentId = "asn";
    /// A browser that somebody signed in with.
    Session, SessionId = "ses";
    /// A recorded decision, and the audit event that carries it.
    Decision, DecisionId = "dec";
}

impl<K> Id<K> {
    /// Takes the bytes from the caller: ids come from the clock and the entropy passed in.
    pub const fn from_uuid(value: Uuid) -> Self {
        Self { value, kind: PhantomData }
    }

    /// A time-ordered id (UUID version 7) from milliseconds since 1970 and random bytes.
    pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
    }

    /// The bare UUID, for the stores.
    pub const fn uuid(self) -> Uuid {
        self.value
    }

    /// The sixteen bytes, for lookup ids inside secrets.
    pub const fn bytes(self) -> [u8; 16] {
        *self.value.as_bytes()
    }

    /// Milliseconds since 1970 at which it was made (the first 48 bits of a UUID version 7).
    pub fn unix_millis(self) -> u64 {
        let b = self.value.as_bytes();
        u64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]])
    }
}

impl<K> Copy for Id<K> {}
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

/// The longest text form: a prefix, the bar, and 32 digits.
const LONGEST: usize = 48;

impl<K: IdKind> Id<K> {
    /// Hands on the text form. Ids are written more often than anything else, so this does without
    /// the heap and the formatter.
    fn with_text<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        let (mut text, mut hex) = ([0; LONGEST], Uuid::encode_buffer());
        let hex = self.value.simple().encode_lower(&mut hex).as_bytes();
        let (bar, length) = (K::PREFIX.len(), K::PREFIX.len() + 1 + hex.len());
        text[..bar].copy_from_slice(K::PREFIX.as_bytes());
        text[bar] = b'_';
        text[bar + 1..length].copy_from_slice(hex);
        take(std::str::from_utf8(&text[..length]).expect("a prefix is text, digits are"))
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an identifier of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of the expected kind")]
pub struct MalformedId;

impl<K: IdKind> FromStr for Id<K> {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let hex = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|hex| hex.len() == 32)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
            .ok_or(MalformedId)?;
        Uuid::try_parse(hex).map(Self::from_uuid).map_err(|_| MalformedId)
    }
}

impl<K: IdKind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de, K: IdKind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_only_as_its_kind() {
        let id: UserId = Id::new(1_700_000_000_000, [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<GroupId>(), Err(MalformedId));
        assert_eq!(id.unix_millis(), 1_700_000_000_000);
    }

    #[test]
    fn sec_088_ids_of_one_moment_differ_and_sort_by_time() {
        let (early, late) = (UserId::new(1_000, [0xff; 10]), UserId::new(1_001, [0; 10]));
        assert!(early < late && early.to_string() < late.to_string());
        assert_ne!(UserId::new(1_000, [1; 10]), UserId::new(1_000, [2; 10]));
    }

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let text = UserId::new(1, [0xab; 10]).to_string();
        assert_eq!(text.to_uppercase().parse::<UserId>(), Err(MalformedId));
        assert_eq!(format!("{text}0").parse::<UserId>(), Err(MalformedId));
    }
}
