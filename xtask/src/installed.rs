//! Programs that tests need: looked for, and installed by name from Debian's packages where missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::succeed;

/// Installs what the tests need and this machine lacks.
pub(crate) fn for_tests() -> Result<()> {
    let mut packages = Vec::new();
    if postgres_folder().is_none() {
        packages.push("postgresql");
    }
    if !found("python3") || !has_venv() {
        packages.extend(["python3", "python3-venv"]);
    }
    // A disk that fails or is full, and what a power cut leaves (REL-002 to REL-004).
    if !found("strace") {
        packages.push("strace");
    }
    if !found("mount") {
        packages.push("mount");
    }
    if !found("unshare") {
        packages.push("util-linux");
    }
    if !found("curl") {
        packages.push("curl");
    }
    if !found("openssl") {
        packages.push("openssl");
    }
    if !found("node") {
        packages.push("nodejs");
    }
    if !found("npm") {
        packages.push("npm");
    }
    if chromium().is_none() {
        packages.push("chromium");
    }
    if packages.is_empty() { Ok(()) } else { install(&packages) }
}

/// The folder of PostgreSQL's server programs, the newest version first.
pub(crate) fn postgres_folder() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<(u32, PathBuf)> = versions
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .collect();
    folders.sort();
    folders.pop().map(|(_, folder)| folder).or_else(|| folder_of("initdb"))
}

/// The browser.
pub(crate) fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().find_map(|name| Some(folder_of(name)?.join(name)))
}

/// Whether a program is in the search path.
pub(crate) fn found(program: &str) -> bool {
    folder_of(program).is_some()
}

/// Whether this process may do everything: it can install packages, and must not run PostgreSQL.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn folder_of(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find(|folder| is_program(&folder.join(program)))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn has_venv() -> bool {
    Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Installs Debian packages. `RUNLEVEL=1` keeps the installation from starting services.
fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !found("apt-get") {
        bail!("missing on this machine: {list}; install them with its package manager");
    }
    println!("Installing {list}");
    let apt = |arguments: &[&str]| {
        let mut command = if is_root() {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args([
                "--non-interactive",
                "RUNLEVEL=1",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
            ]);
            sudo
        };
        command.args(arguments).env("RUNLEVEL", "1").env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    succeed(&mut apt(&["update", "--quiet"])).context("cannot refresh the package lists")?;
    let mut install = apt(&["install", "--yes", "--quiet", "--no-install-recommends"]);
    succeed(install.args(packages)).with_context(|| format!("cannot install {list}"))
}
