//! What is particular to this backend; what all share is in the contract.

use super::*;

mod contract {
    use std::sync::Arc;

    use grantor_store::contract::Fresh;

    use super::*;

    async fn fresh() -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        let mut config = StoreConfig::new(folder.path().join("grantor.db"));
        // What a power cut leaves is no part of the contract.
        config.synchronous = Synchronous::Normal;
        let store = Arc::new(SqliteStore::open(config).unwrap());
        Fresh::new(store, folder)
    }

    grantor_store::store_contract!(fresh);
}

fn all_sql() -> Vec<&'static str> {
    let mut all = documents::all_sql();
    all.extend(groups::ALL_SQL);
    all.extend(grants::ALL_SQL);
    all.extend(sessions::ALL_SQL);
    all.extend(single_use::ALL_SQL);
    all.extend(outbox::ALL_SQL);
    all.extend(attempts::ALL_SQL);
    all.extend(used::ALL_SQL);
    all.extend(changes::ALL_SQL);
    all.extend(revocations::ALL_SQL);
    all.extend(audit::ALL_SQL);
    all.extend(dump::ALL_SQL);
    all.extend(writer::ALL_SQL);
    all
}

#[test]
fn every_statement_prepares_on_the_migrated_schema() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = schema::open(&folder.path().join("a.db"), Synchronous::Full).unwrap();
    for sql in all_sql() {
        db.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// How SQLite goes about a statement.
fn plan(db: &Connection, sql: &str) -> String {
    let mut explained = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = explained.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().unwrap() {
        plan += &row.get::<_, String>("detail").unwrap();
        plan.push('\n');
    }
    plan
}

#[test]
fn lists_are_found_through_their_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = schema::open(&folder.path().join("a.db"), Synchronous::Full).unwrap();
    for (sql, index) in grants::PLANS
        .into_iter()
        .chain(audit::PLANS)
        .chain(sessions::PLANS)
        .chain(single_use::PLANS)
        .chain(outbox::PLANS)
        .chain(revocations::PLANS)
    {
        let plan = plan(&db, sql);
        assert!(plan.contains(index), "{sql}: {plan}");
    }
}

#[test]
fn only_what_reads_everything_scans() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = schema::open(&folder.path().join("a.db"), Synchronous::Full).unwrap();
    for sql in all_sql() {
        let plan = plan(&db, sql);
        // Dumps and lists over all tenants read everything; the last link is the end of a table.
        let all = !sql.contains("WHERE tenant = ?1") && sql.contains("ORDER BY");
        assert!(
            all || !plan.contains("SCAN")
                || ["SCAN above", "SCAN sqlite_sequence"].iter().any(|small| plan.contains(small)),
            "{sql}: {plan}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_what_a_running_server_commits_and_writes_nothing() {
    use grantor_store::contract::sample;
    use grantor_store::operations;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantor.db");
    let server = SqliteStore::open(StoreConfig::new(&path)).unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(reader.last_change().await.unwrap(), 0);
    let document = sample::document(&sample::acme(), "one", None);
    let effects = grantor_store::Effects::NONE
        .and(grantor_store::Effect::Put(document, grantor_store::Expect::New));
    operations::write(&server, effects.clone()).await.unwrap();
    assert_eq!(reader.last_change().await.unwrap(), 1);
    let refused = operations::write(&reader, effects).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    drop(server);
    assert_eq!(reader.last_change().await.unwrap(), 1);
    let missing = SqliteStore::open_read_only(folder.path().join("other.db")).unwrap_err();
    assert!(matches!(missing, StoreError::Unavailable(_)));
}

fn store() -> (SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(StoreConfig::new(folder.path().join("a.db"))).unwrap();
    (store, folder)
}

#[tokio::test]
async fn rel_005_changes_that_no_follower_needs_are_purged_and_the_numbers_go_on() {
    let (store, _folder) = store();
    let fill = "
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO changes (tenant, kind, id) SELECT 'acme', 'client', i FROM n";
    let many = grantor_store::KEPT_CHANGES + 10;
    store.task(move |db| Ok(db.execute(fill, [many])?)).await.unwrap();
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(store.purge(now, 7).await.unwrap(), 7);
    assert_eq!(store.purge(now, 7).await.unwrap(), 3);
    assert_eq!(store.purge(now, 7).await.unwrap(), 0);
    assert_eq!(store.last_change().await.unwrap(), many);
    assert_eq!(store.changes(0, 1).await.unwrap()[0].seq, 11);
}

#[tokio::test]
async fn an_operation_on_too_many_children_is_refused() {
    use grantor_domain::document::Kind;
    use grantor_store::contract::sample;
    use grantor_store::{Claim, MAX_CHILDREN};

    let (store, _folder) = store();
    let put = |number: usize| {
        let mut child = sample::document(&sample::acme(), &format!("{number:05}"), None);
        child.parent = Some("team".to_owned());
        grantor_store::Effect::Put(child, grantor_store::Expect::New)
    };
    let claim = || async {
        let tenant = sample::acme();
        let claims =
            vec![Claim::Children { tenant, kind: Kind::Application, parent: "team".to_owned() }];
        let rule = |claimed: &grantor_store::Claimed| {
            Ok((claimed.stored_children(0).len(), grantor_store::Effects::NONE))
        };
        grantor_store::operations::judge(&store, claims, rule).await
    };
    let most = grantor_store::Effects((0..MAX_CHILDREN).map(put).collect());
    grantor_store::operations::write(&store, most).await.unwrap();
    assert_eq!(claim().await.unwrap(), MAX_CHILDREN);
    grantor_store::operations::write(&store, put(MAX_CHILDREN).into()).await.unwrap();
    assert!(matches!(claim().await, Err(StoreError::TooLarge)));
}

#[tokio::test]
async fn rel_003_a_store_whose_disk_failed_is_not_ready_and_still_reads() {
    let (store, _folder) = store();
    store.shared.failed.set(writer::Failed::Disk).unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    let outcome = grantor_store::operations::write(&store, grantor_store::Effects::NONE).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    assert_eq!(store.last_change().await.unwrap(), 0);
}
