//! What a tenant may change about the pages that people see.

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
    /// most 10 KiB
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

/// The longest logo, in characters of its URL: the page stays below 30 KiB.
const LONGEST_LOGO: usize = 10_240;

/// Whether this is a small PNG or WebP picture in a `data` URL: nothing that runs, nothing that is
/// fetched from others (SEC-158).
pub(crate) fn is_logo(url: &str) -> bool {
    let is = |kind: &str, starts: &str| {
        url.strip_prefix(kind).is_some_and(|data| {
            let in_base64 = |c: u8| c.is_ascii_alphanumeric() || b"+/=".contains(&c);
            data.starts_with(starts) && data.bytes().all(in_base64)
        })
    };
    // The first bytes in base64: the signature of PNG, `RIFF` of WebP.
    let known =
        is("data:image/png;base64,", "iVBORw0KGgo") || is("data:image/webp;base64,", "UklGR");
    url.len() <= LONGEST_LOGO && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_158_a_logo_is_a_small_picture_that_came_with_the_settings() {
        assert!(is_logo("data:image/png;base64,iVBORw0KGgoAAAA="));
        assert!(is_logo("data:image/webp;base64,UklGRhIA"));
        for no in [
            "https://evil.example/logo.png",
            "data:image/svg+xml;base64,PHN2Zz4=",
            "data:image/png;base64,PHN2Zz4=",
            "data:image/png;base64,iVBORw0KGgo\" onload=",
            "",
        ] {
            assert!(!is_logo(no), "{no}");
        }
        let long = format!("data:image/png;base64,iVBORw0KGgo{}", "A".repeat(LONGEST_LOGO));
        assert!(!is_logo(&long));
    }

    #[test]
    fn a_colour_has_six_digits() {
        assert!(is_colour("#0e5A52"));
        for no in ["0e5a52", "#fff", "#0e5a5g", "#0e5a52;", "red", "#ééé"] {
            assert!(!is_colour(no), "{no}");
        }
    }
}
