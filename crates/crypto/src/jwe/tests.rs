//! Compact encryption: round trips of every pair, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::jwk::PublicJwk;

fn key(alg: KeyManagement) -> DecryptionKey {
    DecryptionKey::generate(alg, "e1".to_owned()).unwrap()
}

fn public(key: &DecryptionKey) -> EncryptionKey {
    EncryptionKey::from_jwk(&key.public_jwk().unwrap()).unwrap()
}

#[test]
fn every_pair_of_algorithms_decrypts_what_it_encrypted() {
    for alg in KeyManagement::ALL {
        let key = key(alg);
        let again = DecryptionKey::from_pkcs8(alg, "e1".into(), &key.to_pkcs8().unwrap()).unwrap();
        for enc in ContentEncryption::ALL {
            for content in [&b""[..], b"x", &[7; 16], &[7; 1000]] {
                let token = encrypt(&public(&key), enc, Some("JWT"), content).unwrap();
                let read = parse_compact(&token).unwrap();
                assert_eq!((read.header.alg, read.header.enc), (alg, enc));
                assert_eq!(read.header.kid.as_deref(), Some("e1"));
                assert_eq!(read.header.cty.as_deref(), Some("JWT"));
                assert_eq!(read.decrypt(&again).unwrap(), content, "{alg} {enc}");
            }
        }
    }
}

/// An X25519 key (RFC 7748 §6.1, Alice's).
fn x25519(alg: KeyManagement) -> DecryptionKey {
    let seed = "77076d0a7318a57d3c16c17251b26645c6dbb57f";
    let seed = format!("302e020100300506032b656e04220420{seed}4c6aa2ee8e7f3c5f3e2dd3c1");
    let der: Vec<u8> = (0..seed.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&seed[at..at + 2], 16).unwrap())
        .collect();
    DecryptionKey::from_pkcs8(alg, "e1".into(), &der).unwrap()
}

#[test]
fn x25519_agrees_too() {
    for alg in [KeyManagement::EcdhEs, KeyManagement::EcdhEsA256Kw] {
        let key = x25519(alg);
        assert_eq!(key.public_jwk().unwrap()["crv"], "X25519");
        let token = encrypt(&public(&key), ContentEncryption::A256Gcm, None, b"content").unwrap();
        assert_eq!(parse_compact(&token).unwrap().decrypt(&key).unwrap(), b"content");
        let again = DecryptionKey::from_pkcs8(alg, "e1".into(), &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public_jwk().unwrap(), key.public_jwk().unwrap());
    }
}

/// Puts another header before a token; its tag then fails at the latest.
fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", base64url::encode(header))
}

