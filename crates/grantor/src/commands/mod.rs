//! The subcommands: one file each, joined by this table.
//!
//! To add one: a file with an `Args` struct (its `--help` carries examples) and
//! `run(args) -> anyhow::Result<ExitCode>` (async or not), a `mod` line, a variant and a row in
//! [`Command::run`]. A command that logs for a collector also gets a row in [`Command::log_format`].

mod admin;
pub(crate) mod apply;
mod audit;
mod backup;
mod completions;
mod config;
mod delete;
mod demo;
mod doctor;
mod explain;
mod host;
mod http;
mod keys;
mod list;
mod login;
mod migrate;
mod openapi;
mod restore;
pub(crate) mod serve;
mod token;

use std::process::ExitCode;

use clap::Subcommand;

use crate::logging::LogFormat;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole story on this machine
    Demo(demo::Args),
    /// Run the authorization server
    Serve(serve::Args),
    /// Check the configuration, or print its reference
    Config(config::Args),
    /// Manage the registry, one action at a time
    Admin(admin::Args),
    /// Make the server as configuration files want it
    Apply(apply::Args),
    /// Show how the server differs from configuration files
    Diff(apply::DiffArgs),
    /// Say why a token was issued or refused
    Explain(explain::Args),
    /// Read, follow, export and verify the audit log
    Audit(audit::Args),
    /// Write everything to an encrypted file, while the server runs
    Backup(backup::Args),
    /// Read a backup into an empty database
    Restore(restore::Args),
    /// Make, list, rotate and withdraw keys
    Keys(keys::Args),
    /// Look for what is wrong, and say what to do about it
    Doctor(doctor::Args),
    /// Bring the schema of the database up to date
    Migrate(migrate::Args),
    /// Print the OpenAPI description of the management API
    Openapi(openapi::Args),
    /// Sign in with the browser
    Login(login::Args),
    /// Print an access token
    Token(token::Args),
    /// List the tokens that are kept under a name
    List(list::Args),
    /// Forget a kept token
    Delete(delete::Args),
    /// Send one authorised request
    Http(http::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

impl Command {
    /// Runs it; the exit code is the command's own.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Demo(args) => demo::run(args).await,
            Self::Serve(args) => serve::run(args).await,
            Self::Config(args) => config::run(args),
            Self::Admin(args) => admin::run(args).await,
            Self::Apply(args) => apply::run(args).await,
            Self::Diff(args) => apply::diff(args).await,
            Self::Explain(args) => explain::run(args).await,
            Self::Audit(args) => audit::run(args).await,
            Self::Backup(args) => backup::run(args).await,
            Self::Restore(args) => restore::run(args).await,
            Self::Keys(args) => keys::run(args).await,
            Self::Doctor(args) => doctor::run(args).await,
            Self::Migrate(args) => migrate::run(args).await,
            Self::Openapi(args) => openapi::run(&args),
            Self::Login(args) => login::run(args).await,
            Self::Token(args) => token::run(args).await,
            Self::List(args) => list::run(&args),
            Self::Delete(args) => delete::run(&args),
            Self::Http(args) => http::run(args).await,
            Self::Completions(args) => completions::run(&args),
        }
    }

    /// How it logs: tools talk to a person, servers to a collector.
    pub(crate) fn log_format(&self) -> LogFormat {
        match self {
            Self::Serve(_) => LogFormat::Json,
            Self::Demo(_)
            | Self::Admin(_)
            | Self::Apply(_)
            | Self::Diff(_)
            | Self::Config(_)
            | Self::Explain(_)
            | Self::Audit(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Keys(_)
            | Self::Doctor(_)
            | Self::Migrate(_)
            | Self::Openapi(_)
            | Self::Login(_)
            | Self::Token(_)
            | Self::List(_)
            | Self::Delete(_)
            | Self::Http(_)
            | Self::Completions(_) => LogFormat::Text,
        }
    }
}
