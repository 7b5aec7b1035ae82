//! What has to be done from time to time, by every node or by one of them.

pub mod audit;
mod keys;
pub mod rewrap;
pub mod withdraw;

use std::time::Duration;

use tokio::task::JoinSet;

pub use keys::{KeyDesk, rotate, tend};

use crate::app::App;

/// How often a node looks for changes that other nodes made: revocation reaches it within a second.
const FOLLOW_EVERY: Duration = Duration::from_millis(300);

/// How often the time is looked at for what changes with it alone: which key signs.
const TEND_EVERY: Duration = Duration::from_secs(30);

/// How often expired rows go.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Starts every job; they end with the set.
pub fn start(app: &App) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(follow(app.clone()));
    jobs.spawn(tend_keys(app.clone()));
    jobs.spawn(purge(app.clone()));
    jobs.spawn(audit::run(app.clone()));
    jobs.spawn(rewrap::run(app.clone()));
    jobs.spawn({
        let app = app.clone();
        async move { app.back_channel.run(&app).await }
    });
    jobs.spawn({
        let app = app.clone();
        async move { app.audit.run(app.store.clone(), app.clock.clone()).await }
    });
    jobs
}

async fn follow(app: App) {
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        if let Err(error) = app.directory.catch_up(app.clock.now()).await {
            tracing::warn!(%error, behind_ms = app.directory.behind(app.clock.now()), "changes not seen");
        }
    }
}

async fn tend_keys(app: App) {
    loop {
        if let Err(error) = tend(&app).await {
            tracing::error!(%error, "signing keys could not be looked after");
        }
        tokio::time::sleep(TEND_EVERY).await;
    }
}

async fn purge(app: App) {
    loop {
        tokio::time::sleep(PURGE_EVERY).await;
        let now = app.clock.now();
        loop {
            match app.store.purge(now, 500).await {
                Ok(0) => break,
                // A little at a time, so that nobody waits (REL-005).
                Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => {
                    tracing::warn!(%error, "expired rows stay for now");
                    break;
                }
            }
        }
        for view in app.directory.tenants().values() {
            // Tried again on top of what came in meanwhile: forgetting must lose no news.
            view.revocations.set.rcu(|set| {
                let mut set = (**set).clone();
                set.forget_until(now);
                set
            });
        }
    }
}
