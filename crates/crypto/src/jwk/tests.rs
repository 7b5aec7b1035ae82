//! Public keys: vectors of the RFCs, and a table of what is refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::key::{SigningKey, VerifyingKey};

/// RFC 7638 §3.1
const RSA_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn rsa() -> Value {
    json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
}

/// RFC 7515 A.3
fn ec() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

/// RFC 8037 A.2
fn okp() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

#[test]
fn the_thumbprints_of_rfc_7638_and_rfc_8037_come_out() {
    let thumbprint = |jwk: &Value| PublicJwk::from_value(jwk).unwrap().thumbprint();
    assert_eq!(thumbprint(&rsa()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(thumbprint(&okp()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_curve_implies_the_algorithm_and_rsa_does_not() {
    let read = |value: &Value| PublicJwk::from_value(value).unwrap();
    assert_eq!(read(&ec()).alg(), Some(Algorithm::Es256));
    assert_eq!(read(&okp()).alg(), Some(Algorithm::EdDsa));
    let mut nameless = rsa();
    nameless.as_object_mut().unwrap().remove("alg");
    let nameless = read(&nameless);
    assert_eq!(nameless.alg(), None);
    assert!(matches!(VerifyingKey::from_jwk(&nameless), Err(JwkError::AlgorithmMissing)));
    assert!(VerifyingKey::from_jwk_for(&nameless, Algorithm::Ps256).is_ok());
    assert!(VerifyingKey::from_jwk_for(&nameless, Algorithm::Es256).is_err());
}

/// The rule, the key to spoil, and how.
type Row = (&'static str, fn() -> Value, &'static str, Value);

#[test]
fn sec_074_a_key_that_does_not_fit_is_refused() {
    let short = base64url::encode([0xff; 128]);
    let even = base64url::encode([0xfe; 256]);
    let zeros = format!("AA{RSA_N}");
    let rows: Vec<Row> = vec![
        ("7517-4.2-use", ec, "use", json!("enc")),
        ("7517-4.2-use-type", ec, "use", json!(["sig"])),
        ("7517-4.3-key-ops", ec, "key_ops", json!(["encrypt", "sign"])),
        ("7517-4.3-key-ops-type", ec, "key_ops", json!("verify")),
        ("7517-4.1-kty-oct", ec, "kty", json!("oct")),
        ("7517-4.1-kty-other", ec, "kty", json!("RSA")),
        ("7517-4.1-kty-unknown", ec, "kty", json!("PQ")),
        ("7517-4.1-kty-type", ec, "kty", json!(1)),
        ("7517-4.4-alg-of-another-type", ec, "alg", json!("RS256")),
        ("7517-4.4-alg-of-another-curve", ec, "alg", json!("ES384")),
        ("7517-4.4-alg-symmetric", rsa, "alg", json!("HS256")),
        ("7517-4.4-alg-none", rsa, "alg", json!("none")),
        ("7517-4.4-alg-type", rsa, "alg", json!(["RS256"])),
        ("7517-4.5-kid-type", rsa, "kid", json!(7)),
        ("sec-076-kid-long", rsa, "kid", json!("k".repeat(129))),
        ("7518-6.2.1.1-crv", ec, "crv", json!("P-384")),
        ("7518-6.2.1.1-crv-unknown", ec, "crv", json!("secp256k1")),
        ("7518-6.2.1.2-x-short", ec, "x", json!("AAAA")),
        ("7518-6.2.1.2-off-the-curve", ec, "x", json!(base64url::encode([1; 32]))),
        ("7518-6.2.1.2-beyond-the-field", ec, "x", json!(base64url::encode([0xff; 32]))),
        ("7518-6.2.1.2-x-padding", ec, "x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=")),
        (
            "7518-6.2.1.2-x-stray-bits",
            ec,
            "x",
            json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV"),
        ),
        ("7518-6.2.1.3-y-type", ec, "y", json!(null)),
        ("7518-3.3-rsa-1024", rsa, "n", json!(short)),
        ("7518-2-leading-zero", rsa, "n", json!(zeros)),
        ("rsa-even-modulus", rsa, "n", json!(even)),
        ("rsa-exponent-one", rsa, "e", json!("AQ")),
        ("rsa-exponent-even", rsa, "e", json!("Ag")),
        ("rsa-exponent-zero", rsa, "e", json!("AA")),
        ("rsa-exponent-empty", rsa, "e", json!("")),
        ("rsa-exponent-huge", rsa, "e", json!("AQAAAAAB")),
        ("8037-2-crv", okp, "crv", json!("X25519")),
        ("8037-2-x-short", okp, "x", json!("AAAA")),
        ("sec-078-small-order", okp, "x", json!(base64url::encode([0; 32]))),
    ];
    for (rule, key, member, value) in rows {
        let mut jwk = key();
        assert!(PublicJwk::from_value(&jwk).is_ok(), "{rule}: the unspoiled key");
        jwk[member] = value;
        assert!(PublicJwk::from_value(&jwk).is_err(), "{rule}");
        jwk.as_object_mut().unwrap().remove(member);
        if ["kty", "crv", "x", "y", "n", "e"].contains(&member) {
            assert!(PublicJwk::from_value(&jwk).is_err(), "{rule}: {member} missing");
        }
    }
}

#[test]
fn sec_093_a_private_or_shared_member_is_refused_and_never_written() {
    for member in PRIVATE_MEMBERS {
        for mut jwk in [rsa(), ec(), okp()] {
            jwk[member] = json!("AQAB");
            assert!(matches!(PublicJwk::from_value(&jwk), Err(JwkError::Private)), "{member}");
        }
    }
    for alg in Algorithm::ALL {
        let jwk =
            serde_json::to_value(SigningKey::generate(alg, None).unwrap().public_jwk()).unwrap();
        let names: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        let allowed = ["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"];
        assert!(names.iter().all(|name| allowed.contains(name)), "{alg}: {names:?}");
        assert_eq!((&jwk["use"], &jwk["alg"]), (&json!("sig"), &json!(alg.as_str())));
    }
}

#[test]
fn sec_079_a_member_twice_is_refused() {
    let twice = br#"{"kty":"OKP","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert!(matches!(PublicJwk::parse(twice), Err(JwkError::Json(_))));
    assert!(serde_json::from_slice::<PublicJwk>(twice).is_err());
    let set = [
        br#"{"keys":[],"keys":[]}"#.as_slice(),
        b"{\"keys\":[]} x",
        b"[]",
        b"{}",
        b"{\"keys\":{}}",
        b"{\"keys\":[1]}",
    ];
    for json in set {
        assert!(JwkSet::parse(json).is_err());
    }
}

#[test]
fn sec_093_a_published_set_has_at_most_16_keys_named_apart() {
    let keys: Vec<PublicJwk> = (0..17)
        .map(|at| {
            let mut jwk = okp();
            jwk["kid"] = json!(format!("k{at}"));
            PublicJwk::from_value(&jwk).unwrap()
        })
        .collect();
    assert!(JwkSet::new(keys[..16].to_vec()).is_ok());
    assert!(matches!(JwkSet::new(keys.clone()), Err(JwkSetError::Size)));
    let twice = vec![keys[0].clone(), keys[0].clone()];
    assert!(matches!(JwkSet::new(twice), Err(JwkSetError::KeyId)));
    let nameless = PublicJwk::from_value(&okp()).unwrap();
    assert!(matches!(JwkSet::new(vec![nameless]), Err(JwkSetError::KeyId)));
}

#[test]
fn of_somebody_elses_set_the_usable_keys_are_read() {
    let oct = json!({"kty": "oct", "k": "AAAA", "kid": "shared"});
    let enc = json!({"kty": "EC", "crv": "P-256", "use": "enc", "x": ec()["x"], "y": ec()["y"]});
    let future = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"});
    let json = json!({"keys": [oct, enc, future, rsa(), ec(), okp()], "other": 1}).to_string();
    let set = JwkSet::parse(json.as_bytes()).unwrap();
    assert_eq!(set.keys().len(), 3);
    let again: JwkSet = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
    assert_eq!(again, set);

    let many = json!({"keys": vec![okp(); 101]}).to_string();
    assert!(matches!(JwkSet::parse(many.as_bytes()), Err(JwkSetError::Size)));
    let long = format!("{{\"keys\":[]{}}}", " ".repeat(JwkSet::MAX_BYTES));
    assert!(matches!(JwkSet::parse(long.as_bytes()), Err(JwkSetError::Size)));
}

#[test]
fn sec_076_keys_with_one_name_are_refused_unless_their_algorithms_tell_them_apart() {
    let one = SigningKey::generate(Algorithm::Es256, Some("k".to_owned())).unwrap();
    let two = SigningKey::generate(Algorithm::Es256, Some("k".to_owned())).unwrap();
    let other = SigningKey::generate(Algorithm::EdDsa, Some("k".to_owned())).unwrap();
    let refused = KeySet::new([one.verifying_key(), two.verifying_key()]).unwrap_err();
    assert_eq!(refused, KeySetError::DuplicateKid);
    let set = KeySet::new([one.verifying_key(), other.verifying_key()]).unwrap();
    assert_eq!(set.find(Some("k"), Algorithm::EdDsa).unwrap().alg(), Algorithm::EdDsa);
    assert!(set.find(Some("k"), Algorithm::Rs256).is_none());
    assert!(set.find(Some("../../dev/null"), Algorithm::Es256).is_none());
    assert!(set.knows("k") && !set.knows("j"));
}

#[test]
fn without_a_name_only_an_unmistakable_key_is_found() {
    let key = |kid: &str| {
        SigningKey::generate(Algorithm::Es256, Some(kid.to_owned())).unwrap().verifying_key()
    };
    let one = KeySet::new([key("a")]).unwrap();
    assert!(one.find(None, Algorithm::Es256).is_some());
    let two = KeySet::new([key("a"), key("b")]).unwrap();
    assert!(two.find(None, Algorithm::Es256).is_none());
    assert!(two.find(Some("b"), Algorithm::Es256).is_some());
}

#[test]
fn sec_072_only_allowed_algorithms_get_a_key() {
    let mut nameless = rsa();
    nameless.as_object_mut().unwrap().remove("alg");
    let set = JwkSet::parse(json!({"keys": [nameless, ec()]}).to_string().as_bytes()).unwrap();
    let keys = KeySet::from_jwks(&set, &[Algorithm::Ps256]).unwrap();
    assert!(keys.find(Some("2011-04-29"), Algorithm::Ps256).is_some());
    assert!(keys.find(Some("2011-04-29"), Algorithm::Rs256).is_none());
    assert!(keys.find(None, Algorithm::Es256).is_none());
}

proptest! {
    #[test]
    fn a_key_that_is_read_is_written_and_read_again(
        bytes in prop::collection::vec(any::<u8>(), 32),
        kid in proptest::option::of("[ -~]{1,10}"),
    ) {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(bytes), "kid": kid.unwrap_or_default()});
        if let Ok(read) = PublicJwk::from_value(&jwk) {
            let json = serde_json::to_vec(&read).unwrap();
            prop_assert_eq!(PublicJwk::parse(&json).unwrap(), read);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = PublicJwk::parse(&bytes);
        let _ = JwkSet::parse(&bytes);
    }
}
