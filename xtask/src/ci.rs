//! `cargo xtask ci`: everything that must hold before a change lands, in the order in which it fails
//! fastest.

use anyhow::Result;

use crate::repository::{cargo, target};
use crate::steps::{Steps, succeed};
use crate::{advisories, generated, requirements, suite};

/// Runs every check, then (unless left out) the tests.
pub(crate) fn run(without_tests: bool) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("format", format);
    steps.run("requirements", requirements::run);
    steps.run("lints", lints);
    steps.run("fuzz targets", fuzz_targets);
    steps.run("documentation", documentation);
    steps.run("supply chain", advisories::run);
    steps.run("generated files", || generated::run(true));
    let counts = if without_tests { None } else { steps.run("tests", || suite::tests(false)) };
    steps.print_summary();
    if let Some(counts) = counts {
        println!("\n{counts}");
    }
    steps.conclude()
}

/// The workspace, and the fuzz targets, which are not part of it.
fn format() -> Result<()> {
    succeed(cargo()?.args(["fmt", "--all", "--check"]))?;
    succeed(cargo()?.args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
}

fn lints() -> Result<()> {
    succeed(cargo()?.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ]))
}

/// They are no part of the workspace, so nothing else notices when a parser they call has changed. Only
/// checked: what a stable compiler need not be talked into.
fn fuzz_targets() -> Result<()> {
    let mut check = cargo()?;
    check.args(["check", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--bins"]);
    succeed(check.arg("--target-dir").arg(target()?))
}

/// Every link and example in the documentation holds. Private items too: they are what a maintainer
/// reads.
fn documentation() -> Result<()> {
    let mut doc = cargo()?;
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    succeed(doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}
