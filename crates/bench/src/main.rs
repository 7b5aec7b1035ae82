//! What an operation of the server costs, as a share of its physical floor.
//!
//! The server runs pinned to one core, the load comes from another. Cost is CPU time of the server
//! process per request, from the kernel's own accounting (`/proc/PID/task/*/schedstat`, in
//! nanoseconds). The floor of an operation is what a bare axum answering 250 bytes of JSON costs, in
//! the same run and measured in the same way, plus the named crypto operation alone; for writes it
//! is what the store alone does with the same number of operations in flight. A share is floor
//! divided by cost: 100 % would be an operation that costs nothing beside its floor.

#![expect(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![expect(clippy::similar_names, reason = "a cost is what a function called cost returns")]

mod delegation;
mod floors;
mod load;
mod process;
mod scenarios;
mod world;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the server against its floors.
#[derive(Debug, Parser)]
#[command(name = "grantor-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// JWKS and metadata
    Documents,
    /// Token info and introspection
    Verification,
    /// Client credentials
    Issuing,
    /// Authorization and codes, by a person who is signed in
    Delegation,
    /// The password grant, and a flood of it
    Passwords,
    /// Refresh tokens
    Rotation,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything and print the table (Markdown)
    Run {
        /// The server's binary, built with --release
        #[arg(long)]
        grantor: PathBuf,
        /// Requests per scenario; a tenth of it where each costs a signature or more
        #[arg(long, default_value_t = 100_000)]
        requests: usize,
        /// Grants in the database for the last comparison
        #[arg(long, default_value_t = 100_000)]
        grants: usize,
        /// Measure only these parts; may be repeated
        #[arg(long, value_delimiter = ',')]
        only: Vec<Part>,
    },
    /// Send one request again and again to any server: for side-by-side runs
    Drive {
        /// Host and port, as 127.0.0.1:8080
        #[arg(long)]
        address: String,
        /// File with the exact bytes of the HTTP/1.1 request
        #[arg(long)]
        request: PathBuf,
        /// Process id of the server, for its CPU time
        #[arg(long)]
        pid: Option<u32>,
        /// How often
        #[arg(long, default_value_t = 100_000)]
        requests: usize,
    },
    /// The floor: a bare axum answering 250 bytes of JSON, alone and after a crypto operation
    #[command(hide = true)]
    FloorServer,
    /// The floor of passwords: what a hash costs alone
    #[command(hide = true)]
    FloorHash,
    /// The floor of writes: an operation in the store alone, with so many in flight
    #[command(hide = true)]
    FloorStore {
        path: PathBuf,
        synchronous: String,
        in_flight: usize,
        operations: usize,
        what: floors::Stored,
    },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if matches!(cli.command, Command::Run { .. } | Command::Drive { .. }) {
        // One core is the server's.
        let cores = std::thread::available_parallelism()?.get();
        runtime.worker_threads(cores.saturating_sub(1).max(1));
    }
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Run { grantor, requests, grants, only } => {
                process::stay_off_the_servers_core().await?;
                scenarios::run(&grantor, requests, grants, &only).await
            }
            Command::Drive { address, request, pid, requests } => {
                scenarios::drive(&address, &request, pid, requests).await
            }
            Command::FloorServer => floors::serve().await,
            Command::FloorHash => floors::hash_here(),
            Command::FloorStore { path, synchronous, in_flight, operations, what } => {
                floors::store(&path, &synchronous, in_flight, operations, what).await
            }
        }
    })
}
