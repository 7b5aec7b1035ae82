//! `grantor admin`: single actions through the management API.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use grantor_crypto::json::parse_strict;
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::kinds::{KINDS, Kind, escape};
use crate::admin::schema::Schemas;
use crate::admin::session::{self, Session, SessionArgs};
use crate::out;

/// Manage the registry: whatever the REST API can do, in one action.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor admin bootstrap --server http://127.0.0.1:8080   (asks for the one-time secret)
  grantor admin list clients
  grantor admin show clients shop
  echo '{\"id\":\"shop\",\"auth_method\":\"client_secret_basic\"}' | grantor admin create clients
  grantor admin show users customers/alice
  grantor admin show clients shop > shop.json; edit it; grantor admin replace clients shop -f shop.json
  grantor admin delete assignments asn_0192…
  grantor admin request POST clients/shop/secrets      (sends {} where no file is given)

What only the server sets (id, created, secrets, …) is left out when a file that `show` wrote is sent by
`replace`. `replace`, `delete` and `request PUT|DELETE` change what is there now; --if-match VALUE changes
that version only.

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
        /// Its id, name or token; of a user REALM/NAME, of a group its name will do
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
        /// Its id, name or token; of a user REALM/NAME, of a group its name will do
        id: String,
        /// File; stdin if none is given
        #[arg(short, long)]
        file: Option<PathBuf>,
    },
    /// Delete a thing
    Delete {
        /// Such as clients
        kind: String,
        /// Its id, name or token; of a user REALM/NAME, of a group its name will do
        id: String,
    },
    /// Send any request to /api/v1
    Request {
        /// Such as POST
        method: Method,
        /// Behind /api/v1/
        path: String,
        /// File with the JSON body; `-` is stdin. POST and PUT send {} without
        #[arg(short, long)]
        file: Option<PathBuf>,
        /// Change this version only (the `ETag` of an answer); default the one that is there now
        #[arg(long, value_name = "VALUE")]
        if_match: Option<String>,
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
            session.all(known(&kind)?.path).await?.iter().try_for_each(out::line)?;
            return Ok(ExitCode::SUCCESS);
        }
        Action::Show { kind, id } => {
            found(&session, &path(&session, &kind, &id).await?).await?.body
        }
        Action::Create { kind, file } => {
            let body = read(file.as_ref())?;
            session.request(Method::POST, known(&kind)?.path, Some(&body), None).await?.body
        }
        Action::Replace { kind, id, file } => {
            let (path, mut body) = (path(&session, &kind, &id).await?, read(file.as_ref())?);
            let there = found(&session, &path).await?;
            leave_out(known(&kind)?, &there.body, &mut body)?;
            let etag = there.etag;
            session.request(Method::PUT, &path, Some(&body), etag.as_deref()).await?.body
        }
        Action::Delete { kind, id } => {
            let path = path(&session, &kind, &id).await?;
            let etag = found(&session, &path).await?.etag;
            session.request(Method::DELETE, &path, None, etag.as_deref()).await?.body
        }
        Action::Request { method, path, file, if_match } => {
            let body = file.map(|file| read(Some(&file).filter(|f| f.as_os_str() != "-")));
            let empty = (method == Method::POST || method == Method::PUT).then(|| json!({}));
            let body = body.transpose()?.or(empty);
            let changes = method == Method::PUT || method == Method::DELETE;
            let etag = match if_match {
                // Some paths are only written to: there is nothing to be found at them.
                None if changes => session.etag(&path).await?,
                given => given,
            };
            session.request(method, &path, body.as_ref(), etag.as_deref()).await?.body
        }
    };
    tell(answer)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the answer; a secret in it is shown this once.
fn tell(answer: Value) -> anyhow::Result<()> {
    if answer["client_secret"].is_string() {
        let again = "make another with `grantor admin request POST clients/ID/secrets`";
        return out::secret(answer, again);
    }
    if answer.is_null() { Ok(()) } else { out::line(answer) }
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

/// Where a thing is. What the server names by an id of its own people name by its natural key.
async fn path(session: &Session, kind: &str, id: &str) -> anyhow::Result<String> {
    let kind = known(kind)?;
    let at = |id: &str| format!("{}/{}", kind.path, escape(id));
    let list = match (kind.name, id.split_once('/')) {
        ("users", Some((realm, name))) => {
            format!("users?realm={}&name={}", escape(realm), escape(name))
        }
        ("users", None) if !id.starts_with("usr_") => {
            bail!(
                "users are named REALM/NAME, as customers/{id}, or by the id that the server made"
            )
        }
        ("groups", _) if !id.starts_with("grp_") => kind.path.to_owned(),
        _ => return Ok(at(id)),
    };
    let things = session.all(&list).await?;
    let meant = things.iter().find(|thing| kind.name == "users" || kind.label(thing) == id);
    let thing = meant.ok_or_else(|| anyhow!("there is no {} {id}", kind.one()))?;
    Ok(format!("{}/{}", kind.path, kind.segment(thing)))
}

/// Leaves out what the server shows, and takes from nobody: a file that `show` wrote can be sent. What
/// says another thing than the server does was meant, and is refused.
fn leave_out(kind: Kind, there: &Value, body: &mut Value) -> anyhow::Result<()> {
    let schemas = Schemas::new();
    let taken = &schemas.body(kind)["properties"];
    let (Some(there), Some(body)) = (there.as_object(), body.as_object_mut()) else {
        return Ok(());
    };
    for (name, value) in there.iter().filter(|(name, _)| taken.get(*name).is_none()) {
        match body.remove(name) {
            Some(wanted) if kind.naming().contains(&name.as_str()) && wanted != *value => {
                bail!("{name}: {wanted} is another {}, and a name cannot be changed", kind.one())
            }
            _ => {}
        }
    }
    Ok(())
}

fn read(file: Option<&PathBuf>) -> anyhow::Result<Value> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => stdin()?,
    };
    // As the server reads it: a member that is there twice is an error, not the last one's.
    parse_strict(text.as_bytes()).context("expected JSON")
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
