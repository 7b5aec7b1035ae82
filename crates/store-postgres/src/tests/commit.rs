//! What becomes of an operation whose connection or caller goes away. REL-011.

use std::sync::Arc;
use std::time::Duration;

use grantor_domain::document::StoredDocument;
use grantor_domain::throttle::Attempts;
use grantor_oauth_types::id::GrantId;
use grantor_store::contract::sample::{acme, at, document, event, grant, id, key, put, revocation};
use grantor_store::operations::{judge, judge_grant, use_once, write};
use grantor_store::{
    AuditQuery, Claim, Effect, Effects, Expect, Operation, Store, StoreError, UsedKind,
};

use super::proxy::{Cut, Proxy, commit};
use super::support::{Schema, client, url};
use crate::{PostgresConfig, PostgresStore};

/// A store through a proxy, and one that is not.
async fn both(schema: &Schema) -> (Proxy, PostgresStore, PostgresStore) {
    let direct = schema.store().await;
    let proxy = Proxy::new().await;
    let store = PostgresStore::connect(schema.config_through(&proxy.url)).await.unwrap();
    (proxy, store, direct)
}

fn cuts() -> [(Cut, bool); 2] {
    [(Cut::Before(commit()), false), (Cut::After(commit()), true)]
}

fn is_unknown(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(why)) if why.contains("not known"))
}

async fn rotate(store: &dyn Store, grant: GrantId) -> Result<(), StoreError> {
    judge_grant(store, &acme(), grant, |found| {
        let mut grant = found.unwrap().clone();
        grant.refresh.generation += 1;
        let effects = Effects::from(Effect::UpdateGrant(Box::new(grant)));
        ((), effects.audit(event(&acme(), "rotated")))
    })
    .await
}

