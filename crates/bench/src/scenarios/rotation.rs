//! Refresh tokens that rotate: how many a second, beside what the store does alone.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::{cast, password_grant, say, store_alone, verdict};
use crate::floors::{self, ROUNDS, Stored};
use crate::load::{self, member};
use crate::world::{Admin, Basic, World};

/// Refresh tokens that rotate at once.
const CHAINS: usize = 64;

/// The settings under which rotation is measured: synchronous, and the goal.
pub(super) fn settings() -> [(&'static str, f64); 2] {
    [("normal", 45.0), ("full", 80.0)]
}

pub(super) async fn run(
    grantor: &Path,
    settings: &[(&str, f64)],
    grants: usize,
) -> anyhow::Result<()> {
    say("| Refresh rotation | Store alone | Server | Share | Goal | |\n|---|---|---|---|---|---|");
    for (synchronous, goal) in settings {
        let folder = tempfile::tempdir()?;
        let mut server = Rotating::start(grantor, folder.path(), synchronous).await?;
        // By turns, and the best of each: what others do on the machine only ever slows down.
        let (mut alone, mut rate) = (0.0_f64, 0.0_f64);
        for _ in 0..ROUNDS {
            alone = alone.max(store_alone(synchronous, Stored::Rotation, CHAINS).await?.rate);
            rate = rate.max(server.pass().await?);
        }
        let share = rate / alone * 100.0;
        say(&format!(
            "| SQLite, synchronous {synchronous}, {CHAINS} in flight | {alone:.0}/s | {rate:.0}/s | {share:.0} % | {goal:.0} % | {} |",
            verdict(share >= *goal)
        ));
    }
    let (empty, full) = (tempfile::tempdir()?, tempfile::tempdir()?);
    floors::fill(&full.path().join("bench.db"), grants).await?;
    let mut with_few = Rotating::start(grantor, empty.path(), "normal").await?;
    let mut with_many = Rotating::start(grantor, full.path(), "normal").await?;
    let (mut few, mut many) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        few = few.max(with_few.pass().await?);
        many = many.max(with_many.pass().await?);
    }
    let ratio = few / many;
    say(&format!(
        "| SQLite, with {grants} grants before | {few:.0}/s with few | {many:.0}/s | {ratio:.2} × | ≤ 1.30 × | {} |",
        verdict(ratio <= 1.3)
    ));
    Ok(())
}

/// A server with refresh tokens that rotate.
struct Rotating {
    world: Arc<World>,
    client: Basic,
    tokens: Vec<String>,
    /// How often each rotates in one pass
    count: usize,
}

impl Rotating {
    async fn start(grantor: &Path, folder: &Path, synchronous: &str) -> anyhow::Result<Self> {
        let (world, secret) = World::start(grantor, folder, synchronous).await?;
        let secret = secret.context("no one-time secret")?;
        let admin = Admin::bootstrap(&world.address, &secret).await?;
        let cast = cast(&admin).await?;
        let login = world.post("/oauth2/token", &cast.person, &password_grant(&cast));
        let mut tokens = Vec::with_capacity(CHAINS);
        for _ in 0..CHAINS {
            let answer = load::once(&world.address, &login).await?;
            tokens.push(member(&answer.body, "refresh_token")?);
        }
        let count = if synchronous == "full" { 50 } else { 250 };
        Ok(Self { world: Arc::new(world), client: cast.person, tokens, count })
    }

    /// Rotates each a number of times; returns how many rotations there were a second.
    async fn pass(&mut self) -> anyhow::Result<f64> {
        let (world, client) = (Arc::clone(&self.world), self.client.clone());
        let request = move |token: &str| {
            let form = format!("grant_type=refresh_token&refresh_token={token}");
            world.post("/oauth2/token", &client, &form)
        };
        let tokens = std::mem::take(&mut self.tokens);
        let (took, left) = load::rotate(&self.world.address, tokens, self.count, request).await?;
        self.tokens = left;
        Ok((CHAINS * self.count) as f64 / took.as_secs_f64())
    }
}
