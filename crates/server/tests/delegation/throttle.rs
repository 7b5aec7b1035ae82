//! Failures are counted for the account, wherever the password was tried (SEC-115).

use grantor_testkit::Answer;
use reqwest::Method;
use serde_json::json;

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn sec_115_failures_at_the_page_and_at_the_token_endpoint_are_one_count() {
    let world = World::new().await;
    world.server.clock.stop();
    let realm = json!({ "default_scopes": ["uid"], "password_grant": true });
    world.server.put("/api/v1/realms/customers", &world.admin, &realm).await;
    let old = json!({
        "id": "old", "auth_method": "client_secret_basic", "grant_types": ["password"],
        "realms": ["customers"], "scopes": ["uid"], "compat": { "password_grant": true },
    });
    let secret = world.client(&old).await["client_secret"].as_str().unwrap().to_owned();
    let by_password = async |name: &str, password: &str| {
        let form = [
            ("grant_type", "password"),
            ("realm", "customers"),
            ("username", name),
            ("password", password),
        ];
        let request = world.server.request(Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth("old", Some(&secret)).form(&form)).await
    };
    assert_eq!(by_password("anna", PASSWORD).await.status, 200, "it is allowed here");
    let browser = world.browser();
    let form = browser.open(&world.request(&[])).await.form("login-form");
    let by_page = async |name: &str, password: &str| {
        browser.submit(&form, &[("username", name), ("password", password)]).await
    };
    for name in ["anna", "ANNA", "Anna", "anna", "aNNa"] {
        by_page(name, "wrong").await;
        let answer = by_password(name, "wrong").await;
        assert_eq!(answer.body["error"], "invalid_grant", "{name}: {}", answer.text);
    }
    // Ten were free. The right one is not looked at any more, at neither place.
    assert_eq!(by_page("anna", PASSWORD).await.status, 429);
    let answer = by_password("anna", PASSWORD).await;
    assert_ne!(answer.status, 200, "{}", answer.text);
    // Nobody else is kept waiting.
    assert_eq!(by_password("bert", PASSWORD).await.status, 200);
    world.server.stop().await;
}
