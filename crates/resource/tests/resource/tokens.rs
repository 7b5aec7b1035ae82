//! Tokens that are right in every respect but one.

use grantor_crypto::Algorithm;
use grantor_crypto::digest::DigestKey;
use grantor_crypto::key::SigningKey;
use grantor_resource::{Refusal, TokenFault as F};
use serde_json::{Value, json};

use crate::world::{AUDIENCE, T0, World, b64, sign, sign_as};

/// The rule, the token that breaks it, and what is found.
type Row = (&'static str, String, F);

async fn refuse(world: &World, table: Vec<Row>) {
    assert_eq!(world.refusal(&world.good_token()).await, None, "the unspoiled token must pass");
    for (rule, token, expected) in table {
        assert_eq!(world.refusal(&token).await, Some(Refusal::InvalidToken(expected)), "{rule}");
    }
}

/// A token of these claims under any header.
fn headed(world: &World, header: &str) -> String {
    let header = header.replace("KID", world.key.kid());
    sign_as(&world.key, &header, &world.claims().to_string())
}

#[tokio::test]
async fn sec_072_sec_074_sec_075_sec_077_headers_that_are_not_ours_are_refused() {
    let world = World::new().await;
    let other = SigningKey::generate(Algorithm::Es256, Some("other".to_owned())).unwrap();
    let claims = world.claims().to_string();
    let unsigned = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{}"}}"#, world.key.kid());
        format!("{}.{}.", b64(header), b64(&claims))
    };
    let jwk = serde_json::to_string(&other.public_jwk()).unwrap();
    let own = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"KID","jwk":{jwk}}}"#);
    #[rustfmt::skip]
    let table = vec![
        ("8725-3.2-none",             unsigned("none"),                                                     F::Malformed),
        ("8725-3.2-none-capital",     unsigned("None"),                                                     F::Malformed),
        ("8725-3.2-none-mixed",       unsigned("nOnE"),                                                     F::Malformed),
        ("8725-3.2-empty",            unsigned(""),                                                         F::Malformed),
        ("8725-3.2-none-signed",      headed(&world, r#"{"alg":"none","typ":"at+jwt","kid":"KID"}"#),       F::Malformed),
        ("7515-4.1.1-alg-missing",    headed(&world, r#"{"typ":"at+jwt","kid":"KID"}"#),                    F::Malformed),
        ("8725-3.1-other-algorithm",  headed(&world, r#"{"alg":"RS256","typ":"at+jwt","kid":"KID"}"#),      F::UnknownKey),
        ("8725-3.1-other-curve",      headed(&world, r#"{"alg":"ES384","typ":"at+jwt","kid":"KID"}"#),      F::UnknownKey),
        ("8725-3.1-not-on-the-list",  headed(&world, r#"{"alg":"ES512","typ":"at+jwt","kid":"KID"}"#),      F::UnknownKey),
        ("8725-3.10-jwk",             sign_as(&other, &own, &claims),                                       F::Malformed),
        ("8725-3.10-jku",             headed(&world, r#"{"alg":"ES256","typ":"at+jwt","jku":"https://evil.example/jwks.json"}"#), F::Malformed),
        ("8725-3.10-x5u",             headed(&world, r#"{"alg":"ES256","typ":"at+jwt","x5u":"http://127.0.0.1/"}"#), F::Malformed),
        ("7515-4.1.11-crit-known",    headed(&world, r#"{"alg":"ES256","typ":"at+jwt","crit":["exp"],"exp":1}"#), F::Malformed),
        ("7515-4.1.11-crit-unknown",  headed(&world, r#"{"alg":"ES256","typ":"at+jwt","crit":["x-policy"]}"#), F::Malformed),
        ("7515-4.1.11-crit-empty",    headed(&world, r#"{"alg":"ES256","typ":"at+jwt","crit":[]}"#),        F::Malformed),
        ("7797-b64",                  headed(&world, r#"{"alg":"ES256","typ":"at+jwt","crit":["b64"],"b64":false}"#), F::Malformed),
    ];
    refuse(&world, table).await;
}

#[tokio::test]
async fn sec_073_a_public_key_is_never_a_shared_secret() {
    let world = World::new().await;
    let jwk: Value = serde_json::to_value(world.key.public_jwk()).unwrap();
    let secret: Vec<u8> = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap()
    };
    let header = format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{}"}}"#, world.key.kid());
    let message = format!("{}.{}", b64(header), b64(world.claims().to_string()));
    let digest = DigestKey::new(&secret.try_into().unwrap()).digest(&message);
    let token = format!("{message}.{}", b64(digest.as_bytes()));
    refuse(&world, vec![("8725-2.1-hmac", token, F::Malformed)]).await;
}

#[tokio::test]
async fn sec_076_a_kid_is_only_looked_up() {
    let world = World::new().await;
    for kid in ["../../../../dev/null", "' OR 1=1--", "|/bin/id", ""] {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}).to_string();
        let refusal = world.refusal(&headed(&world, &header)).await;
        assert_eq!(refusal, Some(Refusal::InvalidToken(F::UnknownKey)), "{kid:?}");
    }
    let long = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k".repeat(129)}).to_string();
    #[rustfmt::skip]
    let table = vec![
        ("kid-too-long",  headed(&world, &long),                                          F::Malformed),
        ("kid-no-string", headed(&world, r#"{"alg":"ES256","typ":"at+jwt","kid":7}"#),    F::Malformed),
    ];
    refuse(&world, table).await;
}

#[tokio::test]
async fn sec_078_degenerate_signatures_are_refused() {
    let world = World::new().await;
    let token = world.good_token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let with = |signature: &[u8]| format!("{message}.{}", b64(signature));
    // n of P-256
    let n = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (other_message, _) = {
        let other = world.token(&json!({"sub": "mallory"}));
        let (message, signature) = other.rsplit_once('.').unwrap();
        (message.to_owned(), signature.to_owned())
    };
    #[rustfmt::skip]
    let table = vec![
        ("CVE-2022-21449-zero",  with(&[0; 64]),                                    F::Signature),
        ("r-is-n",               with(&[n.as_slice(), &[1; 32]].concat()),          F::Signature),
        ("s-is-zero",            with(&[[1; 32].as_slice(), &[0; 32]].concat()),    F::Signature),
        ("empty",                with(&[]),                                         F::Signature),
        ("der",                  with(&[0x30, 6, 2, 1, 1, 2, 1, 1]),                F::Signature),
        ("of-another-payload",   format!("{other_message}.{signature}"),            F::Signature),
    ];
    refuse(&world, table).await;
}

#[tokio::test]
async fn sec_079_sec_080_sec_081_claims_are_read_without_mercy() {
    let world = World::new().await;
    let with = |name: &str, value: Value| world.token(&json!({ name: value }));
    let raw = |payload: &str| sign(&world.key, Some("at+jwt"), payload);
    let text = world.claims().to_string();
    #[rustfmt::skip]
    let mut table = vec![
        ("7519-4-duplicate",        raw(&text.replacen('{', r#"{"sub":"mallory","#, 1)),   F::Claims),
        ("8725-3.3-nan",            raw(&text.replacen('{', r#"{"x":NaN,"#, 1)),           F::Claims),
        ("8725-3.3-two-documents",  raw(&format!("{text} {{}}")),                          F::Claims),
        ("8725-3.3-comment",        raw(&format!("{text}/**/")),                           F::Claims),
        ("7519-7.2-array",          raw("[]"),                                             F::Claims),
        ("7519-7.2-empty",          raw(""),                                               F::Claims),
        ("exp-string",              with("exp", json!("4102444800")),                      F::Claims),
        ("exp-negative",            with("exp", json!(-1)),                                F::Claims),
        ("exp-null",                raw(&text.replace(&format!("\"exp\":{}", T0 + 600), "\"exp\":null")), F::Claims),
        ("exp-1e400",               raw(&text.replace(&format!("\"exp\":{}", T0 + 600), "\"exp\":1e400")), F::Claims),
        ("exp-far-beyond",          with("exp", json!(1e300)),                             F::Claims),
        ("nbf-string",              with("nbf", json!("4102444800")),                      F::Claims),
        ("aud-object",              with("aud", json!({})),                                F::Claims),
        ("aud-mixed",               with("aud", json!([AUDIENCE, 1])),                     F::Claims),
        ("iat-word",                with("iat", json!("now")),                             F::Claims),
        ("sub-number",              with("sub", json!(1)),                                 F::Claims),
        ("sub-empty",               with("sub", json!("")),                                F::Claims),
        ("jti-empty",               with("jti", json!("")),                                F::Claims),
        ("client-id-array",         with("client_id", json!(["shop"])),                    F::Claims),
        ("scope-array",             with("scope", json!(["uid"])),                         F::Claims),
        ("scope-character",         with("scope", json!("uid \u{e4}")),                    F::Claims),
        ("realm-number",            with("realm", json!(1)),                               F::Claims),
        ("realm-empty",             with("realm", json!("/")),                             F::Claims),
    ];
    for name in ["iss", "exp", "aud", "sub", "iat", "client_id", "jti"] {
        table.push(("9068-2.2-required", with(name, Value::Null), F::Claims));
    }
    refuse(&world, table).await;
}

#[tokio::test]
async fn sec_082_no_other_kind_of_token_is_an_access_token() {
    let world = World::with(grantor_resource::VerifierBuilder::accept_stups_tokens).await;
    let claims = world.claims().to_string();
    let kinds = ["JWT", "logout+jwt", "dpop+jwt", "token-introspection+jwt", "revocations+jwt", ""];
    let mut table: Vec<Row> =
        kinds.map(|typ| ("8725-3.11-typ", sign(&world.key, Some(typ), &claims), F::Kind)).into();
    // Without a type it is held against the rules of STUPS tokens, and an ID token is none.
    table.push(("9068-2.1-no-typ", sign(&world.key, None, &claims), F::Issuer));
    refuse(&world, table).await;
    let long = sign(&world.key, Some("Application/AT+JWT"), &claims);
    assert_eq!(world.refusal(&long).await, None, "RFC 9068 §4 allows the long form");
}

#[tokio::test]
async fn sec_083_the_audience_is_compared_exactly() {
    let world = World::new().await;
    let with = |aud: Value| world.token(&json!({ "aud": aud }));
    #[rustfmt::skip]
    let table = vec![
        ("9068-4-other-api",  with(json!("https://api2.example")),           F::Audience),
        ("9068-4-suffix",     with(json!("https://api1.example.evil")),      F::Audience),
        ("9068-4-slash",      with(json!("https://api1.example/")),          F::Audience),
        ("9068-4-case",       with(json!("https://API1.example")),           F::Audience),
        ("9068-4-list",       with(json!(["https://api2.example"])),         F::Audience),
        ("9068-4-empty-list", with(json!([])),                               F::Audience),
        ("9068-4-id-token",   with(json!("shop")),                           F::Audience),
    ];
    refuse(&world, table).await;
    let member = with(json!(["https://api2.example", AUDIENCE]));
    assert_eq!(world.refusal(&member).await, None, "membership is enough");
}

#[tokio::test]
async fn sec_084_issuer_and_keys_belong_together() {
    let world = World::new().await;
    let globex = SigningKey::generate(Algorithm::Es256, Some(world.key.kid().to_owned())).unwrap();
    let claims = world.claims().to_string();
    let issuer = world.server.issuer.clone();
    let with = |iss: String| world.token(&json!({ "iss": iss }));
    #[rustfmt::skip]
    let table = vec![
        ("8725-3.8-slash",      with(format!("{issuer}/")),                         F::Issuer),
        ("8725-3.8-suffix",     with(format!("{issuer}.evil")),                     F::Issuer),
        ("8725-3.8-case",       with(issuer.to_uppercase()),                        F::Issuer),
        ("8725-3.8-other",      with("https://globex.example".to_owned()),          F::Issuer),
        ("CVE-2018-1262",       sign(&globex, Some("at+jwt"), &claims),             F::Signature),
        ("stups-not-accepted",  sign(&world.key, None, &World::stups_claims().to_string()), F::Kind),
    ];
    refuse(&world, table).await;
}

#[tokio::test]
async fn sec_085_sec_086_only_strict_compact_tokens_are_read() {
    let world = World::new().await;
    let token = world.good_token();
    let (head, tail) = token.split_once('.').unwrap();
    #[rustfmt::skip]
    let table = vec![
        ("7515-7.1-four-parts",   format!("{token}.AA"),                              F::Malformed),
        ("7515-7.1-two-parts",    token.rsplit_once('.').unwrap().0.to_owned(),       F::Malformed),
        ("7515-2-padding",        format!("{head}=.{tail}"),                          F::Malformed),
        ("7515-2-whitespace",     format!("{head}.\n{tail}"),                         F::Malformed),
        ("7515-2-trailing-bits",  format!("e31.{tail}"),                              F::Malformed),
        ("7515-7.2-json",         r#"{"payload":"e30.","signatures":[]}"#.to_owned(), F::Malformed),
        ("a-megabyte-of-dots",    ".".repeat(1 << 20),                                F::Malformed),
        ("a-hundred-kilobytes",   format!("{head}.{}.AA", "A".repeat(100_000)),       F::Malformed),
        ("7516-jwe",              format!("{head}.AA.AA.AA.AA"),                      F::Malformed),
        ("opaque",                "gat_AAAA".to_owned(),                              F::Opaque),
        ("empty",                 String::new(),                                      F::Opaque),
    ];
    refuse(&world, table).await;
}

#[tokio::test]
async fn sec_087_one_leeway_counts_for_all_times() {
    let world = World::new().await;
    let with = |name: &str, at: i64| world.token(&json!({ name: T0 + at }));
    #[rustfmt::skip]
    let table = vec![
        ("7519-4.1.4-exp", with("exp", -30), F::Expired),
        ("7519-4.1.4-exp", with("exp", -31), F::Expired),
        ("7519-4.1.5-nbf", with("nbf", 31),  F::NotYetValid),
        ("7519-4.1.5-nbf", with("nbf", 61),  F::NotYetValid),
        ("7519-4.1.6-iat", with("iat", 61),  F::NotYetValid),
    ];
    refuse(&world, table).await;
    for (name, at) in [("exp", -29), ("nbf", 10), ("nbf", 30), ("iat", 30)] {
        assert_eq!(world.refusal(&with(name, at)).await, None, "{name} {at}");
    }
}

#[tokio::test]
async fn sec_087_a_remembered_token_expires_as_well() {
    let world = World::new().await;
    let token = world.token(&json!({"exp": T0 + 10}));
    assert_eq!(world.refusal(&token).await, None);
    world.advance(39);
    assert_eq!(world.refusal(&token).await, None);
    world.advance(1);
    assert_eq!(world.refusal(&token).await, Some(Refusal::InvalidToken(F::Expired)));
}

#[tokio::test]
async fn sec_099_a_bound_token_is_no_bearer_token() {
    let world = World::new().await;
    let bound = world.token(&json!({"cnf": {"jkt": "abc"}}));
    refuse(&world, vec![("9449-7.2", bound, F::Bound)]).await;
}

#[tokio::test]
async fn stups_tokens_are_read_where_they_are_accepted() {
    let world = World::with(grantor_resource::VerifierBuilder::accept_stups_tokens).await;
    let token = sign(&world.key, None, &World::stups_claims().to_string());
    let caller = world.verifier.verify(&token).await.unwrap();
    assert_eq!((caller.subject(), caller.realm()), ("stups_kio", Some("services")));
    assert_eq!(caller.scopes().to_string(), "uid sales_order.read_all");
    assert_eq!(caller.client_id(), None);
    let with = |name: &str, value: Value| {
        let mut claims = World::stups_claims();
        claims[name] = value;
        sign(&world.key, None, &claims.to_string())
    };
    let caller = world.verifier.verify(&with("azp", json!("kio"))).await.unwrap();
    assert_eq!(caller.client_id(), Some("kio"));
    let caller = world.verifier.verify(&with("realm", json!(""))).await.unwrap();
    assert_eq!(caller.as_owner(), None, "a client that speaks for itself");
    #[rustfmt::skip]
    let mut table = vec![
        ("scope-string",  with("scope", json!("uid")),                      F::Claims),
        ("scope-mixed",   with("scope", json!(["uid", 1])),                 F::Claims),
        ("realm-null",    with("realm", Value::Null),                       F::Claims),
        ("iss-other",     with("iss", json!("C")),                          F::Issuer),
        ("aud-other",     with("aud", json!("https://api2.example")),       F::Audience),
        ("azp-number",    with("azp", json!(1)),                            F::Claims),
        ("expired",       with("exp", json!(T0 - 40)),                      F::Expired),
        ("typed",         sign(&world.key, Some("at+jwt"), &World::stups_claims().to_string()), F::Claims),
    ];
    for name in ["sub", "realm", "scope", "iat", "exp"] {
        let mut claims = World::stups_claims();
        claims.as_object_mut().unwrap().remove(name);
        table.push(("required", sign(&world.key, None, &claims.to_string()), F::Claims));
    }
    refuse(&world, table).await;
}
