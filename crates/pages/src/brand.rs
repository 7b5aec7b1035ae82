//! What a tenant may change about its pages: name, logo, one colour, a few texts.
//!
//! A brand cannot make a page unreadable: text on the colour, and links in it, are derived so that
//! they keep a contrast of 4.5 to 1 in light and dark (WCAG 2.2, 1.4.3).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::csp::hash_source;
use crate::{Language, clean, clean_to, style};

/// The look of a tenant, ready to be shown. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Brand(Arc<Ready>);

#[derive(Debug)]
struct Ready {
    name: String,
    logo: Option<String>,
    texts: BTreeMap<Language, BrandTexts>,
    style: String,
    style_hash: String,
}

/// A tenant's texts in one language; empty is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrandTexts {
    /// Below the heading of the sign-in page: at most 200 characters
    pub sign_in_hint: String,
    /// At the foot of every page: label and `https` URL, at most four
    pub links: Vec<(String, String)>,
}

/// The colour of a tenant that chose none.
const ACCENT: Rgb = Rgb(0x0e, 0x5a, 0x52);

impl Brand {
    /// Of a name, a logo (`data:image/png;base64,…` or WebP), a colour (`#rrggbb`) and texts.
    ///
    /// What does not fit is left out: a page is shown all the same.
    #[must_use]
    pub fn new(
        name: &str,
        logo: Option<&str>,
        accent: Option<&str>,
        texts: BTreeMap<Language, BrandTexts>,
    ) -> Self {
        let accent = accent.and_then(Rgb::parse).unwrap_or(ACCENT);
        let style = format!("{}{}", accent.variables(), style::sheet());
        let texts = texts.into_iter().map(|(language, texts)| (language, texts.bounded()));
        Self(Arc::new(Ready {
            name: clean(name),
            logo: logo.filter(|logo| is_picture(logo)).map(str::to_owned),
            texts: texts.collect(),
            style_hash: hash_source(&style),
            style,
        }))
    }

    /// Of a name alone.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        Self::new(name, None, None, BTreeMap::new())
    }

    /// What the tenant calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn logo(&self) -> Option<&str> {
        self.0.logo.as_deref()
    }

    pub(crate) fn texts(&self, language: Language) -> Option<&BrandTexts> {
        self.0.texts.get(&language).or_else(|| self.0.texts.values().next())
    }

    pub(crate) fn style(&self) -> &str {
        &self.0.style
    }

    pub(crate) fn style_hash(&self) -> &str {
        &self.0.style_hash
    }
}

impl BrandTexts {
    fn bounded(self) -> Self {
        let links = self.links.into_iter().filter(|(_, url)| url.starts_with("https://"));
        let links = links.map(|(label, url)| (clean_to(&label, 32), url));
        Self {
            sign_in_hint: clean_to(&self.sign_in_hint, 200),
            links: links.filter(|(label, _)| !label.is_empty()).take(4).collect(),
        }
    }
}

/// The largest logo, in characters of its `data` URL: the page stays below 30 KiB.
const LOGO: usize = 10_240;

fn is_picture(url: &str) -> bool {
    let data = ["data:image/png;base64,", "data:image/webp;base64,"]
        .iter()
        .find_map(|prefix| url.strip_prefix(prefix));
    let in_base64 = |c: u8| c.is_ascii_alphanumeric() || b"+/=".contains(&c);
    url.len() <= LOGO && data.is_some_and(|data| !data.is_empty() && data.bytes().all(in_base64))
}

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb(u8, u8, u8);

/// What text stands on, light and dark; as in the style sheet.
const LIGHT: Rgb = Rgb(0xff, 0xff, 0xff);
const DARK: Rgb = Rgb(0x1c, 0x22, 0x24);
/// The contrast that small text needs, with a little to spare.
const READABLE: f64 = 4.8;
/// How finely a readable shade is looked for.
const STEPS: u16 = 20;

impl Rgb {
    fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
        Some(Self(part(0)?, part(2)?, part(4)?))
    }

    /// The accent and what is derived from it, as custom properties for light and dark.
    fn variables(self) -> String {
        let mut css = String::new();
        let light = self.darker();
        let dark = self.lighter();
        let _ =
            write!(css, ":root{{--accent:{};--on-accent:{}}}", light.hex(), light.text_on().hex());
        let _ = write!(
            css,
            "@media(prefers-color-scheme:dark){{:root{{--accent:{};--on-accent:{}}}}}",
            dark.hex(),
            dark.text_on().hex()
        );
        css
    }

    /// Dark enough to be read on a light ground.
    fn darker(self) -> Self {
        let mut tried = (0..=STEPS).map(|step| self.mixed(Self(0, 0, 0), step));
        tried.find(|colour| colour.contrast(LIGHT) >= READABLE).unwrap_or(Self(0, 0, 0))
    }

    /// Light enough to be read on a dark ground: first in the same hue, then towards white.
    fn lighter(self) -> Self {
        let white = Self(255, 255, 255);
        let bright = self.brightest();
        let in_hue = (0..=STEPS).map(|step| self.mixed(bright, step));
        let mut tried = in_hue.chain((0..=STEPS).map(|step| bright.mixed(white, step)));
        tried.find(|colour| colour.contrast(DARK) >= READABLE).unwrap_or(white)
    }

    /// The same hue with its strongest part near the top.
    fn brightest(self) -> Self {
        let most = u16::from(self.0.max(self.1).max(self.2)).max(1);
        let scale = |part: u8| u8::try_from(u16::from(part) * 225 / most).unwrap_or(u8::MAX);
        Self(scale(self.0), scale(self.1), scale(self.2))
    }

    fn text_on(self) -> Self {
        let (white, black) = (Self(255, 255, 255), Self(0x0b, 0x12, 0x12));
        if self.contrast(white) >= self.contrast(black) { white } else { black }
    }

    fn mixed(self, other: Self, step: u16) -> Self {
        let mix = |a: u8, b: u8| {
            let mixed = (u16::from(a) * (STEPS - step) + u16::from(b) * step) / STEPS;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_colour_makes_a_page_unreadable(r: u8, g: u8, b: u8) {
            let colour = Rgb(r, g, b);
            for (ground, accent) in [(LIGHT, colour.darker()), (DARK, colour.lighter())] {
                prop_assert!(accent.contrast(ground) >= 4.5);
                prop_assert!(accent.text_on().contrast(accent) >= 4.5);
            }
        }
    }

    #[test]
    fn a_brand_takes_no_style_picture_or_link_that_it_should_not() {
        for colour in ["red", "#12", "#12345g", "#123456;}", "#ééé"] {
            assert_eq!(Rgb::parse(colour), None, "{colour}");
        }
        assert!(is_picture("data:image/png;base64,iVBORw0KGgo="));
        for logo in [
            "https://evil.example/logo.png",
            "data:image/svg+xml;base64,AAAA",
            "data:image/png;base64,",
            "data:image/png;base64,AA\"onerror=",
        ] {
            assert!(!is_picture(logo), "{logo}");
        }
        let link = |url: &str| ("Imprint".to_owned(), url.to_owned());
        let links =
            vec![link("javascript:alert(1)"), link("http://a.example"), link("https://a.example")];
        let texts = BrandTexts { links, ..BrandTexts::default() };
        assert_eq!(texts.bounded().links, [link("https://a.example")]);
    }
}
