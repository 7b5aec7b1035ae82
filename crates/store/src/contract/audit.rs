//! The audit trail: complete, in order, and chained so that tampering shows.

use std::sync::{Arc, Mutex};

use grantor_domain::audit::AuditEvent;
use grantor_oauth_types::id::UserId;

use super::sample::{acme, event, id, id_at, tenant};
use crate::audit::{Broken, FirstBad, Repeated, events_of, verify_chain};
use crate::operations::write;
use crate::{AuditQuery, AuditRow, CheckpointSigner, Effect, Effects, PersonQuery, Store};

fn query() -> AuditQuery {
    AuditQuery { tenant: None, after: 0, chain: false, kind: None, since: None, limit: 1_000 }
}

fn signer() -> CheckpointSigner {
    Arc::new(|link, hash| format!("signed {link} {}", hash[0]))
}

async fn remember(store: &dyn Store, events: &[AuditEvent]) {
    for event in events {
        write(store, Effects::NONE.audit(event.clone())).await.unwrap();
    }
}

async fn chained(store: &dyn Store, count: usize) -> Vec<AuditRow> {
    let events: Vec<_> = (0..count).map(|i| event(&acme(), &format!("test.{i}"))).collect();
    remember(store, &events).await;
    assert_eq!(store.link_audit(1_000, signer()).await.unwrap(), count);
    store.audit(&AuditQuery { chain: true, ..query() }).await.unwrap()
}

/// Events come back as they were, oldest first, filtered as asked.
pub async fn events_are_listed_in_order(store: Arc<dyn Store>) {
    let events = [event(&acme(), "a.b"), event(&tenant("other"), "a.b"), event(&acme(), "c.d")];
    remember(&*store, &events).await;
    write(&*store, Effect::AuditBatch(vec![event(&acme(), "token.issued").into()]).into())
        .await
        .unwrap();
    let list = |query: AuditQuery| {
        let store = Arc::clone(&store);
        async move {
            let rows = store.audit(&query).await.unwrap();
            rows.iter().flat_map(|row| events_of(&row.body).unwrap()).collect::<Vec<_>>()
        }
    };
    let everything = list(query()).await;
    assert_eq!(everything[..3], events);
    assert_eq!(everything.len(), 4);
    let ours = AuditQuery { tenant: Some(acme()), ..query() };
    assert_eq!(list(ours.clone()).await.len(), 3);
    let kind = AuditQuery { kind: Some("token.issued".to_owned()), ..ours.clone() };
    assert_eq!(list(kind).await.len(), 1);
    let since = AuditQuery { since: Some(events[2].id), ..ours };
    assert_eq!(list(since).await.len(), 2);
    let rows = store.audit(&query()).await.unwrap();
    let behind = AuditQuery { after: rows[1].seq, limit: 1, ..query() };
    assert_eq!(store.audit(&behind).await.unwrap(), rows[2..3]);
    assert!(rows.iter().all(|row| row.link.is_none() && row.hash.is_none()));
}

fn batch_of(events: &[AuditEvent]) -> Effect {
    Effect::AuditBatch(events.iter().cloned().map(Repeated::from).collect())
}

