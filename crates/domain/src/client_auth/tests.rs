//! Tables of credentials that are right in every respect, of which a row spoils one.

mod assertions;
mod certificates;

use grantor_crypto::alg::Algorithm;
use grantor_oauth_types::client_auth::CLIENT_ASSERTION_TYPE;
use grantor_oauth_types::error_code::TokenErrorCode;
use serde_json::json;

use super::*;
use crate::client::Compat;
use crate::example::*;
use crate::token::TokenError;

use ClientRefusal as R;
use assertions::{Signed, other_key};

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
    let certificate = None;
    let context = AuthContext { issuer: ISSUER, digest_key: &digest_key, now, certificate };
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
            // To name itself is all that such a client does in the request.
            let named = method == ClientAuthMethod::None;
            let expected = match () {
                () if method == *registered => Ok("shop".to_owned()),
                () if named && registered.is_mutual_tls() => Err(R::NoCertificate.into()),
                () => Err(R::OtherMethod.into()),
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
fn campus_c08_a_secret_with_marks_of_forms_is_taken_as_it_is_and_encoded() {
    let odd = Client { secrets: vec![stored("p$w=&x", None)], ..client("shop") };
    for basic_raw in [false, true] {
        let odd = Client { compat: Compat { basic_raw, ..Compat::default() }, ..odd.clone() };
        for good in ["shop:p$w=&x", "shop:p%24w%3D%26x"] {
            assert_eq!(proven_id(Some(&header(good)), "", &odd), Ok("shop".to_owned()), "{good}");
        }
    }
    // A secret that is not ASCII is none that was ever made.
    let refused = Err(TokenError::Client(R::WrongSecret));
    assert_eq!(proven_id(Some(&header("shop:pé%w")), "", &odd), refused);
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
