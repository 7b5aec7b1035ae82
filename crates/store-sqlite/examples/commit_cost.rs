//! What a durable operation costs, storage alone: the floor for everything built on it.
//!
//! ```text
//! cargo run --release -p grantor-store-sqlite --example commit_cost [-- FOLDER [SECONDS [IN_FLIGHT…]]]
//! ```
//!
//! The operation is a refresh: one grant is claimed, judged and updated, and an event of the usual
//! size remembered. CPU is that of the whole process. FOLDER should lie on the disk to be measured.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grantor_crypto::digest::SecretDigest;
use grantor_domain::grant::Grant;
use grantor_store::contract::sample::{acme, event, grant, id};
use grantor_store::operations::{judge_grant, write};
use grantor_store::{Effect, Effects, Store};
use grantor_store_sqlite::{SqliteStore, StoreConfig, Synchronous};

const GRANTS: usize = 10_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let in_flight: Vec<usize> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    let in_flight = if in_flight.is_empty() { vec![1, 8, 64] } else { in_flight };
    let mut out = std::io::stdout();
    writeln!(out, "{:<8} {:>9} {:>9} {:>12}", "commit", "in flight", "ops/s", "us CPU/op")?;
    for synchronous in [Synchronous::Normal, Synchronous::Full] {
        for &in_flight in &in_flight {
            let place = tempfile::tempdir_in(&folder)?;
            let (rate, cpu) =
                measure(place.path(), synchronous, in_flight, Duration::from_secs(seconds)).await?;
            let name = format!("{synchronous:?}").to_uppercase();
            writeln!(out, "{name:<8} {in_flight:>9} {rate:>9.0} {cpu:>12.1}")?;
        }
    }
    Ok(())
}

async fn measure(
    folder: &Path,
    synchronous: Synchronous,
    in_flight: usize,
    duration: Duration,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let mut config = StoreConfig::new(folder.join("cost.db"));
    config.synchronous = synchronous;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(config)?);
    let grants: Arc<Vec<Grant>> =
        Arc::new((0..GRANTS).map(|_| grant(&acme(), id(), "shop")).collect());
    for some in grants.chunks(500) {
        let open = some.iter().map(|grant| Effect::OpenGrant(Box::new(grant.clone())));
        write(&*store, Effects(open.collect())).await?;
    }
    let done = Arc::new(AtomicU64::new(0));
    let (start, cpu_before) = (now(), cpu()?);
    let tasks = (0..in_flight).map(|task| {
        let (store, grants, done) = (Arc::clone(&store), Arc::clone(&grants), Arc::clone(&done));
        tokio::spawn(async move {
            let mut number = task * 7_919;
            while start.elapsed() < duration {
                number = (number * 1_103_515_245 + 12_345) & 0xff_ffff;
                refresh(&*store, &grants[number % GRANTS]).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let done = done.load(Ordering::Relaxed) as f64;
    let elapsed = start.elapsed().as_secs_f64();
    Ok((done / elapsed, (cpu()? - cpu_before) * 1e6 / done))
}

async fn refresh(store: &dyn Store, grant: &Grant) {
    let told = event(&grant.tenant, "token.refreshed");
    let refreshed = judge_grant(store, &grant.tenant, grant.id, move |found| {
        let mut next = found.expect("it was opened").clone();
        next.refresh.generation += 1;
        next.refresh.digest = SecretDigest::of("a secret of forty-three characters or thereabouts");
        let effects = Effects::from(Effect::UpdateGrant(Box::new(next))).audit(told.clone());
        ((), effects)
    });
    refreshed.await.expect("the disk has room");
}

#[expect(clippy::disallowed_methods, reason = "a measurement looks at the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Seconds of CPU, user and system, since the process began.
fn cpu() -> Result<f64, Box<dyn std::error::Error>> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.collect::<Result<Vec<_>, _>>()?.iter().sum::<f64>() / TICKS_PER_SECOND)
}
