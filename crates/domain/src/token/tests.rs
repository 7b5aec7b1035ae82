use super::*;
use crate::code::CodeRefusal;
use crate::example::*;

fn parse(body: &str) -> Result<TokenRequest, TokenError> {
    TokenRequest::parse(&mut Params::parse(body.as_bytes()).unwrap())
}

#[test]
fn what_a_token_request_says() {
    let request = parse("grant_type=client_credentials&scope=b+a").unwrap();
    assert!(matches!(request.grant, PresentedGrant::ClientCredentials));
    assert_eq!((request.scopes, request.resource), (Some(scopes("b a")), None));
    let request = parse("grant_type=refresh_token&refresh_token=rt&scope=").unwrap();
    assert!(matches!(&request.grant, PresentedGrant::RefreshToken(token) if token == "rt"));
    assert_eq!(request.scopes, None);
    for realm in ["/services", "services"] {
        let body = format!("grant_type=password&username=u&password=+p+&realm={realm}");
        let PresentedGrant::Password { realm, username, password } = parse(&body).unwrap().grant
        else {
            panic!("password")
        };
        assert_eq!(realm, Some(realm_name("services")));
        assert_eq!((username.as_str(), password.as_str()), ("u", " p "), "as typed");
    }
}

#[test]
fn what_a_token_request_may_not_say() {
    let missing = |name| TokenError::Params(ParamError::Missing(name));
    let malformed = |name| TokenError::Params(ParamError::Malformed(name));
    let many: Vec<String> = (0..51).map(|i| format!("s{i}")).collect();
    let many = format!("grant_type=client_credentials&scope={}", many.join("+"));
    let cc = "grant_type=client_credentials&";
    #[rustfmt::skip]
    let table: &[(&str, String, TokenError)] = &[
        ("a grant type",      "scope=a".into(),                                          missing("grant_type")),
        ("one we know",       "grant_type=implicit".into(),                              TokenError::UnsupportedGrantType),
        ("exact",             "grant_type=Password".into(),                              TokenError::UnsupportedGrantType),
        ("SEC-036 no tab",    format!("{cc}scope=openid%09email"),                       TokenError::MalformedScope),
        ("SEC-036 charset",   format!("{cc}scope=a%22b"),                                TokenError::MalformedScope),
        ("SEC-036 fifty",     many,                                                      TokenError::MalformedScope),
        ("a refresh token",   "grant_type=refresh_token".into(),                         missing("refresh_token")),
        ("a realm's form",    "grant_type=password&username=u&password=p&realm=A".into(), malformed("realm")),
        ("a user",            "grant_type=password&password=p".into(),                   TokenError::WrongCredentials),
        ("no blank user",     "grant_type=password&username=+&password=p".into(),         TokenError::WrongCredentials),
        ("a possible user",   "grant_type=password&username=a%0ab&password=p".into(),    TokenError::WrongCredentials),
        ("a password",        "grant_type=password&username=u&password=".into(),         TokenError::WrongCredentials),
        ("SEC-037 absolute",  format!("{cc}resource=api1"),                              TokenError::InvalidTarget),
        ("SEC-037 fragment",  format!("{cc}resource=https://api1.example%23x"),          TokenError::InvalidTarget),
        ("SEC-037 one",       format!("{cc}resource=https://a.b&resource=https://c.d"),  TokenError::InvalidTarget),
        ("SEC-037 no spaces", format!("{cc}resource=https://a.b/c+https://d.e"),         TokenError::InvalidTarget),
        ("SEC-037 no user",   format!("{cc}resource=https://u@a.b"),                     TokenError::InvalidTarget),
    ];
    for (rule, body, expected) in table {
        assert_eq!(&parse(body).expect_err(rule), expected, "{rule}");
    }
}

/// One of each. A new reason does not compile until it is in [`number`], and fails here until it
/// is in the list.
fn every_error() -> Vec<TokenError> {
    let scopes = || vec![token("a.b"), token("c")];
    let client = [
        ClientRefusal::TwoMethods,
        ClientRefusal::Absent,
        ClientRefusal::Malformed,
        ClientRefusal::Unknown,
        ClientRefusal::OtherMethod,
        ClientRefusal::WrongSecret,
        ClientRefusal::WrongKey,
        ClientRefusal::BadAssertion("exp is missing"),
        ClientRefusal::Replayed,
        ClientRefusal::NoCertificate,
        ClientRefusal::ExpiredCertificate,
        ClientRefusal::UntrustedCertificate,
        ClientRefusal::OtherSubject,
    ];
    let refresh = [
        RefreshRefusal::Unknown,
        RefreshRefusal::IssuedToAnother,
        RefreshRefusal::Ended,
        RefreshRefusal::Expired,
        RefreshRefusal::Raced,
        RefreshRefusal::Reused,
        RefreshRefusal::OtherCertificate,
    ];
    let refused = [
        Refusal::TenantDisabled,
        Refusal::ClientDisabled,
        Refusal::GrantTypeNotRegistered,
        Refusal::RealmNotForClient,
        Refusal::PasswordGrantOff,
        Refusal::PublicClient,
        Refusal::SubjectDisabled,
        Refusal::GrantEnded,
        Refusal::ScopeForbidden { scopes: scopes() },
        Refusal::ScopeExceedsGrant { scopes: scopes() },
        Refusal::TargetUnknown,
    ];
    let mut all = vec![
        TokenError::Params(ParamError::Repeated("scope".to_owned())),
        TokenError::Params(ParamError::Missing("grant_type")),
        TokenError::Params(ParamError::Malformed("realm")),
        TokenError::Params(ParamError::TooMany),
        TokenError::Params(ParamError::NotAForm),
        TokenError::Params(ParamError::NotAnObject),
        TokenError::UnsupportedGrantType,
        TokenError::MalformedScope,
        TokenError::InvalidTarget,
        TokenError::OtherTarget,
        TokenError::WrongCredentials,
        TokenError::UnknownRealm,
        TokenError::SlowDown(7),
        TokenError::Code(CodeRefusal::Unknown),
        TokenError::CertificateMissing,
    ];
    all.extend(client.map(TokenError::Client));
    all.extend(refresh.map(TokenError::Refresh));
    all.extend(refused.map(TokenError::Refused));
    all
}

