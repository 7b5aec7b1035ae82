//! Project Wycheproof's vectors, as far as they are about what we do. Where we answer otherwise than
//! a vector expects, the reason is named here and the number of such vectors is fixed.
#![expect(clippy::unwrap_used, reason = "a file that does not parse fails the test")]

use std::collections::BTreeMap;

use grantor_crypto::Algorithm;
use grantor_crypto::jwe::{self, DecryptionKey, KeyManagement};
use grantor_crypto::jwk::{JwkSet, KeySet, PublicJwk};
use grantor_crypto::jws::parse_compact;
use grantor_crypto::key::VerifyingKey;
use serde_json::{Value, json};
use wycheproof_ng_kdf_jose::json_web;

/// Each test of a file with its group.
fn tests(json: &str, mut each: impl FnMut(&Value, &Value)) -> usize {
    let file: Value = serde_json::from_str(json).unwrap();
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            each(group, test);
            count += 1;
        }
    }
    count
}

/// The verdict of a reader who was given the group's key or keys.
fn accepts(group: &Value, test: &Value) -> bool {
    let key = if group["public"].is_null() { &group["private"] } else { &group["public"] };
    let set = if key["keys"].is_array() { key.clone() } else { json!({"keys": [key]}) };
    let verify = || {
        let set = JwkSet::parse(set.to_string().as_bytes()).ok()?;
        let keys = KeySet::from_jwks(&set, &Algorithm::ALL).ok()?;
        let token = parse_compact(test["jws"].as_str()?).ok()?;
        let key = keys.find(token.header.kid.as_deref(), token.header.alg)?;
        token.verify(key).ok()
    };
    verify().is_some()
}

/// Why we refuse what a vector calls valid.
fn stricter(group: &Value, test: &Value) -> Option<&'static str> {
    let key = if group["public"].is_null() { &group["private"] } else { &group["public"] };
    let key = if key["keys"].is_array() { &key["keys"][0] } else { key };
    match (key["kty"].as_str()?, key["alg"].as_str()?) {
        ("oct", _) => Some("SEC-073: no shared secrets"),
        ("RSA", "PS256") if test["comment"] == "Figure20" => Some("SEC-074: the token says PS384"),
        ("EC", "ES521") => Some("RFC 7518 3.1: there is no ES521"),
        _ => None,
    }
}

fn json_web_set(name: json_web::TestName) -> (usize, BTreeMap<&'static str, usize>) {
    let mut exceptions = BTreeMap::new();
    let count = tests(name.json_data(), |group, test| {
        if test["jws"].is_null() {
            return;
        }
        let expected = test["result"] == "valid";
        let accepted = accepts(group, test);
        if accepted == expected {
            return;
        }
        let reason = stricter(group, test).filter(|_| expected && !accepted);
        let reason = reason.unwrap_or_else(|| panic!("{} {test}", group["comment"]));
        *exceptions.entry(reason).or_insert(0) += 1;
    });
    (count, exceptions)
}

#[test]
fn sec_078_json_web_signatures() {
    let (count, exceptions) = json_web_set(json_web::TestName::JsonWebSignature);
    let expected = [
        ("RFC 7518 3.1: there is no ES521", 2),
        ("SEC-073: no shared secrets", 10),
        ("SEC-074: the token says PS384", 2),
    ];
    assert_eq!((count, exceptions), (401, BTreeMap::from(expected)));
}

#[test]
fn sec_078_json_web_keys() {
    let (count, exceptions) = json_web_set(json_web::TestName::JsonWebKey);
    assert_eq!((count, exceptions), (26, BTreeMap::from([("SEC-073: no shared secrets", 4)])));
}

#[test]
fn sec_078_json_web_crypto() {
    let (count, exceptions) = json_web_set(json_web::TestName::JsonWebCrypto);
    assert_eq!((count, exceptions), (83, BTreeMap::from([("SEC-073: no shared secrets", 2)])));
}

fn from_hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Holds the primitives against a file, and counts what was checked.
fn signatures(json: &str, alg: Algorithm, jwk: impl Fn(&Value) -> Value) -> usize {
    tests(json, |group, test| {
        let verify = || {
            let jwk = PublicJwk::from_value(&jwk(group)).ok()?;
            let key = VerifyingKey::from_jwk_for(&jwk, alg).ok()?;
            key.verify(&from_hex(&test["msg"]), &from_hex(&test["sig"])).ok()
        };
        let accepted = verify().is_some();
        match test["result"].as_str().unwrap() {
            "valid" => assert!(accepted, "{alg} {test}"),
            "invalid" => assert!(!accepted, "{alg} {test}"),
            // Allowed and legacy: either answer is right.
            _ => {}
        }
    })
}

#[test]
fn sec_078_ecdsa_in_fixed_width() {
    use wycheproof::ecdsa::TestName as N;
    let mut count = 0;
    for (name, alg, curve) in [
        (N::EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256"),
        (N::EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384"),
        (N::EcdsaSecp521r1Sha512P1363, Algorithm::Es512, "P-521"),
    ] {
        count += signatures(name.json_data(), alg, |group| {
            let point = from_hex(&group["publicKey"]["uncompressed"]);
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
        });
    }
    assert!(count > 700, "{count}");
}

#[test]
fn sec_078_ecdsa_in_der_is_never_accepted() {
    use wycheproof::ecdsa::TestName as N;
    tests(N::EcdsaSecp256r1Sha256.json_data(), |group, test| {
        let point = from_hex(&group["publicKey"]["uncompressed"]);
        let (x, y) = point[1..].split_at(32);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)});
        let key = VerifyingKey::from_jwk(&PublicJwk::from_value(&jwk).unwrap()).unwrap();
        assert!(key.verify(&from_hex(&test["msg"]), &from_hex(&test["sig"])).is_err(), "{test}");
    });
}

