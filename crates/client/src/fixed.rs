//! `OAUTH2_ACCESS_TOKENS`: ready-made tokens, `name=token,name2=token2`.

use std::collections::HashMap;

use crate::error::TokenError;
use crate::secret::{Secret, is_token_text};

/// Reads the list. A token may contain `=`; blanks around names and tokens, and empty places
/// between commas, are nothing.
///
/// # Errors
/// [`TokenError::Settings`] that says which entry, and never what is in it.
pub(crate) fn parse(list: &str) -> Result<HashMap<String, Secret>, TokenError> {
    let mut tokens = HashMap::new();
    for (index, entry) in list.split(',').map(str::trim).enumerate() {
        if entry.is_empty() {
            continue;
        }
        let wrong = |what: &str| {
            TokenError::Settings(format!("OAUTH2_ACCESS_TOKENS: entry {} {what}", index + 1))
        };
        let (name, token) = entry.split_once('=').ok_or_else(|| wrong("is not `name=token`"))?;
        let (name, token) = (name.trim(), token.trim());
        if name.is_empty() {
            return Err(wrong("has no name"));
        }
        if !is_token_text(token) {
            return Err(wrong("has no token that could be sent"));
        }
        if tokens.insert(name.to_owned(), token.into()).is_some() {
            return Err(wrong("repeats a name"));
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use proptest::collection::hash_map;
    use proptest::prelude::*;

    use super::*;

    fn read(list: &str) -> Vec<(String, String)> {
        let mut tokens: Vec<_> = parse(list)
            .unwrap()
            .into_iter()
            .map(|(name, token)| (name, token.reveal().to_owned()))
            .collect();
        tokens.sort();
        tokens
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, token)| ((*name).to_owned(), (*token).to_owned())).collect()
    }

    #[test]
    fn the_list_is_read() {
        for (list, tokens) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("a=1", vec![("a", "1")]),
            ("a=1,b=2", vec![("a", "1"), ("b", "2")]),
            (" a = 1 , b=2, ", vec![("a", "1"), ("b", "2")]),
            ("a=YWJj==", vec![("a", "YWJj==")]),
        ] {
            assert_eq!(read(list), pairs(&tokens), "{list:?}");
        }
    }

    #[test]
    fn a_wrong_entry_is_named_by_its_place_and_never_quoted() {
        for (list, says) in [
            ("a=1,canary", "entry 2 is not `name=token`"),
            ("=canary", "entry 1 has no name"),
            ("a=", "entry 1 has no token that could be sent"),
            ("a=1,b=canary canary", "entry 2 has no token that could be sent"),
            ("a=canary\u{fc}", "entry 1 has no token that could be sent"),
            ("a=1,a=canary", "entry 2 repeats a name"),
        ] {
            let text = parse(list).unwrap_err().to_string();
            assert_eq!(text, format!("OAUTH2_ACCESS_TOKENS: {says}"));
        }
    }

    proptest! {
        #[test]
        fn any_names_and_tokens_survive_the_way_through_the_variable(
            tokens in hash_map("[a-zA-Z0-9._/-]{1,12}", "[!-+\\--~]{1,40}", 0..6)
        ) {
            let list: Vec<_> = tokens.iter().map(|(name, token)| format!("{name}={token}")).collect();
            let parsed = parse(&list.join(",")).unwrap();
            prop_assert_eq!(parsed.len(), tokens.len());
            for (name, token) in &tokens {
                prop_assert_eq!(parsed[name].reveal(), token);
            }
        }

        #[test]
        fn nothing_makes_the_parser_panic_and_all_it_accepts_can_be_sent(list in "\\PC{0,80}") {
            for token in parse(&list).into_iter().flat_map(HashMap::into_values) {
                prop_assert!(is_token_text(token.reveal()));
            }
        }
    }
}
