//! `grantor backup`: everything, as it is at one moment, in one encrypted file. REL-040.

use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use grantor_crypto::seal::Keyring;
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_store::Store;

use super::host::HostArgs;
use crate::archive::Writer;
use crate::node;

/// Between two lines of progress lie this many rows.
const TELL_EVERY: u64 = 100_000;

/// Write everything to an encrypted file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server keeps running. The file is encrypted under a key that follows from the master key: keep a
copy of that somewhere else, without it nobody restores anything.

Examples:
  grantor backup -o grantor-2026-11-21.backup
  grantor backup --config /etc/grantor/grantor.toml -o /backup/grantor.$(date +%F)")]
pub(crate) struct Args {
    #[command(flatten)]
    host: HostArgs,

    /// The file, which must not exist yet
    #[arg(short, long)]
    output: PathBuf,
}

#[expect(clippy::print_stderr, reason = "what was done, for the person at the terminal")]
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.host.read()?;
    let keyring = node::existing_keyring(&config)?;
    let store = node::open_to_read(&config.database).await?;
    let to = &args.output;
    if to.exists() {
        bail!("{} exists already", to.display());
    }
    // Nobody takes a half-written file for a backup: it gets its name when it is whole.
    let mut part = to.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = write(store, &keyring, &part).await;
    let rows = written.inspect_err(|_| _ = fs::remove_file(&part))?;
    fs::rename(&part, to).with_context(|| format!("cannot make {}", to.display()))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    eprintln!("{rows} rows in {}, sealed under master key {}", to.display(), keyring.current_id());
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stderr, reason = "progress, for the person at the terminal")]
async fn write(store: Arc<dyn Store>, keyring: &Keyring, part: &Path) -> anyhow::Result<u64> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part);
    let file = file.with_context(|| format!("cannot make {}", part.display()))?;
    let mut writer = Writer::new(BufWriter::new(file), keyring, SystemClock.now())?;
    let (sink, mut chunks) = tokio::sync::mpsc::channel(4);
    let dumping = tokio::spawn(async move { store.dump(sink).await });
    let mut told = 0;
    while let Some(rows) = chunks.recv().await {
        let count = writer.add(&rows)?;
        if count / TELL_EVERY > told {
            told = count / TELL_EVERY;
            eprintln!("{count} rows …");
        }
    }
    // Only a dump that ended well is all there was.
    dumping.await?.context("the database could not be read to its end")?;
    let (rows, out) = writer.finish()?;
    out.into_inner()?.sync_all()?;
    Ok(rows)
}
