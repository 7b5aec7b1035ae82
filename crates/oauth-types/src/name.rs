//! Identifiers that people choose. Each is checked once, where it comes in.

/// Declares a string type whose values satisfy a check.
macro_rules! names {
    ($( $(#[$meta:meta])* $name:ident: $check:path, $expects:literal; )+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(std::sync::Arc<str>);

            impl $name {
                /// What a value has to look like, for error messages.
                pub const EXPECTS: &'static str = $expects;

                /// Reads a value; fails with what was expected.
                pub fn parse(text: &str) -> Result<Self, MalformedName> {
                    if $check(text) { Ok(Self(text.into())) } else { Err(MalformedName($expects)) }
                }

                /// The text.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    std::fmt::Debug::fmt(&*self.0, f)
                }
            }

            impl std::str::FromStr for $name {
                type Err = MalformedName;
                fn from_str(text: &str) -> Result<Self, MalformedName> {
                    Self::parse(text)
                }
            }

            impl std::borrow::Borrow<str> for $name {
                fn borrow(&self) -> &str {
                    &self.0
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    s.serialize_str(&self.0)
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                    Self::parse(&text).map_err(serde::de::Error::custom)
                }
            }
        )+
    };
}

/// The text is not a name of the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct MalformedName(pub &'static str);

names! {
    /// A tenant: an isolated issuer.
    TenantName: is_label, "1 to 63 characters of a-z, 0-9 and '-', starting with a letter";
    /// A realm, without the slash that some clients write before it.
    RealmName: is_label, "1 to 63 characters of a-z, 0-9 and '-', starting with a letter";
    /// An OAuth client (RFC 6749 §2.2, Appendix A.1), never like a user id (SEC-059), and without the
    /// colon that ends an id in `Basic` (RFC 7617 §2): many clients do not encode it.
    ClientId: is_client_id, "1 to 128 visible ASCII characters except ':', not starting with 'usr_'";
    /// An application of the registry: `^[a-z][a-z0-9-]*[a-z0-9]$`.
    ApplicationId: is_application_id, "a-z, 0-9 and '-', starting with a letter, not ending with '-'";
    /// A resource type: `^[a-z][a-z0-9-_]*(?:\.[a-z0-9-_]*)?[a-z0-9]$`, at most one dot.
    ResourceTypeId: is_resource_type, "a-z, 0-9, '-', '_' and at most one '.', starting with a letter, ending with a letter or digit";
    /// What a person or service signs in with; unique in its realm.
    UserName: is_user_name, "1 to 256 characters without control characters or surrounding spaces";
}

fn is_label(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_client_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b':')
        && !text.starts_with("usr_")
}

fn is_application_id(text: &str) -> bool {
    text.len() >= 2 && is_label(text) && !text.ends_with('-')
}

fn is_resource_type(text: &str) -> bool {
    (2..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(is_type_byte)
        && text.bytes().filter(|b| *b == b'.').count() <= 1
}

fn is_type_byte(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
}

/// The part of a scope behind its resource type: `^[a-z][a-z0-9-_]*[a-z0-9]$`.
pub fn is_scope_id(text: &str) -> bool {
    text.len() >= 2 && is_resource_type(text) && !text.contains('.')
}

/// Control characters would let a name forge log lines or headers (SEC-016).
fn is_user_name(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && !text.chars().any(char::is_control)
        && text.trim().len() == text.len()
}

impl RealmName {
    /// Reads `services` and `/services` alike: both are in use.
    pub fn parse_lenient(text: &str) -> Result<Self, MalformedName> {
        Self::parse(text.trim_start_matches('/'))
    }

    /// The form with a leading slash, which STUPS answers carry.
    pub fn with_slash(&self) -> String {
        format!("/{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_059_a_client_id_can_never_equal_a_user_id() {
        assert!(ClientId::parse("usr_0192").is_err());
        assert!(ClientId::parse("shop").is_ok());
    }

    #[test]
    fn campus_c08_an_id_is_never_cut_in_two_by_basic() {
        for bad in ["rs:x", ":", "a:", ":a", "urn:a:b"] {
            assert!(ClientId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ClientId::parse("https%3A//a.example").is_ok());
    }

    #[test]
    fn sec_016_control_characters_are_refused_in_every_name() {
        for bad in ["a\0b", "a\nb", "a\u{7f}b", "", " a"] {
            assert!(ClientId::parse(bad).is_err(), "{bad:?}");
            assert!(UserName::parse(bad).is_err(), "{bad:?}");
            assert!(TenantName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn resource_types_have_the_published_pattern() {
        for good in ["sales_order", "kio.api", "a1", "team-x"] {
            assert!(ResourceTypeId::parse(good).is_ok(), "{good}");
        }
        for bad in ["a", "Sales", "1a", "a.b.c", "a-", "a b"] {
            assert!(ResourceTypeId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn scope_and_application_ids_have_the_published_patterns() {
        for good in ["read", "read_all", "r2", "a-b"] {
            assert!(is_scope_id(good), "{good}");
        }
        for bad in ["", "r", "Read", "read.all", "2read", "read_", "read-", "read all", "réad"] {
            assert!(!is_scope_id(bad), "{bad}");
        }
        for good in ["kio", "a1", "order-analytics"] {
            assert!(ApplicationId::parse(good).is_ok(), "{good}");
        }
        for bad in ["k", "Kio", "kio-", "1kio", "kio_api", "kio.api", &"k".repeat(64)] {
            assert!(ApplicationId::parse(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        /// No text makes a reader panic, and what is taken comes out as it went in.
        #[test]
        fn sec_193_names_are_taken_whole_or_refused(text in "\\PC{0,80}|[a-z0-9._/-]{0,70}") {
            fn same<T: ToString>(read: Result<T, MalformedName>, text: &str) -> bool {
                read.map_or(true, |name| name.to_string() == text)
            }
            proptest::prop_assert!(same(TenantName::parse(&text), &text));
            proptest::prop_assert!(same(RealmName::parse(&text), &text));
            proptest::prop_assert!(same(ClientId::parse(&text), &text));
            proptest::prop_assert!(same(ApplicationId::parse(&text), &text));
            proptest::prop_assert!(same(ResourceTypeId::parse(&text), &text));
            proptest::prop_assert!(same(UserName::parse(&text), &text));
            if let Ok(realm) = RealmName::parse_lenient(&text) {
                proptest::prop_assert_eq!(RealmName::parse_lenient(&realm.with_slash()), Ok(realm));
            }
        }
    }

    #[test]
    fn a_realm_is_read_with_and_without_slash() {
        assert_eq!(RealmName::parse_lenient("/services"), RealmName::parse_lenient("services"));
    }
}
