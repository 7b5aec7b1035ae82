use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType};

use super::*;
use crate::jwk::{JwkError, PublicJwk};

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());

/// A certificate with this subject, in its order, and these alternative names.
fn certificate(subject: &[(DnType, DnValue)], names: Vec<SanType>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), value.clone());
    }
    params.subject_alt_names = names;
    params.self_signed(&*KEY).unwrap().der().to_vec()
}

fn utf8(text: &str) -> DnValue {
    DnValue::Utf8String(text.to_owned())
}

/// `C=DE`, then `O=Example, Inc.`, then `CN=shop`.
fn shop() -> Certificate {
    let country = DnValue::PrintableString("DE".try_into().unwrap());
    let subject = [
        (DnType::CountryName, country),
        (DnType::OrganizationName, utf8("Example, Inc.")),
        (DnType::CommonName, utf8("shop")),
    ];
    Certificate::parse(&certificate(&subject, Vec::new())).unwrap()
}

#[test]
fn trap_061_a_subject_is_compared_by_value_and_in_the_order_of_rfc_4514() {
    for same in [
        r"CN=shop,O=Example\, Inc.,C=DE",
        r"cn=shop, o = Example\2C Inc. , c=DE",
        r"2.5.4.3=SHOP,2.5.4.10=Example\,  Inc.,2.5.4.6=de",
        "CN=#0c0473686f70,O=#130d4578616d706c652c20496e632e,C=DE",
        r"CN=s\68op,O=\45xample\, Inc.,C=DE",
    ] {
        assert_eq!(&DistinguishedName::parse(same).unwrap(), shop().subject(), "{same}");
    }
    for other in [
        r"C=DE,O=Example\, Inc.,CN=shop",
        r"CN=shop,O=Example\, Inc.",
        r"CN=shop,O=Example\, Inc.,C=DE,DC=example",
        r"CN=shop+O=Example\, Inc.,C=DE",
        r"O=shop,O=Example\, Inc.,C=DE",
        r"CN=shop2,O=Example\, Inc.,C=DE",
        r"CN=sh op,O=Example\, Inc.,C=DE",
        r"CN=*,O=Example\, Inc.,C=DE",
    ] {
        assert_ne!(&DistinguishedName::parse(other).unwrap(), shop().subject(), "{other}");
    }
    let reordered = DistinguishedName::parse("O=b+CN=a,C=DE").unwrap();
    assert_eq!(DistinguishedName::parse("CN=a+O=b,C=DE").unwrap(), reordered, "a set");
}

