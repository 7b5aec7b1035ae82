//! A process or a database that is killed at any moment. REL-001.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use grantor_oauth_types::id::{GrantId, Id};
use grantor_store::contract::sample::{acme, event, grant, id_at};
use grantor_store::operations::{judge_grant, write};
use grantor_store::{AuditQuery, Effect, Effects, GrantQuery, Store, StoreError};

use super::cluster::Cluster;
use super::support::{Schema, client, url};
use crate::PostgresStore;

const SCHEMA: &str = "GRANTOR_KILLED_SCHEMA";
const CYCLE: &str = "GRANTOR_KILLED_CYCLE";

/// How often it is killed; CI may set more.
fn cycles() -> u64 {
    std::env::var("GRANTOR_KILL_CYCLES").map_or(50, |text| text.parse().unwrap())
}

/// Not a test but the process that `rel_001_…` kills: rotates grants, each with an event in the
/// same operation, and says on its output what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started, and killed, by rel_001"]
async fn the_process_that_is_killed() {
    let (Ok(schema), Ok(cycle)) = (std::env::var(SCHEMA), std::env::var(CYCLE)) else { return };
    let url = format!("{}?application_name={schema}", url());
    let config = crate::PostgresConfig::new(url).schema(schema).pool_size(4);
    let store = PostgresStore::connect(config).await.unwrap();
    let store: &'static PostgresStore = Box::leak(Box::new(store));
    let cycle: u64 = cycle.parse().unwrap();
    let tasks = (0..4_u64).map(|task| tokio::spawn(rotate_for_ever(store, cycle * 4 + task)));
    futures_util::future::join_all(tasks.collect::<Vec<_>>()).await;
}

async fn rotate_for_ever(store: &PostgresStore, number: u64) {
    let tenant = acme();
    let mut granted = grant(&tenant, Id::new(number, [1; 10]), "shop");
    granted.id = id_at(2_000_000_000_000 + number);
    let id = granted.id;
    let opened = Effects::from(Effect::OpenGrant(Box::new(granted))).audit(of(id, number, 1));
    write(store, opened).await.unwrap();
    acknowledge(id, 1);
    loop {
        let rotated = judge_grant(store, &tenant, id, move |found| {
            let mut grant = found.unwrap().clone();
            grant.refresh.generation += 1;
            let generation = grant.refresh.generation;
            let effects = Effects::from(Effect::UpdateGrant(Box::new(grant)));
            (generation, effects.audit(of(id, number, generation)))
        });
        acknowledge(id, rotated.await.unwrap());
    }
}

