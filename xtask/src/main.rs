//! The tasks of this repository. `cargo xtask ci` is what CI runs and nothing else, so green here is
//! green there; `cargo xtask test` is the command that README names.
#![expect(clippy::print_stdout, reason = "a task tells the person at the terminal what it does")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod advisories;
mod bench;
mod browser;
mod ci;
mod counts;
mod database;
mod fuzz;
mod generated;
mod installed;
mod peers;
mod repository;
mod requirements;
mod sbom;
mod steps;
mod suite;

/// The tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything CI runs: format, lints, generated files, documentation, supply chain, tests, and the
    /// table of requirements.
    Ci {
        /// Leave the tests out, for a caller that runs `cargo xtask test` itself.
        #[arg(long)]
        without_tests: bool,
    },
    /// All tests, with a throw-away PostgreSQL and the software of others; installs what is missing.
    Test {
        /// Leave out the tests that run other people's software.
        #[arg(long)]
        without_peers: bool,
    },
    /// Writes the generated files anew.
    Gen {
        /// Change nothing; fail when a file would change.
        #[arg(long)]
        check: bool,
    },
    /// Starts a throw-away PostgreSQL and prints its URL.
    Db {
        /// Stop the one that runs.
        #[arg(long)]
        stop: bool,
    },
    /// Prints which test covers which requirement of `docs/requirements.tsv`.
    Requirements,
    /// Checks advisories, licences, sources and the walls between crates with cargo-deny.
    Deny,
    /// Prints the software bill of materials of `grantor` (CycloneDX).
    Sbom,
    /// Measures what operations cost, as shares of their floors; prints a table (Markdown).
    Bench {
        /// Requests per scenario.
        #[arg(long, default_value_t = 100_000)]
        requests: usize,
        /// Grants in the database for the last comparison.
        #[arg(long, default_value_t = 100_000)]
        grants: usize,
        /// Only these parts of the table: documents, verification, issuing, delegation,
        /// passwords, rotation.
        #[arg(long)]
        only: Option<String>,
    },
    /// Runs every fuzz target for a while.
    Fuzz {
        /// How long each target runs, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Only the targets whose name contains this.
        target: Option<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Ci { without_tests } => ci::run(without_tests),
        Task::Test { without_peers } => suite::run(without_peers),
        Task::Gen { check } => generated::run(check),
        Task::Db { stop } => database::run(stop),
        Task::Requirements => requirements::run(),
        Task::Deny => advisories::run(),
        Task::Sbom => sbom::run(),
        Task::Bench { requests, grants, only } => bench::run(requests, grants, only.as_deref()),
        Task::Fuzz { seconds, target } => fuzz::run(seconds, target.as_deref()),
    }
}
