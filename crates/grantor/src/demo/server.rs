//! `grantor serve` as a process of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};

use crate::failure::Hint as _;

/// How long a start may take.
const START: Duration = Duration::from_secs(20);

/// What to do where the port is somebody else's.
pub(super) const PORT: &str =
    "is the port taken? choose another with `grantor demo --port PORT`; 0 takes a free one";

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl ServerProcess {
    /// Starts the server on the database in `folder` and waits until it answers.
    pub(super) async fn start(folder: &Path, port: u16) -> anyhow::Result<Self> {
        // Whoever is there already would answer in its place.
        TcpListener::bind(("127.0.0.1", port))
            .map_err(|error| anyhow!("port {port} of this machine: {error}"))
            .hint(PORT)?;
        let child = spawn(folder, port)?;
        let mut server = Self { child, folder: folder.to_owned(), port };
        server.wait_until_it_answers().await?;
        Ok(server)
    }

    /// Its database, for commands on this host.
    pub(crate) fn database(&self) -> String {
        format!("sqlite:{}", self.folder.join("demo.db").display())
    }

    /// `kill -9`: no warning, no clean-up.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again, on what it left behind.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(&self.folder, self.port)?;
        self.wait_until_it_answers().await
    }

    async fn wait_until_it_answers(&mut self) -> anyhow::Result<()> {
        match tokio::time::timeout(START, self.answering()).await {
            Ok(answering) => answering,
            Err(_) => bail!("the server did not start; its log says:\n{}", self.log()),
        }
    }

    async fn answering(&mut self) -> anyhow::Result<()> {
        let probe = format!("http://127.0.0.1:{}/oauth2/jwks", self.port);
        let client = reqwest::Client::new();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let error =
                    anyhow!("the server ended at once ({status}); its log says:\n{}", self.log());
                return Err(error).hint(PORT);
            }
            let answer = client.get(&probe).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn spawn(folder: &Path, port: u16) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("server.log"))?;
    let mut program = Command::new(std::env::current_exe().context("where is this program?")?);
    // What another server of this machine is told is not meant for this one.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GRANTOR_")) {
            program.env_remove(name);
        }
    }
    program
        .arg("serve")
        .arg("--demo")
        .arg(folder)
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--issuer", &format!("http://127.0.0.1:{port}")])
        .args(["--database", &format!("sqlite:{}", folder.join("demo.db").display())])
        // Held open for as long as this process lives: the server ends when it does.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("the server does not start")
}
