//! The one style sheet, without what only its readers need.

use std::sync::LazyLock;

static SHEET: LazyLock<String> = LazyLock::new(|| tightened(include_str!("../assets/style.css")));

/// As it is inlined.
pub(crate) fn sheet() -> &'static str {
    &SHEET
}

/// Without comments, indentation and newlines. The sheet has no strings in which they would matter.
fn tightened(css: &str) -> String {
    let mut tight = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(start) = rest.find("/*") {
        tight.push_str(&rest[..start]);
        rest = rest[start..].find("*/").map_or("", |end| &rest[start + end + 2..]);
    }
    tight.push_str(rest);
    let mut line = String::with_capacity(tight.len());
    for word in tight.split_ascii_whitespace() {
        let joins = |c: char| "{};,:>".contains(c);
        let close = line.ends_with(['{', '}', ';', ',', '>']) || word.starts_with(['{', '}', '>']);
        if !(line.is_empty() || close || (line.ends_with(':') && !word.starts_with(joins))) {
            line.push(' ');
        }
        line.push_str(word);
    }
    line.replace(";}", "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tightened_sheet_means_the_same() {
        let css = "/* a */ a > b ,\n c:hover { color : red;\n margin: 0 auto; }\n@media (x) { d { e: f } }";
        assert_eq!(tightened(css), "a>b ,c:hover{color :red;margin:0 auto}@media (x){d{e:f}}");
        assert!(sheet().len() < 14_000, "{}", sheet().len());
        assert!(!sheet().contains("</"));
        assert!(!sheet().contains("url("));
    }
}
