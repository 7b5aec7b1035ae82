//! Signing in: right, wrong, too often, from elsewhere.

use crate::world::{PASSWORD, World};
use serde_json::json;

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn sec_114_wrong_unknown_and_disabled_look_the_same() {
    let mut world = World::new().await;
    world.user("customers", "carl").await;
    let carl = world.users["carl"].clone();
    let off = json!({ "realm": "customers", "name": "carl", "enabled": false });
    let done = world.server.put(&format!("/api/v1/users/{carl}"), &world.admin, &off).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let mut texts = Vec::new();
    for (name, password) in [("anna", "wrong"), ("zora", "wrong"), ("carl", PASSWORD)] {
        let browser = world.browser();
        let seen = browser.open(&world.request(&[])).await;
        let form = seen.form("login-form");
        let seen = browser.submit(&form, &[("username", name), ("password", password)]).await;
        assert_eq!(seen.status, 200, "{name}");
        assert!(seen.has("form-error"), "{name}: {}", seen.text);
        let same = seen.form("login-form").value("tx").unwrap().to_owned();
        let text = seen.text.replace(&same, "TX").replace(&format!("value=\"{name}\""), "");
        let links = text.split("gtx_").map(|part| {
            part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        });
        texts.push(links.collect::<String>());
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_115_after_ten_wrong_ones_the_right_one_is_not_looked_at() {
    let world = World::new().await;
    world.server.clock.stop();
    let browser = world.browser();
    let form = browser.open(&world.request(&[])).await.form("login-form");
    for _ in 0..10 {
        browser.submit(&form, &[("username", "anna"), ("password", "wrong")]).await;
    }
    let seen = browser.submit(&form, &[("username", "ANNA"), ("password", PASSWORD)]).await;
    assert_eq!(seen.status, 429, "{}", seen.text);
    assert!(seen.has("form-error"));
    world.server.stop().await;
}

#[tokio::test]
async fn sec_110_sec_111_a_sign_in_makes_a_new_secret_and_ends_the_old_one() {
    let world = World::new().await;
    let browser = world.browser();
    world.code(&browser, "anna").await;
    let before = browser.cookies();
    let seen = browser.open(&world.request(&[("prompt", "login")])).await;
    world.sign_in(&browser, &seen, "anna").await;
    let after = browser.cookies();
    let name = "__Host-grantor-session-main";
    assert_ne!(before[name], after[name]);
    let old = world.browser();
    old.set_cookies(before);
    let silent = world.request(&[("prompt", "none")]);
    assert_eq!(old.open(&silent).await.answer()["error"], "login_required");
    assert!(browser.open(&silent).await.answer().contains_key("code"));
    world.server.stop().await;
}

#[tokio::test]
async fn sec_111_every_cookie_has_every_attribute_and_names_nobody() {
    let world = World::new().await;
    let browser = world.browser();
    let first = browser.look(&world.request(&[])).await;
    let page = browser.follow(first.clone()).await;
    let fields = page.form("login-form").with(&[("username", "anna"), ("password", PASSWORD)]);
    let signed_in = browser.post("/sign-in", &fields, &[]).await;
    let mut seen = 0;
    for answer in [&first, &signed_in] {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            // The frame of session management reads this one; it says nothing (SM 3.2).
            if cookie.starts_with("grantor-session-state=") {
                continue;
            }
            seen += 1;
            for part in ["__Host-", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            assert!(!cookie.contains("anna") && !cookie.contains("Domain"), "{cookie}");
        }
    }
    assert_eq!(seen, 3);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_112_a_form_from_another_site_changes_nothing() {
    let world = World::new().await;
    let browser = world.browser();
    let form = browser.open(&world.request(&[])).await.form("login-form");
    let fields = form.with(&[("username", "anna"), ("password", PASSWORD)]);
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let seen = browser.post("/sign-in", &fields, &[header]).await;
        assert_eq!(seen.status, 403, "{header:?}");
        assert!(!browser.cookies().contains_key("__Host-grantor-session-main"), "{header:?}");
    }
    let here = [("origin", &*world.server.issuer), ("sec-fetch-site", "same-origin")];
    assert_eq!(browser.post("/sign-in", &fields, &here).await.status, 303);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_121_no_step_is_passed_by_an_empty_or_foreign_form() {
    let world = World::new().await;
    let browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let tx = page.form("login-form").value("tx").unwrap().to_owned();
    for path in ["/sign-in", "/consent", "/account-choice"] {
        let empty = browser.post(path, &[], &[]).await;
        assert_eq!(empty.status, 400, "{path}");
        let forged = pairs(&[("tx", "gtx_AAAA"), ("decision", "approve")]);
        assert_eq!(browser.post(path, &forged, &[]).await.status, 400, "{path}");
    }
    // Consent before anybody signed in leads back to the sign-in.
    let early = pairs(&[("tx", &tx), ("decision", "approve"), ("scope", "wishlist.read")]);
    let seen = browser.post("/consent", &early, &[]).await;
    assert!(browser.follow(seen).await.has("login-form"));
    for fields in [vec![], vec![("username", "anna")], vec![("password", PASSWORD)]] {
        let seen = browser.submit(&page.form("login-form").without("username"), &fields).await;
        assert!(seen.has("login-form") && seen.has("form-error"), "{fields:?}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn identity_first_asks_the_name_and_then_the_password() {
    let world = World::new().await;
    let tenant = world.server.get("/api/v1/tenants/main", &world.admin).await;
    let mut body = tenant.body.clone();
    body["settings"]["sign_in_page"] = "identity_first".into();
    for name in ["name", "version", "id", "created", "updated"] {
        body.as_object_mut().unwrap().remove(name);
    }
    let done = world.server.put("/api/v1/tenants/main", &world.admin, &body).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let browser = world.browser();
    let seen = browser.open(&world.request(&[])).await;
    assert!(seen.has("username") && !seen.has("password"), "{}", seen.text);
    // SEC-114: somebody who is not there is asked for a password as well.
    for name in ["zora", "anna"] {
        let form = seen.form("login-form");
        let next = browser.submit(&form, &[("username", name), ("next", "on")]).await;
        assert!(next.has("password"), "{}", next.text);
        assert_eq!(next.form("login-form").value("username"), Some(name));
    }
    let form = seen.form("login-form");
    let next = browser.submit(&form, &[("username", "anna"), ("next", "on")]).await;
    let seen = browser.submit(&next.form("login-form"), &[("password", PASSWORD)]).await;
    assert!(seen.has("consent-form"), "{}", seen.text);
    world.server.stop().await;
}

#[tokio::test]
async fn a_realm_can_ask_otherwise_than_its_tenant() {
    let mut world = World::new().await;
    let named = json!({ "default_scopes": ["uid"], "sign_in_page": "identity_first" });
    let done = world.server.put("/api/v1/realms/customers", &world.admin, &named).await;
    assert_eq!((done.status.as_u16(), &done.body["sign_in_page"]), (200, &json!("identity_first")));
    world.user("employees", "erik").await;
    let anywhere = json!({ "id": "anywhere", "realms": [] });
    world.client(&crate::world::with(crate::world::shop(), &anywhere)).await;
    // The shop is for customers alone; where employees come too, the name has to come first.
    for (more, name_first) in [
        (vec![], true),
        (vec![("client_id", "anywhere")], true),
        (vec![("client_id", "anywhere"), ("realm", "customers")], true),
        (vec![("client_id", "anywhere"), ("realm", "employees")], false),
    ] {
        let seen = world.browser().open(&world.request(&more)).await;
        assert_eq!(!seen.has("password"), name_first, "{more:?}: {}", seen.text);
    }
    let browser = world.browser();
    let seen = browser.open(&world.request(&[])).await;
    let form = seen.form("login-form");
    let next = browser.submit(&form, &[("username", "anna"), ("next", "on")]).await;
    let seen = browser.submit(&next.form("login-form"), &[("password", PASSWORD)]).await;
    assert!(seen.has("consent-form"), "{}", seen.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_170_what_operators_write_is_shown_as_text_and_goes_into_no_header() {
    let world = World::new().await;
    let tenant = world.server.get("/api/v1/tenants/main", &world.admin).await;
    let put = async |look: &serde_json::Value| {
        let mut body = tenant.body.clone();
        body["settings"]["look"] = look.clone();
        body.as_object_mut().unwrap().remove("name");
        world.server.put("/api/v1/tenants/main", &world.admin, &body).await
    };
    // No template language is there to be reached: whatever looks like one is text.
    let hint = r#"{{ 7*7 }} ${7*7} {{ env "PATH" }} {% include "/etc/passwd" %} <b>&"'"#;
    let look = json!({ "name": "A {{ 7*7 }}", "texts": { "en": { "sign_in_hint": hint } } });
    let done = put(&look).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let seen = world.browser().open(&world.request(&[])).await;
    for shown in ["A {{ 7*7 }}", "{{ 7*7 }} ${7*7}", "{% include", "&#60;b&#62;&#38;"] {
        assert!(seen.text.contains(shown), "{shown}: {}", seen.text);
    }
    assert!(!seen.text.contains("root:"), "{}", seen.text);
    for bad in [
        json!({ "name": "a\r\nset-cookie: x=1" }),
        json!({ "texts": { "en": { "sign_in_hint": "a\nb" } } }),
        json!({ "texts": { "en": { "links": [{ "label": "a\rb", "url": "https://a.example/" }] } } }),
        json!({ "texts": { "en": { "links": [{ "label": "a", "url": "https://a.example/\r\nb" }] } } }),
        json!({ "accent": "#0e5a52;}</style><script>" }),
        json!({ "language": "en\r\n" }),
    ] {
        let refused = put(&bad).await;
        assert_eq!(refused.status, 400, "{bad}: {}", refused.text);
    }
    world.server.stop().await;
}
