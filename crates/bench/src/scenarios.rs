//! What is measured, and the table it comes to.

mod rotation;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum as _;
use serde_json::json;

use crate::Part;
use crate::delegation;
use crate::floors::{self, Bare, Measured, ROUNDS, Stored, Work};
use crate::load::{self, CONNECTIONS, member};
use crate::process::{Busy, Pinned, cpu, memory_mib};
use crate::world::{Admin, Basic, World};

/// A line of the table.
pub(crate) struct Row {
    what: String,
    floor: String,
    figure: String,
    share: f64,
    goal: f64,
}

/// The clients of the benchmark.
struct Cast {
    es256: Basic,
    rs256: Basic,
    reference: Basic,
    person: Basic,
    password: String,
}

/// Measures everything, or these parts, and prints the table.
pub(crate) async fn run(
    grantor: &Path,
    requests: usize,
    grants: usize,
    only: &[Part],
) -> anyhow::Result<()> {
    let wanted = |part| only.is_empty() || only.contains(&part);
    say("# Benchmark\n");
    say("| Operation | Floor | Figure | Share | Goal | |\n|---|---|---|---|---|---|");
    if only != [Part::Rotation] {
        one_server(grantor, requests, &wanted).await?;
    }
    if wanted(Part::Rotation) {
        rotation::run(grantor, &rotation::settings(), grants).await?;
    }
    Ok(())
}

/// What is measured on one and the same server.
async fn one_server(
    grantor: &Path,
    requests: usize,
    wanted: &impl Fn(Part) -> bool,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (world, secret) = World::start(grantor, folder.path(), "normal").await?;
    let admin = Admin::bootstrap(&world.address, &secret.context("no one-time secret")?).await?;
    let cast = cast(&admin).await?;
    let bare = Bare::start().await?;
    // Warm: caches, allocator, branch predictors.
    let warm = world.post("/oauth2/token", &cast.es256, GRANT);
    load::run(&world.address, Arc::new(vec![warm]), 2_000, |_, _| {}).await?;
    // A new tenant makes its keys in the background; the first seconds are theirs.
    tokio::time::sleep(Duration::from_secs(3)).await;

    if wanted(Part::Documents) {
        documents(&world, &bare, requests).await?;
    }
    if wanted(Part::Verification) {
        verification(&world, &cast, &bare, requests).await?;
    }
    if wanted(Part::Issuing) {
        issuing(&world, &cast, &bare, requests).await?;
    }
    // Hashing takes its own memory, 19 MiB each at a time, by design: it is looked at apart.
    let memory = memory_mib(world.server.pid)?;
    if wanted(Part::Delegation) {
        delegation::run(&world, &admin, &bare, requests / 20).await?;
    }
    if wanted(Part::Passwords) {
        passwords(&world, &cast).await?;
    }
    let hashing = memory_mib(world.server.pid)?;
    if !Part::value_variants().iter().all(|part| wanted(*part)) {
        return Ok(());
    }
    let world = world.restart(grantor).await?;
    say(&format!(
        "\nMemory after {:.1} million requests: {memory:.1} MiB (goal 30); after a flood of passwords: {hashing:.1} MiB. Start to first answer with an existing database: {} ms (goal 100).\n",
        requests as f64 * 5.65 / 1e6,
        world.start.as_millis()
    ));
    Ok(())
}

const GRANT: &str = "grant_type=client_credentials";

async fn cast(admin: &Admin) -> anyhow::Result<Cast> {
    admin.change("realms/customers", json!({ "password_grant": true })).await?;
    let user = admin.create("users", json!({ "realm": "customers", "name": "alice" })).await?;
    let id = user["id"].as_str().context("no id")?;
    let made = admin.create(&format!("users/{id}/password"), json!({})).await?;
    // The floor of a rotation is its storage alone: so no signature, but a sealed token.
    let person = json!({ "grant_types": ["password", "refresh_token"], "realms": ["customers"],
        "token_format": "reference", "compat": { "password_grant": true } });
    Ok(Cast {
        es256: admin.client("es256", json!({})).await?,
        rs256: admin.client("rs256", json!({ "signing_alg": "RS256" })).await?,
        reference: admin.client("reference", json!({ "token_format": "reference" })).await?,
        person: admin.client("person", person).await?,
        password: made["password"].as_str().context("no password")?.to_owned(),
    })
}

async fn documents(world: &World, bare: &Bare, requests: usize) -> anyhow::Result<()> {
    for (what, path) in
        [("JWKS", "/oauth2/jwks"), ("metadata", "/.well-known/openid-configuration")]
    {
        let get = [world.get(path, None)];
        measure(world, bare, what, Work::Nothing, &get, requests, 75.0).await?;
    }
    Ok(())
}

