//! `cargo xtask test`: the one command that runs every test, from a fresh clone. What is missing on the
//! machine is installed first, and the last line counts the tests.

use std::env;

use anyhow::Result;

use crate::counts::{Counts, run_and_count};
use crate::database::Database;
use crate::repository::cargo;
use crate::steps::{Steps, succeed};
use crate::{browser, installed, peers};

/// The variable by which the store tests find a PostgreSQL server in which they may make databases.
const POSTGRES_URL: &str = "GRANTOR_TEST_POSTGRES_URL";

/// The variable by which `grantor-testkit` chooses the database of its servers.
const STORE: &str = "GRANTOR_TEST_STORE";

/// What people do on the pages is stored, and so it is tested on PostgreSQL too; but not how requests are
/// read and where errors stand, which no database can change.
const ONCE_IS_ENOUGH: [&str; 5] = ["answers::", "errors::", "hybrid::", "objects::", "wishes::"];

/// What runs software of others.
const STEPS_WITH_OTHERS: [(&str, Tests); 2] =
    [("tests with other software", peers::run), ("tests in a browser", browser::run)];

/// Runs some tests and counts them.
type Tests = fn() -> Result<Counts>;

/// Runs all tests and ends with the line that counts them.
pub(crate) fn run(without_peers: bool) -> Result<()> {
    let counts = tests(without_peers)?;
    println!("\n{counts}");
    counts.conclude()
}

/// Runs all tests and returns how many passed and failed; an error is something that kept tests from
/// running.
pub(crate) fn tests(without_peers: bool) -> Result<Counts> {
    installed::for_tests()?;
    let mut steps = Steps::default();
    let mut counts = Counts::default();
    let build = steps.run("build of the tests", build);
    if build.is_some() {
        if let Some(rust) = steps.run("Rust tests, with PostgreSQL", rust) {
            counts += rust;
        }
        if !without_peers {
            for (name, step) in STEPS_WITH_OTHERS {
                counts += steps.run(name, step).unwrap_or_default();
            }
        }
    }
    steps.print_summary();
    steps.conclude()?;
    Ok(counts)
}

/// Builds what `cargo test` runs, and the programs, in one go: the same features for all, so that
/// nothing is built twice.
pub(crate) fn build() -> Result<()> {
    succeed(cargo()?.args(["build", "--workspace", "--lib", "--bins", "--tests", "--examples"]))
}

fn rust() -> Result<Counts> {
    if let Ok(url) = env::var(POSTGRES_URL) {
        return rust_with(&url);
    }
    let database = Database::start()?;
    println!("PostgreSQL listens at {}", database.url());
    rust_with(&database.url())
}

/// Every test; and those that drive a whole server a second time, on PostgreSQL.
fn rust_with(url: &str) -> Result<Counts> {
    let mut all = cargo()?;
    all.args(["test", "--workspace", "--no-fail-fast"]).env(POSTGRES_URL, url);
    let mut counts = run_and_count(&mut all)?;
    for (test, left_out) in [("it", &[][..]), ("delegation", &ONCE_IS_ENOUGH[..])] {
        let mut servers = cargo()?;
        servers.args(["test", "-p", "grantor-server", "--test", test, "--no-fail-fast", "--"]);
        servers.args(left_out.iter().flat_map(|module| ["--skip", *module]));
        counts += run_and_count(servers.env(POSTGRES_URL, url).env(STORE, "postgres"))?;
    }
    Ok(counts)
}
