//! A database that is away, slow, or full of locks. REL-010, REL-015.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use grantor_store::contract::sample::{acme, document, event, grant, id, key, put};
use grantor_store::operations::{judge_grant, write};
use grantor_store::{Effect, Effects, Expect, Store, StoreError};

use super::proxy::Proxy;
use super::support::{Schema, client, url};
use crate::{ConnectError, PostgresConfig, PostgresStore};

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_015_a_locked_table_gives_unavailable_within_three_seconds_and_recovers() {
    let schema = Schema::new();
    let store = Arc::new(schema.store().await);
    let granted = grant(&acme(), id(), "shop");
    write(&*store, Effect::OpenGrant(Box::new(granted.clone())).into()).await.unwrap();
    let mut other = client(&url()).await;
    let locked = other.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.grants IN ACCESS EXCLUSIVE MODE", schema.0);
    locked.batch_execute(&lock).await.unwrap();

    // Many more than there are connections: those without one must not wait longer.
    let operations = join_all((0..40).map(|_| {
        let store = Arc::clone(&store);
        async move {
            judge_grant(&*store, &acme(), granted.id, |grant| {
                ((), Effect::UpdateGrant(Box::new(grant.unwrap().clone())).into())
            })
            .await
        }
    }));
    let bound = Duration::from_millis(3_300);
    let outcomes = tokio::time::timeout(bound, operations).await.expect("within three seconds");
    assert!(outcomes.iter().all(is_unavailable), "{outcomes:?}");
    assert!(is_unavailable(&store.grant(&acme(), granted.id).await));

    locked.rollback().await.unwrap();
    let tenant = acme();
    let read = tokio::time::timeout(Duration::from_secs(1), store.grant(&tenant, granted.id));
    assert_eq!(read.await.unwrap().unwrap(), Some(granted));
}

