//! Whoever is refused is told a number, and the administrator finds the reason under it. SEC-190.

use grantor_testkit::Answer;
use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::world::{CALLBACK, VERIFIER, World};

/// Names and values.
type Fields<'a> = &'a [(&'a str, &'a str)];

impl World {
    /// What the administrator reads of a decision.
    async fn why(&self, headers: &HeaderMap, about: &str) -> Answer {
        let id = headers.get("grantor-decision-id").expect(about).to_str().unwrap();
        let found = self.server.get(&format!("/api/v1/decisions/{id}"), &self.admin).await;
        assert_eq!(found.status, 200, "{about} {id}: {}", found.text);
        found
    }

    async fn as_shop(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.server.request(Method::POST, path);
        Answer::of(request.basic_auth("shop", Some(&self.secret)).form(form)).await
    }
}

#[tokio::test]
async fn sec_190_every_refusal_of_a_program_is_found_by_its_number() {
    let world = World::new().await;
    let spent = world.code(&world.browser(), "anna").await;
    let form = |code| {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ]
    };
    let bought = world.redeem(&spent).await;
    let refresh = bought.body["refresh_token"].as_str().unwrap();
    let unknown = "grt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let by_refresh = |token| [("grant_type", "refresh_token"), ("refresh_token", token)];
    let wide = [by_refresh(refresh).as_slice(), &[("scope", "admin")]].concat();
    let cases: &[(&str, Fields<'_>, &str, &str)] = &[
        ("/oauth2/token", &form("nonsense"), "token.refused", "unknown code"),
        ("/oauth2/token", &by_refresh(unknown), "token.refused", "refresh token"),
        ("/oauth2/token", &wide, "token.refused", "admin"),
        ("/oauth2/token", &form(&spent), "token.refused", "used before"),
        ("/oauth2/token", &[("grant_type", "telepathy")], "request.refused", "grant type"),
        ("/oauth2/token", &[], "request.refused", "grant_type"),
        ("/oauth2/introspect", &[], "request.refused", "token"),
        ("/oauth2/revoke", &[], "request.refused", "token"),
        ("/oauth2/par", &[("response_type", "code")], "authorize.rejected", "code_challenge"),
    ];
    for (path, form, kind, word) in cases {
        let answer = world.as_shop(path, form).await;
        assert!(answer.status.is_client_error(), "{path} {form:?} {}", answer.text);
        let why = world.why(&answer.headers, &format!("{path} {form:?}")).await;
        assert_eq!(why.body["kind"], *kind, "{path} {form:?} {}", why.text);
        assert!(why.text.contains(word), "{path} {form:?} {}", why.text);
        assert_eq!(why.body["outcome"], "refused", "{path} {form:?}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_190_every_refusal_of_a_browser_is_found_by_its_number() {
    let world = World::new().await;
    let several = "https://wishes.example";
    let cases: &[(Fields<'_>, &str, &str)] = &[
        (&[("client_id", "nobody")], "authorize.rejected", "unknown client"),
        (&[("redirect_uri", "https://evil.example")], "authorize.rejected", "redirect_uri"),
        (&[("response_type", "bogus")], "authorization.refused", "response_type"),
        (&[("prompt", "none")], "authorization.refused", "no page"),
        (&[("scope", "openid admin")], "authorization.refused", "admin"),
        (&[("resource", "https://elsewhere.example")], "authorization.refused", "resource"),
    ];
    for (more, kind, word) in cases {
        let seen = world.browser().open(&world.request(more)).await;
        let why = world.why(&seen.headers, &format!("{more:?}")).await;
        assert_eq!(why.body["kind"], *kind, "{more:?} {}", why.text);
        assert!(why.text.contains(word), "{more:?} {}", why.text);
    }
    // A scope is refused by the decision function, and its trace is there.
    let seen = world.browser().open(&world.request(&[("scope", "openid admin")])).await;
    let why = world.why(&seen.headers, "admin").await;
    assert!(!why.body["steps"].as_array().unwrap().is_empty(), "{}", why.text);
    // RFC 8707 §2: of several resources each is looked at.
    let both = format!("{}&resource={several}", world.request(&[("resource", several)]));
    assert!(world.browser().open(&both).await.has("login-form"));
    let mixed = format!("{both}&resource=https%3A%2F%2Felsewhere.example");
    let seen = world.browser().open(&mixed).await;
    assert_eq!(seen.answer()["error"], "invalid_target");
    // A page of ours that goes wrong names a number too.
    let seen = world.browser().open("/consent?tx=nonsense").await;
    assert_eq!(seen.status.as_u16(), 400);
    world.why(&seen.headers, "a page").await;
    world.server.stop().await;
}

#[tokio::test]
async fn sec_190_whoever_is_kept_waiting_is_found_too_and_equal_reasons_are_kept_once() {
    let world = World::new().await;
    world.server.clock.stop();
    let mut last = None;
    for _ in 0..40 {
        let request = world.server.request(Method::POST, "/oauth2/token");
        let request = request.basic_auth("shop", Some("wrong"));
        let answer = Answer::of(request.form(&[("grant_type", "client_credentials")])).await;
        let slow = answer.headers.contains_key("retry-after");
        last = Some(answer.headers);
        if slow {
            break;
        }
    }
    let why = world.why(&last.unwrap(), "slowed down").await;
    assert_eq!(why.body["kind"], "client.refused", "{}", why.text);
    assert_eq!(why.body["actor"], "client:shop");
    assert!(why.text.contains("too many"), "{}", why.text);
    world.server.stop().await;
}
