//! Putting a node together, and taking it down again: the one way, for the program and for tests.

use std::sync::Arc;
use std::time::Duration;

use grantor_crypto::pool::PasswordPool;
use grantor_domain::throttle::{FREE_FROM_ONE_ADDRESS, Pace};
use grantor_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::app::{App, Parts};
use crate::audit::AuditSink;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::listener::{self, Face, Listener};
use crate::outbound::Outbound;
use crate::secrets::Secrets;
use crate::settings::{Failures, Settings};
use crate::throttle::Throttle;
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
    /// Where people and programs come in
    public: Served,
    /// Health and metrics: open until the end, so that balancers see that we go
    operations: Served,
    jobs: JoinSet<()>,
}

/// Loads what the node has to know, makes the keys that are missing, and begins to answer.
pub async fn start(node: Node, listeners: Vec<Listener>) -> Result<Running, StoreError> {
    let now = node.clock.now();
    let (store, secrets) = (Arc::clone(&node.store), Arc::clone(&node.secrets));
    let mutual_tls = node.settings.mutual_tls.clone();
    let directory = Directory::load(store, secrets, mutual_tls, now).await?;
    let outbound = Outbound::new(&node.settings.outbound, Arc::clone(&node.clock))
        .map_err(|error| StoreError::Unavailable(format!("the outbound settings: {error}")))?;
    let Failures { per_client, per_address } = node.settings.failures;
    let client_pace = Pace { free: per_client, forgiven_in: 15 };
    let address_pace = Pace { free: per_address, forgiven_in: 5 };
    let account_pace = Pace { free: FREE_FROM_ONE_ADDRESS, forgiven_in: 60 };
    let query_pace = Pace { free: per_address, forgiven_in: 1 };
    let app = App::new(Parts {
        outbound,
        back_channel: crate::logout::BackChannel::default(),
        client_keys: crate::client_keys::ClientKeys::default(),
        upstream_tokeninfo: crate::upstream_tokeninfo::Upstream::default(),
        request_files: crate::request_files::RequestFiles::default(),
        store: node.store,
        directory: Arc::new(directory),
        secrets: node.secrets,
        passwords: node.passwords,
        audit: AuditSink::default(),
        decisions: crate::decisions::Decisions::default(),
        metrics: crate::metrics::Metrics::default(),
        clock: node.clock,
        client_failures: Throttle::new(client_pace),
        password_failures: Throttle::new(address_pace),
        account_failures: Throttle::new(account_pace),
        query_failures: Throttle::new(query_pace),
        load: crate::shedding::Load::new(node.settings.max_requests),
        settings: node.settings,
        turnstiles: crate::turnstile::Turnstiles::default(),
        draining: watch::Sender::new(false),
    });
    jobs::tend(&app).await?;
    let jobs = jobs::start(&app);
    let (mut public, mut operations) = (Served::default(), Served::default());
    for listener in listeners {
        match listener.face {
            Face::Public | Face::MutualTls => public.add(&app, listener),
            Face::Operations => operations.add(&app, listener),
        }
    }
    Ok(Running { app, public, operations, jobs })
}

/// Listeners that close together.
#[derive(Debug, Default)]
struct Served {
    closing: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Served {
    fn add(&mut self, app: &App, listener: Listener) {
        let closing = self.closing.subscribe();
        let routes = match listener.face {
            Face::Public => routes::public(),
            Face::MutualTls => routes::mutual_tls(),
            Face::Operations => routes::operations(),
        };
        self.tasks.push(tokio::spawn(listener::serve(app.clone(), routes, listener, closing)));
    }

    /// Takes nothing new, and waits for what is in flight.
    async fn close(self) {
        self.closing.send_replace(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

impl Running {
    /// Says that it is not ready any more, stops taking requests, finishes what is in flight, and
    /// writes down what still waits (REL-028).
    pub async fn stop(mut self) {
        self.app.draining.send_replace(true);
        // Until balancers have seen it, they send requests: those are answered, too.
        tokio::time::sleep(Duration::from_secs(self.app.settings.drain_delay_seconds)).await;
        self.public.close().await;
        self.operations.close().await;
        self.jobs.shutdown().await;
        self.app.audit.flush(&*self.app.store, self.app.clock.now()).await;
        if let Err(error) = jobs::audit::link(&self.app).await {
            tracing::warn!(%error, "the last audit rows wait for the next start to be linked");
        }
    }
}
