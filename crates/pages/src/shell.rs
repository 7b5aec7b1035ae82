//! What surrounds every page.

use crate::csp::Csp;
use crate::{Brand, BrandTexts, Language, Text};

/// A page that is ready to go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The document, UTF-8
    pub html: String,
    /// The value of `Content-Security-Policy`
    pub csp: String,
}

/// Fields of a form that nobody sees: name and value.
pub type Hidden = Vec<(&'static str, String)>;

/// What surrounds every page.
#[derive(Clone, Debug)]
pub struct Shell {
    /// Of the tenant
    pub brand: Brand,
    /// What it is written in
    pub language: Language,
    /// The path and query of this page, where another language can be asked for by adding `lang`.
    /// `None`: asking again is not possible, so no other language is offered
    pub here: Option<String>,
}

impl Shell {
    /// A page of this brand and language, without a way to another language.
    #[must_use]
    pub fn new(brand: Brand, language: Language) -> Self {
        Self { brand, language, here: None }
    }

    pub(crate) fn text(&self) -> Text {
        Text(self.language)
    }

    pub(crate) fn csp(&self) -> Csp {
        Csp::with_style(self.brand.style_hash())
    }

    pub(crate) fn texts(&self) -> BrandTexts {
        self.brand.texts(self.language).cloned().unwrap_or_default()
    }

    pub(crate) fn links(&self) -> Vec<(String, String)> {
        self.texts().links
    }

    /// The other languages, each with its own name, tag and address.
    pub(crate) fn others(&self) -> Vec<(&'static str, &'static str, String)> {
        let Some(here) = &self.here else { return Vec::new() };
        let (path, query) = here.split_once('?').unwrap_or((here, ""));
        let kept: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.starts_with("lang="))
            .collect();
        let others = Language::ALL.into_iter().filter(|language| *language != self.language);
        others
            .map(|language| {
                let mut query = kept.clone();
                let lang = format!("lang={}", language.tag());
                query.push(&lang);
                (language.own_name(), language.tag(), format!("{path}?{}", query.join("&")))
            })
            .collect()
    }
}

/// The first letter or digit, for a picture where there is none.
pub(crate) fn initial(name: &str) -> String {
    let letter = name.chars().find(|c| c.is_alphanumeric());
    letter.map_or_else(|| "•".to_owned(), |c| c.to_uppercase().take(1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_language_keeps_where_one_is() {
        let mut shell = Shell::new(Brand::plain("Acme"), Language::En);
        assert!(shell.others().is_empty());
        for (here, there) in [
            ("/sign-in", "/sign-in?lang=de"),
            ("/sign-in?tx=a.b", "/sign-in?tx=a.b&lang=de"),
            ("/sign-in?lang=en&tx=a.b", "/sign-in?tx=a.b&lang=de"),
        ] {
            shell.here = Some(here.to_owned());
            assert_eq!(shell.others(), [("Deutsch", "de", there.to_owned())]);
        }
    }
}
