//! Grantor: an access-control platform in one binary.
//!
//! | module         | what it holds                                                      |
//! |----------------|--------------------------------------------------------------------|
//! | [`admin`]      | the administrator's side: an ordinary client of the management API |
//! | [`archive`]    | the form of a backup file                                          |
//! | [`chain`]      | walking and checking the audit chain                               |
//! | [`commands`]   | one file per subcommand, and the table that joins them             |
//! | [`config`]     | the configuration of the server                                    |
//! | [`demo`]       | the mission's story on one machine                                 |
//! | [`developer`]  | how the developer's commands come to a token                       |
//! | [`failure`]    | how an error is told on stderr: the chain of causes, and a hint    |
//! | [`keys`]       | the signing keys of a database, opened on its host                 |
//! | [`logging`]    | where log lines go, and in which form                              |
//! | [`node`]       | from a configuration to a running node                             |
//! | [`out`]        | the one way to stdout                                              |
//! | [`signals`]    | what asks a long-running command to end                            |
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage (clap), 130 interrupted; a command may add its own.

mod admin;
mod archive;
mod chain;
mod commands;
mod config;
mod demo;
mod developer;
mod failure;
mod keys;
mod logging;
mod node;
mod out;
mod private;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;

/// An access-control platform in one binary: authorization server, registries and tools.
#[derive(Debug, Parser)]
#[command(name = "grantor", version, propagate_version = true, infer_subcommands = true)]
struct Cli {
    /// Say more on stderr; twice for debugging. `GRANTOR_LOG` (as `RUST_LOG`) says it in detail.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Two providers are compiled into nothing here, but rustls wants to be told (once).
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    logging::start(cli.verbose, cli.command.log_format());
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(cli.command.run()));
    match done {
        Ok(code) => code,
        Err(error) => {
            failure::tell(&error);
            failure::exit_code(&error)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
