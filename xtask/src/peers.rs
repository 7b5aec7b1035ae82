//! The tests with other people's software, unmodified: `tests/peers`.
//!
//! Python tests are `test_*.py`, run by pytest in place, with the packages of `requirements.txt` in a
//! virtual environment of their own. JavaScript tests are `*.test.mjs`, run by `node --test` from a copy
//! beside the packages of `package.json`, since an ES module finds packages only above its own folder.
//! Both find the program in `GRANTOR_BIN` and the repository in `GRANTOR_ROOT`. What they install lies
//! below the build folder.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::counts::{Counts, run_and_count};
use crate::repository::{grantor, root, target};
use crate::steps::succeed;

/// Runs both halves; a half without files is told and left out.
pub(crate) fn run() -> Result<Counts> {
    let tests = root()?.join("tests/peers");
    let program = grantor()?;
    let mut counts = Counts::default();
    if tests.join("requirements.txt").is_file() {
        ensure!(program.is_file(), "{} was not built", program.display());
        let python = virtual_environment(&tests.join("requirements.txt"))?;
        let mut pytest = Command::new(python);
        pytest.args(["-m", "pytest", "-p", "no:cacheprovider", "-ra", "--color=no"]);
        pytest.arg(&tests).env("PYTHONDONTWRITEBYTECODE", "1");
        counts += run_and_count(with_grantor(&mut pytest)?)?;
    }
    if tests.join("package.json").is_file() {
        ensure!(program.is_file(), "{} was not built", program.display());
        let folder = node_folder(&tests, "peers/node")?;
        let mut node = Command::new("node");
        node.arg("--test").args(tests_of_node(&folder)?).current_dir(&folder);
        counts += run_and_count(with_grantor(&mut node)?)?;
    }
    if counts == Counts::default() {
        println!("There are no such tests yet.");
    }
    Ok(counts)
}

pub(crate) fn with_grantor(command: &mut Command) -> Result<&mut Command> {
    Ok(command.env("GRANTOR_BIN", grantor()?).env("GRANTOR_ROOT", root()?))
}

/// The Python of a virtual environment with the required packages.
fn virtual_environment(requirements: &Path) -> Result<PathBuf> {
    let folder = target()?.join("peers/venv");
    let python = folder.join("bin/python");
    let wanted = fs::read(requirements)?;
    let note = folder.join("installed.txt");
    if fs::read(&note).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("Installing the Python packages of {}", requirements.display());
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    succeed(pip.arg(requirements))?;
    fs::write(note, wanted)?;
    Ok(python)
}

/// A copy of the JavaScript tests beside their packages.
pub(crate) fn node_folder(tests: &Path, beside: &str) -> Result<PathBuf> {
    let folder = target()?.join(beside);
    fs::create_dir_all(&folder)?;
    let wanted = fs::read(tests.join("package-lock.json"))
        .context("package-lock.json is missing: the versions must be fixed")?;
    let note = folder.join("installed.json");
    let installed = fs::read(&note).is_ok_and(|installed| installed == wanted);
    copy_scripts(tests, &folder)?;
    if !installed {
        println!("Installing the npm packages of {}", tests.display());
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        succeed(&mut npm)?;
        fs::write(note, wanted)?;
    }
    Ok(folder)
}

/// Replaces every script and JSON file of the copy, and removes scripts that are gone.
fn copy_scripts(from: &Path, to: &Path) -> Result<()> {
    for old in scripts(to)? {
        fs::remove_file(to.join(old))?;
    }
    for name in scripts(from)? {
        fs::copy(from.join(&name), to.join(&name))?;
    }
    for name in ["package.json", "package-lock.json"] {
        fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}

pub(crate) fn tests_of_node(folder: &Path) -> Result<Vec<OsString>> {
    let is_test = |name: &OsString| name.to_string_lossy().ends_with(".test.mjs");
    let tests: Vec<_> = scripts(folder)?.into_iter().filter(is_test).collect();
    ensure!(!tests.is_empty(), "a package.json and no *.test.mjs");
    Ok(tests)
}

fn scripts(folder: &Path) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|e| e == "mjs") {
            names.push(entry.file_name());
        }
    }
    names.sort();
    Ok(names)
}
