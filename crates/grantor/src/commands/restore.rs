//! `grantor restore`: a backup into an empty database. REL-040, REL-041.

mod amendment;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_store::{DumpRow, Store, StoreError};
use tokio::sync::mpsc;

use super::host::HostArgs;
use crate::archive::Reader;
use crate::failure::Hint as _;
use crate::node;

use crate::out::print;
use amendment::Amendment;

/// Between two lines of progress lie this many rows.
const TELL_EVERY: u64 = 100_000;

/// Read a backup into an empty database.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A backup knows nothing of what was ended after it was made. So, unless --keep-sessions says otherwise,
everything that was issued before this moment is ended: every grant with its refresh token, every
access token. Signing keys that were withdrawn since are named with --withdrawn.

Examples:
  grantor restore grantor-2026-11-21.backup --check
  grantor restore grantor-2026-11-21.backup --database sqlite:/var/lib/grantor/grantor.db
  grantor restore grantor-2026-11-21.backup --withdrawn 3f0c… --withdrawn 91ab…")]
pub(crate) struct Args {
    /// The backup
    file: PathBuf,

    #[command(flatten)]
    host: HostArgs,

    /// Only see whether the file is whole and the master key opens it
    #[arg(long)]
    check: bool,

    /// Keep grants and tokens alive although some may have been ended after the backup
    #[arg(long)]
    keep_sessions: bool,

    /// A signing key that was withdrawn after the backup
    #[arg(long, value_name = "KID")]
    withdrawn: Vec<String>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.host.read()?;
    let keyring = node::existing_keyring(&config)?;
    let open = || -> anyhow::Result<Reader<File>> {
        let file = File::open(&args.file);
        let file = file.with_context(|| format!("cannot read {}", args.file.display()))?;
        Reader::new(file, &keyring)
    };
    if args.check {
        let mut reader = open()?;
        while reader.next()?.is_some() {}
        print(&format!("ok: {} rows of {}\n", reader.rows(), reader.head.made))?;
        return Ok(ExitCode::SUCCESS);
    }
    let reader = open()?;
    let made = reader.head.made;
    let amendment = Amendment::new(SystemClock.now(), made, args.keep_sessions, &args.withdrawn);
    let store = node::open_store(&config.database).await?;
    let (rows, unmet) = load(&*store, reader, amendment).await?;
    for kid in unmet {
        tracing::warn!(kid, "no such key in the backup: it was made later, and is gone");
    }
    let ended = if args.keep_sessions {
        "sessions and tokens live on, those too that were ended after the backup"
    } else {
        "whatever was issued before now has ended"
    };
    print(&format!("restored {rows} rows of {made}; {ended}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// How many rows there were, and the keys to withdraw that were not among them.
type Loaded = (u64, BTreeSet<String>);

/// Everything or nothing: a file that proves not to be whole at its end has changed nothing.
async fn load(
    store: &dyn Store,
    reader: Reader<File>,
    amendment: Amendment,
) -> anyhow::Result<Loaded> {
    let (sink, source) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || read(reader, amendment, &sink));
    let loaded = store.load(source).await;
    // Why the file was not whole says more than that the source broke off.
    let rows = match reading.await? {
        Err(error) if !error.is::<Unwanted>() => return Err(error),
        read => read,
    };
    match loaded {
        Ok(()) => rows,
        Err(StoreError::Refused(why)) => Err(anyhow!("{why}"))
            .hint("restore into a new file or database, and point the server to that"),
        Err(error) => Err(error.into()),
    }
}

/// The store takes no more rows; it says why itself.
#[derive(Debug, thiserror::Error)]
#[error("the database takes no more rows")]
struct Unwanted;

#[expect(clippy::print_stderr, reason = "progress, for the person at the terminal")]
fn read(
    mut reader: Reader<File>,
    mut amendment: Amendment,
    sink: &mpsc::Sender<Result<Vec<DumpRow>, StoreError>>,
) -> anyhow::Result<Loaded> {
    let mut told = 0;
    let send = |rows: Vec<DumpRow>| {
        // An empty chunk would pass for the end.
        if rows.is_empty() { Ok(()) } else { sink.blocking_send(Ok(rows)).map_err(|_| Unwanted) }
    };
    while let Some(rows) = reader.next()? {
        send(amendment.amend(rows)?)?;
        if reader.rows() / TELL_EVERY > told {
            told = reader.rows() / TELL_EVERY;
            eprintln!("{} rows …", reader.rows());
        }
    }
    let unmet = std::mem::take(&mut amendment.withdrawn);
    send(amendment.rest(reader.rows()))?;
    sink.blocking_send(Ok(Vec::new())).map_err(|_| Unwanted)?;
    Ok((reader.rows(), unmet))
}
