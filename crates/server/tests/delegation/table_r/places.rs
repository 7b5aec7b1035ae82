//! The places besides authorization requests: registration, logout, the account pages, and what
//! clients ask with a form.

use grantor_testkit::table_r::{self, Row};
use grantor_testkit::{Answer, TestBrowser};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Table, fits, is_not_repeated, is_r0};
use crate::account::{posted, signed_in};
use crate::world::{PASSWORD, VERIFIER, World, shop, with};

/// How many clients there are.
async fn clients(world: &World) -> usize {
    let (mut count, mut next) = (0, String::new());
    loop {
        let path = format!("/api/v1/clients?limit=200{next}");
        let page = world.server.get(&path, &world.admin).await.body;
        count += page["items"].as_array().unwrap().len();
        match page["next_page_token"].as_str() {
            Some(token) => next = format!("&page_token={token}"),
            None => return count,
        }
    }
}

#[tokio::test]
async fn sec_154_sec_152_table_r_at_registration_and_every_change_of_it() {
    let table = Table::new().await;
    let world = &table.world;
    let mut tenant = world.server.get("/api/v1/tenants/main", &world.admin).await.body;
    tenant["settings"]["registration"] = json!("open");
    tenant.as_object_mut().unwrap().retain(|name, _| name != "name" && name != "version");
    assert_eq!(world.server.put("/api/v1/tenants/main", &world.admin, &tenant).await.status, 200);
    let (before, mut made) = (clients(world).await, 0);
    let register = async |body: &Value| {
        Answer::of(world.server.request(Method::POST, "/oauth2/register").json(body)).await
    };
    let body = |row: &Row| {
        let kind = if row.is_native() { "native" } else { "web" };
        let good = table_r::registered(row.client);
        json!({ "redirect_uris": good, "application_type": kind })
    };
    let own = json!({ "redirect_uris": ["https://app.example/cb"] });
    let own = register(&own).await.body;
    made += 1;
    for row in table_r::rows() {
        let what = format!("{}: {}", row.number, row.uri);
        for (member, error) in [
            ("redirect_uris", "invalid_redirect_uri"),
            ("post_logout_redirect_uris", "invalid_client_metadata"),
        ] {
            let body = with(body(&row), &json!({ member: [row.uri] }));
            let answer = register(&body).await;
            if row.registrable {
                assert_eq!(answer.status, 201, "{member} {what}: {}", answer.text);
                assert_eq!(answer.body[member], json!([row.uri]), "{what}");
                made += 1;
                continue;
            }
            assert_eq!(answer.status, 400, "{member} {what}: {}", answer.text);
            assert_eq!(answer.body["error"], error, "{member} {what}");
            is_not_repeated(&answer.text, &row.uri, &what);
            if row.is_native() {
                continue;
            }
            // RFC 7592 §2.2: a change is judged as a creation is.
            let all =
                json!({ "client_id": own["client_id"], "redirect_uris": own["redirect_uris"] });
            let change = with(all, &json!({ member: [row.uri] }));
            let uri = own["registration_client_uri"].as_str().unwrap();
            let token = own["registration_access_token"].as_str().unwrap();
            let put = world.server.http.put(uri).bearer_auth(token).json(&change);
            let answer = Answer::of(put).await;
            let seen = (answer.status.as_u16(), &answer.body["error"]);
            assert_eq!(seen, (400, &json!(error)), "{member} {what}: {}", answer.text);
        }
        managed(world, &row, &what).await;
    }
    assert_eq!(clients(world).await, before + made, "none of what was refused is there");
    let kept = world.server.get("/api/v1/clients/web1", &world.admin).await.body;
    assert_eq!(kept["redirect_uris"], json!(table_r::registered("web1")));
    table.done().await;
}

/// SEC-152: the management API judges by the same rule, when something is changed, too.
async fn managed(world: &World, row: &Row, what: &str) {
    if row.registrable || row.is_native() {
        return;
    }
    let mut body = with(shop(), &json!({ "redirect_uris": [row.uri] }));
    body.as_object_mut().unwrap().remove("id");
    let answer = world.server.put("/api/v1/clients/web1", &world.admin, &body).await;
    assert!([400, 422].contains(&answer.status.as_u16()), "{what}: {}", answer.text);
    assert!(answer.text.contains("/redirect_uris/0"), "{what}: {}", answer.text);
    let said = answer.body["errors"].to_string();
    is_not_repeated(&said, &row.uri, what);
}

