//! What every store promises.

use std::sync::Arc;

use grantor_store::Store;
use grantor_store::contract::upkeep::rel_040_a_dump_loads_into_an_equal_store as moves;
use grantor_store_sqlite::{SqliteStore, StoreConfig};

use super::support::{Schema, fresh};

grantor_store::store_contract!(fresh);

fn sqlite(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(StoreConfig::new(folder.path().join("grantor.db"))).unwrap())
}

/// When one machine is outgrown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_040_a_dump_of_sqlite_loads_into_an_equal_postgres() {
    let (schema, folder) = (Schema::new(), tempfile::tempdir().unwrap());
    moves(sqlite(&folder), Arc::new(schema.store().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_040_a_dump_of_postgres_loads_into_an_equal_sqlite() {
    let (schema, folder) = (Schema::new(), tempfile::tempdir().unwrap());
    moves(Arc::new(schema.store().await), sqlite(&folder)).await;
}