#[tokio::test]
async fn rel_024_the_database_says_what_time_it_is() {
    let schema = Schema::new();
    let store = schema.store().await;
    let theirs = store.clock().await.unwrap().expect("PostgreSQL has a clock");
    let host = std::process::Command::new("date").arg("+%s").output().unwrap();
    let host: i64 = String::from_utf8(host.stdout).unwrap().trim().parse().unwrap();
    assert!((theirs.as_second() - host).abs() <= 5, "{theirs} is not {host}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_015_an_exhausted_pool_gives_unavailable_in_time() {
    let schema = Schema::new();
    let store = PostgresStore::connect(schema.config().pool_size(1)).await.unwrap();
    let held = store.pool.connection().await.unwrap();
    let bound = Duration::from_millis(2_100);
    let outcome = tokio::time::timeout(bound, store.last_change()).await.unwrap();
    assert!(is_unavailable(&outcome), "{outcome:?}");
    drop(held);
    store.last_change().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_015_no_session_waits_for_ever_for_a_query_a_lock_or_us() {
    let session = async |config: &PostgresConfig| {
        crate::connection::Connector::new(config).unwrap().single().await.unwrap()
    };
    let ours = session(&PostgresConfig::new(url())).await;
    for name in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
        let ask = "SELECT setting::bigint FROM pg_settings WHERE name = $1";
        let set: i64 = ours.client.query_one(ask, &[&name]).await.unwrap().get(0);
        assert!((1..=5_000).contains(&set), "{name}: {set} ms");
    }
    let mut hasty = PostgresConfig::new(url());
    hasty.statement_timeout = Duration::from_millis(100);
    hasty.idle_in_transaction_timeout = Duration::from_millis(100);
    let session = session(&hasty).await;
    let slow = session.client.batch_execute("SELECT pg_sleep(30)");
    let ended = tokio::time::timeout(Duration::from_secs(5), slow).await.expect("ended");
    assert!(ended.is_err(), "a slow query");
    session.client.batch_execute("BEGIN").await.unwrap();
    let gone = async {
        while !session.client.is_closed() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("a transaction we forgot");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_010_a_node_reconnects_by_itself_when_the_database_is_back() {
    let schema = Schema::new();
    let mut proxy = Proxy::new().await;
    let store = PostgresStore::connect(schema.config_through(&proxy.url)).await.unwrap();
    let store = Arc::new(store);
    // Fill the pool, so that every connection in it dies.
    join_all((0..20).map(|_| store.last_change())).await;
    proxy.stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..50 {
        let outcome = tokio::time::timeout(Duration::from_secs(2), store.last_change()).await;
        assert!(is_unavailable(&outcome.expect("fast")), "away");
    }
    let before = proxy.accepted();
    proxy.start().await;
    let mut failed = 0;
    while is_unavailable(&store.last_change().await) {
        failed += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(failed < 40, "back within two seconds");
    }
    let outcomes = join_all((0..200).map(|_| store.last_change())).await;
    assert!(outcomes.iter().all(Result::is_ok));
    write(&*store, Effects::NONE.audit(event(&acme(), "back"))).await.unwrap();
    assert!(proxy.accepted() - before <= 2 * 6, "no storm of connections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_010_a_restart_between_two_requests_is_not_noticed() {
    let schema = Schema::new();
    let mut proxy = Proxy::new().await;
    let store = PostgresStore::connect(schema.config_through(&proxy.url)).await.unwrap();
    let stored = document(&acme(), "orders", None);
    put(&store, &stored, Expect::New).await.unwrap();
    join_all((0..20).map(|_| store.last_change())).await;
    for _ in 0..5 {
        proxy.stop();
        proxy.start().await;
        assert!(store.document(&key(&stored)).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_010_backends_that_are_terminated_are_replaced() {
    let schema = Schema::new();
    let marked = format!("{}?application_name={}", url(), schema.0);
    let store = PostgresStore::connect(schema.config_through(&marked)).await.unwrap();
    join_all((0..20).map(|_| store.last_change())).await;
    let other = client(&url()).await;
    let ended = other
        .query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            &[&schema.0],
        )
        .await
        .unwrap();
    assert!(!ended.is_empty());
    for _ in 0..10 {
        store.last_change().await.unwrap();
    }
    write(&store, Effects::NONE.audit(event(&acme(), "back"))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_010_the_next_host_is_taken_when_the_first_is_away() {
    let schema = Schema::new();
    let (mut first, second) = (Proxy::new().await, Proxy::new().await);
    let port = |proxy: &Proxy| {
        let config: tokio_postgres::Config = proxy.url.parse().unwrap();
        config.get_ports()[0]
    };
    let from = format!("127.0.0.1:{}", port(&first));
    let url = first.url.replace(&from, &format!("{from},127.0.0.1:{}", port(&second)));
    let store = PostgresStore::connect(schema.config_through(&url)).await.unwrap();
    store.last_change().await.unwrap();
    assert_eq!(second.accepted(), 0);
    first.stop();
    store.last_change().await.unwrap();
    assert!(second.accepted() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_013_a_server_that_only_reads_is_not_taken() {
    let url = format!("{}?options=-c%20default_transaction_read_only%3Don", url());
    let refusal = PostgresStore::connect(PostgresConfig::new(url)).await.unwrap_err();
    assert!(matches!(refusal, ConnectError::Unavailable(_)), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_017_a_network_that_swallows_everything_gives_unavailable_in_time() {
    let schema = Schema::new();
    let store = schema.store().await;
    // Suspended with its lock held: from here it looks like a network that answers nothing.
    let connection = store.pool.connection().await.unwrap();
    let endless = store.pool.in_time::<()>(Duration::ZERO, async {
        let _connection = connection;
        std::future::pending().await
    });
    let outcome = tokio::time::timeout(Duration::from_millis(4_500), endless).await.unwrap();
    assert!(matches!(outcome, Err(crate::fault::Fault::Final(StoreError::Unavailable(_)))));
}