#[tokio::test]
async fn sec_133_table_r_at_logout() {
    let table = Table::new().await;
    let anna = signed_in(&table.world, "anna", PASSWORD).await;
    let path = "/oauth2/end_session";
    for row in table_r::rows() {
        let what = format!("{}: {}", row.number, row.uri);
        let pairs = [("client_id", row.client), ("post_logout_redirect_uri", &row.uri)];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let stranger = table.world.browser();
        let mut seen = vec![stranger.post(path, &pairs, &[]).await];
        if fits(&row) {
            seen.push(stranger.look(&Table::url(path, &pairs)).await);
        }
        for seen in seen {
            match row.is_registered() {
                true => assert_eq!(seen.location().as_deref(), Some(&*row.uri), "{what}"),
                false => is_r0(&seen, &row.uri, &what),
            }
        }
        // Whoever is signed in is asked first, or told that it is wrong.
        let seen = anna.post(path, &pairs, &[]).await;
        match row.is_registered() {
            true => assert_eq!((seen.status.as_u16(), seen.location()), (200, None), "{what}"),
            false => is_r0(&seen, &row.uri, &what),
        }
    }
    for trick in table_r::TRICKS {
        let name = |name: &str| name.replace("redirect_uri", "post_logout_redirect_uri");
        let mut pairs = vec![("client_id".to_owned(), "web1".to_owned())];
        pairs.extend(trick.iter().map(|(n, value)| (name(n), (*value).to_owned())));
        let seen = table.world.browser().look(&Table::url(path, &pairs)).await;
        let fine = seen.location().is_none_or(|to| to == "https://app.example/cb");
        assert!(fine && seen.status.as_u16() < 500, "{trick:?}: {:?}", seen.location());
        is_not_repeated(&seen.text, "evil.example", &format!("62: {trick:?}"));
    }
    assert_eq!(anna.look("/account").await.status, 200, "nothing of it signed her out");
    table.done().await;
}

#[tokio::test]
async fn sec_183_sec_136_table_r_at_the_account_pages() {
    let table = Table::new().await;
    let anna = signed_in(&table.world, "anna", PASSWORD).await;
    for row in table_r::rows().iter().filter(|row| fits(row)) {
        let what = format!("{}: {}", row.number, row.uri);
        let to = |path: &str, name: &str| {
            Table::url(path, &[(name.to_owned(), row.uri.clone().into_owned())])
        };
        // Whoever signs in lands on the own account, whatever the address asked for.
        let browser = table.world.browser();
        let seen = browser.open(&to("/sign-in", "to")).await;
        is_not_repeated(&seen.text, &row.uri, &what);
        let seen = table.world.sign_in(&browser, &seen, "bert").await;
        assert!(seen.status == 200 && seen.url.ends_with("/account"), "{what}: {}", seen.url);
        for query in ["done", "lang", "before", "to"] {
            let seen = anna.open(&to("/account/activity", query)).await;
            assert_eq!((seen.status.as_u16(), seen.location()), (200, None), "{query} {what}");
            // The links to this very page in another language keep its query, encoded.
            assert!(row.uri.len() < 4 || !seen.text.contains(&*row.uri), "{query} {what}");
        }
        for (path, fields) in [
            ("/account/language", vec![("language", &*row.uri)]),
            ("/account/sessions/end", vec![("session", &*row.uri)]),
            ("/account/applications/withdraw", vec![("client", &*row.uri)]),
            ("/account/applications/withdraw", vec![("client", "web1"), ("scope", &*row.uri)]),
        ] {
            let seen = posted(&anna, path, &fields).await;
            assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path} {what}");
            is_not_repeated(&seen.text, &row.uri, &what);
        }
        // A name is what she says it is, and is shown as text.
        let seen = posted(&anna, "/account/profile", &[("name", &row.uri)]).await;
        let as_link = format!("href=\"{}\"", row.uri);
        assert!(seen.status.as_u16() < 500 && !seen.text.contains(&as_link), "{what}");
    }
    table.done().await;
}

/// A code for `web1`.
async fn code(table: &Table, browser: &TestBrowser) -> String {
    let mut pairs = Table::request("web1", &[("redirect_uri", "https://app.example/cb")]);
    pairs.retain(|(name, _)| name != "prompt");
    let seen = browser.open(&Table::url("/oauth2/authorize", &pairs)).await;
    let seen = match seen.has("consent-form") {
        true => table.world.agree(browser, &seen).await,
        false => seen,
    };
    seen.answer()["code"].clone()
}

#[tokio::test]
async fn sec_048_table_r_at_the_token_endpoint_introspection_and_revocation() {
    let table = Table::new().await;
    let anna = signed_in(&table.world, "anna", PASSWORD).await;
    let mut sent: Vec<String> = table_r::rows().into_iter().map(|row| row.uri.into()).collect();
    sent.retain(|uri| uri != "https://app.example/cb");
    sent.push(String::new());
    for uri in sent {
        let code = code(&table, &anna).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", &uri),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answer = table.ask("web1", "/oauth2/token", &form).await;
        let error = answer.body["error"].as_str().unwrap_or_default();
        assert_eq!(
            (answer.status.as_u16(), error),
            (400, "invalid_grant"),
            "{uri}: {}",
            answer.text
        );
        assert!(answer.body.get("access_token").is_none(), "{uri}");
        is_not_repeated(&answer.text, &uri, &uri);
        let token = [("token".to_owned(), uri.clone())];
        let status = if uri.is_empty() { 400 } else { 200 };
        for path in ["/oauth2/introspect", "/oauth2/revoke"] {
            let answer = table.ask("web1", path, &token).await;
            assert_eq!(answer.status, status, "{path} {uri}: {}", answer.text);
            assert_ne!(answer.body["active"], true, "{path} {uri}");
            is_not_repeated(&answer.text, &uri, path);
        }
    }
    table.done().await;
}
