//! Who may go on, who is asked, and who hears why not.

use grantor_crypto::digest::SecretDigest;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;

use super::*;
use crate::authorize::read;
use crate::client::Client;
use crate::example::{at, client_id, realm_name, tenant_name, user_id};
use crate::params::Params;

const NOW: i64 = 10_000;

fn request(more: &str) -> AuthorizationRequest {
    let mut client =
        Client::new(tenant_name(), client_id("web1"), ClientAuthMethod::ClientSecretBasic);
    client.grant_types = [GrantType::AuthorizationCode].into();
    client.redirect_uris = vec!["https://app.example/cb".to_owned()];
    client.compat.pkce_optional = true;
    let query =
        format!("redirect_uri=https://app.example/cb&response_type=code&scope=openid{more}");
    read(Params::parse(query.as_bytes()).unwrap(), &client).unwrap()
}

fn session(number: u8, user: u8, signed_in: i64) -> Session {
    Session {
        tenant: tenant_name(),
        id: SessionId::new(1, [number; 10]),
        digest: SecretDigest::of("cookie"),
        user: user_id(user),
        realm: realm_name("customers"),
        methods: vec![AuthMethod { amr: "pwd".to_owned(), at: at(signed_in) }],
        created: at(signed_in),
        last_seen: at(signed_in),
        idle_expires: at(NOW + 3_600),
        expires: at(NOW + 36_000),
        remember: false,
        device: String::new(),
        address: None,
        clients: Vec::new(),
        ended: None,
    }
}

fn wanted(request: &AuthorizationRequest) -> Wanted<'_> {
    Wanted {
        request,
        started: at(NOW - 5),
        named: None,
        chosen: None,
        realms: &[],
        scopes_need: None,
        reachable: Level::Single,
    }
}

fn judged(more: &str, sessions: &[Session]) -> Next {
    let request = request(more);
    next(&wanted(&request), sessions, at(NOW))
}

