//! `grantor delete`: forgets a kept token.

use std::process::ExitCode;

use crate::developer::cache::TokenCache;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
This forgets the token on this machine; it stays valid until it ends or is revoked.

Example:
  grantor delete orders")]
pub(crate) struct Args {
    /// Its name; that there is none is no error
    name: String,
}

/// Forgets it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    TokenCache::open()?.delete(&args.name)?;
    Ok(ExitCode::SUCCESS)
}
