//! Good objects, and the ways to forge one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use serde_json::json;

use super::*;
use crate::example::{ISSUER, NOW, client_id, now, tenant_name};

fn client() -> Client {
    Client::new(tenant_name(), client_id("web1"), ClientAuthMethod::PrivateKeyJwt)
}

fn key(alg: Algorithm) -> (SigningKey, JwkSet) {
    let key = SigningKey::generate(alg, None).unwrap();
    let set = JwkSet::new(vec![key.public_jwk()]).unwrap();
    (key, set)
}

fn good() -> Value {
    json!({
        "iss": "web1", "aud": ISSUER, "exp": NOW + 300, "nbf": NOW, "client_id": "web1",
        "response_type": "code", "scope": "openid", "max_age": 60, "state": "inside",
        "claims": {"userinfo": {"email": null}}, "resource": ["https://a.example", "https://b.example"],
    })
}

fn signed(key: &SigningKey, typ: Option<&str>, claims: &Value) -> String {
    Signer::new(key, typ).sign(claims.to_string().as_bytes()).unwrap()
}

fn judged(compact: &str, keys: &JwkSet, client: &Client) -> Result<Read, Complaint> {
    read(compact, &Params::default(), keys, Against { client, issuer: ISSUER, now: now() })
}

#[test]
fn trap_042_what_is_inside_becomes_the_parameters() {
    let (key, keys) = key(Algorithm::Es256);
    for typ in [None, Some("JWT"), Some("oauth-authz-req+jwt")] {
        let read = judged(&signed(&key, typ, &good()), &keys, &client()).unwrap();
        let mut params = read.params;
        assert!(read.signed);
        assert_eq!(params.take("state").as_deref(), Some("inside"));
        assert_eq!(params.take("max_age").as_deref(), Some("60"));
        assert_eq!(params.take("claims").as_deref(), Some(r#"{"userinfo":{"email":null}}"#));
        assert_eq!(params.take_all("resource").len(), 2);
        for own in ["iss", "aud", "exp", "client_id"] {
            assert!(!params.has(own), "{own}");
        }
    }
}

#[test]
fn sec_032_trap_044_trap_045_what_makes_an_object_worthless() {
    let (key, keys) = key(Algorithm::Es256);
    let (other, _) = self::key(Algorithm::Es256);
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let mut bad = vec![
        ("garbage", "notajwt".to_owned()),
        ("another key", signed(&other, None, &good())),
        ("an access token", signed(&key, Some("at+jwt"), &good())),
        ("an assertion", signed(&key, Some("client-authentication+jwt"), &good())),
    ];
    for (name, claims) in [
        ("another issuer", with("aud", json!("https://evil.example"))),
        ("no audience", without("aud")),
        ("another client", with("client_id", json!("web2"))),
        ("no client, as an assertion", without("client_id")),
        ("another iss", with("iss", json!("web2"))),
        ("a sub, as an assertion", with("sub", json!("web1"))),
        ("no end", without("exp")),
        ("expired", with("exp", json!(NOW - 31))),
        ("too long", with("exp", json!(NOW + 631))),
        ("from the future", with("nbf", json!(NOW + 61))),
        ("an hour old", with("nbf", json!(NOW - 3_601))),
        ("one inside", with("request", json!("e30.e30."))),
        ("a reference inside", with("request_uri", json!("urn:x"))),
        ("an array of objects", with("scope", json!([{}]))),
    ] {
        bad.push((name, signed(&key, None, &claims)));
    }
    let mut unsigned = client();
    unsigned.compat.unsigned_request = true;
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let none = |alg: &str| {
        format!("{}.{}.", encode(&format!("{{\"alg\":\"{alg}\"}}")), encode(&good().to_string()))
    };
    bad.push(("unsigned", none("none")));
    for (name, compact) in &bad {
        let refused = judged(compact, &keys, &client()).unwrap_err();
        assert_eq!(refused.error, AuthorizeErrorCode::InvalidRequestObject, "{name}");
    }
    // A little in the future is a clock; several audiences are fine.
    for claims in [with("nbf", json!(NOW + 10)), with("aud", json!(["https://x.example", ISSUER]))]
    {
        assert!(judged(&signed(&key, None, &claims), &keys, &client()).is_ok());
    }
    // The switch lets `none` through, in that spelling, and nothing that was tampered with.
    assert!(!judged(&none("none"), &keys, &unsigned).unwrap().signed);
    for still in [none("None"), none("NONE"), format!("{}AA", none("none")), none("HS256")] {
        assert!(judged(&still, &keys, &unsigned).is_err(), "{still}");
    }
    unsigned.authorization.request_object_signing_alg = Some(Algorithm::Es256);
    assert!(judged(&none("none"), &keys, &unsigned).is_err());
}

#[test]
fn sec_032_the_registered_algorithm_is_the_only_one() {
    let (key, keys) = key(Algorithm::Es256);
    let mut bound = client();
    bound.authorization.request_object_signing_alg = Some(Algorithm::Ps256);
    assert!(judged(&signed(&key, None, &good()), &keys, &bound).is_err());
    bound.authorization.request_object_signing_alg = Some(Algorithm::Es256);
    assert!(judged(&signed(&key, None, &good()), &keys, &bound).is_ok());
}

#[test]
fn trap_042_core_6_1_completes_an_object_of_a_client_that_is_switched_to_it() {
    let (key, keys) = key(Algorithm::Rs256);
    let classic = json!({
        "client_id": "web1", "response_type": "code", "scope": "openid email", "state": "inside",
    });
    let outside = || {
        Params::parse(b"response_type=code&scope=openid&state=outside&nonce=n&redirect_uri=https%3A%2F%2Fa.example%2Fcb")
            .unwrap()
    };
    let mut core = client();
    core.compat.core_request_object = true;
    let against = |client| Against { client, issuer: ISSUER, now: now() };
    let object = signed(&key, None, &classic);
    let plain = client();
    assert!(read(&object, &outside(), &keys, against(&plain)).is_err(), "not by itself");
    let mut params = read(&object, &outside(), &keys, against(&core)).unwrap().params;
    for (name, value) in [
        ("state", "inside"),
        ("scope", "openid email"),
        ("nonce", "n"),
        ("redirect_uri", "https://a.example/cb"),
    ] {
        assert_eq!(params.take(name).as_deref(), Some(value), "{name}");
    }
    // What is there is still held to what it says.
    for (name, value) in [
        ("aud", json!("https://evil.example")),
        ("iss", json!("web2")),
        ("client_id", json!("web2")),
        ("sub", json!("web1")),
        ("exp", json!(NOW - 31)),
        ("response_type", json!("code id_token")),
        ("request_uri", json!("https://a.example/x")),
    ] {
        let mut claims = classic.clone();
        claims[name] = value;
        let object = signed(&key, None, &claims);
        assert!(read(&object, &outside(), &keys, against(&core)).is_err(), "{name}");
    }
    let (other, _) = self::key(Algorithm::Rs256);
    let object = signed(&other, None, &classic);
    assert!(read(&object, &outside(), &keys, against(&core)).is_err(), "another key");
}

#[test]
fn trap_044_whoever_registered_none_is_held_to_it() {
    let (key, keys) = key(Algorithm::Es256);
    let mut none = client();
    none.compat.unsigned_request = true;
    none.authorization.request_object_unsigned = true;
    assert!(judged(&signed(&key, None, &good()), &keys, &none).is_err());
}
