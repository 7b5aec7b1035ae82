//! How events become rows, and how rows become a chain that shows every change. SEC-190, SEC-191.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use grantor_domain::audit::AuditEvent;
use grantor_domain::decision;
use grantor_oauth_types::id::{DecisionId, UserId};
use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, Value};

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
    /// In whose own logs it is
    pub persons: BTreeSet<UserId>,
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
            persons: event.persons(),
        }
    }

    /// The rows of many issue events: one per tenant, unless they lie further apart than
    /// [`BATCH_SPAN_MILLIS`].
    pub fn batches(events: &[Repeated]) -> Vec<Self> {
        let mut rows = Vec::new();
        let mut rest: Vec<&Repeated> = events.iter().collect();
        rest.sort_by(|a, b| (&a.event.tenant, a.event.id).cmp(&(&b.event.tenant, b.event.id)));
        for batch in rest.chunk_by(|a, b| a.event.tenant == b.event.tenant) {
            let last = batch.iter().map(|repeated| repeated.last()).max();
            let (first, last) = (batch[0].event.id, last.unwrap_or(batch[0].event.id));
            if last.unix_millis().saturating_sub(first.unix_millis()) <= BATCH_SPAN_MILLIS {
                rows.push(Self::batch(first, last, batch));
            } else {
                rows.extend(Self::apart(batch));
            }
        }
        rows
    }

    /// Rows of events that lie far apart: each on its own, as many to a row as may be.
    fn apart(batch: &[&Repeated]) -> Vec<Self> {
        let each: Vec<Repeated> = expanded(batch.iter().map(|repeated| (*repeated).clone()))
            .into_iter()
            .map(Repeated::from)
            .collect();
        let each: Vec<&Repeated> = each.iter().collect();
        let (mut rows, mut rest) = (Vec::new(), &each[..]);
        while let Some(head) = rest.first() {
            let end = head.event.id.unix_millis().saturating_add(BATCH_SPAN_MILLIS);
            let length = rest.partition_point(|repeated| repeated.event.id.unix_millis() <= end);
            let (near, others) = rest.split_at(length);
            rows.push(Self::batch(head.event.id, near[length - 1].event.id, near));
            rest = others;
        }
        rows
    }

    fn batch(first: DecisionId, last: DecisionId, batch: &[&Repeated]) -> Self {
        Self {
            tenant: batch[0].event.tenant.clone(),
            first,
            last,
            kind: BATCH_KIND.to_owned(),
            body: serde_json::to_string(batch).expect("events have string keys only"),
            persons: batch.iter().flat_map(|repeated| repeated.event.persons()).collect(),
        }
    }

    /// The smallest id that a row which holds `id` can begin with.
    pub fn earliest_first(id: DecisionId) -> DecisionId {
        DecisionId::new(id.unix_millis().saturating_sub(BATCH_SPAN_MILLIS), [0; 10])
    }
}

/// An issue event, and the ids of those that were the same in everything but their time: an event
/// of a busy client takes the room of an id.
#[derive(Clone, Debug, Deserialize)]
pub struct Repeated {
    /// The first of them
    #[serde(flatten)]
    pub event: AuditEvent,
    /// Its detail, where that is JSON already; the event itself has none then
    #[serde(skip)]
    pub written: Option<Arc<RawValue>>,
    /// The later ones
    #[serde(default)]
    pub again: Vec<DecisionId>,
}

impl PartialEq for Repeated {
    fn eq(&self, other: &Self) -> bool {
        let text = |repeated: &Self| repeated.written.as_ref().map(|raw| raw.get().to_owned());
        self.event == other.event && self.again == other.again && text(self) == text(other)
    }
}

impl Serialize for Repeated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // An `AuditEvent` and more, written out: flattening costs as much again.
        let AuditEvent { id, tenant, at, kind, outcome, actor, subject, address, detail } =
            &self.event;
        let mut written = serializer.serialize_map(None)?;
        written.serialize_entry("id", id)?;
        written.serialize_entry("tenant", tenant)?;
        written.serialize_entry("at", at)?;
        written.serialize_entry("kind", kind)?;
        written.serialize_entry("outcome", outcome)?;
        written.serialize_entry("actor", actor)?;
        if let Some(subject) = subject {
            written.serialize_entry("subject", subject)?;
        }
        if let Some(address) = address {
            written.serialize_entry("address", address)?;
        }
        match &self.written {
            Some(detail) => written.serialize_entry("detail", detail)?,
            None if detail.is_null() => (),
            None => written.serialize_entry("detail", detail)?,
        }
        if !self.again.is_empty() {
            written.serialize_entry("again", &self.again)?;
        }
        written.end()
    }
}

impl From<AuditEvent> for Repeated {
    fn from(event: AuditEvent) -> Self {
        Self { event, written: None, again: Vec::new() }
    }
}

impl Repeated {
    fn last(&self) -> DecisionId {
        self.again.iter().copied().fold(self.event.id, DecisionId::max)
    }
}

/// One by one, ordered by id, each with all its facts. A repeated event points to the first
/// (`same_as`) where that has a record, and its time is that of its id.
fn expanded(batch: impl IntoIterator<Item = Repeated>) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    for repeated in batch {
        let Repeated { mut event, written, again } = repeated;
        if let Some(detail) = written.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            event.detail = detail;
        }
        for id in again {
            let millis = i64::try_from(id.unix_millis()).unwrap_or(i64::MAX);
            let at = Timestamp::from_millisecond(millis).unwrap_or(event.at);
            // A record is long, a reason is not.
            let detail = match event.detail.get("decision") {
                Some(_) => serde_json::json!({ "same_as": event.id }),
                None => event.detail.clone(),
            };
            events.push(AuditEvent { id, at, detail, ..event.clone() });
        }
        events.push(event);
    }
    events.sort_by_key(|event| event.id);
    fill_in(&mut events);
    events
}

