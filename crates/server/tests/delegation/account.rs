//! The account pages: each shows and changes the account of whoever is signed in, and no other.

use grantor_testkit::{Answer, Seen, TestBrowser};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};

use crate::world::{CALLBACK, PASSWORD, VERIFIER, World};

const NEW: &str = "a tandem in the November rain";

/// Every form of the account pages: where it goes and what it carries.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    ("/account/profile", &[("name", "Mallory")]),
    ("/account/language", &[("language", "de")]),
    ("/account/password", &[("current", PASSWORD), ("new", NEW), ("again", NEW)]),
    ("/account/sessions/end", &[("session", "00000000-0000-0000-0000-000000000000")]),
    ("/account/sessions/end-others", &[]),
    ("/account/applications/withdraw", &[("client", "shop")]),
];

const PAGES: &[&str] = &[
    "/account",
    "/account/profile",
    "/account/password",
    "/account/sessions",
    "/account/applications",
    "/account/activity",
];

/// A browser in which this person is signed in.
pub(crate) async fn signed_in(world: &World, name: &str, password: &str) -> TestBrowser {
    let browser = world.browser();
    let seen = browser.open("/account").await;
    let form = seen.form("login-form");
    let fields = [("username", name), ("password", password), ("next", "on")];
    let seen = browser.submit(&form, &fields).await;
    assert!(seen.url.ends_with("/account"), "{} {}", seen.url, seen.text);
    browser
}

async fn csrf(browser: &TestBrowser) -> String {
    let seen = browser.open("/account/profile").await;
    seen.form("language-form").value("csrf").expect("every form has one").to_owned()
}

