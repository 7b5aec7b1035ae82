//! Where the repository and its build folder are, and which files belong to it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The folder of the repository: the one above this package's.
pub(crate) fn root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .context("no CARGO_MANIFEST_DIR: start the tasks as `cargo xtask …`")?;
    let parent = Path::new(&package).parent().context("the package has no folder above it")?;
    Ok(parent.to_owned())
}

/// The folder cargo builds in. Everything the tasks install or leave behind goes below it.
pub(crate) fn target() -> Result<PathBuf> {
    let root = root()?;
    Ok(match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root.join(folder),
        None => root.join("target"),
    })
}

/// The `grantor` program that the tests' build leaves.
pub(crate) fn grantor() -> Result<PathBuf> {
    Ok(target()?.join("debug/grantor"))
}

/// Cargo as it was started, so that the toolchain stays the same.
pub(crate) fn cargo() -> Result<Command> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()?);
    Ok(command)
}

/// The files git knows, and new ones it does not ignore, as paths relative to the root.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root()?)
        .output()
        .context("git is needed to list the files of the repository")?;
    ensure!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout).context("a file name is not UTF-8")?;
    Ok(names.lines().map(PathBuf::from).collect())
}
