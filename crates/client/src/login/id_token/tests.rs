//! Each point of OIDC Core §3.1.3.7 that an ID token can break.

use grantor_crypto::jws::Signer;
use grantor_crypto::jwt::ClaimError;
use grantor_crypto::key::SigningKey;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example";

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": "u-1", "aud": "shop", "exp": NOW + 300, "iat": NOW,
        "nonce": "n", "auth_time": NOW - 60, "acr": "pwd" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256, Some("k1".to_owned())).unwrap()
}

const EXPECTED: Expected<'_> = Expected {
    issuer: ISSUER,
    client_id: "shop",
    trusted_audiences: &[],
    algorithms: &ALGORITHMS,
    now: NOW,
    occasion: Occasion::Login { nonce: Some("n"), max_age: None, acr: &[] },
    access_token: None,
};

fn judge_as(
    typ: Option<&str>,
    claims: &Value,
    expected: &Expected<'_>,
) -> Result<IdToken, IdTokenError> {
    let key = key();
    let text = Signer::new(&key, typ).sign(claims.to_string().as_bytes()).unwrap();
    verify(&text, &key.verifying_key(), expected)
}

fn judge(claims: &Value, expected: &Expected<'_>) -> Result<IdToken, IdTokenError> {
    judge_as(None, claims, expected)
}

#[test]
fn a_right_id_token_says_who_signed_in_and_is_mute() {
    let token = judge(&claims(), &EXPECTED).unwrap();
    assert_eq!((token.subject(), token.issuer()), ("u-1", ISSUER));
    assert_eq!(token.auth_time(), Some(NOW - 60));
    assert_eq!(token.text("acr"), Some("pwd"));
    assert!(!format!("{token:?}").contains(token.reveal()));
    for typ in ["JWT", "jwt"] {
        assert!(judge_as(Some(typ), &claims(), &EXPECTED).is_ok(), "{typ}");
    }
}

#[test]
fn what_is_missing_malformed_foreign_or_old_is_refused() {
    let claim = IdTokenError::Claim;
    let missing = |name: &str| claim(ClaimError::Missing(name.to_owned()));
    for (what, claims, error) in [
        ("no issuer", without("iss"), missing("iss")),
        ("no subject", without("sub"), missing("sub")),
        ("no audience", without("aud"), missing("aud")),
        ("no end", without("exp"), missing("exp")),
        ("no time", without("iat"), missing("iat")),
        ("other issuer", with("iss", json!("https://id.example/")), claim(ClaimError::Issuer)),
        ("other audience", with("aud", json!("Shop")), claim(ClaimError::Audience)),
        ("no audience at all", with("aud", json!([])), claim(ClaimError::Audience)),
        ("expired", with("exp", json!(NOW - 30)), claim(ClaimError::Expired)),
        ("from tomorrow", with("iat", json!(NOW + 31)), claim(ClaimError::IssuedInFuture)),
        ("end as a text", with("exp", json!("2099")), claim(ClaimError::Malformed("exp"))),
        ("empty subject", with("sub", json!("")), IdTokenError::Subject),
        ("long subject", with("sub", json!("x".repeat(256))), IdTokenError::Subject),
        ("subject in letters of ours", with("sub", json!("jörg")), IdTokenError::Subject),
        ("no nonce", without("nonce"), IdTokenError::Nonce),
        ("other nonce", with("nonce", json!("N")), IdTokenError::Nonce),
        ("nonce as a number", with("nonce", json!(1)), IdTokenError::Nonce),
        ("auth_time as a text", with("auth_time", json!("now")), IdTokenError::AuthTime),
    ] {
        assert_eq!(judge(&claims, &EXPECTED).unwrap_err(), error, "{what}");
    }
}

#[test]
fn other_audiences_must_be_trusted_and_name_whom_the_token_was_made_for() {
    let both = json!(["shop", "api"]);
    let made_for = |azp: &str| {
        let mut claims = with("aud", both.clone());
        claims["azp"] = json!(azp);
        claims
    };
    let trusted = ["api".to_owned()];
    let trusting = Expected { trusted_audiences: &trusted, ..EXPECTED };
    assert_eq!(judge(&made_for("shop"), &EXPECTED).unwrap_err(), IdTokenError::UntrustedAudience);
    assert!(judge(&made_for("shop"), &trusting).is_ok());
    assert_eq!(judge(&made_for("api"), &trusting).unwrap_err(), IdTokenError::AuthorizedParty);
    let nobody = with("aud", both.clone());
    assert_eq!(judge(&nobody, &trusting).unwrap_err(), IdTokenError::AuthorizedParty);
    // One audience, and yet made for another.
    let other = with("azp", json!("other"));
    assert_eq!(judge(&other, &EXPECTED).unwrap_err(), IdTokenError::AuthorizedParty);
    assert!(judge(&with("aud", json!(["shop"])), &EXPECTED).is_ok());
}

