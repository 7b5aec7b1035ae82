//! `grantor restore`: a backup into an empty database. REL-040, REL-041.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use grantor_crypto::seal::Keyring;
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_oauth_types::name::TenantName;
use grantor_server::app::new_id;
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_server::jobs::KeyDesk;
use grantor_server::jobs::withdraw::not_before_now;
use grantor_server::secrets::Secrets;
use grantor_store::{DumpRow, Effects, Store, StoreError, operations};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;

use super::host::{HostArgs, print};
use crate::archive::Reader;
use crate::config::Config;
use crate::failure::Hint as _;
use crate::{keys, node};

/// Between two lines of progress lie this many rows.
const TELL_EVERY: u64 = 100_000;

/// Read a backup into an empty database.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A backup knows nothing of what was ended after it was made. So, unless --keep-sessions says otherwise,
everything that was issued before this moment is ended: every grant with its refresh token, every
access token. Signing keys that were withdrawn since are named with --withdrawn.

Examples:
  grantor restore grantor-2026-11-21.backup --check
  grantor restore grantor-2026-11-21.backup --database sqlite:/var/lib/grantor/grantor.db
  grantor restore grantor-2026-11-21.backup --withdrawn 3f0c… --withdrawn 91ab…")]
pub(crate) struct Args {
    /// The backup
    file: PathBuf,

    #[command(flatten)]
    host: HostArgs,

    /// Only see whether the file is whole and the master key opens it
    #[arg(long)]
    check: bool,

    /// Keep grants and tokens alive although some may have been ended after the backup
    #[arg(long)]
    keep_sessions: bool,

    /// A signing key that was withdrawn after the backup
    #[arg(long, value_name = "KID")]
    withdrawn: Vec<String>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.host.read()?;
    let keyring = node::existing_keyring(&config)?;
    let open = || -> anyhow::Result<Reader<File>> {
        let file = File::open(&args.file);
        let file = file.with_context(|| format!("cannot read {}", args.file.display()))?;
        Reader::new(file, &keyring)
    };
    if args.check {
        let mut reader = open()?;
        while reader.next()?.is_some() {}
        print(&format!("ok: {} rows of {}\n", reader.rows(), reader.head.made))?;
        return Ok(ExitCode::SUCCESS);
    }
    let reader = open()?;
    let made = reader.head.made;
    let store = node::open_store(&config.database).await?;
    let rows = load(&*store, reader).await?;
    let now = SystemClock.now();
    let tenants = keys::tenants(&*store).await?;
    let detail = json!({ "made": made, "rows": rows, "sessions_kept": args.keep_sessions });
    for tenant in &tenants {
        let mut effects = Effects::NONE.audit(restored(&tenant.name, now, detail.clone()));
        if !args.keep_sessions {
            effects.0.extend(not_before_now(&tenant.name, now).0);
        }
        operations::write(&*store, effects).await?;
    }
    withdraw(&config, keyring.clone(), &store, &args.withdrawn, now).await?;
    let ended = if args.keep_sessions {
        "sessions and tokens live on, those too that were ended after the backup"
    } else {
        "whatever was issued before now has ended"
    };
    print(&format!("restored {rows} rows of {made}; {ended}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Everything or nothing: a file that proves not to be whole at its end has changed nothing.
async fn load(store: &dyn Store, reader: Reader<File>) -> anyhow::Result<u64> {
    let (sink, source) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || read(reader, &sink));
    let loaded = store.load(source).await;
    // Why the file was not whole says more than that the source broke off.
    let rows = match reading.await? {
        Err(error) if !error.is::<Unwanted>() => return Err(error),
        read => read,
    };
    match loaded {
        Ok(()) => rows,
        Err(StoreError::Refused(why)) => Err(anyhow!("{why}"))
            .hint("restore into a new file or database, and point the server to that"),
        Err(error) => Err(error.into()),
    }
}

/// The store takes no more rows; it says why itself.
#[derive(Debug, thiserror::Error)]
#[error("the database takes no more rows")]
struct Unwanted;

#[expect(clippy::print_stderr, reason = "progress, for the person at the terminal")]
fn read(
    mut reader: Reader<File>,
    sink: &mpsc::Sender<Result<Vec<DumpRow>, StoreError>>,
) -> anyhow::Result<u64> {
    let mut told = 0;
    // An empty piece would pass for the end.
    while let Some(rows) = reader.next()? {
        if !rows.is_empty() {
            sink.blocking_send(Ok(rows)).map_err(|_| Unwanted)?;
        }
        if reader.rows() / TELL_EVERY > told {
            told = reader.rows() / TELL_EVERY;
            eprintln!("{} rows …", reader.rows());
        }
    }
    sink.blocking_send(Ok(Vec::new())).map_err(|_| Unwanted)?;
    Ok(reader.rows())
}

fn restored(tenant: &TenantName, now: Timestamp, detail: serde_json::Value) -> AuditEvent {
    AuditEvent {
        id: new_id(now),
        tenant: tenant.clone(),
        at: now,
        kind: "backup.restored".to_owned(),
        outcome: AuditOutcome::Done,
        actor: "operator".to_owned(),
        subject: None,
        address: None,
        detail,
    }
}

async fn withdraw(
    config: &Config,
    keyring: Keyring,
    store: &Arc<dyn Store>,
    kids: &[String],
    now: Timestamp,
) -> anyhow::Result<()> {
    if kids.is_empty() {
        return Ok(());
    }
    let tenant = &config.settings.default_tenant;
    let secrets = Arc::new(Secrets::open(keyring, &**store, tenant, now).await?);
    let desk = KeyDesk { store: &**store, secrets: &secrets, actor: "operator", now };
    for kid in kids {
        let mut known = false;
        for tenant in keys::tenants(&**store).await? {
            if keys::records(&**store, &tenant.name).await?.iter().any(|key| key.kid == *kid) {
                desk.withdraw(&tenant.name, kid, false).await?;
                known = true;
            }
        }
        if !known {
            tracing::warn!(kid, "no such key in the backup: it was made later, and is gone");
        }
    }
    Ok(())
}
