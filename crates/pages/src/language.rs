//! Which language a page is in. SEC-039.

/// A language that the pages speak. What a request asks for is matched against this fixed list and
/// never becomes a key of anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// English
    #[default]
    En,
    /// German
    De,
}

impl Language {
    /// All of them; also `ui_locales_supported`.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// As `lang`, in cookies and in metadata. RFC 5646
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// What it calls itself.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
        }
    }

    /// The language of a tag, by its primary subtag: `de-AT` is German.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The first that we speak of: what the person chose, what the client asks for (`ui_locales`, OIDC
    /// Core §3.1.2.1), what the browser prefers (`Accept-Language`, RFC 9110 §12.5.4), then `fallback`.
    #[must_use]
    pub fn choose(
        chosen: Option<&str>,
        ui_locales: Option<&str>,
        accept_language: Option<&str>,
        fallback: Self,
    ) -> Self {
        let by_client = || ui_locales.and_then(first_of_list);
        let by_browser = || accept_language.and_then(most_preferred);
        chosen.and_then(Self::of_tag).or_else(by_client).or_else(by_browser).unwrap_or(fallback)
    }
}

/// How much of a header or parameter is read.
const READ: usize = 20;

fn first_of_list(list: &str) -> Option<Language> {
    list.split_ascii_whitespace().take(READ).find_map(Language::of_tag)
}

fn most_preferred(header: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in header.split(',').take(READ) {
        let (tag, weight) = match range.split_once(';') {
            None => (range, 1.0),
            Some((tag, weight)) => (tag, quality(weight)),
        };
        let known = Language::of_tag(tag.trim());
        if let Some(language) = known.filter(|_| weight > best.map_or(0.0, |(best, _)| best)) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

fn quality(parameter: &str) -> f32 {
    let value = parameter.trim().strip_prefix("q=").and_then(|value| value.trim().parse().ok());
    value.filter(|value| (0.0..=1.0).contains(value)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_039_a_language_is_chosen_from_the_fixed_list() {
        use Language::{De, En};
        for (chosen, ui_locales, accept, expected) in [
            (None, None, None, En),
            (Some("de"), Some("en"), Some("en"), De),
            (Some("xx"), Some("fr de-CH en"), None, De),
            (Some("../../etc"), None, Some("de-DE,de;q=0.9,en;q=0.8"), De),
            (None, None, Some("fr-CH, en;q=0.7, de;q=0.9"), De),
            (None, None, Some("en;q=0, de;q=0.1"), De),
            (None, None, Some("de;q=nan, en;q=0.1"), En),
            (None, None, Some("de;q=7"), En),
            (None, Some("xx-random"), Some("*"), En),
            (None, Some("DE_at"), None, De),
        ] {
            let got = Language::choose(chosen, ui_locales, accept, En);
            assert_eq!(got, expected, "{chosen:?} {ui_locales:?} {accept:?}");
        }
    }
}
