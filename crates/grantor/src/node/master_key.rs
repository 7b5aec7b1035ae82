//! The master key: made once, kept where only the server reads it (SEC-094, SEC-169).

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use grantor_crypto::seal::MasterKey;
use zeroize::Zeroizing;

use crate::config::MasterKeySource;
use crate::failure::Hint as _;
use crate::private;

/// The key that seals now: nothing is sealed under one that somebody may guess.
pub(super) fn current(source: &MasterKeySource) -> anyhow::Result<MasterKey> {
    let key = named(source)?;
    if key.is_guessable() {
        return Err(anyhow!("the master key was not drawn at random: anybody may guess it")).hint(
            "make one with `grantor keys generate`; where something is sealed under the old one already, \
             name its file in keys.older_master_key_files and run `grantor keys rewrap`",
        );
    }
    Ok(key)
}

fn named(source: &MasterKeySource) -> anyhow::Result<MasterKey> {
    match source {
        MasterKeySource::File(path) => read("keys.master_key_file", path),
        MasterKeySource::Environment => {
            let text = Zeroizing::new(std::env::var("GRANTOR_MASTER_KEY").unwrap_or_default());
            MasterKey::from_text(&text)
                .map_err(|_| anyhow!("GRANTOR_MASTER_KEY: expected 32 bytes as base64url or hex"))
        }
        MasterKeySource::BesideDatabase(path) => match path.exists() {
            true => read("the master key", path),
            false => generate(path),
        },
    }
}

/// Reads a key file that nobody else can read; `what` is the setting that names it.
pub(super) fn read(what: &str, path: &Path) -> anyhow::Result<MasterKey> {
    let about = || format!("{what}: cannot read {}", path.display());
    private::check(what, path, private::OWNER)?;
    let content = Zeroizing::new(fs::read(path).with_context(about)?);
    MasterKey::from_file(&content).map_err(|_| {
        anyhow!("{what} {}: expected 32 bytes, or their base64url or hex", path.display())
    })
}

/// Makes a key file at first start.
fn generate(path: &Path) -> anyhow::Result<MasterKey> {
    let key = MasterKey::generate();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot make the master key {}", path.display()))?;
    file.write_all(key.reveal().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    tracing::info!(file = %path.display(), "made a master key: keep a copy of it, backups need it");
    Ok(key)
}
