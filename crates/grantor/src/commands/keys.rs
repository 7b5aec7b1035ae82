//! `grantor keys`: master keys and signing keys. SEC-094, SEC-095.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::seal::MasterKey;
use grantor_domain::document::DocumentKey;
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::name::TenantName;
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_server::jobs::KeyDesk;
use grantor_server::jobs::rewrap::rewrap;
use grantor_server::jobs::withdraw::Withdrawn;
use grantor_server::secrets::Secrets;
use grantor_store::{Documents as _, Store};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::host::{HostArgs, RemoteArgs};
use crate::admin::kinds::escape;
use crate::admin::session::Session;
use crate::config::Config;
use crate::failure::Hint as _;
use crate::out::print;
use crate::{keys, node};

/// Make, list, rotate and withdraw keys.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keys rotate by themselves; `rotate` does it now, with the new key published before it signs. A key
that somebody has stolen is withdrawn: `withdraw` ends it and whatever it signed at once, and makes its
successor, in one step.

Examples:
  grantor keys generate -o master.key
  grantor keys list
  grantor keys list -o jwks > audit-keys.json     (for `grantor audit verify`; not with --remote)
  grantor keys rotate
  grantor keys withdraw 3f0c… --not-before --remote
  grantor keys rewrap")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a master key
    Generate {
        /// Write it to this file (mode 0600, must not exist) in place of stdout
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// List the signing keys
    List {
        #[command(flatten)]
        at: At,
        /// The form
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Make a new signing key: published now, in use once everybody can have seen it
    Rotate {
        #[command(flatten)]
        at: At,
        /// Of this algorithm; default that of the tenant
        #[arg(long)]
        alg: Option<Algorithm>,
    },
    /// Take a compromised signing key out of use at once, and make its successor
    Withdraw {
        /// The key
        kid: String,
        #[command(flatten)]
        at: At,
        /// End every grant and every token of the tenant, too
        #[arg(long)]
        not_before: bool,
    },
    /// Seal anew what is sealed under an older master key
    Rewrap {
        #[command(flatten)]
        host: HostArgs,
    },
}

/// The keys of whom.
#[derive(Debug, clap::Args)]
struct At {
    #[command(flatten)]
    host: HostArgs,

    #[command(flatten)]
    remote: RemoteArgs,

    /// The tenant; default the default tenant
    #[arg(long, conflicts_with = "remote")]
    tenant: Option<TenantName>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// For reading
    Text,
    /// For programs
    Json,
    /// The public keys, retired ones too, as a JWK set: for `grantor audit verify --jwks`
    Jwks,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Generate { output } => generate(output)?,
        Action::List { at, output } => list(at, output).await?,
        Action::Rotate { at, alg } => rotate(at, alg).await?,
        Action::Withdraw { kid, at, not_before } => withdraw(at, &kid, not_before).await?,
        Action::Rewrap { host } => seal_anew(host).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn generate(output: Option<PathBuf>) -> anyhow::Result<()> {
    let key = MasterKey::generate();
    let Some(path) = output else { return print(&format!("{}\n", *key.reveal())) };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    writeln!(file, "{}", *key.reveal())?;
    file.sync_all()?;
    print(&format!("master key {} in {}\n", key.id(), path.display()))?;
    Ok(())
}

async fn list(at: At, output: Output) -> anyhow::Result<()> {
    if let Some(session) = at.remote.open().await? {
        return list_remote(&session, output).await;
    }
    let config = at.host.read()?;
    let store = node::open_to_read(&config.database).await?;
    let tenant = at.tenant.as_ref().unwrap_or(&config.settings.default_tenant);
    let records = keys::records(&*store, tenant).await?;
    let now = SystemClock.now();
    let text = match output {
        Output::Text => {
            let until = |key: &SigningKeyRecord| key.withdrawn.or(key.retired);
            let shown = |time: Option<Timestamp>| time.map(|time| format!("{time:.0}"));
            table(records.iter().map(|key| {
                let (alg, from) = (key.alg.to_string(), shown(Some(key.active_from)));
                [
                    Some(key.kid.clone()),
                    Some(alg),
                    Some(state(key, now).to_owned()),
                    from,
                    shown(until(key)),
                ]
            }))
        }
        Output::Json => {
            let keys = records.iter().map(|key| {
                json!({
                    "kid": key.kid, "alg": key.alg, "state": state(key, now),
                    "created": key.created, "active_from": key.active_from,
                    "retired": key.retired, "withdrawn": key.withdrawn,
                })
            });
            format!("{:#}\n", Value::Array(keys.collect()))
        }
        Output::Jwks => {
            let keyring = node::existing_keyring(&config)?;
            let set = keys::public(&*store, tenant, &keyring).await?;
            serde_json::to_string_pretty(&set)? + "\n"
        }
    };
    print(&text)
}

fn state(key: &SigningKeyRecord, now: Timestamp) -> &'static str {
    match key {
        _ if key.withdrawn.is_some() => "withdrawn",
        _ if key.may_sign(now) => "signs",
        _ if key.is_current() => "next",
        _ => "retired",
    }
}

/// The keys as the server tells of them.
async fn list_remote(session: &Session, output: Output) -> anyhow::Result<()> {
    if matches!(output, Output::Jwks) {
        // What a server publishes lacks the retired keys, which checkpoints of the past need.
        return Err(anyhow!("the server does not tell the keys of the past: -o jwks reads the database"))
            .hint("run it on the host of the database, without --remote; the keys of now are at /oauth2/jwks");
    }
    let keys = session.all("keys").await?;
    if matches!(output, Output::Json) {
        return print(&format!("{:#}\n", Value::Array(keys)));
    }
    print(&table(keys.iter().map(|key| {
        let text = |name: &str| key[name].as_str().map(str::to_owned);
        let time = |name: &str| text(name).map(|time| seconds(&time));
        let state =
            text("state").map(|state| if state == "active" { "signs".to_owned() } else { state });
        let until = time("withdrawn").or_else(|| time("retired"));
        [text("kid"), text("alg"), state, time("active_from"), until]
    })))
}

/// A time without what is less than a second, as [`list`] shows it.
fn seconds(time: &str) -> String {
    time.parse::<Timestamp>().map_or_else(|_| time.to_owned(), |time| format!("{time:.0}"))
}

fn table(rows: impl Iterator<Item = [Option<String>; 5]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["kid", "alg", "state", "signs from", "until"]);
    for row in rows {
        table.add_row(row.map(|cell| cell.unwrap_or_else(|| "-".to_owned())));
    }
    table.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", line.trim());
        text
    })
}

