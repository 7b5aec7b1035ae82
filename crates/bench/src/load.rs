//! Requests over kept-alive connections, with as little work on our side as possible.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::now;

/// How many connections send at once.
pub(crate) const CONNECTIONS: usize = 16;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Where it sends the browser; empty if nowhere
    pub(crate) location: String,
    pub(crate) body: Vec<u8>,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) took: Duration,
    /// Sorted
    pub(crate) latencies: Vec<Duration>,
}

impl Run {
    /// The latency that 99 of 100 stayed under.
    pub(crate) fn p99(&self) -> Duration {
        self.latencies[self.latencies.len() * 99 / 100]
    }
}

/// Keeps the sending side from sleeping for as long as it lives. Whoever answers somebody who sleeps
/// wakes him, and on the same machine pays for it: slow answers more often than fast ones, and for
/// something that a network between them would not charge.
#[derive(Debug)]
struct Awake(tokio::task::JoinHandle<()>);

impl Awake {
    fn start() -> Self {
        Self(tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        }))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends `count` requests over [`CONNECTIONS`]; request `i` is `requests[i % len]`. All must be
/// answered with 200, or sent elsewhere; `keep` sees each answer.
pub(crate) async fn run(
    address: &str,
    requests: Arc<Vec<Vec<u8>>>,
    count: usize,
    keep: impl Fn(usize, Answer) + Clone + Send + 'static,
) -> anyhow::Result<Run> {
    let next = Arc::new(AtomicUsize::new(0));
    let _awake = Awake::start();
    let started = now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (next, requests, keep) = (Arc::clone(&next), Arc::clone(&requests), keep.clone());
        let address = address.to_owned();
        senders.spawn(async move {
            let mut stream = connect(&address).await?;
            let mut buffer = Vec::with_capacity(8 * 1024);
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(latencies);
                }
                let sent = now();
                stream.write_all(&requests[number % requests.len()]).await?;
                let answer = receive(&mut stream, &mut buffer).await?;
                latencies.push(sent.elapsed());
                if !matches!(answer.status, 200 | 303) {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    bail!("request {number} was answered {}: {text}", answer.status);
                }
                keep(number, answer);
            }
        });
    }
    let mut latencies = Vec::with_capacity(count);
    while let Some(sender) = senders.join_next().await {
        latencies.extend(sender??);
    }
    latencies.sort_unstable();
    Ok(Run { took: started.elapsed(), latencies })
}

/// One request on a connection of its own.
pub(crate) async fn once(address: &str, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = connect(address).await?;
    stream.write_all(request).await?;
    receive(&mut stream, &mut Vec::new()).await
}

async fn connect(address: &str) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer with a `Content-Length`.
async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Answer> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection ended");
        }
        let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head])?;
        let status = text.get(9..12).context("no status")?.parse()?;
        let header = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let length: usize = header("content-length").unwrap_or("0").trim().parse()?;
        let location = header("location").unwrap_or_default().to_owned();
        while buffer.len() < head + 4 + length {
            if stream.read_buf(buffer).await? == 0 {
                bail!("the connection ended in a body");
            }
        }
        return Ok(Answer { status, location, body: buffer[head + 4..head + 4 + length].to_vec() });
    }
}

/// Rotates refresh tokens, each over a connection of its own, `count` times each; returns how long it
/// took, and the tokens that are left. `request` makes the request of a token.
pub(crate) async fn rotate(
    address: &str,
    tokens: Vec<String>,
    count: usize,
    request: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static,
) -> anyhow::Result<(Duration, Vec<String>)> {
    let _awake = Awake::start();
    let started = now();
    let mut chains = tokio::task::JoinSet::new();
    for first in tokens {
        let (address, request) = (address.to_owned(), request.clone());
        chains.spawn(async move {
            let mut stream = connect(&address).await?;
            let (mut buffer, mut token) = (Vec::new(), first);
            for _ in 0..count {
                stream.write_all(&request(&token)).await?;
                let answer = receive(&mut stream, &mut buffer).await?;
                token = member(&answer.body, "refresh_token")?;
            }
            anyhow::Ok(token)
        });
    }
    let mut left = Vec::new();
    while let Some(chain) = chains.join_next().await {
        left.push(chain??);
    }
    Ok((started.elapsed(), left))
}

/// A text member of a JSON answer.
pub(crate) fn member(body: &[u8], name: &str) -> anyhow::Result<String> {
    let value: serde_json::Value = serde_json::from_slice(body)?;
    let text = value[name].as_str().map(str::to_owned);
    text.with_context(|| format!("no {name} in {}", String::from_utf8_lossy(body)))
}