/// What a decision shares with another one of the row is written with that one only: puts it in where
/// it is missing.
fn fill_in(events: &mut [AuditEvent]) {
    let record = |event: &AuditEvent| Some(event.detail.get("decision")?.as_object()?.clone());
    let like = |event: &AuditEvent| {
        DecisionId::deserialize(event.detail.get("decision")?.get(decision::LIKE)?).ok()
    };
    let wanted: Vec<Option<DecisionId>> = events.iter().map(like).collect();
    let mut whole = HashMap::new();
    for event in events.iter().filter(|event| wanted.contains(&Some(event.id))) {
        whole.extend(record(event).map(|record| (event.id, record)));
    }
    for (event, wanted) in events.iter_mut().zip(wanted) {
        let whole = wanted.and_then(|id| whole.get(&id));
        let brief = event.detail.get_mut("decision").and_then(Value::as_object_mut);
        let (Some(whole), Some(brief)) = (whole, brief) else { continue };
        decision::complete(brief, whole);
    }
}

/// The events of a body, in its order.
pub fn events_of(body: &str) -> Result<Vec<AuditEvent>, StoreError> {
    let events = if body.starts_with('[') {
        serde_json::from_str(body).map(|batch: Vec<Repeated>| expanded(batch))
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
        let events = [event("b", 5, 1), event("a", 6, 2), event("b", 4, 3)];
        let rows = AuditEntry::batches(&events.map(Repeated::from));
        let tenants: Vec<_> = rows.iter().map(|row| row.tenant.as_str()).collect();
        assert_eq!(tenants, ["a", "b"]);
        assert_eq!(rows[1].first.unix_millis(), 4);
        assert_eq!(rows[1].last.unix_millis(), 5);
    }

    #[test]
    fn a_batch_is_cut_so_that_its_events_are_found_by_looking_back_a_bounded_time() {
        let events: [_; 10] = std::array::from_fn(|i| event("a", 100_000 + i as u64 * 20_000, 7));
        let rows = AuditEntry::batches(&events.clone().map(Repeated::from));
        assert_eq!(rows.len(), 3);
        for event in &events {
            let row = rows.iter().find(|row| row.first <= event.id && event.id <= row.last);
            let row = row.expect("every event is in a row");
            assert!(row.first >= AuditEntry::earliest_first(event.id));
            assert_eq!(find_event(&row.body, event.id).unwrap().as_ref(), Some(event));
        }
        assert_eq!(AuditEntry::batches(&[]), []);
    }

    #[test]
    fn an_event_that_comes_again_is_told_as_often_as_it_came() {
        let id = |millis| DecisionId::new(millis, [9; 10]);
        let written =
            Some(RawValue::from_string(r#"{"decision":{"a":1}}"#.to_owned()).unwrap().into());
        let again = vec![id(1_002), id(1_001)];
        let near = Repeated { event: event("a", 1_000, 1), written, again };
        let rows = AuditEntry::batches(&[near, event("a", 1_003, 1).into()]);
        assert_eq!((rows.len(), rows[0].last), (1, event("a", 1_003, 1).id));
        let told = events_of(&rows[0].body).unwrap();
        let times: Vec<_> = told.iter().map(|event| event.id.unix_millis()).collect();
        assert_eq!(times, [1_000, 1_001, 1_002, 1_003]);
        assert_eq!(told[0].detail["decision"]["a"], 1);
        assert_eq!(told[1].detail["same_as"], told[0].id.to_string());
        assert_eq!(told[1].at, Timestamp::from_millisecond(1_001).unwrap());
        assert_eq!(find_event(&rows[0].body, id(1_002)).unwrap().as_ref(), Some(&told[2]));

        // Facts in common are written once, and told with each.
        let detail = |text: &str| Some(RawValue::from_string(text.to_owned()).unwrap().into());
        let like = format!(
            r#"{{"decision":{{"like":"{}","facts":{{"grant":2}},"until":null}}}}"#,
            event("a", 1_000, 1).id
        );
        let whole = r#"{"decision":{"ask":"?","facts":{"tenant":"t","grant":1},"until":3}}"#;
        let first = Repeated { event: event("a", 1_000, 1), written: detail(whole), again: vec![] };
        let brief = detail(&like);
        let second = Repeated { event: event("a", 1_001, 1), written: brief, again: vec![] };
        let rows = AuditEntry::batches(&[first, second]);
        let told = events_of(&rows[0].body).unwrap();
        let record = serde_json::json!({
            "ask": "?", "facts": { "tenant": "t", "grant": 2 }, "until": null });
        assert_eq!(told[1].detail["decision"], record);

        // During an outage events wait, and the first and the last may lie far apart.
        let again = vec![id(1_000_000)];
        let far = Repeated { event: event("a", 1_000, 1), written: None, again };
        let rows = AuditEntry::batches(&[far]);
        assert_eq!(rows.len(), 2);
        assert!(find_event(&rows[1].body, id(1_000_000)).unwrap().is_some());
    }
}
