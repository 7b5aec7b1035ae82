//! `cargo xtask deny`: cargo-deny over `deny.toml`: licences, sources, banned crates, the walls between
//! our crates, and known vulnerabilities.
//!
//! The RustSec database cannot be cloned where CI runs. A snapshot of it lies in the folder `shared`
//! beside the repository there; from it a database is made in the form that cargo-deny expects. Without
//! a snapshot everything else is checked, and that is said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::repository::{cargo, root, target};
use crate::steps::succeed;

/// The version that is installed; a newer one may want a newer compiler.
const CARGO_DENY: &str = "0.20.2";

/// The folder name that cargo-deny derives from the usual address of the database.
const DATABASE: &str = "advisory-db-3157b0e258782691";

/// Runs every check for which there is data.
pub(crate) fn run() -> Result<()> {
    let program = tool("cargo-deny", CARGO_DENY)?;
    // cargo-deny looks at all targets; a build fetched only what this one needs.
    succeed(cargo()?.args(["fetch", "--locked", "--quiet"]))?;
    let folder = target()?.join("advisories");
    fs::create_dir_all(&folder)?;
    let snapshot = snapshot()?;
    let mut checks = vec!["bans", "licenses", "sources"];
    match &snapshot {
        Some(archive) => {
            unpack(archive, &folder)?;
            checks.push("advisories");
        }
        None => println!(
            "NOT CHECKED for known vulnerabilities: ../shared/rustsec-advisories-*.tar.gz is not there."
        ),
    }
    let mut deny = Command::new(program);
    deny.args(["--offline", "--locked", "--workspace", "--config"]).arg(configuration(&folder)?);
    deny.args(["check", "--hide-inclusion-graph", "--allow", "unused-wrapper"])
        .args(checks)
        .current_dir(root()?);
    succeed(&mut deny)
}

/// A program from the package registry, installed once below the build folder.
pub(crate) fn tool(name: &str, version: &str) -> Result<PathBuf> {
    let folder = target()?.join("tools");
    let program = folder.join("bin").join(name);
    let here = Command::new(&program).arg("--version").stderr(Stdio::null()).output();
    if here.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains(version)) {
        return Ok(program);
    }
    println!("Installing {name} {version}");
    let mut install = cargo()?;
    install.args([
        "install",
        name,
        "--version",
        version,
        "--debug",
        "--locked",
        "--quiet",
        "--root",
    ]);
    install.arg(&folder).env("CARGO_TARGET_DIR", folder.join("build"));
    succeed(&mut install)?;
    Ok(program)
}

/// The newest snapshot of the database, if one lies beside the repository.
fn snapshot() -> Result<Option<PathBuf>> {
    let Ok(entries) = fs::read_dir(root()?.join("../shared")) else { return Ok(None) };
    let is_snapshot = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("rustsec-advisories-") && name.ends_with(".tar.gz")
    };
    Ok(entries.filter_map(Result::ok).map(|e| e.path()).filter(is_snapshot).max())
}

/// Unpacks the snapshot into a git repository with one commit, unless that was done before.
fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let database = folder.join(DATABASE);
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let note = folder.join("snapshot");
    if fs::read_to_string(&note).is_ok_and(|unpacked| unpacked == name) && database.is_dir() {
        return Ok(());
    }
    if database.exists() {
        fs::remove_dir_all(&database)?;
    }
    fs::create_dir_all(&database)?;
    succeed(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&database))?;
    ensure!(database.join("crates").is_dir(), "{name} has no folder `crates`");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=snapshot", "-c", "user.email=snapshot@localhost"]);
        succeed(git.args(arguments).current_dir(&database))
    };
    git(&["init", "--quiet"])?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--message", "Snapshot"])?;
    fs::write(note, name).context("cannot note which snapshot was unpacked")
}

/// `deny.toml` with the database's folder written in.
fn configuration(folder: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(root()?.join("deny.toml"))?;
    ensure!(text.contains("[advisories]\n"), "deny.toml has no section [advisories]");
    let section = format!("[advisories]\ndb-path = {:?}\n", folder.display().to_string());
    let path = folder.join("deny.toml");
    fs::write(&path, text.replacen("[advisories]\n", &section, 1))?;
    Ok(path)
}
