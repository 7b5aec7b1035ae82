//! The checks of `campus.md`, section 15, that concern the code flow: selectors of the way to sign in,
//! scopes of groups, and what a resource server hears.

use grantor_testkit::{Answer, Seen, TestBrowser};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{CALLBACK, World, shop, with};

/// The catalogue of a campus, a group with Anna in it, a client of people, one of none, and an API.
struct Campus {
    world: World,
    group: String,
    web: String,
    batch: String,
    api: String,
}

const SCOPES: &str =
    "openid auth-campus create read update delete demo-netphone-admin demo-sla-gold";

fn client(id: &str, more: &Value) -> Value {
    with(with(shop(), &json!({ "id": id, "scopes": SCOPES.split(' ').collect::<Vec<_>>() })), more)
}

impl Campus {
    async fn start() -> Self {
        let world = World::new().await;
        let group = json!({ "name": "netphone", "members": [member(&world, "anna")] });
        let group = world.server.made("/api/v1/groups", &world.admin, &group).await;
        let group = group["id"].as_str().unwrap().to_owned();
        let always = json!({ "granted": "always" });
        let gated = json!({ "granted": "selector", "groups": [group] });
        for (token, rule) in [
            ("create", &always),
            ("read", &always),
            ("update", &always),
            ("delete", &always),
            ("demo-sla-gold", &always),
            ("demo-netphone-admin", &json!({ "granted": "group", "groups": [group] })),
            ("auth-campus", &json!({ "granted": "selector" })),
            ("auth-staff", &gated),
            ("auth-none", &json!({ "granted": "selector" })),
        ] {
            let scope = json!({ "token": token, "rule": rule, "summary": { "en": token } });
            world.server.made("/api/v1/scopes", &world.admin, &scope).await;
        }
        let mut secrets = Vec::new();
        for client in [
            client("web", &json!({})),
            json!({
                "id": "batch", "auth_method": "client_secret_basic",
                "grant_types": ["client_credentials"],
                "scopes": ["auth-none", "auth-campus", "read", "demo-sla-gold"],
            }),
            json!({
                "id": "api", "auth_method": "client_secret_basic",
                "grant_types": ["client_credentials"],
                "scopes": ["grantor.token_introspect"],
                "default_scopes": ["grantor.token_introspect"],
                "audiences": [world.server.issuer],
                "compat": { "introspection_no_audience": true },
            }),
        ] {
            let made = world.client(&client).await;
            secrets.push(made["client_secret"].as_str().unwrap().to_owned());
        }
        let [web, batch, api] = secrets.try_into().unwrap();
        Self { world, group, web, batch, api }
    }

    fn request(&self, client: &str, scope: &str) -> String {
        self.world.request(&[("client_id", client), ("scope", scope)])
    }

    /// The answer to whoever signs in where that is asked, and agrees to everything.
    async fn asked(&self, browser: &TestBrowser, client: &str, scope: &str) -> Seen {
        let mut seen = browser.open(&self.request(client, scope)).await;
        if seen.has("login-form") {
            seen = self.world.sign_in(browser, &seen, "anna").await;
        }
        if seen.has("consent-form") {
            seen = self.world.agree(browser, &seen).await;
        }
        seen
    }

    async fn granted(&self, browser: &TestBrowser, scope: &str) -> Value {
        let seen = self.asked(browser, "web", scope).await;
        let bought = self.world.redeem_as("web", &self.web, &seen.answer()["code"]).await;
        assert_eq!(bought.status, 200, "{}", bought.text);
        bought.body
    }