#[test]
fn a_text_that_is_no_name_is_refused() {
    use NameError::{Empty, Form, Size, Type};
    let long = format!("CN={}", "x".repeat(1100));
    for (text, error) in [
        ("", Empty),
        ("  ", Empty),
        ("/C=DE/O=Example/CN=shop", Type),
        ("shop", Type),
        ("XYZ=shop", Type),
        ("CN", Form),
        ("CN=", Form),
        ("CN=,O=x", Form),
        ("CN=shop,", Type),
        ("CN=a;O=b", Form),
        ("CN=\"a\"", Form),
        (r"CN=a\", Form),
        (r"CN=a\x", Form),
        (r"CN=\ff", Form),
        (r"CN=a\00b", Form),
        ("CN=a\nb", Form),
        ("CN=#0c", Form),
        ("CN=#0c0161ff", Form),
        ("1.2.=x", Form),
        (long.as_str(), Size),
    ] {
        assert_eq!(DistinguishedName::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn sec_058_a_zero_byte_in_a_subject_never_compares_with_a_text() {
    let der = certificate(&[(DnType::CommonName, utf8("shop\0.evil"))], Vec::new());
    let subject = Certificate::parse(&der).unwrap().subject().clone();
    for text in ["CN=shop", "CN=shop.evil"] {
        assert_ne!(DistinguishedName::parse(text).unwrap(), subject);
    }
}

#[test]
fn sec_058_alternative_names_compare_exactly_by_their_kind() {
    let names = vec![
        SanType::DnsName("shop.example".try_into().unwrap()),
        SanType::DnsName("*.wild.example".try_into().unwrap()),
        SanType::URI("spiffe://example/shop".try_into().unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
        SanType::IpAddress("2001:db8::7".parse().unwrap()),
        SanType::Rfc822Name("Shop@Example.org".try_into().unwrap()),
    ];
    let read = Certificate::parse(&certificate(&[], names)).unwrap();
    assert!(read.subject().is_empty());
    assert!(read.names_host("shop.example") && read.names_host("SHOP.example"));
    for other in ["a.wild.example", "shop.example.", "example", "192.0.2.7", ""] {
        assert!(!read.names_host(other), "{other}");
    }
    assert!(read.names_uri("spiffe://example/shop"));
    assert!(!read.names_uri("spiffe://example/SHOP") && !read.names_uri("shop.example"));
    assert!(read.names_address("192.0.2.7".parse().unwrap()));
    assert!(read.names_address("2001:db8:0:0::7".parse().unwrap()));
    assert!(!read.names_address("192.0.2.8".parse().unwrap()));
    assert!(read.names_mailbox("Shop@example.ORG"));
    for other in ["shop@example.org", "example.org", "Shop", ""] {
        assert!(!read.names_mailbox(other), "{other}");
    }
}

#[test]
fn a_certificate_lasts_from_one_second_to_another() {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, 1, 2);
    let der = params.self_signed(&*KEY).unwrap();
    let read = Certificate::parse(der.der()).unwrap();
    let start = 1_767_225_600;
    for (second, holds) in
        [(start - 1, false), (start, true), (start + 86_400, true), (start + 86_401, false)]
    {
        assert_eq!(read.is_valid_at(second), holds, "{second}");
    }
}

#[test]
fn what_is_longer_or_followed_by_something_is_no_certificate() {
    let der = certificate(&[(DnType::CommonName, utf8("shop"))], Vec::new());
    assert_eq!(*Certificate::parse(&der).unwrap().thumbprint(), sha256(&der));
    let followed = [der.as_slice(), &[0]].concat();
    assert_eq!(Certificate::parse(&followed).unwrap_err(), CertificateError::Malformed);
    let long = vec![0x30; MAX_CERTIFICATE + 1];
    assert_eq!(Certificate::parse(&long).unwrap_err(), CertificateError::Size);
}

/// A JWK of a key of rcgen: the point is at the end of its DER.
fn jwk(key: &KeyPair, chain: &[&[u8]]) -> serde_json::Value {
    let der = rcgen::PublicKeyData::subject_public_key_info(key);
    let (x, y) = der[der.len() - 64..].split_at(32);
    let chain: Vec<String> = chain.iter().map(|der| BASE64_STANDARD.encode(der)).collect();
    serde_json::json!({ "kty": "EC", "crv": "P-256", "x": crate::base64url::encode(x),
        "y": crate::base64url::encode(y), "x5c": chain })
}

#[test]
fn trap_061_a_registered_certificate_is_known_by_its_key() {
    let der = |name: &str| certificate(&[(DnType::CommonName, utf8(name))], Vec::new());
    let (first, renewed) = (der("shop"), der("shop, renewed"));
    let key = PublicJwk::from_value(&jwk(&KEY, &[&first])).unwrap();
    assert!(key.certifies(&Certificate::parse(&first).unwrap()));
    assert!(key.certifies(&Certificate::parse(&renewed).unwrap()), "the same key");
    let stranger = KeyPair::generate().unwrap();
    let foreign = CertificateParams::default().self_signed(&stranger).unwrap();
    assert!(!key.certifies(&Certificate::parse(foreign.der()).unwrap()));
    let mut bare = jwk(&KEY, &[&first]);
    bare.as_object_mut().unwrap().remove("x5c");
    let bare = PublicJwk::from_value(&bare).unwrap();
    assert!(!bare.certifies(&Certificate::parse(&first).unwrap()), "a key without certificate");
    let mismatch = PublicJwk::from_value(&jwk(&KEY, &[foreign.der(), &first]));
    assert!(matches!(mismatch, Err(JwkError::CertificateMismatch)), "only the first counts");
    assert!(matches!(PublicJwk::from_value(&jwk(&KEY, &[])), Err(JwkError::Member("x5c"))));
    let unread = PublicJwk::from_value(&jwk(&KEY, &[b"no certificate"])).unwrap();
    assert!(!unread.is_certified());
}

#[test]
fn the_key_of_a_certificate_is_read_whatever_its_kind() {
    let kinds = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ];
    for kind in kinds {
        let key = KeyPair::generate_for(kind).unwrap();
        let der = CertificateParams::default().self_signed(&key).unwrap();
        assert!(Certificate::parse(der.der()).unwrap().material().is_some(), "{kind:?}");
    }
}

/// Writes a text as a value of RFC 4514 §2.4.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\' => format!("\\{c}"),
            c => c.to_string(),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Certificate::parse(&bytes);
    }

    #[test]
    fn no_spoiled_certificate_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let names = vec![SanType::DnsName("shop.example".try_into().unwrap())];
        let mut der = certificate(&[(DnType::CommonName, utf8("shop"))], names);
        let place = at.index(der.len());
        der[place] = byte;
        let _ = Certificate::parse(&der);
        let _ = Certificate::parse(&der[..cut.index(der.len())]);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}", wild in "[CNOU=,+#\\\\0-9a-f. ]{0,40}") {
        let _ = DistinguishedName::parse(&text);
        let _ = DistinguishedName::parse(&wild);
    }

    #[test]
    fn what_is_escaped_as_rfc_4514_says_is_the_subject(name in "[^\\p{C}]{0,20}[a-z][^\\p{C}]{0,20}", unit in "[a-z +,\\\\\"]{0,10}z") {
        let subject = [
            (DnType::OrganizationalUnitName, utf8(&unit)),
            (DnType::CommonName, utf8(&name)),
        ];
        let read = Certificate::parse(&certificate(&subject, Vec::new())).unwrap();
        let text = format!("CN={},OU={}", escaped(&name), escaped(&unit));
        prop_assert_eq!(&DistinguishedName::parse(&text).unwrap(), read.subject());
    }
}
