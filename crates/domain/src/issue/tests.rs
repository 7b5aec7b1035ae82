use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_oauth_types::confirmation::{CertificateThumbprint, Confirmation};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::*;

fn grant_id() -> GrantId {
    GrantId::new(1_800_000_000_000, [0xab; 10])
}

/// A customer's token from the shop.
pub(crate) fn rfc9068() -> AccessToken {
    AccessToken {
        profile: TokenProfile::Rfc9068,
        sub: user_id(1).to_string(),
        username: None,
        realm: Some(realm_name("customers")),
        client: Some(client_id("shop")),
        scopes: scopes("uid sales_order.read"),
        audiences: vec![ORDERS_API.to_owned()],
        iat: NOW,
        exp: NOW + 600,
        jti: Some("0K".to_owned()),
        gid: Some(grant_id()),
        sid: None,
        cnf: None,
    }
}

fn stups() -> AccessToken {
    AccessToken {
        profile: TokenProfile::Stups,
        sub: "1000042".to_owned(),
        username: Some("1000042".to_owned()),
        realm: Some(realm_name("customers")),
        client: None,
        scopes: scopes("uid sales_order.read"),
        audiences: vec![],
        iat: NOW,
        exp: NOW + 30 * 86_400,
        jti: None,
        gid: None,
        sid: None,
        cnf: None,
    }
}

fn confirmation(hash: [u8; 32]) -> Confirmation {
    Confirmation { certificate: CertificateThumbprint::from_bytes(hash) }
}

#[test]
fn sec_102_both_profiles_say_to_which_certificate_a_token_is_bound() {
    let cnf = Some(confirmation([7; 32]));
    for token in [AccessToken { cnf, ..rfc9068() }, AccessToken { cnf, ..stups() }] {
        let claims: serde_json::Value = serde_json::from_str(&written(&token)).unwrap();
        let thumbprint = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        assert_eq!(claims["cnf"], serde_json::json!({ "x5t#S256": thumbprint }));
        assert_eq!(read_back(&token).unwrap().cnf, cnf);
    }
}

#[test]
fn sec_102_a_binding_that_is_not_known_makes_a_token_unreadable() {
    for token in [rfc9068(), stups()] {
        for cnf in [r#"{"jkt":"x"}"#, "{}", "null", r#""x""#] {
            let payload = written(&token).replacen('{', &format!("{{\"cnf\":{cnf},"), 1);
            let typ = AccessToken::jwt_typ(token.profile);
            assert!(AccessToken::from_jwt(typ, payload.as_bytes(), ISSUER).is_err(), "{cnf}");
        }
    }
}

fn written(token: &AccessToken) -> String {
    String::from_utf8(token.to_jwt_payload(ISSUER)).unwrap()
}

fn read_back(token: &AccessToken) -> Result<AccessToken, Unreadable> {
    AccessToken::from_jwt(
        AccessToken::jwt_typ(token.profile),
        &token.to_jwt_payload(ISSUER),
        ISSUER,
    )
}

#[test]
fn what_an_rfc_9068_token_says() {
    assert_eq!(
        written(&rfc9068()),
        concat!(
            r#"{"iss":"https://id.example","sub":"usr_00000000000171018101010101010101","#,
            r#""aud":"https://orders.example","exp":1800000600,"iat":1800000000,"jti":"0K","#,
            r#""client_id":"shop","scope":"uid sales_order.read","realm":"/customers","#,
            r#""gid":"gnt_01a3185c50007babababababababab"}"#,
        )
        .replace("gnt_01a3185c50007babababababababab", &grant_id().to_string())
        .replace("usr_00000000000171018101010101010101", &user_id(1).to_string())
    );
    let for_itself = AccessToken {
        sub: "shop".to_owned(),
        realm: None,
        gid: None,
        sid: None,
        audiences: vec![ORDERS_API.to_owned(), STOCK_API.to_owned()],
        ..rfc9068()
    };
    assert_eq!(
        written(&for_itself),
        concat!(
            r#"{"iss":"https://id.example","sub":"shop","#,
            r#""aud":["https://orders.example","https://stock.example"],"#,
            r#""exp":1800000600,"iat":1800000000,"jti":"0K","#,
            r#""client_id":"shop","scope":"uid sales_order.read"}"#,
        )
    );
}

/// `stups.md` 2.9: these members in this order, and no `jti`, `aud` or `nbf`.
#[test]
fn what_a_stups_token_says() {
    assert_eq!(
        written(&stups()),
        concat!(
            r#"{"sub":"1000042","realm":"/customers","scope":["uid","sales_order.read"],"#,
            r#""iss":"B","iat":1800000000,"exp":1802592000}"#,
        )
    );
}