fn number(error: &TokenError) -> usize {
    match error {
        TokenError::Params(_) => 0,
        TokenError::Client(_) => 1,
        TokenError::UnsupportedGrantType => 2,
        TokenError::MalformedScope => 3,
        TokenError::InvalidTarget => 4,
        TokenError::WrongCredentials => 5,
        TokenError::UnknownRealm => 6,
        TokenError::SlowDown(_) => 7,
        TokenError::Refresh(_) => 8,
        TokenError::Refused(_) => 9,
        TokenError::Code(_) => 10,
        TokenError::CertificateMissing => 11,
        TokenError::OtherTarget => 12,
    }
}

/// RFC 6749 §5.2: the characters of `error_description`, and a status that goes with the code.
#[test]
fn every_error_has_a_code_and_something_to_say() {
    let mut seen = [false; 13];
    for error in every_error() {
        seen[number(&error)] = true;
        let (code, description) = (error.code(), error.description());
        assert!((400..=429).contains(&code.status()), "{error:?}: our fault?");
        assert!(!description.is_empty(), "{error:?}");
        let legal = |b: u8| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(description.bytes().all(legal), "{error:?}: {description}");
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(seen, [true; 13]);
}

#[test]
fn codes_are_those_of_the_sections() {
    use TokenErrorCode as C;
    let code = |code: TokenErrorCode| -> Vec<String> {
        let with = every_error().into_iter().filter(|error| error.code() == code);
        with.map(|error| error.to_string()).collect()
    };
    assert_eq!(code(C::InvalidClient).len(), 12 + 2);
    assert_eq!(code(C::InvalidGrant).len(), 7 + 3 + 1);
    assert_eq!(code(C::UnauthorizedClient).len(), 4);
    assert_eq!(code(C::InvalidScope).len(), 3);
    assert_eq!(code(C::InvalidTarget).len(), 3);
    assert_eq!(code(C::InvalidRequest).len(), 6 + 3);
    assert_eq!(code(C::UnsupportedGrantType).len(), 1);
    assert_eq!(code(C::SlowDown).len(), 1);
}

#[test]
fn sec_114_unknown_wrong_and_disabled_sound_the_same() {
    let heard = |error: TokenError| (error.code(), error.description());
    let wrong = heard(TokenError::WrongCredentials);
    assert_eq!(heard(TokenError::Refused(Refusal::SubjectDisabled)), wrong);
    for body in ["username=+", "username=a%00b&", ""] {
        let Ok(mut params) = Params::parse(format!("grant_type=password&{body}").as_bytes()) else {
            continue;
        };
        assert_eq!(heard(TokenRequest::parse(&mut params).unwrap_err()), wrong);
    }
}

#[test]
fn sec_060_every_worthless_refresh_token_sounds_the_same() {
    let heard = |refusal| {
        let error = TokenError::Refresh(refusal);
        (error.code(), error.description())
    };
    let unknown = heard(RefreshRefusal::Unknown);
    for refusal in [
        RefreshRefusal::IssuedToAnother,
        RefreshRefusal::Ended,
        RefreshRefusal::Expired,
        RefreshRefusal::Raced,
        RefreshRefusal::Reused,
        RefreshRefusal::OtherCertificate,
    ] {
        assert_eq!(heard(refusal), unknown, "{refusal:?}");
    }
}

#[test]
fn a_refused_scope_is_named() {
    let refused = Refusal::ScopeForbidden { scopes: vec![token("a.b"), token("c")] };
    assert_eq!(TokenError::Refused(refused).description(), "not allowed: a.b c");
}

#[test]
fn sec_189_what_is_presented_is_mute() {
    for body in [
        "grant_type=password&username=u&password=CANARY",
        "grant_type=refresh_token&refresh_token=CANARY",
    ] {
        assert!(!format!("{:?}", parse(body).unwrap()).contains("CANARY"));
    }
}
