//! Authorization requests, good and bad, and where each error goes.

use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::ApplicationType;
use grantor_oauth_types::error_code::AuthorizeErrorCode as Code;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::response_type::{ResponseMode, ResponseType};
use proptest::prelude::*;

use super::*;
use crate::client::Client;
use crate::example::{client_id, tenant_name};
use crate::params::Params;

const CALLBACK: &str = "https%3A%2F%2Fapp.example%2Fcb";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn web() -> Client {
    let mut client =
        Client::new(tenant_name(), client_id("web1"), ClientAuthMethod::ClientSecretBasic);
    client.grant_types = [GrantType::AuthorizationCode].into();
    client.redirect_uris = vec!["https://app.example/cb".to_owned()];
    client
}

/// Everything, tokens from here included, and PKCE as the client likes.
fn dynamic() -> Client {
    let mut client = web();
    client.grant_types = [GrantType::AuthorizationCode, GrantType::Implicit].into();
    client.response_types = ResponseType::ALL.iter().copied().collect();
    (client.compat.implicit, client.compat.pkce_optional) = (true, true);
    client
}

fn query(more: &str) -> String {
    format!(
        "client_id=web1&redirect_uri={CALLBACK}&response_type=code&scope=openid&state=s\
         &code_challenge={CHALLENGE}&code_challenge_method=S256{more}"
    )
}

fn asked(client: &Client, query: &str) -> Result<AuthorizationRequest, Refused> {
    let mut params = Params::parse(query.as_bytes()).unwrap();
    params.take("client_id");
    read(params, client)
}

fn redirected(client: &Client, query: &str) -> (ReturnAddress, Code) {
    match asked(client, query) {
        Err(Refused::Redirect(to, complaint)) => (*to, complaint.error),
        other => panic!("{query}: {other:?}"),
    }
}

fn without(query: &str, name: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
    kept.collect::<Vec<_>>().join("&")
}

#[test]
fn a_request_reads_and_survives_being_sealed() {
    let request = asked(
        &web(),
        &query(
            "&nonce=n&prompt=login%20consent&max_age=60&acr_values=1%20phr&login_hint=buffy%40host\
             &ui_locales=de%20en&resource=https%3A%2F%2Fapi.example&realm=%2Fcustomers&xyz=1\
             &claims=%7B%22userinfo%22%3A%7B%22email%22%3Anull%7D%7D&display=popup",
        ),
    )
    .unwrap();
    assert_eq!(request.to.uri(), "https://app.example/cb");
    assert_eq!((request.to.state(), request.nonce.as_deref()), (Some("s"), Some("n")));
    assert_eq!((request.max_age, request.wants_auth_time), (Some(60), true));
    assert!(request.prompts.login && request.prompts.consent && !request.prompts.none);
    assert_eq!(request.realm.as_ref().unwrap().as_str(), "customers");
    let sealed = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<AuthorizationRequest>(&sealed).unwrap(), request);
}

#[test]
fn sec_020_trap_020_without_a_known_redirect_uri_there_is_a_page_whatever_else_is_wrong() {
    let evil = "client_id=web1&redirect_uri=https%3A%2F%2Fevil.example%2Fcb&prompt=none";
    let two = {
        let mut client = web();
        client.redirect_uris.push("https://app.example/other".to_owned());
        client
    };
    for more in [
        "",
        "&response_type=code&scope=openid",
        "&response_mode=form_post",
        "&response_mode=form_post.jwt",
        "&response_mode=web_message",
        "&response_type=bogus",
        "&scope=bogus",
        "&request=notajwt",
        "&request_uri=urn%3Ax",
    ] {
        let refused = asked(&web(), &format!("{evil}{more}"));
        assert!(matches!(refused, Err(Refused::Page(_))), "{more}: {refused:?}");
    }
    // SEC-021: missing with openid, and missing where it would be one of two.
    let missing = without(&query(""), "redirect_uri");
    assert!(matches!(asked(&web(), &missing), Err(Refused::Page(_))));
    let plain = missing.replace("openid", "uid");
    assert!(matches!(asked(&two, &plain), Err(Refused::Page(_))));
    assert!(!asked(&web(), &plain).unwrap().named_redirect);
}

