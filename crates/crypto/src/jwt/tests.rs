//! Claims: a table of what is malformed, a table of what is not ours.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn claims() -> Value {
    json!({
        "iss": "https://as.test", "sub": "alice", "aud": "https://api.test", "exp": NOW + 600,
        "iat": NOW, "jti": "1", "client_id": "shop",
    })
}

fn rules() -> Rules<'static> {
    Rules {
        issuer: Some("https://as.test"),
        audience: Audience::OneOf(&["https://api.test"]),
        typ: Some("at+jwt"),
        required: &["iss", "exp", "aud", "sub", "iat", "client_id", "jti"],
        ..Rules::at(NOW)
    }
}

#[test]
#[rustfmt::skip]
fn sec_080_a_registered_claim_of_the_wrong_type_is_never_absent() {
    let table = [
        ("7519-4.1.4-string",     "exp", json!("4102444800")),
        ("7519-4.1.4-null",       "exp", json!(null)),
        ("7519-4.1.4-negative",   "exp", json!(-1)),
        ("7519-4.1.4-beyond",     "exp", json!(1e300)),
        ("7519-4.1.4-u64",        "exp", json!(u64::MAX)),
        ("7519-4.1.4-i64",        "exp", json!(i64::MAX)),
        ("7519-4.1.4-year-10000", "exp", json!(253_402_300_800_i64)),
        ("7519-4.1.4-array",      "exp", json!([NOW + 600])),
        ("7519-4.1.4-bool",       "exp", json!(true)),
        ("7519-4.1.5-string",     "nbf", json!("4102444800")),
        ("7519-4.1.5-null",       "nbf", json!(null)),
        ("7519-4.1.5-fraction",   "nbf", json!(-0.5)),
        ("7519-4.1.6-string",     "iat", json!("now")),
        ("7519-4.1.1-number",     "iss", json!(1)),
        ("7519-4.1.1-null",       "iss", json!(null)),
        ("7519-4.1.2-array",      "sub", json!(["alice"])),
        ("7519-4.1.3-object",     "aud", json!({})),
        ("7519-4.1.3-number",     "aud", json!(1)),
        ("7519-4.1.3-mixed",      "aud", json!(["https://api.test", 1])),
        ("7519-4.1.3-nested",     "aud", json!([["https://api.test"]])),
        ("7519-4.1.7-number",     "jti", json!(1)),
    ];
    for (rule, name, value) in table {
        let mut claims = claims();
        claims[name] = value;
        // Not even a reader without rules may take it for absent.
        let payload = claims.to_string();
        assert_eq!(Claims::parse(payload.as_bytes()).unwrap_err(), ClaimError::Malformed(name), "{rule}");
    }
    assert_eq!(Claims::parse(br#"{"exp":1e400}"#).unwrap_err(), ClaimError::Json);
}

#[test]
fn sec_079_claims_are_one_object_without_duplicates() {
    for payload in
        [r#"{"sub":"mallory","sub":"alice"}"#, "{} {}", "[]", "null", "", r#"{"exp":NaN}"#]
    {
        assert_eq!(Claims::parse(payload.as_bytes()).unwrap_err(), ClaimError::Json, "{payload}");
    }
}

#[test]
fn a_fraction_of_a_second_is_cut_off() {
    let claims = Claims::parse(br#"{"exp":1800000000.9,"nbf":1.8e9,"iat":0}"#).unwrap().registered;
    assert_eq!((claims.exp, claims.nbf, claims.iat), (Some(NOW), Some(NOW), Some(0)));
}

/// The rule, how to break it, and what must be answered.
type Row = (&'static str, fn(&mut Value), ClaimError);

/// What is changed, and how, without breaking a rule.
type Change = (&'static str, fn(&mut Value));

#[test]
#[rustfmt::skip]
fn sec_081_083_084_087_what_the_rules_forbid() {
    use ClaimError as E;
    fn drop(claims: &mut Value, name: &str) { claims.as_object_mut().unwrap().remove(name); }
    let table: &[Row] = &[
        ("9068-2.2-iss",              |c| drop(c, "iss"),                              E::Missing("iss".into())),
        ("9068-2.2-exp",              |c| drop(c, "exp"),                              E::Missing("exp".into())),
        ("9068-2.2-aud",              |c| drop(c, "aud"),                              E::Missing("aud".into())),
        ("9068-2.2-sub",              |c| drop(c, "sub"),                              E::Missing("sub".into())),
        ("9068-2.2-iat",              |c| drop(c, "iat"),                              E::Missing("iat".into())),
        ("9068-2.2-jti",              |c| drop(c, "jti"),                              E::Missing("jti".into())),
        ("9068-2.2-client-id",        |c| drop(c, "client_id"),                        E::Missing("client_id".into())),
        ("7519-4.1.1-other",          |c| c["iss"] = json!("https://evil.test"),       E::Issuer),
        ("7519-4.1.1-slash",          |c| c["iss"] = json!("https://as.test/"),        E::Issuer),
        ("7519-4.1.1-case",           |c| c["iss"] = json!("https://AS.test"),         E::Issuer),
        ("7519-4.1.3-other",          |c| c["aud"] = json!("https://api2.test"),       E::Audience),
        ("7519-4.1.3-longer",         |c| c["aud"] = json!("https://api.test.evil"),   E::Audience),
        ("7519-4.1.3-array",          |c| c["aud"] = json!(["https://api2.test"]),     E::Audience),
        ("7519-4.1.3-empty",          |c| c["aud"] = json!([]),                        E::Audience),
        ("7519-4.1.4-expired",        |c| c["exp"] = json!(NOW - 30),                  E::Expired),
        ("7519-4.1.5-future",         |c| c["nbf"] = json!(NOW + 31),                  E::NotYetValid),
        ("7519-4.1.6-future",         |c| c["iat"] = json!(NOW + 31),                  E::IssuedInFuture),
    ];
    assert!(check(&claims(), Some("at+jwt"), &rules()).is_ok(), "the unspoiled claims must pass");
    for (rule, spoil, expected) in table {
        let mut claims = claims();
        spoil(&mut claims);
        assert_eq!(check(&claims, Some("at+jwt"), &rules()).unwrap_err(), *expected, "{rule}");
    }
    let inside: &[Change] = &[
        ("exp within the leeway", |c| c["exp"] = json!(NOW - 29)),
        ("nbf within the leeway", |c| c["nbf"] = json!(NOW + 30)),
        ("iat within the leeway", |c| c["iat"] = json!(NOW + 10)),
        ("one of several audiences", |c| c["aud"] = json!(["https://api2.test", "https://api.test"])),
    ];
    for (what, change) in inside {
        let mut claims = claims();
        change(&mut claims);
        assert!(check(&claims, Some("at+jwt"), &rules()).is_ok(), "{what}");
    }
}

#[test]
fn sec_087_more_than_a_minute_of_leeway_is_a_minute() {
    let generous = Rules { leeway: 3600, ..Rules::at(NOW) };
    assert!(check(&json!({"exp": NOW - 59}), None, &generous).is_ok());
    assert_eq!(check(&json!({"exp": NOW - 60}), None, &generous), Err(ClaimError::Expired));
    assert_eq!(check(&json!({"iat": NOW + 61}), None, &generous), Err(ClaimError::IssuedInFuture));
    let negative = Rules { leeway: -5, ..Rules::at(NOW) };
    assert!(check(&json!({"exp": NOW + 1}), None, &negative).is_ok());
}

#[test]
fn sec_082_the_type_is_compared_without_case_and_prefix() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert!(check(&claims(), Some(typ), &rules()).is_ok(), "{typ}");
    }
    for typ in [
        Some("JWT"),
        Some("logout+jwt"),
        Some("dpop+jwt"),
        Some(""),
        Some("application/"),
        Some("x/at+jwt"),
        None,
    ] {
        assert_eq!(check(&claims(), typ, &rules()), Err(ClaimError::Type), "{typ:?}");
    }
}

#[test]
fn sec_057_an_assertion_is_for_us_alone_and_says_so_as_a_string() {
    let rules = Rules { audience: Audience::Only("https://as.test"), ..Rules::at(NOW) };
    assert!(check(&json!({"aud": "https://as.test"}), None, &rules).is_ok());
    for aud in [
        json!(["https://as.test"]),
        json!(["https://as.test", "x"]),
        json!("https://as.test/token"),
    ] {
        assert_eq!(check(&json!({"aud": aud}), None, &rules), Err(ClaimError::Audience));
    }
    assert_eq!(check(&json!({}), None, &rules), Err(ClaimError::Audience));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_is_read_is_in_range(bytes in prop::collection::vec(any::<u8>(), 0..100), exp in any::<f64>()) {
        let _ = Claims::parse(&bytes);
        if let Ok(claims) = Claims::from_members(json!({"exp": exp}).as_object().unwrap().clone()) {
            prop_assert!((0..=LAST_SECOND).contains(&claims.registered.exp.unwrap()));
        }
    }
}
