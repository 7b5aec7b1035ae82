//! Audit rows, their chain and its checkpoints.
//!
//! A row is added in the transaction of what it tells of and never changed. Linking is for later,
//! one node at a time: rows get their number before they are committed, so one with a smaller
//! number can appear after one with a larger one was linked; it is linked next time. The order of
//! the chain is the order of linking.

use grantor_domain::audit::AuditEvent;
use grantor_oauth_types::id::{DecisionId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_store::audit::{AuditEntry, find_event};
use grantor_store::record::{AuditRecord, Record};
use grantor_store::{
    AuditQuery, AuditRow, CHAIN_START, Checkpoint, PersonQuery, StoreError, link_hash,
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::column::{self, get};
use crate::step::{Step, step};

const APPEND: &str = "
    WITH added AS (
        INSERT INTO audit (tenant, first, last, kind, body) VALUES ($1, $2, $3, $4, $5)
        RETURNING seq
    ), told AS (
        INSERT INTO audit_person (tenant, person, seq)
        SELECT $1::text, person, seq FROM added, unnest($6::uuid[]) AS person
    )
    INSERT INTO audit_pending SELECT seq FROM added";

const OF_PERSON: &str = "
    SELECT a.seq, a.body FROM audit_person p JOIN audit a ON a.seq = p.seq
    WHERE p.tenant = $1 AND p.person = $2 AND p.seq < $3 ORDER BY p.seq DESC LIMIT $4";

macro_rules! filter {
    () => {
        "($2::text IS NULL OR a.tenant = $2) AND ($3::text IS NULL OR a.kind = $3)
         AND ($4::uuid IS NULL OR a.last >= $4)"
    };
}

const PAGE: &str = concat!(
    "SELECT a.seq, l.link, l.previous, l.hash, a.body
     FROM audit a LEFT JOIN audit_link l ON l.seq = a.seq
     WHERE a.seq > $1 AND ",
    filter!(),
    " ORDER BY a.seq LIMIT $5"
);

const CHAIN: &str = concat!(
    "SELECT a.seq, l.link, l.previous, l.hash, a.body
     FROM audit_link l JOIN audit a ON a.seq = l.seq
     WHERE l.link > $1 AND ",
    filter!(),
    " ORDER BY l.link LIMIT $5"
);

const SINGLE: &str = "SELECT body FROM audit WHERE tenant = $1 AND first = $2 AND first = last";

// A row reaches over no more than a bounded time, so the search ends there too.
const BATCHES: &str = "
    SELECT body FROM audit
    WHERE tenant = $1 AND first <= $2 AND first >= $3 AND last >= $2 AND first <> last
    ORDER BY first DESC";

const HEAD: &str = "SELECT link, hash FROM audit_link ORDER BY link DESC LIMIT 1";

const PENDING: &str = "
    SELECT a.seq, a.body FROM audit_pending p JOIN audit a ON a.seq = p.seq
    ORDER BY p.seq LIMIT $1";

const LINK: &str = "
    INSERT INTO audit_link (link, seq, previous, hash)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])";

const LINKED: &str = "DELETE FROM audit_pending WHERE seq = ANY ($1)";

const CHECKPOINT: &str = "INSERT INTO checkpoints (link, hash, signed) VALUES ($1, $2, $3)";

const CHECKPOINTS: &str =
    "SELECT link, hash, signed FROM checkpoints WHERE link > $1 ORDER BY link LIMIT $2";

const LOAD: &str = "
    WITH told AS (
        INSERT INTO audit_person (tenant, person, seq)
        SELECT $2::text, person, $1::bigint FROM unnest($7::uuid[]) AS person
    )
    INSERT INTO audit (seq, tenant, first, last, kind, body) VALUES ($1, $2, $3, $4, $5, $6)";

/// After loading: what has no link waits for one.
pub(crate) const LOAD_PENDING: &str = "
    INSERT INTO audit_pending
    SELECT seq FROM audit a WHERE NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.seq = a.seq)";

/// After loading: goes on counting behind the last row.
pub(crate) const COUNT_ON: &str = "
    SELECT setval(pg_get_serial_sequence('audit', 'seq'), coalesce(max(seq), 1), max(seq) IS NOT NULL)
    FROM audit";

/// Every row.
pub(crate) const DUMP: &str = "SELECT seq, tenant, first, last, kind, body FROM audit ORDER BY seq";

/// Every link.
pub(crate) const DUMP_LINKS: &str =
    "SELECT link, seq, previous, hash FROM audit_link ORDER BY link";

/// Every checkpoint.
pub(crate) const DUMP_CHECKPOINTS: &str =
    "SELECT link, hash, signed FROM checkpoints ORDER BY link";

/// Whether there is any.
pub(crate) const ANY: &str =
    "SELECT EXISTS (SELECT 1 FROM audit) OR EXISTS (SELECT 1 FROM checkpoints)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 19] = [
    APPEND,
    OF_PERSON,
    PAGE,
    CHAIN,
    SINGLE,
    BATCHES,
    HEAD,
    PENDING,
    LINK,
    LINKED,
    CHECKPOINT,
    CHECKPOINTS,
    LOAD,
    LOAD_PENDING,
    COUNT_ON,
    DUMP,
    DUMP_LINKS,
    DUMP_CHECKPOINTS,
    ANY,
];

/// Remembers a row.
pub(crate) fn append(entry: AuditEntry) -> Step {
    let AuditEntry { tenant, first, last, kind, body, persons } = entry;
    let persons: Vec<Uuid> = persons.into_iter().map(UserId::uuid).collect();
    step!(APPEND, tenant.to_string(), first.uuid(), last.uuid(), kind, body, persons)
}

