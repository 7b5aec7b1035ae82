//! A database server of a test's own, to be killed and started again.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The server and its files; both go when it is dropped.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let mut cluster = Self { programs: programs(), folder, port, server: None };
        if is_root() {
            let mut chown = Command::new("chown");
            assert!(chown.arg("postgres").arg(cluster.folder.path()).status().unwrap().success());
        }
        let mut initdb = cluster.program("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
        initdb.arg("--no-sync").arg("--pgdata").arg(cluster.data());
        assert!(initdb.stdout(Stdio::null()).status().unwrap().success(), "initdb");
        cluster.run().await;
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// `kill -9`: its sessions end when they notice, wherever they are.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// Starts it, and waits until it has recovered.
    pub(crate) async fn run(&mut self) {
        for _ in 0..300 {
            // While a session of the killed server lives, a new one does not start.
            if !self.lives() {
                let mut server = self.program("postgres");
                server.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
                server.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
                server.stdout(Stdio::null()).stderr(Stdio::null());
                self.server = Some(server.spawn().unwrap());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            let url = self.url();
            let answer = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
            if answer.is_ok() && self.lives() {
                return;
            }
        }
        panic!("PostgreSQL does not start on port {}", self.port);
    }

    fn lives(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.try_wait().unwrap().is_none())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// It refuses to run as root, so root runs it as the package's user. `setpriv` becomes the
    /// program, so killing the child kills it, and lets it end with this process.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command.args(["--pdeathsig", "INT"]).arg(self.programs.join(name));
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|version| version.unwrap().path().join("bin"));
    folders.filter(|folder| folder.join("initdb").is_file()).max().unwrap_or_else(|| {
        panic!("this test kills a PostgreSQL of its own: install the package `postgresql`")
    })
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output().unwrap();
    user.stdout == b"0\n"
}
