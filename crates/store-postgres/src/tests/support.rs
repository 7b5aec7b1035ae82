//! A schema of its own for each test, in the database that the environment names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use grantor_store::contract::Fresh;

use crate::{PostgresConfig, PostgresStore};

/// The database for tests. Without one the tests fail: a test that did not run has shown nothing.
pub(crate) fn url() -> String {
    std::env::var("GRANTOR_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!(
            "GRANTOR_TEST_POSTGRES_URL is not set. `cargo xtask db` starts a PostgreSQL for tests \
             and prints what to set; then run the tests again."
        )
    })
}

/// Where the database for tests is.
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    user: String,
    password: String,
    database: String,
}

impl Address {
    pub(crate) fn of_tests() -> Self {
        let config: tokio_postgres::Config = url().parse().unwrap();
        let host = match &config.get_hosts()[0] {
            tokio_postgres::config::Host::Tcp(host) => host.clone(),
            other @ tokio_postgres::config::Host::Unix(_) => {
                panic!("the tests need a database on TCP, not on {other:?}")
            }
        };
        let password = String::from_utf8(config.get_password().unwrap_or_default().to_vec());
        Self {
            host,
            port: config.get_ports().first().copied().unwrap_or(5432),
            user: config.get_user().unwrap_or("postgres").to_owned(),
            password: password.unwrap(),
            database: config.get_dbname().unwrap_or("postgres").to_owned(),
        }
    }

    /// The same database through a port of this machine.
    pub(crate) fn url_through(&self, port: u16) -> String {
        let Self { user, password, database, .. } = self;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
    }

    /// Another database of the same server.
    pub(crate) fn url_of(&self, database: &str) -> String {
        let Self { host, port, user, password, .. } = self;
        format!("postgres://{user}:{password}@{host}:{port}/{database}")
    }
}

/// A schema that no other test uses; gone when dropped.
pub(crate) struct Schema(pub(crate) String);

impl Schema {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(format!("test_{}_{count}", std::process::id()))
    }

    /// Small pools: many tests run at once.
    pub(crate) fn config(&self) -> PostgresConfig {
        PostgresConfig::new(url()).schema(&self.0).pool_size(6)
    }

    /// The same, on another way to the database.
    pub(crate) fn config_through(&self, url: &str) -> PostgresConfig {
        PostgresConfig { url: url.to_owned(), ..self.config() }
    }

    pub(crate) async fn store(&self) -> PostgresStore {
        PostgresStore::connect(self.config()).await.unwrap()
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.0);
        // A drop cannot wait, and the runtime of the test may be at its end.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let client = client(&url()).await;
                client.batch_execute(&drop).await.unwrap();
            });
        });
        let _ = thread.join();
    }
}

/// A connection of the test's own.
pub(crate) async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The contract asks what comes of hundreds of operations at once, not how soon: on a machine that is
/// busy with other tests none is turned away. What comes of waiting too long has tests of its own.
fn patient(config: PostgresConfig) -> PostgresConfig {
    let long = Duration::from_mins(1);
    PostgresConfig {
        wait: long,
        lock_timeout: long,
        statement_timeout: long,
        idle_in_transaction_timeout: long,
        answer_timeout: long,
        ..config
    }
}

/// An empty store.
pub(crate) async fn fresh() -> Fresh {
    let schema = Schema::new();
    let store = PostgresStore::connect(patient(schema.config())).await.unwrap();
    Fresh::new(Arc::new(store), schema)
}
