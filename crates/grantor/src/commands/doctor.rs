//! `grantor doctor`: one line for each thing that must be right, and what to do where it is not.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use grantor_crypto::seal::Keyring;
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_store::Store;
use grantor_store_sqlite::SqliteStore;

use super::host::HostArgs;
use crate::chain::{self, ChainCheck};
use crate::config::{Config, Database, MasterKeySource};
use crate::{keys, node, out, private};

/// Look for what is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing is changed, and the server may run. Exit code 1 if something is wrong.

Examples:
  grantor doctor --config /etc/grantor/grantor.toml")]
pub(crate) struct Args {
    #[command(flatten)]
    host: HostArgs,
}

/// What was found, line by line.
#[derive(Debug, Default)]
struct Findings {
    text: String,
    wrong: bool,
}

impl Findings {
    /// Notes a result; gives back what was found if it is right.
    fn note<T>(&mut self, what: &str, found: anyhow::Result<(String, T)>, todo: &str) -> Option<T> {
        match found {
            Ok((detail, value)) => {
                let _ = writeln!(self.text, "ok  {what}: {detail}");
                Some(value)
            }
            Err(error) => {
                self.wrong = true;
                let _ = writeln!(self.text, "!!  {what}: {error:#}\n    → {todo}");
                None
            }
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    examine(args.host, &mut findings).await;
    out::verdict(&findings.text, findings.wrong)
}

async fn examine(host: HostArgs, findings: &mut Findings) {
    let read =
        host.read().map(|config| (format!("{} on {}", config.issuer, config.listen), config));
    let todo = "`grantor config reference` lists every key";
    let Some(config) = findings.note("configuration", read, todo) else { return };
    findings.note("files", modes(&config), "chmod 600 the file: it is for the server alone");
    let ring = node::existing_keyring(&config).map(|ring| (format!("{ring:?}"), ring));
    let todo = "put back the file, or its copy; without it nothing that is sealed can be used";
    let ring = findings.note("master key", ring, todo);
    let store = node::open_to_read(&config.database).await;
    let store = store.map(|store| ("reachable, and its schema is known".to_owned(), store));
    let todo = "start the server once, or `grantor migrate`; see that the database is up";
    let Some(store) = findings.note("database", store, todo) else { return };
    let todo =
        "stop the server, keep this file, and restore the last backup into an empty database";
    findings.note("integrity", integrity(&config.database), todo);
    findings.note("clock", clock(&*store).await, "synchronise the clock of this host (NTP)");
    if let Some(ring) = &ring {
        let todo = "name the older master key in keys.older_master_key_files";
        findings.note("signing keys", signing_keys(&*store, ring).await, todo);
    }
    let todo =
        "somebody changed the log: keep this database, and compare it with exports and backups";
    findings.note("audit chain", audit(&config, &*store, ring.as_ref()).await, todo);
}

/// SEC-094, SEC-169: what holds secrets is for nobody else.
fn modes(config: &Config) -> anyhow::Result<(String, ())> {
    let mut files = config.older_master_keys.clone();
    match &config.master_key {
        MasterKeySource::File(path) | MasterKeySource::BesideDatabase(path) => {
            files.push(path.clone());
        }
        MasterKeySource::Environment => {}
    }
    let mut looked = 0;
    for file in files.iter().filter(|file| file.exists()) {
        private::check("the master key", file, private::OWNER)?;
        looked += 1;
    }
    let tls = config.tls.iter().chain(config.mutual_tls.iter().map(|mutual| &mutual.tls));
    for file in tls.map(|tls| &tls.key).filter(|file| file.exists()) {
        private::check("tls_key", file, private::GROUP)?;
        looked += 1;
    }
    if let Database::Sqlite { path, .. } = &config.database
        && path.exists()
    {
        // It holds no secret in the clear, but names and addresses of people.
        private::check("the database", path, private::GROUP)?;
        looked += 1;
    }
    Ok((format!("{looked} with proper modes"), ()))
}

/// REL-007: an embedded database is looked through everywhere.
fn integrity(database: &Database) -> anyhow::Result<(String, ())> {
    let Database::Sqlite { path, .. } = database else {
        return Ok(("PostgreSQL looks after its own".to_owned(), ()));
    };
    SqliteStore::inspect(path)?;
    Ok(("every page and index was looked at".to_owned(), ()))
}

/// REL-024: what is recorded cannot be of the future.
async fn clock(store: &dyn Store) -> anyhow::Result<(String, ())> {
    let now = SystemClock.now();
    if let Some(theirs) = store.clock().await? {
        let off = (now.as_second() - theirs.as_second()).abs();
        if off > 30 {
            bail!("it is {now} here and {theirs} at the database");
        }
    }
    for tenant in keys::tenants(store).await? {
        for key in keys::records(store, &tenant.name).await? {
            let ahead = key.created.as_second() - now.as_second();
            if ahead > 60 {
                bail!("the signing key {} was made {ahead} s in the future", key.kid);
            }
        }
    }
    Ok((now.to_string(), ()))
}

async fn signing_keys(store: &dyn Store, ring: &Keyring) -> anyhow::Result<(String, ())> {
    let (now, mut opened, mut older) = (SystemClock.now(), 0, 0);
    for tenant in keys::tenants(store).await? {
        let records = keys::records(store, &tenant.name).await?;
        for record in records.iter().filter(|record| record.withdrawn.is_none()) {
            keys::open(record, ring)?;
            older += usize::from(ring.needs_rewrap(&keys::sealed(record)?));
            opened += 1;
        }
        if tenant.enabled && !records.iter().any(|record| record.may_sign(now)) {
            return Err(anyhow!("tenant {} has no key that signs now", tenant.name));
        }
    }
    let older = match older {
        0 => String::new(),
        count => format!(", {count} under an older master key (`grantor keys rewrap`)"),
    };
    Ok((format!("{opened} open{older}"), ()))
}

async fn audit(
    config: &Config,
    store: &dyn Store,
    ring: Option<&Keyring>,
) -> anyhow::Result<(String, ())> {
    let keys = match ring {
        Some(ring) => Some(keys::verifying(store, config, ring).await?),
        None => None,
    };
    let mut check = ChainCheck::new(keys, std::collections::BTreeMap::new());
    chain::walk(store, 0, &mut |piece| check.take(&piece)).await?;
    let report = check.finish()?;
    Ok((format!("{} links hold, {} signatures verify", report.links, report.verified), ()))
}
