//! Codes at the token endpoint: what they buy, from whom, and how often.

use grantor_domain::claims::ClaimsRequest;
use grantor_domain::code::AuthorizationCode;
use grantor_server::clock::Clock as _;
use grantor_store::{Effect, operations};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::openid::{BACK, Openid, VERIFIER, form, main, with};

fn refused(answer: &grantor_testkit::Answer, code: &str) {
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (StatusCode::BAD_REQUEST, &json!(code)),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn sec_092_trap_064_065_a_code_buys_a_token_and_says_who_signed_in() {
    let world = Openid::start(json!({})).await;
    let bought = world.redeemed("openid profile uid").await;
    assert_eq!(bought["token_type"], "Bearer");
    assert_eq!(bought["expires_in"], 600);
    assert_eq!(bought["scope"], "openid profile uid");
    let (header, claims) = world.verified(bought["id_token"].as_str().unwrap()).await;
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT" }), "trap 67: RS256 unless registered");
    let now = world.server.clock.now().as_second();
    assert_eq!(claims["iss"], world.server.issuer);
    assert_eq!(claims["sub"], world.user.to_string());
    assert_eq!(claims["aud"], "shop");
    assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
    assert_eq!(claims["sid"], world.session.to_string());
    assert_eq!(claims["auth_time"], now);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 600)));
    assert!(claims["at_hash"].is_string() && claims.get("azp").is_none());
    assert!(claims.get("given_name").is_none(), "trap 35: claims of scopes go to UserInfo");
    world.server.stop().await;
}

