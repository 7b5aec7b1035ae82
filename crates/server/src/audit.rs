//! Issue events on their way into the audit log.
//!
//! Issuing a token writes no row of its own. Its event goes into a bounded memory and from there,
//! many at a time, into one audit row: at least every [`FLUSH_EVERY`] and on shutdown. Issuing
//! never waits for it. Every change of state, by contrast, is audited in its own transaction.
//!
//! Of equal events in one batch the first is kept with its record or reason; of the others their ids are. Of
//! those that differ in person or grant only, what they have in common is kept with the first, and of
//! the others no more than what they do not share with it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::decision::{Outcome, RecordedDecision};
use grantor_oauth_types::id::{DecisionId, UserId};
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_store::audit::Repeated;
use grantor_store::{Effect, Effects, Store, operations};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::Notify;

use crate::app::App;
use crate::grants::Context;

/// How long an event waits at most.
pub const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// How many events wait at most; beyond that they are counted as lost, and that is an event too.
const CAPACITY: usize = 50_000;

/// How many events go into one row at most.
const AT_ONCE: usize = 1_000;

/// An issued or refused token.
#[derive(Debug)]
pub struct IssueEvent {
    /// The decision
    pub id: DecisionId,
    /// Where
    pub tenant: TenantName,
    /// When
    pub at: Timestamp,
    /// `token.issued`, `token.refused`
    pub kind: &'static str,
    /// Whether a token was issued
    pub outcome: AuditOutcome,
    /// Who asked
    pub actor: Actor,
    /// From where
    pub address: Option<IpAddr>,
    /// Why
    pub why: Why,
}

/// Who asked. It becomes text when it is written, and most events are told with an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A client
    Client(ClientId),
    /// A user
    User(UserId),
    /// Anybody else, or what is no id
    Named(String),
}

impl Actor {
    /// Nobody who is known.
    pub fn anonymous() -> Self {
        Self::Named("anonymous".to_owned())
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The reason that goes with an issue event.
#[derive(Debug)]
pub enum Why {
    /// The decision function was asked
    Decided(Arc<RecordedDecision>),
    /// It did not come to that; the reason in words
    Reason(String),
}

/// Whether the log knows the decision of a request: whoever is told its number can ask for it.
#[derive(Debug, Default)]
pub struct Recorded(AtomicBool);

impl Recorded {
    /// Says that it does; returns whether it did before.
    fn set(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }
}

/// A part of a request that is judged elsewhere knows what was known when it left.
impl Clone for Recorded {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.0.load(Ordering::Relaxed)))
    }
}

impl Context {
    /// Records a decision under the number that the answer names. What comes after it in the same
    /// request has a number of its own.
    pub fn record(
        &self,
        app: &App,
        kind: &'static str,
        outcome: AuditOutcome,
        actor: Actor,
        why: Why,
    ) {
        let before = self.recorded.set();
        app.audit.push(IssueEvent {
            id: if before { app.new_id(self.now) } else { self.decision },
            tenant: self.tenant.tenant.name.clone(),
            at: self.now,
            kind,
            outcome,
            actor,
            address: self.address,
            why,
        });
    }

    /// Records what the decision function said.
    pub fn record_decision(
        &self,
        app: &App,
        kind: &'static str,
        actor: Actor,
        record: &Arc<RecordedDecision>,
    ) {
        let outcome = match record.decision.outcome {
            Outcome::Granted(_) => AuditOutcome::Done,
            Outcome::Refused(_) => AuditOutcome::Refused,
        };
        self.record(app, kind, outcome, actor, Why::Decided(Arc::clone(record)));
    }

    /// Records why there is no answer, unless a better reason is known already.
    pub fn record_refusal(
        &self,
        app: &App,
        kind: &'static str,
        actor: Actor,
        reason: &impl std::fmt::Display,
    ) {
        if !self.recorded.0.load(Ordering::Relaxed) {
            self.record(app, kind, AuditOutcome::Refused, actor, Why::Reason(reason.to_string()));
        }
    }
}

/// Where issue events wait.
#[derive(Debug, Default)]
pub struct AuditSink {
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// Held by whoever writes down what waited: it is in the store when the next one gets it
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<IssueEvent>,
    lost: u64,
}

impl AuditSink {
    /// Takes an event. Never waits.
    pub fn push(&self, event: IssueEvent) {
        let mut waiting = self.lock();
        if waiting.events.len() >= CAPACITY {
            waiting.lost += 1;
            return;
        }
        waiting.events.push(event);
        if waiting.events.len() == AT_ONCE {
            self.wake.notify_one();
        }
    }

    /// Writes down what waits, or waits for whoever does. What could not be written waits on.
    pub async fn flush(&self, store: &dyn Store, now: Timestamp) {
        let _alone = self.writing.lock().await;
        loop {
            let (events, lost) = self.take();
            if events.is_empty() && lost == 0 {
                return;
            }
            let mut effects = batches(&events);
            if lost > 0 {
                effects = effects.and(Effect::Audit(Box::new(gap(&events, lost, now))));
            }
            if let Err(error) = operations::write(store, effects).await {
                tracing::error!(%error, events = events.len(), "issue events could not be written");
                self.put_back(events, lost);
                return;
            }
        }
    }

