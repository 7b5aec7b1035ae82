//! Which test covers which requirement. `docs/requirements.tsv` lists the requirements and
//! `docs/oidc-traps.tsv` the facts that an authorization server gets wrong; a test covers one by having its
//! id in its name, as in `sec_078_a_zero_signature_is_refused` or `trap_063_…`. Rows of a feature that is
//! not built are covered by the test that proves the feature absent, `absent_scim_…`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::repository::{files, root};

/// The lists, in the order in which they are printed.
const LISTS: [&str; 2] = ["docs/requirements.tsv", "docs/oidc-traps.tsv"];

/// Where the tests of this are.
const THIS_FILE: &str = "xtask/src/requirements.rs";

/// What ids begin with.
const PREFIXES: [&str; 3] = ["SEC-", "REL-", "TRAP-"];

/// A row of a list.
#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    id: String,
    /// Must hold before anyone outside the team uses the server.
    p0: bool,
    applies: Applies,
    title: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Applies {
    /// What it speaks of exists.
    Now,
    /// The feature it speaks of is not built, and a test proves that.
    Absent(String),
    /// It cannot be met or tested yet, for this reason.
    Later(String),
}

/// A test, by the place and the name a person finds it with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Test {
    file: String,
    name: String,
}

/// The tests whose names say what they cover.
#[derive(Debug, Default)]
struct Index {
    /// By requirement, `SEC-078`.
    by_id: BTreeMap<String, Vec<Test>>,
    /// Those that prove that a feature is not there.
    absent: Vec<Test>,
}

/// Prints the tables and fails when a P0 row has no test.
pub(crate) fn run() -> Result<()> {
    let mut requirements = Vec::new();
    for list in LISTS {
        let text = fs::read_to_string(root()?.join(list)).context(list)?;
        requirements.extend(read(&text).context(list)?);
    }
    let tests = index()?;
    let unknown: Vec<_> = tests
        .by_id
        .keys()
        .filter(|id| !requirements.iter().any(|r| r.id == **id))
        .map(String::as_str)
        .collect();
    let mut missing = Vec::new();
    let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
    for requirement in &requirements {
        let outcome = outcome(requirement, &tests);
        *sums.entry(outcome).or_default() += 1;
        if outcome == MISSING && requirement.p0 {
            missing.push(requirement.id.as_str());
        }
        print_row(requirement, outcome, &tests);
    }
    println!();
    for (outcome, count) in sums {
        println!("{count:>4}  {outcome}");
    }
    ensure!(unknown.is_empty(), "tests name ids that are not listed: {}", unknown.join(", "));
    if missing.is_empty() {
        return Ok(());
    }
    bail!("{} P0 requirements apply and have no test: {}", missing.len(), missing.join(", "))
}

const TESTED: &str = "tested";
const ABSENT: &str = "tested as absent";
const LATER: &str = "does not apply yet";
const MISSING: &str = "NO TEST";

fn outcome(requirement: &Requirement, tests: &Index) -> &'static str {
    match &requirement.applies {
        _ if tests.by_id.contains_key(&requirement.id) => TESTED,
        Applies::Absent(feature) if covering_absence(feature, tests).is_some() => ABSENT,
        Applies::Later(_) => LATER,
        Applies::Now | Applies::Absent(_) => MISSING,
    }
}

