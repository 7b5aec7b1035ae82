//! The tests in a browser: `tests/browser`, run by `node --test` with Playwright and axe in Chromium.
//!
//! They find every page, made by the example `gallery` of `grantor-pages`, in the folder
//! `GRANTOR_GALLERY`, the program in `GRANTOR_BIN` and the browser in `CHROMIUM`.

use std::process::Command;

use anyhow::{Context, Result};

use crate::counts::{Counts, run_and_count};
use crate::installed;
use crate::peers::{node_folder, tests_of_node, with_grantor};
use crate::repository::{cargo, root, target};
use crate::steps::succeed;

/// Makes the gallery and runs the tests.
pub(crate) fn run() -> Result<Counts> {
    let gallery = target()?.join("browser/gallery");
    let mut make = cargo()?;
    make.args(["run", "--quiet", "-p", "grantor-pages", "--example", "gallery", "--"]);
    succeed(make.arg(&gallery))?;
    let chromium = installed::chromium().context("there is no Chromium")?;
    let folder = node_folder(&root()?.join("tests/browser"), "browser/node")?;
    let mut node = Command::new("node");
    node.arg("--test").args(tests_of_node(&folder)?).current_dir(&folder);
    node.env("GRANTOR_GALLERY", gallery).env("CHROMIUM", chromium);
    run_and_count(with_grantor(&mut node)?)
}
