//! Which new passwords are taken. SEC-119, NIST SP 800-63B-4 §3.1.1.2.
//!
//! Length decides, not composition: whatever people choose themselves may be long and may consist of
//! anything. What is refused is what guessers try first: common words and rows of keys, and what can
//! be known of the person and the service.

use unicode_normalization::UnicodeNormalization as _;

/// The fewest characters where a password is the only factor.
pub const SHORTEST: usize = 15;

/// How many characters must be left when everything that is easily guessed is taken away.
const OWN: usize = 6;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Fewer than [`SHORTEST`] characters
    #[error("a password has at least 15 characters")]
    TooShort,
    /// Hardly more than what many use
    #[error("the password is one of those that are guessed first")]
    Common,
    /// Hardly more than the name of the person or the service
    #[error("the password says who it belongs to, or where")]
    Context,
}

/// Judges a password that somebody would like to have. `context` is what can be known: login name,
/// names, addresses, the tenant, the host.
pub fn judge(password: &str, context: &[&str]) -> Result<(), Weak> {
    let normal: String = password.nfkc().collect();
    if normal.chars().count().min(password.chars().count()) < SHORTEST {
        return Err(Weak::TooShort);
    }
    let folded = fold(&normal);
    let mut words: Vec<String> = context.iter().flat_map(|text| known_words(text)).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let without_context = without(&folded, words.iter().map(String::as_str));
    let left = without(&without_context, COMMON.split_ascii_whitespace());
    if own_characters(&without_rows(&left)) >= OWN {
        return Ok(());
    }
    let only_common = without(&folded, COMMON.split_ascii_whitespace());
    match own_characters(&without_rows(&only_common)) >= OWN {
        true => Err(Weak::Context),
        false => Err(Weak::Common),
    }
}

/// Lower case, with the usual replacements of letters undone.
fn fold(text: &str) -> String {
    let plain = |c: char| match c {
        '@' | '4' => 'a',
        '3' => 'e',
        '0' => 'o',
        '$' | '5' => 's',
        c => c,
    };
    text.chars().flat_map(char::to_lowercase).map(plain).collect()
}

/// The words of a text that are long enough to matter, folded alike.
fn known_words(text: &str) -> Vec<String> {
    let mut words = vec![fold(text)];
    words.extend(text.split(|c: char| !c.is_alphanumeric()).map(fold));
    words.retain(|word| word.chars().count() >= 3);
    words
}

fn without<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> String {
    words.fold(text.to_owned(), |text, word| text.replace(word, " "))
}

/// Without rows of neighbours (`12345`, `aaaa`, `qwert`) and years.
fn without_rows(text: &str) -> String {
    let all: Vec<char> = text.chars().collect();
    let mut left = String::new();
    let mut at = 0;
    while at < all.len() {
        let row = row_from(&all[at..]);
        if row >= 4 {
            at += row;
            left.push(' ');
        } else {
            left.push(all[at]);
            at += 1;
        }
    }
    left
}

/// How long the row is with which these characters begin.
fn row_from(all: &[char]) -> usize {
    let step = |a: char, b: char| i64::from(u32::from(b)) - i64::from(u32::from(a));
    // Folding turned some digits into letters; as neighbours they count as what they were.
    let digit = |c: char| match c {
        'o' => '0',
        'e' => '3',
        'a' => '4',
        's' => '5',
        c => c,
    };
    let run = |f: &dyn Fn(char) -> char| {
        let Some([a, b]) = all.first_chunk::<2>() else { return all.len() };
        let first = step(f(*a), f(*b));
        if !a.is_ascii() || first.abs() > 1 {
            return 1;
        }
        1 + all.windows(2).take_while(|pair| step(f(pair[0]), f(pair[1])) == first).count()
    };
    let year: String = all.iter().take(4).map(|c| digit(*c)).collect();
    let is_year = year.len() == 4
        && (year.starts_with("19") || year.starts_with("20"))
        && year.bytes().all(|c| c.is_ascii_digit());
    run(&|c| c).max(run(&digit)).max(if is_year { 4 } else { 1 })
}

/// How many characters somebody had to think of: those that are not repeats of ones before.
fn own_characters(text: &str) -> usize {
    let shown: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    // Whatever is beyond ASCII is in no list of guesses of this sort.
    if shown.iter().filter(|c| !c.is_ascii()).count() >= OWN {
        return shown.len();
    }
    let mut kinds = shown.clone();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 4 { 0 } else { shown.len() }
}

/// What is guessed first, folded; longer words before those that are in them.
const COMMON: &str = "correcthorsebatterystaple correct horse battery staple qwertyuiop \
    qwertzuiop asdfghjkl administrator iloveyou changeme whatever sunshine princess football baseball \
    superman passwort password kennwort trustno1 computer internet starwars liverpool letmein welcome \
    willkommen geheim secret master monkey dragon shadow michael jennifer jordan hunter buster soccer \
    hockey killer george charlie andrew michelle pepper daniel access joshua maggie thomas summer winter \
    spring autumn sommer herbst hallo hello freedom flower cheese ginger matrix samsung google apple \
    qwerty qwertz qazwsx asdfgh zxcvbn yxcvbn admin login guest test user root pass love angel schatz";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONTEXT: [&str; 4] = ["anna.ahorn", "Anna Ahorn", "acme", "id.acme.example"];

    #[test]
    fn sec_119_what_is_guessed_first_is_refused_with_the_reason() {
        use Weak::{Common, Context, TooShort};
        for (password, verdict) in [
            ("short one", Err(TooShort)),
            ("fourteen chars", Err(TooShort)),
            ("Password1234567", Err(Common)),
            ("P@ssw0rdP@ssw0rd", Err(Common)),
            ("qwertyuiopasdfghjkl", Err(Common)),
            ("aaaaaaaaaaaaaaaaaaaa", Err(Common)),
            ("abababababababababab", Err(Common)),
            ("123456789012345678", Err(Common)),
            ("abcdefghijklmnopqrstuvwxyz", Err(Common)),
            ("correct horse battery staple", Err(Common)),
            ("Welcome2026!Welcome2026!", Err(Common)),
            ("acme2026acme2026", Err(Context)),
            ("anna.ahornanna.ahorn", Err(Context)),
            ("AnnaAhorn-AnnaAhorn", Err(Context)),
            ("id.acme.example2026", Err(Context)),
            ("a tandem in the rain", Ok(())),
            ("eleven grey herons", Ok(())),
            ("Fahrradklingelkonzert", Ok(())),
            ("8m#Qz!vT2@xLw9&p", Ok(())),
            ("my acme tandem squeaks", Ok(())),
            ("пятнадцать журавлей", Ok(())),
        ] {
            assert_eq!(judge(password, &CONTEXT), verdict, "{password}");
        }
        assert_eq!(judge(&"🦩".repeat(64), &CONTEXT), Ok(()));
        assert_eq!(judge(&"🦩🌧🚲🎻".repeat(16), &CONTEXT), Ok(()));
    }

    proptest! {
        #[test]
        fn any_text_is_judged(password in any::<String>(), name in any::<String>()) {
            let _ = judge(&password, &[&name]);
        }

        #[test]
        fn fewer_than_fifteen_characters_are_never_enough(password in "\\PC{0,14}") {
            prop_assert!(judge(&password, &[]).is_err());
        }
    }
}
