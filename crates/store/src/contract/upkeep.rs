//! Purging, dumping, loading.

use std::sync::Arc;

use grantor_domain::document::{DocumentKey, Kind};
use grantor_domain::outbox::Notice;
use grantor_domain::session::Session;
use grantor_domain::single_use::SingleUse;
use grantor_domain::throttle::Attempts;
use grantor_oauth_types::id::{GroupId, UserId};
use jiff::{SignedDuration, Timestamp};

use super::sample::{
    acme, at, document, event, grant, group, id, notice, pushed, put, put_group, revocation,
    session, tenant,
};
use crate::operations::{judge, use_once, write};
use crate::{Claim, DumpRow, Effect, Effects, Expect, PURGE_AFTER, Store, StoreError, UsedKind};

/// Only what is long over goes, a bounded number at a time.
pub async fn rel_005_only_what_is_over_is_purged(store: Arc<dyn Store>) {
    let user: UserId = id();
    let mut old = grant(&acme(), user, "shop");
    old.expires = at(0);
    let young = grant(&acme(), user, "shop");
    let mut over = revocation(&acme(), "old");
    over.until = at(0);
    let mut effects = Effects::NONE
        .and(Effect::OpenGrant(Box::new(young.clone())))
        .and(Effect::Revoke(Box::new(over)))
        .and(Effect::Revoke(Box::new(revocation(&acme(), "young"))))
        .and(Effect::MarkUsed(UsedKind::AssertionJti, b"old".to_vec(), at(0)))
        .and(Effect::MarkUsed(UsedKind::AssertionJti, b"young".to_vec(), at(9_000)))
        .and(Effect::SetAttempts(acme(), "old".to_owned(), attempts(0)))
        .and(Effect::SetAttempts(acme(), "young".to_owned(), attempts(9_000)))
        .and(Effect::PutSession(Box::new(Session { expires: at(0), ..session(&acme(), user) })))
        .and(Effect::PutSession(Box::new(session(&acme(), user))))
        .and(Effect::OpenSingleUse(Box::new(SingleUse {
            expires: at(0),
            ..pushed(&acme(), [1; 16])
        })))
        .and(Effect::OpenSingleUse(Box::new(pushed(&acme(), [2; 16]))))
        .and(Effect::Notify(Box::new(Notice { expires: at(0), ..notice(&acme(), 1, at(0)) })))
        .and(Effect::Notify(Box::new(notice(&acme(), 2, at(0)))))
        .audit(event(&acme(), "stays"));
    for _ in 0..5 {
        old.id = id();
        effects = effects.and(Effect::OpenGrant(Box::new(old.clone())));
    }
    write(&*store, effects).await.unwrap();

    let soon = at(0) + PURGE_AFTER - SignedDuration::from_secs(1);
    assert_eq!(store.purge(soon, 100).await.unwrap(), 0, "clocks differ");
    let later = at(0) + PURGE_AFTER + SignedDuration::from_secs(2);
    assert_eq!(store.purge(later, 3).await.unwrap(), 9, "three grants, and one of each else");
    assert_eq!(store.purge(later, 3).await.unwrap(), 2);
    assert_eq!(store.purge(later, 3).await.unwrap(), 0);

    assert!(store.grant(&acme(), young.id).await.unwrap().is_some());
    assert!(store.grant(&acme(), old.id).await.unwrap().is_none());
    assert_eq!(store.revocations(&acme(), 0, 9).await.unwrap().len(), 1);
    assert!(!use_once(&*store, UsedKind::AssertionJti, b"young", at(0)).await.unwrap());
    assert!(use_once(&*store, UsedKind::AssertionJti, b"old", at(0)).await.unwrap());
    let claims = ["old", "young"].map(|name| Claim::Attempts(acme(), name.to_owned()));
    let counts = judge(&*store, claims.to_vec(), |claimed| {
        Ok(([claimed.attempts(0).count, claimed.attempts(1).count], Effects::NONE))
    });
    assert_eq!(counts.await.unwrap(), [0, 2]);
    let audit = crate::AuditQuery {
        tenant: None,
        after: 0,
        chain: false,
        kind: None,
        since: None,
        limit: 9,
    };
    assert_eq!(store.audit(&audit).await.unwrap().len(), 1);
}

fn attempts(seconds: i64) -> Attempts {
    Attempts { count: 2, last: at(seconds).as_second() }
}

