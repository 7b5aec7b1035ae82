//! Bringing the schema up to date, one node at a time. REL-030, REL-031.

use std::time::Duration;

use refinery::Runner;
use tokio_postgres::Client;

use crate::ConnectError;
use crate::config::PostgresConfig;
use crate::connection::Connector;
use crate::lock::Locks;

mod embedded {
    refinery::embed_migrations!("migrations");
}

const ENCODING: &str = "SHOW server_encoding";
const SESSION_LOCK: &str = "SELECT pg_advisory_lock($1)";
const SCHEMA_EXISTS: &str = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
const TABLE_EXISTS: &str = "SELECT to_regclass($1) IS NOT NULL";
const NEWEST: &str = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
const NEEDS: &str = "SELECT max(needs) FROM compatibility";

/// The newest migration this binary knows.
pub(crate) fn known() -> i32 {
    let versions = embedded::migrations::runner();
    let versions = versions.get_migrations().iter().map(refinery::Migration::version);
    versions.max().expect("there is at least one migration")
}

/// Applies what is missing, each migration in a transaction of its own, under a lock that other
/// nodes wait for. Refuses a schema that needs a newer binary, before anything is written.
pub(crate) async fn migrate(
    connector: &Connector,
    config: &PostgresConfig,
) -> Result<(), ConnectError> {
    let schema = config.schema.as_deref().unwrap_or("public");
    let mut connection = connector.single().await.map_err(|e| unavailable(&e))?;
    let client = &mut connection.client;
    // A migration may take its time, and so may the node before us.
    client
        .batch_execute("SET statement_timeout TO 0; SET lock_timeout TO 0")
        .await
        .map_err(|e| unavailable(&e))?;
    let lock = Locks::new(schema).number("migration", &[]);
    tokio::time::timeout(Duration::from_mins(5), client.query(SESSION_LOCK, &[&lock]))
        .await
        .map_err(|_| ConnectError::Unavailable("another node migrates for too long".to_owned()))?
        .map_err(|e| unavailable(&e))?;
    // The lock ends with the connection, whatever happens.
    apply(client, schema).await
}

async fn apply(client: &mut Client, schema: &str) -> Result<(), ConnectError> {
    let encoding = client.query_one(ENCODING, &[]).await.map_err(|e| unavailable(&e))?;
    let encoding: &str = encoding.get(0);
    if encoding != "UTF8" {
        return Err(ConnectError::Config(format!(
            "the database keeps text as {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    if client.query_opt(SCHEMA_EXISTS, &[&schema]).await.map_err(|e| unavailable(&e))?.is_none() {
        client
            .batch_execute(&format!("CREATE SCHEMA {schema}"))
            .await
            .map_err(|e| unavailable(&e))?;
    }
    let newest = newest(client).await.map_err(|e| unavailable(&e))?;
    if newest > known() {
        let needs: i32 = client.query_one(NEEDS, &[]).await.map_err(|e| unavailable(&e))?.get(0);
        if needs > known() {
            return Err(ConnectError::Newer { needs, known: known() });
        }
        // Expanded by a newer node and not contracted yet: nothing for us to do.
        return Ok(());
    }
    if newest < known() {
        runner().run_async(client).await.map_err(|e| ConnectError::Migration(e.to_string()))?;
        tracing::info!(from = newest, to = known(), "migrated the database");
    }
    Ok(())
}

/// All in one transaction: ungrouped, a step and the note that it was made are two transactions, and a
/// node killed between them leaves a schema that no start can bring up to date (REL-031).
fn runner() -> Runner {
    embedded::migrations::runner().set_grouped(true).set_abort_divergent(true)
}

async fn newest(client: &Client) -> Result<i32, tokio_postgres::Error> {
    let history = client.query_one(TABLE_EXISTS, &[&"refinery_schema_history"]).await?;
    if !history.get::<_, bool>(0) {
        return Ok(0);
    }
    Ok(client.query_one(NEWEST, &[]).await?.get(0))
}

fn unavailable(error: &tokio_postgres::Error) -> ConnectError {
    ConnectError::Unavailable(match error.as_db_error() {
        Some(db) => format!("{}: {}", db.code().code(), db.message()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    })
}
