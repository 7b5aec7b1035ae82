//! Tables of credentials that are right in every respect, of which a row spoils one.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_oauth_types::client_auth::CLIENT_ASSERTION_TYPE;
use grantor_oauth_types::error_code::TokenErrorCode;
use serde_json::{Value, json};

use super::*;
use crate::client::Compat;
use crate::example::*;
use crate::token::TokenError;

use ClientRefusal as R;

fn digest_key() -> DigestKey {
    DigestKey::new(&[7; 32])
}

fn stored(secret: &str, expires: Option<i64>) -> StoredSecret {
    StoredSecret { digest: digest_key().digest(secret), created: now(), expires: expires.map(at) }
}

/// The client `shop` with the secret `s3cr:t%+`, which needs encoding.
fn shop() -> Client {
    Client { secrets: vec![stored("s3cr:t%+", None)], ..client("shop") }
}

fn header(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// What comes of a request with these credentials.
fn judge(
    authorization: Option<&str>,
    body: &str,
    registered: Option<&RegisteredClient>,
    now: Timestamp,
) -> Result<Authentication, TokenError> {
    let mut params = Params::parse(body.as_bytes())?;
    let presented = PresentedClient::find(authorization, &mut params)?;
    let digest_key = digest_key();
    let context = AuthContext { issuer: ISSUER, digest_key: &digest_key, now };
    let known = registered.filter(|registered| registered.client.id == presented.id);
    Ok(authenticate(&presented, known, context)?)
}

/// The same for the client and a secret or nothing; the id of who is proven to be.
fn proven_id(
    authorization: Option<&str>,
    body: &str,
    client: &Client,
) -> Result<String, TokenError> {
    let registered =
        RegisteredClient { client: Arc::new(client.clone()), keys: Arc::new(JwkSet::default()) };
    match judge(authorization, body, Some(&registered), now())? {
        Authentication::Proven(client) => Ok(client.id.to_string()),
        Authentication::IfFirst(_) => panic!("no assertion was sent"),
    }
}

const RIGHT: &str = "shop:s3cr%3At%25%2B";

#[test]
fn sec_052_only_the_registered_method_works() {
    let basic = header(RIGHT);
    let post = "client_id=shop&client_secret=s3cr%3At%25%2B";
    let ways: [(ClientAuthMethod, Option<&str>, &str); 3] = [
        (ClientAuthMethod::ClientSecretBasic, Some(&basic), ""),
        (ClientAuthMethod::ClientSecretPost, None, post),
        (ClientAuthMethod::None, None, "client_id=shop"),
    ];
    for registered in ClientAuthMethod::ALL {
        let client = Client { auth_method: *registered, ..shop() };
        for (method, authorization, body) in ways {
            let outcome = proven_id(authorization, body, &client);
            let expected = if method == *registered {
                Ok("shop".to_owned())
            } else {
                Err(TokenError::Client(R::OtherMethod))
            };
            assert_eq!(outcome, expected, "{method} at a client of {registered}");
        }
    }
}

#[test]
fn sec_054_exactly_one_method_in_a_request() {
    let basic = header(RIGHT);
    let assertion = format!("client_assertion_type={CLIENT_ASSERTION_TYPE}&client_assertion=a.b.c");
    let sent = assertion.replace(':', "%3A");
    #[rustfmt::skip]
    let table: &[(&str, Option<&str>, &str, TokenError)] = &[
        ("Basic and secret",      Some(&basic), "client_secret=x",          R::TwoMethods.into()),
        ("Basic and the same",    Some(&basic), "client_secret=s3cr%3At%25%2B", R::TwoMethods.into()),
        ("Basic of another",      Some(&basic), "client_id=other",          R::TwoMethods.into()),
        ("broken Basic and secret", Some("Basic !"), "client_id=shop&client_secret=x", R::TwoMethods.into()),
        ("nothing",               None,         "",                         R::Absent.into()),
        ("a secret of nobody",    None,         "client_secret=x",          R::Absent.into()),
        ("id twice",              None,         "client_id=shop&client_id=shop", ParamError::Repeated("client_id".into()).into()),
        ("a malformed id",        None,         "client_id=a%20b",          ParamError::Malformed("client_id").into()),
        ("no assertion's type",   None,         "client_assertion=a.b.c",   ParamError::Missing("client_assertion_type").into()),
        ("a type alone",          None,         "client_assertion_type=x",  ParamError::Missing("client_assertion").into()),
        ("an unknown type",       None,         "client_assertion_type=x&client_assertion=a.b.c", ParamError::Malformed("client_assertion_type").into()),
        ("a decoy assertion",     None,         &sent,                      R::Malformed.into()),
    ];
    for (rule, authorization, body, expected) in table {
        assert_eq!(proven_id(*authorization, body, &shop()), Err(expected.clone()), "{rule}");
        let code = expected.code();
        let known = [TokenErrorCode::InvalidRequest, TokenErrorCode::InvalidClient];
        assert!(known.contains(&code), "{rule}: {code}");
    }
    // The id may be repeated, and empty parameters are none (RFC 6749 §3.2).
    let repeated = "client_id=shop&client_secret=&client_assertion=";
    assert_eq!(proven_id(Some(&basic), repeated, &shop()), Ok("shop".to_owned()));
}

#[test]
fn sec_055_basic_is_decoded_exactly_once_and_strictly() {
    let encoded = BASE64_STANDARD.encode(RIGHT);
    let unpadded = encoded.trim_end_matches('=');
    assert_ne!(unpadded, encoded, "the example must need padding");
    let malformed: &[(&str, String)] = &[
        ("unpadded", format!("Basic {unpadded}")),
        ("white space", format!("Basic {} {}", &encoded[..4], &encoded[4..])),
        ("two spaces", format!("Basic  {encoded}")),
        ("a line break", format!("Basic {encoded}\n")),
        ("trailing bits", "Basic c2hvcDp4eR==".to_owned()),
        ("another scheme", format!("Bearer {encoded}")),
        ("no value", "Basic".to_owned()),
        ("no colon", header("shop")),
        ("an empty id", header(":secret")),
        ("a control character", header("shop:sec\nret")),
        ("an encoded control character in the id", header("sh%0aop:secret")),
        ("broken UTF-8", format!("Basic {}", BASE64_STANDARD.encode(b"shop:\xff"))),
        ("an id that is not encoded", header("sh%zzop:secret")),
    ];
    for (rule, authorization) in malformed {
        let refused = Err(TokenError::Client(R::Malformed));
        assert_eq!(proven_id(Some(authorization), "", &shop()), refused, "{rule}");
    }
    let wrong: &[(&str, &str)] = &[
        ("twice decoded", "shop:s3cr%253At%2525%252B"),
        ("not encoded", "shop:s3cr:t%+"),
        ("an encoded control character", "shop:s3cr%3At%25%2B%0a"),
        ("more", "shop:s3cr%3At%25%2Bx"),
        ("less", "shop:s3cr%3At%25"),
        ("nothing", "shop:"),
    ];
    for (rule, pair) in wrong {
        let refused = Err(TokenError::Client(R::WrongSecret));
        assert_eq!(proven_id(Some(&header(pair)), "", &shop()), refused, "{rule}");
    }
    for good in [RIGHT, "%73hop:s3cr:t%25%2B", "shop:%733cr%3at%25%2b"] {
        assert_eq!(proven_id(Some(&header(good)), "", &shop()), Ok("shop".to_owned()), "{good}");
    }
    let scheme = header(RIGHT).replace("Basic", "bAsIc");
    assert_eq!(proven_id(Some(&scheme), "", &shop()), Ok("shop".to_owned()));
}

#[test]
fn a_secret_that_does_not_decode_is_not_an_empty_one() {
    let open = Client { secrets: vec![stored("", None)], ..client("shop") };
    let refused = Err(TokenError::Client(R::WrongSecret));
    assert_eq!(proven_id(Some(&header("shop:%zz")), "", &open), refused);
}

#[test]
fn sec_055_an_encoded_control_character_is_refused_like_a_plain_one() {
    let odd = Client { secrets: vec![stored("a\nb", None)], ..client("shop") };
    let refused = Err(TokenError::Client(R::WrongSecret));
    assert_eq!(proven_id(Some(&header("shop:a%0ab")), "", &odd), refused);
}

#[test]
fn compat_basic_raw_takes_both_spellings_of_a_secret_and_nothing_else() {
    let raw = Client { compat: Compat { basic_raw: true, ..Compat::default() }, ..shop() };
    for good in [RIGHT, "shop:s3cr:t%+"] {
        assert_eq!(proven_id(Some(&header(good)), "", &raw), Ok("shop".to_owned()), "{good}");
    }
    let refused = Err(TokenError::Client(R::WrongSecret));
    assert_eq!(proven_id(Some(&header("shop:s3cr:t")), "", &raw), refused);
    let other = Err(TokenError::Client(R::OtherMethod));
    let post = "client_id=shop&client_secret=s3cr%3At%25%2B";
    assert_eq!(proven_id(None, post, &raw), other, "one switch, one rule");
}

#[test]
fn compat_any_secret_method_takes_basic_or_body_and_still_only_one() {
    let compat = Compat { any_secret_method: true, ..Compat::default() };
    let post = "client_id=shop&client_secret=s3cr%3At%25%2B";
    let basic = header(RIGHT);
    for method in [ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost] {
        let any = Client { compat, auth_method: method, ..shop() };
        assert!(proven_id(Some(&basic), "", &any).is_ok());
        assert!(proven_id(None, post, &any).is_ok());
        let two = Err(TokenError::Client(R::TwoMethods));
        assert_eq!(proven_id(Some(&basic), post, &any), two);
        assert_eq!(proven_id(None, "client_id=shop", &any), Err(R::OtherMethod.into()));
        let wrong = Err(TokenError::Client(R::WrongSecret));
        assert_eq!(proven_id(None, "client_id=shop&client_secret=x", &any), wrong);
    }
    for method in [ClientAuthMethod::None, ClientAuthMethod::PrivateKeyJwt] {
        let other = Client { compat, auth_method: method, ..shop() };
        assert_eq!(proven_id(None, post, &other), Err(R::OtherMethod.into()), "{method}");
    }
}

#[test]
fn sec_160_each_live_secret_works_until_it_ends() {
    let secrets = vec![stored("old", Some(NOW)), stored("now", Some(NOW + 1)), stored("new", None)];
    let client = Client { secrets, ..client("shop") };
    let try_secret =
        |secret: &str| proven_id(Some(&header(&format!("shop:{secret}"))), "", &client);
    assert_eq!(try_secret("old"), Err(R::WrongSecret.into()));
    assert_eq!(try_secret("now"), Ok("shop".to_owned()));
    assert_eq!(try_secret("new"), Ok("shop".to_owned()));
}

#[test]
fn a_public_client_names_itself_and_is_no_proof_of_a_secret() {
    let public = Client { auth_method: ClientAuthMethod::None, ..shop() };
    assert_eq!(proven_id(None, "client_id=shop", &public), Ok("shop".to_owned()));
    let refused = Err(TokenError::Client(R::OtherMethod));
    assert_eq!(proven_id(Some(&header(RIGHT)), "", &public), refused);
    let keys = Arc::new(JwkSet::default());
    let registered =
        |client: Client| RegisteredClient { client: Arc::new(client), keys: Arc::clone(&keys) };
    assert!(AuthenticatedClient::public(&registered(public)).is_some());
    assert!(AuthenticatedClient::public(&registered(shop())).is_none());
}

/// A client with a key, and the assertion that it signs.
struct Signed {
    keys: Vec<Value>,
    signer: SigningKey,
    typ: Option<&'static str>,
    claims: Value,
    method: ClientAuthMethod,
    /// The compact form is changed at last
    forge: fn(String) -> String,
}

impl Signed {
    fn right() -> Self {
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
            forge: |compact| compact,
        }
    }

    fn judge(&self) -> Result<Authentication, TokenError> {
        let payload = serde_json::to_vec(&self.claims).unwrap();
        let compact = Signer::new(&self.signer, self.typ).sign(&payload).unwrap();
        let body: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_assertion_type", CLIENT_ASSERTION_TYPE)
            .append_pair("client_assertion", &(self.forge)(compact))
            .finish();
        let keys = JwkSet::parse(json!({ "keys": self.keys }).to_string().as_bytes()).unwrap();
        let client = Client { auth_method: self.method, ..client("shop") };
        let registered = RegisteredClient { client: Arc::new(client), keys: Arc::new(keys) };
        judge(None, &body, Some(&registered), now())
    }

    fn claim(&mut self, name: &str, value: Value) {
        self.claims[name] = value;
    }

    fn without(&mut self, name: &str) {
        self.claims.as_object_mut().unwrap().remove(name);
    }
}