/// A line of the table: an operation beside its floor.
async fn measure(
    world: &World,
    bare: &Bare,
    what: &str,
    work: Work,
    requests: &[Vec<u8>],
    count: usize,
    goal: f64,
) -> anyhow::Result<()> {
    let pid = world.server.pid;
    let Measured { floor, cost } = bare.beside(work, &world.address, pid, requests, count).await?;
    print(&row(what, work.name(), floor, cost, goal));
    Ok(())
}

async fn verification(
    world: &World,
    cast: &Cast,
    bare: &Bare,
    requests: usize,
) -> anyhow::Result<()> {
    let few = requests / 10;
    let fresh = tokens(world, &cast.es256, 2 * few).await?;
    let info = |token: &String| world.get("/oauth2/tokeninfo", Some(&format!("Bearer {token}")));
    let ask =
        |token: &String| world.post("/oauth2/introspect", &cast.es256, &format!("token={token}"));
    let (infos, asks) = fresh.split_at(fresh.len() / 2);
    let first: Vec<_> = infos.iter().map(info).collect();
    measure(world, bare, "token info, ES256 JWT", Work::Es256Verify, &first, few, 70.0).await?;
    let first: Vec<_> = asks.iter().map(ask).collect();
    measure(world, bare, "introspection, ES256 JWT", Work::Es256Verify, &first, few, 70.0).await?;

    let what = "token info, verified before";
    measure(world, bare, what, Work::Sha256, &[info(&fresh[0])], requests, 60.0).await?;
    let what = "introspection, verified before";
    measure(world, bare, what, Work::Sha256, &[ask(&fresh[0])], requests, 60.0).await?;

    let sealed = tokens(world, &cast.reference, few).await?;
    let first: Vec<_> = sealed.iter().map(info).collect();
    measure(world, bare, "token info, reference token", Work::Open, &first, few, 50.0).await
}

async fn issuing(world: &World, cast: &Cast, bare: &Bare, requests: usize) -> anyhow::Result<()> {
    for (what, client, work, goal, share) in [
        ("client_credentials → ES256", &cast.es256, Work::Es256Sign, 60.0, 2),
        ("client_credentials → RS256", &cast.rs256, Work::Rs256Sign, 95.0, 20),
        ("client_credentials → reference", &cast.reference, Work::Seal, 50.0, 2),
    ] {
        let post = [world.post("/oauth2/token", client, GRANT)];
        measure(world, bare, what, work, &post, requests / share, goal).await?;
    }
    Ok(())
}

/// The password grant alone, and what a flood of it does to token info.
async fn passwords(world: &World, cast: &Cast) -> anyhow::Result<()> {
    let login = world.post("/oauth2/token", &cast.person, &password_grant(cast));
    let (mut floor, mut cost) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        floor = floor.min(floors::hash().await?);
        let before = cpu(world.server.pid)?;
        load::run(&world.address, Arc::new(vec![login.clone()]), 20, |_, _| {}).await?;
        cost = cost.min(cpu(world.server.pid)?.saturating_sub(before) / 20);
    }
    print(&row("password grant, argon2id", "the hash", floor, cost, 95.0));

    let token = tokens(world, &cast.es256, 1).await?.remove(0);
    let info = world.get("/oauth2/tokeninfo", Some(&format!("Bearer {token}")));
    let info = Arc::new(vec![info]);
    let p99 = async || -> anyhow::Result<Duration> {
        Ok(load::run(&world.address, Arc::clone(&info), 20_000, |_, _| {}).await?.p99())
    };
    let (mut quiet, mut busy) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        quiet = quiet.min(p99().await?);
        let flood = flood(world, &cast.person);
        tokio::time::sleep(Duration::from_millis(500)).await;
        busy = busy.min(p99().await?);
        flood.abort();
        // What the flood left behind is worked off.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    say(&format!(
        "| p99 of token info under a flood of password grants | {:.0} µs without | {:.0} µs | {:.1} × | ≤ 2 × | {} |",
        us(quiet),
        us(busy),
        us(busy) / us(quiet),
        verdict(busy <= quiet * 2)
    ));
    Ok(())
}

