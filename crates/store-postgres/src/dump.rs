//! Everything, out and in again. REL-040.

use grantor_domain::document::Kind;
use grantor_store::record::{DocumentRecord, Record};
use grantor_store::{Change, Changed, DumpRow, DumpSource, StoreError};
use tokio::sync::mpsc::Sender;
use tokio_postgres::Row;

use crate::connection::{Connection, Pool};
use crate::fault::Fault;
use crate::step::{Step, step};
use crate::{
    attempts, audit, changes, column, documents, grants, groups, outbox, revocations, sessions,
    single_use, used,
};

/// One moment for all tables, and no limit to how long it takes to read them.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout TO 0; \
     SET LOCAL idle_in_transaction_session_timeout TO 0";

type Read = fn(&Row) -> Result<Record, StoreError>;

/// Streams everything as it is at one moment.
pub(crate) async fn dump(pool: &Pool, sink: &Sender<Vec<DumpRow>>) -> Result<(), StoreError> {
    let mut connection = pool.connection().await?;
    let result = stream(&mut connection, sink).await;
    match &result {
        Ok(()) => connection.leave().await,
        Err(fault) => connection.leave_after(fault).await,
    }
    result.map_err(Fault::into_error)
}

async fn stream(connection: &mut Connection, sink: &Sender<Vec<DumpRow>>) -> Result<(), Fault> {
    connection.begin_as(BEGIN).await?;
    for kind in Kind::ALL {
        let read = move |row: &Row| documents::read(row, kind).map(Record::from);
        table(connection, documents::dump(kind), read, sink).await?;
    }
    let tables: [(&str, Read); 11] = [
        (grants::DUMP, |row| Ok(Record::Grants(Box::new(grants::read(row)?)))),
        (sessions::DUMP, |row| Ok(Record::Sessions(Box::new(sessions::read(row)?)))),
        (single_use::DUMP, |row| Ok(Record::SingleUse(Box::new(single_use::read(row)?)))),
        (outbox::DUMP, |row| Ok(Record::Outbox(Box::new(outbox::read(row)?)))),
        (attempts::DUMP, |row| {
            let (tenant, account, attempts) = attempts::read_dumped(row)?;
            Ok(Record::Attempts { tenant, account, attempts })
        }),
        (used::DUMP, |row| {
            let (kind, value, until) = used::read(row)?;
            Ok(Record::Used { kind, value, until })
        }),
        (changes::DUMP, |row| Ok(Record::change(changes::read(row)?))),
        (revocations::DUMP, |row| {
            let (seq, revocation) = revocations::read(row)?;
            Ok(Record::Revocations { seq, revocation })
        }),
        (audit::DUMP, audit::read_dumped),
        (audit::DUMP_LINKS, audit::read_link),
        (audit::DUMP_CHECKPOINTS, |row| Ok(audit::read_checkpoint(row)?.into())),
    ];
    for (sql, read) in tables {
        table(connection, sql, read, sink).await?;
    }
    for (name, sql) in [("changes", changes::COUNTED), ("revocations", revocations::COUNTED)] {
        let rows = connection.run(&[step!(sql)]).await?;
        let last = rows[0].first().map_or(Ok(0), |row| column::get(row, "seq"))?;
        if last > 0 {
            send(sink, vec![Record::Sequence { name: name.to_owned(), last }.to_row()]).await?;
        }
    }
    Ok(())
}

async fn table(
    connection: &Connection,
    sql: &'static str,
    read: impl Fn(&Row) -> Result<Record, StoreError>,
    sink: &Sender<Vec<DumpRow>>,
) -> Result<(), Fault> {
    let mut cursor = connection.cursor(sql).await?;
    while let Some(rows) = cursor.next().await? {
        let records = rows.iter().map(|row| read(row).map(|record| record.to_row()));
        send(sink, records.collect::<Result<_, _>>()?).await?;
    }
    Ok(())
}

async fn send(sink: &Sender<Vec<DumpRow>>, rows: Vec<DumpRow>) -> Result<(), StoreError> {
    let gone = |_| StoreError::Unavailable("whoever asked for the dump went away".to_owned());
    sink.send(rows).await.map_err(gone)
}

