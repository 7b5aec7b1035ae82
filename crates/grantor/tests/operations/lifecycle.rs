//! Starting and stopping. REL-006, REL-028, REL-033.

use std::time::Duration;

use reqwest::StatusCode;

use crate::world::World;

#[tokio::test]
async fn rel_006_a_second_server_on_the_same_file_is_refused_at_start() {
    let world = World::start().await;
    let mut second = world.program();
    second.env_remove("GRANTOR_SERVER_OPERATIONS_LISTEN");
    let second = second.args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    let refused = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success(), "{refused}");
    assert!(refused.contains("another process uses this database"), "{refused}");
    assert!(world.grantor(&["migrate"]).bad().contains("another process"));
    world.token().await;
}

#[tokio::test]
async fn rel_028_readiness_goes_first_requests_in_flight_finish_and_the_log_is_whole() {
    let mut world = World::on(None, &[("GRANTOR_SERVER_DRAIN_DELAY_SECONDS", "2")]).await;
    let feed = format!("{}/oauth2/revocations?wait=50", world.url);
    let held = tokio::spawn(world.http.get(feed).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.signal("-TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ready = world.http.get(format!("{}/readyz", world.operations)).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let live = world.http.get(format!("{}/healthz", world.operations)).send().await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
    // Until the balancer has seen it, requests are answered as ever; what is held comes back.
    world.token().await;
    let held = tokio::time::timeout(Duration::from_secs(1), held).await.unwrap();
    assert_eq!(held.unwrap().unwrap().status(), StatusCode::OK);
    let last = world.token().await;
    let begun = tokio::time::timeout(Duration::from_secs(10), async {
        while world.http.get(format!("{}/oauth2/jwks", world.url)).send().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    begun.await.unwrap();
    assert!(world.ended().success(), "{}", world.log());
    // Nothing that was answered is missing, and all of it is linked and signed.
    let verified = world.grantor(&["audit", "verify"]).good();
    assert!(verified.starts_with("ok: "), "{verified}");
    let issued = world.grantor(&["audit", "tail", "-n", "3"]).good();
    assert!(issued.contains("token.issued"), "{issued}");
    world.serve().await;
    assert!(world.is_live(&last).await);
}

#[tokio::test]
async fn rel_029_a_restart_keeps_tokens_and_grants_however_the_server_ended() {
    let mut world = World::start().await;
    let (token, refresh) = (world.token().await, world.refresh_token().await);
    world.stop();
    world.serve().await;
    assert!(world.is_live(&token).await);
    let rotated = world.rotate(&refresh).await;
    world.signal("-KILL");
    world.ended();
    world.serve().await;
    assert!(world.is_live(&token).await);
    assert!(world.refresh(&rotated).await.is_success());
}

#[tokio::test]
async fn rel_028_the_end_of_the_terminal_is_a_drain_too() {
    let mut world = World::start().await;
    world.signal("-HUP");
    assert!(world.ended().success(), "{}", world.log());
    assert!(world.log().contains("going down"), "{}", world.log());
}

#[tokio::test]
async fn a_start_at_a_port_that_is_taken_makes_nothing() {
    let world = World::start().await;
    let database = world.path("other/new.db");
    let mut second = world.program();
    second.env("GRANTOR_DATABASE_URL", format!("sqlite:{}", database.display())).arg("serve");
    let second = second.output().unwrap();
    let refused = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && refused.contains("server.listen: cannot"), "{refused}");
    assert!(!world.path("other").exists());
}

#[tokio::test]
async fn rel_027_a_master_key_that_is_gone_is_missed_and_not_made_anew() {
    let mut world = World::start().await;
    world.stop();
    let (key, away) = (world.path("grantor.key"), world.path("away"));
    std::fs::rename(&key, &away).unwrap();
    let refused = world.grantor(&["serve"]).bad();
    assert!(refused.contains("grantor.key is gone"), "{refused}");
    assert!(!key.exists());
    std::fs::rename(&away, &key).unwrap();
    world.serve().await;
    world.token().await;
}

#[tokio::test]
async fn rel_033_a_start_with_an_existing_database_is_ready_in_two_seconds() {
    let mut world = World::start().await;
    world.stop();
    let served = tokio::time::timeout(Duration::from_secs(2), world.serve()).await;
    assert!(served.is_ok(), "not ready after 2 s: {}", world.log());
}
