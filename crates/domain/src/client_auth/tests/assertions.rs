//! Assertions: RFC 7523 §3, one respect spoiled at a time.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_oauth_types::client_auth::CLIENT_ASSERTION_TYPE;
use grantor_oauth_types::error_code::TokenErrorCode;
use serde_json::{Value, json};

use super::*;
use crate::client::Compat;

/// A client with a key, and the assertion that it signs.
pub(super) struct Signed {
    keys: Vec<Value>,
    pub(super) signer: SigningKey,
    typ: Option<&'static str>,
    claims: Value,
    method: ClientAuthMethod,
    compat: Compat,
    /// What it registered for its assertions
    alg: Option<Algorithm>,
    /// The compact form is changed at last
    forge: fn(String) -> String,
}

impl Signed {
    pub(super) fn right() -> Self {
        let key = SigningKey::generate(Algorithm::Es256, Some("a".to_owned())).unwrap();
        Self {
            keys: vec![serde_json::to_value(key.public_jwk()).unwrap()],
            signer: key,
            typ: None,
            claims: json!({
                "iss": "shop", "sub": "shop", "aud": ISSUER, "jti": "1",
                "iat": NOW, "exp": NOW + 60,
            }),
            method: ClientAuthMethod::PrivateKeyJwt,
            compat: Compat::default(),
            alg: None,
            forge: |compact| compact,
        }
    }

    pub(super) fn judge(&self) -> Result<Authentication, TokenError> {
        let payload = serde_json::to_vec(&self.claims).unwrap();
        let compact = Signer::new(&self.signer, self.typ).sign(&payload).unwrap();
        let body: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_assertion_type", CLIENT_ASSERTION_TYPE)
            .append_pair("client_assertion", &(self.forge)(compact))
            .finish();
        let keys = JwkSet::parse(json!({ "keys": self.keys }).to_string().as_bytes()).unwrap();
        let client = Client {
            auth_method: self.method,
            compat: self.compat,
            token_endpoint_auth_signing_alg: self.alg,
            ..client("shop")
        };
        let registered = RegisteredClient { client: Arc::new(client), keys: Arc::new(keys) };
        judge(None, &body, Some(&registered), now())
    }

    pub(super) fn claim(&mut self, name: &str, value: Value) {
        self.claims[name] = value;
    }

    fn without(&mut self, name: &str) {
        self.claims.as_object_mut().unwrap().remove(name);
    }
}

pub(super) fn other_key(alg: Algorithm) -> SigningKey {
    SigningKey::generate(alg, Some("a".to_owned())).unwrap()
}

/// Puts another header in front of payload and signature.
fn with_header(compact: &str, header: &Value) -> String {
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let (_, rest) = compact.split_once('.').unwrap();
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()))
}

type Spoil<'a> = (&'a str, &'a dyn Fn(&mut Signed), ClientRefusal);

#[test]
fn sec_057_what_makes_an_assertion_worthless() {
    let bad = R::BadAssertion;
    let (ids, aud) =
        (bad("iss and sub are the client_id"), bad("aud is the issuer, as a single string"));
    let (ahead, future) =
        (bad("exp is more than five minutes ahead"), bad("it is from the future"));
    let jti = bad("jti is missing or too long");
    let alg = bad("it is not signed with the registered algorithm");
    let endpoint = format!("{ISSUER}/oauth2/token");
    let pushed = format!("{ISSUER}/oauth2/par");
    #[rustfmt::skip]
    let table: &[Spoil<'_>] = &[
        ("iss",                     &|a| a.claim("iss", json!("other")),                 ids),
        ("iss is there",            &|a| a.without("iss"),                               ids),
        ("aud is there",            &|a| a.without("aud"),                               aud),
        ("aud is no array",         &|a| a.claim("aud", json!([ISSUER])),                aud),
        ("aud is for us alone",     &|a| a.claim("aud", json!([ISSUER, "https://evil.example"])), aud),
        ("aud is no endpoint",      &|a| a.claim("aud", json!(endpoint)),                aud),
        ("aud is not even PAR",     &|a| a.claim("aud", json!(pushed)),                  aud),
        ("aud is exact",            &|a| a.claim("aud", json!(format!("{ISSUER}/"))),    aud),
        ("exp is there",            &|a| a.without("exp"),                               bad("exp is missing")),
        ("exp is ahead",            &|a| a.claim("exp", json!(NOW - 30)),                bad("it has expired")),
        ("exp is near",             &|a| a.claim("exp", json!(NOW + 331)),               ahead),
        ("exp is tomorrow",         &|a| a.claim("exp", json!(NOW + 86_400)),            ahead),
        ("iat is past",             &|a| a.claim("iat", json!(NOW + 31)),                future),
        ("nbf is past",             &|a| a.claim("nbf", json!(NOW + 31)),                future),
        ("jti is there",            &|a| a.without("jti"),                               jti),
        ("jti says something",      &|a| a.claim("jti", json!("")),                      jti),
        ("jti is bounded",          &|a| a.claim("jti", json!("x".repeat(257))),         jti),
        ("SEC-080 jti is a string", &|a| a.claim("jti", json!(1)),                       R::Malformed),
        ("SEC-080 exp is a number", &|a| a.claim("exp", json!("1800000060")),            R::Malformed),
        ("sub names the client",    &|a| a.without("sub"),                               R::Malformed),
        ("sub is the client",       &|a| a.claim("sub", json!("other")),                 R::Unknown),
        ("the key is registered",   &|a| a.signer = other_key(Algorithm::Es256),         R::WrongKey),
        ("the algorithm too",       &|a| a.signer = other_key(Algorithm::Rs256),         R::WrongKey),
        ("alg as registered",       &|a| a.alg = Some(Algorithm::Ps256),                 alg),
        ("alg as registered",       &|a| a.alg = Some(Algorithm::Es384),                 alg),
        ("there is a key",          &|a| a.keys.clear(),                                 R::WrongKey),
        ("kid is the key's",        &|a| a.keys[0]["kid"] = json!("b"),                  R::WrongKey),
        ("SEC-082 kind",            &|a| a.typ = Some("at+jwt"),                         R::WrongKey),
        ("SEC-082 kind",            &|a| a.typ = Some("dpop+jwt"),                       R::WrongKey),
        ("SEC-072 alg none",        &|a| a.forge = |c| with_header(&c, &json!({"alg": "none"})),  R::Malformed),
        ("SEC-073 alg HS256",       &|a| a.forge = |c| with_header(&c, &json!({"alg": "HS256"})), R::Malformed),
        ("the header is signed",    &|a| a.forge = |c| with_header(&c, &json!({"alg": "ES256", "typ": "JWT"})), R::WrongKey),
        ("signed at all",           &|a| a.forge = |c| c[..=c.rfind('.').unwrap()].to_owned(), R::WrongKey),
        ("registered for it",       &|a| a.method = ClientAuthMethod::ClientSecretBasic, R::OtherMethod),
        ("registered for it",       &|a| a.method = ClientAuthMethod::None,              R::OtherMethod),
    ];
    assert!(matches!(Signed::right().judge(), Ok(Authentication::IfFirst(_))));
    for (rule, spoil, expected) in table {
        let mut signed = Signed::right();
        spoil(&mut signed);
        let error = signed.judge().expect_err(rule);
        assert_eq!(error, TokenError::Client(*expected), "{rule}");
        assert_eq!(error.code(), TokenErrorCode::InvalidClient, "{rule}");
    }
}

