//! Properties of the repository itself. Each was broken once to see its test complain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

/// Our crates, and which of ours each may know. Dependencies of tests are free.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("oauth-types", &[]),
    ("crypto", &[]),
    ("domain", &["oauth-types", "crypto"]),
    ("store", &["oauth-types", "crypto", "domain"]),
    ("store-sqlite", &["oauth-types", "crypto", "domain", "store"]),
    ("store-postgres", &["oauth-types", "crypto", "domain", "store"]),
    ("pages", &["crypto"]),
    ("server", &["oauth-types", "crypto", "domain", "store", "pages"]),
    ("client", &["oauth-types", "crypto"]),
    ("resource", &["oauth-types", "crypto"]),
];

/// The crates that may know all of ours: the one place where everything meets, and tests.
const KNOW_ALL: &[&str] = &["grantor", "testkit", "bench"];

/// What the pure crates must not be able to do.
const EFFECTS: &[&str] = &[
    "axum",
    "hyper",
    "hyper-util",
    "reqwest",
    "rusqlite",
    "tokio",
    "tokio-postgres",
    "tracing",
    "refinery",
    "tower",
    "http",
    "rand",
];

#[test]
fn migrations_come_in_pairs() {
    let names = |store: &str| -> BTreeSet<String> {
        let folder = format!("crates/{store}/migrations");
        let files = files().into_iter().filter(|f| f.starts_with(&folder));
        files.map(|f| file_name(&f)).filter(|n| n.starts_with('V')).collect()
    };
    let sqlite = names("store-sqlite");
    let postgres = names("store-postgres");
    assert_eq!(sqlite, postgres, "a schema step exists for one backend only");
}

#[test]
fn the_rules_do_no_io() {
    for pure in ["oauth-types", "crypto", "domain", "pages"] {
        let used = dependencies(&manifest(&Path::new("crates").join(pure)), "dependencies");
        for effect in EFFECTS {
            assert!(!used.contains(*effect), "{pure} depends on {effect}");
        }
    }
}

#[test]
fn sql_lives_in_the_stores() {
    for package in packages().filter(|p| !file_name(p).starts_with("store-")) {
        let used = dependencies(&manifest(&package), "dependencies");
        for database in ["rusqlite", "tokio-postgres", "deadpool-postgres", "refinery"] {
            assert!(!used.contains(database), "{} depends on {database}", package.display());
        }
    }
}

