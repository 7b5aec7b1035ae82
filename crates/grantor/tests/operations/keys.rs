//! Master keys and signing keys. SEC-094, SEC-095, REL-027.

use std::time::Duration;

use crate::world::World;

#[tokio::test]
async fn sec_095_a_withdrawn_key_and_its_tokens_are_gone_at_once_and_a_successor_signs() {
    let world = World::start().await;
    let token = world.token().await;
    let before = world.kids().await;
    let said = world.grantor(&["keys", "withdraw", &before[0], "--remote"]).good();
    assert!(said.contains("is withdrawn") && said.contains("signs from now on"), "{said}");
    assert!(!world.is_live(&token).await);
    let after = world.kids().await;
    assert!(!after.contains(&before[0]) && after.len() == 1, "{after:?}");
    let fresh = world.token().await;
    assert!(world.is_live(&fresh).await);
    assert!(world.grantor(&["keys", "withdraw", "nobody", "--remote"]).bad().contains("404"));
    let list = world.grantor(&["keys", "list"]).good();
    assert!(list.contains("withdrawn") && list.contains("signs"), "{list}");
}

#[tokio::test]
async fn sec_095_a_key_that_is_withdrawn_again_gets_no_other_successor() {
    let world = World::start().await;
    let first = world.kids().await.remove(0);
    // The next key is published, and signs in an hour: until then a successor has to.
    world.grantor(&["keys", "rotate", "--remote"]).good();
    let withdraw = ["keys", "withdraw", &first, "--remote"];
    let said = world.grantor(&withdraw).good();
    assert!(said.contains("signs from now on"), "{said}");
    let keys = world.kids().await;
    for _ in 0..2 {
        let said = world.grantor(&withdraw).good();
        assert_eq!(said, format!("{first} was withdrawn before\n"));
    }
    assert_eq!(world.kids().await, keys);
    world.token().await;
}

#[tokio::test]
async fn remote_keys_are_listed_in_the_form_that_is_asked_for() {
    let world = World::start().await;
    let kid = world.kids().await.remove(0);
    let text = world.grantor(&["keys", "list", "--remote"]).good();
    assert!(text.starts_with("kid") && text.contains(&kid) && text.contains("signs"), "{text}");
    let json = world.grantor(&["keys", "list", "--remote", "-o", "json"]).good();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json.as_array().unwrap().iter().any(|key| key["kid"] == kid.as_str()), "{json}");
    let refused = world.grantor(&["keys", "list", "--remote", "-o", "jwks"]).bad();
    assert!(refused.contains("without --remote"), "{refused}");
}

#[tokio::test]
async fn sec_095_not_before_ends_grants_and_tokens_in_the_same_command() {
    let world = World::start().await;
    let refresh = world.refresh_token().await;
    let kid = world.kids().await.remove(0);
    world.grantor(&["keys", "withdraw", &kid, "--not-before", "--remote"]).good();
    assert!(!world.refresh(&refresh).await.is_success());
}

#[tokio::test]
async fn keys_rotate_on_a_stopped_database_and_not_under_a_running_server() {
    let mut world = World::start().await;
    let refused = world.grantor(&["keys", "rotate"]).bad();
    assert!(refused.contains("another process") && refused.contains("--remote"), "{refused}");
    world.grantor(&["keys", "rotate", "--remote"]).good();
    assert_eq!(world.kids().await.len(), 2);
    world.stop();
    world.grantor(&["keys", "rotate"]).good();
    world.serve().await;
    assert_eq!(world.kids().await.len(), 3);
}

#[tokio::test]
async fn rel_027_a_master_key_that_does_not_fit_is_refused_at_start_with_the_reason() {
    let mut world = World::start().await;
    world.stop();
    let kept = world.path("grantor.key");
    world.grantor(&["keys", "generate", "-o", "other.key"]).good();
    world.set("GRANTOR_KEYS_MASTER_KEY_FILE", "other.key");
    let refused = world.grantor(&["serve"]).bad();
    assert!(refused.contains("the master key does not fit the database"), "{refused}");
    assert!(refused.contains("older_master_key_files"), "{refused}");
    let doctor = world.grantor(&["doctor"]).bad();
    assert!(doctor.contains("!!  signing keys"), "{doctor}");

    // With the old one beside it the server starts and seals everything anew by itself.
    let older = format!("[\"{}\"]", kept.display());
    world.set("GRANTOR_KEYS_OLDER_MASTER_KEY_FILES", &older);
    world.serve().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let token = world.token().await;
    world.stop();
    let said = world.grantor(&["keys", "rewrap"]).good();
    assert!(said.starts_with("ok: 0 of "), "{said}");
    std::fs::remove_file(kept).unwrap();
    world.settings.retain(|(name, _)| name != "GRANTOR_KEYS_OLDER_MASTER_KEY_FILES");
    world.serve().await;
    assert!(world.is_live(&token).await);
    world.token().await;
}

#[tokio::test]
async fn sec_094_rewrapping_a_stopped_database_can_be_repeated() {
    let mut world = World::start().await;
    world.stop();
    world.grantor(&["keys", "generate", "-o", "new.key"]).good();
    world.set("GRANTOR_KEYS_MASTER_KEY_FILE", "new.key");
    world.set("GRANTOR_KEYS_OLDER_MASTER_KEY_FILES", "[\"grantor.key\"]");
    assert!(world.grantor(&["keys", "rewrap"]).good().starts_with("ok: 3 of 3 "));
    assert!(world.grantor(&["keys", "rewrap"]).good().starts_with("ok: 0 of 3 "));
    world.grantor(&["doctor"]).good();
    world.serve().await;
    world.token().await;
}
