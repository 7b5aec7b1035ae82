//! The database of a node under test.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use grantor_store::Store;
use grantor_store_postgres::{PostgresConfig, PostgresStore};
use grantor_store_sqlite::{SqliteStore, StoreConfig, Synchronous};

/// An empty store of the sort that the environment asks for.
pub(crate) async fn open(folder: &Path) -> Arc<dyn Store> {
    match std::env::var("GRANTOR_TEST_STORE").as_deref() {
        Ok("postgres") => Arc::new(postgres().await),
        _ => Arc::new(sqlite(folder)),
    }
}

fn sqlite(folder: &Path) -> SqliteStore {
    let mut config = StoreConfig::new(folder.join("grantor.db"));
    config.synchronous = Synchronous::Normal;
    SqliteStore::open(config).expect("a new database opens")
}

/// A schema that no other test uses; it goes with the throw-away server.
async fn postgres() -> PostgresStore {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url =
        std::env::var("GRANTOR_TEST_POSTGRES_URL").expect("`cargo xtask db` says what to set");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("node_{}_{count}", std::process::id());
    let config = PostgresConfig::new(url).schema(schema).pool_size(4);
    PostgresStore::connect(config).await.expect("a new schema")
}
