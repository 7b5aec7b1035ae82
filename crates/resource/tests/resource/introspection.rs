//! Tokens that only the authorization server can read.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use grantor_resource::{Introspection, NotReady, Refusal, Require, TokenFault};
use serde_json::{Value, json};

use crate::world::{AUDIENCE, T0, World};

const OPAQUE: &str = "gat_AAAA";

async fn world() -> World {
    let introspection = Introspection::of_opaque_tokens("rs1", "s:cret");
    let world = World::with(|builder| builder.introspect(introspection)).await;
    *world.server.introspection.lock().unwrap() = active(&world);
    world
}

fn active(world: &World) -> Value {
    json!({
        "active": true, "scope": "uid sales_order.read", "client_id": "shop", "token_type": "Bearer",
        "exp": T0 + 600, "iat": T0, "sub": "ada", "aud": [AUDIENCE], "iss": world.server.issuer,
        "jti": "j1", "realm": "/customers",
    })
}

fn asked(world: &World) -> usize {
    world.server.introspections.load(Ordering::SeqCst)
}

#[tokio::test]
async fn an_opaque_token_is_introspected_and_a_jwt_is_not() {
    let world = world().await;
    let caller = world.verifier.verify(OPAQUE).await.unwrap();
    assert_eq!((caller.subject(), caller.realm()), ("ada", Some("customers")));
    assert_eq!(caller.client_id(), Some("shop"));
    assert_eq!(asked(&world), 1);
    assert_eq!(world.refusal(&world.good_token()).await, None);
    assert_eq!(asked(&world), 1);
}

#[tokio::test]
async fn every_token_is_introspected_when_that_is_said() {
    let introspection = Introspection::of_all_tokens("", "").with_secret_in_body("rs1", "s:cret");
    let world = World::with(|builder| builder.introspect(introspection)).await;
    let refusal = world.refusal(&world.good_token()).await;
    assert_eq!(refusal, Some(Refusal::InvalidToken(TokenFault::Revoked)));
    assert_eq!(asked(&world), 1);
}

#[tokio::test]
async fn what_introspection_says_must_fit() {
    use TokenFault as F;
    let world = world().await;
    #[rustfmt::skip]
    let table = [
        ("7662-2.2-inactive",   "active",     json!(false),                    F::Revoked),
        ("sec-083-audience",    "aud",        json!(["https://api2.example"]), F::Audience),
        ("sec-083-no-audience", "aud",        json!([]),                       F::Audience),
        ("sec-084-issuer",      "iss",        json!("https://globex.example"), F::Issuer),
        ("sec-080-exp",         "exp",        json!("tomorrow"),               F::Claims),
        ("7662-2.2-expired",    "exp",        json!(T0 - 31),                  F::Expired),
        ("7662-2.2-nbf",        "nbf",        json!(T0 + 61),                  F::NotYetValid),
        ("9449-6.2-bound",      "cnf",        json!({"jkt": "x"}),             F::Bound),
        ("6749-7.1-type",       "token_type", json!("N_A"),                    F::Kind),
        ("sec-088-sub",         "sub",        json!(""),                       F::Claims),
        ("sec-080-scope",       "scope",      json!(["uid"]),                  F::Claims),
    ];
    for (n, (rule, name, value, expected)) in table.into_iter().enumerate() {
        let mut answer = active(&world);
        answer[name] = value;
        *world.server.introspection.lock().unwrap() = answer;
        let refusal = world.refusal(&format!("gat_{n}")).await;
        assert_eq!(refusal, Some(Refusal::InvalidToken(expected)), "{rule}");
    }
    for broken in [json!({}), json!([]), json!({"active": "true"}), json!("active")] {
        *world.server.introspection.lock().unwrap() = broken.clone();
        let refusal = world.refusal(&format!("gat_{broken}")).await;
        assert_eq!(refusal, Some(Refusal::Unavailable(NotReady::Introspection)), "{broken}");
    }
}

#[tokio::test]
async fn sec_185_good_answers_are_kept_a_minute_and_bad_ones_five_seconds() {
    let world = world().await;
    assert_eq!(world.refusal(OPAQUE).await, None);
    *world.server.introspection.lock().unwrap() = json!({"active": false});
    world.advance(59);
    assert_eq!(world.refusal(OPAQUE).await, None);
    assert_eq!(asked(&world), 1);
    world.advance(1);
    let revoked = Some(Refusal::InvalidToken(TokenFault::Revoked));
    assert_eq!(world.refusal(OPAQUE).await, revoked, "revoke, then use at 61 s");
    assert_eq!(world.refusal(OPAQUE).await, revoked);
    assert_eq!(asked(&world), 2);
    *world.server.introspection.lock().unwrap() = active(&world);
    world.advance(5);
    assert_eq!(world.refusal(OPAQUE).await, None);
    assert_eq!(asked(&world), 3);
}

