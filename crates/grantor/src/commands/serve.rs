//! `grantor serve`: the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use grantor_server::app::App;
use grantor_server::bootstrap;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, Flags};
use crate::node;

/// Run the authorization server.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor serve
  grantor serve --database sqlite:/var/lib/grantor/grantor.db --issuer https://auth.example.org
  grantor serve --config /etc/grantor/grantor.toml
  GRANTOR_SERVER_LISTEN=127.0.0.1:8081 grantor serve --config grantor.toml")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Where the configuration comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct SettingsArgs {
    /// Configuration file (TOML)
    #[arg(short, long, env = "GRANTOR_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Address and port to listen on
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,

    /// Issuer URL of the default tenant
    #[arg(long)]
    pub(crate) issuer: Option<String>,

    /// sqlite:PATH or <postgres://USER@HOST/NAME>
    #[arg(long)]
    pub(crate) database: Option<String>,
}

impl SettingsArgs {
    /// Reads and checks the whole configuration.
    pub(crate) fn read(self) -> anyhow::Result<Config> {
        let Self { config, listen, issuer, database } = self;
        let flags = Flags { listen, issuer, database };
        Config::read(config.as_deref(), std::env::vars(), flags)
    }
}

/// Prints the one-time secret of the first administrator, while there is none (SEC-168). It goes to
/// stdout, to the person who starts the server, and never into the log.
#[expect(clippy::print_stdout, reason = "the log must not have it")]
async fn offer_bootstrap(app: &App, config: &Config) -> anyhow::Result<()> {
    let tenant = &config.settings.default_tenant;
    let now = app.clock.now();
    let secret = bootstrap::secret_if_needed(&*app.store, &app.secrets, tenant, now).await?;
    if let Some(secret) = secret {
        println!(
            "There is no administrator yet. Within one hour run\n\n  \
             grantor admin bootstrap --server {}\n\nand give it this one-time secret:\n\n  {secret}\n",
            config.issuer
        );
    }
    Ok(())
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.read()?;
    let store = node::open_store(&config.database).await?;
    // Before anybody is told that it is ready: whoever ends it right then wants a drain, too (REL-028).
    let mut terminate = signal(SignalKind::terminate())?;
    let running = node::run(&config, store).await?;
    tracing::info!(listen = %config.listen, issuer = %config.issuer, "ready");
    offer_bootstrap(&running.app, &config).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    tracing::info!("going down: finishing what is in flight");
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}