#[test]
fn sec_078_ed25519() {
    let name = wycheproof::eddsa::TestName::Ed25519;
    let count = signatures(
        name.json_data(),
        Algorithm::EdDsa,
        |group| json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&from_hex(&group["publicKey"]["pk"]))}),
    );
    assert!(count > 100, "{count}");
}

fn rsa(group: &Value) -> Value {
    let number = |name: &str| {
        let bytes = from_hex(&group["publicKey"][name]);
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        base64url(&bytes[zeros..])
    };
    json!({"kty": "RSA", "n": number("modulus"), "e": number("publicExponent")})
}

#[test]
fn sec_078_rsa_pkcs1() {
    use wycheproof::rsa_pkcs1_verify::TestName as N;
    let mut count = 0;
    for (name, alg) in [
        (N::Rsa2048Sha256, Algorithm::Rs256),
        (N::Rsa3072Sha256, Algorithm::Rs256),
        (N::Rsa4096Sha256, Algorithm::Rs256),
        (N::Rsa2048Sha384, Algorithm::Rs384),
        (N::Rsa3072Sha384, Algorithm::Rs384),
        (N::Rsa2048Sha512, Algorithm::Rs512),
        (N::Rsa4096Sha512, Algorithm::Rs512),
        (N::Rsa8192Sha256, Algorithm::Rs256),
    ] {
        count += signatures(name.json_data(), alg, rsa);
    }
    assert!(count > 1500, "{count}");
}

#[test]
fn sec_078_rsa_pss() {
    use wycheproof::rsa_pss_verify::TestName as N;
    let mut count = 0;
    for (name, alg) in [
        (N::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (N::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (N::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (N::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (N::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (N::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        count += signatures(name.json_data(), alg, rsa);
    }
    assert!(count > 300, "{count}");
}

/// The private key of a group, as PKCS#8.
fn decryption_key(private: &Value) -> Option<DecryptionKey> {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use base64::Engine as _;
    let alg: KeyManagement = private["alg"].as_str()?.parse().ok()?;
    let number = |name: &str| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(private[name].as_str()?).ok()
    };
    let der: Pkcs8V1Der<'_> = if private["kty"] == "RSA" {
        let components = aws_lc_rs::rsa::KeyPairComponents {
            public_key: aws_lc_rs::signature::RsaPublicKeyComponents {
                n: number("n")?,
                e: number("e")?,
            },
            d: number("d")?,
            p: number("p")?,
            q: number("q")?,
            dP: number("dp")?,
            dQ: number("dq")?,
            qInv: number("qi")?,
        };
        aws_lc_rs::rsa::KeyPair::from_components(&components).unwrap().as_der().unwrap()
    } else {
        let curve = match private["crv"].as_str()? {
            "P-256" => &aws_lc_rs::agreement::ECDH_P256,
            "P-384" => &aws_lc_rs::agreement::ECDH_P384,
            _ => &aws_lc_rs::agreement::ECDH_P521,
        };
        let key = aws_lc_rs::agreement::PrivateKey::from_private_key(curve, &number("d")?);
        key.unwrap().as_der().unwrap()
    };
    Some(DecryptionKey::from_pkcs8(alg, "test".to_owned(), der.as_ref()).unwrap())
}

/// What is called valid and is not implemented here.
fn not_implemented(group: &Value, test: &Value) -> Option<&'static str> {
    let (alg, enc) = (group["private"]["alg"].as_str()?, test["enc"].as_str().unwrap_or_default());
    match alg {
        "RSA1_5" => Some("SEC-086: no RSA1_5"),
        "ECDH-ES+A192KW" => Some("no 192-bit keys"),
        _ if group["private"]["kty"] == "oct" => Some("no shared keys"),
        _ if enc.starts_with("A192") => Some("no 192-bit keys"),
        _ => None,
    }
}

#[test]
fn sec_086_json_web_encryption() {
    let mut exceptions = BTreeMap::new();
    let mut decrypted = 0;
    for name in [json_web::TestName::JsonWebEncryption, json_web::TestName::JsonWebCrypto] {
        tests(name.json_data(), |group, test| {
            if test["jwe"].is_null() {
                return;
            }
            let decrypt = || {
                let key = decryption_key(&group["private"])?;
                jwe::parse_compact(test["jwe"].as_str()?).ok()?.decrypt(&key).ok()
            };
            let content = decrypt();
            if test["result"] == "invalid" {
                assert_eq!(content, None, "{} {test}", group["comment"]);
                return;
            }
            let Some(content) = content else {
                let reason = not_implemented(group, test);
                let reason = reason.unwrap_or_else(|| panic!("{} {test}", group["comment"]));
                *exceptions.entry(reason).or_insert(0) += 1;
                return;
            };
            decrypted += 1;
            if test["pt"].is_string() {
                assert_eq!(content, from_hex(&test["pt"]), "{test}");
            }
        });
    }
    let expected = [("SEC-086: no RSA1_5", 8), ("no 192-bit keys", 10), ("no shared keys", 19)];
    assert_eq!((decrypted, exceptions), (30, BTreeMap::from(expected)));
}