/// The database of a host, opened to change its keys.
struct Opened {
    store: Arc<dyn Store>,
    secrets: Arc<Secrets>,
    now: Timestamp,
}

impl Opened {
    async fn new(config: &Config) -> anyhow::Result<Self> {
        let keyring = node::existing_keyring(config)?;
        let store = node::open_store(&config.database).await.hint(
            "while a server has the embedded database open, its keys are changed through it: --remote",
        )?;
        let (tenant, now) = (&config.settings.default_tenant, SystemClock.now());
        let secrets = Secrets::open(keyring, &*store, tenant, now).await?;
        Ok(Self { store, secrets: Arc::new(secrets), now })
    }

    fn desk(&self) -> KeyDesk<'_> {
        KeyDesk { store: &*self.store, secrets: &self.secrets, actor: "operator", now: self.now }
    }

    async fn tenant(&self, name: &TenantName) -> anyhow::Result<Tenant> {
        let key = DocumentKey::id::<Tenant>(name, name.as_str());
        let found = self.store.find::<Tenant>(&key).await?;
        Ok(found.ok_or_else(|| anyhow!("there is no tenant {name}"))?.value)
    }
}

async fn rotate(at: At, alg: Option<Algorithm>) -> anyhow::Result<()> {
    if let Some(session) = at.remote.open().await? {
        let body = json!({ "alg": alg });
        let key = session.request(Method::POST, "keys", Some(&body), None).await?.body;
        let (kid, from) = (text_of(&key["kid"]), text_of(&key["active_from"]));
        return print(&format!("{kid} is published, and signs from {from} on\n"));
    }
    let config = at.host.read()?;
    let opened = Opened::new(&config).await?;
    let name = at.tenant.as_ref().unwrap_or(&config.settings.default_tenant);
    let settings = opened.tenant(name).await?.settings;
    let alg = alg.unwrap_or(settings.signing_alg);
    let newest = opened.desk().newest(name, alg).await?;
    // The first key signs at once: nobody can have cached a set without it.
    let ahead = if newest.is_some() { settings.key_publish_ahead_seconds } else { 0 };
    match opened.desk().rotate(name, alg, ahead, newest).await? {
        Some(kid) => print(&format!("{kid} is published, and signs in {ahead} s\n"))?,
        None => print("somebody else has just rotated the keys\n")?,
    }
    Ok(())
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

async fn withdraw(at: At, kid: &str, not_before: bool) -> anyhow::Result<()> {
    if let Some(session) = at.remote.open().await? {
        let (path, body) =
            (format!("keys/{}/withdrawal", escape(kid)), json!({ "not_before": not_before }));
        let done = session.request(Method::POST, &path, Some(&body), None).await?.body;
        let successor = done["successor"].as_str().map(str::to_owned);
        let done = Withdrawn { already: done["already"] == true, successor };
        return tell_withdrawn(kid, &done, not_before);
    }
    let config = at.host.read()?;
    let opened = Opened::new(&config).await?;
    let name = at.tenant.as_ref().unwrap_or(&config.settings.default_tenant);
    let done = opened.desk().withdraw(name, kid, not_before).await;
    let done = done.map_err(|error| match error {
        grantor_store::StoreError::Refused(why) => anyhow!("{why}"),
        other => other.into(),
    })?;
    tell_withdrawn(kid, &done, not_before)
}

fn tell_withdrawn(kid: &str, done: &Withdrawn, not_before: bool) -> anyhow::Result<()> {
    let mut text = if done.already {
        format!("{kid} was withdrawn before\n")
    } else {
        format!("{kid} is withdrawn: nodes refuse its tokens within a second\n")
    };
    if let Some(successor) = &done.successor {
        let _ = writeln!(text, "{successor} signs from now on");
    }
    if not_before {
        text.push_str("every grant and token of the tenant has ended\n");
    }
    print(&text)
}

#[expect(clippy::print_stderr, reason = "progress, for the person at the terminal")]
async fn seal_anew(host: HostArgs) -> anyhow::Result<()> {
    let config = host.read()?;
    let keyring = node::existing_keyring(&config)?;
    let store = node::open_store(&config.database).await.hint(
        "a server that is given older master keys seals anew by itself after its start: see its log",
    )?;
    let done = rewrap(&*store, &keyring, |progress| {
        if progress.seen.is_multiple_of(100) {
            eprintln!("{} rows …", progress.seen);
        }
    })
    .await
    .hint("name every older master key in keys.older_master_key_files")?;
    print(&format!(
        "ok: {} of {} sealed rows were sealed anew; all are under master key {} now\n",
        done.sealed,
        done.seen,
        keyring.current_id()
    ))?;
    Ok(())
}