#[test]
fn trap_022_trap_024_every_other_error_goes_back_with_its_code_and_the_state() {
    let base = query("");
    for (query, error) in [
        (without(&base, "response_type"), Code::InvalidRequest),
        (base.replace("=code&", "=bogus&"), Code::UnsupportedResponseType),
        (base.replace("=code&", "=none%20code&"), Code::UnsupportedResponseType),
        (base.replace("=code&", "=token&"), Code::UnauthorizedClient),
        (base.replace("=code&", "=code%20token&"), Code::UnauthorizedClient),
        (query("&response_mode=web_message"), Code::InvalidRequest),
        (query("&prompt=none%20login"), Code::InvalidRequest),
        (query("&prompt=create"), Code::InvalidRequest),
        (query("&max_age=-1"), Code::InvalidRequest),
        (query("&max_age=1.5"), Code::InvalidRequest),
        (query("&claims=%7B"), Code::InvalidRequest),
        (query("&resource=api1"), Code::InvalidTarget),
        (query("&resource=https%3A%2F%2Fapi1.example%23x"), Code::InvalidTarget),
        (query("&realm=%21%21"), Code::InvalidRequest),
        (query("&request=e30.e30."), Code::RequestNotSupported),
        (query("&request_uri=https%3A%2F%2Fapp.example%2Fr"), Code::InvalidRequestUri),
        (base.replace("openid", "openid%20%20profile"), Code::InvalidScope),
        (base.replace("openid", "openid%09email"), Code::InvalidScope),
    ] {
        let (to, got) = redirected(&web(), &query);
        assert_eq!(got, error, "{query}");
        assert_eq!(to.state(), Some("s"), "{query}");
    }
}

#[test]
fn sec_036_five_thousand_scopes_are_refused_before_any_is_looked_up() {
    let many: Vec<String> = (0..5_000).map(|n| format!("s{n}")).collect();
    let (_, error) = redirected(&web(), &query("").replace("openid", &many.join("+")));
    assert_eq!(error, Code::InvalidScope);
}

#[test]
fn trap_023_an_error_goes_the_way_the_success_would_have_gone() {
    let client = dynamic();
    for (kind, mode, expected) in [
        ("code", None, ResponseMode::Query),
        ("code", Some("form_post"), ResponseMode::FormPost),
        ("code", Some("bogus"), ResponseMode::Query),
        ("code%20id_token", None, ResponseMode::Fragment),
        ("code%20id_token", Some("query"), ResponseMode::Fragment),
        ("code%20id_token", Some("query.jwt"), ResponseMode::Fragment),
        ("id_token%20token", Some("form_post"), ResponseMode::FormPost),
        ("token%20code", Some("fragment"), ResponseMode::Fragment),
        ("bogus", None, ResponseMode::Query),
    ] {
        let mode = mode.map(|mode| format!("&response_mode={mode}")).unwrap_or_default();
        let query = format!(
            "redirect_uri={CALLBACK}&response_type={kind}&scope=openid&nonce=n&max_age=x{mode}"
        );
        let (to, _) = redirected(&client, &query);
        assert_eq!(to.mode(), expected, "{kind} {mode}");
    }
}

#[test]
fn sec_024_the_query_never_carries_tokens() {
    for kind in ResponseType::ALL.iter().filter(|kind| kind.is_front_channel()) {
        let kind = kind.as_str().replace(' ', "+");
        let query = format!(
            "redirect_uri={CALLBACK}&response_type={kind}&scope=openid&nonce=n&response_mode=query"
        );
        assert_eq!(redirected(&dynamic(), &query).1, Code::InvalidRequest);
    }
    let mut listed = web();
    listed.authorization.response_modes = [ResponseMode::Query].into();
    let (_, error) = redirected(&listed, &query("&response_mode=form_post"));
    assert_eq!(error, Code::InvalidRequest);
    assert!(asked(&listed, &query("&response_mode%5B%5D=form_post")).is_ok(), "another parameter");
}

