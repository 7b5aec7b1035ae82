//! Compact signatures: round trips of every algorithm, and what is refused.

use super::*;
use crate::jwk::JwkSet;
use crate::key::SigningKey;

#[test]
fn every_algorithm_signs_and_verifies_what_it_signed() {
    for alg in Algorithm::ALL {
        let key = SigningKey::generate(alg, None).unwrap();
        let again = SigningKey::from_pkcs8(alg, None, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.kid(), key.kid());
        let token = Signer::new(&again, Some("at+jwt")).sign(b"{\"a\":1}").unwrap();
        assert_eq!(token.len(), token.capacity(), "one allocation of the right size");

        let json = serde_json::to_vec(&JwkSet::new(vec![key.public_jwk()]).unwrap()).unwrap();
        let keys = KeySet::from_jwks(&JwkSet::parse(&json).unwrap(), &Algorithm::ALL).unwrap();
        let read = parse_compact(&token).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
        let found = keys.find(read.header.kid.as_deref(), read.header.alg).unwrap();
        assert_eq!(read.verify(found).unwrap(), b"{\"a\":1}", "{alg}");
    }
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa, Some("k1".to_owned())).unwrap()
}

/// Signs any header, right or wrong.
fn signed(key: &SigningKey, header: &str) -> String {
    let message = format!("{}.{}", base64url::encode(header), base64url::encode("{}"));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", base64url::encode(signature))
}

fn read(key: &SigningKey, token: &str) -> Result<Vec<u8>, JwsError> {
    parse_compact(token)?.verify(&key.verifying_key())
}

