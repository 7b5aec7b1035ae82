//! Check C20 of `campus.md`, section 15: a scope that brings a claim with the groups of a person.

use grantor_testkit::{Answer, TestBrowser};
use reqwest::Method;
use serde_json::{Value, json};

use crate::front_channel::claims;
use crate::world::{World, shop, with};

const SCOPE: &str = "https://api.columbia.edu/scope/group";
const CLAIM: &str = "https://api.columbia.edu/claim/group";
const STEM: &str = "cu:app:access:clm:";

/// Anna is in one group herself, in a second through the first, and in two that the claim cannot name.
struct Campus {
    world: World,
    own: String,
    secret: String,
}

fn scope(claim: &Value) -> Value {
    json!({
        "token": SCOPE, "rule": { "granted": "identity" }, "group_claim": claim,
        "summary": { "en": "See your groups", "de": "Ihre Gruppen sehen" },
    })
}

impl Campus {
    async fn start() -> Self {
        let world = World::new().await;
        let anna = json!([{ "who": { "user": world.users["anna"] } }]);
        let own = Self::group(&world, "demo:d:other", &anna).await;
        let nested = json!([{ "who": { "group": own } }]);
        Self::group(&world, "demo:d:demo2", &nested).await;
        Self::group(&world, "x demo_d_admin", &anna).await;
        let elsewhere = json!({ "name": "staff", "members": anna });
        world.server.made("/api/v1/groups", &world.admin, &elsewhere).await;
        let scope = scope(&json!({ "name": CLAIM, "prefix": STEM }));
        let made = world.server.made("/api/v1/scopes", &world.admin, &scope).await;
        assert_eq!(made["group_claim"], json!({ "name": CLAIM, "form": "text", "prefix": STEM }));
        let scopes = json!(["openid", "offline_access", SCOPE]);
        let client = with(shop(), &json!({ "id": "portal", "scopes": scopes }));
        let client = world.client(&client).await;
        let secret = client["client_secret"].as_str().unwrap().to_owned();
        Self { world, own, secret }
    }

    async fn group(world: &World, name: &str, members: &Value) -> String {
        let body = json!({ "name": format!("{STEM}{name}"), "members": members });
        let made = world.server.made("/api/v1/groups", &world.admin, &body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// The answer of the token endpoint to somebody who signs in.
    async fn granted(&self, browser: &TestBrowser, name: &str, scope: &str) -> Value {
        let world = &self.world;
        let request = world.request(&[("client_id", "portal"), ("scope", scope)]);
        let mut seen = browser.open(&request).await;
        if seen.has("login-form") {
            seen = world.sign_in(browser, &seen, name).await;
        }
        if seen.has("consent-form") {
            seen = world.agree(browser, &seen).await;
        }
        let bought = world.redeem_as("portal", &self.secret, &seen.answer()["code"]).await;
        assert_eq!(bought.status, 200, "{}", bought.text);
        bought.body
    }

    async fn refreshed(&self, token: &Value) -> Value {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token["refresh_token"].as_str().unwrap()),
        ];
        let request = self.world.server.request(Method::POST, "/oauth2/token");
        let answer = Answer::of(request.basic_auth("portal", Some(&self.secret)).form(&form)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    /// What the `id_token` says, and UserInfo.
    async fn told(&self, token: &Value) -> [Option<Value>; 2] {
        let access = token["access_token"].as_str().unwrap();
        let userinfo = self.world.server.get("/oauth2/userinfo", access).await;
        assert_eq!(userinfo.status, 200, "{}", userinfo.text);
        let id_token = claims(token["id_token"].as_str().unwrap());
        [id_token, userinfo.body].map(|said| said.get(CLAIM).cloned())
    }
}

fn both(value: &Value) -> [Option<Value>; 2] {
    [Some(value.clone()), Some(value.clone())]
}

#[tokio::test]
async fn campus_c20_groups_are_one_text_in_the_id_token_and_at_userinfo() {
    let campus = Campus::start().await;
    let world = &campus.world;
    let browser = world.browser();
    let asked = format!("openid offline_access {SCOPE}");
    let first = campus.granted(&browser, "anna", &asked).await;
    assert_eq!(campus.told(&first).await, both(&json!("demo_d_demo2 demo_d_other")));
    // Who is in no group is told nothing, and neither is a client that did not ask.
    let bert = campus.granted(&world.browser(), "bert", &asked).await;
    assert_eq!(campus.told(&bert).await, [None, None]);
    let without = campus.granted(&browser, "anna", "openid").await;
    assert_eq!(campus.told(&without).await, [None, None]);
    // A new name counts at once, and so does the end of a membership.
    let path = format!("/api/v1/groups/{}", campus.own);
    let anna = json!([{ "who": { "user": world.users["anna"] } }]);
    let renamed = json!({ "name": format!("{STEM}demo:d:new"), "members": anna });
    assert_eq!(world.server.put(&path, &world.admin, &renamed).await.status, 200);
    let second = campus.refreshed(&first).await;
    assert_eq!(campus.told(&second).await, both(&json!("demo_d_demo2 demo_d_new")));
    let nobody = json!({ "name": format!("{STEM}demo:d:new"), "members": [] });
    assert_eq!(world.server.put(&path, &world.admin, &nobody).await.status, 200);
    let third = campus.refreshed(&second).await;
    assert_eq!(campus.told(&third).await, [None, None]);
    campus.world.server.stop().await;
}

#[tokio::test]
async fn campus_c20_the_catalogue_says_what_the_claim_is_called_and_how_it_is_written() {
    let campus = Campus::start().await;
    let server = &campus.world.server;
    let metadata = Answer::of(server.request(Method::GET, "/.well-known/openid-configuration"));
    let metadata = metadata.await.body;
    for (list, name) in [("scopes_supported", SCOPE), ("claims_supported", CLAIM)] {
        let names = metadata[list].as_array().unwrap();
        assert_eq!(names.iter().filter(|one| **one == name).count(), 1, "{list}");
    }
    let path = "/api/v1/scopes/https%3A%2F%2Fapi.columbia.edu%2Fscope%2Fgroup";
    let admin = &campus.world.admin;
    let put = async |body: &Value| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove("token");
        server.put(path, admin, &body).await
    };
    let list = put(&scope(&json!({ "name": CLAIM, "form": "list", "prefix": STEM }))).await;
    assert_eq!(list.status, 200, "{}", list.text);
    let token = campus.granted(&campus.world.browser(), "anna", &format!("openid {SCOPE}")).await;
    let names = json!(["demo:d:demo2", "demo:d:other", "x demo_d_admin"]);
    assert_eq!(campus.told(&token).await, both(&names));
    for (pointer, wrong) in [
        ("/group_claim/name", scope(&json!({ "name": "sub" }))),
        (
            "/group_claim",
            with(scope(&json!({ "name": CLAIM })), &json!({ "rule": { "granted": "always" } })),
        ),
    ] {
        let refused = put(&wrong).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{}", refused.text);
    }
    campus.world.server.stop().await;
}