/// Lists rows of a person's own log, newest first.
pub(crate) fn page_of(query: &PersonQuery) -> Step {
    let before = query.before.unwrap_or(i64::MAX);
    let limit = column::limit(query.limit);
    step!(OF_PERSON, query.tenant.to_string(), query.user.uuid(), before, limit)
}

/// Reads such a row.
pub(crate) fn read_of_person(row: &Row) -> Result<AuditRow, StoreError> {
    let (seq, body) = (get(row, "seq")?, get(row, "body")?);
    Ok(AuditRow { seq, link: None, previous: None, hash: None, body })
}

/// Lists rows.
pub(crate) fn page(query: &AuditQuery) -> Step {
    step!(
        if query.chain { CHAIN } else { PAGE },
        query.after,
        query.tenant.as_ref().map(ToString::to_string),
        query.kind.clone(),
        query.since.map(DecisionId::uuid),
        column::limit(query.limit),
    )
}

/// Reads a row.
pub(crate) fn read(row: &Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        seq: get(row, "seq")?,
        link: get(row, "link")?,
        previous: column::maybe_hash(row, "previous")?,
        hash: column::maybe_hash(row, "hash")?,
        body: get(row, "body")?,
    })
}

/// The row of one event with this id.
pub(crate) fn single(tenant: &TenantName, id: DecisionId) -> Step {
    step!(SINGLE, tenant.to_string(), id.uuid())
}

/// The rows of many events among which this id can be.
pub(crate) fn batches(tenant: &TenantName, id: DecisionId) -> Step {
    let earliest = AuditEntry::earliest_first(id).uuid();
    step!(BATCHES, tenant.to_string(), id.uuid(), earliest)
}

/// Finds the event with an id in rows.
pub(crate) fn event(rows: &[Row], id: DecisionId) -> Result<Option<AuditEvent>, StoreError> {
    for row in rows {
        if let Some(event) = find_event(get(row, "body")?, id)? {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// What linking begins with: the head of the chain, and rows that wait.
pub(crate) fn head_and_pending(limit: usize) -> [Step; 2] {
    [step!(HEAD), step!(PENDING, column::limit(limit))]
}

/// New links, and the head behind them.
pub(crate) struct Links {
    pub(crate) link: i64,
    pub(crate) hash: [u8; 32],
    pub(crate) count: usize,
    steps: [Step; 2],
}

/// Links the rows that wait to the head, in the order of their numbers.
pub(crate) fn link(head: &[Row], pending: &[Row]) -> Result<Links, StoreError> {
    let (mut link, mut hash) = match head.first() {
        Some(row) => (get(row, "link")?, column::hash(row, "hash")?),
        None => (0_i64, CHAIN_START),
    };
    let (mut links, mut seqs) = (Vec::new(), Vec::<i64>::new());
    let (mut previouses, mut hashes) = (Vec::new(), Vec::new());
    for row in pending {
        previouses.push(hash.to_vec());
        hash = link_hash(&hash, get(row, "body")?);
        hashes.push(hash.to_vec());
        link += 1;
        links.push(link);
        seqs.push(get(row, "seq")?);
    }
    let count = links.len();
    let steps = [step!(LINK, links, seqs.clone(), previouses, hashes), step!(LINKED, seqs)];
    Ok(Links { link, hash, count, steps })
}

impl Links {
    /// What to write: the links, and the signed head.
    pub(crate) fn into_steps(self, signed: String) -> Vec<Step> {
        let checkpoint = Checkpoint { link: self.link, hash: self.hash, signed };
        self.steps.into_iter().chain([add_checkpoint(checkpoint)]).collect()
    }
}

/// Adds a checkpoint.
pub(crate) fn add_checkpoint(checkpoint: Checkpoint) -> Step {
    let Checkpoint { link, hash, signed } = checkpoint;
    step!(CHECKPOINT, link, hash.to_vec(), signed)
}

/// The checkpoints behind a link.
pub(crate) fn checkpoints(after: i64, limit: usize) -> Step {
    step!(CHECKPOINTS, after, column::limit(limit))
}

/// Reads a checkpoint.
pub(crate) fn read_checkpoint(row: &Row) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        link: get(row, "link")?,
        hash: column::hash(row, "hash")?,
        signed: get(row, "signed")?,
    })
}

/// Reads a row as it is dumped.
pub(crate) fn read_dumped(row: &Row) -> Result<Record, StoreError> {
    Ok(Record::Audit(AuditRecord {
        seq: get(row, "seq")?,
        tenant: column::tenant(row)?,
        first: column::id(row, "first")?,
        last: column::id(row, "last")?,
        kind: get(row, "kind")?,
        body: get(row, "body")?,
    }))
}

/// Reads a link as it is dumped.
pub(crate) fn read_link(row: &Row) -> Result<Record, StoreError> {
    Ok(Record::AuditLink {
        link: get(row, "link")?,
        seq: get(row, "seq")?,
        previous: column::hash(row, "previous")?,
        hash: column::hash(row, "hash")?,
    })
}

/// Writes a row as it was dumped.
pub(crate) fn load(record: AuditRecord) -> Result<Step, StoreError> {
    let (seq, entry) = record.into_entry()?;
    let AuditEntry { tenant, first, last, kind, body, persons } = entry;
    let persons: Vec<Uuid> = persons.into_iter().map(UserId::uuid).collect();
    Ok(step!(LOAD, seq, tenant.to_string(), first.uuid(), last.uuid(), kind, body, persons))
}

/// Writes a link as it was dumped.
pub(crate) fn load_link(link: i64, seq: i64, previous: [u8; 32], hash: [u8; 32]) -> Step {
    step!(LINK, vec![link], vec![seq], vec![previous.to_vec()], vec![hash.to_vec()])
}