/// A decision is found alone and inside a batch, in its own tenant only; with neighbours on
/// every side that overlap it.
pub async fn sec_163_a_decision_is_found_alone_and_inside_a_batch(store: Arc<dyn Store>) {
    let start = 1_800_000_000_000;
    let issued = |millis: u64, name: &str| {
        let mut event = event(&tenant(name), "token.issued");
        event.id = id_at(start + millis);
        event
    };
    let single = issued(5, "acme");
    remember(&*store, std::slice::from_ref(&single)).await;
    // Two nodes flush at their own times: their batches interleave.
    let even: Vec<_> = (0..200).map(|i| issued(1_000 + 2 * i, "acme")).collect();
    let odd: Vec<_> = (0..200).rev().map(|i| issued(1_001 + 2 * i, "acme")).collect();
    let theirs: Vec<_> = (0..200).map(|i| issued(5_000 + i, "other")).collect();
    for batch in [&even, &odd, &theirs, &vec![issued(9_000, "acme")], &Vec::new()] {
        write(&*store, batch_of(batch).into()).await.unwrap();
    }
    let wide = vec![issued(0, "acme"), issued(600_000, "acme")];
    write(&*store, batch_of(&wide).into()).await.unwrap();

    for event in even.iter().chain(&odd).chain(&wide).chain([&single]) {
        assert_eq!(store.decision(&acme(), event.id).await.unwrap().as_ref(), Some(event));
        assert_eq!(store.decision(&tenant("other"), event.id).await.unwrap(), None);
    }
    assert_eq!(store.decision(&acme(), theirs[7].id).await.unwrap(), None);
    let found = store.decision(&tenant("other"), theirs[7].id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&theirs[7]));
    assert!(store.decision(&acme(), id_at(start + 9_000)).await.unwrap().is_some());
    assert_eq!(store.decision(&acme(), id_at(start + 3_000)).await.unwrap(), None);
}

/// Linking goes on where it stopped, signs each new head, and the whole verifies.
pub async fn sec_191_the_chain_verifies_and_its_heads_are_signed(store: Arc<dyn Store>) {
    assert_eq!(store.link_audit(10, signer()).await.unwrap(), 0);
    assert_eq!(store.checkpoints(0, 10).await.unwrap(), []);
    let events: Vec<_> = (0..5).map(|i| event(&acme(), &format!("test.{i}"))).collect();
    remember(&*store, &events).await;
    for linked in [3, 2, 0] {
        assert_eq!(store.link_audit(3, signer()).await.unwrap(), linked);
    }
    let rows = store.audit(&AuditQuery { chain: true, ..query() }).await.unwrap();
    verify_chain(&rows).unwrap();
    let links: Vec<_> = rows.iter().map(|row| row.link).collect();
    assert_eq!(links, (1..=5).map(Some).collect::<Vec<_>>());
    let told: Vec<_> = rows.iter().flat_map(|row| events_of(&row.body).unwrap()).collect();
    assert_eq!(told, events, "in the order of their commits");

    let checkpoints = store.checkpoints(0, 10).await.unwrap();
    assert_eq!(checkpoints.len(), 2);
    for checkpoint in &checkpoints {
        let row = &rows[usize::try_from(checkpoint.link).unwrap() - 1];
        assert_eq!(Some(checkpoint.hash), row.hash);
        let signed = format!("signed {} {}", checkpoint.link, checkpoint.hash[0]);
        assert_eq!(checkpoint.signed, signed);
    }
    assert_eq!(store.checkpoints(3, 10).await.unwrap(), checkpoints[1..]);
    let behind = AuditQuery { chain: true, after: 4, ..query() };
    assert_eq!(store.audit(&behind).await.unwrap(), rows[4..]);
}

type Tamper = fn(&mut Vec<AuditRow>);

/// Edit, delete, reorder, insert: the first bad row is named.
pub async fn sec_191_tampering_is_detected_at_the_first_bad_row(store: Arc<dyn Store>) {
    let rows = chained(&*store, 6).await;
    verify_chain(&rows).unwrap();
    let attacks: [(Tamper, usize, Broken); 7] = [
        (|rows| rows[2].body = rows[2].body.replace("test.2", "test.9"), 2, Broken::Content),
        (|rows| drop(rows.remove(3)), 3, Broken::Place),
        (|rows| rows.swap(1, 2), 1, Broken::Place),
        (|rows| rows.insert(4, rows[0].clone()), 4, Broken::Place),
        // More careful: bodies change places under the old links.
        (
            |rows| {
                let body = rows[1].body.clone();
                rows[1].body = std::mem::replace(&mut rows[2].body, body);
            },
            1,
            Broken::Content,
        ),
        // More careful: what comes after a removed row is numbered anew.
        (
            |rows| {
                rows.remove(3);
                for row in &mut rows[3..] {
                    row.link = row.link.map(|link| link - 1);
                }
            },
            3,
            Broken::Previous,
        ),
        // A forged row at the end, linked to nothing that was.
        (
            |rows| {
                let mut forged = rows[5].clone();
                forged.link = Some(7);
                rows.push(forged);
            },
            6,
            Broken::Previous,
        ),
    ];
    for (number, (attack, first, what)) in attacks.into_iter().enumerate() {
        let mut rows = rows.clone();
        attack(&mut rows);
        let bad = FirstBad { seq: rows[first].seq, link: rows[first].link, what };
        assert_eq!(verify_chain(&rows), Err(bad), "attack {number}");
    }
}

