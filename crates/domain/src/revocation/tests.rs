use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use grantor_oauth_types::revocation_feed::DEFAULT_SALT;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::example::*;

/// What revocations are held against.
#[derive(Clone, Debug)]
struct Token {
    compact: String,
    claims: BTreeMap<&'static str, String>,
    iat: i64,
}

impl RevocableClaims for Token {
    fn claim(&self, name: &str) -> Option<Cow<'_, str>> {
        self.claims.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn issued_at(&self) -> i64 {
        self.iat
    }
}

/// Jane's token at the shop, issued now.
fn token() -> Token {
    let claims = [("realm", "/customers"), ("sub", "jane"), ("client_id", "shop"), ("gid", "g")];
    Token {
        compact: "abc.def.ghi".to_owned(),
        claims: claims.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        iat: NOW,
    }
}

fn revocation(target: Target, issued_before: i64) -> Revocation {
    Revocation {
        tenant: tenant_name(),
        target,
        issued_before,
        revoked: now(),
        until: at(NOW + 1_000),
    }
}

fn is_dead(set: &RevocationSet, token: &Token) -> bool {
    set.is_revoked(DEFAULT_SALT, &hash(DEFAULT_SALT, &token.compact), token)
}

fn set(revocations: &[Revocation]) -> RevocationSet {
    let mut set = RevocationSet::default();
    for revocation in revocations {
        set.add(revocation);
    }
    set
}

/// `stups.md` 3.7: the published vectors, with the salt and the encoding of the originals.
#[test]
fn hashes_are_those_of_plan_b() {
    let vectors = [
        (hash(DEFAULT_SALT, "abc.def.ghi"), "6Os3QMqS2oQ7IKT0hFdiMki_zGEagKEDP32B2krBG3o="),
        (hash_claims(DEFAULT_SALT, &["test0"]), "n0IjlRXi_XQ61ivtYA_3obb1UoVrU6Ct8SVQm_iF_6I="),
        (
            hash_claims(DEFAULT_SALT, &["/services", "stups_kio"]),
            "FOLtyLMARcHtkzQF9WgfNuTOoHKiwxzCna61fZyHF0o=",
        ),
    ];
    for (hash, published) in vectors {
        assert_eq!(BASE64_URL_SAFE.encode(hash), published);
    }
    let services = realm_name("services");
    let Target::Claims { names, hash } = Target::subject(DEFAULT_SALT, &services, "stups_kio")
    else {
        panic!("claims")
    };
    assert_eq!(names, ["realm", "sub"]);
    assert_eq!(BASE64_URL_SAFE.encode(hash), "FOLtyLMARcHtkzQF9WgfNuTOoHKiwxzCna61fZyHF0o=");
}

#[test]
fn what_a_revocation_matches() {
    let salt = DEFAULT_SALT;
    let claims = |claims: &[(&str, &str)]| Target::claims(salt, claims);
    #[rustfmt::skip]
    let table = [
        ("the token",               Target::Token(hash(salt, "abc.def.ghi")),                  true),
        ("another token",           Target::Token(hash(salt, "abc.def.gh")),                   false),
        ("under another salt",      Target::Token(hash("other", "abc.def.ghi")),               false),
        ("the subject",             Target::subject(salt, &realm_name("customers"), "jane"),   true),
        ("of another realm",        Target::subject(salt, &realm_name("employees"), "jane"),   false),
        ("the client",              Target::client(salt, &client_id("shop")),                  true),
        ("another client",          Target::client(salt, &client_id("shop2")),                 false),
        ("another grant",           Target::grant(salt, grantor_oauth_types::id::GrantId::new(1, [1; 10])), false),
        ("one claim",               claims(&[("sub", "jane")]),                                true),
        ("one claim of three",      claims(&[("realm", "/customers"), ("sub", "jane"), ("client_id", "other")]), false),
        ("another order",           claims(&[("sub", "jane"), ("realm", "/customers")]),       true),
        ("values swapped",          claims(&[("realm", "jane"), ("sub", "/customers")]),       false),
        ("a claim it does not have", claims(&[("sub", "jane"), ("azp", "")]),                  false),
        ("only one it has not",     claims(&[("azp", "")]),                                    false),
        ("everything",              Target::Global,                                            true),
    ];
    for (what, target, expected) in table {
        let set = set(&[revocation(target, NOW + 1)]);
        assert_eq!(is_dead(&set, &token()), expected, "{what}");
        assert_eq!(set.len(), 1);
    }
    assert!(!is_dead(&RevocationSet::default(), &token()));
}

/// `stups.md` 3.7: revoked only if `issued_before` is larger.
#[test]
fn a_token_of_the_very_second_outlives_a_revocation() {
    let targets = || {
        [
            Target::Token(hash(DEFAULT_SALT, "abc.def.ghi")),
            Target::claims(DEFAULT_SALT, &[("sub", "jane")]),
            Target::Global,
        ]
    };
    for target in targets() {
        assert!(!is_dead(&set(&[revocation(target.clone(), NOW)]), &token()), "{target:?}");
        assert!(is_dead(&set(&[revocation(target.clone(), NOW + 1)]), &token()), "{target:?}");
    }
    for target in targets() {
        let both = [revocation(target.clone(), NOW + 1), revocation(target, NOW - 5)];
        assert!(is_dead(&set(&both), &token()), "of two the newer counts");
        assert_eq!(set(&both).len(), 1);
    }
}

