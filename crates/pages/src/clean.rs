//! What strangers wrote about themselves, made fit to be shown. SEC-043.

/// How many characters of a name are shown.
const NAME: usize = 64;

/// How many characters are looked at.
const READ: usize = 4_096;

/// A client's or person's name: one line of at most 64 visible characters.
///
/// Removed are characters that hide, reorder or break what stands around them: controls and newlines,
/// bidirectional controls, zero-width and other invisible characters. Escaping is the template's work.
#[must_use]
pub fn clean(text: &str) -> String {
    clean_to(text, NAME)
}

/// The same with another bound, in characters.
#[must_use]
pub fn clean_to(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut gap = false;
    let mut marks = 0;
    for c in text.chars().take(READ) {
        if c.is_whitespace() {
            gap = !line.is_empty();
            continue;
        }
        // Piles of combining marks climb over the lines above and below.
        let alone = line.is_empty() || gap;
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if is_hidden(c) || marks > 2 || (marks > 0 && alone) {
            continue;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(c);
    }
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Invisible, or able to reorder its neighbours.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFD}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E000}'..='\u{F8FF}'
            | '\u{E0000}'..='\u{E0FFF}'
            | '\u{F0000}'..='\u{10FFFF}')
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sec_043_what_hides_or_reorders_is_gone() {
        for (written, shown) in [
            ("Shoe shop", "Shoe shop"),
            ("Acme Bank\u{202E}", "Acme Bank"),
            ("Ac\u{200B}me\u{FEFF} \u{2066}Bank\u{2069}", "Acme Bank"),
            ("Acme\nBank\r\n\tof\u{2028}Towns", "Acme Bank of Towns"),
            ("  Acme \u{A0}\u{3000} Bank  ", "Acme Bank"),
            ("Acme\u{0}\u{7}\u{9B}", "Acme"),
            ("\u{E0041}Acme\u{E007F}", "Acme"),
            ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
            ("Zoe\u{308}", "Zoe\u{308}"),
            ("Z\u{308}\u{308}\u{308}\u{308}\u{308}", "Z\u{308}\u{308}"),
            ("\u{308}Acme", "Acme"),
            ("Straßenbäckerei Grün & Söhne", "Straßenbäckerei Grün & Söhne"),
            ("متجر الأحذية", "متجر الأحذية"),
            ("\u{3164}\u{115F}\u{2800}", ""),
            ("", ""),
        ] {
            assert_eq!(clean(written), shown, "{written:?}");
        }
    }

    #[test]
    fn sec_043_a_name_is_at_most_64_characters_long() {
        assert_eq!(clean(&"a".repeat(64)), "a".repeat(64));
        assert_eq!(clean(&"a".repeat(65)), format!("{}…", "a".repeat(63)));
        assert!(clean(&"ab ".repeat(5_000)).chars().count() <= 64);
        assert_eq!(clean_to("Acme Bank", 5), "Acme…");
    }

    proptest! {
        #[test]
        fn whatever_was_written_one_bounded_visible_line_is_shown(text in any::<String>(), most in 1_usize..80) {
            let shown = clean_to(&text, most);
            prop_assert!(shown.chars().count() <= most);
            prop_assert!(!shown.chars().any(|c| is_hidden(c) || (c.is_whitespace() && c != ' ')));
            prop_assert_eq!(shown.trim(), &shown);
            prop_assert_eq!(clean_to(&shown, most), shown);
        }
    }
}
