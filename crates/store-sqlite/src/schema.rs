//! Opening the file: whose it is, whether it is sound, and whether we know its schema.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use grantor_domain::document::Kind;
use grantor_store::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use crate::Synchronous;
use crate::fault::Fault;
use crate::reader::STATEMENTS;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Up to this size a file is checked whole, indexes too, before it is used; that takes a twentieth of a
/// second. A larger one is looked through while it is in use.
const WHOLE_CHECK_BYTES: u64 = 16 << 20;

/// What was looked at before a file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Everything
    Whole,
    /// The tables that decide
    InPart,
}

/// The cache of the writer, in KiB (negative, as SQLite wants it): the upper levels of the indexes of
/// ten million grants. What else is used often is in the cache of the operating system.
const CACHE_KIB: i64 = -8_192;

/// The log file is cut back to this when it starts over.
const LOG_BYTES: i64 = 64 << 20;

/// Makes this process the only one that uses the file, until the lock is dropped (REL-006).
pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let unavailable =
        |e: &dyn std::fmt::Display| StoreError::Unavailable(format!("{}: {e}", path.display()));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(beside);
    let file = file.map_err(|e| unavailable(&e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unavailable(
            &"another process uses this database; stop it first, or give this one a file of its own",
        )),
        Err(TryLockError::Error(e)) => Err(unavailable(&e)),
    }
}

/// The one name of the file, so that two ways to spell it meet at one lock.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// Opens for writing; checks, then brings the schema up to what we know.
pub(crate) fn open(path: &Path, synchronous: Synchronous) -> Result<(Connection, Checked), Fault> {
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    if bytes > 0 {
        check_version_unwritten(path)?;
    } else {
        make_private(path)?;
    }
    let mut db = Connection::open(path)?;
    refuse_newer(&db)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.busy_timeout(std::time::Duration::from_millis(200))?;
    let checked = if bytes > 0 { check(&db, bytes)? } else { Checked::Whole };
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let reason = format!("SQLite keeps its log as '{mode}' here, not as 'wal'");
        return Err(StoreError::Unavailable(reason).into());
    }
    db.pragma_update(None, "synchronous", synchronous.as_str())?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", CACHE_KIB)?;
    db.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    // In one transaction: else a step and the note that it was made are two, and a kill between them
    // leaves a file that no start can bring up to date (REL-031).
    let migrated = embedded::migrations::runner().set_grouped(true).run(&mut db);
    migrated.map_err(|e| StoreError::Unavailable(format!("the schema: {e}")))?;
    Ok((db, checked))
}

/// Makes the file for the eyes of the server alone; its log gets the same mode.
fn make_private(path: &Path) -> Result<(), Fault> {
    let made = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let cannot = |e| StoreError::Unavailable(format!("{}: {e}", path.display()));
    made.map(drop).map_err(|e| cannot(e).into())
}

/// The newest schema that this program knows.
pub(crate) fn known_version() -> i64 {
    let migrations = embedded::migrations::runner();
    let versions = migrations.get_migrations().iter().map(|step| i64::from(step.version()));
    versions.max().unwrap_or(0)
}

/// Looks at the version through a connection that cannot write.
fn check_version_unwritten(path: &Path) -> Result<(), Fault> {
    match refuse_newer(&open_unwritten(path)?) {
        // Something was interrupted while the log was not yet in use, in the very first moments
        // of the file. Opening it for writing undoes that first.
        Err(Fault::Sql(error)) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => Ok(()),
        outcome => outcome,
    }
}

pub(crate) fn open_unwritten(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// An older program never writes into a newer schema (REL-030).
fn refuse_newer(db: &Connection) -> Result<(), Fault> {
    let (found, known) = (found_version(db)?, known_version());
    if found > known {
        let reason = format!("its schema has version {found}, this program knows up to {known}");
        return Err(StoreError::Unavailable(reason).into());
    }
    Ok(())
}

/// For a program that reads and does not migrate: the schema must be the one it knows.
pub(crate) fn check_known(path: &Path) -> Result<(), Fault> {
    let db = open_unwritten(path)?;
    refuse_newer(&db)?;
    let (found, known) = (found_version(&db)?, known_version());
    if found < known {
        let reason = format!("its schema has version {found}, this program needs {known}");
        return Err(StoreError::Unavailable(reason).into());
    }
    Ok(())
}

/// The version of the schema; 0 without one.
fn found_version(db: &Connection) -> Result<i64, Fault> {
    let history = "SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history'";
    if db.query_row(history, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    Ok(db.query_row(newest, [], |row| row.get(0))?)
}

/// Looks for damage (REL-007): everywhere in a small file, in the tables that decide in a large
/// one. What this does not see, the checksum of a row does when it is read.
fn check(db: &Connection, bytes: u64) -> Result<Checked, Fault> {
    if bytes <= WHOLE_CHECK_BYTES {
        check_with(db, EVERYWHERE)?;
        return Ok(Checked::Whole);
    }
    for kind in Kind::ALL {
        if kind != Kind::User && kind != Kind::Consent {
            check_with(db, &format!("PRAGMA quick_check('{}')", kind.as_str()))?;
        }
    }
    Ok(Checked::InPart)
}

/// Looks at everything, indexes too, and stops at the first that is wrong.
const EVERYWHERE: &str = "PRAGMA integrity_check(1)";

/// Looks through the whole file.
pub(crate) fn check_everywhere(db: &Connection) -> Result<(), Fault> {
    check_with(db, EVERYWHERE)
}

fn check_with(db: &Connection, pragma: &str) -> Result<(), Fault> {
    let said: String = db.query_row(pragma, [], |row| row.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("{said}; restore a backup")).into())
}
