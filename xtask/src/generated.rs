//! `cargo xtask gen`: files that are printed by the program itself and kept in the repository, so that
//! a change of the API or of the configuration shows in the review.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::repository::{grantor, root};
use crate::suite;

/// Each generated file, with the arguments of `grantor` that print it.
const FILES: &[(&str, &[&str])] = &[
    ("docs/configuration.md", &["config", "reference"]),
    ("docs/configuration.schema.json", &["config", "schema"]),
    ("docs/openapi.json", &["openapi"]),
    ("docs/apply.schema.json", &["apply", "--schema"]),
];

/// Writes each file anew, or, as a check, fails when one would change.
pub(crate) fn run(check: bool) -> Result<()> {
    suite::build()?;
    let mut stale = Vec::new();
    for (file, arguments) in FILES {
        let path = root()?.join(file);
        let fresh = printed(arguments)?;
        if fs::read(&path).is_ok_and(|kept| kept == fresh) {
            continue;
        }
        if check {
            stale.push(*file);
        } else {
            fs::write(&path, fresh).with_context(|| format!("cannot write {file}"))?;
            println!("wrote {file}");
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("out of date: {}; run `cargo xtask gen`", stale.join(", "))
}

fn printed(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(grantor()?).args(arguments).output()?;
    let words = arguments.join(" ");
    ensure!(
        output.status.success(),
        "grantor {words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(!output.stdout.is_empty(), "grantor {words} printed nothing");
    Ok(output.stdout)
}