#[tokio::test]
async fn without_openid_there_is_no_id_token_and_the_wrong_grant_type_is_refused() {
    let world = Openid::start(json!({})).await;
    let bought = world.redeemed("uid").await;
    assert!(bought.get("id_token").is_none());
    let other = world.server.request(reqwest::Method::POST, "/oauth2/token");
    let implicit = [("grant_type", "implicit"), ("client_id", "shop")];
    let answer = grantor_testkit::Answer::of(
        other.basic_auth("shop", Some(&world.secret)).form(&implicit[..1]),
    )
    .await;
    refused(&answer, "unsupported_grant_type");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_046_trap_063_a_second_use_is_refused_and_kills_what_the_first_bought() {
    let world = Openid::start(json!({})).await;
    let code = world.given("openid uid").await;
    let bought = world.redeem(&code).await.body;
    let (access, refresh) =
        (bought["access_token"].as_str().unwrap(), bought["refresh_token"].as_str().unwrap());
    assert!(world.server.is_active(access).await);
    world.server.clock.advance(SignedDuration::from_secs(30));
    refused(&world.redeem(&code).await, "invalid_grant");
    assert!(!world.server.is_active(access).await);
    refused(&world.refresh(refresh).await, "invalid_grant");
    refused(&world.redeem(&code).await, "invalid_grant");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_048_trap_062_a_code_is_good_for_its_client_and_its_redirect_alone_and_stays_good_for_them()
 {
    let world = Openid::start(json!({})).await;
    let other = with(crate::openid::shop(), &json!({ "id": "other" }));
    let other = world.server.made("/api/v1/clients", &world.admin, &other).await;
    let code = world.given("openid").await;
    let request = world.server.request(reqwest::Method::POST, "/oauth2/token");
    let request = request.basic_auth("other", other["client_secret"].as_str()).form(&form(&code));
    refused(&grantor_testkit::Answer::of(request).await, "invalid_grant");
    let elsewhere = [("redirect_uri", "https://shop.example/cb2")];
    let mut wrong = form(&code);
    wrong[2] = elsewhere[0];
    refused(&world.token(&wrong).await, "invalid_grant");
    let mut edited = code.clone();
    edited.replace_range(10..11, if &code[10..11] == "A" { "B" } else { "A" });
    refused(&world.redeem(&edited).await, "invalid_grant");
    assert_eq!(world.redeem(&code).await.status, StatusCode::OK, "nothing of it burnt the code");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_026_sec_050_trap_036_the_verifier_is_demanded_and_a_wrong_one_burns_the_code() {
    let world = Openid::start(json!({})).await;
    for wrong in ["", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX", "short"] {
        let code = world.given("openid").await;
        let mut asked = form(&code);
        asked[3].1 = wrong;
        refused(&world.token(&asked).await, "invalid_grant");
        refused(&world.redeem(&code).await, "invalid_grant");
    }
    let stripped = AuthorizationCode { challenge: None, ..world.code("openid") };
    let code = world.give(&stripped).await;
    refused(&world.redeem(&code).await, "invalid_grant");
    let plain = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", BACK)];
    assert_eq!(world.token(&plain).await.status, StatusCode::OK);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_045_trap_062_a_code_is_over_after_its_minute() {
    let world = Openid::start(json!({})).await;
    let code = world.given("openid").await;
    world.server.clock.advance(SignedDuration::from_secs(61));
    refused(&world.redeem(&code).await, "invalid_grant");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_049_no_other_secret_is_a_code_and_a_code_is_no_other_secret() {
    let world = Openid::start(json!({})).await;
    let code = world.given("openid").await;
    let bought = world.redeemed("openid").await;
    let refresh = bought["refresh_token"].as_str().unwrap();
    for other in [refresh, &world.cookie, "gac_x", &code.replace("gac_", "gru_")] {
        refused(&world.redeem(other).await, "invalid_grant");
    }
    refused(&world.refresh(&code).await, "invalid_grant");
    assert_eq!(world.redeem(&code).await.status, StatusCode::OK);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_051_what_changed_since_the_authorization_counts() {
    let world = Openid::start(json!({})).await;
    let user = json!({ "realm": "customers", "name": "jane", "enabled": false });
    let code = world.given("openid").await;
    let path = format!("/api/v1/users/{}", world.user);
    assert_eq!(world.server.put(&path, &world.admin, &user).await.status, StatusCode::OK);
    refused(&world.redeem(&code).await, "invalid_grant");
    world.server.stop().await;

    let world = Openid::start(json!({})).await;
    let code = world.given("openid").await;
    let at = world.server.clock.now();
    let end = Effect::EndSessions { tenant: main(), user: world.user, except: None, at };
    operations::write(&*world.server.app.store, end.into()).await.unwrap();
    refused(&world.redeem(&code).await, "invalid_grant");
    world.server.stop().await;

    let world = Openid::start(json!({})).await;
    let code = world.given("openid").await;
    let disabled = with(crate::openid::shop(), &json!({ "enabled": false }));
    assert_eq!(
        world.server.put("/api/v1/clients/shop", &world.admin, &disabled).await.status,
        StatusCode::OK
    );
    assert_eq!(world.redeem(&code).await.body["error"], "invalid_client");
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_047_rel_018_of_a_hundred_that_redeem_one_code_one_does_and_its_tokens_die() {
    let world = std::sync::Arc::new(Openid::start(json!({})).await);
    let code = world.given("openid uid").await;
    let racers = (0..100).map(|_| {
        let (world, code) = (std::sync::Arc::clone(&world), code.clone());
        tokio::spawn(async move { world.redeem(&code).await })
    });
    let mut won = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        let answer = racer.await.unwrap();
        match answer.status {
            StatusCode::OK => won.push(answer.body),
            _ => refused(&answer, "invalid_grant"),
        }
    }
    assert_eq!(won.len(), 1, "exactly one");
    let bought = &won[0];
    assert!(!world.server.is_active(bought["access_token"].as_str().unwrap()).await);
    let refreshed = world.refresh(bought["refresh_token"].as_str().unwrap()).await;
    refused(&refreshed, "invalid_grant");
}

#[tokio::test]
async fn trap_070_a_refreshed_id_token_tells_of_the_same_sign_in_without_a_nonce() {
    let world = Openid::start(json!({})).await;
    let bought = world.redeemed("openid").await;
    let (_, first) = world.verified(bought["id_token"].as_str().unwrap()).await;
    world.server.clock.advance(SignedDuration::from_secs(100));
    let refreshed = world.refresh(bought["refresh_token"].as_str().unwrap()).await;
    let (_, second) = world.verified(refreshed.body["id_token"].as_str().unwrap()).await;
    for same in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(first[same], second[same], "{same}");
    }
    assert_eq!(second["iat"].as_i64(), first["iat"].as_i64().map(|iat| iat + 100));
    assert!(second.get("nonce").is_none());
    world.server.stop().await;
}

#[tokio::test]
async fn trap_073_a_grant_ends_with_its_session_unless_it_is_for_offline_use() {
    let world = Openid::start(json!({})).await;
    let online = world.redeemed("openid").await;
    let offline = AuthorizationCode { offline: true, ..world.code("openid offline_access") };
    let offline = world.redeem(&world.give(&offline).await).await.body;
    let at = world.server.clock.now();
    let end = Effect::EndSessions { tenant: main(), user: world.user, except: None, at };
    operations::write(&*world.server.app.store, end.into()).await.unwrap();
    refused(&world.refresh(online["refresh_token"].as_str().unwrap()).await, "invalid_grant");
    let kept = world.refresh(offline["refresh_token"].as_str().unwrap()).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_067_the_algorithm_is_the_one_that_the_client_registered() {
    for alg in ["PS256", "ES256", "EdDSA", "RS256"] {
        let openid = json!({ "openid": { "id_token_signed_response_alg": alg } });
        let world = Openid::start(openid).await;
        let bought = world.redeemed("openid").await;
        let (header, claims) = world.verified(bought["id_token"].as_str().unwrap()).await;
        assert_eq!(header["alg"], alg);
        let expected = if alg == "EdDSA" { 43 } else { 22 };
        assert_eq!(claims["at_hash"].as_str().unwrap().len(), expected);
        world.server.stop().await;
    }
}

#[tokio::test]
async fn trap_068_an_id_token_is_signed_then_encrypted_for_the_client() {
    use grantor_crypto::jwe::{DecryptionKey, KeyManagement, parse_compact};

    let key = DecryptionKey::generate(KeyManagement::EcdhEs, "enc-1".to_owned()).unwrap();
    let mut jwk = key.public_jwk().unwrap();
    jwk["use"] = json!("enc");
    let world = Openid::start(json!({
        "jwks": { "keys": [jwk] },
        "openid": { "id_token_encryption": { "alg": "ECDH-ES" } },
    }))
    .await;
    let bought = world.redeemed("openid").await;
    let encrypted = bought["id_token"].as_str().unwrap();
    let header = encrypted.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(
        &base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap(),
    )
    .unwrap();
    assert_eq!(
        (&header["cty"], &header["kid"], &header["enc"]),
        (&json!("JWT"), &json!("enc-1"), &json!("A128CBC-HS256"))
    );
    let inner = parse_compact(encrypted).unwrap().decrypt(&key).unwrap();
    let (_, claims) = world.verified(std::str::from_utf8(&inner).unwrap()).await;
    assert_eq!(claims["aud"], "shop");
    world.server.stop().await;
}

#[tokio::test]
async fn trap_087_a_pairwise_subject_is_the_same_in_a_sector_and_another_elsewhere() {
    let pairwise = json!({ "openid": { "subject_type": "pairwise" } });
    let world = Openid::start(pairwise.clone()).await;
    let sub = async |bought: Value| {
        let (_, claims) = world.verified(bought["id_token"].as_str().unwrap()).await;
        claims["sub"].clone()
    };
    let first = sub(world.redeemed("openid").await).await;
    assert_eq!(sub(world.redeemed("openid").await).await, first);
    assert_ne!(first, world.user.to_string());
    let moved = with(
        crate::openid::shop(),
        &json!({
            "openid": { "subject_type": "pairwise" },
            "redirect_uris": [BACK.replace("shop", "elsewhere")],
        }),
    );
    assert_eq!(
        world.server.put("/api/v1/clients/shop", &world.admin, &moved).await.status,
        StatusCode::OK
    );
    assert_ne!(sub(world.redeemed("openid").await).await, first);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_034_claims_that_were_asked_for_one_by_one_are_in_the_id_token() {
    let world = Openid::start(json!({})).await;
    let claims =
        ClaimsRequest::parse(r#"{"id_token":{"given_name":null,"email":{"value":"x@y.z"}}}"#);
    let code = AuthorizationCode { claims: claims.unwrap(), ..world.code("openid") };
    let bought = world.redeem(&world.give(&code).await).await.body;
    let (_, said) = world.verified(bought["id_token"].as_str().unwrap()).await;
    assert_eq!(said["given_name"], "Jane");
    assert!(said.get("email").is_none(), "another value was asked for");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_037_a_code_for_several_apis_buys_one_token_for_each_and_never_one_for_all() {
    let world = Openid::start(json!({})).await;
    let api = world.server.issuer.clone();
    let two = AuthorizationCode {
        resources: vec![api.clone(), "https://b.example".to_owned()],
        ..world.code("uid")
    };
    let code = world.give(&two).await;
    refused(&world.redeem(&code).await, "invalid_target");
    let asked = |resource: &'static str| {
        let mut asked = form(&code).to_vec();
        asked.push(("resource", resource));
        asked
    };
    refused(&world.token(&asked("https://c.example")).await, "invalid_target");
    let mut one = form(&code).to_vec();
    one.push(("resource", &api));
    let bought = world.token(&one).await;
    assert_eq!(bought.status, StatusCode::OK, "{}", bought.text);
    world.server.stop().await;
}

#[tokio::test]
async fn a_public_client_redeems_with_its_verifier_alone() {
    let world = Openid::start(json!({ "auth_method": "none" })).await;
    let code = world.given("openid").await;
    let mut asked = form(&code).to_vec();
    asked.push(("client_id", "shop"));
    let request = world.server.request(reqwest::Method::POST, "/oauth2/token").form(&asked);
    let answer = grantor_testkit::Answer::of(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(VERIFIER.len(), 43);
    world.server.stop().await;
}