/// Posts a form of the account pages, as the page of this browser would.
pub(crate) async fn posted(browser: &TestBrowser, path: &str, fields: &[(&str, &str)]) -> Seen {
    let csrf = csrf(browser).await;
    let mut all = vec![("csrf".to_owned(), csrf)];
    all.extend(fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    // As Chromium does from a page with `Referrer-Policy: no-referrer`.
    let headers = [("sec-fetch-site", "same-origin"), ("origin", "null")];
    let seen = browser.post(path, &all, &headers).await;
    browser.follow(seen).await
}

async fn token(world: &World, fields: &[(&str, &str)]) -> Answer {
    let request = world.server.request(Method::POST, "/oauth2/token");
    Answer::of(request.basic_auth("shop", Some(&world.secret)).form(fields)).await
}

/// What the shop gets for a code.
async fn redeemed(world: &World, code: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = token(world, &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

fn text<'a>(answer: &'a Answer, member: &str) -> &'a str {
    answer.body[member].as_str().unwrap_or_else(|| panic!("no {member}: {}", answer.text))
}

#[tokio::test]
async fn sec_002_sec_003_sec_013_account_pages_are_for_their_owner_alone() {
    let world = World::new().await;
    let stranger = world.browser();
    for page in PAGES {
        let seen = stranger.look(page).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{page}");
        assert_eq!(seen.location().unwrap(), format!("/sign-in?to={page}"));
    }
    let anna = signed_in(&world, "anna", PASSWORD).await;
    for page in PAGES {
        let seen = anna.open(page).await;
        assert_eq!(seen.status, StatusCode::OK, "{page}: {}", seen.text);
        assert_eq!(seen.headers["cache-control"], "no-store", "{page}");
        assert_eq!(seen.headers["x-frame-options"], "DENY", "{page}");
        let policy = seen.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{page}");
        assert!(policy.contains("form-action 'self'") && !policy.contains("unsafe"), "{page}");
        assert!(!seen.headers.contains_key("access-control-allow-origin"), "{page}");
        assert!(seen.text.len() < 30 * 1024, "{page}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_112_no_account_form_is_taken_from_elsewhere() {
    let world = World::new().await;
    let anna = signed_in(&world, "anna", PASSWORD).await;
    let bert = signed_in(&world, "bert", PASSWORD).await;
    let (own, of_bert) = (csrf(&anna).await, csrf(&bert).await);
    assert_ne!(own, of_bert);
    let here = ("sec-fetch-site", "same-origin");
    for (path, fields) in FORMS {
        let attempts: &[(&str, &[(&str, &str)])] = &[
            ("", &[here]),
            (&of_bert, &[here]),
            ("x", &[here]),
            (&own, &[("sec-fetch-site", "cross-site")]),
            (&own, &[("origin", "https://evil.example")]),
            (&own, &[("origin", "null")]),
        ];
        for (csrf, headers) in attempts {
            let mut all = vec![("csrf".to_owned(), (*csrf).to_owned())];
            all.extend(fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
            let seen = anna.post(path, &all, headers).await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path} {csrf} {headers:?}");
            assert_eq!(seen.error().as_deref(), Some("access_denied"));
        }
    }
    let profile = anna.open("/account/profile").await;
    assert!(!profile.text.contains("Mallory"));
    signed_in(&world, "anna", PASSWORD).await;
    world.server.stop().await;
}

#[tokio::test]
async fn sec_119_sec_123_a_password_is_changed_with_the_old_one_and_ends_other_sessions() {
    let world = World::new().await;
    let here = signed_in(&world, "anna", PASSWORD).await;
    let elsewhere = signed_in(&world, "anna", PASSWORD).await;
    for (current, new, again, status) in [
        ("wrong", NEW, NEW, StatusCode::BAD_REQUEST),
        ("", NEW, NEW, StatusCode::BAD_REQUEST),
        (PASSWORD, "short", "short", StatusCode::BAD_REQUEST),
        (PASSWORD, "Password1234567", "Password1234567", StatusCode::BAD_REQUEST),
        (PASSWORD, "anna anna anna anna", "anna anna anna anna", StatusCode::BAD_REQUEST),
        (PASSWORD, NEW, "something else entirely", StatusCode::BAD_REQUEST),
    ] {
        let fields = [("current", current), ("new", new), ("again", again)];
        let seen = posted(&here, "/account/password", &fields).await;
        assert_eq!(seen.status, status, "{current} {new}");
        assert!(seen.has("form-error") && !seen.text.contains(NEW), "{}", seen.text);
    }
    assert_eq!(elsewhere.look("/account").await.status, StatusCode::OK);
    let fields = [("current", PASSWORD), ("new", NEW), ("again", NEW)];
    let seen = posted(&here, "/account/password", &fields).await;
    assert!(seen.has("notice"), "{}", seen.text);
    assert_eq!(here.look("/account").await.status, StatusCode::OK);
    assert_eq!(elsewhere.look("/account").await.status, StatusCode::SEE_OTHER);
    let old = world.browser();
    let seen = old.open("/account").await;
    let seen = world.sign_in(&old, &seen, "anna").await;
    assert!(seen.has("login-form"), "the old password still works");
    signed_in(&world, "anna", NEW).await;
    world.server.stop().await;
}

#[tokio::test]
async fn sec_136_somebody_ends_own_sessions_and_nobody_elses() {
    let world = World::new().await;
    let here = signed_in(&world, "anna", PASSWORD).await;
    let (second, third) =
        (signed_in(&world, "anna", PASSWORD).await, signed_in(&world, "anna", PASSWORD).await);
    let bert = signed_in(&world, "bert", PASSWORD).await;
    let session_of = |seen: &Seen| {
        let at = seen.text.find("name=\"session\" value=\"").unwrap() + 22;
        seen.text[at..].split('"').next().unwrap().to_owned()
    };
    let listed = here.open("/account/sessions").await;
    assert_eq!(listed.text.matches("name=\"session\"").count(), 2, "{}", listed.text);
    let one = session_of(&listed);
    let refused = posted(&bert, "/account/sessions/end", &[("session", &one)]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let seen = posted(&here, "/account/sessions/end", &[("session", &one)]).await;
    assert!(seen.has("notice"), "{}", seen.text);
    let mut live = 0;
    for browser in [&second, &third] {
        live += usize::from(browser.look("/account").await.status == StatusCode::OK);
    }
    assert_eq!(live, 1);
    posted(&here, "/account/sessions/end-others", &[]).await;
    for browser in [&second, &third] {
        assert_eq!(browser.look("/account").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(here.look("/account").await.status, StatusCode::OK);
    assert_eq!(bert.look("/account").await.status, StatusCode::OK);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_042_sec_107_one_scope_is_taken_back_and_the_rest_goes_on() {
    let world = World::new().await;
    let anna = world.browser();
    let code = world.code(&anna, "anna").await;
    let first = redeemed(&world, &code).await;
    assert!(world.server.is_active(text(&first, "access_token")).await);
    let shown = anna.open("/account/applications").await;
    for words in ["Shoe shop", "Add to your wishlist", "See your wishlist"] {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    let fields = [("client", "shop"), ("scope", "wishlist.write")];
    let seen = posted(&anna, "/account/applications/withdraw", &fields).await;
    assert!(seen.has("notice") && !seen.text.contains("Add to your wishlist"), "{}", seen.text);
    assert!(seen.text.contains("See your wishlist"), "{}", seen.text);
    // At this node at once; the feed brings it to others within a second.
    assert!(!world.server.is_active(text(&first, "access_token")).await);
    // A second later at most the shop has a token with what is left.
    world.server.clock.advance(SignedDuration::from_secs(1));
    let refresh = text(&first, "refresh_token");
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let next = token(&world, &again).await;
    assert_eq!(next.status, 200, "{}", next.text);
    let scope = text(&next, "scope");
    assert!(scope.contains("wishlist.read") && !scope.contains("wishlist.write"), "{scope}");
    assert!(world.server.is_active(text(&next, "access_token")).await);
    // What was withdrawn is a question again.
    let asked = anna.open(&world.request(&[])).await;
    assert!(asked.has("consent-form"), "{}", asked.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_107_everything_is_taken_back_from_a_client() {
    let world = World::new().await;
    let anna = world.browser();
    let code = world.code(&anna, "anna").await;
    let first = redeemed(&world, &code).await;
    let bert = signed_in(&world, "bert", PASSWORD).await;
    let refused = posted(&bert, "/account/applications/withdraw", &[("client", "shop")]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let fields = [("client", "shop"), ("scope", "wishlist.burn")];
    let refused = posted(&anna, "/account/applications/withdraw", &fields).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert!(world.server.is_active(text(&first, "access_token")).await);
    let seen = posted(&anna, "/account/applications/withdraw", &[("client", "shop")]).await;
    assert!(seen.has("no-applications"), "{}", seen.text);
    assert!(!world.server.is_active(text(&first, "access_token")).await);
    let refresh = text(&first, "refresh_token");
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let next = token(&world, &again).await;
    assert_eq!((next.status.as_u16(), text(&next, "error")), (400, "invalid_grant"));
    let activity = anna.open("/account/activity").await;
    for words in ["Signed in", "Access withdrawn", "Shoe shop"] {
        assert!(activity.text.contains(words), "{words}: {}", activity.text);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_190_what_people_change_is_in_the_audit_log() {
    let world = World::new().await;
    let anna = world.browser();
    world.code(&anna, "anna").await;
    posted(&anna, "/account/profile", &[("name", "Anna <b>Ahorn</b>")]).await;
    let profile = anna.open("/account/profile").await;
    assert!(profile.text.contains("Anna &#60;b&#62;Ahorn") && !profile.text.contains("<b>Ahorn"));
    posted(&anna, "/account/sessions/end-others", &[]).await;
    posted(&anna, "/account/applications/withdraw", &[("client", "shop")]).await;
    let actor = format!("user:{}", world.users["anna"]);
    for kind in ["user.profile_changed", "session.others_ended", "consent.withdrawn"] {
        let path = format!("/api/v1/audit?kind={kind}");
        let log = world.server.get(&path, &world.admin).await;
        assert!(log.text.contains(kind) && log.text.contains(&actor), "{kind}: {}", log.text);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_039_a_language_that_was_chosen_stays() {
    let world = World::new().await;
    let anna = signed_in(&world, "anna", PASSWORD).await;
    assert!(anna.open("/account").await.text.contains("<html lang=\"en\">"));
    let seen = posted(&anna, "/account/language", &[("language", "de")]).await;
    assert!(seen.text.contains("Ab jetzt auf Deutsch."), "{}", seen.text);
    assert!(anna.open("/account").await.text.contains("<html lang=\"de\">"));
    let seen = anna.open("/account?lang=en").await;
    assert!(seen.text.contains("<html lang=\"en\">"));
    assert!(anna.open("/account?lang=../../x").await.text.contains("<html lang=\"en\">"));
    assert_eq!(posted(&anna, "/account/language", &[("language", "xx")]).await.status, 404);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_136_recent_activity_is_ones_own_log_in_safe_words_page_by_page() {
    let world = World::new().await;
    let anna = world.browser();
    let seen = anna.open("/account").await;
    let form = seen.form("login-form");
    anna.submit(&form, &[("username", "anna"), ("password", "wrong"), ("next", "on")]).await;
    let fields = [("username", "anna"), ("password", PASSWORD), ("next", "on")];
    anna.submit(&form, &fields).await;
    let seen = anna.open(&world.request(&[])).await;
    let seen = world.agree(&anna, &seen).await;
    assert_eq!(world.redeem(&seen.answer()["code"]).await.status, StatusCode::OK);
    posted(&anna, "/account/password", &[("current", PASSWORD), ("new", NEW), ("again", NEW)])
        .await;
    posted(&anna, "/account/applications/withdraw", &[("client", "shop")]).await;
    world.logged("sign_in.failed").await;
    let page = anna.open("/account/activity").await;
    for words in [
        "Signed in",
        "Failed attempt to sign in",
        "Password changed",
        "Access allowed",
        "Access used",
        "Access withdrawn",
        "Shoe shop",
        "127.0.0.1",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    for raw in ["sign_in.failed", "usr_", "decision", "Wrong"] {
        assert!(!page.text.contains(raw), "{raw}: {}", page.text);
    }
    // Nobody sees what another did.
    let bert = signed_in(&world, "bert", PASSWORD).await;
    let other = bert.open("/account/activity").await;
    assert!(other.text.contains("Signed in") && !other.text.contains("Shoe shop"));

    for n in 0..40 {
        posted(&anna, "/account/profile", &[("name", &format!("Anna {n}"))]).await;
    }
    let first = anna.open("/account/activity").await;
    assert!(first.text.contains("Profile changed") && !first.text.contains("Access allowed"));
    let at = first.text.find("/account/activity?before=").expect("there is more");
    let link = first.text[at..].split('"').next().unwrap().to_owned();
    let second = anna.open(&link).await;
    assert!(second.text.contains("Access allowed") && second.text.contains("Failed attempt"));
    // SEC-165: a place in the log is good for its person only; with another one there is the first page.
    let borrowed = bert.open(&link).await;
    assert!(!borrowed.text.contains("Access allowed"), "{}", borrowed.text);
    world.server.stop().await;
}

/// What the shop was given for when anna is away, and her browser.
async fn offline(world: &World) -> (TestBrowser, Answer) {
    let anna = signed_in(world, "anna", PASSWORD).await;
    let scopes = "openid offline_access wishlist.read";
    let seen = anna.open(&world.request(&[("scope", scopes), ("prompt", "consent")])).await;
    let seen = world.agree(&anna, &seen).await;
    let bought = redeemed(world, &seen.answer()["code"]).await;
    (anna, bought)
}

#[tokio::test]
async fn sec_065_offline_access_taken_back_ends_the_grant() {
    let world = World::new().await;
    let (anna, bought) = offline(&world).await;
    let refresh = async |of: &Answer| {
        let refresh = text(of, "refresh_token");
        token(&world, &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await
    };
    let next = refresh(&bought).await;
    assert_eq!(next.status, StatusCode::OK, "{}", next.text);
    let fields = [("client", "shop"), ("scope", "offline_access")];
    posted(&anna, "/account/applications/withdraw", &fields).await;
    assert_eq!(refresh(&next).await.body["error"], "invalid_grant");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_065_offline_access_taken_from_the_client_ends_the_grant() {
    let world = World::new().await;
    let (_, bought) = offline(&world).await;
    let mut client = world.server.get("/api/v1/clients/shop", &world.admin).await.body;
    let members = client.as_object_mut().unwrap();
    members
        .retain(|name, _| !["id", "created", "updated", "version", "secrets"].contains(&&**name));
    members["scopes"] = serde_json::json!(["openid", "wishlist.read", "wishlist.write"]);
    let done = world.server.put("/api/v1/clients/shop", &world.admin, &client).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let token_of = text(&bought, "refresh_token");
    let next = token(&world, &[("grant_type", "refresh_token"), ("refresh_token", token_of)]).await;
    assert_eq!(next.body["error"], "invalid_grant", "{}", next.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_043_ones_own_name_reads_as_it_is_written() {
    let world = World::new().await;
    let anna = signed_in(&world, "anna", PASSWORD).await;
    posted(&anna, "/account/profile", &[("name", "An\u{202e}na\r\n\u{200b} B.")]).await;
    let path = format!("/api/v1/users/{}", world.users["anna"]);
    let user = world.server.get(&path, &world.admin).await;
    assert_eq!(user.body["display_name"], "Anna B.");
    world.server.stop().await;
}
