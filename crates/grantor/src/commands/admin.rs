//! `grantor admin`: single actions through the management API.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use crate::admin::kinds::{KINDS, Kind, escape};
use crate::admin::session::{self, Session, SessionArgs};

/// Manage the registry: whatever the REST API can do, in one action.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor admin bootstrap --server http://127.0.0.1:8080   (asks for the one-time secret)
  grantor admin list clients
  grantor admin show clients shop
  echo '{\"id\":\"shop\",\"auth_method\":\"client_secret_basic\"}' | grantor admin create clients
  grantor admin show clients shop > shop.json; edit it; grantor admin replace clients shop -f shop.json
  grantor admin delete assignments asn_0192…
  grantor admin request POST clients/shop/secrets

Kinds: realms, resource-types, groups, scopes, applications, users, clients, assignments, tenants.")]
pub(crate) struct Args {
    #[command(flatten)]
    session: SessionArgs,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Redeem the one-time secret of a new server, and keep the administrator's credentials
    Bootstrap {
        /// URL of the server
        #[arg(long, env = "GRANTOR_SERVER")]
        server: String,
        /// What to call the administrator's client
        #[arg(long)]
        client_id: Option<String>,
    },
    /// List everything of a kind, one JSON object a line
    List {
        /// Such as clients
        kind: String,
    },
    /// Print one thing
    Show {
        /// Such as clients
        kind: String,
        /// Its id, name or token
        id: String,
    },
    /// Make a thing of the JSON in a file, or on stdin
    Create {
        /// Such as clients
        kind: String,
        /// File; stdin if none is given
        #[arg(short, long)]
        file: Option<PathBuf>,
    },
    /// Replace a thing by the JSON in a file, or on stdin
    Replace {
        /// Such as clients
        kind: String,
        /// Its id, name or token
        id: String,
        /// File; stdin if none is given
        #[arg(short, long)]
        file: Option<PathBuf>,
    },
    /// Delete a thing
    Delete {
        /// Such as clients
        kind: String,
        /// Its id, name or token
        id: String,
    },
    /// Send any request to /api/v1
    Request {
        /// Such as POST
        method: Method,
        /// Behind /api/v1/
        path: String,
        /// File with the JSON body; `-` is stdin
        #[arg(short, long)]
        file: Option<PathBuf>,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Action::Bootstrap { server, client_id } = &args.action {
        return bootstrap(server, client_id.as_deref(), &args.session).await;
    }
    let session = Session::open(&args.session).await?;
    let answer = match args.action {
        Action::Bootstrap { .. } => unreachable!("answered above"),
        Action::List { kind } => {
            session.all(known(&kind)?.path).await?.iter().for_each(print);
            return Ok(ExitCode::SUCCESS);
        }
        Action::Show { kind, id } => found(&session, &path(&kind, &id)?).await?.body,
        Action::Create { kind, file } => {
            let body = read(file.as_ref())?;
            session.request(Method::POST, known(&kind)?.path, Some(&body), None).await?.body
        }
        Action::Replace { kind, id, file } => {
            let (path, body) = (path(&kind, &id)?, read(file.as_ref())?);
            let etag = found(&session, &path).await?.etag;
            session.request(Method::PUT, &path, Some(&body), etag.as_deref()).await?.body
        }
        Action::Delete { kind, id } => {
            let path = path(&kind, &id)?;
            let etag = found(&session, &path).await?.etag;
            session.request(Method::DELETE, &path, None, etag.as_deref()).await?.body
        }
        Action::Request { method, path, file } => {
            let body = file.map(|file| read(Some(&file).filter(|f| f.as_os_str() != "-")));
            let body = body.transpose()?;
            session.request(method, &path, body.as_ref(), None).await?.body
        }
    };
    if !answer.is_null() {
        print(&answer);
    }
    Ok(ExitCode::SUCCESS)
}

async fn found(session: &Session, path: &str) -> anyhow::Result<session::Answer> {
    session.find(path).await?.ok_or_else(|| anyhow!("there is no {path}"))
}

fn known(kind: &str) -> anyhow::Result<Kind> {
    Kind::find(kind).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.path).collect();
        anyhow!("unknown kind {kind:?}; there are {}", known.join(", "))
    })
}

fn path(kind: &str, id: &str) -> anyhow::Result<String> {
    Ok(format!("{}/{}", known(kind)?.path, escape(id)))
}

fn read(file: Option<&PathBuf>) -> anyhow::Result<Value> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => stdin()?,
    };
    serde_json::from_str(&text).context("expected JSON")
}

fn stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// The secret is read from stdin, so that it is never seen in a list of processes (SEC-171).
#[expect(clippy::print_stderr, reason = "what is going on is told to the person")]
async fn bootstrap(
    server: &str,
    client_id: Option<&str>,
    session: &SessionArgs,
) -> anyhow::Result<ExitCode> {
    let file = session.file()?;
    if file.exists() {
        bail!("{} exists: move it away first, it may be another server's", file.display());
    }
    if std::io::stdin().is_terminal() {
        eprintln!("Paste the one-time secret, then press Enter:");
    }
    let mut secret = String::new();
    std::io::stdin().read_line(&mut secret)?;
    session::bootstrap(server.trim_end_matches('/'), secret.trim(), client_id, &file).await?;
    eprintln!("The administrator's credentials are in {}.", file.display());
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn print(value: &Value) {
    println!("{value}");
}
