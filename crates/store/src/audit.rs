//! How events become rows, and how rows become a chain that shows every change. SEC-190, SEC-191.

use grantor_domain::audit::AuditEvent;
use grantor_oauth_types::id::DecisionId;
use grantor_oauth_types::name::TenantName;

use crate::{AuditRow, CHAIN_START, StoreError, link_hash};

/// The kind under which batches are listed.
pub const BATCH_KIND: &str = "token.issued";

/// The most milliseconds between the first and the last id of one row, so that the row of a
/// decision is found by looking back no further than this.
pub const BATCH_SPAN_MILLIS: u64 = 60_000;

/// An audit row before it has a place in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Where
    pub tenant: TenantName,
    /// The smallest id in it
    pub first: DecisionId,
    /// The largest id in it; equal to `first` for a row of one event
    pub last: DecisionId,
    /// What it is listed by
    pub kind: String,
    /// The exact bytes to keep and to hash: JSON of an event, or an array of them
    pub body: String,
}

impl AuditEntry {
    /// The row of one event.
    pub fn single(event: &AuditEvent) -> Self {
        Self {
            tenant: event.tenant.clone(),
            first: event.id,
            last: event.id,
            kind: event.kind.clone(),
            body: serde_json::to_string(event).expect("events have string keys only"),
        }
    }

    /// The rows of many issue events: one per tenant and [`BATCH_SPAN_MILLIS`].
    pub fn batches(events: &[AuditEvent]) -> Vec<Self> {
        let mut sorted: Vec<&AuditEvent> = events.iter().collect();
        sorted.sort_by(|a, b| (&a.tenant, a.id).cmp(&(&b.tenant, b.id)));
        let mut rows = Vec::new();
        let mut rest = &sorted[..];
        while let Some(head) = rest.first() {
            let end = head.id.unix_millis().saturating_add(BATCH_SPAN_MILLIS);
            let length = rest.partition_point(|event| {
                event.tenant == head.tenant && event.id.unix_millis() <= end
            });
            let (batch, others) = rest.split_at(length);
            rows.push(Self {
                tenant: head.tenant.clone(),
                first: head.id,
                last: batch[length - 1].id,
                kind: BATCH_KIND.to_owned(),
                body: serde_json::to_string(batch).expect("events have string keys only"),
            });
            rest = others;
        }
        rows
    }

    /// The smallest id that a row which holds `id` can begin with.
    pub fn earliest_first(id: DecisionId) -> DecisionId {
        DecisionId::new(id.unix_millis().saturating_sub(BATCH_SPAN_MILLIS), [0; 10])
    }
}

/// The events of a body, in its order.
pub fn events_of(body: &str) -> Result<Vec<AuditEvent>, StoreError> {
    let events = if body.starts_with('[') {
        serde_json::from_str(body)
    } else {
        serde_json::from_str(body).map(|event| vec![event])
    };
    events.map_err(|e| StoreError::Corrupt(format!("an audit row does not read: {e}")))
}

/// The event with this id, if the body holds it.
pub fn find_event(body: &str, id: DecisionId) -> Result<Option<AuditEvent>, StoreError> {
    Ok(events_of(body)?.into_iter().find(|event| event.id == id))
}

/// Where a chain is broken first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit chain is broken at row {seq}, {}: {what}", link.map_or("in no link".to_owned(), |link| format!("link {link}")))]
pub struct FirstBad {
    /// The first row that is wrong
    pub seq: i64,
    /// The link it claims to be
    pub link: Option<i64>,
    /// What is wrong with it
    pub what: Broken,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A row of the chain is gone, was put in or changed places
    #[error("it does not follow the link before it")]
    Place,
    /// It was linked to another row than the one before it
    #[error("it names another predecessor")]
    Previous,
    /// Its bytes are not those that were linked
    #[error("its content was changed")]
    Content,
}

/// Recomputes a chain piece by piece; see [`verify_chain`].
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    link: i64,
    hash: [u8; 32],
}

impl Default for ChainVerifier {
    fn default() -> Self {
        Self { link: 0, hash: CHAIN_START }
    }
}

impl ChainVerifier {
    /// Begins behind a link that is known to be good (from a checkpoint kept elsewhere).
    pub const fn behind(link: i64, hash: [u8; 32]) -> Self {
        Self { link, hash }
    }

    /// The last link that was found good; 0 before the first.
    pub const fn link(&self) -> i64 {
        self.link
    }

    /// The hash of the last good link: what a checkpoint for it must say.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Takes in the next row of the chain.
    pub fn take(&mut self, row: &AuditRow) -> Result<(), FirstBad> {
        let bad = |what| FirstBad { seq: row.seq, link: row.link, what };
        if row.link != Some(self.link + 1) {
            return Err(bad(Broken::Place));
        }
        if row.previous != Some(self.hash) {
            return Err(bad(Broken::Previous));
        }
        let hash = link_hash(&self.hash, &row.body);
        if row.hash != Some(hash) {
            return Err(bad(Broken::Content));
        }
        self.link += 1;
        self.hash = hash;
        Ok(())
    }
}

/// Recomputes a whole chain, given in its order from the first link on (SEC-191). Whoever holds a
/// signed checkpoint compares [`ChainVerifier::hash`] with it, so that the end cannot be cut off
/// or the whole be made anew.
pub fn verify_chain<'a>(rows: impl IntoIterator<Item = &'a AuditRow>) -> Result<(), FirstBad> {
    let mut verifier = ChainVerifier::default();
    rows.into_iter().try_for_each(|row| verifier.take(row))
}

#[cfg(test)]
mod tests {
    use grantor_domain::audit::AuditOutcome;
    use jiff::Timestamp;

    use super::*;

    fn event(tenant: &str, millis: u64, byte: u8) -> AuditEvent {
        AuditEvent {
            id: DecisionId::new(millis, [byte; 10]),
            tenant: TenantName::parse(tenant).unwrap(),
            at: Timestamp::UNIX_EPOCH,
            kind: "token.issued".to_owned(),
            outcome: AuditOutcome::Done,
            actor: "client:shop".to_owned(),
            subject: None,
            address: None,
            detail: serde_json::Value::Null,
        }
    }

    #[test]
    fn sec_163_a_batch_never_spans_two_tenants() {
        let rows = AuditEntry::batches(&[event("b", 5, 1), event("a", 6, 2), event("b", 4, 3)]);
        let tenants: Vec<_> = rows.iter().map(|row| row.tenant.as_str()).collect();
        assert_eq!(tenants, ["a", "b"]);
        assert_eq!(rows[1].first.unix_millis(), 4);
        assert_eq!(rows[1].last.unix_millis(), 5);
    }

    #[test]
    fn a_batch_is_cut_so_that_its_events_are_found_by_looking_back_a_bounded_time() {
        let events: Vec<_> = (0..10).map(|i| event("a", 100_000 + i * 20_000, 7)).collect();
        let rows = AuditEntry::batches(&events);
        assert_eq!(rows.len(), 3);
        for event in &events {
            let row = rows.iter().find(|row| row.first <= event.id && event.id <= row.last);
            let row = row.expect("every event is in a row");
            assert!(row.first >= AuditEntry::earliest_first(event.id));
            assert_eq!(find_event(&row.body, event.id).unwrap().as_ref(), Some(event));
        }
        assert_eq!(AuditEntry::batches(&[]), []);
    }
}
