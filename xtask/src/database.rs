//! A throw-away PostgreSQL: a server of its own on a free port, with its files in a temporary folder.
//! `fsync` stays on, so that what a test sees of durability is what production does.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::installed;
use crate::repository::target;
use crate::steps::succeed;

/// A server that lives as long as this value.
#[derive(Debug)]
pub(crate) struct Database {
    cluster: Cluster,
    server: Child,
}

impl Database {
    /// Makes a new cluster and starts its server. It ends with this process even if that is killed.
    pub(crate) fn start() -> Result<Self> {
        let cluster = Cluster::create()?;
        let server = cluster.server(&["--pdeathsig", "INT"]).spawn().context("postgres")?;
        let database = Self { cluster, server };
        database.cluster.wait()?;
        Ok(database)
    }

    /// Where the server listens.
    pub(crate) fn url(&self) -> String {
        self.cluster.url()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let stopped = self.cluster.stop();
        let _ = self.server.wait();
        if let Err(error) = stopped {
            println!(
                "The throw-away PostgreSQL in {} stays: {error:#}",
                self.cluster.folder.display()
            );
        }
    }
}

/// `cargo xtask db`: starts a server that stays, or stops it.
pub(crate) fn run(stop: bool) -> Result<()> {
    let note = target()?.join("xtask-db");
    if stop {
        let cluster = Cluster::noted(&note)?.context("no throw-away PostgreSQL runs")?;
        fs::remove_file(&note)?;
        return cluster.stop();
    }
    if let Some(running) = Cluster::noted(&note)? {
        println!("{}", running.url());
        return Ok(());
    }
    installed::for_tests()?;
    let cluster = Cluster::create()?;
    cluster.server(&[]).spawn().context("postgres")?;
    cluster.wait()?;
    fs::create_dir_all(target()?)?;
    fs::write(&note, format!("{}\n{}\n", cluster.port, cluster.folder.display()))?;
    println!("{}", cluster.url());
    Ok(())
}

/// The files of a server, and its port.
#[derive(Debug)]
struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    fn create() -> Result<Self> {
        let programs = installed::postgres_folder().context("PostgreSQL is not installed")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder =
            std::env::temp_dir().join(format!("grantor-postgres-{port}-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if installed::is_root() {
            succeed(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let cluster = Self { programs, folder, port };
        let mut initdb = cluster.program("initdb", &[]);
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
        initdb.arg("--pgdata").arg(cluster.data()).stdout(Stdio::null());
        succeed(&mut initdb)?;
        Ok(cluster)
    }

    /// The cluster that an earlier `cargo xtask db` noted, if its server still runs.
    fn noted(note: &Path) -> Result<Option<Self>> {
        let Ok(text) = fs::read_to_string(note) else { return Ok(None) };
        let (port, folder) = text.trim().split_once('\n').context("the note has another form")?;
        let programs = installed::postgres_folder().context("PostgreSQL is not installed")?;
        let cluster = Self { programs, folder: folder.into(), port: port.parse()? };
        Ok(cluster.data().join("postmaster.pid").exists().then_some(cluster))
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The server in the foreground, its log beside its data.
    fn server(&self, setpriv: &[&str]) -> Command {
        let mut server = self.program("postgres", setpriv);
        server.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        server.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in
            ["fsync=on", "max_connections=300", "logging_collector=on", "log_directory=../log"]
        {
            server.args(["-c", setting]);
        }
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        server
    }

    /// A program of PostgreSQL's. It refuses to run as root, so root runs it as the package's user;
    /// `setpriv` becomes the program, where other wrappers would stay between us and it.
    fn program(&self, name: &str, setpriv: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(setpriv);
        if installed::is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command.arg(self.programs.join(name)).current_dir(&self.folder);
        command
    }

    fn wait(&self) -> Result<()> {
        for _ in 0..300 {
            let mut ready = self.program("pg_isready", &[]);
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
            if ready.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("PostgreSQL does not answer on port {} after 30 s", self.port)
    }

    /// Stops the server and removes its files.
    fn stop(&self) -> Result<()> {
        let mut stop = self.program("pg_ctl", &[]);
        stop.args(["stop", "--mode=immediate", "--silent", "--pgdata"]).arg(self.data());
        let status = stop.status().context("pg_ctl")?;
        ensure!(status.success(), "pg_ctl stop: {status}");
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}
