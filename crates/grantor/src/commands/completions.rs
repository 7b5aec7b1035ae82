//! `grantor completions SHELL`: a completion script on stdout.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::out;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(grantor completions bash)
  grantor completions zsh > ~/.zfunc/_grantor
  grantor completions fish > ~/.config/fish/completions/grantor.fish")]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "grantor", &mut script);
    out::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