async fn events(store: &dyn Store) -> usize {
    let query =
        AuditQuery { tenant: None, after: 0, chain: false, kind: None, since: None, limit: 100 };
    store.audit(&query).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_011_a_rotation_cut_off_in_its_commit_is_unknown_and_whole() {
    for (cut, happens) in cuts() {
        let schema = Schema::new();
        let (proxy, store, direct) = both(&schema).await;
        let granted = grant(&acme(), id(), "shop");
        write(&direct, Effect::OpenGrant(Box::new(granted.clone())).into()).await.unwrap();

        proxy.cut(cut.clone());
        let outcome = rotate(&store, granted.id).await;
        assert!(is_unknown(&outcome), "{cut:?}: {outcome:?}");
        proxy.cut(Cut::Never);

        let found = direct.grant(&acme(), granted.id).await.unwrap().unwrap();
        assert_eq!(found.refresh.generation, 1 + i64::from(happens), "{cut:?}");
        assert_eq!(events(&direct).await, usize::from(happens), "{cut:?}");
        rotate(&store, granted.id).await.unwrap();
        assert_eq!(events(&direct).await, 1 + usize::from(happens), "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_011_a_creation_cut_off_in_its_commit_is_idempotent_by_its_key() {
    for (cut, happens) in cuts() {
        let schema = Schema::new();
        let (proxy, store, direct) = both(&schema).await;
        let wanted = document(&acme(), "orders", Some("name"));
        proxy.cut(cut.clone());
        let outcome = put(&store, &wanted, Expect::New).await;
        assert!(is_unknown(&outcome), "{cut:?}: {outcome:?}");
        proxy.cut(Cut::Never);
        let retry = put(&store, &wanted, Expect::New).await;
        assert_eq!(matches!(retry, Err(StoreError::Conflict { .. })), happens, "{cut:?}");
        let found: Option<StoredDocument> = direct.document(&key(&wanted)).await.unwrap();
        assert_eq!(found.unwrap().version, 1);
        assert_eq!(direct.changes(0, 9).await.unwrap().len(), 1, "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_011_sec_106_a_revocation_cut_off_in_its_commit_is_not_reported_as_done() {
    for (cut, happens) in cuts() {
        let schema = Schema::new();
        let (proxy, store, direct) = both(&schema).await;
        proxy.cut(cut.clone());
        let revoke = Effect::Revoke(Box::new(revocation(&acme(), "shop")));
        let outcome = write(&store, revoke.into()).await;
        assert!(is_unknown(&outcome), "{cut:?}: {outcome:?}");
        let found = direct.revocations(&acme(), 0, 9).await.unwrap();
        assert_eq!(found.len(), usize::from(happens), "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_011_rel_020_a_use_cut_off_in_its_commit_never_counts_twice() {
    for (cut, happens) in cuts() {
        let schema = Schema::new();
        let (proxy, store, _direct) = both(&schema).await;
        proxy.cut(cut.clone());
        let first = use_once(&store, UsedKind::AssertionJti, b"jti", at(60)).await;
        assert!(matches!(first, Err(StoreError::Unavailable(_))), "{cut:?}: {first:?}");
        proxy.cut(Cut::Never);
        let again = use_once(&store, UsedKind::AssertionJti, b"jti", at(60)).await.unwrap();
        assert_eq!(again, !happens, "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_011_a_single_statement_cut_off_is_unknown_too_and_not_sent_twice() {
    let schema = Schema::new();
    let (proxy, store, direct) = both(&schema).await;
    // Known to the connection, so that what is cut is the statement itself.
    write(&store, Effect::Audit(Box::new(event(&acme(), "first"))).into()).await.unwrap();
    proxy.cut(Cut::After(b"test.victim".to_vec()));
    let victim = Effect::Audit(Box::new(event(&acme(), "test.victim")));
    let outcome = write(&store, victim.into()).await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(events(&direct).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_cut_off_before_its_commit_is_tried_again_on_another_connection() {
    let schema = Schema::new();
    let (proxy, store, direct) = both(&schema).await;
    let granted = grant(&acme(), id(), "shop");
    write(&direct, Effect::OpenGrant(Box::new(granted.clone())).into()).await.unwrap();
    rotate(&store, granted.id).await.unwrap();
    proxy.cut(Cut::After(b"BEGIN ISOLATION".to_vec()));
    let healed = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.cut(Cut::Never);
    };
    let (outcome, ()) = tokio::join!(rotate(&store, granted.id), healed);
    outcome.unwrap();
    assert_eq!(store.retries(), 1);
    assert_eq!(events(&direct).await, 2, "and only once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_whose_caller_goes_away_leaves_no_lock_and_no_trace() {
    let schema = Schema::new();
    let store = PostgresStore::connect(schema.config().pool_size(1)).await.unwrap();
    let granted = grant(&acme(), id(), "shop");
    write(&store, Effect::OpenGrant(Box::new(granted.clone())).into()).await.unwrap();
    let claims = vec![
        Claim::Grant(acme(), granted.id),
        Claim::Document(key(&document(&acme(), "held", None))),
    ];
    put(&store, &document(&acme(), "held", None), Expect::New).await.unwrap();
    let mut other = client(&url()).await;
    other.batch_execute(&format!("SET search_path TO {}", schema.0)).await.unwrap();
    let held = other.transaction().await.unwrap();
    held.batch_execute("SELECT 1 FROM application FOR UPDATE").await.unwrap();

    let waiting = judge(&store, claims, move |claimed| {
        let grant = claimed.grant(0).unwrap().clone();
        Ok(((), Effect::UpdateGrant(Box::new(grant)).into()))
    });
    tokio::time::timeout(Duration::from_millis(200), waiting).await.unwrap_err();
    held.rollback().await.unwrap();
    // The one connection is clean, and the row it had locked is free.
    rotate(&store, granted.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_014_a_deadlock_is_tried_again_and_nobody_hears_of_it() {
    let schema = Schema::new();
    let store = Arc::new(schema.store().await);
    for name in ["a", "b"] {
        put(&*store, &document(&acme(), name, None), Expect::New).await.unwrap();
    }
    let mut other = client(&url()).await;
    other.batch_execute(&format!("SET search_path TO {}", schema.0)).await.unwrap();
    let held = other.transaction().await.unwrap();
    held.batch_execute("SELECT 1 FROM application WHERE id = 'b' FOR UPDATE").await.unwrap();

    // Holds `a`, waits for `b`; and the other way round. PostgreSQL looks for deadlocks after a
    // second, first on behalf of whoever waited first.
    let claims = ["a", "b"].map(|name| Claim::Document(key(&document(&acme(), name, None))));
    let ours = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            let changed = document(&acme(), "a", None);
            let rule = move |_: &grantor_store::Claimed| {
                Ok(((), Effect::Put(changed.clone(), Expect::Version(1)).into()))
            };
            judge(&*store, claims.to_vec(), rule).await
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    held.batch_execute("SELECT 1 FROM application WHERE id = 'a' FOR UPDATE").await.unwrap();
    held.commit().await.unwrap();
    ours.await.unwrap().unwrap();
    assert!(store.retries() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_that_name_the_same_claims_in_any_order_do_not_deadlock() {
    let schema = Schema::new();
    let store = Arc::new(schema.store().await);
    for name in ["a", "b", "c"] {
        put(&*store, &document(&acme(), name, None), Expect::New).await.unwrap();
    }
    let claim = |name: &str| Claim::Document(key(&document(&acme(), name, None)));
    let tasks: Vec<_> = (0..60)
        .map(|i| {
            let store = Arc::clone(&store);
            let mut claims = vec![claim("a"), claim("b"), claim("c")];
            claims.rotate_left(i % 3);
            let names = claims.clone();
            tokio::spawn(async move {
                let rule = Arc::new(move |claimed: &grantor_store::Claimed| {
                    // What was found is in the order of the claims, not of the locks.
                    let first = claimed.stored(0).unwrap();
                    assert_eq!(Claim::Document(key(first)), names[0]);
                    Ok(Effect::Put(first.clone(), Expect::Version(first.version)).into())
                });
                store.transact(Operation { claims, rule }).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.retries(), 0);
}

#[tokio::test]
async fn rel_009_a_commit_waits_for_the_disk_whatever_the_default() {
    for (default, expected) in
        [("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")]
    {
        let url = format!("{}?options=-c%20synchronous_commit%3D{default}", url());
        let connector = crate::connection::Connector::new(&PostgresConfig::new(url)).unwrap();
        let connection = connector.single().await.unwrap();
        let row = connection.client.query_one("SHOW synchronous_commit", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), expected, "{default}");
    }
}

/// Notes with which setting each statement that changes a row runs.
const WITNESS: &str = "
    CREATE TABLE witness (touched text, setting text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO witness VALUES (TG_TABLE_NAME, current_setting('synchronous_commit'));
        RETURN NULL;
    END $$;
    DO $$ DECLARE one text; BEGIN
        FOR one IN SELECT tablename FROM pg_tables
            WHERE schemaname = current_schema() AND tablename <> 'witness'
        LOOP
            EXECUTE format('CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON %I \
                            EXECUTE FUNCTION note()', one);
        END LOOP;
    END $$;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_009_every_write_of_a_store_waits_for_the_disk_whatever_the_default() {
    let schema = Schema::new();
    schema.store().await;
    let watching = client(&url()).await;
    watching.batch_execute(&format!("SET search_path TO {}", schema.0)).await.unwrap();
    watching.batch_execute(WITNESS).await.unwrap();
    let careless = format!("{}?options=-c%20synchronous_commit%3Doff", url());
    let store = PostgresStore::connect(schema.config_through(&careless)).await.unwrap();

    let granted = grant(&acme(), id(), "shop");
    write(&store, Effect::OpenGrant(Box::new(granted.clone())).into()).await.unwrap();
    rotate(&store, granted.id).await.unwrap();
    let revoke = Effect::Revoke(Box::new(revocation(&acme(), "shop")));
    write(&store, revoke.into()).await.unwrap();
    assert!(use_once(&store, UsedKind::AssertionJti, b"jti", at(60)).await.unwrap());
    put(&store, &document(&acme(), "orders", None), Expect::New).await.unwrap();
    write(&store, Effects::NONE.audit(event(&acme(), "alone"))).await.unwrap();

    let tables = "SELECT count(DISTINCT touched), count(*) FILTER (WHERE setting <> 'on') \
                  FROM witness";
    let row = watching.query_one(tables, &[]).await.unwrap();
    let (touched, careless): (i64, i64) = (row.get(0), row.get(1));
    assert!(touched >= 5, "grants, revocations, marks, documents, audit: {touched}");
    assert_eq!(careless, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_115_what_no_column_can_hold_is_no_failure_of_the_server() {
    let schema = Schema::new();
    let store = schema.store().await;
    // Long, and no compression makes it short.
    let long = |i: u32| format!("{:?}", grantor_crypto::digest::sha256(&i.to_be_bytes()));
    for odd in ["a\0b".to_owned(), (0..500).map(long).collect()] {
        let mut sought = document(&acme(), &odd, None);
        assert_eq!(store.document(&key(&sought)).await.unwrap(), None);
        sought.name = Some(odd.clone());
        let claims = vec![
            Claim::Document(key(&sought)),
            Claim::Attempts(acme(), odd.clone()),
            Claim::Used(UsedKind::AssertionJti, odd.clone().into_bytes()),
        ];
        let counted = Attempts { count: 3, last: 9 };
        let (account, value) = (odd.clone(), odd.clone().into_bytes());
        judge(&store, claims.clone(), move |claimed| {
            assert_eq!(claimed.stored(0), None);
            let effects = Effects::from(Effect::SetAttempts(acme(), account.clone(), counted))
                .and(Effect::MarkUsed(UsedKind::AssertionJti, value.clone(), at(60)));
            Ok(((), effects))
        })
        .await
        .unwrap();
        let found = judge(&store, claims, |claimed| {
            Ok(((claimed.attempts(1), claimed.used(2)), Effects::NONE))
        });
        assert_eq!(found.await.unwrap(), (counted, true));
        assert!(put(&store, &sought, Expect::New).await.is_err());
    }
}