#[test]
fn what_can_match_nothing_alive_is_forgotten() {
    let mut all = set(&[
        revocation(Target::Token([1; 32]), NOW),
        revocation(Target::claims(DEFAULT_SALT, &[("sub", "jane")]), NOW),
        revocation(Target::Global, NOW),
        Revocation { until: at(NOW + 2_000), ..revocation(Target::Token([2; 32]), NOW) },
    ]);
    assert_eq!(all.len(), 4);
    all.forget_until(at(NOW + 999));
    assert_eq!(all.len(), 4);
    all.forget_until(at(NOW + 1_000));
    assert_eq!(all.len(), 1);
    all.forget_until(at(NOW + 2_000));
    assert!(all.is_empty());
}

#[test]
fn a_target_is_known_for_as_long_as_its_longest_revocation() {
    let long = Revocation { until: at(NOW + 2_000), ..revocation(Target::Global, NOW - 5) };
    for pair in [
        [revocation(Target::Global, NOW + 1), long.clone()],
        [long.clone(), revocation(Target::Global, NOW + 1)],
    ] {
        let mut set = set(&pair);
        set.forget_until(at(NOW + 1_500));
        assert!(is_dead(&set, &token()));
    }
}

fn some_target() -> impl Strategy<Value = Target> {
    let value = || select(vec!["a", "b"]);
    prop_oneof![
        value().prop_map(|text| Target::Token(hash(DEFAULT_SALT, text))),
        value().prop_map(|sub| Target::claims(DEFAULT_SALT, &[("sub", sub)])),
        (value(), value())
            .prop_map(|(r, s)| Target::claims(DEFAULT_SALT, &[("realm", r), ("sub", s)])),
        (value(), value())
            .prop_map(|(s, c)| Target::claims(DEFAULT_SALT, &[("sub", s), ("client_id", c)])),
        Just(Target::Global),
    ]
}

fn some_revocation() -> impl Strategy<Value = Revocation> {
    (some_target(), 0..10_i64, 0..20_i64).prop_map(|(target, before, until)| Revocation {
        until: at(NOW + until),
        ..revocation(target, NOW + before)
    })
}

fn some_token() -> impl Strategy<Value = Token> {
    let value = || select(vec!["a", "b"]);
    let claims = (value(), prop::option::of(value()), prop::option::of(value()));
    (value(), claims, 0..10_i64).prop_map(|(compact, (sub, realm, client), iat)| {
        let claims = [("sub", Some(sub)), ("realm", realm), ("client_id", client)];
        let there = |(name, value): (&'static str, Option<&str>)| Some((name, value?.to_owned()));
        Token {
            compact: compact.to_owned(),
            claims: claims.into_iter().filter_map(there).collect(),
            iat: NOW + iat,
        }
    })
}

proptest! {
    #[test]
    fn a_revocation_more_never_revives_a_token(
        revocations in prop::collection::vec(some_revocation(), 0..6),
        more in some_revocation(),
        token in some_token(),
    ) {
        let mut all = set(&revocations);
        let before = is_dead(&all, &token);
        all.add(&more);
        prop_assert!(is_dead(&all, &token) || !before);
    }

    #[test]
    fn the_order_of_revocations_does_not_matter(
        revocations in prop::collection::vec(some_revocation(), 0..6),
        token in some_token(),
        now in 0..20_i64,
    ) {
        let backwards: Vec<Revocation> = revocations.iter().rev().cloned().collect();
        let (mut one, mut other) = (set(&revocations), set(&backwards));
        prop_assert_eq!(is_dead(&one, &token), is_dead(&other, &token));
        one.forget_until(at(NOW + now));
        other.forget_until(at(NOW + now));
        prop_assert_eq!(is_dead(&one, &token), is_dead(&other, &token));
    }

    /// One by one, without an index, as the protocol is written down.
    #[test]
    fn the_set_finds_what_a_walk_through_all_finds(
        revocations in prop::collection::vec(some_revocation(), 0..6),
        token in some_token(),
    ) {
        let walked = revocations.iter().any(|revocation| {
            let matches = match &revocation.target {
                Target::Token(hashed) => *hashed == hash(DEFAULT_SALT, &token.compact),
                Target::Claims { names, hash } => {
                    let values: Option<Vec<&str>> =
                        names.iter().map(|n| token.claims.get(n.as_str()).map(String::as_str)).collect();
                    values.is_some_and(|values| *hash == hash_claims(DEFAULT_SALT, &values))
                }
                Target::Global => true,
            };
            matches && token.iat < revocation.issued_before
        });
        prop_assert_eq!(is_dead(&set(&revocations), &token), walked);
    }

    #[test]
    fn what_is_forgotten_could_not_match_any_more(
        revocations in prop::collection::vec(some_revocation(), 0..6),
        token in some_token(),
        now in 0..20_i64,
    ) {
        let mut all = set(&revocations);
        all.forget_until(at(NOW + now));
        let alive: Vec<Revocation> =
            revocations.iter().filter(|r| r.until > at(NOW + now)).cloned().collect();
        prop_assert!(is_dead(&all, &token) || !is_dead(&set(&alive), &token));
    }
}

#[test]
fn the_list_is_filled_by_services_employees_and_those_who_may() {
    let realm = |name: &str, services| Realm { services, ..crate::example::realm(name) };
    let (customers, employees) = (realm("customers", false), realm("employees", false));
    let robots = realm("robots", true);
    let write = CLAIMS_OF_OTHERS;
    for (scopes, realm, may) in [
        ("uid", Some(&customers), false),
        ("uid", None, false),
        ("uid", Some(&employees), true),
        ("uid", Some(&robots), true),
        ("email", Some(&robots), false),
        (write, Some(&customers), true),
        (write, None, true),
    ] {
        let scopes = Scopes::parse(scopes).unwrap();
        assert_eq!(may_add(&scopes, realm), may, "{scopes} {realm:?}");
    }
}
