//! The texts of the pages, in the language of the page.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::Language;

static ENGLISH: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle(Language::En, include_str!("../locales/en.ftl")));
static GERMAN: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle(Language::De, include_str!("../locales/de.ftl")));

/// Looks texts up.
#[derive(Clone, Debug)]
pub struct Text(pub Language);

impl Text {
    /// A text without variables.
    #[must_use]
    pub fn of(&self, key: &str) -> String {
        self.format(key, None)
    }

    /// A text with one variable in words.
    #[must_use]
    pub fn with(&self, key: &str, name: &str, value: impl AsRef<str>) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.as_ref());
        self.format(key, Some(&args))
    }

    /// A text with a number, in the form that goes with that number.
    #[must_use]
    pub fn count(&self, key: &str, number: i64) -> String {
        let mut args = FluentArgs::new();
        args.set("n", number);
        self.format(key, Some(&args))
    }

    /// The same, as templates call it.
    #[must_use]
    pub fn number(&self, key: &str, number: &u32) -> String {
        self.count(key, i64::from(*number))
    }

    /// A text with two variables in words.
    #[must_use]
    pub fn with_two(
        &self,
        key: &str,
        first: &str,
        value: impl AsRef<str>,
        second: &str,
        other: impl AsRef<str>,
    ) -> String {
        let mut args = FluentArgs::new();
        args.set(first, value.as_ref());
        args.set(second, other.as_ref());
        self.format(key, Some(&args))
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let bundle: &FluentBundle<FluentResource> = match self.0 {
            Language::En => &ENGLISH,
            Language::De => &GERMAN,
        };
        // A test holds that every key that is used exists in every language.
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        bundle.format_pattern(pattern, args, &mut Vec::new()).into_owned()
    }
}

fn bundle(language: Language, texts: &'static str) -> FluentBundle<FluentResource> {
    let language: LanguageIdentifier = language.tag().parse().expect("a tag of the list");
    let texts = FluentResource::try_new(texts.to_owned()).expect("a test parses the texts");
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Names are cleaned of what could reorder a sentence (`clean`), and isolating marks would end up in
    // titles and attributes.
    bundle.set_use_isolating(false);
    bundle.add_resource(texts).expect("a test looks for keys that are there twice");
    bundle
}

#[cfg(test)]
mod tests;
