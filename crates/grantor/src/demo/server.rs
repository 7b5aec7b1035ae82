//! `grantor serve` as a process of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// How long a start may take.
const START: Duration = Duration::from_secs(20);

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
        let child = spawn(folder, port)?;
        let mut server = Self { child, folder: folder.to_owned(), port };
        server.wait_until_it_answers().await?;
        Ok(server)
    }

    /// Its database, for commands on this host.
    pub(super) fn database(&self) -> String {
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
        let probe = format!("http://127.0.0.1:{}/oauth2/jwks", self.port);
        let client = reqwest::Client::new();
        let answers = async {
            loop {
                if let Ok(answer) = client.get(&probe).send().await
                    && answer.status().is_success()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(START, answers).await.is_err() {
            let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            bail!("the server did not start; its log says:\n{log}");
        }
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended at once ({status}): is the port {} taken?", self.port);
        }
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn spawn(folder: &Path, port: u16) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("server.log"))?;
    Command::new(std::env::current_exe().context("where is this program?")?)
        .arg("serve")
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--issuer", &format!("http://127.0.0.1:{port}")])
        .args(["--database", &format!("sqlite:{}", folder.join("demo.db").display())])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("the server does not start")
}