async fn fill(store: &dyn Store) -> UserId {
    let user = id();
    let (inner, outer): (GroupId, GroupId) = (id(), id());
    put_group(store, &group(&acme(), inner, &[user], &[])).await;
    put_group(store, &group(&acme(), outer, &[], &[inner])).await;
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Group) {
        for name in ["acme", "other"] {
            // The name of a tenant is its issuer, which no two tenants share.
            let key = if kind == Kind::Tenant { name } else { "name" };
            let mut document = document(&tenant(name), "one", Some(key));
            document.kind = kind;
            document.parent = Some("team".to_owned());
            put(store, &document, Expect::New).await.unwrap();
            put(store, &document, Expect::Version(1)).await.unwrap();
        }
    }
    let mut rotated = grant(&acme(), user, "shop");
    rotated.refresh.previous = Some(grantor_domain::grant::PreviousRefresh {
        digest: rotated.refresh.digest,
        rotated: at(4),
        sealed_successor: vec![9; 80],
    });
    let mut over = revocation(&acme(), "over");
    over.until = Timestamp::UNIX_EPOCH;
    let effects = Effects::NONE
        .and(Effect::OpenGrant(Box::new(rotated)))
        .and(Effect::OpenGrant(Box::new(grant(&tenant("other"), user, "app"))))
        .and(Effect::PutSession(Box::new(session(&acme(), user))))
        .and(Effect::OpenSingleUse(Box::new(pushed(&acme(), [1; 16]))))
        .and(Effect::Spend(Box::new(pushed(&acme(), [1; 16])), at(2)))
        .and(Effect::Notify(Box::new(notice(&acme(), 1, at(3)))))
        .and(Effect::MarkUsed(UsedKind::AssertionJti, b"jti".to_vec(), at(10)))
        .and(Effect::SetAttempts(acme(), "bob".to_owned(), attempts(5)))
        .and(Effect::Revoke(Box::new(revocation(&acme(), "shop"))))
        .and(Effect::Revoke(Box::new(over)))
        .audit(event(&acme(), "test.audit"))
        .and(Effect::AuditBatch((0..3).map(|_| event(&acme(), "token.issued").into()).collect()));
    write(store, effects).await.unwrap();
    store.link_audit(100, Arc::new(|link, _| link.to_string())).await.unwrap();
    write(store, Effects::NONE.audit(event(&acme(), "not.linked"))).await.unwrap();
    // The newest revocation goes: its number must not come again, in the copy neither.
    assert_eq!(store.purge(at(0), 100).await.unwrap(), 1);
    user
}

/// Everything that is there, at one moment.
pub async fn dump(store: &Arc<dyn Store>) -> Vec<DumpRow> {
    let (sink, mut rows) = tokio::sync::mpsc::channel(2);
    let on = Arc::clone(store);
    let dumping = tokio::spawn(async move { on.dump(sink).await });
    let mut all = Vec::new();
    while let Some(chunk) = rows.recv().await {
        all.extend(chunk);
    }
    dumping.await.unwrap().unwrap();
    all
}

/// Writes dumped rows, a few at a time; `whole` is whether the source says that it has ended.
pub async fn load(
    store: &Arc<dyn Store>,
    rows: Vec<DumpRow>,
    whole: bool,
) -> Result<(), StoreError> {
    let (sink, source) = tokio::sync::mpsc::channel(2);
    tokio::spawn(async move {
        let chunks = rows.chunks(3).map(<[_]>::to_vec).chain(whole.then(Vec::new));
        for chunk in chunks {
            if sink.send(Ok(chunk)).await.is_err() {
                return;
            }
        }
    });
    store.load(source).await
}

/// A dump loaded into an empty store makes the same store: the same dump, the same answers, and
/// sequences that go on where they were.
pub async fn rel_040_a_dump_loads_into_an_equal_store(store: Arc<dyn Store>, copy: Arc<dyn Store>) {
    let user = fill(&*store).await;
    let rows = dump(&store).await;
    load(&copy, rows.clone(), true).await.unwrap();
    assert_eq!(dump(&copy).await, rows);

    let groups = store.groups_of(&acme(), user).await.unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(copy.groups_of(&acme(), user).await.unwrap(), groups);
    let orders = DocumentKey {
        tenant: acme(),
        kind: Kind::Client,
        at: grantor_domain::document::At::Id("one".to_owned()),
    };
    assert_eq!(copy.document(&orders).await.unwrap(), store.document(&orders).await.unwrap());
    assert_eq!(copy.document(&orders).await.unwrap().unwrap().version, 2);
    for store in [&store, &copy] {
        write(&**store, Effect::Revoke(Box::new(revocation(&acme(), "new"))).into()).await.unwrap();
        assert_eq!(store.link_audit(9, Arc::new(|link, _| link.to_string())).await.unwrap(), 1);
    }
    assert_eq!(
        copy.revocations(&acme(), 0, 9).await.unwrap(),
        store.revocations(&acme(), 0, 9).await.unwrap(),
    );
    assert_eq!(copy.last_change().await.unwrap(), store.last_change().await.unwrap());
    assert_eq!(copy.checkpoints(0, 9).await.unwrap(), store.checkpoints(0, 9).await.unwrap());
}

/// Only into an empty one, and whole or not at all.
pub async fn a_dump_is_refused_by_a_store_that_is_not_empty(
    store: Arc<dyn Store>,
    copy: Arc<dyn Store>,
) {
    fill(&*store).await;
    let rows = dump(&store).await;
    let outcome = load(&store, rows.clone(), true).await;
    assert!(matches!(outcome, Err(StoreError::Refused(_))), "{outcome:?}");
    assert_eq!(dump(&store).await, rows);

    let mut broken = rows.clone();
    let last = broken.iter_mut().rfind(|row| row.table == "grants").unwrap();
    last.row.insert("expires".to_owned(), serde_json::json!("never"));
    let outcome = load(&copy, broken, true).await;
    assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
    assert_eq!(dump(&copy).await, []);
    let outcome = load(&copy, rows.clone(), false).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(dump(&copy).await, []);
    load(&copy, rows, true).await.unwrap();
}

/// The store says that it is there.
pub async fn a_store_answers_a_ping(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
}