    async fn refreshed(&self, token: &Value) -> Answer {
        let token = token["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let request = self.world.server.request(Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth("web", Some(&self.web)).form(&form)).await
    }

    async fn introspected(&self, token: &str) -> Answer {
        let request = self.world.server.request(Method::POST, "/oauth2/introspect");
        Answer::of(request.basic_auth("api", Some(&self.api)).form(&[("token", token)])).await
    }

    async fn members(&self, members: &Value) {
        let group = json!({ "name": "netphone", "members": members });
        let path = format!("/api/v1/groups/{}", self.group);
        let put = self.world.server.put(&path, &self.world.admin, &group).await;
        assert_eq!(put.status, 200, "{}", put.text);
    }
}

fn member(world: &World, name: &str) -> Value {
    json!({ "who": { "user": world.users[name] } })
}

/// Scopes as a set.
fn set(body: &Value) -> Vec<&str> {
    let mut scopes: Vec<&str> = body["scope"].as_str().unwrap().split(' ').collect();
    scopes.sort_unstable();
    scopes
}

#[tokio::test]
async fn campus_c15_scopes_of_a_group_come_and_go_with_the_membership() {
    let campus = Campus::start().await;
    let browser = campus.world.browser();
    let asked = "auth-campus read demo-netphone-admin";
    let first = campus.granted(&browser, asked).await;
    assert_eq!(set(&first), ["auth-campus", "demo-netphone-admin", "read"]);
    campus.members(&json!([])).await;
    let less = campus.refreshed(&first).await.body;
    assert_eq!(set(&less), ["auth-campus", "read"]);
    let token = less["access_token"].as_str().unwrap();
    assert_eq!(set(&campus.introspected(token).await.body), ["auth-campus", "read"]);
    assert_eq!(set(&campus.granted(&browser, asked).await), ["auth-campus", "read"]);
    // Whoever is a member again gets back what was asked for and agreed to.
    campus.members(&json!([member(&campus.world, "anna")])).await;
    let again = campus.refreshed(&less).await.body;
    assert_eq!(set(&again), ["auth-campus", "demo-netphone-admin", "read"]);
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_c16_whoever_left_the_group_of_a_selector_is_locked_out_everywhere() {
    let campus = Campus::start().await;
    let staff = client("web", &json!({ "scopes": ["openid", "auth-staff", "read"] }));
    let mut body = staff.as_object().unwrap().clone();
    body.remove("id");
    let put =
        campus.world.server.put("/api/v1/clients/web", &campus.world.admin, &json!(body)).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let browser = campus.world.browser();
    let first = campus.granted(&browser, "auth-staff read").await;
    assert_eq!(set(&first), ["auth-staff", "read"]);
    let token = first["access_token"].as_str().unwrap();
    assert_eq!(campus.introspected(token).await.body["active"], true);
    campus.members(&json!([])).await;
    let seen = campus.asked(&browser, "web", "auth-staff read").await;
    assert_eq!(seen.answer()["error"], "access_denied");
    assert_eq!(campus.refreshed(&first).await.body["error"], "invalid_grant");
    assert_eq!(campus.introspected(token).await.text, r#"{"active":false}"#);
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_c17_a_client_without_people_says_so_and_gets_what_it_is_registered_for() {
    let campus = Campus::start().await;
    let server = &campus.world.server;
    for (scope, granted) in [
        ("auth-none read", Some(&["auth-none", "read"][..])),
        ("read demo-sla-gold", Some(&["auth-none", "demo-sla-gold", "read"])),
        ("auth-campus read", None),
        ("auth-none auth-campus read", None),
        ("auth-none demo-netphone-admin", None),
        ("auth-none create", None),
    ] {
        let answer = server.client_credentials("batch", &campus.batch, Some(scope)).await;
        match granted {
            Some(scopes) => {
                assert_eq!(set(&answer.body), scopes, "{}", answer.text);
                let none = ["refresh_token", "id_token"].map(|name| answer.body.get(name));
                assert_eq!(none, [None, None]);
                let heard =
                    campus.introspected(answer.body["access_token"].as_str().unwrap()).await;
                assert_eq!(
                    (&heard.body["active"], heard.body.get("username")),
                    (&json!(true), None)
                );
            }
            None => assert_eq!(answer.body["error"], "invalid_scope", "{scope}"),
        }
    }
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_c18_the_general_scopes_are_everybodys_who_is_registered_for_them() {
    let campus = Campus::start().await;
    campus.members(&json!([])).await;
    let token = campus.granted(&campus.world.browser(), "create read update delete").await;
    assert_eq!(set(&token), ["auth-campus", "create", "delete", "read", "update"]);
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_c19_openid_that_is_not_registered_is_refused_and_no_id_token_leaks() {
    let campus = Campus::start().await;
    let plain = client("plain", &json!({ "scopes": ["auth-campus", "read"] }));
    let secret = campus.world.client(&plain).await["client_secret"].as_str().unwrap().to_owned();
    let browser = campus.world.browser();
    let seen = campus.asked(&browser, "plain", "openid read").await;
    assert_eq!(seen.answer()["error"], "invalid_scope");
    let seen = campus.asked(&browser, "plain", "read").await;
    let bought = campus.world.redeem_as("plain", &secret, &seen.answer()["code"]).await;
    assert_eq!(set(&bought.body), ["auth-campus", "read"]);
    assert!(bought.body.get("id_token").is_none(), "{}", bought.text);
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_a_request_chooses_one_way_to_sign_in_or_the_client_has_only_one() {
    let campus = Campus::start().await;
    let browser = campus.world.browser();
    let two = ["openid", "auth-campus", "auth-staff", "auth-none", "read"];
    let both = client("both", &json!({ "scopes": two }));
    let chosen = client("chosen", &json!({ "scopes": two, "default_scopes": ["auth-staff"] }));
    let mut secrets = Vec::new();
    for client in [both, chosen] {
        let made = campus.world.client(&client).await;
        secrets.push(made["client_secret"].as_str().unwrap().to_owned());
    }
    for (at, client, scope, granted) in [
        (0, "both", "auth-staff read", Some(&["auth-staff", "read"][..])),
        (0, "both", "read", None),
        (0, "both", "auth-campus auth-staff read", None),
        (0, "both", "auth-none read", None),
        (1, "chosen", "read", Some(&["auth-staff", "read"])),
        (1, "chosen", "auth-campus read", Some(&["auth-campus", "read"])),
    ] {
        let seen = campus.asked(&browser, client, scope).await;
        let answer = seen.answer();
        match granted {
            Some(scopes) => {
                let bought = campus.world.redeem_as(client, &secrets[at], &answer["code"]).await;
                assert_eq!(set(&bought.body), scopes, "{client} {scope}");
            }
            None => assert_eq!(answer["error"], "invalid_scope", "{client} {scope}"),
        }
        assert!(seen.location().unwrap().starts_with(CALLBACK));
    }
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_c38_a_bypass_shows_no_page_and_what_is_unticked_is_not_in_the_token() {
    let campus = Campus::start().await;
    let world = &campus.world;
    world.client(&client("trusted", &json!({ "consent_bypass": true }))).await;
    let browser = world.browser();
    let seen = browser.open(&campus.request("web", "auth-campus read update")).await;
    let page = world.sign_in(&browser, &seen, "anna").await;
    let form = page.form("consent-form");
    let ticked: Vec<&str> =
        form.fields.iter().filter(|(n, _)| n == "scope").map(|(_, v)| v.as_str()).collect();
    assert_eq!(ticked, ["read", "update"], "the way to sign in is nothing to tick");
    let form = form.without("scope");
    let seen = browser.submit(&form, &[("decision", "approve"), ("scope", "read")]).await;
    let bought = world.redeem_as("web", &campus.web, &seen.answer()["code"]).await;
    assert_eq!(set(&bought.body), ["auth-campus", "read"]);
    let seen = browser.open(&campus.request("trusted", "auth-campus read update")).await;
    assert!(seen.answer().contains_key("code"), "{}", seen.text);
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_c09_c10_c40_a_resource_server_asks_by_secret_or_token_and_hears_what_it_expects() {
    let campus = Campus::start().await;
    let (world, server) = (&campus.world, &campus.world.server);
    let user = campus.granted(&world.browser(), "openid auth-campus read").await;
    let user = user["access_token"].as_str().unwrap();
    let heard = campus.introspected(user).await;
    assert_eq!(heard.header("content-type"), "application/json");
    assert_eq!(heard.header("cache-control"), "no-store");
    let said = &heard.body;
    assert_eq!((&said["active"], &said["username"]), (&json!(true), &json!("anna")));
    assert!(said["exp"].is_i64() && said["scope"].is_string(), "{said}");
    assert_eq!(said.get("aud"), None, "it would be compared with the address of the request");
    // C09: a token that allows it, instead of a secret; no other token does.
    let assignment = json!({
        "principal": { "client": "api" }, "scope": "grantor.token_introspect", "reason": "a test",
    });
    server.made("/api/v1/assignments", &world.admin, &assignment).await;
    let right = server.client_token("api", &campus.api, None).await;
    let ask = async |bearer: &str, more: &[(&str, &str)]| {
        let mut form = vec![("token", user)];
        form.extend(more);
        let request = server.request(Method::POST, "/oauth2/introspect").bearer_auth(bearer);
        Answer::of(request.form(&form)).await
    };
    assert_eq!(ask(&right, &[]).await.body, *said);
    // An administrator is no audience of it either.
    assert_eq!(ask(&world.admin, &[]).await.text, r#"{"active":false}"#);
    for wrong in [user, "nonsense"] {
        let answer = ask(wrong, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (401, &json!("invalid_client"))
        );
    }
    let two = ask(&right, &[("client_id", "api"), ("client_secret", &campus.api)]).await;
    assert_eq!(two.body["error"], "invalid_request", "SEC-054: {}", two.text);
    server.post("/api/v1/revocations", &world.admin, &json!({ "token": right })).await;
    assert_eq!(ask(&right, &[]).await.status, 401, "revoked");
    // C40: a client that the token is not for learns nothing.
    let request = server.request(Method::POST, "/oauth2/introspect");
    let stranger = request.basic_auth("batch", Some(&campus.batch)).form(&[("token", user)]);
    assert_eq!(Answer::of(stranger).await.text, r#"{"active":false}"#);
    // C25: what nobody knows is not active, and that is said.
    assert_eq!(campus.introspected("unknown").await.text, r#"{"active":false}"#);
    campus.world.server.stop().await;
}