/// A test named `absent_FEATURE` or `absent_FEATURE_…`.
fn covering_absence<'t>(feature: &str, tests: &'t Index) -> Option<&'t Test> {
    let start = format!("absent_{feature}");
    tests.absent.iter().find(|test| {
        let mut ends =
            test.name.match_indices(&start).map(|(at, _)| &test.name[at + start.len()..]);
        ends.any(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

fn print_row(requirement: &Requirement, outcome: &str, tests: &Index) {
    let level = if requirement.p0 { "P0" } else { "P1" };
    let Requirement { id, title, .. } = requirement;
    println!("{id} {level}  {outcome}: {title}");
    let print = |test: &Test| println!("             {}  {}", test.name, test.file);
    if let Some(covering) = tests.by_id.get(id) {
        covering.iter().for_each(print);
        return;
    }
    match &requirement.applies {
        Applies::Absent(feature) => covering_absence(feature, tests).into_iter().for_each(print),
        Applies::Later(reason) => println!("             {reason}"),
        Applies::Now => {}
    }
}

/// Reads the list: id, level, `now` | `absent:feature` | `later: reason`, title; tab-separated.
fn read(text: &str) -> Result<Vec<Requirement>> {
    let rows = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| requirement(row).with_context(|| row.to_owned())).collect()
}

fn requirement(row: &str) -> Result<Requirement> {
    let fields: Vec<_> = row.split('\t').collect();
    let [id, level, applies, title] = fields[..] else { bail!("a row has four fields") };
    let p0 = match level {
        "P0" => true,
        "P1" => false,
        _ => bail!("the level is P0 or P1"),
    };
    let applies = match applies.split_once(':') {
        None if applies == "now" => Applies::Now,
        Some(("absent", feature)) => Applies::Absent(feature.to_owned()),
        Some(("later", reason)) if !reason.trim().is_empty() => {
            Applies::Later(reason.trim().to_owned())
        }
        _ => bail!("`applies` is now, absent:feature or later: reason"),
    };
    ensure!(ids(id) == [id.to_owned()], "the id has another form");
    Ok(Requirement { id: id.to_owned(), p0, applies, title: title.to_owned() })
}

/// All tests whose names contain an id or `absent_`.
fn index() -> Result<Index> {
    let mut index = Index::default();
    for file in files()? {
        // Its own tests are about such names, and cover nothing.
        if file == Path::new(THIS_FILE) {
            continue;
        }
        let peers = file.starts_with("tests/peers") || file.starts_with("tests/browser");
        let names = match file.extension().and_then(|e| e.to_str()) {
            Some("rs") => rust_tests,
            Some("py") if peers => python_tests,
            Some("mjs") if peers => node_tests,
            _ => continue,
        };
        let Ok(text) = fs::read_to_string(root()?.join(&file)) else { continue };
        for name in names(&text) {
            add(&mut index, &file, &name);
        }
    }
    Ok(index)
}

fn add(index: &mut Index, file: &Path, name: &str) {
    let test = Test { file: file.display().to_string(), name: name.to_owned() };
    if name.contains("absent_") {
        index.absent.push(test.clone());
    }
    for id in ids(name) {
        let covering = index.by_id.entry(id).or_default();
        if !covering.contains(&test) {
            covering.push(test.clone());
        }
    }
}

/// The functions of a Rust file, ignored tests left out. Contract suites are functions without an
/// attribute of their own, so every function counts.
fn rust_tests(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut ignored = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[ignore") {
            ignored = true;
        }
        let Some((_, rest)) = line.split_once("fn ") else { continue };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if !line.starts_with("//") && !ignored && !name.is_empty() {
            names.push(name);
        }
        ignored = false;
    }
    names
}

fn python_tests(text: &str) -> Vec<String> {
    let definitions = text.lines().filter_map(|line| line.trim().split_once("def test_"));
    definitions.filter_map(|(_, rest)| Some(rest.split_once('(')?.0.to_owned())).collect()
}

/// The first string of each line that calls `test(` or `it(`.
fn node_tests(text: &str) -> Vec<String> {
    let calls =
        text.lines().map(str::trim).filter(|l| l.starts_with("test(") || l.starts_with("it("));
    let quotes = ['\'', '"', '`'];
    calls.filter_map(|line| Some(line.split(quotes).nth(1)?.to_owned())).collect()
}

/// The ids in a text, in any case, with `-` or `_`: `sec_078…` gives `SEC-078`, and `sec_072_075…` gives
/// two. A status such as 503 behind an id is no number of a requirement.
fn ids(text: &str) -> Vec<String> {
    let text = text.to_ascii_uppercase().replace('_', "-");
    let mut found = Vec::new();
    for prefix in PREFIXES {
        for (at, _) in text.match_indices(prefix) {
            if text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
                continue;
            }
            let words = text[at + prefix.len()..].split(|c: char| !c.is_ascii_alphanumeric());
            let numbers = words.take_while(|word| is_number(word));
            found.extend(numbers.map(|number| format!("{prefix}{number}")));
        }
    }
    found
}

fn is_number(word: &str) -> bool {
    word.len() == 3 && word.starts_with(['0', '1']) && word.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_the_names_of_all_three_languages() {
        assert_eq!(ids("sec_078_a_zero_signature_is_refused"), ["SEC-078"]);
        assert_eq!(ids("sec_061_rel_019_one_successor"), ["SEC-061", "REL-019"]);
        assert_eq!(ids("sec_072_075_what_a_header_must_not_say"), ["SEC-072", "SEC-075"]);
        assert_eq!(ids("sec_118_503_beyond_the_queue"), ["SEC-118"]);
        assert_eq!(ids("sec_046_trap_062_063_a_code"), ["SEC-046", "TRAP-062", "TRAP-063"]);
        assert_eq!(ids("SEC-103: only an audience may introspect"), ["SEC-103"]);
        assert_eq!(ids("parsec_001 sec_1 sec_1234"), Vec::<String>::new());
    }

    #[test]
    fn ignored_tests_cover_nothing() {
        let text = "#[test]\nfn sec_001_a() {}\n#[test]\n#[ignore = \"slow\"]\nfn sec_002_b() {}\n\
                    // fn sec_003_c() {}\nasync fn sec_004_d<S>() {}\n";
        assert_eq!(rust_tests(text), ["sec_001_a", "sec_004_d"]);
    }

    #[test]
    fn python_and_node_tests_are_found() {
        assert_eq!(
            python_tests("async def test_sec_103_x(server):\n  pass\ndef other():"),
            ["sec_103_x"]
        );
        assert_eq!(node_tests("test('SEC-057 replay', async () => {\n"), ["SEC-057 replay"]);
    }

    #[test]
    fn a_p0_row_needs_a_test_of_its_own_or_of_the_absence() {
        let rows = read("SEC-001\tP0\tnow\tA\nSEC-173\tP0\tabsent:scim\tB\n").unwrap();
        let mut tests = Index::default();
        assert_eq!(outcome(&rows[0], &tests), MISSING);
        assert_eq!(outcome(&rows[1], &tests), MISSING);
        add(&mut tests, Path::new("a.rs"), "absent_scim_there_is_no_route");
        add(&mut tests, Path::new("a.rs"), "sec_001_old_protocols_are_refused");
        assert_eq!(outcome(&rows[0], &tests), TESTED);
        assert_eq!(outcome(&rows[1], &tests), ABSENT);
    }

    #[test]
    fn a_row_with_an_error_is_refused() {
        for row in [
            "SEC-1\tP0\tnow\tA",
            "SEC-001\tP2\tnow\tA",
            "SEC-001\tP0\tlater:\tA",
            "SEC-001\tP0\tnow",
        ] {
            assert!(read(row).is_err(), "{row}");
        }
    }
}
