//! Keys: fetched, replaced, withdrawn, out of reach.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use grantor_crypto::Algorithm;
use grantor_crypto::key::SigningKey;
use grantor_resource::{
    ConfigError, Introspection, NotReady, OnStale, Refusal, TokenFault, Verifier,
};
use serde_json::json;

use crate::server::Trouble;
use crate::world::{World, sign, sign_as};

fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::Es256, Some(kid.to_owned())).unwrap()
}

/// Lets the background work notice that time has passed.
async fn soon() {
    tokio::time::sleep(Duration::from_millis(1200)).await;
}

const UNKNOWN: Option<Refusal> = Some(Refusal::InvalidToken(TokenFault::UnknownKey));

#[tokio::test]
async fn sec_076_a_flood_of_unknown_kids_causes_one_fetch_in_thirty_seconds() {
    let world = World::new().await;
    let fetches = || world.server.jwks_fetches.load(Ordering::SeqCst);
    assert_eq!(fetches(), 1);
    let flood = async |from: u32| {
        let claims = world.claims().to_string();
        let tasks = (from..from + 500).map(|n| {
            let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"k{n}"}}"#);
            let (verifier, token) = (world.verifier.clone(), sign_as(&world.key, &header, &claims));
            tokio::spawn(async move { verifier.verify(&token).await.is_err() })
        });
        for task in tasks.collect::<Vec<_>>() {
            assert!(task.await.unwrap());
        }
    };
    flood(0).await;
    assert_eq!(fetches(), 2);
    world.advance(29);
    flood(1000).await;
    assert_eq!(fetches(), 2);
    assert_eq!(world.refusal(&world.good_token()).await, None, "good tokens do not suffer");
    world.advance(32);
    flood(2000).await;
    assert_eq!(fetches(), 3);
}

