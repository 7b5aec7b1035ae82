//! `grantor migrate`: bring the schema up to date, and end. REL-031.

use std::process::ExitCode;

use super::host::HostArgs;
use crate::node;
use crate::out::print;

/// Bring the schema of the database up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
`grantor serve` does the same when it starts. Before an upgrade of many nodes this does it once, apart.

Examples:
  grantor migrate --database postgres://grantor@db.example.org/grantor")]
pub(crate) struct Args {
    #[command(flatten)]
    host: HostArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.host.read()?;
    drop(node::open_store(&config.database).await?);
    print("ok: the schema is up to date\n")?;
    Ok(ExitCode::SUCCESS)
}
