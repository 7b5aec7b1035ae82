//! Measuring: builds server and benchmark with optimisation, and runs the benchmark.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::steps::succeed;

/// Builds and measures; what is said goes to stdout as Markdown.
pub(crate) fn run(requests: usize, grants: usize, only: Option<&str>) -> Result<()> {
    let packages = ["--package", "grantor", "--package", "grantor-bench"];
    succeed(Command::new("cargo").args(["build", "--release"]).args(packages))?;
    // Whatever started us was built into the same target folder.
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(|folder| folder.parent()).context("no target folder")?;
    let program = |name: &str| -> PathBuf { target.join("release").join(name) };
    succeed(
        Command::new(program("grantor-bench"))
            .arg("run")
            .arg("--grantor")
            .arg(program("grantor"))
            .args(["--requests", &requests.to_string(), "--grants", &grants.to_string()])
            .args(only.map(|parts| format!("--only={parts}"))),
    )
}
