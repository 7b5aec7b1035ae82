use grantor_oauth_types::id::GrantId;
use proptest::prelude::*;

use super::*;
use crate::example::*;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const BACK: &str = "https://shop.example/cb";

fn code() -> AuthorizationCode {
    AuthorizationCode {
        client: client_id("shop"),
        redirect_uri: Some(BACK.to_owned()),
        scopes: scopes("openid sales_order.read"),
        resources: Vec::new(),
        nonce: None,
        challenge: CodeChallenge::parse(CodeChallengeMethod::S256, CHALLENGE),
        user: user_id(1),
        realm: realm_name("customers"),
        sign_in: SignIn { session: None, at: now(), acr: None, amr: Vec::new() },
        claims: ClaimsRequest::default(),
        wants_auth_time: false,
        offline: false,
        grant: GrantId::new(1, [9; 10]),
    }
}

fn kept(code: &AuthorizationCode) -> SingleUse {
    SingleUse::new(tenant_name(), [1; 16], SecretDigest::of("gac_x"), at(NOW + 60), code)
}

fn presented(client: &ClientId) -> Presented<'_> {
    Presented {
        client,
        digest: SecretDigest::of("gac_x"),
        redirect_uri: Some(BACK),
        verifier: Some(VERIFIER),
    }
}

#[test]
fn a_code_gives_what_it_stands_for() {
    let shop = client_id("shop");
    let good = redeem(Some(&kept(&code())), &presented(&shop), now());
    assert_eq!(good, Redemption::Good(Box::new(code())));
}

#[test]
fn sec_048_trap_062_every_binding_of_a_code_must_hold() {
    use CodeRefusal as Why;
    let (shop, other) = (client_id("shop"), client_id("other"));
    let right = presented(&shop);
    let wrong_digest = Presented { digest: SecretDigest::of("gac_y"), ..right.clone() };
    #[rustfmt::skip]
    let table = [
        (wrong_digest,                                                          Redemption::Refused(Why::Unknown)),
        (Presented { client: &other, ..right.clone() },                         Redemption::Refused(Why::IssuedToAnother)),
        (Presented { redirect_uri: None, ..right.clone() },                     Redemption::Refused(Why::OtherRedirect)),
        (Presented { redirect_uri: Some("https://shop.example/cb?"), ..right.clone() }, Redemption::Refused(Why::OtherRedirect)),
        (Presented { verifier: None, ..right.clone() },                         Redemption::Burnt(Why::WrongVerifier)),
        (Presented { verifier: Some(CHALLENGE), ..right.clone() },              Redemption::Burnt(Why::WrongVerifier)),
    ];
    for (presented, expected) in table {
        assert_eq!(redeem(Some(&kept(&code())), &presented, now()), expected, "{presented:?}");
    }
    assert_eq!(redeem(None, &right, now()), Redemption::Refused(Why::Unknown));
}

#[test]
fn sec_045_a_code_lives_to_its_end_and_no_longer() {
    let shop = client_id("shop");
    let at_end = redeem(Some(&kept(&code())), &presented(&shop), at(NOW + 60));
    assert_eq!(at_end, Redemption::Refused(CodeRefusal::Expired));
}

#[test]
fn sec_046_trap_063_a_second_use_is_known_as_such_even_late_and_only_from_its_client() {
    let (shop, other) = (client_id("shop"), client_id("other"));
    let spent = SingleUse { spent: Some(at(NOW + 1)), ..kept(&code()) };
    for seconds in [1, 30, 90] {
        let again = redeem(Some(&spent), &presented(&shop), at(NOW + seconds));
        assert_eq!(again, Redemption::Replayed(Box::new(code())));
    }
    let stranger = redeem(Some(&spent), &presented(&other), now());
    assert_eq!(stranger, Redemption::Refused(CodeRefusal::IssuedToAnother));
}

#[test]
fn sec_049_a_value_of_another_kind_is_no_code() {
    let shop = client_id("shop");
    let pushed = SingleUse { kind: SingleUseKind::PushedRequest, ..kept(&code()) };
    let refused = redeem(Some(&pushed), &presented(&shop), now());
    assert_eq!(refused, Redemption::Refused(CodeRefusal::Unknown));
}

#[test]
fn sec_026_pkce_is_downgraded_in_neither_direction() {
    let shop = client_id("shop");
    let stripped = kept(&AuthorizationCode { challenge: None, ..code() });
    let with_verifier = redeem(Some(&stripped), &presented(&shop), now());
    assert_eq!(with_verifier, Redemption::Refused(CodeRefusal::UnaskedVerifier));
    let without = Presented { verifier: None, ..presented(&shop) };
    assert!(matches!(redeem(Some(&stripped), &without, now()), Redemption::Good(_)));
}

#[test]
fn sec_025_a_challenge_is_43_characters_of_base64url() {
    let s256 = |text: &str| CodeChallenge::parse(CodeChallengeMethod::S256, text).is_some();
    assert!(s256(CHALLENGE));
    for bad in [&CHALLENGE[..42], &format!("{CHALLENGE}="), &CHALLENGE.replace('-', "+"), ""] {
        assert!(!s256(bad), "{bad:?}");
    }
    assert!(!s256(&"a".repeat(129)));
}

#[test]
fn sec_050_a_verifier_has_its_syntax_whatever_its_hash() {
    let plain = |text: &str| CodeChallenge {
        method: CodeChallengeMethod::Plain,
        challenge: text.to_owned(),
    };
    for bad in ["a".repeat(42), "a".repeat(129), format!("{} ", "a".repeat(43))] {
        assert!(!plain(&bad).is_met(&bad), "{bad:?}");
    }
    let good = "a".repeat(43);
    assert!(plain(&good).is_met(&good) && !plain(&good).is_met(&good.to_uppercase()));
}

proptest! {
    #[test]
    fn only_the_verifier_itself_meets_its_challenge(other in "[A-Za-z0-9._~-]{43,128}") {
        let challenge = CodeChallenge::parse(CodeChallengeMethod::S256, CHALLENGE).unwrap();
        prop_assert_eq!(challenge.is_met(&other), other == VERIFIER);
    }
}
