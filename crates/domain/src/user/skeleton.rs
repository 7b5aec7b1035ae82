//! The one form of names that look alike. Unicode TR 39 §4, in small.
//!
//! Two users whose names look the same could be taken for each other, and one user with two
//! spellings would have two failure counters. So names are found by a form that leaves out what the
//! eye does not see: width and other compatibility variants, case, invisible characters, and letters
//! of other scripts that look like Latin ones.

use unicode_normalization::UnicodeNormalization as _;

/// The skeleton of a name.
pub(super) fn of(name: &str) -> String {
    // ASCII needs nothing but its case folded, and nearly every name is ASCII.
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let visible = name.nfkc().filter(|c| !is_invisible(*c)).collect::<String>();
    // Case folding can undo normalization, and the other way round.
    let folded: String = visible.to_lowercase().nfkc().map(look_alike).collect();
    folded.nfc().collect()
}

/// What is written and not seen (`Default_Ignorable_Code_Point`, as far as names have it).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The Latin letter that a Latin variant, a Cyrillic, Armenian or Greek small letter is taken for.
fn look_alike(c: char) -> char {
    match c {
        'ɑ' | 'а' | 'α' => 'a',
        'с' => 'c',
        'ԁ' => 'd',
        'е' => 'e',
        'ɡ' => 'g',
        'һ' => 'h',
        'ı' | 'ɩ' | 'і' | 'ӏ' | 'ι' => 'i',
        'ȷ' | 'ј' => 'j',
        'к' | 'κ' => 'k',
        'ո' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ſ' | 'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'ү' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::{realm_name, user};
    use crate::user::User;

    #[test]
    fn sec_124_names_that_look_alike_are_one_name() {
        for variant in [
            "Alice",
            "ALICE",
            "alıce",
            "ａｌｉｃｅ",
            "al\u{200b}ice",
            "аlice",
            "alicе",
            "ALΙCE",
            "al\u{ad}ice",
            "𝒶lice",
        ] {
            assert_eq!(of(variant), "alice", "{variant:?}");
        }
        assert_eq!(of("Ju\u{308}rgen"), of("jürgen"), "composed and decomposed");
        for other in ["alice2", "al1ce", "alicé", "bob", "a.lice"] {
            assert_ne!(of(other), "alice", "{other:?}");
        }
    }

    #[test]
    fn sec_124_a_name_is_unique_in_its_realm() {
        use crate::document::Document as _;
        assert_eq!(user(1, "customers", "Alice").name(), user(2, "customers", "alıce").name());
        assert_ne!(user(1, "customers", "alice").name(), user(2, "services", "alice").name());
        let key = User::login_key(&realm_name("customers"), "ALICE@Acme.example");
        assert_eq!(key, "customers/alice@acme.example");
    }

    proptest! {
        #[test]
        fn a_skeleton_is_its_own_skeleton(name in "\\PC{1,20}") {
            let once = of(&name);
            prop_assert_eq!(of(&once), once);
        }

        #[test]
        fn case_does_not_matter(name in "[a-zA-Z0-9äöüÄÖÜéÉ@._-]{1,20}") {
            prop_assert_eq!(of(&name.to_uppercase()), of(&name));
        }
    }
}