/// The event of a generation: its kind names the grant.
fn of(grant: GrantId, number: u64, generation: i64) -> grantor_domain::audit::AuditEvent {
    let mut event = event(&acme(), &format!("rotated.{grant}"));
    let millis = number * 1_000_000 + u64::try_from(generation).unwrap();
    event.id = id_at(3_000_000_000_000 + millis);
    event
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn acknowledge(grant: GrantId, generation: i64) {
    println!("\nACK {grant} {generation}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_001_rel_008_nothing_acknowledged_is_lost_and_nothing_is_half_done_after_kill_9() {
    let schema = Schema::new();
    let store = schema.store().await;
    let mut rotations = 0;
    for cycle in 0..cycles() {
        let acknowledged = run_and_kill(&schema.0, cycle).await;
        sessions_end(&schema.0).await;
        let query = GrantQuery { tenant: acme(), user: None, client: None, before: None, limit: 4 };
        let found = store.grants(&query).await.unwrap();
        let found: HashMap<GrantId, i64> =
            found.into_iter().map(|grant| (grant.id, grant.refresh.generation)).collect();
        for (grant, generation) in acknowledged {
            rotations += generation;
            let kept = found.get(&grant).copied().unwrap_or(0);
            assert!(kept >= generation, "cycle {cycle}: {generation} acknowledged, {kept} kept");
            assert!(kept <= generation + 1, "cycle {cycle}: only one was on its way");
            let events = AuditQuery {
                tenant: None,
                after: 0,
                chain: false,
                kind: Some(format!("rotated.{grant}")),
                since: None,
                limit: 100_000,
            };
            let events = store.audit(&events).await.unwrap().len();
            assert_eq!(i64::try_from(events).unwrap(), kept, "cycle {cycle}: one event each");
        }
    }
    assert!(rotations > 0, "it was always killed too early to have shown anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_001_rel_010_a_database_killed_with_9_loses_nothing_acknowledged_and_is_found_again() {
    let mut cluster = Cluster::start().await;
    let config = crate::PostgresConfig::new(cluster.url()).pool_size(8);
    let store: &'static PostgresStore =
        Box::leak(Box::new(PostgresStore::connect(config).await.unwrap()));
    let tenant = acme();
    let mut opened = Vec::new();
    for number in 0..8 {
        let granted = grant(&tenant, Id::new(number, [1; 10]), "shop");
        opened.push(granted.id);
        write(store, Effect::OpenGrant(Box::new(granted)).into()).await.unwrap();
    }
    for cycle in 0..cycles().div_ceil(10) {
        let mut writers = Vec::new();
        for id in &opened {
            let found = store.grant(&tenant, *id).await.unwrap().unwrap();
            let last = found.refresh.generation;
            writers.push(tokio::spawn(rotate_until_it_fails(store, *id, last)));
        }
        let [random] = grantor_crypto::random::bytes::<1>();
        tokio::time::sleep(Duration::from_millis(50 + u64::from(random))).await;
        cluster.kill();
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.push(writer.await.unwrap());
        }
        cluster.run().await;
        // The same store, without a restart, within five seconds.
        let found = tokio::time::timeout(Duration::from_secs(5), async {
            while store.last_change().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        found.await.expect("reconnects by itself");
        for (id, acknowledged) in opened.iter().zip(acknowledged) {
            let kept = store.grant(&tenant, *id).await.unwrap().unwrap().refresh.generation;
            assert!(kept >= acknowledged, "cycle {cycle}: {acknowledged} done, {kept} kept");
            assert!(kept <= acknowledged + 1, "cycle {cycle}: only one was on its way");
        }
    }
}

/// Rotates from generation `last` until the database is away; returns the last generation that was
/// acknowledged.
async fn rotate_until_it_fails(store: &PostgresStore, id: GrantId, mut last: i64) -> i64 {
    let tenant = acme();
    loop {
        let rotated = judge_grant(store, &tenant, id, |found| {
            let mut grant = found.unwrap().clone();
            grant.refresh.generation += 1;
            (grant.refresh.generation, Effect::UpdateGrant(Box::new(grant)).into())
        });
        match rotated.await {
            Ok(generation) => last = generation,
            Err(StoreError::Unavailable(_)) => return last,
            Err(other) => panic!("{other}"),
        }
    }
}

/// What the process had sent is still carried out: waits until the database has noticed that it is
/// gone.
async fn sessions_end(name: &str) {
    let client = client(&url()).await;
    let alive = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    while client.query_one(alive, &[&name]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Starts the process, kills it after a while, and returns the last generation of each grant that
/// it had said was done.
async fn run_and_kill(schema: &str, cycle: u64) -> HashMap<GrantId, i64> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::kill::the_process_that_is_killed", "--ignored", "--nocapture"])
        .env(SCHEMA, schema)
        .env(CYCLE, cycle.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut last = HashMap::new();
        for line in output.lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["ACK", grant, generation] = words[..] {
                last.insert(grant.parse().unwrap(), generation.parse().unwrap());
            }
        }
        last
    });
    let [random] = grantor_crypto::random::bytes::<1>();
    tokio::time::sleep(Duration::from_millis(40 + u64::from(random))).await;
    process.kill().unwrap();
    process.wait().unwrap();
    reader.join().unwrap()
}
