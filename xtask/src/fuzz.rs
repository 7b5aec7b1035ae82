//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/fuzz_targets`, each for a while. The first that
//! finds a crash, a hang or too much memory ends the run, and the input is kept in `fuzz/artifacts`.
//!
//! cargo-fuzz needs compiler flags that a stable compiler takes only with `RUSTC_BOOTSTRAP=1`; so the
//! toolchain of the workspace is used for this too. Without the address sanitizer: there is no `unsafe`
//! of ours for it to watch, and the search is twice as fast.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::advisories::tool;
use crate::repository::{root, target};
use crate::steps::{Steps, succeed};

/// The version that is installed; a newer one may want a newer compiler.
const CARGO_FUZZ: &str = "0.13.2";

/// Runs each target whose name contains `wanted` for so many seconds.
pub(crate) fn run(seconds: u64, wanted: Option<&str>) -> Result<()> {
    let targets = targets(wanted)?;
    ensure!(!targets.is_empty(), "no fuzz target has such a name");
    let program = tool("cargo-fuzz", CARGO_FUZZ)?;
    let mut steps = Steps::default();
    for name in targets {
        let run = || {
            let mut fuzz = Command::new(&program);
            fuzz.args(["fuzz", "run", "--sanitizer", "none", name.as_str()]);
            fuzz.arg("--target-dir").arg(target()?.join("fuzz"));
            let limits =
                ["-timeout=1", "-rss_limit_mb=256", "-max_len=16384", "-print_final_stats=1"];
            fuzz.arg("--").arg(format!("-max_total_time={seconds}")).args(limits);
            succeed(fuzz.current_dir(root()?).env("RUSTC_BOOTSTRAP", "1"))
        };
        if steps.run(&name, run).is_none() {
            break;
        }
    }
    steps.print_summary();
    steps.conclude()
}

fn targets(wanted: Option<&str>) -> Result<Vec<String>> {
    let folder = root()?.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context("there are no fuzz targets")? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "rs") && wanted.is_none_or(|w| name.contains(w)) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