fn failed(next: &Next) -> AuthorizeErrorCode {
    match next {
        Next::Fail(complaint) => complaint.error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_is_signed_in_goes_on_and_whoever_is_not_signs_in() {
    assert_eq!(judged("", &[session(1, 1, 100)]), Next::As(0));
    assert_eq!(judged("", &[]), Next::SignIn(Why::Nobody));
    let mut over = session(1, 1, 100);
    over.ended = Some(at(200));
    assert_eq!(judged("", &[over]), Next::SignIn(Why::Nobody));
}

#[test]
fn sec_029_trap_028_prompt_none_shows_nothing_and_says_what_is_missing() {
    use AuthorizeErrorCode as Code;
    let fresh = || session(1, 1, NOW - 60);
    let two = [fresh(), session(2, 2, NOW - 60)];
    for (more, sessions, expected) in [
        ("", &[][..], Code::LoginRequired),
        ("&max_age=60", &[fresh()][..], Code::LoginRequired),
        ("", &two[..], Code::AccountSelectionRequired),
    ] {
        let next = judged(&format!("&prompt=none{more}"), sessions);
        assert_eq!(failed(&next), expected, "{more}");
    }
    assert_eq!(judged("&prompt=none", &[fresh()]), Next::As(0));
    assert_eq!(judged("&prompt=none&max_age=61", &[fresh()]), Next::As(0));
}

#[test]
fn sec_030_trap_029_prompt_login_wants_a_sign_in_that_is_newer_than_the_request() {
    let again = Next::SignIn(Why::Again(user_id(1)));
    assert_eq!(judged("&prompt=login", &[session(1, 1, NOW - 6)]), again);
    assert_eq!(judged("&prompt=login", &[session(1, 1, NOW - 5)]), Next::As(0));
}

#[test]
fn trap_030_max_age_counts_whole_seconds_and_zero_is_prompt_login() {
    let again = Next::SignIn(Why::Again(user_id(1)));
    for (max_age, signed_in, expected) in [
        (0, NOW - 6, again.clone()),
        (0, NOW - 1, Next::As(0)),
        (10, NOW - 10, again.clone()),
        (10, NOW - 9, Next::As(0)),
        (10_000, 1, Next::As(0)),
    ] {
        let next = judged(&format!("&max_age={max_age}"), &[session(1, 1, signed_in)]);
        assert_eq!(next, expected, "{max_age} {signed_in}");
    }
}

#[test]
fn sec_031_trap_031_a_hint_for_somebody_else_never_counts_for_this_one() {
    let (request, silent) = (request(""), request("&prompt=none"));
    let sessions = [session(1, 1, 100), session(2, 2, 100)];
    let named = |request, user| Wanted { named: Some(user_id(user)), ..wanted(request) };
    assert_eq!(next(&named(&request, 2), &sessions, at(NOW)), Next::As(1));
    assert_eq!(next(&named(&silent, 2), &sessions, at(NOW)), Next::As(1));
    assert_eq!(next(&named(&request, 3), &sessions, at(NOW)), Next::SignIn(Why::Nobody));
    let refused = next(&named(&silent, 3), &sessions, at(NOW));
    assert_eq!(failed(&refused), AuthorizeErrorCode::LoginRequired);
}

#[test]
fn of_several_accounts_one_is_chosen_and_the_choice_holds() {
    let sessions = [session(1, 1, 100), session(2, 2, 100)];
    assert_eq!(judged("", &sessions), Next::Choose);
    assert_eq!(judged("&prompt=select_account", &sessions[..1]), Next::Choose);
    assert_eq!(judged("&prompt=select_account", &[]), Next::SignIn(Why::Nobody));
    let request = request("&prompt=select_account");
    let chosen = Wanted { chosen: Some(sessions[1].id), ..wanted(&request) };
    assert_eq!(next(&chosen, &sessions, at(NOW)), Next::As(1));
    assert_eq!(next(&chosen, &sessions[..1], at(NOW)), Next::SignIn(Why::Nobody));
}

#[test]
fn a_session_of_another_realm_does_not_count() {
    let sessions = [session(1, 1, 100)];
    assert_eq!(judged("&realm=employees", &sessions), Next::SignIn(Why::Nobody));
    assert_eq!(judged("&realm=/customers", &sessions), Next::As(0));
    let (request, realms) = (request(""), [realm_name("employees")]);
    let bound = Wanted { realms: &realms, ..wanted(&request) };
    assert_eq!(next(&bound, &sessions, at(NOW)), Next::SignIn(Why::Nobody));
}

#[test]
fn sec_030_trap_033_a_level_is_reached_or_said_to_be_out_of_reach() {
    let unmet = AuthorizeErrorCode::UnmetAuthenticationRequirements;
    let sessions = [session(1, 1, 100)];
    assert_eq!(judged("&acr_values=1%202", &sessions), Next::As(0), "any of them will do");
    assert_eq!(judged("&acr_values=urn:unknown", &sessions), Next::As(0));
    assert_eq!(failed(&judged("&acr_values=phr", &sessions)), unmet);
    let acr = |wish: &str| format!("&claims={{\"id_token\":{{\"acr\":{wish}}}}}");
    let unknown = acr(r#"{"essential":true,"values":["urn:x"]}"#);
    assert_eq!(failed(&judged(&unknown, &sessions)), unmet);
    assert_eq!(judged(&acr(r#"{"values":["urn:x"]}"#), &sessions), Next::As(0));
    assert_eq!(judged(&acr(r#"{"essential":true}"#), &sessions), Next::As(0));
    assert_eq!(judged(&acr(r#"{"essential":true,"value":"1"}"#), &sessions), Next::As(0));

    let request = request("&acr_values=2");
    let mut able = Wanted { reachable: Level::Multi, ..wanted(&request) };
    assert_eq!(next(&able, &sessions, at(NOW)), Next::SignIn(Why::StepUp(user_id(1))));
    let mut stronger = session(1, 1, 100);
    stronger.methods.push(AuthMethod { amr: "otp".to_owned(), at: at(200) });
    assert_eq!(next(&able, &[stronger], at(NOW)), Next::As(0));
    able.scopes_need = Some(Level::PhishingResistant);
    assert_eq!(failed(&next(&able, &sessions, at(NOW))), unmet);
}

#[test]
fn sec_030_no_level_is_claimed_that_was_not_performed() {
    let level = |amr: &[&str]| {
        let method = |amr: &&str| AuthMethod { amr: (*amr).to_owned(), at: at(1) };
        Level::of(&amr.iter().map(method).collect::<Vec<_>>())
    };
    assert_eq!(level(&["pwd"]), Level::Single);
    assert_eq!(level(&["otp"]), Level::Single);
    assert_eq!(level(&["pwd", "pwd"]), Level::Single);
    assert_eq!(level(&["pwd", "otp"]), Level::Multi);
    assert_eq!(level(&["hwk"]), Level::PhishingResistant);
    assert_eq!(level(&[]), Level::Single);
}