#[tokio::test]
async fn sec_076_sec_186_keys_without_end_without_answer_or_elsewhere_are_not_waited_for() {
    for trouble in [Trouble::Endless, Trouble::Elsewhere, Trouble::Silent] {
        let world = World::new().await;
        *world.server.jwks_trouble.lock().unwrap() = Some(trouble);
        world.server.keys.lock().unwrap().insert(0, key("next"));
        let next = world.server.keys.lock().unwrap()[0].clone();
        let new_token = sign(&next, Some("at+jwt"), &world.claims().to_string());
        let asking = async {
            let asked = (0..50).map(|_| {
                let (verifier, token) = (world.verifier.clone(), new_token.clone());
                tokio::spawn(async move { verifier.verify(&token).await.unwrap_err() })
            });
            for one in asked.collect::<Vec<_>>() {
                let refusal = one.await.unwrap().refusal().clone();
                assert_eq!(refusal, NotReady::KeysUnreachable.into(), "{trouble:?}");
            }
        };
        // Five seconds for the one question, and nothing for those who waited with it.
        tokio::time::timeout(Duration::from_secs(9), asking).await.expect("bounded");
        assert_eq!(world.server.jwks_fetches.load(Ordering::SeqCst), 2, "{trouble:?}");
        assert_eq!(world.refusal(&world.good_token()).await, None, "good tokens do not suffer");
        // When it is mended, so are we.
        *world.server.jwks_trouble.lock().unwrap() = None;
        world.advance(61);
        assert_eq!(world.refusal(&new_token).await, None, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_rotation_fails_no_request() {
    let world = World::new().await;
    let next = key("next");
    let (old_token, claims) = (world.good_token(), world.claims().to_string());
    let new_token = sign(&next, Some("at+jwt"), &claims);
    assert_eq!(world.refusal(&old_token).await, None);
    world.server.keys.lock().unwrap().insert(0, next);
    assert_eq!(world.refusal(&new_token).await, None, "the unknown key is fetched at once");
    assert_eq!(world.refusal(&old_token).await, None);
}

#[tokio::test]
async fn sec_095_a_withdrawn_key_is_refused_after_the_next_refresh() {
    let world = World::new().await;
    let token = world.good_token();
    *world.server.keys.lock().unwrap() = vec![key("other")];
    world.advance(59);
    assert_eq!(world.refusal(&token).await, None);
    world.advance(1);
    soon().await;
    assert_eq!(world.refusal(&token).await, UNKNOWN, "although it was verified a second ago");
}

#[tokio::test]
async fn sec_084_metadata_of_another_issuer_starts_nothing() {
    let world = World::cold(|builder| builder).await;
    *world.server.stated_issuer.lock().unwrap() = "https://globex.example".to_owned();
    soon().await;
    let refusal = world.refusal(&world.good_token()).await;
    assert_eq!(refusal, Some(Refusal::Unavailable(NotReady::Starting)));
    assert_eq!(world.server.jwks_fetches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn sec_186_a_cold_start_without_the_server_answers_503_until_it_is_there() {
    let world = World::cold(|builder| builder).await;
    world.server.down.store(true, Ordering::SeqCst);
    let heard = world.get(&world.good_token()).await;
    assert_eq!(heard.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(heard.headers.contains_key("retry-after"));
    assert_eq!(heard.body["error"], "temporarily_unavailable");
    assert_eq!(heard.challenge(), None);
    world.server.down.store(false, Ordering::SeqCst);
    for _ in 0..100 {
        world.advance(1);
        if world.get(&world.good_token()).await.status == StatusCode::OK {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never became ready");
}

#[tokio::test]
async fn sec_186_known_keys_last_a_day_and_unknown_ones_cannot_be_judged() {
    let day = Duration::from_hours(72);
    let world = World::with(|builder| builder.max_staleness(day, OnStale::FailClosed)).await;
    let forever = world.token(&json!({"exp": 2_000_000_000}));
    assert_eq!(world.refusal(&forever).await, None);
    world.server.down.store(true, Ordering::SeqCst);
    world.advance(23 * 60 * 60);
    soon().await;
    assert_eq!(world.refusal(&forever).await, None);
    let unknown = sign(&key("k"), Some("at+jwt"), &world.claims().to_string());
    let refusal = world.refusal(&unknown).await;
    assert_eq!(refusal, Some(Refusal::Unavailable(NotReady::KeysUnreachable)));
    world.advance(60 * 60 + 1);
    let refusal = world.refusal(&forever).await;
    assert_eq!(refusal, Some(Refusal::Unavailable(NotReady::StaleKeys)));
}

#[tokio::test]
async fn rel_039_an_outage_of_an_hour_is_not_felt_offline_and_opaque_tokens_fail_closed() {
    let world =
        World::with(|builder| builder.introspect(Introspection::of_opaque_tokens("rs1", "s:cret")))
            .await;
    let token = world.token(&json!({"exp": 2_000_000_000}));
    world.server.down.store(true, Ordering::SeqCst);
    for minute in 0..60 {
        world.advance(60);
        if minute % 20 == 0 {
            soon().await;
        }
        assert_eq!(world.refusal(&token).await, None, "minute {minute}");
        let opaque = world.refusal("gat_AAAA").await;
        assert_eq!(opaque, Some(Refusal::Unavailable(NotReady::Introspection)), "minute {minute}");
    }
    assert!(world.verifier.staleness().unwrap() >= Duration::from_hours(1));
}

#[tokio::test]
async fn sec_186_a_configuration_without_issuer_or_audience_does_not_start() {
    let start = |issuer: &str, audience: &str| Verifier::builder(issuer, audience).start();
    for issuer in [
        "",
        "as.example",
        "http://as.example",
        "https://as.example?x=1",
        "https://as.example#a",
        "ftp://as.example",
        "https://user@as.example",
    ] {
        let refused = start(issuer, "https://api.example");
        assert!(matches!(refused, Err(ConfigError::Issuer)), "{issuer}");
    }
    for audience in ["", "a\nb", "\u{e4}"] {
        let refused = start("https://as.example", audience);
        assert!(matches!(refused, Err(ConfigError::Audience)), "{audience:?}");
    }
    let builder = || Verifier::builder("https://as.example", "api");
    assert!(matches!(builder().leeway(61).start(), Err(ConfigError::Leeway)));
    assert!(matches!(builder().leeway(-1).start(), Err(ConfigError::Leeway)));
    assert!(matches!(builder().algorithms(&[]).start(), Err(ConfigError::Algorithms)));
    assert!(matches!(builder().challenge_realm("a\r\nb").start(), Err(ConfigError::Realm)));
}

#[test]
fn sec_186_a_verifier_that_could_not_work_in_the_background_does_not_start() {
    let refused = Verifier::builder("https://as.example", "api").start();
    assert!(matches!(refused, Err(ConfigError::NoRuntime)));
}

#[tokio::test]
async fn the_background_work_ends_with_the_last_verifier() {
    let World { server, clock, verifier, .. } = World::new().await;
    let other = verifier.clone();
    drop(verifier);
    let later = |n: usize| {
        let (server, clock) = (&server, &clock);
        async move {
            clock.advance(61);
            soon().await;
            assert_eq!(server.jwks_fetches.load(Ordering::SeqCst), n);
        }
    };
    later(2).await;
    drop(other);
    later(2).await;
}
