//! `grantor serve`: the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use grantor_server::app::App;
use grantor_server::bootstrap;
use tokio::sync::oneshot;

use crate::config::{Config, Flags};
use crate::signals::Signals;
use crate::{node, out};

/// Run the authorization server.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor serve
  grantor serve --database sqlite:/var/lib/grantor/grantor.db --issuer https://auth.example.org
  grantor serve --config /etc/grantor/grantor.toml
  GRANTOR_SERVER_LISTEN=127.0.0.1:8081 grantor serve --config grantor.toml

SIGTERM, SIGHUP and Ctrl-C end it once what is in flight is answered (server.drain_seconds).")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    /// End when stdin does, and remove this folder then: `grantor demo`, whose folder it is, keeps the
    /// other end, and may be killed
    #[arg(long, hide = true, value_name = "FOLDER")]
    demo: Option<PathBuf>,
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
async fn offer_bootstrap(app: &App, config: &Config) -> anyhow::Result<()> {
    let tenant = &config.settings.default_tenant;
    let now = app.clock.now();
    let secret = bootstrap::secret_if_needed(&*app.store, &app.secrets, tenant, now).await?;
    if let Some(secret) = secret {
        let again =
            "every start makes another while there is no administrator: start it with a stdout";
        let words = format!(
            "There is no administrator yet. Within one hour run\n\n  \
             grantor admin bootstrap --server {}\n\nand give it this one-time secret:\n\n  {secret}\n",
            config.issuer
        );
        out::secret(words, again)?;
    }
    Ok(())
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.read()?;
    // What is wrong with the start is found before anything is made.
    let listeners = node::listeners(&config).await?;
    let store = node::open_store(&config.database).await?;
    // Before anybody is told that it is ready: whoever ends it right then wants a drain, too (REL-028).
    let mut signals = Signals::new()?;
    let orphaned = args.demo.as_ref().map(|_| end_of_stdin());
    let running = node::run(&config, store, listeners).await?;
    tracing::info!(listen = %config.listen, issuer = %config.issuer, "ready");
    offer_bootstrap(&running.app, &config).await?;
    tokio::select! {
        () = signals.any() => {}
        () = ended(orphaned) => {}
    }
    tracing::info!("going down: finishing what is in flight");
    running.stop().await;
    if let Some(folder) = args.demo {
        // The demo may be quicker.
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(ExitCode::SUCCESS)
}

/// Heard of once nobody holds the other end of stdin any more: whoever did has ended, in whatever way.
fn end_of_stdin() -> oneshot::Receiver<()> {
    let (tell, told) = oneshot::channel();
    // A thread of its own, which the end of the program does not wait for.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = tell.send(());
    });
    told
}

async fn ended(orphaned: Option<oneshot::Receiver<()>>) {
    match orphaned {
        Some(end) => _ = end.await,
        None => std::future::pending().await,
    }
}