#[test]
fn a_stups_token_names_its_client_only_with_the_scope_azp() {
    let with_client = AccessToken { client: Some(client_id("shop")), ..stups() };
    assert!(!written(&with_client).contains("shop"));
    let asked = AccessToken { scopes: scopes("uid azp"), ..with_client };
    assert!(written(&asked).ends_with(r#","exp":1802592000,"azp":"shop"}"#), "{}", written(&asked));
    assert_eq!(read_back(&asked), Ok(asked));
}

#[test]
fn an_es256_token_of_a_stups_customer_fits_into_280_characters() {
    let key = SigningKey::generate(Algorithm::Es256, Some("k2027-01".to_owned())).unwrap();
    let token = AccessToken { scopes: scopes("uid"), ..stups() };
    let signer = Signer::new(&key, AccessToken::jwt_typ(TokenProfile::Stups));
    let compact = signer.sign(&token.to_jwt_payload(ISSUER)).unwrap();
    assert!(compact.len() <= 280, "{}: {compact}", compact.len());
    let header = compact.split('.').next().unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap();
    assert_eq!(header, br#"{"alg":"ES256","kid":"k2027-01"}"#, "and the header says no more");
}

#[test]
fn what_is_written_reads_back() {
    assert_eq!(read_back(&rfc9068()), Ok(rfc9068()));
    assert_eq!(read_back(&stups()), Ok(stups()));
}

#[test]
fn a_realm_is_written_with_its_slash_and_read_without() {
    for profile in [rfc9068(), stups()] {
        assert!(written(&profile).contains(r#""realm":"/customers""#));
        assert_eq!(read_back(&profile).unwrap().realm, Some(realm_name("customers")));
    }
}

#[test]
fn sec_059_a_stups_token_of_a_client_is_in_no_realm() {
    let token = AccessToken { realm: None, ..stups() };
    assert!(written(&token).contains(r#""realm":"""#));
    assert_eq!(read_back(&token), Ok(token));
}

/// The payload with one member set to a value.
fn with(token: &AccessToken, name: &str, value: Value) -> Vec<u8> {
    let mut members: Value = serde_json::from_str(&written(token)).unwrap();
    members[name] = value;
    serde_json::to_vec(&members).unwrap()
}

fn read(token: &AccessToken, payload: &[u8]) -> Result<AccessToken, Unreadable> {
    AccessToken::from_jwt(AccessToken::jwt_typ(token.profile), payload, ISSUER)
}

#[test]
fn sec_080_a_claim_of_the_wrong_type_is_not_an_absent_one() {
    let times = [json!("4102444800"), json!(null), json!(-1), json!(1.5), json!(true), json!([])];
    for token in [rfc9068(), stups()] {
        for name in ["exp", "iat", "nbf"] {
            for wrong in &times {
                let payload = with(&token, name, wrong.clone());
                assert!(read(&token, &payload).is_err(), "{name} {wrong}");
            }
            let huge = written(&token).replace("{\"", "{\"nbf\":1e400,\"");
            assert!(read(&token, huge.as_bytes()).is_err());
            assert!(read(&token, &with(&token, name, json!(i64::MAX))).is_err(), "{name}");
        }
        for name in ["iss", "sub", "realm", "scope", "gid"] {
            for wrong in [json!(1), json!({}), json!(false)] {
                let payload = with(&token, name, wrong.clone());
                assert!(read(&token, &payload).is_err(), "{name} {wrong}");
            }
        }
        assert!(read(&token, &with(&token, "nbf", json!(NOW))).is_ok());
        assert!(read(&token, &with(&token, "nbf", json!(NOW + 1))).is_err());
    }
    for name in ["aud", "jti", "client_id"] {
        for wrong in [json!(1), json!({}), json!(null), json!([1]), json!("")] {
            let payload = with(&rfc9068(), name, wrong.clone());
            assert!(read(&rfc9068(), &payload).is_err(), "{name} {wrong}");
        }
    }
    assert!(read(&rfc9068(), &with(&rfc9068(), "aud", json!([]))).is_err());
    assert!(read(&stups(), &with(&stups(), "azp", json!(1))).is_err());
    assert!(read(&stups(), &with(&stups(), "scope", json!("uid"))).is_err());
    assert!(read(&stups(), &with(&stups(), "scope", json!(["a b"]))).is_err());
}

#[test]
fn sec_081_a_token_without_a_required_claim_does_not_read() {
    let required = |token: &AccessToken, names: &[&str]| {
        for name in names {
            let mut members: Value = serde_json::from_str(&written(token)).unwrap();
            members.as_object_mut().unwrap().remove(*name).expect("it was there");
            let payload = serde_json::to_vec(&members).unwrap();
            assert!(read(token, &payload).is_err(), "{name}");
        }
    };
    required(&rfc9068(), &["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"]);
    required(&stups(), &["sub", "realm", "scope", "iss", "iat", "exp"]);
}

#[test]
fn sec_079_a_claim_that_is_there_twice_does_not_read() {
    for token in [rfc9068(), stups()] {
        let twice = written(&token).replace("{\"", "{\"sub\":\"admin\",\"");
        assert!(read(&token, twice.as_bytes()).is_err());
    }
}

#[test]
fn a_token_of_another_issuer_does_not_read() {
    for iss in ["https://id.example/", "https://ID.example", "https://evil.example", "B"] {
        assert!(read(&rfc9068(), &with(&rfc9068(), "iss", json!(iss))).is_err(), "{iss}");
    }
    assert!(read(&stups(), &with(&stups(), "iss", json!(ISSUER))).is_err());
}

/// The types of every kind of JWT there is: only access tokens read, each profile as itself.
#[test]
fn sec_082_other_kinds_of_jwt_are_no_access_tokens() {
    let standard = rfc9068().to_jwt_payload(ISSUER);
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(AccessToken::from_jwt(Some(typ), &standard, ISSUER).is_ok(), "{typ}");
    }
    let others = [
        "",
        "JWT",
        "jwt",
        "logout+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "revocations+jwt",
        "secevent+jwt",
        "at+jwt ",
        "at+jwts",
        "application/",
        "application/application/at+jwt",
        "text/at+jwt",
        "äpplication/at+jwt",
    ];
    for typ in others {
        for payload in [&standard, &stups().to_jwt_payload(ISSUER)] {
            assert!(AccessToken::from_jwt(Some(typ), payload, ISSUER).is_err(), "{typ}");
        }
    }
    let stups = stups().to_jwt_payload(ISSUER);
    assert!(AccessToken::from_jwt(Some("at+jwt"), &stups, ISSUER).is_err(), "not as the other");
    assert!(AccessToken::from_jwt(None, &standard, ISSUER).is_err(), "not as the other");
}

/// Whatever names people choose, they stay values (SEC-089); and a token says nothing about a
/// person but who it is (SEC-109).
#[test]
fn sec_089_sec_109_no_name_becomes_a_claim() {
    let hostile = r#"x","exp":9,"admin":true,"y":"\u0000"#;
    let members = |token: &AccessToken| -> Vec<String> {
        let members: Value = serde_json::from_str(&written(token)).unwrap();
        members.as_object().unwrap().keys().cloned().collect()
    };
    // An id cannot carry a colon; it still carries the quotes that would end the value.
    let client = ClientId::parse(&hostile.replace(':', "")).unwrap();
    let forged = AccessToken {
        sub: hostile.to_owned(),
        username: Some("Jane".to_owned()),
        client: Some(client.clone()),
        audiences: vec![hostile.to_owned()],
        jti: Some(hostile.to_owned()),
        scopes: scopes("exp iss admin email profile azp"),
        ..rfc9068()
    };
    let standard = ["aud", "client_id", "exp", "gid", "iat", "iss", "jti", "realm", "scope", "sub"];
    assert_eq!(members(&forged), standard);
    let forged = AccessToken { profile: TokenProfile::Stups, ..forged };
    assert_eq!(members(&forged), ["azp", "exp", "gid", "iat", "iss", "realm", "scope", "sub"]);
    assert_eq!(read_back(&forged).unwrap().exp, forged.exp);
}

#[test]
fn a_revocation_can_name_what_the_token_says() {
    let token = rfc9068();
    let claim = |name: &str| token.claim(name).map(std::borrow::Cow::into_owned);
    assert_eq!(claim("realm").as_deref(), Some("/customers"));
    assert_eq!(claim("sub"), Some(user_id(1).to_string()));
    assert_eq!(claim("client_id").as_deref(), Some("shop"));
    assert_eq!(claim("gid"), Some(grant_id().to_string()));
    assert_eq!(claim("jti").as_deref(), Some("0K"));
    assert_eq!(claim("scope"), None);
    assert_eq!(stups().claim("client_id"), None);
    assert_eq!(token.issued_at(), NOW);
}

proptest! {
    #[test]
    fn any_token_reads_back(
        sub in "\\PC{1,40}",
        names in prop::collection::vec("[!#-\\[\\]-~]{1,20}", 0..8),
        audiences in prop::collection::vec("[a-z:/.]{1,30}", 1..3),
        (iat, life) in (0..4_000_000_000_i64, 1..3_000_000_i64),
        in_grant in any::<bool>(),
        in_realm in any::<bool>(),
        bound in any::<Option<[u8; 32]>>(),
    ) {
        let standard = AccessToken {
            sub: sub.clone(),
            scopes: names.iter().map(|name| token(name)).collect(),
            audiences,
            iat,
            exp: iat + life,
            gid: in_grant.then(grant_id),
            sid: None,
            cnf: bound.map(confirmation),
            realm: in_realm.then(|| realm_name("customers")),
            ..rfc9068()
        };
        prop_assert_eq!(read_back(&standard), Ok(standard.clone()));
        let stups = AccessToken {
            profile: TokenProfile::Stups,
            username: Some(sub),
            client: None,
            audiences: vec![],
            jti: None,
            ..standard
        };
        prop_assert_eq!(read_back(&stups), Ok(stups));
    }

    #[test]
    fn sec_193_no_payload_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), typ in "\\PC{0,20}") {
        let _ = AccessToken::from_jwt(None, &bytes, ISSUER);
        let _ = AccessToken::from_jwt(Some(&typ), &bytes, ISSUER);
        let _ = AccessToken::from_jwt(Some("at+jwt"), &bytes, ISSUER);
    }
}