#[tokio::test]
async fn sec_185_what_is_kept_is_never_older_than_the_token() {
    let world = world().await;
    world.server.introspection.lock().unwrap()["exp"] = json!(T0 + 10);
    assert_eq!(world.refusal(OPAQUE).await, None);
    world.advance(41);
    let refusal = world.refusal(OPAQUE).await;
    assert_eq!(refusal, Some(Refusal::InvalidToken(TokenFault::Expired)));
}

#[tokio::test]
async fn sec_185_a_token_that_is_good_for_one_rule_is_judged_anew_for_another() {
    let world = world().await;
    let get = async |require: Require| {
        let request = axum::http::Request::get("/").header("authorization", "Bearer gat_AAAA");
        let request = request.body(axum::body::Body::empty()).unwrap();
        crate::world::send(world.api(require), request).await.status
    };
    assert_eq!(get(Require::scopes(["sales_order.read"])).await, StatusCode::OK);
    assert_eq!(get(Require::scopes(["sales_order.write"])).await, StatusCode::FORBIDDEN);
    assert_eq!(get(Require::scopes(["sales_order.read"])).await, StatusCode::OK);
    assert_eq!(asked(&world), 1);
}

#[tokio::test]
async fn sec_185_a_revocation_reaches_what_is_kept() {
    let world = world().await;
    assert_eq!(world.refusal(OPAQUE).await, None);
    world.server.revoke_token(OPAQUE);
    assert!(world.refused_within_a_second(OPAQUE).await);
    // Its grant is not in the answer of introspection, so any news makes us ask again.
    let other = "gat_BBBB";
    assert_eq!(world.refusal(other).await, None);
    *world.server.introspection.lock().unwrap() = json!({"active": false});
    world.server.revoke_claims(&[("gid", "gnt_1")]);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    world.advance(1);
    assert!(world.refusal(other).await.is_some());
}

#[tokio::test]
async fn many_requests_with_one_token_cause_one_question() {
    let world = world().await;
    world.server.slow.store(true, Ordering::SeqCst);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let verifier = world.verifier.clone();
            tokio::spawn(async move { verifier.verify(OPAQUE).await.is_ok() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(asked(&world), 1);
}

#[tokio::test]
async fn sec_186_wrong_credentials_and_an_absent_server_are_503() {
    let introspection = Introspection::of_opaque_tokens("rs1", "wrong");
    let world = World::with(|builder| builder.introspect(introspection)).await;
    let unavailable = Some(Refusal::Unavailable(NotReady::Introspection));
    assert_eq!(world.refusal(OPAQUE).await, unavailable);
    world.server.down.store(true, Ordering::SeqCst);
    assert_eq!(world.refusal(OPAQUE).await, unavailable);
    assert_eq!(asked(&world), 1);
}

#[tokio::test]
async fn while_the_server_is_away_nobody_waits_for_it() {
    let world = world().await;
    world.server.down.store(true, Ordering::SeqCst);
    let unavailable = Some(Refusal::Unavailable(NotReady::Introspection));
    assert_eq!(world.refusal(OPAQUE).await, unavailable);
    world.server.down.store(false, Ordering::SeqCst);
    assert_eq!(world.refusal(OPAQUE).await, unavailable);
    world.advance(1);
    assert_eq!(world.refusal(OPAQUE).await, None);
}

#[tokio::test]
async fn sec_189_neither_tokens_nor_secrets_are_printed() {
    let introspection = Introspection::of_opaque_tokens("rs1", "s:cret");
    let printed = format!("{introspection:?}");
    let body = introspection.clone().with_secret_in_body("rs1", "s:cret");
    let world = World::with(|builder| builder.introspect(introspection)).await;
    *world.server.introspection.lock().unwrap() = active(&world);
    let caller = world.verifier.verify(OPAQUE).await.unwrap();
    let good = world.good_token();
    world.verifier.verify(&good).await.unwrap();
    let denied = world.verifier.verify("a.b.c").await.unwrap_err();
    let printed = format!("{printed} {body:?} {:?} {caller:?} {denied:?} {denied}", world.verifier);
    for secret in ["s:cret", "cnMxOnMlM0FjcmV0", OPAQUE, &good, "gnt_1", "a.b.c"] {
        assert!(!printed.contains(secret), "{secret}");
    }
}