#[test]
fn each_crate_knows_only_what_it_may() {
    let rules: BTreeMap<_, _> = MAY_KNOW.iter().copied().collect();
    for package in packages() {
        let name = file_name(&package);
        if KNOW_ALL.contains(&name.as_str()) || !package.starts_with("crates") {
            continue;
        }
        let may = rules.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no rule here"));
        for used in dependencies(&manifest(&package), "dependencies") {
            if let Some(ours) = used.strip_prefix("grantor-") {
                assert!(may.contains(&ours), "{name} must not know {ours}");
            }
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = manifest(&package);
        let inherits = manifest.get("lints").and_then(|l| l.get("workspace"));
        assert_eq!(inherits, Some(&Value::Boolean(true)), "{}", package.display());
    }
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // Written apart, so that this file does not name them.
    let places = ["work", "root", "farm"].map(|folder| format!("/{folder}/"));
    let part_of_a_longer_path = |c: char| c.is_ascii_alphanumeric() || "_.-*}<$".contains(c);
    for (file, text) in texts() {
        for place in &places {
            for (at, _) in text.match_indices(place.as_str()) {
                let before = text[..at].chars().next_back();
                let line = text[..at].matches('\n').count() + 1;
                let longer = before.is_some_and(part_of_a_longer_path);
                assert!(longer, "{}:{line} names {place}", file.display());
            }
        }
    }
}

#[test]
fn no_file_is_named_for_having_no_subject() {
    let empty = ["utils", "util", "helpers", "helper", "common", "manager", "misc", "shared"];
    for file in files() {
        for part in &file {
            let part = Path::new(part).file_stem().unwrap_or_default().to_string_lossy();
            assert!(!empty.contains(&part.as_ref()), "{}", file.display());
        }
    }
}

/// `tests.rs` is about the module it lies beside.
#[test]
fn every_module_says_what_it_is() {
    for (file, text) in rust().filter(|(file, _)| file_name(file) != "tests.rs") {
        let first = text.lines().find(|l| !l.is_empty() && !l.starts_with("#!["));
        let documented = first.is_none_or(|line| line.starts_with("//!"));
        assert!(documented, "{} does not begin with //!", file.display());
    }
}

#[test]
fn nothing_is_left_to_be_written() {
    let marks = ["todo!(", "unimplemented!(", "FIXME", "XXX:"];
    for (file, text) in rust().filter(|(file, _)| file_name(file) != "tidy.rs") {
        for mark in marks {
            assert!(!text.contains(mark), "{} contains {mark}", file.display());
        }
    }
}

#[test]
fn exceptions_from_lints_are_expected_not_allowed() {
    for (file, text) in rust().filter(|(file, _)| file_name(file) != "tidy.rs") {
        let mut lines = text.lines().map(str::trim_start);
        let allowed = lines.find(|l| l.starts_with("#[allow(") || l.starts_with("#![allow("));
        assert_eq!(allowed, None, "{}", file.display());
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for (file, text) in texts().filter(|(file, _)| has_extension(file, "md")) {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains(':') {
                continue;
            }
            let folder = file.parent().unwrap_or(Path::new(""));
            let there = root().join(folder).join(path).exists();
            assert!(there, "{} links to {link}", file.display());
        }
    }
}

#[test]
fn every_test_with_other_software_is_run() {
    let folders = [Path::new("tests/peers"), Path::new("tests/browser")];
    let ours = |file: &Path| folders.iter().any(|folder| file.starts_with(folder));
    for (file, text) in texts().filter(|(file, _)| ours(file)) {
        let name = file_name(&file);
        let direct = folders.iter().any(|folder| file.parent() == Some(folder));
        if has_extension(&file, "py") && text.contains("def test_") {
            assert!(name.starts_with("test_"), "pytest does not look into {name}");
        }
        let tests = text.contains("node:test");
        if ["js", "mjs", "cjs", "ts"].iter().any(|e| has_extension(&file, e)) && tests {
            let named = name.ends_with(".test.mjs");
            let harness = !text.lines().any(|l| l.starts_with("test(") || l.starts_with("it("));
            assert!(direct && (named || harness), "the runner does not run {name}");
        }
        if name == "package-lock.json" {
            assert!(!text.contains("\"resolved\""), "{name} records where packages were fetched");
        }
    }
}

#[test]
fn ci_runs_the_test_command_that_the_readme_gives() {
    let ci = read(".ci/run");
    assert!(read("README.md").contains("cargo xtask test"));
    assert!(ci.contains("cargo xtask test") && ci.contains("cargo xtask ci"));
}

#[test]
fn sec_096_the_rsa_crate_is_nowhere() {
    let locked = locked();
    assert!(!locked.contains_key("rsa"), "its private operations leak time: RUSTSEC-2023-0071");
    // Randomness is aws-lc's or the system's: no seeded generator is used outside of tests.
    for package in packages().filter(|p| p.starts_with("crates") && file_name(p) != "testkit") {
        let used = dependencies(&manifest(&package), "dependencies");
        for generator in ["rand", "fastrand", "oorandom", "rand_chacha", "nanorand"] {
            assert!(!used.contains(generator), "{} depends on {generator}", package.display());
        }
    }
}

#[test]
fn sec_192_no_version_with_a_known_fault_is_locked() {
    let fixed_in = [
        ("jsonwebtoken", "10.3.0"),
        ("quick-xml", "0.41.0"),
        ("h2", "0.4.16"),
        ("rustls-webpki", "0.103.13"),
        ("time", "0.3.47"),
        ("idna", "1.0.3"),
        ("url", "2.5.4"),
        ("sqlx", "0.8.1"),
        ("rustls", "0.23.18"),
        ("hyper", "1.0.0"),
    ];
    let locked = locked();
    for (name, least) in fixed_in {
        for version in locked.get(name).into_iter().flatten() {
            assert!(numbers(version) >= numbers(least), "{name} {version} is older than {least}");
        }
    }
}

#[test]
fn sec_192_builds_use_the_lock_file_and_no_unsafe_code() {
    assert!(files().contains(&PathBuf::from("Cargo.lock")), "Cargo.lock is not in the repository");
    let workspace: Table = read("Cargo.toml").parse().expect("cargo reads it too");
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for (file, text) in rust().filter(|(file, _)| file_name(file) != "tidy.rs") {
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        let found = code.into_iter().any(|l| l.contains("unsafe {") || l.contains("unsafe fn"));
        assert!(!found, "{} has unsafe code", file.display());
    }
    // The walls and the licences are cargo-deny's to check; this keeps the check itself in CI.
    assert!(read("xtask/src/ci.rs").contains("advisories::run"));
}

#[test]
fn sec_195_the_security_policy_says_what_it_must() {
    let policy = read("SECURITY.md");
    for section in [
        "## Supported versions",
        "## Reporting a vulnerability",
        "## What we promise",
        "## Advisories",
    ] {
        assert!(policy.contains(section), "SECURITY.md has no section “{section}”");
    }
    assert!(policy.contains("7 days"), "SECURITY.md promises no time");
}

fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests");
    Path::new(&package).parent().expect("xtask lies in the root").to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn files() -> Vec<PathBuf> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of the repository");
    assert!(listing.status.success(), "{}", String::from_utf8_lossy(&listing.stderr));
    String::from_utf8(listing.stdout)
        .expect("file names are UTF-8")
        .lines()
        .map(PathBuf::from)
        .collect()
}

/// Every file that is text, with its text; what was deleted and not yet committed is left out.
fn texts() -> impl Iterator<Item = (PathBuf, String)> {
    files().into_iter().filter_map(|file| {
        let text = fs::read_to_string(root().join(&file)).ok()?;
        Some((file, text))
    })
}

fn rust() -> impl Iterator<Item = (PathBuf, String)> {
    texts().filter(|(file, _)| has_extension(file, "rs"))
}

fn has_extension(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|e| e == extension)
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The folders of the workspace's packages.
fn packages() -> impl Iterator<Item = PathBuf> {
    files().into_iter().filter_map(|file| {
        let folder = file.parent()?.to_owned();
        let member = folder.starts_with("crates") || folder == Path::new("xtask");
        (file_name(&file) == "Cargo.toml" && member).then_some(folder)
    })
}

fn manifest(package: &Path) -> Table {
    read(&package.join("Cargo.toml").to_string_lossy()).parse().expect("cargo reads it too")
}

fn dependencies(manifest: &Table, kind: &str) -> BTreeSet<String> {
    manifest
        .get(kind)
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::keys)
        .cloned()
        .collect()
}

/// The versions of each package in `Cargo.lock`.
fn locked() -> BTreeMap<String, Vec<String>> {
    let lock: Table = read("Cargo.lock").parse().expect("cargo reads it too");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("a list of packages") {
        let text = |key: &str| package[key].as_str().expect("a text").to_owned();
        versions.entry(text("name")).or_default().push(text("version"));
    }
    versions
}

fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').map(|n| n.parse().expect("a version")).collect()
}
