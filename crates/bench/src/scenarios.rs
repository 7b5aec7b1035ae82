//! What is measured, and the table it comes to.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum as _;
use serde_json::json;

use crate::Part;
use crate::delegation;
use crate::floors::{self, Crypto, Stored};
use crate::load::{self, CONNECTIONS, member};
use crate::process::{Busy, Pinned, cpu, memory_mib};
use crate::world::{Admin, Basic, World};

/// Refresh tokens that rotate at once.
const CHAINS: usize = 64;

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
    let crypto = Crypto::measure_as_a_server().await?;
    let bare = bare(requests).await?;
    say(&format!(
        "Floors, CPU µs each: bare axum {:.1}, ES256 sign {:.1}, ES256 verify {:.1}, RS256 sign {:.1}, seal {:.2}, open {:.2}, SHA-256 {:.2}; argon2id {:.1} ms.\n",
        us(bare),
        us(crypto.es256_sign),
        us(crypto.es256_verify),
        us(crypto.rs256_sign),
        us(crypto.seal),
        us(crypto.open),
        us(crypto.digest),
        us(crypto.argon2id) / 1000.0
    ));
    say("| Operation | Floor | Figure | Share | Goal | |\n|---|---|---|---|---|---|");
    if only != [Part::Rotation] {
        one_server(grantor, bare, &crypto, requests, &wanted).await?;
    }
    if wanted(Part::Rotation) {
        rotation(grantor, &cast_rotation(), grants).await?;
    }
    Ok(())
}