#[test]
fn trap_058_sec_057_campus_c12a_a_client_that_is_switched_to_it_may_name_an_endpoint_and_others() {
    let introspection = format!("{ISSUER}/oauth2/introspect");
    let endpoint = format!("{ISSUER}/oauth2/token");
    let judged = |aud: Value| {
        let mut signed = Signed::right();
        signed.compat.assertion_audience = true;
        signed.claim("aud", aud);
        signed.judge().is_ok()
    };
    for good in [
        json!(ISSUER),
        json!(endpoint),
        json!(introspection),
        json!(format!("{ISSUER}/oauth2/par")),
        json!(format!("{ISSUER}/oauth2/revoke")),
        json!([ISSUER]),
        json!([endpoint]),
        json!(["https://x.example", endpoint]),
    ] {
        assert!(judged(good.clone()), "{good}");
    }
    for bad in [
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}/oauth2/authorize")),
        json!(format!("{endpoint}/")),
        json!("https://evil.example/oauth2/token"),
        json!(["https://evil.example"]),
        json!([]),
    ] {
        assert!(!judged(bad.clone()), "{bad}");
    }
    let mut signed = Signed::right();
    signed.compat.assertion_audience = true;
    signed.claim("aud", json!("https://evil.example"));
    let words = "aud is the issuer, or the URL of an endpoint where clients authenticate";
    assert_eq!(signed.judge().unwrap_err(), TokenError::Client(R::BadAssertion(words)));
}

#[test]
fn rel_024_what_an_assertion_may_be_like_though_clocks_differ() {
    type Vary<'a> = (&'a str, &'a dyn Fn(&mut Signed));
    let rsa = SigningKey::generate(Algorithm::Ps256, Some("r".to_owned())).unwrap();
    #[rustfmt::skip]
    let table: &[Vary<'_>] = &[
        ("leeway of exp",      &|a| a.claim("exp", json!(NOW - 29))),
        ("five minutes",       &|a| a.claim("exp", json!(NOW + 330))),
        ("leeway of iat",      &|a| a.claim("iat", json!(NOW + 30))),
        ("iat is optional",    &|a| a.without("iat")),
        ("alg as registered",  &|a| a.alg = Some(Algorithm::Es256)),
        ("typ JWT",            &|a| a.typ = Some("JWT")),
        ("typ of RFC 7523bis", &|a| a.typ = Some("client-authentication+jwt")),
        ("key without a name", &|a| { a.keys[0].as_object_mut().unwrap().remove("kid"); }),
        ("one of two keys",    &|a| a.keys.insert(0, serde_json::to_value(rsa.public_jwk()).unwrap())),
    ];
    for (what, vary) in table {
        let mut signed = Signed::right();
        vary(&mut signed);
        let outcome = signed.judge();
        assert!(matches!(outcome, Ok(Authentication::IfFirst(_))), "{what}: {outcome:?}");
    }
}

#[test]
fn sec_057_a_jti_is_used_once_and_remembered_for_as_long_as_it_could_work() {
    let Ok(Authentication::IfFirst(first)) = Signed::right().judge() else { panic!("refused") };
    assert_eq!(first.mark, b"main shop 1");
    assert!(first.until > at(NOW + 60 + 30), "while the leeway lets it in");
    assert_eq!(first.proven(true).unwrap().id, client_id("shop"));
    let Ok(Authentication::IfFirst(again)) = Signed::right().judge() else { panic!("refused") };
    assert_eq!(again.proven(false).unwrap_err(), R::Replayed);
}
