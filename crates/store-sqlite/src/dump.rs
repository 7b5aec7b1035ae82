//! Everything out, at one moment; and in again, into an empty database (REL-040).

use grantor_domain::document::Kind;
use grantor_store::record::Record;
use grantor_store::{Change, Changed, Checkpoint, DumpRow, DumpSource, StoreError};
use rusqlite::Connection;
use tokio::sync::mpsc::Sender;

use crate::fault::Fault;
use crate::{
    attempts, audit, changes, documents, grants, outbox, revocations, sessions, single_use, used,
};

/// How many rows travel together.
const CHUNK: usize = 500;

const SEQUENCES: &str = "SELECT name, seq FROM sqlite_sequence ORDER BY name";

const SET_SEQUENCE: &str = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";

const ADD_SEQUENCE: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 3] = [SEQUENCES, SET_SEQUENCE, ADD_SEQUENCE];

/// Sends everything there is at this moment.
pub(crate) fn dump(db: &Connection, sink: &Sender<Vec<DumpRow>>) -> Result<(), Fault> {
    // One read transaction is one snapshot.
    let snapshot = db.unchecked_transaction()?;
    let mut chunks = Chunks { sink, rows: Vec::with_capacity(CHUNK) };
    for kind in Kind::ALL {
        documents::each(db, kind, |stored| chunks.add(&stored.into()))?;
    }
    grants::each(db, |grant| chunks.add(&Record::Grants(Box::new(grant))))?;
    sessions::each(db, |session| chunks.add(&Record::Sessions(Box::new(session))))?;
    single_use::each(db, |value| chunks.add(&Record::SingleUse(Box::new(value))))?;
    outbox::each(db, |notice| chunks.add(&Record::Outbox(Box::new(notice))))?;
    attempts::each(db, |tenant, account, attempts| {
        chunks.add(&Record::Attempts { tenant, account, attempts })
    })?;
    used::each(db, |kind, value, until| chunks.add(&Record::Used { kind, value, until }))?;
    each_change(db, |change| chunks.add(&Record::change(change)))?;
    revocations::each(db, |seq, revocation| chunks.add(&Record::Revocations { seq, revocation }))?;
    audit::each(db, |record| chunks.add(&Record::Audit(record)))?;
    audit::each_link(db, |link| {
        let audit::Link { place: link, seq, previous, hash } = link;
        chunks.add(&Record::AuditLink { link, seq, previous, hash })
    })?;
    for checkpoint in audit::checkpoints(db, 0, usize::MAX)? {
        chunks.add(&checkpoint.into())?;
    }
    for (name, last) in sequences(db)? {
        chunks.add(&Record::Sequence { name, last })?;
    }
    chunks.send()?;
    snapshot.finish()?;
    Ok(())
}

fn each_change(
    db: &Connection,
    mut take: impl FnMut(Change) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut last = 0;
    loop {
        let page = changes::after(db, last, CHUNK)?;
        let Some(end) = page.last() else { return Ok(()) };
        last = end.seq;
        page.into_iter().try_for_each(&mut take)?;
    }
}

fn sequences(db: &Connection) -> Result<Vec<(String, i64)>, Fault> {
    let mut statement = db.prepare(SEQUENCES)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

struct Chunks<'a> {
    sink: &'a Sender<Vec<DumpRow>>,
    rows: Vec<DumpRow>,
}

impl Chunks<'_> {
    fn add(&mut self, record: &Record) -> Result<(), Fault> {
        self.rows.push(record.to_row());
        if self.rows.len() == CHUNK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Fault> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(CHUNK));
        self.sink.blocking_send(rows).map_err(|_| {
            Fault::Store(StoreError::Unavailable("nobody takes the dump any more".to_owned()))
        })
    }
}

/// Writes a dump into an empty database.
pub(crate) fn load(db: &Connection, mut source: DumpSource) -> Result<(), Fault> {
    if !is_empty(db)? {
        return Err(StoreError::refused(NotEmpty).into());
    }
    loop {
        let broken = || StoreError::Unavailable("the dump broke off".to_owned());
        let rows = source.blocking_recv().ok_or_else(broken)??;
        if rows.is_empty() {
            return Ok(());
        }
        rows.into_iter().try_for_each(|row| load_record(db, Record::from_row(row)?))?;
    }
}

/// A dump is loaded into an empty database only.
#[derive(Debug, thiserror::Error)]
#[error("the database is not empty")]
struct NotEmpty;

fn is_empty(db: &Connection) -> Result<bool, Fault> {
    let mut statement = db.prepare(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'refinery_schema_history'",
    )?;
    let tables = statement.query_map([], |row| row.get::<_, String>(0))?;
    for table in tables {
        // The name is from the schema, not from anybody outside.
        if db.prepare(&format!("SELECT 1 FROM \"{}\" LIMIT 1", table?))?.exists([])? {
            return Ok(false);
        }
    }
    Ok(sequences(db)?.iter().all(|(_, last)| *last == 0))
}

fn load_record(db: &Connection, record: Record) -> Result<(), Fault> {
    match record {
        Record::Document(document) => documents::load(db, &document.into()),
        Record::Grants(grant) => grants::open(db, &grant),
        Record::Sessions(session) => sessions::put(db, &session),
        Record::SingleUse(value) => single_use::open(db, &value),
        Record::Outbox(notice) => outbox::put(db, &notice),
        Record::Attempts { tenant, account, attempts } => {
            attempts::set(db, &tenant, &account, attempts)
        }
        Record::Used { kind, value, until } => used::load(db, &kind, &value, until),
        Record::Changes { seq, tenant, kind, id, parent } => {
            let what = match (kind, id) {
                (Some(kind), Some(id)) => Changed::Document(kind, id, parent),
                _ => Changed::Revocations,
            };
            changes::load(db, &Change { seq, tenant, what })
        }
        Record::Revocations { seq, revocation } => revocations::load(db, seq, &revocation),
        Record::Audit(record) => audit::load(db, record),
        Record::AuditLink { link, seq, previous, hash } => {
            audit::load_link(db, &audit::Link { place: link, seq, previous, hash })
        }
        Record::Checkpoints { link, hash, signed } => {
            audit::add_checkpoint(db, &Checkpoint { link, hash, signed })
        }
        Record::Sequence { name, last } => {
            if db.execute(SET_SEQUENCE, rusqlite::params![name, last])? == 0 {
                db.execute(ADD_SEQUENCE, rusqlite::params![name, last])?;
            }
            Ok(())
        }
    }
}
