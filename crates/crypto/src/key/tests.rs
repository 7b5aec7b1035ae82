//! Keys: import, export, and one algorithm each.

use super::*;

#[test]
fn a_key_is_named_after_its_thumbprint_and_keeps_its_name() {
    let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
    let thumbprint = key.public_jwk().thumbprint();
    let letters = thumbprint.chars().filter(char::is_ascii_alphanumeric);
    assert_eq!(key.kid(), letters.take(8).collect::<String>());
    let named = SigningKey::generate(Algorithm::EdDsa, Some("2026-11".to_owned())).unwrap();
    assert_eq!((named.kid(), named.verifying_key().kid()), ("2026-11", Some("2026-11")));
    for kid in [String::new(), "k".repeat(129), "a\nb".to_owned(), "ä".to_owned()] {
        let refused = SigningKey::generate(Algorithm::EdDsa, Some(kid)).unwrap_err();
        assert_eq!(refused, KeyError::KeyId);
    }
}

#[test]
fn sec_074_a_private_key_is_read_for_its_own_kind_of_algorithm_only() {
    for own in Algorithm::ALL {
        let der = SigningKey::generate(own, None).unwrap().to_pkcs8().unwrap();
        for other in Algorithm::ALL {
            let read = SigningKey::from_pkcs8(other, None, &der);
            let same_kind = own == other || (own.is_rsa() && other.is_rsa());
            assert_eq!(read.is_ok(), same_kind, "{own} read as {other}");
        }
    }
    for alg in Algorithm::ALL {
        assert!(SigningKey::from_pkcs8(alg, None, b"").is_err());
        assert!(SigningKey::from_pkcs8(alg, None, &[0x30; 200]).is_err());
    }
}

#[test]
fn sec_074_a_signature_verifies_under_the_algorithm_that_made_it_only() {
    let rs256 = SigningKey::generate(Algorithm::Rs256, None).unwrap();
    let der = rs256.to_pkcs8().unwrap();
    let ps256 = SigningKey::from_pkcs8(Algorithm::Ps256, None, &der).unwrap();
    let signature = rs256.sign(b"message").unwrap();
    assert!(rs256.verifying_key().verify(b"message", &signature).is_ok());
    assert_eq!(rs256.verifying_key().verify(b"massage", &signature), Err(BadSignature));
    assert_eq!(ps256.verifying_key().verify(b"message", &signature), Err(BadSignature));
    assert!(VerifyingKey::from_jwk_for(&rs256.public_jwk(), Algorithm::Ps256).is_err());
}

#[test]
fn sec_078_a_zero_signature_r_or_s_of_the_order_and_der_are_refused() {
    let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
    let verifying = key.verifying_key();
    let good = key.sign(b"message").unwrap();
    assert_eq!(good.len(), 64);
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let der = {
        let integer = |bytes: &[u8]| [&[2, 33, 0], bytes].concat();
        let body = [integer(&good[..32]), integer(&good[32..])].concat();
        [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
    };
    let table = [
        ("all zero", vec![0; 64]),
        ("r zero", [&[0; 32], &good[32..]].concat()),
        ("s zero", [&good[..32], &[0; 32]].concat()),
        ("r is n", [&order, &good[32..]].concat()),
        ("s is n", [&good[..32], &order].concat()),
        ("all ones", vec![0xff; 64]),
        ("DER", der),
        ("one byte less", good[..63].to_vec()),
        ("one byte more", [&good[..], &[0]].concat()),
        ("empty", vec![]),
    ];
    assert!(verifying.verify(b"message", &good).is_ok());
    for (what, signature) in table {
        assert_eq!(verifying.verify(b"message", &signature), Err(BadSignature), "{what}");
    }
}

#[test]
fn sec_078_an_ed25519_signature_with_s_plus_the_order_is_refused() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = SigningKey::generate(Algorithm::EdDsa, None).unwrap();
    let mut signature = key.sign(b"message").unwrap();
    assert!(key.verifying_key().verify(b"message", &signature).is_ok());
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(key.verifying_key().verify(b"message", &signature), Err(BadSignature));
}

/// RFC 9500 §2.3 (P-256), in the form of SEC 1.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49
AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV
uKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==
-----END EC PRIVATE KEY-----
";

#[test]
fn pem_files_are_read() {
    use base64::Engine as _;
    let key = SigningKey::from_pem(Algorithm::Es256, None, SEC1).unwrap();
    assert_eq!(key.public_jwk().kid(), Some(key.kid()));
    assert!(SigningKey::from_pem(Algorithm::Es384, None, SEC1).is_err());
    assert!(SigningKey::from_pem(Algorithm::Rs256, None, SEC1).is_err());

    let rsa = SigningKey::generate(Algorithm::Rs256, None).unwrap();
    let der = rsa.to_pkcs8().unwrap();
    let pem = |label: &str, der: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let read = SigningKey::from_pem(Algorithm::Rs256, None, &pem("PRIVATE KEY", &der)).unwrap();
    assert_eq!(read.kid(), rsa.kid());
    // The PKCS#1 key is what follows the 26 bytes around it.
    let pkcs1 = pem("RSA PRIVATE KEY", &der[26..]);
    assert_eq!(SigningKey::from_pem(Algorithm::Ps256, None, &pkcs1).unwrap().kid(), rsa.kid());

    for label in ["ENCRYPTED PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE", ""] {
        let refused = SigningKey::from_pem(Algorithm::Rs256, None, &pem(label, &der));
        assert_eq!(refused.unwrap_err(), KeyError::Malformed, "{label}");
    }
    for text in ["", "-----BEGIN PRIVATE KEY-----", "-----BEGIN A-----x-----END B-----"] {
        assert!(SigningKey::from_pem(Algorithm::Rs256, None, text).is_err(), "{text}");
    }
}

#[test]
fn sec_189_a_private_key_is_not_printed() {
    let key = SigningKey::generate(Algorithm::EdDsa, Some("k1".to_owned())).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(EdDSA \"k1\" …)");
}