/// Writes dumped rows into an empty database, in one transaction.
pub(crate) async fn load(pool: &Pool, source: DumpSource) -> Result<(), StoreError> {
    let mut connection = pool.connection().await?;
    let result = write(&mut connection, source).await;
    match result {
        Ok(last) => connection.commit(&last).await.map_err(Fault::into_error),
        Err(fault) => {
            connection.leave_after(&fault).await;
            Err(fault.into_error())
        }
    }
}

async fn write(connection: &mut Connection, mut source: DumpSource) -> Result<Vec<Step>, Fault> {
    connection
        .begin_as(
            "BEGIN; SET LOCAL statement_timeout TO 0; \
             SET LOCAL idle_in_transaction_session_timeout TO 0",
        )
        .await?;
    refuse_if_not_empty(connection).await?;
    let mut last = Vec::new();
    loop {
        let broken = || StoreError::Unavailable("the dump broke off".to_owned());
        let rows = source.recv().await.ok_or_else(broken)??;
        if rows.is_empty() {
            break;
        }
        let mut steps = Vec::with_capacity(rows.len());
        for row in rows {
            match Record::from_row(row)? {
                Record::Sequence { name, last: number } => last.push(count_on(&name, number)?),
                record => steps.extend(load_steps(record)?),
            }
        }
        connection.run(&steps).await?;
    }
    last.extend([step!(audit::LOAD_PENDING), step!(audit::COUNT_ON)]);
    last.extend([step!(changes::COUNT_ON, 0_i64), step!(revocations::COUNT_ON, 0_i64)]);
    Ok(last)
}

async fn refuse_if_not_empty(connection: &Connection) -> Result<(), Fault> {
    let mut steps: Vec<Step> =
        Kind::ALL.into_iter().map(|kind| step!(documents::any(kind))).collect();
    for sql in [sessions::ANY, single_use::ANY, outbox::ANY] {
        steps.push(step!(sql));
    }
    for sql in [grants::ANY, attempts::ANY, used::ANY, changes::ANY, revocations::ANY, audit::ANY] {
        steps.push(step!(sql));
    }
    for rows in connection.run(&steps).await? {
        if rows[0].try_get(0).map_err(Fault::from)? {
            return Err(StoreError::refused(NotEmpty).into());
        }
    }
    Ok(())
}

/// A dump is only loaded into an empty database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database is not empty: a dump is only loaded into an empty one")]
pub(crate) struct NotEmpty;

fn count_on(name: &str, number: i64) -> Result<Step, StoreError> {
    match name {
        "changes" => Ok(step!(changes::COUNT_ON, number)),
        "revocations" => Ok(step!(revocations::COUNT_ON, number)),
        other => Err(StoreError::Corrupt(format!("there is no sequence `{other}`"))),
    }
}

fn load_steps(record: Record) -> Result<Vec<Step>, StoreError> {
    Ok(match record {
        Record::Document(record) => load_document(record)?,
        Record::Grants(grant) => vec![grants::open(*grant)],
        Record::Sessions(session) => vec![sessions::put(*session)],
        Record::SingleUse(value) => vec![single_use::open(*value)],
        Record::Outbox(notice) => vec![outbox::put(&notice)],
        Record::Attempts { tenant, account, attempts } => {
            vec![attempts::set(&tenant, &account, attempts)]
        }
        Record::Used { kind, value, until } => vec![used::load(kind, value, until)],
        Record::Changes { seq, tenant, kind, id, parent } => {
            let what = match (kind, id) {
                (Some(kind), Some(id)) => Changed::Document(kind, id, parent),
                _ => Changed::Revocations,
            };
            vec![changes::load(Change { seq, tenant, what })]
        }
        Record::Revocations { seq, revocation } => vec![revocations::load(seq, &revocation)],
        Record::Audit(record) => vec![audit::load(record)?],
        Record::AuditLink { link, seq, previous, hash } => {
            vec![audit::load_link(link, seq, previous, hash)]
        }
        Record::Checkpoints { link, hash, signed } => {
            vec![audit::add_checkpoint(grantor_store::Checkpoint { link, hash, signed })]
        }
        Record::Sequence { .. } => Vec::new(),
    })
}

fn load_document(record: DocumentRecord) -> Result<Vec<Step>, StoreError> {
    let stored = grantor_domain::document::StoredDocument::from(record);
    let index = if stored.kind == Kind::Group { Some(groups::index(&stored)?) } else { None };
    Ok(std::iter::once(documents::load(stored)).chain(index.into_iter().flatten()).collect())
}