#[test]
fn sec_025_sec_026_trap_036_s256_and_nothing_less() {
    let base = query("");
    let unchallenged = without(&without(&base, "code_challenge"), "code_challenge_method");
    let with = |challenge: &str| base.replace(CHALLENGE, challenge);
    for bad in [
        unchallenged.clone(),
        without(&base, "code_challenge"),
        without(&base, "code_challenge_method"),
        base.replace("S256", "plain"),
        base.replace("S256", "s256"),
        with(&CHALLENGE[1..]),
        with(&"a".repeat(129)),
        with(&CHALLENGE.replace('E', "%3D")),
        with(&CHALLENGE.replace('E', "%2B")),
    ] {
        assert_eq!(redirected(&web(), &bad).1, Code::InvalidRequest, "{bad}");
    }
    // Whoever may do without is still held to what it sends.
    assert!(asked(&dynamic(), &unchallenged).unwrap().challenge.is_none());
    assert_eq!(redirected(&dynamic(), &base.replace("S256", "plain")).1, Code::InvalidRequest);
    assert!(asked(&dynamic(), &base).unwrap().challenge.is_some());
    let mut old = dynamic();
    old.compat.pkce_plain = true;
    for text in [base.replace("S256", "plain"), without(&base, "code_challenge_method")] {
        let challenge = asked(&old, &text).unwrap().challenge.unwrap();
        assert!(challenge.is_met(CHALLENGE), "{text}");
    }
    assert_eq!(redirected(&old, &base.replace("S256", "s256")).1, Code::InvalidRequest);
    old.auth_method = ClientAuthMethod::None;
    assert_eq!(redirected(&old, &base.replace("S256", "plain")).1, Code::InvalidRequest);
    let mut public = dynamic();
    public.auth_method = ClientAuthMethod::None;
    assert_eq!(
        redirected(&public, &unchallenged).1,
        Code::InvalidRequest,
        "public clients never may"
    );
}

#[test]
fn trap_026_nonce_is_required_where_an_id_token_comes_through_the_browser() {
    for kind in ResponseType::ALL {
        let asked_for = kind.as_str().replace(' ', "+");
        let query = format!("redirect_uri={CALLBACK}&response_type={asked_for}&scope=openid");
        let read = asked(&dynamic(), &query);
        assert_eq!(read.is_err(), kind.has_id_token(), "{kind}: {read:?}");
        assert!(asked(&dynamic(), &format!("{query}&nonce=n")).is_ok(), "{kind}");
    }
}

#[test]
fn sec_016_a_state_with_control_characters_is_refused_and_not_sent_back() {
    for state in ["%0d%0aSet-Cookie:x=1", "a%09b", "%7f", "%c2%85"] {
        let text = query("").replace("state=s", &format!("state={state}"));
        let (to, error) = redirected(&web(), &text);
        assert_eq!((to.state(), error), (None, Code::InvalidRequest), "{state}");
    }
    let kept = asked(&web(), &query("").replace("state=s", "state=%F0%9F%91%9F")).unwrap();
    assert_eq!(kept.to.state(), Some("\u{1f45f}"));
}

#[test]
fn sec_027_trap_025_long_state_and_nonce_are_kept_and_too_long_ones_refused() {
    let long = "x".repeat(2_000);
    let kept = asked(
        &web(),
        &query(&format!("&nonce={long}")).replace("state=s", &format!("state={long}")),
    );
    let kept = kept.unwrap();
    assert_eq!((kept.to.state(), kept.nonce.as_deref()), (Some(&*long), Some(&*long)));
    let longer = "x".repeat(20_000);
    let (to, error) = redirected(&web(), &query("").replace("state=s", &format!("state={longer}")));
    assert_eq!((to.state(), error), (None, Code::InvalidRequest));
    assert_eq!(redirected(&web(), &query(&format!("&nonce={longer}"))).1, Code::InvalidRequest);
    let empty = asked(&web(), &query("").replace("state=s", "state=")).unwrap();
    assert_eq!(empty.to.state(), None, "an empty one counts as absent");
}

