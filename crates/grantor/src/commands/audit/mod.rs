//! `grantor audit`: read, follow, export and verify the audit log. SEC-190, SEC-191.

mod export;
mod lines;
mod tail;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// Read, follow, export and verify the audit log.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
These commands read the database themselves, also while the server runs.

Examples:
  grantor audit tail -n 50 --follow
  grantor audit verify --database sqlite:/var/lib/grantor/grantor.db
  grantor audit export -o audit-2026-11.jsonl
  grantor audit verify --file audit-2026-11.jsonl --jwks keys.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the newest events
    Tail(tail::Args),
    /// Recompute the hash chain and check its signed checkpoints; exit code 1 if it is broken
    Verify(verify::Args),
    /// Write the chain and its checkpoints to a file, to be kept or verified elsewhere
    Export(export::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Tail(args) => tail::run(args).await,
        Action::Verify(args) => verify::run(args).await,
        Action::Export(args) => export::run(args).await,
    }
}
