//! `grantor apply` and `grantor diff`: configuration as code.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use crate::admin::change::{Change, Made};
use crate::admin::desired::Desired;
use crate::admin::plan;
use crate::admin::schema::Schemas;
use crate::admin::session::{Refused, Session, SessionArgs};
use crate::failure::{Hinted, Interrupted, hinted};
use crate::out;

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

Kinds: realms, resource_types, groups, scopes, applications, users, clients, assignments, tenants.
Members that a file does not name stay as they are. Without --write nothing is changed.
A user is named realm/name and a group by its name, wherever the API wants an id; both may be new.
When it has to stop it says what was done and what was not; the same command goes on from there.

Examples:
  grantor apply -f grantor.yaml              show what would change
  grantor apply -f grantor.d --write         change it
  grantor apply -f grantor.d --write --prune also delete what the files do not name
  grantor apply --schema > apply.schema.json what a file may contain, for editors

Secrets of new clients are printed once, on stdout as JSON.")]
pub(crate) struct Args {
    /// File, or folder of files; may be given more than once
    #[arg(short, long = "file", required_unless_present = "schema")]
    files: Vec<PathBuf>,

    /// Print the JSON schema of a file, and do nothing else
    #[arg(long, conflicts_with_all = ["files", "write", "prune"])]
    schema: bool,

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
    if args.schema {
        out::line(format_args!("{:#}", Schemas::new().of_files()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (session, changes) = changes(&args.session, &args.files, args.prune).await?;
    show(&changes);
    if !args.write {
        note(count(&changes), "would change; --write changes it");
        return Ok(ExitCode::SUCCESS);
    }
    write(&session, &changes).await?;
    note(count(&changes), "changed");
    Ok(ExitCode::SUCCESS)
}

/// Makes one change after the other. Each is made whole or not at all; they are not one transaction. So
/// whoever stops in between says where.
pub(crate) async fn write(session: &Session, changes: &[Change]) -> anyhow::Result<()> {
    let mut made = Made::default();
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    for (at, change) in changes.iter().enumerate() {
        // What was begun comes to its end: nobody could say whether it was made.
        let stop = tokio::select! {
            biased;
            _ = &mut interrupt => true,
            () = std::future::ready(()) => false,
        };
        if stop {
            show_progress(changes, at, None);
            return Err(Interrupted.into());
        }
        match change.make(session, &mut made).await {
            Ok(answer) => {
                print_secret(&answer).inspect_err(|_| show_progress(changes, at + 1, None))?;
            }
            Err(error) => {
                show_progress(changes, at, Some(&error));
                return Err(if error.is::<Hinted>() { error } else { hinted(error, GO_ON) });
            }
        }
    }
    Ok(())
}

const GO_ON: &str = "put right what is wrong and run the same command again: what is done already \
                     shows no difference and is not done twice";

/// Says what was done and what was not.
#[expect(clippy::print_stderr, reason = "what is going on is told to the person")]
fn show_progress(changes: &[Change], done: usize, failed: Option<&anyhow::Error>) {
    let list = |title: &str, changes: &[Change]| {
        if !changes.is_empty() {
            eprintln!("{title}:");
            changes.iter().for_each(|change| eprintln!("  {}", change.title()));
        }
    };
    list("done", &changes[..done]);
    let mut rest = &changes[done..];
    if let (Some(error), Some((first, others))) = (failed, rest.split_first()) {
        let answered = error.chain().any(<dyn std::error::Error>::is::<Refused>);
        let title = if answered {
            "refused, and not done"
        } else {
            "broken off, and perhaps done (the next run sees it)"
        };
        list(title, std::slice::from_ref(first));
        rest = others;
    }
    list("not done", rest);
}

/// What is made in two steps is one change.
fn count(changes: &[Change]) -> usize {
    changes.iter().filter(|change| !change.is_rest()).count()
}

pub(crate) async fn diff(args: DiffArgs) -> anyhow::Result<ExitCode> {
    let (_, changes) = changes(&args.session, &args.files, args.prune).await?;
    show(&changes);
    note(count(&changes), "different");
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
fn print_secret(answer: &Value) -> anyhow::Result<()> {
    if let (Some(id), Some(secret)) = (answer["id"].as_str(), answer["client_secret"].as_str()) {
        let again = format!("make another with `grantor admin request POST clients/{id}/secrets`");
        out::secret(serde_json::json!({ "client_id": id, "client_secret": secret }), again)?;
    }
    Ok(())
}
