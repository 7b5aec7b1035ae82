//! What an operation costs; run by hand, for the documentation of the crate:
//! `cargo test --release -p grantor-store-postgres -- --ignored --nocapture what_it_costs`.

use std::sync::Arc;

use futures_util::future::join_all;
use grantor_oauth_types::id::GrantId;
use grantor_store::Store;
use grantor_store::contract::sample::{acme, document, event, grant, id, key, put};
use grantor_store::operations::{judge_grant, use_once, write};
use grantor_store::{Effect, Effects, Expect, UsedKind};

use super::support::Schema;
use crate::PostgresStore;

const TASKS: usize = 32;

/// Ticks of this process's CPU time, a hundredth of a second each (proc(5)).
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[expect(clippy::print_stdout, reason = "a person reads it")]
async fn measure<F: Future<Output = ()> + Send + 'static>(
    what: &str,
    each: usize,
    work: impl Fn(usize, usize) -> F + Send + Sync + 'static,
) {
    let work = Arc::new(work);
    let (before, watch) = (ticks(), tokio::time::sleep(std::time::Duration::ZERO));
    let began = watch.deadline();
    let tasks = (0..TASKS).map(|task| {
        let work = Arc::clone(&work);
        tokio::spawn(async move {
            for round in 0..each {
                work(task, round).await;
            }
        })
    });
    for task in join_all(tasks.collect::<Vec<_>>()).await {
        task.unwrap();
    }
    let elapsed = tokio::time::sleep(std::time::Duration::ZERO).deadline() - began;
    let count = (TASKS * each) as u64;
    let cpu = (ticks() - before) * 10_000 / count;
    let rate = u128::from(count) * 1_000_000 / elapsed.as_micros();
    println!("{what}: {cpu} µs of CPU each, {rate} a second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn what_it_costs() {
    let schema = Schema::new();
    let store = PostgresStore::connect(schema.config().pool_size(8)).await.unwrap();
    let store: &'static PostgresStore = Box::leak(Box::new(store));
    let stored = document(&acme(), "orders", Some("name"));
    put(store, &stored, Expect::New).await.unwrap();
    let mut grants: Vec<GrantId> = Vec::new();
    for _ in 0..TASKS {
        let granted = grant(&acme(), id(), "shop");
        grants.push(granted.id);
        write(store, Effect::OpenGrant(Box::new(granted)).into()).await.unwrap();
    }
    let grants: &'static [GrantId] = grants.leak();
    let sought: &'static _ = Box::leak(Box::new(key(&stored)));

    measure("read a document", 2_000, move |_, _| async move {
        store.document(sought).await.unwrap().unwrap();
    })
    .await;
    measure("read a grant", 2_000, move |task, _| async move {
        store.grant(&acme(), grants[task]).await.unwrap().unwrap();
    })
    .await;
    measure("append an event", 300, move |_, _| async move {
        write(store, Effects::NONE.audit(event(&acme(), "test"))).await.unwrap();
    })
    .await;
    measure("open a grant with its event", 300, move |_, _| async move {
        let granted = grant(&acme(), id(), "shop");
        let effects = Effects::from(Effect::OpenGrant(Box::new(granted)));
        write(store, effects.audit(event(&acme(), "test"))).await.unwrap();
    })
    .await;
    measure("rotate a grant with its event", 300, move |task, _| async move {
        judge_grant(store, &acme(), grants[task], |found| {
            let mut grant = found.unwrap().clone();
            grant.refresh.generation += 1;
            let effects = Effects::from(Effect::UpdateGrant(Box::new(grant)));
            ((), effects.audit(event(&acme(), "test")))
        })
        .await
        .unwrap();
    })
    .await;
    measure("use once", 300, move |task, round| async move {
        let value = format!("{task} {round}");
        let until = grantor_store::contract::sample::at(60);
        assert!(use_once(store, UsedKind::AssertionJti, value.as_bytes(), until).await.unwrap());
    })
    .await;
}