/// What is measured on one and the same server.
async fn one_server(
    grantor: &Path,
    bare: Duration,
    crypto: &Crypto,
    requests: usize,
    wanted: &impl Fn(Part) -> bool,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (world, secret) = World::start(grantor, folder.path(), "normal").await?;
    let admin = Admin::bootstrap(&world.address, &secret.context("no one-time secret")?).await?;
    let cast = cast(&admin).await?;
    // Warm: caches, allocator, branch predictors.
    let warm = world.post("/oauth2/token", &cast.es256, GRANT);
    load::run(&world.address, Arc::new(vec![warm]), 2_000, |_, _| {}).await?;
    // A new tenant makes its keys in the background; the first seconds are theirs.
    tokio::time::sleep(Duration::from_secs(3)).await;

    if wanted(Part::Documents) {
        documents(&world, bare, requests).await?;
    }
    if wanted(Part::Verification) {
        verification(&world, &cast, bare, crypto, requests).await?;
    }
    if wanted(Part::Issuing) {
        issuing(&world, &cast, bare, crypto, requests).await?;
    }
    // Hashing takes its own memory, 19 MiB each at a time, by design: it is looked at apart.
    let memory = memory_mib(world.server.pid)?;
    if wanted(Part::Delegation) {
        delegation::run(&world, &admin, bare, crypto, requests / 20).await?;
    }
    if wanted(Part::Passwords) {
        passwords(&world, &cast, crypto).await?;
    }
    let hashing = memory_mib(world.server.pid)?;
    if !Part::value_variants().iter().all(|part| wanted(*part)) {
        return Ok(());
    }
    let world = world.restart(grantor).await?;
    say(&format!(
        "\nMemory after {:.1} million requests: {memory:.1} MiB (goal 30); after a flood of passwords: {hashing:.1} MiB. Start to first answer with an existing database: {} ms (goal 100).\n",
        requests as f64 * 6.8 / 1e6,
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

/// What the bare server costs.
async fn bare(requests: usize) -> anyhow::Result<Duration> {
    let own = std::env::current_exe()?;
    let (server, mut lines) = Pinned::start(&own, &["floor-server"])?;
    let address = lines.next_line().await?.context("no address")?;
    let get = format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
    let cost = cost(&address, server.pid, vec![get], requests).await?;
    drop(server);
    Ok(cost)
}

/// CPU time of the server per request.
pub(crate) async fn cost(
    address: &str,
    pid: u32,
    requests: Vec<Vec<u8>>,
    count: usize,
) -> anyhow::Result<Duration> {
    let before = cpu(pid)?;
    load::run(address, Arc::new(requests), count, |_, _| {}).await?;
    Ok(cpu(pid)?.saturating_sub(before) / u32::try_from(count)?)
}

async fn documents(world: &World, bare: Duration, requests: usize) -> anyhow::Result<()> {
    for (what, path) in
        [("JWKS", "/oauth2/jwks"), ("metadata", "/.well-known/openid-configuration")]
    {
        let get = world.get(path, None);
        let cost = cost(&world.address, world.server.pid, vec![get], requests).await?;
        print(&row(what, "bare", bare, cost, 75.0));
    }
    Ok(())
}

async fn verification(
    world: &World,
    cast: &Cast,
    bare: Duration,
    crypto: &Crypto,
    requests: usize,
) -> anyhow::Result<()> {
    let fresh = tokens(world, &cast.es256, requests / 10).await?;
    let info = |token: &String| world.get("/oauth2/tokeninfo", Some(&format!("Bearer {token}")));
    let ask =
        |token: &String| world.post("/oauth2/introspect", &cast.es256, &format!("token={token}"));
    let (address, pid) = (&world.address, world.server.pid);
    let half = fresh.len() / 2;
    let first: Vec<_> = fresh[..half].iter().map(info).collect();
    let verify = bare + crypto.es256_verify;
    let what = "token info, ES256 JWT";
    print(&row(what, "bare + verify", verify, cost(address, pid, first, half).await?, 70.0));
    let first: Vec<_> = fresh[half..].iter().map(ask).collect();
    let count = first.len();
    let what = "introspection, ES256 JWT";
    print(&row(what, "bare + verify", verify, cost(address, pid, first, count).await?, 70.0));

    let known = bare + crypto.digest;
    let again = cost(address, pid, vec![info(&fresh[0])], requests).await?;
    print(&row("token info, verified before", "bare + SHA-256", known, again, 60.0));
    let again = cost(address, pid, vec![ask(&fresh[0])], requests).await?;
    print(&row("introspection, verified before", "bare + SHA-256", known, again, 60.0));

    let sealed = tokens(world, &cast.reference, requests / 10).await?;
    let first: Vec<_> = sealed.iter().map(info).collect();
    let count = first.len();
    let open = bare + crypto.open;
    let cost = cost(address, pid, first, count).await?;
    print(&row("token info, reference token", "bare + open", open, cost, 50.0));
    Ok(())
}

async fn issuing(
    world: &World,
    cast: &Cast,
    bare: Duration,
    crypto: &Crypto,
    requests: usize,
) -> anyhow::Result<()> {
    for (what, client, floor, of, goal, share) in [
        ("client_credentials → ES256", &cast.es256, crypto.es256_sign, "bare + sign", 60.0, 2),
        ("client_credentials → RS256", &cast.rs256, crypto.rs256_sign, "bare + sign", 95.0, 20),
        ("client_credentials → reference", &cast.reference, crypto.seal, "bare + seal", 50.0, 2),
    ] {
        let post = world.post("/oauth2/token", client, GRANT);
        let cost = cost(&world.address, world.server.pid, vec![post], requests / share).await?;
        print(&row(what, of, bare + floor, cost, goal));
    }
    Ok(())
}

/// The password grant alone, and what a flood of it does to token info.
async fn passwords(world: &World, cast: &Cast, crypto: &Crypto) -> anyhow::Result<()> {
    let form =
        format!("grant_type=password&realm=customers&username=alice&password={}", cast.password);
    let login = world.post("/oauth2/token", &cast.person, &form);
    let cost = cost(&world.address, world.server.pid, vec![login], 100).await?;
    print(&row("password grant, argon2id", "the hash", crypto.argon2id, cost, 95.0));

    let token = tokens(world, &cast.es256, 1).await?.remove(0);
    let info = world.get("/oauth2/tokeninfo", Some(&format!("Bearer {token}")));
    let quiet = load::run(&world.address, Arc::new(vec![info.clone()]), 20_000, |_, _| {}).await?;
    let flood = flood(world, &cast.person);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let busy = load::run(&world.address, Arc::new(vec![info]), 20_000, |_, _| {}).await?;
    flood.abort();
    say(&format!(
        "| p99 of token info under a flood of password grants | {:.0} µs without | {:.0} µs | {:.1} × | ≤ 2 × | {} |",
        us(quiet.p99()),
        us(busy.p99()),
        us(busy.p99()) / us(quiet.p99()),
        verdict(busy.p99() <= quiet.p99() * 2)
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

/// The settings under which rotation is measured: synchronous, and the goal.
fn cast_rotation() -> [(&'static str, f64); 2] {
    [("normal", 45.0), ("full", 80.0)]
}

async fn rotation(grantor: &Path, settings: &[(&str, f64)], grants: usize) -> anyhow::Result<()> {
    say("| Refresh rotation | Store alone | Server | Share | Goal | |\n|---|---|---|---|---|---|");
    let mut few = 0.0;
    for (synchronous, goal) in settings {
        let alone = store_alone(synchronous, Stored::Rotation, CHAINS).await?.rate;
        let folder = tempfile::tempdir()?;
        let rate = rotations(grantor, folder.path(), synchronous).await?;
        if *synchronous == "normal" {
            few = rate;
        }
        let share = rate / alone * 100.0;
        say(&format!(
            "| SQLite, synchronous {synchronous}, {CHAINS} in flight | {alone:.0}/s | {rate:.0}/s | {share:.0} % | {goal:.0} % | {} |",
            verdict(share >= *goal)
        ));
    }
    let folder = tempfile::tempdir()?;
    floors::fill(&folder.path().join("bench.db"), grants).await?;
    let many = rotations(grantor, folder.path(), "normal").await?;
    let ratio = few / many;
    say(&format!(
        "| SQLite, with {grants} grants before | {few:.0}/s with few | {many:.0}/s | {ratio:.2} × | ≤ 1.30 × | {} |",
        verdict(ratio <= 1.3)
    ));
    Ok(())
}

/// What the storage alone does with as many operations in flight.
pub(crate) struct StoreAlone {
    /// Operations a second
    pub(crate) rate: f64,
    /// CPU time of one
    pub(crate) cpu: Duration,
}

/// What the storage of an operation does alone, with so many of them in flight.
pub(crate) async fn store_alone(
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

async fn rotations(grantor: &Path, folder: &Path, synchronous: &str) -> anyhow::Result<f64> {
    let (world, secret) = World::start(grantor, folder, synchronous).await?;
    let admin = Admin::bootstrap(&world.address, &secret.context("no one-time secret")?).await?;
    let cast = cast(&admin).await?;
    let form =
        format!("grant_type=password&realm=customers&username=alice&password={}", cast.password);
    let mut tokens = Vec::with_capacity(CHAINS);
    for _ in 0..CHAINS {
        let login = world.post("/oauth2/token", &cast.person, &form);
        let answer = load::once(&world.address, &login).await?;
        tokens.push(member(&answer.body, "refresh_token")?);
    }
    let count = if synchronous == "full" { 100 } else { 500 };
    let (head, host) = (cast.person.clone(), Arc::new(world));
    let world = Arc::clone(&host);
    let took = load::rotate(&host.address, tokens, count, move |token| {
        world.post(
            "/oauth2/token",
            &head,
            &format!("grant_type=refresh_token&refresh_token={token}"),
        )
    })
    .await?;
    Ok((CHAINS * count) as f64 / took.as_secs_f64())
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
