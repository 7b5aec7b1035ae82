//! Out of a running server, and in again. SEC-094, REL-040, REL-041.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::world::{PASSWORD, World, copy};

/// Stops the server and puts a backup in place of its database.
async fn restore(world: &mut World, backup: &str, options: &[&str]) {
    world.stop();
    for file in ["grantor.db", "grantor.db-wal", "grantor.db-shm"] {
        let _ = std::fs::remove_file(world.path(file));
    }
    let said = world.grantor(&[&["restore", backup], options].concat()).good();
    assert!(said.starts_with("restored "), "{said}");
    world.serve().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rel_040_every_backup_of_a_busy_server_restores() {
    let world = Arc::new(World::start().await);
    let busy = Arc::new(AtomicBool::new(true));
    let load: Vec<_> = (0..4)
        .map(|worker| {
            let (world, busy) = (Arc::clone(&world), Arc::clone(&busy));
            tokio::spawn(async move {
                let mut made = 0;
                while busy.load(Ordering::Relaxed) {
                    world.client(&format!("app-{worker}-{made}")).await;
                    world.token().await;
                    world.refresh_token().await;
                    made += 1;
                }
                made
            })
        })
        .collect();
    for number in 0..3 {
        let running = Arc::clone(&world);
        let backup = move || running.grantor(&["backup", "-o", &format!("{number}.backup")]);
        tokio::task::spawn_blocking(backup).await.unwrap().good();
    }
    busy.store(false, Ordering::Relaxed);
    let mut made = 0;
    for worker in load {
        made += worker.await.unwrap();
    }
    assert!(made > 0, "there was no load");
    assert!(world.grantor(&["backup", "-o", "0.backup"]).bad().contains("exists already"));
    for number in 0..3 {
        let folder = world.path(&format!("restored-{number}"));
        std::fs::create_dir(&folder).unwrap();
        copy(&world.path("grantor.key"), &folder.join("grantor.key"));
        let database = format!("sqlite:{}", folder.join("grantor.db").display());
        let file = format!("{number}.backup");
        world.grantor(&["restore", &file, "--database", &database]).good();
        // A server links what was new in the backup, and all holds together.
        let listed = world.grantor(&["audit", "tail", "--database", &database]).good();
        assert!(listed.contains("backup.restored"), "{listed}");
        world.grantor(&["doctor", "--database", &database]).good();
    }
}

/// The knob: `GRANTOR_RESTORE_USERS=1000000`, with `--release`.
#[tokio::test]
#[ignore = "takes minutes, and means something with --release only"]
async fn rel_040_a_million_users_are_back_within_five_minutes() {
    use grantor_domain::user::User;
    use grantor_store::{Effects, Expect, operations};

    let users = std::env::var("GRANTOR_RESTORE_USERS").map_or(100_000, |n| n.parse().unwrap());
    let mut world = World::start().await;
    world.stop();
    let database = grantor_store_sqlite::StoreConfig::new(world.path("grantor.db"));
    let store = grantor_store_sqlite::SqliteStore::open(database).unwrap();
    let numbers: Vec<u64> = (0..users).collect();
    for chunk in numbers.chunks(500) {
        let user = |n: &u64| -> User {
            let id = grantor_oauth_types::id::UserId::new(*n, grantor_crypto::random::bytes());
            serde_json::from_value(serde_json::json!({
                "tenant": "main", "id": id, "realm": "customers", "name": format!("user-{n}"),
                "display_name": "Somebody with a name", "email": format!("user-{n}@example.org"),
            }))
            .unwrap()
        };
        let users = chunk.iter().map(user);
        let effects = users.fold(Effects::NONE, |effects, user| effects.put(&user, Expect::New));
        operations::write(&store, effects).await.unwrap();
    }
    drop(store);
    world.grantor(&["backup", "-o", "large.backup"]).good();
    std::fs::create_dir(world.path("new")).unwrap();
    copy(&world.path("grantor.key"), &world.path("new/grantor.key"));
    let world = Arc::new(world);
    let restoring = Arc::clone(&world);
    let restore = tokio::task::spawn_blocking(move || {
        let database = format!("sqlite:{}", restoring.path("new/grantor.db").display());
        restoring.grantor(&["restore", "large.backup", "--database", &database]).good()
    });
    let five_minutes = std::time::Duration::from_mins(5);
    let said = tokio::time::timeout(five_minutes, restore).await.expect("in time").unwrap();
    assert!(said.starts_with("restored "), "{said}");
}

#[tokio::test]
async fn rel_040_a_backup_that_is_cut_altered_or_under_another_key_changes_nothing() {
    let world = World::start().await;
    world.grantor(&["backup", "-o", "a.backup"]).good();
    assert!(world.grantor(&["restore", "a.backup", "--check"]).good().starts_with("ok: "));
    let whole = std::fs::read(world.path("a.backup")).unwrap();
    std::fs::write(world.path("cut.backup"), &whole[..whole.len() - 10]).unwrap();
    let mut altered = whole.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    std::fs::write(world.path("altered.backup"), altered).unwrap();
    std::fs::write(world.path("other.backup"), "SQLite format 3").unwrap();

    let folder = world.path("new");
    std::fs::create_dir(&folder).unwrap();
    let database = format!("sqlite:{}", folder.join("grantor.db").display());
    let restore = |file: &str| world.grantor(&["restore", file, "--database", &database]);
    assert!(restore("a.backup").bad().contains("there is no master key"));
    world.grantor(&["keys", "generate", "-o", "new/grantor.key"]).good();
    assert!(restore("a.backup").bad().contains("sealed under master key"));
    copy(&world.path("grantor.key"), &folder.join("grantor.key"));
    assert!(restore("cut.backup").bad().contains("cut off"));
    assert!(restore("altered.backup").bad().contains("altered"));
    assert!(restore("other.backup").bad().contains("no backup of Grantor"));
    // None of them left anything behind: the database is still empty enough.
    restore("a.backup").good();
    assert!(restore("a.backup").bad().contains("not empty"));
}

#[tokio::test]
async fn rel_041_what_was_ended_after_the_backup_stays_ended() {
    let mut world = World::start().await;
    let (kept, ended) = (world.token().await, world.token().await);
    let refresh = world.refresh_token().await;
    let old_key = world.kids().await;
    world.grantor(&["backup", "-o", "a.backup"]).good();
    world.revoke(&ended).await;
    world.revoke(&refresh).await;
    world.grantor(&["keys", "withdraw", &old_key[0], "--remote"]).good();

    restore(&mut world, "a.backup", &["--withdrawn", &old_key[0]]).await;
    assert!(!world.is_live(&kept).await && !world.is_live(&ended).await);
    assert!(!world.refresh(&refresh).await.is_success());
    assert!(!world.kids().await.contains(&old_key[0]), "the withdrawn key is back");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let fresh = world.token().await;
    assert!(world.is_live(&fresh).await, "new tokens do not work");
    let tail = world.grantor(&["audit", "tail", "-n", "100"]).good();
    assert!(tail.contains("backup.restored") && tail.contains("key.withdrawn"), "{tail}");
}

#[tokio::test]
async fn rel_041_who_asks_for_it_keeps_what_lives_in_the_backup() {
    let mut world = World::start().await;
    let (token, refresh) = (world.token().await, world.refresh_token().await);
    world.grantor(&["backup", "-o", "a.backup"]).good();
    restore(&mut world, "a.backup", &["--keep-sessions"]).await;
    assert!(world.is_live(&token).await);
    assert!(world.refresh(&refresh).await.is_success());
    world.linked().await;
    world.grantor(&["audit", "verify"]).good();
}

#[tokio::test]
async fn sec_094_no_secret_is_found_in_database_log_or_backup() {
    let world = World::start().await;
    let (token, refresh) = (world.token().await, world.refresh_token().await);
    world.revoke(&world.token().await).await;
    let (id, secret) = world.shop.clone();
    world.ask_token(&id, "canary-of-a-wrong-secret", &[("grant_type", "client_credentials")]).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    world.grantor(&["backup", "-o", "a.backup"]).good();
    let master = std::fs::read_to_string(world.path("grantor.key")).unwrap();
    let canaries = [
        ("a client secret", secret.as_bytes()),
        ("the administrator's secret", world.admin.1.as_bytes()),
        ("the one-time secret", world.bootstrap.as_bytes()),
        ("an access token", token.as_bytes()),
        ("a refresh token", refresh.as_bytes()),
        ("a password", PASSWORD.as_bytes()),
        ("a wrong secret", b"canary-of-a-wrong-secret"),
        ("the master key", master.trim().as_bytes()),
        // How every PKCS#8 key of the curve P-256 begins, plain and as base64.
        ("a private key", b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08"),
        ("a private key as text", b"MIGHAgEAMBMGByqGSM49"),
    ];
    for file in ["grantor.db", "grantor.db-wal", "a.backup", "err.log"] {
        let content = std::fs::read(world.path(file)).unwrap();
        assert!(file == "err.log" || content.len() > 1_000, "{file} is empty");
        for (what, canary) in canaries {
            let found = content.windows(canary.len()).any(|bytes| bytes == canary);
            assert!(!found, "{what} is in {file}");
        }
    }
}