fn other_key(alg: Algorithm) -> SigningKey {
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
    let endpoint = format!("{ISSUER}/oauth2/token");
    #[rustfmt::skip]
    let table: &[Spoil<'_>] = &[
        ("iss",                     &|a| a.claim("iss", json!("other")),                 ids),
        ("iss is there",            &|a| a.without("iss"),                               ids),
        ("aud is there",            &|a| a.without("aud"),                               aud),
        ("aud is no array",         &|a| a.claim("aud", json!([ISSUER])),                aud),
        ("aud is for us alone",     &|a| a.claim("aud", json!([ISSUER, "https://evil.example"])), aud),
        ("aud is no endpoint",      &|a| a.claim("aud", json!(endpoint)),                aud),
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
fn rel_024_what_an_assertion_may_be_like_though_clocks_differ() {
    type Vary<'a> = (&'a str, &'a dyn Fn(&mut Signed));
    let rsa = SigningKey::generate(Algorithm::Ps256, Some("r".to_owned())).unwrap();
    #[rustfmt::skip]
    let table: &[Vary<'_>] = &[
        ("leeway of exp",      &|a| a.claim("exp", json!(NOW - 29))),
        ("five minutes",       &|a| a.claim("exp", json!(NOW + 330))),
        ("leeway of iat",      &|a| a.claim("iat", json!(NOW + 30))),
        ("iat is optional",    &|a| a.without("iat")),
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

#[test]
fn sec_056_an_unknown_client_and_a_wrong_credential_sound_the_same() {
    let heard = |error: TokenError| (error.code(), error.description());
    let wrong = |id: &str| {
        let authorization = header(&format!("{id}:wrong"));
        heard(proven_id(Some(&authorization), "", &shop()).unwrap_err())
    };
    let unknown = wrong("nobody");
    assert_eq!(wrong("shop"), unknown);
    let other = Client { auth_method: ClientAuthMethod::None, ..shop() };
    assert_eq!(heard(proven_id(Some(&header(RIGHT)), "", &other).unwrap_err()), unknown);
    let mut forged = Signed::right();
    forged.signer = other_key(Algorithm::Es256);
    assert_eq!(heard(forged.judge().unwrap_err()), unknown);
    let mut stranger = Signed::right();
    stranger.claim("sub", json!("nobody"));
    assert_eq!(heard(stranger.judge().unwrap_err()), unknown);
}

#[test]
fn sec_189_credentials_are_mute() {
    let mut params = Params::parse(b"client_id=shop&client_secret=CANARY").unwrap();
    let presented = PresentedClient::find(None, &mut params).unwrap();
    assert!(!format!("{presented:?}").contains("CANARY"));
    let mut params = Params::parse(b"").unwrap();
    let presented = PresentedClient::find(Some(&header("shop:CANARY")), &mut params).unwrap();
    assert!(!format!("{presented:?}").contains("CANARY"));
}