    /// Flushes every [`FLUSH_EVERY`] for as long as it is polled.
    pub async fn run(&self, store: Arc<dyn Store>, clock: Arc<dyn crate::clock::Clock>) {
        loop {
            let _ = tokio::time::timeout(FLUSH_EVERY, self.wake.notified()).await;
            self.flush(&*store, clock.now()).await;
        }
    }

    fn take(&self) -> (Vec<IssueEvent>, u64) {
        let mut waiting = self.lock();
        let count = waiting.events.len().min(AT_ONCE);
        let rest = waiting.events.split_off(count);
        let events = std::mem::replace(&mut waiting.events, rest);
        (events, std::mem::take(&mut waiting.lost))
    }

    fn put_back(&self, events: Vec<IssueEvent>, lost: u64) {
        let mut waiting = self.lock();
        waiting.lost += lost;
        waiting.events.splice(0..0, events);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds the events")
    }
}

/// One row per tenant.
fn batches(events: &[IssueEvent]) -> Effects {
    let mut tenants: Vec<&TenantName> = events.iter().map(|event| &event.tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let mut effects = Effects::NONE;
    for tenant in tenants {
        let mut batch: Vec<&IssueEvent> =
            events.iter().filter(|event| event.tenant == *tenant).collect();
        batch.sort_by_key(|event| event.id);
        effects = effects.and(Effect::AuditBatch(rendered(&batch)));
    }
    effects
}

/// Of equal events the first is written with its record or reason; of the others only their ids are. And of
/// those with common facts only the first has them.
fn rendered(batch: &[&IssueEvent]) -> Vec<Repeated> {
    let mut seen: HashMap<Same<'_>, usize> = HashMap::new();
    let mut last: Option<(Same<'_>, usize)> = None;
    let mut whole: HashMap<_, (DecisionId, &RecordedDecision)> = HashMap::new();
    let mut rendered: Vec<Repeated> = Vec::new();
    for event in batch {
        let same = (event.why.cause(), event.kind, &event.actor, event.address);
        // Of one client many come in a row.
        let place = match last {
            Some((before, place)) if before == same => place,
            _ => *seen.entry(same).or_insert(rendered.len()),
        };
        last = Some((same, place));
        if let Some(first) = rendered.get_mut(place) {
            first.again.push(event.id);
            continue;
        }
        let (detail, written) = match &event.why {
            Why::Reason(reason) => (json!({ "reason": reason }), None),
            Why::Decided(record) => {
                let decision = match whole.entry(Arc::as_ptr(record.common())) {
                    Entry::Occupied(of) => {
                        let (id, other) = *of.get();
                        written(&record.brief(id, other))
                    }
                    Entry::Vacant(place) => {
                        place.insert((event.id, record));
                        written(record)
                    }
                };
                (serde_json::Value::Null, Some(decision))
            }
        };
        rendered.push(Repeated { event: event.as_it_is_kept(detail), written, again: Vec::new() });
    }
    rendered
}

/// What two events have in common of which the second is told by its id.
type Same<'a> = (Cause<'a>, &'static str, &'a Actor, Option<IpAddr>);

/// What tells one reason from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Cause<'a> {
    Record(*const RecordedDecision),
    Reason(&'a str),
}

impl Why {
    fn cause(&self) -> Cause<'_> {
        match self {
            Self::Decided(record) => Cause::Record(Arc::as_ptr(record)),
            Self::Reason(reason) => Cause::Reason(reason),
        }
    }
}

impl IssueEvent {
    fn as_it_is_kept(&self, detail: serde_json::Value) -> AuditEvent {
        AuditEvent {
            id: self.id,
            tenant: self.tenant.clone(),
            at: self.at,
            kind: self.kind.to_owned(),
            outcome: self.outcome,
            actor: self.actor.to_string(),
            subject: None,
            address: self.address.map(|address| address.to_string()),
            detail,
        }
    }
}

/// The detail of a decided event. Records are long: they become text at once, without a tree of
/// values in between.
fn written<D: Serialize>(decision: &D) -> Arc<RawValue> {
    #[derive(Serialize)]
    struct Detail<'a, D> {
        decision: &'a D,
    }
    let detail = serde_json::value::to_raw_value(&Detail { decision });
    detail.expect("records have string keys only").into()
}

/// Says that events were lost, so that nobody takes their absence for a proof.
fn gap(events: &[IssueEvent], lost: u64, now: Timestamp) -> AuditEvent {
    let tenant = events.first().map(|event| event.tenant.clone());
    AuditEvent {
        id: crate::app::new_id(now),
        tenant: tenant.unwrap_or_else(|| TenantName::parse("main").expect("a plain label")),
        at: now,
        kind: "audit.gap".to_owned(),
        outcome: AuditOutcome::Done,
        actor: "system".to_owned(),
        subject: None,
        address: None,
        detail: json!({ "lost_issue_events": lost }),
    }
}