#[test]
fn the_header_is_typ_alg_kid() {
    let head = |typ| {
        let signer = Signer::new(&key(), typ);
        let (head, _) = signer.head.split_once('.').unwrap();
        String::from_utf8(base64url::decode(head).unwrap()).unwrap()
    };
    assert_eq!(head(None), r#"{"alg":"EdDSA","kid":"k1"}"#);
    assert_eq!(head(Some("at+jwt")), r#"{"typ":"at+jwt","alg":"EdDSA","kid":"k1"}"#);
    assert_eq!(head(Some("a\"b")), r#"{"typ":"a\"b","alg":"EdDSA","kid":"k1"}"#);
}

/// The rule, the header, and what must be answered.
type HeaderRow = (&'static str, String, JwsError);

#[test]
#[rustfmt::skip]
fn sec_072_075_076_077_079_what_a_header_must_not_say() {
    use JwsError as E;
    let jwk = serde_json::to_string(&key().public_jwk()).unwrap();
    let with = |member: &str| format!(r#"{{"alg":"EdDSA",{member}}}"#);
    let table: Vec<HeaderRow> = vec![
        ("sec-072-none",            r#"{"alg":"none"}"#.into(),                E::Algorithm),
        ("sec-072-none-capital",    r#"{"alg":"None"}"#.into(),                E::Algorithm),
        ("sec-072-none-mixed",      r#"{"alg":"nOnE"}"#.into(),                E::Algorithm),
        ("sec-072-empty",           r#"{"alg":""}"#.into(),                    E::Algorithm),
        ("sec-072-missing",         r#"{"kid":"k1"}"#.into(),                  E::Algorithm),
        ("sec-072-null",            r#"{"alg":null}"#.into(),                  E::Algorithm),
        ("sec-072-array",           r#"{"alg":["EdDSA"]}"#.into(),             E::Algorithm),
        ("sec-073-hmac",            r#"{"alg":"HS256"}"#.into(),               E::Algorithm),
        ("sec-074-another",         r#"{"alg":"ES256"}"#.into(),               E::KeyMismatch),
        ("sec-075-jwk",             with(&format!("\"jwk\":{jwk}")),           E::HeaderRefused("jwk")),
        ("sec-075-jku",             with(r#""jku":"https://evil.example/jwks.json""#), E::HeaderRefused("jku")),
        ("sec-075-jku-userinfo",    with(r#""jku":"https://as.test@evil.example/jwks""#), E::HeaderRefused("jku")),
        ("sec-075-x5u",             with(r#""x5u":"https://127.0.0.1/""#),     E::HeaderRefused("x5u")),
        ("sec-075-x5c",             with(r#""x5c":[]"#),                       E::HeaderRefused("x5c")),
        ("sec-076-kid-long",        with(&format!("\"kid\":\"{}\"", "k".repeat(129))), E::HeaderMember("kid")),
        ("sec-076-kid-number",      with(r#""kid":1"#),                        E::HeaderMember("kid")),
        ("sec-076-kid-null",        with(r#""kid":null"#),                     E::HeaderMember("kid")),
        ("sec-077-crit-known",      with(r#""crit":["exp"],"exp":1"#),         E::HeaderRefused("crit")),
        ("sec-077-crit-unknown",    with(r#""crit":["x-policy"]"#),            E::HeaderRefused("crit")),
        ("sec-077-crit-empty",      with(r#""crit":[]"#),                      E::HeaderRefused("crit")),
        ("sec-077-crit-b64",        with(r#""crit":["b64"],"b64":false"#),     E::HeaderRefused("crit")),
        ("sec-077-b64-false",       with(r#""b64":false"#),                    E::HeaderRefused("b64")),
        ("sec-077-b64-true",        with(r#""b64":true"#),                     E::HeaderRefused("b64")),
        ("sec-086-zip",             with(r#""zip":"DEF""#),                    E::HeaderRefused("zip")),
        ("sec-079-duplicate",       r#"{"alg":"EdDSA","alg":"none"}"#.into(),  E::HeaderJson),
        ("sec-079-duplicate-same",  r#"{"alg":"EdDSA","alg":"EdDSA"}"#.into(), E::HeaderJson),
        ("sec-079-trailing",        r#"{"alg":"EdDSA"} {}"#.into(),            E::HeaderJson),
        ("7515-4-object",           r#"["EdDSA"]"#.into(),                     E::HeaderJson),
        ("7515-4-json",             "EdDSA".into(),                            E::HeaderJson),
        ("7515-4-empty",            String::new(),                             E::HeaderJson),
        ("7515-4.1.9-typ-type",     with(r#""typ":["JWT"]"#),                  E::HeaderMember("typ")),
        ("7515-4.1.10-cty-type",    with(r#""cty":{}"#),                       E::HeaderMember("cty")),
    ];
    let key = key();
    assert!(read(&key, &signed(&key, r#"{"alg":"EdDSA"}"#)).is_ok(), "the unspoiled header must pass");
    assert!(read(&key, &signed(&key, r#"{"alg":"EdDSA","x5t":"a","other":1}"#)).is_ok(), "7515-4.1.11: what is not critical is ignored");
    for (rule, header, expected) in table {
        assert_eq!(read(&key, &signed(&key, &header)), Err(expected), "{rule}");
    }
}

/// RFC 7516 Appendix A.1, and its header on a token of three parts.
#[test]
fn sec_086_an_encrypted_token_is_not_read_as_a_signed_one() {
    let encrypted =
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.48V1_ALb6US04U3b.AAAA.AAAA";
    assert_eq!(parse_compact(encrypted).unwrap_err(), JwsError::Parts);
    let three_parts = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA";
    assert_eq!(parse_compact(three_parts).unwrap_err(), JwsError::Algorithm);
}

#[test]
fn sec_085_only_the_compact_form_is_read_and_dots_are_counted_first() {
    use JwsError as E;
    let key = key();
    let good = Signer::new(&key, None).sign(b"{}").unwrap();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let (head, last) = good.split_at(good.len() - 1);
    let stray = char::from(last.as_bytes()[0] + 1);
    let json = format!(
        r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
    );
    let table = [
        ("two parts", message.to_owned(), E::Parts),
        ("four parts", format!("{good}.AA"), E::Parts),
        ("five parts", format!("{good}.AA.AA"), E::Parts),
        ("a dot in front", format!(".{good}"), E::Parts),
        ("empty", String::new(), E::Parts),
        ("JSON", json, E::Parts),
        ("sixteen thousand dots", ".".repeat(MAX_TOKEN), E::Parts),
        ("a million dots", ".".repeat(1_000_000), E::Size),
        ("100 KB", format!("{header}.{}.{signature}", "A".repeat(100_000)), E::Size),
        ("padding", format!("{good}=="), E::Encoding),
        ("padding inside", format!("{header}=.{payload}.{signature}"), E::Encoding),
        ("stray bits", format!("{head}{stray}"), E::Encoding),
        ("blank in front", format!(" {good}"), E::Encoding),
        ("line end", format!("{good}\n"), E::Encoding),
        ("base64 alphabet", format!("{header}.{payload}.+/+/"), E::Encoding),
        ("no header", format!(".{payload}.{signature}"), E::HeaderJson),
        ("no payload", format!("{header}..{signature}"), E::Signature),
        ("no signature", format!("{message}."), E::Signature),
        ("not ASCII", format!("{header}.é.{signature}"), E::Encoding),
    ];
    assert!(read(&key, &good).is_ok());
    for (what, token, expected) in table {
        assert_eq!(read(&key, &token), Err(expected), "{what}");
    }
}

#[test]
fn sec_085_a_document_may_be_longer_than_a_token_but_not_longer_than_said() {
    let long = Signer::new(&key(), None).sign(&vec![b'1'; 2 * MAX_TOKEN]).unwrap();
    assert_eq!(parse_compact(&long).err(), Some(JwsError::Size));
    assert!(parse_document(&long, long.len()).is_ok());
    assert_eq!(parse_document(&long, long.len() - 1).err(), Some(JwsError::Size));
}

#[test]
fn sec_075_a_proof_brings_its_key_and_nothing_else() {
    let key = key();
    let jwk = serde_json::to_string(&key.public_jwk()).unwrap();
    let token = signed(&key, &format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{jwk}}}"#));
    let proof = parse_proof(&token).unwrap();
    let own = VerifyingKey::from_jwk(proof.header.jwk.as_ref().unwrap()).unwrap();
    assert_eq!(proof.verify(&own).unwrap(), b"{}");
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","jwk":{"kty":"oct","k":"AAAA"}}"#,
        r#"{"alg":"EdDSA","jwk":"https://evil.example"}"#,
    ] {
        assert_eq!(parse_proof(&signed(&key, header)).unwrap_err(), JwsError::HeaderMember("jwk"));
    }
    let private = jwk.replacen('{', r#"{"d":"AAAA","#, 1);
    let token = signed(&key, &format!(r#"{{"alg":"EdDSA","jwk":{private}}}"#));
    assert_eq!(parse_proof(&token).unwrap_err(), JwsError::HeaderMember("jwk"));
}

/// Verifies a token of an RFC under its JWK.
fn vector(jwk: &str, alg: Algorithm, token: &str) -> Vec<u8> {
    let jwk = PublicJwk::parse(jwk.as_bytes()).unwrap();
    let key = VerifyingKey::from_jwk_for(&jwk, alg).unwrap();
    let (head, last) = token.split_at(token.len() - 6);
    let altered = format!("{head}AAAA{}", &last[4..]);
    assert_eq!(parse_compact(&altered).unwrap().verify(&key), Err(JwsError::Signature));
    parse_compact(token).unwrap().verify(&key).unwrap()
}

const JOE: &[u8] =
    b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

#[test]
fn the_vector_of_rfc_7515_a_2_verifies() {
    let jwk = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    assert_eq!(vector(jwk, Algorithm::Rs256, token), JOE);
}

#[test]
fn the_vector_of_rfc_7515_a_3_verifies() {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert_eq!(vector(jwk, Algorithm::Es256, token), JOE);
}

#[test]
fn the_vector_of_rfc_8037_a_4_verifies() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(vector(jwk, Algorithm::EdDsa, token), b"Example of Ed25519 signing");
}

#[test]
fn sec_073_a_public_key_is_no_shared_secret() {
    let key = SigningKey::generate(Algorithm::Rs256, Some("k1".to_owned())).unwrap();
    let jwk = serde_json::to_string(&key.public_jwk()).unwrap();
    let n = serde_json::to_value(key.public_jwk()).unwrap()["n"].as_str().unwrap().to_owned();
    for secret in [jwk.as_bytes(), n.as_bytes(), &base64url::decode(&n).unwrap()] {
        let message = format!("{}.e30", base64url::encode(r#"{"alg":"HS256","kid":"k1"}"#));
        let mac = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret),
            message.as_bytes(),
        );
        let token = format!("{message}.{}", base64url::encode(mac));
        assert_eq!(read(&key, &token), Err(JwsError::Algorithm));
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics(token in "([A-Za-z0-9_-]{0,40}\\.){0,4}[A-Za-z0-9_-]{0,40}|.{0,60}") {
            let _ = parse_compact(&token);
        }

        #[test]
        fn any_payload_comes_back_and_any_change_is_seen(
            payload in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            letter in "[A-Za-z0-9_.-]",
        ) {
            let key = key();
            let token = Signer::new(&key, None).sign(&payload).unwrap();
            prop_assert_eq!(read(&key, &token).unwrap(), payload);
            let at = at.index(token.len());
            let mut altered = token.clone();
            altered.replace_range(at..=at, &letter);
            prop_assert_eq!(read(&key, &altered).is_ok(), altered == token);
        }
    }
}
