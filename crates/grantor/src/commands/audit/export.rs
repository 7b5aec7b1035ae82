//! `grantor audit export`.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use grantor_oauth_types::id::DecisionId;
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_store::{AuditQuery, Store};
use jiff::Timestamp;

use super::lines::{Line, VERSION};
use crate::chain::{self, Piece};
use crate::commands::host::HostArgs;
use crate::node;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,

    /// Only what was linked from this moment on, as 2026-11-01T00:00:00Z
    #[arg(long)]
    since: Option<Timestamp>,

    /// The file, which must not exist yet
    #[arg(short, long)]
    output: PathBuf,
}

#[expect(clippy::print_stderr, reason = "what was done, for the person at the terminal")]
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.host.read()?;
    let store = node::open_to_read(&config.database).await?;
    let after = match args.since {
        Some(since) => first_link(&*store, since).await? - 1,
        None => 0,
    };
    let to = &args.output;
    if to.exists() {
        bail!("{} exists already", to.display());
    }
    // Nobody takes a half-written file for an export: it gets its name when it is whole, and is removed
    // when something fails.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = tempfile::Builder::new()
        .prefix(".grantor-export-")
        .tempfile_in(folder.unwrap_or(Path::new(".")));
    let file = file.with_context(|| format!("cannot make {}", to.display()))?;
    let mut out = BufWriter::new(file);
    let mut rows = 0;
    let mut write = |line: &Line| -> anyhow::Result<()> {
        serde_json::to_writer(&mut out, line)?;
        Ok(out.write_all(b"\n")?)
    };
    write(&Line::Export { version: VERSION, at: SystemClock.now() })?;
    chain::walk(&*store, after, &mut |piece| {
        rows += usize::from(matches!(piece, Piece::Row(_)));
        write(&Line::of(&piece)?)
    })
    .await?;
    write(&Line::End { rows })?;
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(to).with_context(|| format!("cannot make {}", to.display()))?;
    eprintln!("{rows} rows in {}", to.display());
    Ok(ExitCode::SUCCESS)
}

/// Where the events of a time begin in the chain; behind its end if there are none.
async fn first_link(store: &dyn Store, since: Timestamp) -> anyhow::Result<i64> {
    let millis = u64::try_from(since.as_millisecond()).unwrap_or_default();
    let query = AuditQuery {
        tenant: None,
        after: 0,
        chain: true,
        kind: None,
        since: Some(DecisionId::new(millis, [0; 10])),
        limit: 1,
    };
    let found = store.audit(&query).await?;
    Ok(found.first().and_then(|row| row.link).unwrap_or(i64::MAX))
}
