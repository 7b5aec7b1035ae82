//! Implicit, hybrid, and signed answers; each only where a client is switched to it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::token_hash;
use grantor_oauth_types::response_type::ResponseType;
use serde_json::{Value, json};

use crate::world::{World, shop, with};

/// A client with every response type.
pub(crate) fn dynamic() -> Value {
    let types: Vec<&str> = ResponseType::ALL.iter().map(|kind| kind.as_str()).collect();
    with(
        shop(),
        &json!({
            "id": "dynamic",
            "grant_types": ["authorization_code", "implicit", "refresh_token"],
            "response_types": types,
            "compat": { "implicit": true, "pkce_optional": true },
        }),
    )
}

/// What a JWT says.
pub(crate) fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url"))
        .expect("an object")
}

pub(crate) async fn answer(
    world: &World,
    browser: &grantor_testkit::TestBrowser,
    more: &[(&str, &str)],
) -> (String, BTreeMap<String, String>) {
    let mut all =
        vec![("client_id", "dynamic"), ("code_challenge", ""), ("code_challenge_method", "")];
    all.extend(more);
    let mut seen = browser.open(&world.request(&all)).await;
    if seen.has("login-form") {
        seen = world.sign_in(browser, &seen, "anna").await;
    }
    if seen.has("consent-form") {
        seen = world.agree(browser, &seen).await;
    }
    (seen.location().unwrap_or_else(|| panic!("{}", seen.text)), seen.answer())
}

#[tokio::test]
async fn trap_023_trap_065_trap_096_every_response_type_returns_what_it_names_in_the_fragment() {
    let world = World::new().await;
    world.client(&dynamic()).await;
    let browser = world.browser();
    for kind in ResponseType::ALL {
        let (location, said) = answer(&world, &browser, &[("response_type", kind.as_str())]).await;
        assert_eq!(location.contains('#'), kind.is_front_channel(), "{kind}: {location}");
        assert_eq!(said.contains_key("code"), kind.has_code(), "{kind}");
        assert_eq!(said.contains_key("access_token"), kind.has_token(), "{kind}");
        assert_eq!(said.contains_key("id_token"), kind.has_id_token(), "{kind}");
        assert!(!said.contains_key("refresh_token"), "{kind}");
        // trap 96: whoever watches the session knows what to watch for.
        assert!(said["session_state"].contains('.'), "{kind}");
        assert_eq!((&*said["state"], &*said["iss"]), ("s-1", &*world.server.issuer), "{kind}");
        if let Some(token) = said.get("access_token") {
            assert_eq!(said["token_type"], "Bearer");
            assert!(said["expires_in"].parse::<u32>().unwrap() <= 600, "{kind}");
            assert!(world.server.is_active(token).await, "{kind}");
        }
        if let Some(jwt) = said.get("id_token") {
            let claims = claims(jwt);
            let hash =
                |name: &str| said.get(name).map(|text| json!(token_hash(Algorithm::Rs256, text)));
            assert_eq!(claims.get("at_hash").cloned(), hash("access_token"), "{kind}");
            assert_eq!(claims.get("c_hash").cloned(), hash("code"), "{kind}");
            assert_eq!((&claims["nonce"], &claims["aud"]), (&json!("n-1"), &json!("dynamic")));
        }
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_023_without_the_switch_no_token_comes_from_the_authorization_endpoint() {
    let world = World::new().await;
    // Registered for every type, and switched off afterwards.
    let off = with(dynamic(), &json!({ "id": "off" }));
    world.client(&off).await;
    let grants = ["authorization_code", "refresh_token"];
    let codes = json!({ "compat": {}, "response_types": ["code"], "grant_types": grants });
    let mut off = with(off, &codes);
    off.as_object_mut().unwrap().remove("id");
    let put = world.server.put("/api/v1/clients/off", &world.admin, &off).await;
    assert_eq!(put.status, 200, "{}", put.text);
    for kind in ResponseType::ALL.iter().filter(|kind| kind.is_front_channel()) {
        let more = [("client_id", "off"), ("response_type", kind.as_str())];
        let seen = world.browser().open(&world.request(&more)).await;
        assert_eq!(seen.answer()["error"], "unauthorized_client", "{kind}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_101_a_signed_answer_is_one_parameter_and_says_everything_inside() {
    let world = World::new().await;
    world.client(&dynamic()).await;
    let browser = world.browser();
    for (kind, mode, cut) in [
        ("code", "jwt", '?'),
        ("code", "query.jwt", '?'),
        ("code", "fragment.jwt", '#'),
        ("code id_token", "jwt", '#'),
    ] {
        let more = [("response_type", kind), ("response_mode", mode)];
        let (location, said) = answer(&world, &browser, &more).await;
        assert!(location.contains(&format!("{cut}response=")), "{mode}: {location}");
        assert_eq!(said.keys().collect::<Vec<_>>(), ["response"], "{mode}");
        let claims = claims(&said["response"]);
        assert_eq!((&claims["aud"], &claims["state"]), (&json!("dynamic"), &json!("s-1")));
        assert_eq!(claims["iss"], world.server.issuer);
        assert!(claims["code"].is_string() && claims["exp"].is_i64(), "{claims}");
    }
    let (_, said) = answer(&world, &browser, &[("response_mode", "jwt"), ("max_age", "x")]).await;
    assert_eq!(claims(&said["response"])["error"], "invalid_request");
    world.server.stop().await;
}

#[tokio::test]
async fn zign_gets_its_token_at_the_port_it_listens_on_and_its_error_in_the_query() {
    let world = World::new().await;
    let zign = json!({
        "id": "zign", "name": "Zign", "auth_method": "none",
        "grant_types": ["implicit"], "response_types": ["token"],
        "redirect_uris": ["http://localhost:8081"], "realms": ["customers"],
        "scopes": ["uid"], "token_profile": "stups",
        "authorization": { "application_type": "native" },
        "compat": { "implicit": true, "localhost_redirect": true },
    });
    world.client(&zign).await;
    // As it writes it (`stups.md` 8.4).
    let url = "/oauth2/authorize?business_partner_id=B&client_id=zign\
               &redirect_uri=http://localhost:8082&response_type=token";
    let browser = world.browser();
    let page = browser.open(url).await;
    let denied = browser.submit(&page.form("login-form"), &[("cancel", "on")]).await;
    let location = denied.location().unwrap();
    assert!(location.starts_with("http://localhost:8082?error=access_denied"), "{location}");
    let seen = world.sign_in(&browser, &page, "anna").await;
    let seen = world.agree(&browser, &seen).await;
    let location = seen.location().unwrap();
    assert!(location.starts_with("http://localhost:8082#access_token="), "{location}");
    let said = seen.answer();
    assert_eq!((&*said["token_type"], &*said["scope"]), ("Bearer", "uid"));
    assert!(said["expires_in"].parse::<u32>().is_ok());
    world.server.stop().await;
}
