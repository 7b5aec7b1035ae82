//! Who fills Plan B's list of revocations, and with what (`stups.md` 3.9).

use grantor_testkit::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

impl World {
    /// A token of somebody of this realm, as STUPS clients get it.
    async fn stups_token(&self, realm: &str, name: &str) -> String {
        let allowed = json!({ "default_scopes": ["uid"], "password_grant": true });
        self.server.put(&format!("/api/v1/realms/{realm}"), &self.admin, &allowed).await;
        let client = self
            .client(&json!({
                "id": format!("ztoken-{realm}"), "auth_method": "client_secret_basic",
                "grant_types": ["password"], "realms": [realm], "scopes": ["uid"],
                "token_profile": "stups", "compat": { "password_grant": true },
            }))
            .await;
        let (id, secret) = (client["id"].as_str().unwrap(), client["client_secret"].as_str());
        let form = [
            ("grant_type", "password"),
            ("realm", realm),
            ("username", name),
            ("password", PASSWORD),
        ];
        let request = self.server.request(Method::POST, "/oauth2/token");
        let answer = Answer::of(request.basic_auth(id, secret).form(&form)).await;
        answer.body["access_token"].as_str().expect(&answer.text).to_owned()
    }

    async fn revoked(&self, caller: &str, body: Value) -> u16 {
        self.server.post("/revocations", caller, &body).await.status.as_u16()
    }

    async fn listed(&self) -> usize {
        let from = grantor_server::clock::Clock::now(&self.server.clock).as_second() - 86_400;
        let list = self.server.get(&format!("/revocations?from={from}"), &self.admin).await;
        list.body["revocations"].as_array().expect(&list.text).len()
    }
}

fn of_token(token: &str) -> Value {
    json!({ "type": "TOKEN", "data": { "token": token } })
}

#[tokio::test]
async fn a_customer_ends_her_own_token_and_fills_the_list_with_nothing_else() {
    let world = World::new().await;
    let anna = world.stups_token("customers", "anna").await;
    let before = world.listed().await;
    for body in [
        of_token("junk"),
        of_token(&world.admin),
        json!({ "type": "CLAIM", "data": { "claims": { "sub": "anna" } } }),
    ] {
        assert_eq!(world.revoked(&anna, body.clone()).await, 403, "{body}");
    }
    assert!(world.server.is_active(&world.admin).await);
    assert_eq!(world.listed().await, before);
    assert_eq!(world.revoked(&anna, of_token(&anna)).await, 201);
    assert!(!world.server.is_active(&anna).await);
    assert_eq!(world.listed().await, before + 1);
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_kept_for_those_only_who_may_revoke_for_others() {
    let mut world = World::new().await;
    world.user("employees", "eva").await;
    let eva = world.stups_token("employees", "eva").await;
    let before = world.listed().await;
    assert_eq!(world.revoked(&eva, of_token("junk")).await, 201);
    assert_eq!(world.listed().await, before);
    assert_eq!(world.revoked(&world.admin, of_token("junk")).await, 201);
    assert_eq!(world.listed().await, before + 1);
    world.server.stop().await;
}
