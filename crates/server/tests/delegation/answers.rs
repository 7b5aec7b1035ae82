//! Where an answer stands, and what comes back in it.

use std::collections::BTreeMap;

use grantor_testkit::Answer;
use reqwest::Method;
use serde_json::json;

use crate::front_channel::{answer, claims, dynamic};
use crate::world::{VERIFIER, World, shop, with};

/// Parameters in the place of those of the shop.
type Sent<'a> = &'a [(&'a str, &'a str)];

/// What a client is told by the token endpoint, without PKCE.
async fn redeemed(
    world: &World,
    client: (&str, &str),
    code: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
    form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    let request = world.server.request(Method::POST, "/oauth2/token");
    Answer::of(request.basic_auth(client.0, Some(client.1)).form(&form)).await
}

#[tokio::test]
async fn trap_021_a_registered_query_is_kept_and_the_token_request_repeats_the_very_text() {
    let world = World::new().await;
    let uri = "https://shop.example/cb?x=1";
    let query = with(shop(), &json!({ "id": "query", "redirect_uris": [uri] }));
    let made = world.client(&query).await;
    let secret = made["client_secret"].as_str().unwrap();
    let browser = world.browser();
    let request = |uri: &str| world.request(&[("client_id", "query"), ("redirect_uri", uri)]);
    let seen = browser.open(&request(uri)).await;
    let seen = world.sign_in(&browser, &seen, "anna").await;
    let seen = world.agree(&browser, &seen).await;
    let location = seen.location().unwrap();
    assert!(location.starts_with("https://shop.example/cb?x=1&code="), "{location}");
    let silent = [("client_id", "query"), ("redirect_uri", uri), ("prompt", "none login")];
    let refused = browser.open(&world.request(&silent)).await.location().unwrap();
    assert!(refused.starts_with("https://shop.example/cb?x=1&error="), "{refused}");
    let others = [
        "https://shop.example/cb",
        "https://shop.example/cb?x=2",
        "https://shop.example/cb?x=%31",
        "https://shop.example/cb?x=1&",
        "https://shop.example/cb?x=1&y=2",
        "https://shop.example/cb?y=2&x=1",
    ];
    let code = seen.answer()["code"].clone();
    for other in others {
        let page = browser.open(&request(other)).await;
        assert_eq!((page.status.as_u16(), page.location()), (400, None), "{other}");
        let more = [("redirect_uri", other), ("code_verifier", VERIFIER)];
        let answer = redeemed(&world, ("query", secret), &code, &more).await;
        assert_eq!(answer.body["error"], "invalid_grant", "{other}");
    }
    let left_out = [("code_verifier", VERIFIER)];
    let left_out = redeemed(&world, ("query", secret), &code, &left_out).await;
    assert_eq!(left_out.body["error"], "invalid_grant");
    let right = [("redirect_uri", uri), ("code_verifier", VERIFIER)];
    let answer = redeemed(&world, ("query", secret), &code, &right).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_022_trap_023_trap_026_an_error_stands_where_the_answer_would_have_stood() {
    let world = World::new().await;
    world.client(&dynamic()).await;
    #[rustfmt::skip]
    let table: &[(Sent<'_>, &str, char)] = &[
        (&[("response_type", "")],                                             "invalid_request",           '?'),
        (&[("response_type", "bogus")],                                        "unsupported_response_type", '?'),
        (&[("response_type", "code bogus")],                                   "unsupported_response_type", '?'),
        (&[("response_type", "id_token"), ("nonce", "")],                      "invalid_request",           '#'),
        (&[("response_type", "id_token token"), ("nonce", "")],                "invalid_request",           '#'),
        (&[("response_type", "code id_token"), ("nonce", "")],                 "invalid_request",           '#'),
        (&[("response_type", "code id_token token"), ("nonce", "")],           "invalid_request",           '#'),
        (&[("response_type", "code token"), ("nonce", ""), ("prompt", "none")], "login_required",           '#'),
        (&[("response_type", "code"), ("nonce", ""), ("prompt", "none")],      "login_required",            '?'),
        (&[("response_type", "code"), ("response_mode", "fragment"), ("prompt", "none")], "login_required", '#'),
        (&[("response_type", "id_token"), ("response_mode", "query")],         "invalid_request",           '#'),
        (&[("response_type", "code token"), ("response_mode", "query")],       "invalid_request",           '#'),
        (&[("response_type", "code token"), ("response_mode", "query.jwt")],   "invalid_request",           '#'),
        (&[("response_type", "code"), ("response_mode", "postcard")],          "invalid_request",           '?'),
    ];
    let browser = world.browser();
    for (more, error, cut) in table {
        let (location, said) = answer(&world, &browser, more).await;
        let start = format!("https://shop.example/cb{cut}error={error}");
        assert!(location.starts_with(&start), "{more:?}: {location}");
        assert_eq!(said["state"], "s-1", "{more:?}");
        assert!(!said.contains_key("code") && !said.contains_key("id_token"), "{more:?}");
    }
    // Multi-value types are sets.
    for (sent, same) in [
        ("token id_token", "id_token token"),
        ("id_token code", "code id_token"),
        ("token id_token code", "code id_token token"),
        ("token code", "code token"),
    ] {
        let names = async |kind: &str| {
            let (_, said) = answer(&world, &browser, &[("response_type", kind)]).await;
            said.into_keys().collect::<Vec<_>>()
        };
        let of_sent = names(sent).await;
        assert!(!of_sent.contains(&"error".to_owned()), "{sent}: {of_sent:?}");
        assert_eq!(of_sent, names(same).await, "{sent}");
    }
    // `nonce` is nobody's duty where no ID token comes through the browser.
    for kind in ["code", "code token"] {
        let (_, said) = answer(&world, &browser, &[("response_type", kind), ("nonce", "")]).await;
        assert!(said.contains_key("code"), "{kind}: {said:?}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_024_errors_are_posted_too_by_script_or_by_button() {
    let world = World::new().await;
    let browser = world.browser();
    let error = [("response_mode", "form_post"), ("prompt", "none")];
    let refused = browser.open(&world.request(&error)).await;
    world.code(&browser, "anna").await;
    let granted = browser.open(&world.request(&[("response_mode", "form_post")])).await;
    for (seen, name) in [(&refused, "error"), (&granted, "code")] {
        assert_eq!((seen.status.as_u16(), seen.location()), (200, None));
        assert!(seen.headers["content-type"].to_str().unwrap().starts_with("text/html"));
        assert_eq!(seen.headers["cache-control"], "no-store");
        let policy = seen.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("form-action https://shop.example"), "{policy}");
        assert!(policy.contains("script-src 'sha256-"), "{policy}");
        let form = seen.form("form-post");
        assert_eq!(form.action, "https://shop.example/cb");
        assert!(form.value(name).is_some() && form.value("iss").is_some(), "{}", seen.text);
        assert_eq!(form.value("state"), Some("s-1"));
        assert!(seen.text.contains("<button") && seen.text.contains("method=\"post\""));
    }
    assert_eq!(refused.form("form-post").value("error"), Some("login_required"));
    assert_eq!(refused.form("form-post").value("code"), None);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_025_sec_027_state_and_nonce_come_back_as_they_were_or_not_at_all() {
    let world = World::new().await;
    let secret = world.client(&dynamic()).await["client_secret"].as_str().unwrap().to_owned();
    let browser = world.browser();
    let long = "s".repeat(1_900);
    let mixed = format!("{}&code=x#y%20+é \u{1f431}\"<>", "0123456789abcdef".repeat(8));
    for state in [long.as_str(), &mixed, "0", " "] {
        for kind in ["code", "id_token"] {
            let more = [("response_type", kind), ("state", state)];
            let (_, said) = answer(&world, &browser, &more).await;
            assert_eq!(said["state"], state, "{kind}");
            let more = [("response_type", kind), ("state", state), ("prompt", "none login")];
            let (_, said) = answer(&world, &browser, &more).await;
            assert_eq!(
                (said["state"].as_str(), said["error"].as_str()),
                (state, "invalid_request")
            );
        }
    }
    for more in [[("state", ""), ("prompt", "")], [("state", ""), ("prompt", "none login")]] {
        let (_, said) = answer(&world, &browser, &more).await;
        assert!(!said.contains_key("state"), "{said:?}");
    }
    for nonce in ["n".repeat(64), "n".repeat(384), "n é+%26&".to_owned()] {
        let more = [("response_type", "code id_token"), ("nonce", nonce.as_str())];
        let (_, said) = answer(&world, &browser, &more).await;
        assert_eq!(claims(&said["id_token"])["nonce"], json!(nonce));
        let callback = [("redirect_uri", "https://shop.example/cb")];
        let bought = redeemed(&world, ("dynamic", &secret), &said["code"], &callback).await;
        let id_token = bought.body["id_token"].as_str().unwrap();
        assert_eq!(claims(id_token)["nonce"], json!(nonce), "{}", bought.text);
    }
    let too_long = "n".repeat(2_049);
    for (name, absent) in [("state", true), ("nonce", false)] {
        let (_, said) = answer(&world, &browser, &[(name, too_long.as_str())]).await;
        assert_eq!(said["error"], "invalid_request", "never cut");
        assert_eq!(said.contains_key("state"), !absent);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_038_sec_028_the_issuer_is_in_every_answer_of_every_mode() {
    let world = World::new().await;
    world.client(&dynamic()).await;
    let browser = world.browser();
    answer(&world, &browser, &[]).await;
    let discovery = world.server.request(Method::GET, "/.well-known/openid-configuration");
    let metadata = Answer::of(discovery).await.body;
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let issuer = metadata["issuer"].as_str().unwrap();
    for listed in metadata["response_modes_supported"].as_array().unwrap() {
        let mode = listed.as_str().unwrap();
        for (prompt, name) in [("", "code"), ("none login", "error")] {
            let params = [
                ("client_id", "dynamic"),
                ("response_mode", mode),
                ("prompt", prompt),
                ("code_challenge", ""),
                ("code_challenge_method", ""),
            ];
            let seen = browser.open(&world.request(&params)).await;
            let said: BTreeMap<String, String> = match seen.has("form-post") {
                true => seen.form("form-post").fields.into_iter().collect(),
                false => seen.answer(),
            };
            if mode.ends_with("jwt") {
                assert_eq!(said.keys().collect::<Vec<_>>(), ["response"], "{mode}");
                let inside = claims(&said["response"]);
                assert_eq!((&inside["iss"], inside[name].is_string()), (&json!(issuer), true));
            } else {
                assert_eq!(
                    (said["iss"].as_str(), said.contains_key(name)),
                    (issuer, true),
                    "{mode}"
                );
            }
        }
    }
    world.server.stop().await;
}
