//! `grantor apply` and `grantor diff`: configuration as code.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use crate::admin::desired::Desired;
use crate::admin::plan::{self, Change};
use crate::admin::session::{Session, SessionArgs};

/// Make the server as the files want it.
#[derive(Debug, clap::Args)]
#[command(after_help = "A file is YAML or TOML with a list for each kind:

  clients:
    - id: shop
      auth_method: client_secret_basic
      grant_types: [client_credentials]
      scopes: [uid, sales_order.read]
  assignments:
    - principal: {client: shop}
      scope: sales_order.read_all
      reason: nightly report

Kinds: realms, resource_types, groups, scopes, applications, users, clients, assignments.
Members that a file does not name stay as they are. Without --write nothing is changed.

Examples:
  grantor apply -f grantor.yaml              show what would change
  grantor apply -f grantor.d --write         change it
  grantor apply -f grantor.d --write --prune also delete what the files do not name

Secrets of new clients are printed once, on stdout as JSON.")]
pub(crate) struct Args {
    /// File, or folder of files; may be given more than once
    #[arg(short, long = "file", required = true)]
    files: Vec<PathBuf>,

    /// Make the changes; without it they are only shown
    #[arg(long)]
    write: bool,

    /// Delete what the files do not name, of the kinds that they speak of
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    session: SessionArgs,
}

/// Show how the server differs from the files; exit code 1 if it does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor diff -f grantor.yaml
  grantor diff -f grantor.d --prune && echo as wanted")]
pub(crate) struct DiffArgs {
    /// File, or folder of files; may be given more than once
    #[arg(short, long = "file", required = true)]
    files: Vec<PathBuf>,

    /// Count what the files do not name as a difference
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    session: SessionArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (session, changes) = changes(&args.session, &args.files, args.prune).await?;
    show(&changes);
    if !args.write {
        note(changes.len(), "would change; --write changes it");
        return Ok(ExitCode::SUCCESS);
    }
    for (done, change) in changes.iter().enumerate() {
        let answer = change.make(&session).await.with_context(|| {
            format!("{done} of {} changes were made; the rest can be applied again", changes.len())
        })?;
        print_secret(&answer);
    }
    note(changes.len(), "changed");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn diff(args: DiffArgs) -> anyhow::Result<ExitCode> {
    let (_, changes) = changes(&args.session, &args.files, args.prune).await?;
    show(&changes);
    note(changes.len(), "different");
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn changes(
    session: &SessionArgs,
    files: &[PathBuf],
    prune: bool,
) -> anyhow::Result<(Session, Vec<Change>)> {
    // What is wrong with the files is said before anybody is asked.
    let desired = Desired::read(files)?;
    let session = Session::open(session).await?;
    let changes = plan::compare(&session, &desired, prune).await?;
    Ok((session, changes))
}

#[expect(clippy::print_stderr, reason = "what is going on is told to the person")]
fn show(changes: &[Change]) {
    for change in changes {
        eprintln!("{}", change.describe());
    }
}

#[expect(clippy::print_stderr, reason = "what is going on is told to the person")]
fn note(count: usize, what: &str) {
    eprintln!("{count} {what}");
}

/// A secret that is shown this once.
#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn print_secret(answer: &Value) {
    if let (Some(id), Some(secret)) = (answer["id"].as_str(), answer["client_secret"].as_str()) {
        println!("{}", serde_json::json!({ "client_id": id, "client_secret": secret }));
    }
}
