//! `grantor config`: check the configuration, and say what there is to configure.

use std::process::ExitCode;

use clap::Subcommand;

use super::serve::SettingsArgs;
use crate::{config, node, out};

/// Check the configuration, or print its reference or JSON schema.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor config check --config grantor.toml
  grantor config reference > docs/configuration.md
  grantor config schema > grantor.schema.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read file, environment and flags as `serve` would, and the files they name; say what is wrong
    Check(SettingsArgs),
    /// Print the reference (Markdown)
    Reference,
    /// Print the JSON schema of the file
    Schema,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Check(settings) => {
            let config = settings.read()?;
            node::examine(&config)?;
            out::line(format_args!("ok: {} on {}", config.issuer, config.listen))?;
        }
        Action::Reference => out::print(&config::reference())?,
        Action::Schema => out::line(format_args!("{:#}", config::schema()))?,
    }
    Ok(ExitCode::SUCCESS)
}
