//! The same story in headless Chromium, driven by Playwright: `--check --browser`.
//!
//! The script and its lock file are part of this program; npm puts the one library that it needs into
//! the cache folder of the person, once.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use etcetera::BaseStrategy as _;
use serde_json::json;

use super::Stage;
use super::talk::say;
use crate::failure::Hint as _;

/// What npm is given.
const FILES: [(&str, &str); 3] = [
    ("demo.mjs", include_str!("../../../../tests/demo/demo.mjs")),
    ("package.json", include_str!("../../../../tests/demo/package.json")),
    ("package-lock.json", include_str!("../../../../tests/demo/package-lock.json")),
];

/// Names that Chromium goes by.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// The account pages, and what their pictures are called.
const ACCOUNT: [(&str, &str); 6] = [
    ("", "account"),
    ("/applications", "applications"),
    ("/sessions", "sessions"),
    ("/activity", "activity"),
    ("/profile", "profile"),
    ("/password", "password"),
];

/// Plays it, and leaves pictures of each page in `screenshots`.
pub(super) async fn play(stage: &Stage, screenshots: &Path) -> anyhow::Result<()> {
    say("\n12. The same in a browser")?;
    let chromium = find_browser()?;
    let folder = install().await?;
    std::fs::create_dir_all(screenshots)?;
    let who = &stage.world.bob;
    let told = json!({
        "shop": stage.shop, "issuer": stage.issuer(), "client": stage.world.shoe_shop.name,
        "username": who.name, "password": who.secret, "chromium": chromium,
        "screenshots": screenshots.canonicalize()?, "account": ACCOUNT,
    });
    let mut node = Command::new("node");
    node.arg("demo.mjs").current_dir(folder).env("GRANTOR_DEMO", told.to_string());
    let status = tokio::task::spawn_blocking(move || node.stdin(Stdio::null()).status()).await?;
    let status = status.context("cannot run node").hint("install Node.js 20 or newer")?;
    ensure!(status.success(), "the story does not hold in the browser");
    Ok(())
}

fn find_browser() -> anyhow::Result<PathBuf> {
    if let Some(chosen) = std::env::var_os("GRANTOR_CHROMIUM") {
        return Ok(chosen.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut places = BROWSERS.iter().flat_map(|name| folders.iter().map(move |at| at.join(name)));
    places
        .find(|place| place.is_file())
        .context("there is no Chromium")
        .hint("install the package chromium, or set GRANTOR_CHROMIUM to the program")
}

/// Puts the script and its library into a folder of their own.
async fn install() -> anyhow::Result<PathBuf> {
    let cache = etcetera::choose_base_strategy().context("cannot find the home directory")?;
    let folder = cache.cache_dir().join("grantor").join("demo-browser");
    std::fs::create_dir_all(&folder)?;
    let lock = folder.join("package-lock.json");
    let installed = folder.join("node_modules/playwright-core").is_dir()
        && std::fs::read_to_string(&lock).is_ok_and(|text| text == FILES[2].1);
    for (name, text) in FILES {
        std::fs::write(folder.join(name), text)?;
    }
    if !installed {
        say("   npm fetches Playwright, once")?;
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
        npm.current_dir(&folder).stdin(Stdio::null());
        let status = tokio::task::spawn_blocking(move || npm.status()).await?;
        let status = status.context("cannot run npm").hint("install Node.js 20 or newer")?;
        ensure!(status.success(), "npm could not fetch Playwright");
    }
    Ok(folder)
}
