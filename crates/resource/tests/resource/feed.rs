//! Revocations: learnt at once, believed only when signed, missed loudly.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor_crypto::Algorithm;
use grantor_crypto::key::SigningKey;
use grantor_oauth_types::revocation_feed::RevocationTarget;
use grantor_resource::{NotReady, OnStale, Refusal, TokenFault};
use serde_json::json;

use crate::world::{T0, World};

const REVOKED: Option<Refusal> = Some(Refusal::InvalidToken(TokenFault::Revoked));
const STALE: Option<Refusal> = Some(Refusal::Unavailable(NotReady::StaleRevocations));

#[tokio::test]
async fn sec_185_a_revoked_token_is_refused_within_a_second_although_it_was_verified_before() {
    let world = World::new().await;
    let (token, other) = (world.good_token(), world.token(&json!({"jti": "j2"})));
    assert_eq!(world.get(&token).await.status, StatusCode::OK);
    // The long poll is open by then.
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.server.revoke_token(&token);
    assert!(world.refused_within_a_second(&token).await);
    let heard = world.get(&token).await;
    assert_eq!(heard.status, StatusCode::UNAUTHORIZED);
    assert!(heard.challenge().unwrap().contains(r#"error="invalid_token""#));
    assert_eq!(world.refusal(&other).await, None, "and only that one");
}

/// Anybody can turn an ECDSA signature into a second one that verifies too, by n − s for s.
#[tokio::test]
async fn a_revoked_token_does_not_come_back_in_its_second_form() {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    let world = World::new().await;
    let token = world.good_token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let digit = i16::from(ORDER[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(digit < 0);
        signature[32 + at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    let second = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    world.server.revoke_token(&token);
    assert!(world.refused_within_a_second(&token).await);
    let refused = Some(Refusal::InvalidToken(TokenFault::Signature));
    assert_eq!(world.refusal(&second).await, refused);
}

#[tokio::test]
async fn every_kind_of_revocation_reaches_the_tokens_it_means_and_no_others() {
    let cases: [(&str, &[(&str, &str)]); 5] = [
        ("grant", &[("gid", "gnt_1")]),
        ("subject", &[("realm", "/customers"), ("sub", "ada")]),
        ("client", &[("client_id", "shop")]),
        ("token", &[("jti", "j1")]),
        ("client-as-azp", &[("azp", "shop"), ("sub", "ada")]),
    ];
    for (case, claims) in cases {
        let world = World::new().await;
        let spared = world.token(&json!({
            "gid": "gnt_2", "sub": "bob", "client_id": "other", "jti": "j2",
        }));
        let without_slash = world.token(&json!({"realm": "customers"}));
        world.server.revoke_claims(claims);
        assert!(world.refused_within_a_second(&world.good_token()).await, "{case}");
        assert_eq!(world.refusal(&without_slash).await, REVOKED, "{case}");
        assert_eq!(world.refusal(&spared).await, None, "{case}");
    }
}

#[tokio::test]
async fn only_tokens_issued_before_are_dead() {
    let world = World::new().await;
    world.server.revoke(RevocationTarget::Global, T0);
    world.server.revoke_claims(&[("sub", "nobody")]);
    let older = world.token(&json!({"iat": T0 - 1}));
    assert!(world.refused_within_a_second(&older).await);
    assert_eq!(world.refusal(&world.good_token()).await, None, "strict");
}

#[tokio::test]
async fn a_long_history_is_read_before_anything_is_served() {
    let world = World::cold(|builder| builder).await;
    let token = world.good_token();
    for n in 0..9 {
        world.server.revoke_claims(&[("jti", &format!("x{n}"))]);
    }
    world.server.revoke_token(&token);
    world.verifier.ready().await;
    assert_eq!(world.refusal(&token).await, REVOKED);
    assert_eq!(world.verifier.status().revocations, 10);
}

#[tokio::test]
async fn a_delta_may_be_much_longer_than_a_token() {
    let world = World::cold(|builder| builder).await;
    world.server.page.store(5000, Ordering::SeqCst);
    for n in 0..5000 {
        let (realm, sub) = ("/customers", format!("usr_{n:032}"));
        world.server.revoke_claims(&[("realm", realm), ("sub", &sub)]);
    }
    world.verifier.ready().await;
    assert_eq!(world.verifier.status().revocations, 5000);
    let dead = world.token(&json!({"sub": format!("usr_{:032}", 4999)}));
    assert_eq!(world.refusal(&dead).await, REVOKED);
}

#[tokio::test]
async fn revocations_that_can_match_nothing_any_more_are_forgotten() {
    let world = World::new().await;
    world.server.revoke_claims(&[("jti", "j1")]);
    assert!(world.refused_within_a_second(&world.good_token()).await);
    world.advance(90_000);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(world.verifier.status().revocations, 1, "still of use");
    world.advance(11_000);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(world.verifier.status().revocations, 0);
}

#[tokio::test]
async fn a_refused_cursor_means_reading_from_the_start() {
    let world = World::new().await;
    world.server.revoke_claims(&[("jti", "x")]);
    assert!(world.refused_within_a_second(&world.token(&json!({"jti": "x"}))).await);
    let before = world.server.whole_readings.load(Ordering::SeqCst);
    world.server.oldest.store(1_000, Ordering::SeqCst);
    world.server.revoke_claims(&[("jti", "y")]);
    assert!(world.refused_within_a_second(&world.token(&json!({"jti": "y"}))).await);
    // The poll that was open still brought it; the next one is refused.
    while world.server.whole_readings.load(Ordering::SeqCst) == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.refusal(&world.token(&json!({"jti": "x"}))).await, REVOKED);
}

#[tokio::test]
async fn a_server_that_does_not_hold_its_answers_is_asked_once_a_second() {
    let world = World::cold(|builder| builder).await;
    world.server.holds.store(false, Ordering::SeqCst);
    world.verifier.ready().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let polls = world.server.polls.load(Ordering::SeqCst);
    assert!(polls <= 3, "{polls}");
}

#[tokio::test]
async fn another_salt_means_reading_from_the_start() {
    let world = World::new().await;
    let token = world.good_token();
    world.server.revoke_claims(&[("jti", "x")]);
    assert!(world.refused_within_a_second(&world.token(&json!({"jti": "x"}))).await);
    "another".clone_into(&mut world.server.salt.lock().unwrap());
    world.server.revocations.lock().unwrap().clear();
    world.server.revoke_claims(&[("jti", "y")]);
    world.server.revoke_token(&token);
    assert!(world.refused_within_a_second(&token).await);
}

#[tokio::test]
async fn sec_082_sec_084_a_delta_is_believed_only_when_the_issuer_signed_it_as_one() {
    for case in ["forged", "other-type"] {
        let world = World::new().await;
        let token = world.good_token();
        match case {
            "forged" => {
                let kid = Some(world.key.kid().to_owned());
                let forger = SigningKey::generate(Algorithm::Es256, kid).unwrap();
                *world.server.keys.lock().unwrap() = vec![forger];
            }
            _ => *world.server.delta_typ.lock().unwrap() = "at+jwt",
        }
        world.server.revoke_token(&token);
        assert!(!world.refused_within_a_second(&token).await, "{case}");
        world.advance(7201);
        let lasting = world.token(&json!({"exp": T0 + 10_000}));
        assert_eq!(world.refusal(&lasting).await, STALE, "{case}: it shows as staleness");
    }
}

#[tokio::test]
async fn sec_186_staleness_is_stated_and_bounded_as_configured() {
    for (on_stale, expected) in [(OnStale::FailClosed, STALE), (OnStale::FailOpen, None)] {
        let world =
            World::with(|builder| builder.max_staleness(Duration::from_mins(1), on_stale)).await;
        // Whoever fails open is ready before.
        while world.verifier.staleness().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(world.verifier.staleness(), Some(Duration::ZERO));
        world.server.down.store(true, Ordering::SeqCst);
        world.server.news.notify_waiters();
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.advance(60);
        assert_eq!(world.verifier.staleness(), Some(Duration::from_mins(1)));
        assert_eq!(world.refusal(&world.good_token()).await, None);
        world.advance(1);
        assert_eq!(world.refusal(&world.good_token()).await, expected, "{on_stale:?}");
        assert_eq!(world.verifier.status().not_ready.is_some(), expected.is_some());
    }
}

#[tokio::test]
async fn staleness_counts_from_when_the_server_looked() {
    let world = World::new().await;
    world.server.now.fetch_sub(30, Ordering::SeqCst);
    world.server.revoke_claims(&[("jti", "x")]);
    assert!(
        world.refused_within_a_second(&world.token(&json!({"jti": "x", "iat": T0 - 60}))).await
    );
    assert_eq!(world.verifier.staleness(), Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn an_issuer_without_feed_is_trusted_only_when_that_is_said() {
    let world = World::with(grantor_resource::VerifierBuilder::without_revocation_feed).await;
    assert_eq!(world.refusal(&world.good_token()).await, None);
    assert_eq!(world.verifier.staleness(), None);
    assert_eq!(world.server.whole_readings.load(Ordering::SeqCst), 0);
}
