//! What a tenant may change about the pages that people see.

pub mod picture;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The look of a tenant's pages; every field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Look {
    /// What the tenant calls itself, at most 64 characters; empty: its name
    pub name: String,
    /// A picture beside the name, as `data:image/png;base64,…` or `data:image/webp;base64,…`, at
    /// most 10 KiB and 256 pixels wide and high. Pages show its pixels, encoded anew
    pub logo: Option<String>,
    /// The colour of buttons and links, as `#rrggbb`; lighter or darker where it could not be read
    pub accent: Option<String>,
    /// The language of people whose browser asks for none of ours: `en` or `de`
    pub language: Option<String>,
    /// Texts by language: `en`, `de`
    pub texts: BTreeMap<String, LookTexts>,
    /// Whether pages load the pictures that clients name (`logo_uri`) from where these are, so that
    /// others see who signs in (SEC-158)
    pub remote_logos: bool,
}

/// A tenant's texts in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LookTexts {
    /// On the sign-in page, at most 200 characters
    pub sign_in_hint: String,
    /// At the foot of every page: at most four
    pub links: Vec<LookLink>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookLink {
    /// What it says, at most 32 characters
    pub label: String,
    /// Where it leads: an `https` URL
    pub url: String,
}

/// The languages that pages speak.
pub const LANGUAGES: [&str; 2] = ["en", "de"];

/// The longest name, hint and label, in characters.
pub(crate) const LONGEST: (usize, usize, usize) = (64, 200, 32);

/// The most links.
pub(crate) const MOST_LINKS: usize = 4;

/// Whether this is a colour as `#rrggbb`.
pub(crate) fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_six_digits() {
        assert!(is_colour("#0e5A52"));
        for no in ["0e5a52", "#fff", "#0e5a5g", "#0e5a52;", "red", "#ééé"] {
            assert!(!is_colour(no), "{no}");
        }
    }
}