/// Writers and linkers at once: every event is in the chain, once, and linkers take turns.
pub async fn sec_190_no_event_is_missing_from_the_chain(store: Arc<dyn Store>) {
    let ids = Arc::new(Mutex::new(Vec::new()));
    let writers = (0..8).map(|_| {
        let (store, ids) = (Arc::clone(&store), Arc::clone(&ids));
        tokio::spawn(async move {
            for _ in 0..20 {
                let event = event(&acme(), "test.event");
                write(&*store, Effects::NONE.audit(event.clone())).await.unwrap();
                ids.lock().unwrap().push(event.id);
            }
        })
    });
    let linkers = (0..2).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..20 {
                store.link_audit(5, signer()).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    });
    for task in writers.chain(linkers).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    while store.link_audit(50, signer()).await.unwrap() > 0 {}
    let rows = store.audit(&AuditQuery { chain: true, ..query() }).await.unwrap();
    verify_chain(&rows).unwrap();
    let mut linked: Vec<_> =
        rows.iter().flat_map(|row| events_of(&row.body).unwrap()).map(|event| event.id).collect();
    linked.sort_unstable();
    let mut written = ids.lock().unwrap().clone();
    written.sort_unstable();
    assert_eq!(linked, written);
}

/// Of one person and tenant, also from inside a batch; not what is issued all day.
pub async fn sec_136_a_person_finds_her_own_events_newest_first(store: Arc<dyn Store>) {
    let (jane, joe): (UserId, UserId) = (id(), id());
    let by = |user: UserId, kind: &str| AuditEvent {
        actor: format!("user:{user}"),
        ..event(&acme(), kind)
    };
    let opened = by(jane, "session.opened");
    let about = AuditEvent { subject: Some(format!("user/{jane}")), ..by(joe, "user.changed") };
    remember(&*store, &[opened.clone(), by(joe, "session.opened")]).await;
    let issued = by(jane, "token.issued");
    let failed = by(jane, "sign_in.failed");
    let batches = [vec![issued.clone().into(), failed.clone().into()], vec![issued.into()]];
    for batch in batches {
        write(&*store, Effect::AuditBatch(batch).into()).await.unwrap();
    }
    let other = AuditEvent { tenant: tenant("other"), ..by(jane, "session.opened") };
    remember(&*store, &[other, about.clone()]).await;
    let find = |user, before, limit| {
        let query = PersonQuery { tenant: acme(), user, before, limit };
        let store = Arc::clone(&store);
        async move { store.audit_of(&query).await.unwrap() }
    };
    let rows = find(jane, None, 9).await;
    let events: Vec<Vec<AuditEvent>> =
        rows.iter().map(|row| events_of(&row.body).unwrap()).collect();
    assert_eq!(events.len(), 3);
    assert_eq!((&events[0][..], &events[2][..]), (&[about][..], &[opened][..]));
    assert!(events[1].contains(&failed));
    assert_eq!(find(jane, Some(rows[1].seq), 9).await, rows[2..]);
    assert_eq!(find(jane, None, 1).await, rows[..1]);
    assert_eq!(find(joe, None, 9).await.len(), 2);
    assert_eq!(find(id(), None, 9).await, []);
}
