use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

/// The keys of a file of texts.
fn keys(texts: &str) -> BTreeSet<String> {
    let lines = texts.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    lines.filter_map(|line| Some(line.split_once(" =")?.0.to_owned())).collect()
}

/// The variables that a message uses.
fn variables(texts: &str) -> BTreeSet<(String, String)> {
    let mut key = String::new();
    let mut found = BTreeSet::new();
    for line in texts.lines().filter(|line| !line.starts_with('#')) {
        if let Some((start, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
            start.clone_into(&mut key);
        }
        for part in line.split('$').skip(1) {
            let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
            found.insert((key.clone(), name));
        }
    }
    found
}

const EN: &str = include_str!("../../locales/en.ftl");
const DE: &str = include_str!("../../locales/de.ftl");

fn sources() -> String {
    let mut all = String::new();
    let mut folders = vec!["src".into(), "templates".into()];
    while let Some(folder) = folders.pop() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join::<std::path::PathBuf>(folder);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "tests.rs" {
                all += &fs::read_to_string(path).unwrap();
            }
        }
    }
    all
}

#[test]
fn every_text_is_there_in_every_language_with_the_same_variables() {
    assert_eq!(keys(EN), keys(DE));
    assert_eq!(variables(EN), variables(DE));
}

#[test]
fn every_text_is_used() {
    let sources = sources();
    let unused: Vec<_> =
        keys(EN).into_iter().filter(|key| !sources.contains(&format!("\"{key}\""))).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_text_that_is_used_is_there() {
    let sources = sources();
    let keys = keys(EN);
    let mut seen = 0;
    for call in ["of(\"", "with(\"", "count(\"", "number(\"", "with_two(\""] {
        for part in sources.split(&format!("t.{call}")).skip(1) {
            let key = part.split('"').next().unwrap();
            assert!(keys.contains(key), "{key}");
            seen += 1;
        }
    }
    assert!(seen > 80);
}

#[test]
fn texts_are_not_the_same_by_accident() {
    let [en, de] = [Text(Language::En), Text(Language::De)];
    let same: Vec<_> = keys(EN).into_iter().filter(|key| en.of(key) == de.of(key)).collect();
    let meant = [
        "asking-home",
        "month-4",
        "month-8",
        "month-9",
        "month-11",
        "nav-profile",
        "profile-email",
    ];
    let odd: Vec<_> = same
        .iter()
        .filter(|key| !meant.contains(&key.as_str()) && *key != "error-detail")
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn a_number_takes_the_form_that_goes_with_it() {
    let text = Text(Language::En);
    assert!(text.count("sign-in-too-many", 1).ends_with("in one minute."));
    assert!(text.count("sign-in-too-many", 5).ends_with("in 5 minutes."));
    assert_eq!(text.count("overview-applications", 0), "No application has access");
    assert!(text.count("consent-remembered", 365).contains("for 365 days; you can"));
}
