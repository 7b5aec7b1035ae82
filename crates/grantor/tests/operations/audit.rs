//! The audit log on the command line. SEC-190, SEC-191, REL-042.

use serde_json::json;

use crate::world::{World, copy};

#[tokio::test]
async fn sec_191_a_running_log_is_followed_exported_and_verified_offline() {
    let world = World::start().await;
    world.token().await;
    world.linked().await;
    let tail = world.grantor(&["audit", "tail", "-n", "100"]).good();
    for kind in ["tenant.created", "key.created", "client.created", "token.issued"] {
        assert!(tail.contains(kind), "no {kind} in {tail}");
    }
    let one = world.grantor(&["audit", "tail", "-n", "1", "-o", "json"]).good();
    assert_eq!(one.lines().count(), 1, "{one}");
    let verified = world.grantor(&["audit", "verify"]).good();
    assert!(verified.starts_with("ok: links 1 to "), "{verified}");

    world.grantor(&["audit", "export", "-o", "log.jsonl"]).good();
    let jwks = world.grantor(&["keys", "list", "-o", "jwks"]).good();
    std::fs::write(world.path("keys.json"), jwks).unwrap();
    let verify = ["audit", "verify", "--file", "log.jsonl", "--jwks", "keys.json"];
    let offline = world.grantor(&verify).good();
    assert!(offline.contains("signatures verify"), "{offline}");
    // The export is a set of checkpoints that were kept, for later.
    world.token().await;
    world.linked().await;
    let later = world.grantor(&["audit", "verify", "--checkpoints", "log.jsonl"]).good();
    assert!(later.contains("hashes that were kept are met again"), "{later}");

    let log = std::fs::read_to_string(world.path("log.jsonl")).unwrap();
    let cut: Vec<&str> = log.lines().take(4).collect();
    std::fs::write(world.path("log.jsonl"), cut.join("\n")).unwrap();
    assert!(world.grantor(&verify).bad().contains("cut off"));
    let forged = log.replacen("client.created", "client.creatid", 1);
    std::fs::write(world.path("log.jsonl"), forged).unwrap();
    assert!(world.grantor(&verify).bad().contains("content was changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rel_042_every_acknowledged_change_is_in_the_log_once_after_kill_9() {
    let mut world = World::start().await;
    let token = world.admin_token().await;
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (http, token) = (world.http.clone(), token.clone());
            let url = format!("{}/api/v1/clients", world.url);
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                loop {
                    let id = format!("made-{worker}-{}", acknowledged.len());
                    let body = json!({ "id": id, "auth_method": "client_secret_basic" });
                    let answer = http.post(&url).bearer_auth(&token).json(&body).send().await;
                    match answer {
                        Ok(answer) if answer.status().is_success() => acknowledged.push(id),
                        _ => return acknowledged,
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    world.signal("-KILL");
    world.ended();
    let mut acknowledged = Vec::new();
    for worker in workers {
        acknowledged.extend(worker.await.unwrap());
    }
    assert!(acknowledged.len() > 10, "too little happened: {acknowledged:?}");
    world.serve().await;
    world.linked().await;
    let log = world.grantor(&["audit", "tail", "-n", "100000", "--kind", "client.created"]).good();
    for id in &acknowledged {
        let about = format!(" client/{id} by ");
        assert_eq!(log.matches(&about).count(), 1, "{id} in {log}");
    }
    world.grantor(&["audit", "verify"]).good();
}

type Tampering = fn(&rusqlite::Connection);

#[tokio::test]
async fn rel_042_tampering_with_the_log_names_the_first_bad_row() {
    let mut world = World::start().await;
    world.token().await;
    world.stop();
    world.grantor(&["audit", "verify"]).good();
    let cases: [(&str, Tampering); 6] = [
        ("row 3", |db| run(db, "UPDATE audit SET body = body || ' ' WHERE seq = 3")),
        ("row 3,", |db| {
            let body = body_of(db, 3).replace("done", "dome");
            db.execute(
                "UPDATE audit SET body = ?1, checksum = ?2 WHERE seq = 3",
                rusqlite::params![body, checksum(&body)],
            )
            .unwrap();
        }),
        ("row 4,", |db| {
            run(db, "DELETE FROM audit_link WHERE seq = 3; DELETE FROM audit WHERE seq = 3");
        }),
        ("row 3,", |db| {
            run(
                db,
                "CREATE TEMP TABLE t AS SELECT seq, body, checksum FROM audit;
                 UPDATE audit SET body = (SELECT body FROM t WHERE t.seq = 7 - audit.seq),
                 checksum = (SELECT checksum FROM t WHERE t.seq = 7 - audit.seq)
                 WHERE seq IN (3, 4)",
            );
        }),
        ("genuine signature", append_with_a_proper_link),
        ("cut off", |db| {
            run(db, "DELETE FROM audit_link WHERE link = (SELECT max(link) FROM audit_link)");
        }),
    ];
    for (number, (named, tamper)) in cases.into_iter().enumerate() {
        let database = world.path(&format!("tampered-{number}.db"));
        copy(&world.path("grantor.db"), &database);
        copy(&world.path("grantor.key"), &database.with_extension("key"));
        let db = rusqlite::Connection::open(&database).unwrap();
        tamper(&db);
        drop(db);
        let database = format!("sqlite:{}", database.display());
        let said = world.grantor(&["audit", "verify", "--database", &database]).bad();
        assert!(said.contains(named), "case {number}: {said}");
    }
}

fn run(db: &rusqlite::Connection, sql: &str) {
    db.execute_batch(sql).unwrap();
}

fn body_of(db: &rusqlite::Connection, seq: i64) -> String {
    db.query_row("SELECT body FROM audit WHERE seq = ?1", [seq], |row| row.get(0)).unwrap()
}

/// Anybody can compute the checksum of a row: it is against accidents.
fn checksum(body: &str) -> Vec<u8> {
    let length = (body.len() as u64).to_be_bytes();
    grantor_crypto::digest::sha256_of(&[&length, body.as_bytes()])[..8].to_vec()
}

/// Anybody can compute the hash of a link; only the server can sign it.
fn append_with_a_proper_link(db: &rusqlite::Connection) {
    let (link, seq, hash): (i64, i64, [u8; 32]) = db
        .query_row(
            "SELECT link, (SELECT max(seq) FROM audit), hash FROM audit_link
             ORDER BY link DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    run(
        db,
        "INSERT INTO audit (seq, tenant, first, last, kind, body, checksum)
         SELECT (SELECT max(seq) FROM audit) + 1, tenant, first, last, kind, body, checksum
         FROM audit WHERE seq = 3",
    );
    let forged = grantor_store::link_hash(&hash, &body_of(db, seq + 1));
    db.execute(
        "INSERT INTO audit_link (link, seq, previous, hash) VALUES (?1, ?2, ?3, ?4)",
        rusqlite::params![link + 1, seq + 1, hash, forged],
    )
    .unwrap();
}