#[test]
fn trap_032_trap_033_wishes_nobody_understands_are_never_an_error() {
    for wish in [
        "&login_hint=%00%01".replace("%00%01", "%01strange"),
        "&login_hint=buffy%40host".to_owned(),
        format!("&login_hint={}", "x".repeat(5_000)),
        "&ui_locales=tlh%20xx-random-yy".to_owned(),
        "&claims_locales=de".to_owned(),
        "&display=wap".to_owned(),
        "&display=hologram".to_owned(),
        "&acr_values=urn%3Aunknown".to_owned(),
        "&extra=foobar".to_owned(),
    ] {
        assert!(asked(&web(), &query(&wish)).is_ok(), "{wish}");
    }
}

#[test]
fn trap_073_offline_access_counts_only_with_a_code_and_prompt_consent() {
    let with = |more: &str| query(more).replace("openid", "openid%20offline_access");
    let has =
        |query: &str| asked(&web(), query).unwrap().scopes.unwrap().contains("offline_access");
    assert!(!has(&with("")));
    assert!(has(&with("&prompt=consent")));
}

#[test]
fn zign_is_answered_at_whatever_port_it_listens() {
    let mut zign = Client::new(tenant_name(), client_id("zign"), ClientAuthMethod::None);
    zign.grant_types = [GrantType::Implicit].into();
    zign.response_types = [ResponseType::Token].into();
    zign.redirect_uris = vec!["http://localhost:8081".to_owned()];
    zign.authorization.application_type = Some(ApplicationType::Native);
    (zign.compat.implicit, zign.compat.localhost_redirect) = (true, true);
    // As it writes it: nothing encoded, no state, no scope.
    let query = "business_partner_id=x&redirect_uri=http://localhost:8082&response_type=token";
    let request = asked(&zign, query).unwrap();
    assert_eq!(request.to.uri(), "http://localhost:8082");
    zign.compat.localhost_redirect = false;
    assert!(matches!(asked(&zign, query), Err(Refused::Page(_))));
}

proptest! {
    /// SEC-193, SEC-020: whatever comes, nothing panics, and only a registered redirect URI is
    /// ever an address.
    #[test]
    fn sec_193_no_request_panics_or_goes_astray(
        pairs in proptest::collection::vec(
            (
                prop_oneof![
                    Just("redirect_uri"), Just("response_type"), Just("response_mode"),
                    Just("scope"), Just("state"), Just("nonce"), Just("prompt"), Just("max_age"),
                    Just("claims"), Just("code_challenge"), Just("code_challenge_method"),
                    Just("resource"), Just("request"), Just("realm"), Just("acr_values"),
                ],
                prop_oneof![
                    "\\PC{0,20}", Just("https://app.example/cb".to_owned()),
                    Just("code".to_owned()), Just("id_token token".to_owned()),
                    Just("openid".to_owned()), Just("form_post".to_owned()),
                ],
            ),
            0..12,
        )
    ) {
        let mut serializer = form_urlencoded::Serializer::new(String::new());
        serializer.extend_pairs(&pairs);
        let query = serializer.finish();
        let Ok(params) = Params::parse(query.as_bytes()) else { return Ok(()) };
        match read(params, &dynamic()) {
            Ok(request) => prop_assert_eq!(request.to.uri(), "https://app.example/cb"),
            Err(Refused::Redirect(to, _)) => prop_assert_eq!(to.uri(), "https://app.example/cb"),
            Err(Refused::Page(_)) => {}
        }
    }
}
