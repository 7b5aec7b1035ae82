//! A server process pinned to a core, and what the kernel says of it.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The core of the server; everything else runs on the others.
const SERVER_CORE: &str = "0";

/// A running process; it ends with this value.
#[derive(Debug)]
pub(crate) struct Pinned {
    child: Child,
    /// Its id
    pub(crate) pid: u32,
}

impl Pinned {
    /// Starts a program on the server's core; returns it and the lines of its stdout.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<(Self, tokio::io::Lines<BufReader<tokio::process::ChildStdout>>)> {
        let mut child = Command::new("taskset")
            .args(["-c", SERVER_CORE])
            .arg(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("taskset (util-linux) is needed to pin the server to a core")?;
        let pid = child.id().context("the process ended at once")?;
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Ok((Self { child, pid }, lines))
    }

    /// Stops it in order, and waits for it.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await?;
        tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await??;
        Ok(())
    }
}

/// Leaves the server's core to the server: this process, all its threads, runs on the others.
pub(crate) async fn stay_off_the_servers_core() -> anyhow::Result<()> {
    let last = std::thread::available_parallelism()?.get() - 1;
    if last == 0 {
        bail!("two cores are needed: one for the server, one for the load");
    }
    let others = format!("1-{last}");
    let own = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-a", "-c", "-p", &others, &own]).output().await?;
    if !moved.status.success() {
        bail!("taskset: {}", String::from_utf8_lossy(&moved.stderr));
    }
    Ok(())
}

/// Keeps a core busy for as long as it lives, as sending requests does: two cores of a virtual machine
/// are often two threads of one, where everything costs more while the other is not idle. So a floor
/// that needs no load is measured beside this.
#[derive(Debug)]
pub(crate) struct Busy(Arc<AtomicBool>);

impl Busy {
    /// Begins.
    pub(crate) fn start() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&done);
        std::thread::spawn(move || {
            let mut block = [0; 32];
            while !until.load(Ordering::Relaxed) {
                block = grantor_crypto::digest::sha256(&block);
            }
        });
        Self(done)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// CPU time of a process so far: the sum over its threads.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while we look.
        if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
            nanos += text.split(' ').next().and_then(|t| t.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// CPU time of this process so far.
pub(crate) fn process_cpu() -> anyhow::Result<Duration> {
    cpu(std::process::id())
}

/// CPU time of this thread so far.
pub(crate) fn own_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}

/// Resident memory of a process, in MiB.
pub(crate) fn memory_mib(pid: u32) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    Ok(kib.context("no VmRSS")? / 1024.0)
}

/// Waits until somebody answers at an address; returns how long that took.
pub(crate) async fn until_answers(address: &str, path: &str) -> anyhow::Result<Duration> {
    let started = now();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    while started.elapsed() < Duration::from_secs(30) {
        if crate::load::once(address, request.as_bytes()).await.is_ok_and(|a| a.status == 200) {
            return Ok(started.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("nobody answers at {address}")
}

/// The time, for measuring.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
