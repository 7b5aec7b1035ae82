//! Audit rows, their chain and its checkpoints.

use grantor_domain::audit::AuditEvent;
use grantor_oauth_types::id::{DecisionId, Id};
use grantor_oauth_types::name::TenantName;
use grantor_store::audit::{AuditEntry, find_event};
use grantor_store::record::AuditRecord;
use grantor_store::{
    AuditQuery, AuditRow, CHAIN_START, Checkpoint, CheckpointSigner, PersonQuery, link_hash,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::column::{Checksum, Columns};
use crate::fault::Fault;
use crate::rows;

const APPEND: &str = "
    INSERT INTO audit (tenant, first, last, kind, body, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

macro_rules! filter {
    () => {
        "(?2 IS NULL OR a.tenant = ?2) AND (?3 IS NULL OR a.kind = ?3)
         AND (?4 IS NULL OR a.last >= ?4)"
    };
}

const PAGE: &str = concat!(
    "SELECT a.seq, l.link, l.previous, l.hash, a.body, a.checksum
     FROM audit a LEFT JOIN audit_link l ON l.seq = a.seq
     WHERE a.seq > ?1 AND ",
    filter!(),
    " ORDER BY a.seq LIMIT ?5"
);

const CHAIN: &str = concat!(
    "SELECT a.seq, l.link, l.previous, l.hash, a.body, a.checksum
     FROM audit_link l CROSS JOIN audit a ON a.seq = l.seq
     WHERE l.link > ?1 AND ",
    filter!(),
    " ORDER BY l.link LIMIT ?5"
);

const SINGLE: &str = "
    SELECT body, checksum FROM audit WHERE tenant = ?1 AND first = ?2 AND first = last";

// A row reaches over no more than a bounded time, so the search ends there too.
const BATCHES: &str = "
    SELECT body, checksum FROM audit
    WHERE tenant = ?1 AND first <= ?2 AND first >= ?3 AND last >= ?2 AND first <> last
    ORDER BY first DESC";

// Most rows are in no person's log, so the way is from that to the rows.
const OF_PERSON: &str = "
    SELECT a.seq, a.body, a.checksum FROM audit_person p CROSS JOIN audit a ON a.seq = p.seq
    WHERE p.tenant = ?1 AND p.person = ?2 AND p.seq < ?3 ORDER BY p.seq DESC LIMIT ?4";

const ADD_PERSON: &str = "INSERT INTO audit_person (tenant, person, seq) VALUES (?1, ?2, ?3)";

const HEAD: &str = "SELECT link, seq, hash FROM audit_link ORDER BY link DESC LIMIT 1";

// Rows get their numbers in the order of commits, and links in the order of numbers.
const UNLINKED: &str = "SELECT seq, body FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";

const LINK: &str = "INSERT INTO audit_link (link, seq, previous, hash) VALUES (?1, ?2, ?3, ?4)";

const CHECKPOINT: &str = "INSERT INTO checkpoints (link, hash, signed) VALUES (?1, ?2, ?3)";

const CHECKPOINTS: &str =
    "SELECT link, hash, signed FROM checkpoints WHERE link > ?1 ORDER BY link LIMIT ?2";

const DUMP: &str = "SELECT seq, tenant, first, last, kind, body FROM audit ORDER BY seq";

const DUMP_LINKS: &str = "SELECT link, seq, previous, hash FROM audit_link ORDER BY link";

const LOAD: &str = "
    INSERT INTO audit (seq, tenant, first, last, kind, body, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// What must be found through which index, however the tables grow.
#[cfg(test)]
pub(crate) const PLANS: [(&str, &str); 3] = [
    (OF_PERSON, "SEARCH p USING PRIMARY KEY (tenant=? AND person=? AND seq<?)"),
    (SINGLE, "audit_single (tenant=? AND first=?)"),
    (BATCHES, "audit_batch (tenant=? AND first>? AND first<?)"),
];

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 15] = [
    OF_PERSON,
    ADD_PERSON,
    APPEND,
    PAGE,
    CHAIN,
    SINGLE,
    BATCHES,
    HEAD,
    UNLINKED,
    LINK,
    CHECKPOINT,
    CHECKPOINTS,
    DUMP,
    DUMP_LINKS,
    LOAD,
];

/// Remembers a row.
pub(crate) fn append(db: &Connection, entry: &AuditEntry) -> Result<(), Fault> {
    let AuditEntry { tenant, first, last, kind, body, persons } = entry;
    let values = params![tenant.as_str(), first.bytes(), last.bytes(), kind, body, checksum(body)];
    db.prepare_cached(APPEND)?.execute(values)?;
    if persons.is_empty() { Ok(()) } else { add_persons(db, entry, db.last_insert_rowid()) }
}

fn add_persons(db: &Connection, entry: &AuditEntry, seq: i64) -> Result<(), Fault> {
    let mut statement = db.prepare_cached(ADD_PERSON)?;
    for person in &entry.persons {
        statement.execute(params![entry.tenant.as_str(), person.bytes(), seq])?;
    }
    Ok(())
}

/// Lists rows of a person's own log, newest first.
pub(crate) fn page_of(db: &Connection, query: &PersonQuery) -> Result<Vec<AuditRow>, Fault> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let before = query.before.unwrap_or(i64::MAX);
    let values = params![query.tenant.as_str(), query.user.bytes(), before, limit];
    rows::list(db, OF_PERSON, values, |row| {
        let mut columns = Columns::of(row);
        let (seq, body): (i64, String) = (columns.get("seq")?, columns.get("body")?);
        columns.verify(checksum(&body), &format!("audit row {seq}"))?;
        Ok(AuditRow { seq, link: None, previous: None, hash: None, body })
    })
}

/// Lists rows.
pub(crate) fn page(db: &Connection, query: &AuditQuery) -> Result<Vec<AuditRow>, Fault> {
    let values = params![
        query.after,
        query.tenant.as_ref().map(TenantName::as_str),
        query.kind,
        query.since.map(Id::bytes),
        i64::try_from(query.limit).unwrap_or(i64::MAX),
    ];
    rows::list(db, if query.chain { CHAIN } else { PAGE }, values, |row| {
        let mut columns = Columns::of(row);
        let listed = AuditRow {
            seq: columns.get("seq")?,
            link: columns.get("link")?,
            previous: columns.get("previous")?,
            hash: columns.get("hash")?,
            body: columns.get("body")?,
        };
        // Whoever walks the chain finds what is wrong, and wants to see it.
        if !query.chain {
            columns.verify(checksum(&listed.body), &format!("audit row {}", listed.seq))?;
        }
        Ok(listed)
    })
}

/// Finds the event with an id, alone or inside a batch.
pub(crate) fn decision(
    db: &Connection,
    tenant: &TenantName,
    id: DecisionId,
) -> Result<Option<AuditEvent>, Fault> {
    let mut single = db.prepare_cached(SINGLE)?;
    let mut rows = single.query(params![tenant.as_str(), id.bytes()])?;
    if let Some(event) = first_event(&mut rows, id)? {
        return Ok(Some(event));
    }
    let mut batches = db.prepare_cached(BATCHES)?;
    let earliest = AuditEntry::earliest_first(id).bytes();
    let mut rows = batches.query(params![tenant.as_str(), id.bytes(), earliest])?;
    first_event(&mut rows, id)
}

fn first_event(rows: &mut rusqlite::Rows<'_>, id: DecisionId) -> Result<Option<AuditEvent>, Fault> {
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        let body = columns.text("body")?;
        columns.verify(checksum(body), "an audit row")?;
        if let Some(event) = find_event(body, id)? {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// Links rows to the end of the chain and signs its new head.
pub(crate) fn link(db: &Connection, limit: usize, sign: &CheckpointSigner) -> Result<usize, Fault> {
    let head = db
        .prepare_cached(HEAD)?
        .query_row([], |row| Ok((row.get("link")?, row.get("seq")?, row.get("hash")?)));
    let (mut link, last_seq, mut hash) = head.optional()?.unwrap_or((0_i64, 0_i64, CHAIN_START));
    let mut unlinked = db.prepare_cached(UNLINKED)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = unlinked.query([last_seq, limit])?;
    let mut linked = 0;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get("seq")?;
        let body = row.get_ref("body")?.as_str().map_err(|_| crate::fault::corrupt("body"))?;
        let previous = hash;
        hash = link_hash(&previous, body);
        link += 1;
        linked += 1;
        db.prepare_cached(LINK)?.execute(params![link, seq, previous, hash])?;
    }
    if linked > 0 {
        let checkpoint = Checkpoint { link, hash, signed: sign(link, &hash) };
        add_checkpoint(db, &checkpoint)?;
    }
    Ok(linked)
}

/// Adds a checkpoint.
pub(crate) fn add_checkpoint(db: &Connection, checkpoint: &Checkpoint) -> Result<(), Fault> {
    let Checkpoint { link, hash, signed } = checkpoint;
    db.prepare_cached(CHECKPOINT)?.execute(params![link, hash, signed])?;
    Ok(())
}

/// The checkpoints behind a link.
pub(crate) fn checkpoints(
    db: &Connection,
    after: i64,
    limit: usize,
) -> Result<Vec<Checkpoint>, Fault> {
    let mut statement = db.prepare_cached(CHECKPOINTS)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map([after, limit], |row| {
        Ok(Checkpoint { link: row.get(0)?, hash: row.get(1)?, signed: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Hands out every row.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(AuditRecord) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| take(read(row)?))
}

fn read(row: &Row<'_>) -> Result<AuditRecord, Fault> {
    let mut columns = Columns::of(row);
    Ok(AuditRecord {
        seq: columns.get("seq")?,
        tenant: columns.tenant()?,
        first: columns.id("first")?,
        last: columns.id("last")?,
        kind: columns.get("kind")?,
        body: columns.get("body")?,
    })
}

fn checksum(body: &str) -> [u8; 8] {
    Checksum::default().text(body).finish()
}

/// A link of the chain, as it is kept.
pub(crate) struct Link {
    pub(crate) place: i64,
    pub(crate) seq: i64,
    pub(crate) previous: [u8; 32],
    pub(crate) hash: [u8; 32],
}

/// Hands out every link.
pub(crate) fn each_link(
    db: &Connection,
    mut take: impl FnMut(Link) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP_LINKS, |row| {
        let (place, seq) = (row.get("link")?, row.get("seq")?);
        take(Link { place, seq, previous: row.get("previous")?, hash: row.get("hash")? })
    })
}

/// Writes a row as it was dumped.
pub(crate) fn load(db: &Connection, record: AuditRecord) -> Result<(), Fault> {
    let (seq, entry) = record.into_entry()?;
    let AuditEntry { tenant, first, last, kind, body, .. } = &entry;
    let (first, last) = (first.bytes(), last.bytes());
    let values = params![seq, tenant.as_str(), first, last, kind, body, checksum(body)];
    db.prepare_cached(LOAD)?.execute(values)?;
    add_persons(db, &entry, seq)
}

/// Writes a link as it was dumped.
pub(crate) fn load_link(db: &Connection, link: &Link) -> Result<(), Fault> {
    let Link { place, seq, previous, hash } = link;
    db.prepare_cached(LINK)?.execute(params![place, seq, previous, hash])?;
    Ok(())
}
