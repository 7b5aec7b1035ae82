use grantor_oauth_types::id::GrantId;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;

use super::*;
use crate::grant::GrantOrigin;

const GRACE: SignedDuration = SignedDuration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn client(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

fn digest(text: &str) -> SecretDigest {
    SecretDigest::of(text)
}

fn successor(text: &str) -> Successor {
    Successor { digest: digest(text), sealed: text.as_bytes().to_vec() }
}

fn policy(grace: SignedDuration) -> RefreshPolicy {
    RefreshPolicy { idle: SignedDuration::from_hours(24), grace }
}

/// A grant of the client `shop`, begun at second 1000 with the token `rt0`.
fn grant() -> Grant {
    Grant {
        tenant: TenantName::parse("main").unwrap(),
        id: GrantId::new(1, [0; 10]),
        client: client("shop"),
        user: UserId::new(1, [1; 10]),
        realm: RealmName::parse("customers").unwrap(),
        scopes: Scopes::EMPTY,
        audiences: vec![],
        created: at(1_000),
        expires: at(1_000_000),
        refresh: RefreshState {
            generation: 0,
            digest: digest("rt0"),
            idle_expires: at(50_000),
            previous: None,
        },
        ended: None,
        origin: None,
    }
}

fn present(grant: &Grant, token: &str, grace: SignedDuration, second: i64) -> Rotation {
    present_with(grant, token, grace, second, None)
}

fn present_with(
    grant: &Grant,
    token: &str,
    grace: SignedDuration,
    second: i64,
    certificate: Option<CertificateThumbprint>,
) -> Rotation {
    let next = successor(&format!("{token}+"));
    let shop = client("shop");
    let by = Presenter { client: &shop, certificate };
    rotate(Some(grant), by, &digest(token), &next, policy(grace), at(second))
}

fn by(client: &ClientId) -> Presenter<'_> {
    Presenter { client, certificate: None }
}

