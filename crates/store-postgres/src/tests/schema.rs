//! The schema, and how it comes to be.

use crate::tests::support::{Address, Schema, client, url};
use crate::{
    ConnectError, PostgresStore, attempts, audit, changes, documents, grants, groups, outbox,
    revocations, sessions, single_use, used,
};

#[tokio::test]
async fn every_statement_fits_the_migrated_schema() {
    let schema = Schema::new();
    schema.store().await;
    let client = client(&url()).await;
    client.batch_execute(&format!("SET search_path TO {}", schema.0)).await.unwrap();
    let statements: Vec<&str> = documents::all_sql()
        .into_iter()
        .chain(groups::ALL_SQL)
        .chain(grants::ALL_SQL)
        .chain(sessions::ALL_SQL)
        .chain(single_use::ALL_SQL)
        .chain(outbox::ALL_SQL)
        .chain(attempts::ALL_SQL)
        .chain(used::ALL_SQL)
        .chain(changes::ALL_SQL)
        .chain(revocations::ALL_SQL)
        .chain(audit::ALL_SQL)
        .collect();
    for sql in statements {
        if let Err(error) = client.prepare(sql).await {
            panic!("{error:?}\n{sql}");
        }
    }
}

#[tokio::test]
async fn rel_031_many_nodes_that_start_at_once_take_turns_with_the_schema() {
    let schema = Schema::new();
    let nodes = (0..6).map(|_| PostgresStore::connect(schema.config().pool_size(1)));
    let nodes = futures_util::future::join_all(nodes).await;
    for node in nodes {
        node.unwrap();
    }
    let client = client(&url()).await;
    let count = format!("SELECT count(*) FROM {}.refinery_schema_history", schema.0);
    let count: i64 = client.query_one(&count, &[]).await.unwrap().get(0);
    assert_eq!(count, i64::from(crate::migrate::known()));
}

#[tokio::test]
async fn rel_030_a_schema_that_needs_a_newer_program_is_refused_without_writing() {
    let schema = Schema::new();
    schema.store().await;
    let client = client(&url()).await;
    let name = &schema.0;
    let newer = format!(
        "INSERT INTO {name}.refinery_schema_history
             VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')"
    );
    client.batch_execute(&newer).await.unwrap();
    // Expanded only: both versions run side by side.
    PostgresStore::connect(schema.config()).await.unwrap();

    client.batch_execute(&format!("UPDATE {name}.compatibility SET needs = 99")).await.unwrap();
    let written = format!(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables
         WHERE schemaname = '{name}'"
    );
    let before: Option<i64> = client.query_one(&written, &[]).await.unwrap().get(0);
    let refusal = PostgresStore::connect(schema.config()).await.unwrap_err();
    assert!(matches!(refusal, ConnectError::Newer { needs: 99, .. }), "{refusal}");
    let after: Option<i64> = client.query_one(&written, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_031_a_migration_cut_off_at_any_moment_is_completed_by_the_next() {
    let schema = Schema::new();
    for millis in (0..60).step_by(3) {
        let cut = std::time::Duration::from_millis(millis);
        // Dropped in the middle, as a killed process would be: its connection ends.
        let _ = tokio::time::timeout(cut, PostgresStore::connect(schema.config())).await;
        schema.store().await;
        let client = client(&url()).await;
        client.batch_execute(&format!("DROP SCHEMA {} CASCADE", schema.0)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_keep_every_text_is_refused() {
    let schema = Schema::new();
    let other = client(&url()).await;
    let create = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    other.batch_execute(&format!("CREATE DATABASE {} {create}", schema.0)).await.unwrap();
    let (address, name) = (Address::of_tests(), &schema.0);
    let url = address.url_of(name);
    let refusal = PostgresStore::connect(schema.config_through(&url)).await.unwrap_err();
    assert!(refusal.to_string().contains("UTF8"), "{refusal}");
    other.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}
