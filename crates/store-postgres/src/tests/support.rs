//! A schema of its own for each test, in the database that the environment names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// An empty store.
pub(crate) async fn fresh() -> Fresh {
    let schema = Schema::new();
    let store = schema.store().await;
    Fresh::new(Arc::new(store), schema)
}
