//! What commands have in common that open the database themselves.

use std::path::PathBuf;

use super::serve::SettingsArgs;
use crate::admin::session::{Session, SessionArgs};
use crate::config::Config;

/// Which database, and how its keys are found: as `serve` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct HostArgs {
    /// Configuration file (TOML), as the server reads it
    #[arg(short, long, env = "GRANTOR_CONFIG")]
    config: Option<PathBuf>,

    /// `sqlite:PATH` or `postgres://USER@HOST/NAME`
    #[arg(long)]
    database: Option<String>,
}

impl HostArgs {
    /// Reads and checks the configuration.
    pub(crate) fn read(self) -> anyhow::Result<Config> {
        let Self { config, database } = self;
        SettingsArgs { config, listen: None, issuer: None, database }.read()
    }
}

/// Through the server in place of its database: what is needed to change an embedded database that
/// a server has open.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoteArgs {
    /// Ask the server, with the administrator's credentials (see `grantor admin bootstrap`)
    #[arg(long, conflicts_with = "database")]
    remote: bool,

    #[command(flatten)]
    session: SessionArgs,
}

impl RemoteArgs {
    /// A session, if the server is to be asked.
    pub(crate) async fn open(&self) -> anyhow::Result<Option<Session>> {
        Ok(if self.remote { Some(Session::open(&self.session).await?) } else { None })
    }
}
