//! Taking back what was given: tokens, grants, consents, one by one or all at once.

use grantor_domain::consent::{Consent, ConsentStatus};
use grantor_oauth_types::name::ClientId;
use grantor_oauth_types::scope::ScopeToken;
use grantor_server::clock::Clock as _;
use grantor_store::{Effects, Expect, operations};
use grantor_testkit::TestServer;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::json;

use crate::openid::Openid;
use crate::people::Person;

#[tokio::test]
async fn sec_106_each_way_to_revoke_ends_what_it_names_and_nothing_else() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let alice = Person::new(&server, &admin, "alice", "rfc9068").await;
    let bob = Person::new(&server, &admin, "bob", "stups").await;
    for what in ["token", "grant", "client", "tenant"] {
        // Whatever was revoked a moment ago does not reach what is issued now.
        server.clock.advance(SignedDuration::from_secs(2));
        let admin = server.admin_token().await;
        let (first, second) = (alice.sign_in(&server).await, alice.sign_in(&server).await);
        let other = bob.sign_in(&server).await;
        let access = |answer: &grantor_testkit::Answer| {
            answer.body["access_token"].as_str().unwrap().to_owned()
        };
        let query = format!("/api/v1/grants?client={}&limit=2", alice.client);
        let grants = server.get(&query, &admin).await;
        // Newest first: the second to last is the grant of the first token.
        let grant = grants.body["items"][1]["id"].clone();
        let (body, survivors) = match what {
            "token" => (json!({ "token": access(&first) }), 2),
            "grant" => (json!({ "grant": grant }), 2),
            "client" => (json!({ "client": alice.client }), 1),
            _ => (json!({ "tenant": true }), 0),
        };
        let done = server.post("/api/v1/revocations", &admin, &body).await;
        assert_eq!(done.status, StatusCode::NO_CONTENT, "{what}: {}", done.text);
        assert!(!server.is_active(&access(&first)).await, "{what}");
        let second_lives = server.is_active(&access(&second)).await;
        let other_lives = server.is_active(&access(&other)).await;
        assert_eq!(usize::from(second_lives) + usize::from(other_lives), survivors, "{what}");
        let refresh = first.body["refresh_token"].as_str().unwrap();
        let refreshed = alice.refresh(&server, refresh).await;
        assert_eq!(refreshed.status == StatusCode::OK, what == "token", "{what}");
    }
    server.clock.advance(SignedDuration::from_secs(2));
    let admin = server.admin_token().await;
    let listed = server.get("/api/v1/revocations", &admin).await;
    let kinds: Vec<_> =
        listed.body["items"].as_array().unwrap().iter().map(|r| r["kind"].clone()).collect();
    assert_eq!(kinds, ["token", "claims", "claims", "tenant"]);
    for wrong in [
        json!({}),
        json!({ "tenant": false }),
        json!({ "token": "x", "tenant": true }),
        json!({ "user": "usr_00000000000000000000000000000000" }),
        json!({ "client": "nobody" }),
        json!({ "token": "" }),
    ] {
        let answer = server.post("/api/v1/revocations", &admin, &wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}: {}", answer.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_grant_is_ended_once_and_stays_in_the_list() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let alice = Person::new(&server, &admin, "alice", "rfc9068").await;
    let given = alice.sign_in(&server).await;
    let list = format!("/api/v1/grants?user={}", alice.id);
    let grants = server.get(&list, &admin).await;
    let path = format!("/api/v1/grants/{}", grants.body["items"][0]["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(server.delete(&path, &admin).await.status, StatusCode::NO_CONTENT);
    }
    let ended = server.get(&path, &admin).await;
    assert_eq!(ended.body["end_reason"], "revoked");
    assert!(!server.is_active(given.body["access_token"].as_str().unwrap()).await);
    let log = server.get("/api/v1/audit?kind=grant.revoked", &admin).await;
    assert_eq!(log.body["items"].as_array().unwrap().len(), 1, "one event for one end");
    let nowhere = "/api/v1/grants/gnt_00000000000000000000000000000000";
    assert_eq!(server.delete(nowhere, &admin).await.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn what_a_person_consented_to_can_be_withdrawn_and_does_not_come_back() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let alice = Person::new(&server, &admin, "alice", "rfc9068").await;
    let given = alice.sign_in(&server).await;
    let now = server.clock.now();
    let consent = Consent {
        tenant: server.app.settings.default_tenant.clone(),
        user: alice.id.parse().unwrap(),
        client: ClientId::parse(&alice.client).unwrap(),
        scope: ScopeToken::parse("uid").unwrap(),
        status: ConsentStatus::Approved,
        decided: now,
        expires: None,
    };
    let effects = Effects::NONE.put(&consent, Expect::New);
    operations::write(&*server.app.store, effects).await.unwrap();

    let list = format!("/api/v1/consents?user={}", alice.id);
    assert_eq!(server.get(&list, &admin).await.body["items"][0]["status"], "APPROVED");
    let path = format!("/api/v1/consents/{}/{}", alice.id, alice.client);
    let done = server.delete(&path, &admin).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);
    assert_eq!(server.get(&list, &admin).await.body["items"][0]["status"], "DENIED");
    assert!(!server.is_active(given.body["access_token"].as_str().unwrap()).await);
    let refreshed = alice.refresh(&server, given.body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, StatusCode::BAD_REQUEST);
    let nothing = format!("/api/v1/consents/{}/nobody", alice.id);
    assert_eq!(server.delete(&nothing, &admin).await.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

/// Such a client knows the person under another name, and its tokens say that name alone.
#[tokio::test]
async fn sec_107_the_tokens_of_a_pairwise_client_end_when_an_administrator_withdraws_the_consent() {
    for format in ["jwt", "reference"] {
        let pairwise = json!({ "openid": { "subject_type": "pairwise" }, "token_format": format });
        let world = Openid::start(pairwise).await;
        let server = &world.server;
        let bought = world.redeemed("openid offline_access").await;
        let text =
            |answer: &serde_json::Value, name: &str| answer[name].as_str().unwrap().to_owned();
        let first = text(&bought, "access_token");
        let next = world.refresh(&text(&bought, "refresh_token")).await.body;
        let second = text(&next, "access_token");
        let is_active = async |token: &str| {
            let request = server.request(reqwest::Method::POST, "/oauth2/introspect");
            let form = [("token", token)];
            let request = request.basic_auth("shop", Some(&world.secret)).form(&form);
            let answer = grantor_testkit::Answer::of(request).await;
            let sub = answer.body["sub"].as_str().unwrap_or_default().to_owned();
            assert!(sub.is_empty() || sub != world.user.to_string(), "another name: {sub}");
            answer.body["active"] == json!(true)
        };
        assert!(is_active(&first).await && is_active(&second).await);
        let consent = Consent {
            tenant: server.app.settings.default_tenant.clone(),
            user: world.user,
            client: ClientId::parse("shop").unwrap(),
            scope: ScopeToken::parse("openid").unwrap(),
            status: ConsentStatus::Approved,
            decided: server.clock.now(),
            expires: None,
        };
        let effects = Effects::NONE.put(&consent, Expect::New);
        operations::write(&*server.app.store, effects).await.unwrap();
        let path = format!("/api/v1/consents/{}/shop", world.user);
        let done = server.delete(&path, &world.admin).await;
        assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);
        for token in [&first, &second] {
            assert!(!is_active(token).await, "{format}");
            let told = server.get("/oauth2/userinfo", token).await;
            assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{}", told.text);
        }
        let again = world.refresh(&text(&next, "refresh_token")).await;
        assert_eq!((again.status.as_u16(), &again.body["error"]), (400, &json!("invalid_grant")));
        world.server.stop().await;
    }
}

#[tokio::test]
async fn another_salt_brings_no_revoked_token_back() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let alice = Person::new(&server, &admin, "alice", "rfc9068").await;
    let given = alice.sign_in(&server).await;
    let access = given.body["access_token"].as_str().unwrap();
    server.post("/api/v1/revocations", &admin, &json!({ "token": access })).await;
    assert!(!server.is_active(access).await);
    let mut tenant = server.get("/api/v1/tenants/main", &admin).await.body;
    tenant.as_object_mut().unwrap().remove("name");
    tenant["settings"]["revocation_salt"] = json!("another");
    let changed = server.put("/api/v1/tenants/main", &admin, &tenant).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert!(!server.is_active(access).await);
    server.stop().await;
}