#[test]
#[rustfmt::skip]
fn sec_086_what_a_header_must_not_say() {
    use JweError as E;
    let key = key(KeyManagement::RsaOaep256);
    let token = encrypt(&public(&key), ContentEncryption::A128Gcm, None, b"content").unwrap();
    let with = |member: &str| format!(r#"{{"alg":"RSA-OAEP-256","enc":"A128GCM",{member}}}"#);
    let table = [
        ("7516-4.1.3-zip",       with(r#""zip":"DEF""#),                            E::HeaderRefused("zip")),
        ("7516-4.1.13-crit",     with(r#""crit":["exp"],"exp":1"#),                 E::HeaderRefused("crit")),
        ("sec-075-jku",          with(r#""jku":"https://evil.example""#),           E::HeaderRefused("jku")),
        ("sec-075-jwk",          with(r#""jwk":{}"#),                               E::HeaderRefused("jwk")),
        ("8725-3.2-rsa1_5",      r#"{"alg":"RSA1_5","enc":"A128GCM"}"#.into(),      E::Algorithm),
        ("cve-2023-6681-pbes2",  r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}"#.into(), E::Algorithm),
        ("dir",                  r#"{"alg":"dir","enc":"A128GCM"}"#.into(),         E::Algorithm),
        ("shared",               r#"{"alg":"A256KW","enc":"A128GCM"}"#.into(),      E::Algorithm),
        ("none",                 r#"{"alg":"none","enc":"A128GCM"}"#.into(),        E::Algorithm),
        ("no-alg",               r#"{"enc":"A128GCM"}"#.into(),                     E::Algorithm),
        ("no-enc",               r#"{"alg":"RSA-OAEP-256"}"#.into(),                E::Algorithm),
        ("enc-unknown",          r#"{"alg":"RSA-OAEP-256","enc":"none"}"#.into(),   E::Algorithm),
        ("another-alg",          r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#.into(),    E::KeyMismatch),
        ("a-curve",              r#"{"alg":"ECDH-ES","enc":"A128GCM"}"#.into(),     E::KeyMismatch),
        ("duplicate",            r#"{"alg":"RSA-OAEP-256","alg":"RSA1_5","enc":"A128GCM"}"#.into(), E::HeaderJson),
        ("kid-long",             with(&format!("\"kid\":\"{}\"", "k".repeat(129))), E::HeaderMember("kid")),
        ("apu-type",             with(r#""apu":1"#),                                E::HeaderMember("apu")),
        ("apv-encoding",         with(r#""apv":"=""#),                              E::HeaderMember("apv")),
        ("altered",              with(r#""x":1"#),                                  E::Decryption),
        ("another-enc",          r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#.into(), E::Decryption),
    ];
    assert!(parse_compact(&token).unwrap().decrypt(&key).is_ok(), "the unspoiled token must pass");
    for (rule, header, expected) in table {
        let token = with_header(&token, &header);
        let refused = parse_compact(&token).and_then(|token| token.decrypt(&key));
        assert_eq!(refused, Err(expected), "{rule}");
    }
}

#[test]
fn sec_086_every_altered_part_fails_alike() {
    for (alg, enc) in [
        (KeyManagement::RsaOaep256, ContentEncryption::A256Gcm),
        (KeyManagement::EcdhEsA128Kw, ContentEncryption::A128CbcHs256),
        (KeyManagement::EcdhEs, ContentEncryption::A256CbcHs512),
    ] {
        let key = key(alg);
        let token = encrypt(&public(&key), enc, None, b"content").unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        for at in 1..5 {
            let bytes = base64url::decode(parts[at]).unwrap();
            let mut flipped = bytes.clone();
            if let Some(first) = flipped.first_mut() {
                *first ^= 1;
            }
            let shorter = bytes[..bytes.len().saturating_sub(4)].to_vec();
            let longer = [&bytes[..], &[0; 8]].concat();
            for altered in [flipped, shorter, longer, vec![]] {
                if altered == bytes {
                    continue;
                }
                let altered = base64url::encode(altered);
                let mut parts = parts.clone();
                parts[at] = &altered;
                let token = parts.join(".");
                let refused = parse_compact(&token).and_then(|token| token.decrypt(&key));
                assert_eq!(refused, Err(JweError::Decryption), "{alg} {enc} part {at}");
            }
        }
    }
}

#[test]
fn sec_086_a_point_off_the_curve_or_of_another_is_no_ephemeral_key() {
    let key = key(KeyManagement::EcdhEs);
    let token = encrypt(&public(&key), ContentEncryption::A128Gcm, None, b"content").unwrap();
    let off = format!(
        "\"x\":\"{}\",\"y\":\"{}\"",
        base64url::encode([1; 32]),
        base64url::encode([1; 32])
    );
    for epk in [
        format!(r#"{{"kty":"EC","crv":"P-256",{off}}}"#),
        r#"{"kty":"EC","crv":"P-256"}"#.to_owned(),
        format!(r#"{{"kty":"OKP","crv":"X25519","x":"{}"}}"#, base64url::encode([9; 32])),
        format!(r#"{{"kty":"OKP","crv":"P-256",{off}}}"#),
        "null".to_owned(),
    ] {
        let header = format!(r#"{{"alg":"ECDH-ES","enc":"A128GCM","epk":{epk}}}"#);
        let token = with_header(&token, &header);
        let refused = parse_compact(&token).unwrap().decrypt(&key);
        assert_eq!(refused, Err(JweError::Decryption), "{epk}");
    }
    // A point of small order would make the secret known.
    let key = x25519(KeyManagement::EcdhEs);
    let header = format!(
        r#"{{"alg":"ECDH-ES","enc":"A128GCM","epk":{{"kty":"OKP","crv":"X25519","x":"{}"}}}}"#,
        base64url::encode([0; 32])
    );
    let token = with_header(&token, &header);
    assert_eq!(parse_compact(&token).unwrap().decrypt(&key), Err(JweError::Decryption));
}

#[test]
fn sec_085_only_five_canonical_parts_are_read() {
    use JweError as E;
    let key = key(KeyManagement::EcdhEs);
    let token = encrypt(&public(&key), ContentEncryption::A128Gcm, None, b"content").unwrap();
    let table = [
        ("three parts", "a.b.c".to_owned(), E::Parts),
        ("six parts", format!("{token}.AA"), E::Parts),
        ("padding", format!("{token}="), E::Encoding),
        ("blank", format!("{token} "), E::Encoding),
        ("too long", "A".repeat(MAX_TOKEN + 1), E::Size),
        ("dots", ".".repeat(MAX_TOKEN), E::Parts),
        ("nothing", "....".to_owned(), E::HeaderJson),
        ("JSON", format!(r#"{{"protected":"{token}"}}"#), E::Encoding),
    ];
    for (what, token, expected) in table {
        assert_eq!(parse_compact(&token).map(|_| ()), Err(expected), "{what}");
    }
}

#[test]
fn sec_086_a_jwe_is_no_jws_and_a_jws_is_no_jwe() {
    let key = key(KeyManagement::EcdhEs);
    let once =
        encrypt(&public(&key), ContentEncryption::A128Gcm, None, br#"{"sub":"alice"}"#).unwrap();
    let twice =
        encrypt(&public(&key), ContentEncryption::A128Gcm, Some("JWT"), once.as_bytes()).unwrap();
    let inner = parse_compact(&twice).unwrap().decrypt(&key).unwrap();
    for token in [&once, &twice, &String::from_utf8(inner).unwrap()] {
        assert!(crate::jws::parse_compact(token).is_err());
    }
}

#[test]
fn sec_074_a_key_for_encryption_verifies_nothing_and_the_other_way_round() {
    let jwk = key(KeyManagement::EcdhEsA256Kw).public_jwk().unwrap();
    assert!(PublicJwk::from_value(&jwk).is_err());
    let change = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        EncryptionKey::from_jwk(&jwk).map(|_| ())
    };
    assert!(change("kid", "other".into()).is_ok());
    for (name, value) in [
        ("use", "sig".into()),
        ("key_ops", Value::from(vec!["verify"])),
        ("alg", "ES256".into()),
        ("alg", "RSA-OAEP".into()),
        ("alg", "RSA1_5".into()),
        ("alg", Value::Null),
        ("d", "AAAA".into()),
        ("k", "AAAA".into()),
        ("kid", Value::from(1)),
        ("crv", "P-384".into()),
        ("kty", "OKP".into()),
        ("x", "AAAA".into()),
    ] {
        assert!(change(name, value.clone()).is_err(), "{name} {value}");
    }
    let signing = crate::key::SigningKey::generate(crate::Algorithm::Es256, None).unwrap();
    let jwk = serde_json::to_value(signing.public_jwk()).unwrap();
    assert!(EncryptionKey::from_jwk_for(&jwk, KeyManagement::EcdhEs).is_err());
}

#[test]
fn sec_189_a_private_key_is_not_printed() {
    assert_eq!(format!("{:?}", key(KeyManagement::EcdhEs)), "DecryptionKey(ECDH-ES \"e1\" …)");
}

proptest! {
    #[test]
    fn no_text_panics(token in "([A-Za-z0-9_-]{0,40}\\.){0,5}[A-Za-z0-9_-]{0,40}|.{0,60}") {
        let _ = parse_compact(&token);
    }
}
