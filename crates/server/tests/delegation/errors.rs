//! Where errors go: a page of ours, or back to the client, and never both.

use reqwest::StatusCode;

use crate::world::World;

#[tokio::test]
async fn sec_020_trap_020_without_client_or_redirect_uri_there_is_a_page_and_no_redirect() {
    let world = World::new().await;
    let evil = "https://evil.example/cb";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("client_id", "nobody")], "invalid_client"),
        (&[("client_id", "")], "invalid_client"),
        (&[("redirect_uri", evil)], "invalid_request"),
        (&[("redirect_uri", "")], "invalid_request"),
        (&[("redirect_uri", evil), ("prompt", "none")], "invalid_request"),
        (&[("redirect_uri", evil), ("response_mode", "form_post")], "invalid_request"),
        (&[("redirect_uri", evil), ("response_mode", "form_post.jwt")], "invalid_request"),
        (&[("redirect_uri", evil), ("response_type", "bogus")], "invalid_request"),
        (&[("redirect_uri", evil), ("request", "notajwt")], "invalid_request_object"),
        (&[("redirect_uri", "https://shop.example/cb?x=1")], "invalid_request"),
        (&[("redirect_uri", "javascript:alert(1)")], "invalid_request"),
    ];
    for (more, error) in cases {
        let seen = world.browser().open(&world.request(more)).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{more:?}");
        assert_eq!(seen.location(), None, "{more:?}");
        assert_eq!(seen.error().as_deref(), Some(*error), "{more:?} {}", seen.text);
        assert!(!seen.text.contains("evil.example"), "{more:?}");
        assert!(seen.headers.contains_key("grantor-decision-id"), "{more:?}");
    }
    // SEC-008: twice is an error, whatever it is.
    for twice in ["&redirect_uri=https%3A%2F%2Fshop.example%2Fcb", "&client_id=shop", "&state=b"] {
        let seen = world.browser().open(&format!("{}{twice}", world.request(&[]))).await;
        assert_eq!((seen.status, seen.location()), (StatusCode::BAD_REQUEST, None), "{twice}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_023_sec_028_trap_039_every_other_error_goes_back_with_state_and_issuer() {
    let world = World::new().await;
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "bogus")], "unsupported_response_type"),
        (&[("response_type", "token")], "unauthorized_client"),
        (&[("response_type", "code token")], "unauthorized_client"),
        (&[("scope", "openid admin")], "invalid_scope"),
        (&[("scope", "openid  profile")], "invalid_scope"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
        (&[("request_uri", "https://shop.example/r")], "invalid_request_uri"),
        (&[("resource", "https://elsewhere.example")], "invalid_target"),
        (&[("realm", "nowhere")], "invalid_request"),
        (&[("acr_values", "phr")], "unmet_authentication_requirements"),
    ];
    for (more, error) in cases {
        let seen = world.browser().open(&world.request(more)).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{more:?} {}", seen.text);
        let answer = seen.answer();
        assert_eq!(answer["error"], *error, "{more:?}");
        assert_eq!((&*answer["state"], &*answer["iss"]), ("s-1", &*world.server.issuer));
        assert!(
            answer.keys().all(|k| ["error", "error_description", "state", "iss"].contains(&&**k))
        );
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_002_sec_013_sec_113_pages_are_closed_to_other_sites() {
    let world = World::new().await;
    for url in [world.request(&[]), world.request(&[("client_id", "nobody")])] {
        let seen = world.browser().open(&url).await;
        let header = |name: &str| {
            seen.headers.get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert!(!seen.headers.contains_key("access-control-allow-origin"));
    }
    world.server.stop().await;
}