fn after_one_rotation() -> Grant {
    match present(&grant(), "rt0", GRACE, 2_000) {
        Rotation::Rotated(grant) => *grant,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_live_token_is_rotated_and_the_absolute_end_stays() {
    let rotated = after_one_rotation();
    assert_eq!(rotated.refresh.digest, digest("rt0+"));
    assert_eq!(rotated.refresh.generation, 1);
    assert_eq!(rotated.expires, grant().expires);
}

#[test]
fn sec_062_inside_the_grace_window_the_same_successor_comes_again() {
    let rotated = after_one_rotation();
    assert_eq!(present(&rotated, "rt0", GRACE, 2_029), Rotation::Again(b"rt0+".to_vec()));
}

#[test]
fn sec_062_a_successor_that_was_used_closes_the_window() {
    let Rotation::Rotated(twice) = present(&after_one_rotation(), "rt0+", GRACE, 2_001) else {
        panic!("the successor must work")
    };
    assert!(matches!(present(&twice, "rt0", GRACE, 2_002), Rotation::Reused(_)));
}

#[test]
fn sec_061_after_the_window_reuse_ends_the_grant() {
    let Rotation::Reused(ended) = present(&after_one_rotation(), "rt0", GRACE, 2_030) else {
        panic!("not noticed")
    };
    assert_eq!(ended.ended.unwrap().why, EndReason::Reuse);
    let refused = present(&ended, "rt0+", GRACE, 2_031);
    assert_eq!(refused, Rotation::Refused(RefreshRefusal::Ended));
}

#[test]
fn sec_063_without_grace_a_race_is_refused_and_a_later_reuse_ends_the_grant() {
    let rotated = after_one_rotation();
    let none = SignedDuration::ZERO;
    assert_eq!(present(&rotated, "rt0", none, 2_001), Rotation::Refused(RefreshRefusal::Raced));
    assert!(matches!(present(&rotated, "rt0", none, 2_002), Rotation::Reused(_)));
}

#[test]
fn sec_060_another_client_changes_nothing() {
    let (next, evil) = (successor("x"), client("evil"));
    let rotation =
        rotate(Some(&grant()), by(&evil), &digest("rt0"), &next, policy(GRACE), at(2_000));
    assert_eq!(rotation, Rotation::Refused(RefreshRefusal::IssuedToAnother));
}

#[test]
fn sec_060_a_token_that_is_bound_to_a_certificate_counts_with_it_only() {
    let (own, other) =
        (CertificateThumbprint::from_bytes([1; 32]), CertificateThumbprint::from_bytes([2; 32]));
    let origin = GrantOrigin {
        sign_in: crate::session::SignIn { session: None, at: at(1), acr: None, amr: Vec::new() },
        claims: crate::claims::ClaimsRequest::default(),
        wants_auth_time: false,
        offline: false,
        certificate: Some(own),
    };
    let bound = Grant { origin: Some(origin), ..grant() };
    for wrong in [None, Some(other)] {
        let refused = present_with(&bound, "rt0", GRACE, 2_000, wrong);
        assert_eq!(refused, Rotation::Refused(RefreshRefusal::OtherCertificate));
    }
    let rotation = present_with(&bound, "rt0", GRACE, 2_000, Some(own));
    let Rotation::Rotated(next) = rotation else { panic!("{rotation:?}") };
    assert_eq!(next.origin.unwrap().certificate, Some(own), "and so does the next one");
    let free = present_with(&grant(), "rt0", GRACE, 2_000, Some(other));
    assert!(matches!(free, Rotation::Rotated(_)));
}

#[test]
fn sec_065_idle_and_absolute_end_are_kept() {
    let expired = Rotation::Refused(RefreshRefusal::Expired);
    assert_eq!(present(&grant(), "rt0", GRACE, 50_000), expired);
    let mut old = grant();
    old.expires = at(40_000);
    assert_eq!(present(&old, "rt0", GRACE, 40_000), expired);
    let Rotation::Rotated(late) = present(&old, "rt0", GRACE, 39_999) else { panic!() };
    assert_eq!(late.refresh.idle_expires, at(40_000), "sliding never passes the absolute end");
}

#[test]
fn a_grant_that_is_over_hands_out_nothing_more() {
    let over = ended(&after_one_rotation(), EndReason::Revoked, at(2_001));
    assert_eq!(over.refresh.previous, None, "the sealed successor is gone with it");
    for token in ["rt0", "rt0+"] {
        let refused = Rotation::Refused(RefreshRefusal::Ended);
        assert_eq!(present(&over, token, GRACE, 2_002), refused);
    }
}

#[test]
fn who_presents_nothing_of_ours_changes_nothing() {
    let next = successor("x");
    let shop = client("shop");
    let rotation = rotate(None, by(&shop), &digest("rt0"), &next, policy(GRACE), at(2_000));
    assert_eq!(rotation, Rotation::Refused(RefreshRefusal::Unknown));
}

mod sequences {
    use proptest::prelude::*;

    use super::*;

    /// Somebody presents the n-th token that was ever handed out, some seconds after the last.
    fn some_requests() -> impl Strategy<Value = Vec<(usize, i64)>> {
        prop::collection::vec((0..6_usize, 0..40_i64), 1..30)
    }

    proptest! {
        /// Whatever is presented in whatever order: one token at most can be rotated at any
        /// moment, and once reuse was noticed none (SEC-061, SEC-063).
        #[test]
        fn sec_063_a_grant_never_has_two_live_tokens(
            requests in some_requests(),
            grace in (0..60_i64).prop_map(SignedDuration::from_secs),
        ) {
            let mut kept = grant();
            let mut tokens = vec!["rt0".to_owned()];
            let mut now = 2_000;
            for (n, pause) in requests {
                now += pause;
                let live = tokens.iter().filter(|token| {
                    matches!(present(&kept, token, grace, now), Rotation::Rotated(_))
                });
                prop_assert!(live.count() <= usize::from(kept.ended.is_none()));
                let token = tokens[n % tokens.len()].clone();
                match present(&kept, &token, grace, now) {
                    Rotation::Rotated(next) => {
                        prop_assert_eq!(next.refresh.generation, kept.refresh.generation + 1);
                        prop_assert!(next.refresh.idle_expires <= next.expires);
                        tokens.push(format!("{token}+"));
                        kept = *next;
                    }
                    Rotation::Again(sealed) => {
                        let successor = String::from_utf8(sealed).unwrap();
                        prop_assert_eq!(Some(&successor), tokens.last(), "the same, and the live one");
                    }
                    Rotation::Reused(over) => {
                        prop_assert!(over.ended.is_some());
                        kept = *over;
                    }
                    Rotation::Refused(refusal) => {
                        let known = [RefreshRefusal::Ended, RefreshRefusal::Raced];
                        prop_assert!(known.contains(&refusal), "{refusal:?}");
                    }
                }
                prop_assert_eq!(kept.expires, grant().expires, "SEC-065");
            }
        }
    }
}
