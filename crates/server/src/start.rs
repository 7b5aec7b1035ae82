//! Putting a node together, and taking it down again: the one way, for the program and for tests.

use std::sync::Arc;

use axum::Router;
use grantor_crypto::pool::PasswordPool;
use grantor_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::app::{App, Parts};
use crate::audit::AuditSink;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::listener::{self, Face, Listener};
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::{jobs, routes};

/// What a node is made of.
#[derive(Debug)]
pub struct Node {
    /// Where things are remembered; migrated, and with its default tenant
    pub store: Arc<dyn Store>,
    /// The derived keys
    pub secrets: Arc<Secrets>,
    /// Where passwords are hashed
    pub passwords: PasswordPool,
    /// What time it is
    pub clock: Arc<dyn Clock>,
    /// How the operator wants it
    pub settings: Settings,
}

/// A node that answers.
#[derive(Debug)]
pub struct Running {
    /// What its requests can reach
    pub app: App,
    listeners: Vec<JoinHandle<()>>,
    jobs: JoinSet<()>,
}

/// Loads what the node has to know, makes the keys that are missing, and begins to answer.
pub async fn start(node: Node, listeners: Vec<Listener>) -> Result<Running, StoreError> {
    let now = node.clock.now();
    let (store, secrets) = (Arc::clone(&node.store), Arc::clone(&node.secrets));
    let directory = Directory::load(store, secrets, now).await?;
    let app = App::new(Parts {
        store: node.store,
        directory: Arc::new(directory),
        secrets: node.secrets,
        passwords: node.passwords,
        audit: AuditSink::default(),
        decisions: crate::decisions::Decisions::default(),
        metrics: crate::metrics::Metrics::default(),
        clock: node.clock,
        settings: node.settings,
        client_failures: crate::throttle::Throttle::default(),
        draining: watch::Sender::new(false),
    });
    jobs::tend(&app).await?;
    let jobs = jobs::start(&app);
    let listeners = listeners
        .into_iter()
        .map(|listener| tokio::spawn(listener::serve(app.clone(), router(listener.face), listener)))
        .collect();
    Ok(Running { app, listeners, jobs })
}

fn router(face: Face) -> Router<App> {
    match face {
        Face::Public => routes::public().into_router(),
        Face::Operations => routes::operations().into_router(),
    }
}

impl Running {
    /// Stops taking requests, finishes what is in flight, and writes down what still waits
    /// (REL-028).
    pub async fn stop(mut self) {
        self.app.draining.send_replace(true);
        for listener in self.listeners {
            let _ = listener.await;
        }
        self.jobs.shutdown().await;
        self.app.audit.flush(&*self.app.store, self.app.clock.now()).await;
        if let Err(error) = jobs::audit::link(&self.app).await {
            tracing::warn!(%error, "the last audit rows wait for the next start to be linked");
        }
    }
}
