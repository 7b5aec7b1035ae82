//! One macro for the closed word lists of the specifications.

/// Declares an enum whose variants are words of a specification, spelled once.
///
/// Reading is derived from writing, so the two cannot drift. `ALL` feeds discovery and tests.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $name:ident, $unknown:ident {
            $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$vmeta])* $variant ),+ }

        impl $name {
            /// Every word, in the order discovery lists them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The spelling on the wire. The only place it is written down.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }
        }

        /// Not one of the words that are defined.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("unknown value")]
        pub struct $unknown;

        impl std::str::FromStr for $name {
            type Err = $unknown;

            /// Exact and case-sensitive.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $( $text => Ok(Self::$variant), )+ _ => Err($unknown) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(|_| {
                    serde::de::Error::unknown_variant(&text, &[ $( $text ),+ ])
                })
            }
        }
    };
}

pub(crate) use words;