/// Password grants of users who do not exist, as SEC-118 has it: 500 a second, each name once, each on
/// a connection of its own.
fn flood(world: &World, client: &Basic) -> tokio::task::JoinHandle<()> {
    let (address, client) = (world.address.clone(), client.clone());
    let logins: Vec<Vec<u8>> = (0..30_000)
        .map(|number| {
            let form = format!(
                "grant_type=password&realm=customers&username=nobody{number}&password=wrong"
            );
            world.post("/oauth2/token", &client, &form)
        })
        .collect();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        let mut senders = tokio::task::JoinSet::new();
        for login in logins {
            ticks.tick().await;
            let address = address.clone();
            senders.spawn(async move { load::once(&address, &login).await.map(|a| a.status) });
            while senders.try_join_next().is_some() {}
        }
    })
}

/// What the storage alone does with as many operations in flight.
struct StoreAlone {
    /// Operations a second
    rate: f64,
    /// CPU time of one
    cpu: Duration,
}

/// The cheapest of some rounds of a storage operation alone.
pub(crate) async fn stored(what: Stored, in_flight: usize) -> anyhow::Result<Duration> {
    let mut cheapest = Duration::MAX;
    for _ in 0..ROUNDS {
        cheapest = cheapest.min(store_alone("normal", what, in_flight).await?.cpu);
    }
    Ok(cheapest)
}

/// What the storage of an operation does alone, with so many of them in flight.
async fn store_alone(
    synchronous: &str,
    what: Stored,
    in_flight: usize,
) -> anyhow::Result<StoreAlone> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("floor.db").display().to_string();
    let operations = if synchronous == "full" { 6_400 } else { 64_000 };
    let own = std::env::current_exe()?;
    let (in_flight, operations) = (in_flight.to_string(), operations.to_string());
    let what = what.to_possible_value().context("every operation has a name")?;
    let what = what.get_name();
    let arguments = ["floor-store", path.as_str(), synchronous, &in_flight, &operations, what];
    let busy = Busy::start();
    let (_process, mut lines) = Pinned::start(&own, &arguments)?;
    let line = lines.next_line().await?.context("no figure")?;
    drop(busy);
    let (rate, micros) = line.split_once(' ').context("no two figures")?;
    let cpu = Duration::from_secs_f64(micros.parse::<f64>()? / 1e6);
    Ok(StoreAlone { rate: rate.parse()?, cpu })
}

fn password_grant(cast: &Cast) -> String {
    format!("grant_type=password&realm=customers&username=alice&password={}", cast.password)
}

/// So many tokens of a client.
async fn tokens(world: &World, client: &str, count: usize) -> anyhow::Result<Vec<String>> {
    let kept = Arc::new(Mutex::new(Vec::with_capacity(count)));
    let keep = Arc::clone(&kept);
    let post = world.post("/oauth2/token", client, GRANT);
    load::run(&world.address, Arc::new(vec![post]), count, move |_, answer| {
        if let Ok(token) = member(&answer.body, "access_token") {
            keep.lock().expect("nobody panics").push(token);
        }
    })
    .await?;
    let tokens = std::mem::take(&mut *kept.lock().expect("nobody panics"));
    Ok(tokens)
}

/// Drives any server with one request.
pub(crate) async fn drive(
    address: &str,
    request: &Path,
    pid: Option<u32>,
    requests: usize,
) -> anyhow::Result<()> {
    let bytes = std::fs::read(request).with_context(|| request.display().to_string())?;
    let before = pid.map(cpu).transpose()?;
    let run = load::run(address, Arc::new(vec![bytes]), requests, |_, _| {}).await?;
    say(&format!(
        "{:.0} requests/s over {CONNECTIONS} connections, p99 {:.0} µs",
        requests as f64 / run.took.as_secs_f64(),
        us(run.p99())
    ));
    if let (Some(pid), Some(before)) = (pid, before) {
        let each = cpu(pid)?.saturating_sub(before) / u32::try_from(requests)?;
        say(&format!("{:.1} µs of CPU a request", us(each)));
    }
    Ok(())
}

pub(crate) fn row(what: &str, of: &str, floor: Duration, cost: Duration, goal: f64) -> Row {
    Row {
        what: what.to_owned(),
        floor: format!("{of}: {:.1} µs", us(floor)),
        figure: format!("{:.1} µs", us(cost)),
        share: floor.as_secs_f64() / cost.as_secs_f64() * 100.0,
        goal,
    }
}

pub(crate) fn print(row: &Row) {
    let Row { what, floor, figure, share, goal } = row;
    say(&format!(
        "| {what} | {floor} | {figure} | {share:.0} % | {goal:.0} % | {} |",
        verdict(share >= goal)
    ));
}

fn verdict(good: bool) -> &'static str {
    if good { "✓" } else { "short" }
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[expect(clippy::print_stdout, reason = "the answer of the program")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