#[test]
fn sec_082_another_kind_of_token_is_no_id_token() {
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt", "application/at+jwt", ""] {
        let refused = judge_as(Some(typ), &claims(), &EXPECTED).unwrap_err();
        assert_eq!(refused, IdTokenError::Claim(ClaimError::Type), "{typ}");
    }
}

#[test]
fn sec_072_only_algorithms_on_the_list_are_taken() {
    let es_only = Expected { algorithms: &[Algorithm::Es256], ..EXPECTED };
    for alg in [Algorithm::EdDsa, Algorithm::Es384] {
        let key = SigningKey::generate(alg, Some("k1".to_owned())).unwrap();
        let text = Signer::new(&key, None).sign(claims().to_string().as_bytes()).unwrap();
        assert!(verify(&text, &key.verifying_key(), &EXPECTED).is_ok(), "{alg}");
        let refused = verify(&text, &key.verifying_key(), &es_only).unwrap_err();
        assert_eq!(refused, IdTokenError::Algorithm(alg.to_string()));
    }
    // {"alg":"none"} and {"alg":"HS256"}
    for head in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9"] {
        for text in [format!("{head}.e30."), format!("{head}.e30.AAAA")] {
            let refused = verify(&text, &key().verifying_key(), &EXPECTED).unwrap_err();
            assert!(matches!(refused, IdTokenError::Algorithm(_)), "{refused}");
        }
    }
}

#[test]
fn a_signature_of_somebody_else_is_refused() {
    let text = Signer::new(&key(), None).sign(claims().to_string().as_bytes()).unwrap();
    let refused = verify(&text, &key().verifying_key(), &EXPECTED).unwrap_err();
    assert!(matches!(refused, IdTokenError::Signature(_)), "{refused}");
}

#[test]
fn with_max_age_the_person_signed_in_recently_enough_or_not_at_all() {
    let within = |max_age| Expected {
        occasion: Occasion::Login { nonce: Some("n"), max_age: Some(max_age), acr: &[] },
        ..EXPECTED
    };
    assert!(judge(&claims(), &within(60)).is_ok());
    assert!(judge(&claims(), &within(30)).is_ok(), "clocks differ by up to half a minute");
    assert_eq!(judge(&claims(), &within(29)).unwrap_err(), IdTokenError::AuthTime);
    let silent = judge(&without("auth_time"), &within(60));
    assert_eq!(silent.unwrap_err(), IdTokenError::AuthTime);
    let tomorrow = judge(&with("auth_time", json!(NOW + 31)), &within(60));
    assert_eq!(tomorrow.unwrap_err(), IdTokenError::AuthTime);
}

#[test]
fn where_no_nonce_was_sent_none_is_needed() {
    let silent =
        Expected { occasion: Occasion::Login { nonce: None, max_age: None, acr: &[] }, ..EXPECTED };
    assert!(judge(&without("nonce"), &silent).is_ok());
}

#[test]
fn a_demanded_level_must_have_been_reached() {
    let levels = ["mfa".to_owned(), "hwk".to_owned()];
    let demanding = Expected {
        occasion: Occasion::Login { nonce: Some("n"), max_age: None, acr: &levels },
        ..EXPECTED
    };
    assert_eq!(judge(&claims(), &demanding).unwrap_err(), IdTokenError::Acr);
    assert_eq!(judge(&without("acr"), &demanding).unwrap_err(), IdTokenError::Acr);
    assert!(judge(&with("acr", json!("hwk")), &demanding).is_ok());
}

#[test]
fn the_access_token_beside_it_is_its_own() {
    let hash = token_hash(Algorithm::Es256, "at");
    let beside = |token| Expected { access_token: Some(token), ..EXPECTED };
    let hashed = with("at_hash", json!(hash));
    assert!(judge(&hashed, &beside("at")).is_ok());
    assert!(judge(&claims(), &beside("at")).is_ok(), "it may be left out");
    assert_eq!(judge(&hashed, &beside("other")).unwrap_err(), IdTokenError::AccessTokenHash);
    let number = with("at_hash", json!(1));
    assert_eq!(judge(&number, &beside("at")).unwrap_err(), IdTokenError::AccessTokenHash);
}

#[test]
fn a_refreshed_id_token_continues_the_login() {
    let before = judge(&claims(), &EXPECTED).unwrap();
    let refreshed = Expected { occasion: Occasion::Refresh, ..EXPECTED };
    // Whoever did not keep the first one can still check the second by itself.
    let after = |claims: &Value| judge(claims, &refreshed).unwrap().continues(&before);
    assert!(after(&claims()).is_ok());
    for name in ["nonce", "auth_time"] {
        assert!(after(&without(name)).is_ok(), "{name} may be left out");
    }
    for (name, value) in [
        ("sub", json!("u-2")),
        ("auth_time", json!(NOW)),
        ("nonce", json!("m")),
        ("azp", json!("shop")),
    ] {
        let refused = after(&with(name, value)).unwrap_err();
        assert_eq!(refused, IdTokenError::Continuity, "{name}");
    }
}
