//! UserInfo: to whom it says what, and in which form.

use grantor_domain::claims::ClaimsRequest;
use grantor_domain::code::AuthorizationCode;
use grantor_testkit::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::openid::Openid;

async fn asked(world: &Openid, token: &str) -> Answer {
    world.server.get("/oauth2/userinfo", token).await
}

fn text<'a>(bought: &'a Value, name: &str) -> &'a str {
    bought[name].as_str().unwrap()
}

#[tokio::test]
async fn trap_081_082_084_what_was_granted_is_said_by_get_and_post_whatever_is_accepted() {
    let world = Openid::start(json!({})).await;
    let bought = world.redeemed("openid profile email address").await;
    let token = text(&bought, "access_token");
    let expected = json!({
        "sub": world.user.to_string(), "name": "Jane Doe", "given_name": "Jane",
        "family_name": "Doe", "preferred_username": "jane", "birthdate": "1990-02-28",
        "updated_at": 1_767_225_600, "email": "jane@example.org", "email_verified": true,
        "address": { "locality": "Berlin" },
    });
    for accept in [None, Some("*/*"), Some("application/json;charset=utf-8")] {
        for method in [Method::GET, Method::POST] {
            let mut request = world.server.request(method, "/oauth2/userinfo").bearer_auth(token);
            if let Some(accept) = accept {
                request = request.header("accept", accept);
            }
            let answer = Answer::of(request).await;
            assert_eq!((answer.status, &answer.body), (StatusCode::OK, &expected));
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    let form =
        world.server.request(Method::POST, "/oauth2/userinfo").form(&[("access_token", token)]);
    assert_eq!(Answer::of(form).await.body, expected);
    let lower = world.server.request(Method::GET, "/oauth2/userinfo");
    let lower = lower.header("authorization", format!("bearer {token}"));
    assert_eq!(Answer::of(lower).await.status, StatusCode::OK, "trap 4");
    let (_, claims) = world.verified(text(&bought, "id_token")).await;
    assert_eq!(claims["sub"], expected["sub"]);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_108_trap_081_083_every_other_request_is_refused_as_rfc_6750_says() {
    let world = Openid::start(json!({})).await;
    let bought = world.redeemed("openid").await;
    let token = text(&bought, "access_token");
    let get = |path: String| world.server.request(Method::GET, &path);
    let query = Answer::of(get(format!("/oauth2/userinfo?access_token={token}"))).await;
    assert_eq!(query.status, StatusCode::BAD_REQUEST, "never from the query");
    let none = Answer::of(get("/oauth2/userinfo".to_owned())).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert!(!none.header("www-authenticate").contains("error"), "nothing was sent");
    let wrong = asked(&world, "nonsense").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.header("www-authenticate").contains("error=\"invalid_token\""));
    let without = world.redeemed("uid").await;
    let without = asked(&world, text(&without, "access_token")).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    assert!(without.header("www-authenticate").contains("insufficient_scope"));
    let id_token = asked(&world, text(&bought, "id_token")).await;
    assert_eq!(
        id_token.status,
        StatusCode::UNAUTHORIZED,
        "SEC-082: an id_token is no access token"
    );
    let two = world.server.request(Method::POST, "/oauth2/userinfo").bearer_auth(token);
    let two = Answer::of(two.form(&[("access_token", token)])).await;
    assert_eq!(two.status, StatusCode::BAD_REQUEST);
    world.server.clock.advance(jiff::SignedDuration::from_secs(601));
    assert_eq!(asked(&world, token).await.status, StatusCode::UNAUTHORIZED);
    world.server.stop().await;
}

/// An API whose audience is not ours, with a scope that the shop may have.
async fn with_wishes(world: &Openid, more: Value) {
    let admin = &world.admin;
    let kind = json!({
        "id": "wishlist", "name": "Wishlist", "owners": ["customers"], "audience": WISHES,
    });
    world.server.made("/api/v1/resource-types", admin, &kind).await;
    let scope = json!({
        "token": "wishlist.read", "resource_type": "wishlist", "rule": { "granted": "owner" },
        "summary": { "en": "See your wishlist" },
    });
    world.server.made("/api/v1/scopes", admin, &scope).await;
    let mut shop = crate::openid::with(crate::openid::shop(), &more);
    shop["scopes"].as_array_mut().unwrap().push(json!("wishlist.read"));
    let put = world.server.put("/api/v1/clients/shop", admin, &shop).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
}

const WISHES: &str = "https://wishes.example";

#[tokio::test]
async fn sec_108_sec_083_a_token_for_another_api_alone_says_nothing_here() {
    for format in ["jwt", "reference"] {
        let world = Openid::start(json!({})).await;
        with_wishes(&world, json!({ "token_format": format })).await;
        let scopes = "openid email wishlist.read offline_access";
        // For what was granted, which is something of ours and something of that API.
        let bought = world.redeemed(scopes).await;
        let both = asked(&world, text(&bought, "access_token")).await;
        assert_eq!(
            (both.status, &both.body["email"]),
            (StatusCode::OK, &json!("jane@example.org"))
        );
        // For that API alone (RFC 8707 §2.2).
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&bought, "refresh_token")),
            ("resource", WISHES),
        ];
        let narrowed = world.token(&form).await;
        assert_eq!(narrowed.status, StatusCode::OK, "{}", narrowed.text);
        assert!(text(&narrowed.body, "scope").contains("openid"), "{}", narrowed.text);
        let refused = asked(&world, text(&narrowed.body, "access_token")).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text);
        assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
        assert!(!refused.text.contains("jane"), "{}", refused.text);
        world.server.stop().await;
    }
}

#[tokio::test]
async fn sec_108_neither_a_service_nor_a_form_of_another_type_is_told_anything() {
    let grants = json!({ "grant_types": ["authorization_code", "client_credentials"] });
    let world = Openid::start(grants).await;
    let own = world.token(&[("grant_type", "client_credentials"), ("scope", "uid")]).await;
    let own = asked(&world, text(&own.body, "access_token")).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN, "{}", own.text);
    let openid = world.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await;
    assert_eq!(openid.status, StatusCode::OK, "{}", openid.text);
    let told = asked(&world, text(&openid.body, "access_token")).await;
    assert!([401, 403].contains(&told.status.as_u16()), "nobody is behind it: {}", told.text);
    let bought = world.redeemed("openid").await;
    let body = format!("access_token={}", text(&bought, "access_token"));
    for kind in ["application/json", "text/plain", "multipart/form-data"] {
        let request = world.server.request(Method::POST, "/oauth2/userinfo");
        let answer = Answer::of(request.header("content-type", kind).body(body.clone())).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{kind}: {}", answer.text);
    }
    world.server.stop().await;
}

#[tokio::test]
async fn sec_109_trap_034_claims_that_were_asked_for_one_by_one_are_said() {
    let world = Openid::start(json!({})).await;
    let claims = r#"{"userinfo":{"given_name":{"essential":true},"phone_number":null}}"#;
    let claims = ClaimsRequest::parse(claims).unwrap();
    let code = AuthorizationCode { claims, ..world.code("openid") };
    let bought = world.redeem(&world.give(&code).await).await.body;
    let said = asked(&world, text(&bought, "access_token")).await.body;
    assert_eq!(said, json!({ "sub": world.user.to_string(), "given_name": "Jane" }));
    world.server.stop().await;
}

#[tokio::test]
async fn trap_081_an_answer_is_signed_for_the_client_that_is_registered_so() {
    let world =
        Openid::start(json!({ "openid": { "userinfo_signed_response_alg": "ES256" } })).await;
    let bought = world.redeemed("openid email").await;
    let answer = asked(&world, text(&bought, "access_token")).await;
    assert_eq!(answer.header("content-type"), "application/jwt");
    let (header, claims) = world.verified(&answer.text).await;
    assert_eq!(header["alg"], "ES256");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(world.server.issuer), &json!("shop")));
    assert_eq!(claims["email"], "jane@example.org");
    assert!(claims.get("nonce").is_none());
    world.server.stop().await;
}

#[tokio::test]
async fn sec_080_a_signed_answer_is_neither_an_id_token_nor_an_access_token_for_anybody() {
    let world =
        Openid::start(json!({ "openid": { "userinfo_signed_response_alg": "RS256" } })).await;
    let bought = world.redeemed("openid").await;
    let answer = asked(&world, text(&bought, "access_token")).await;
    assert!(!world.server.is_active(&answer.text).await);
    assert_eq!(asked(&world, &answer.text).await.status, StatusCode::UNAUTHORIZED);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_087_an_access_token_of_a_pairwise_client_tells_nobody_who_the_person_is() {
    let pairwise = json!({ "openid": { "subject_type": "pairwise" } });
    let world = Openid::start(pairwise.clone()).await;
    let bought = world.redeemed("openid email offline_access").await;
    let (_, claims) = world.verified(text(&bought, "id_token")).await;
    let refreshed = world.refresh(text(&bought, "refresh_token")).await.body;
    for answer in [&bought, &refreshed] {
        let token = text(answer, "access_token");
        let (_, said) = world.verified(token).await;
        assert_eq!(said["sub"], claims["sub"], "RFC 9068 §6");
        assert!(!said.to_string().contains(&world.user.to_string()));
        let heard = asked(&world, token).await;
        assert_eq!(heard.body["sub"], claims["sub"], "{}", heard.text);
        assert_eq!(heard.body["email"], "jane@example.org");
        let form = [("token", token)];
        let request = world.server.request(Method::POST, "/oauth2/introspect");
        let seen = Answer::of(request.basic_auth("shop", Some(&world.secret)).form(&form)).await;
        assert_eq!((&seen.body["active"], &seen.body["sub"]), (&json!(true), &claims["sub"]));
        assert!(seen.body.get("username").is_none(), "{}", seen.text);
    }
    // It ends with the person all the same.
    let token = text(&refreshed, "access_token");
    let body = json!({ "user": world.user });
    let revoked = world.server.post("/api/v1/revocations", &world.admin, &body).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(asked(&world, token).await.status, StatusCode::UNAUTHORIZED);
    world.server.stop().await;
}

#[tokio::test]
async fn trap_087_a_sealed_token_of_a_pairwise_client_tells_no_name_either() {
    let sealed = json!({ "openid": { "subject_type": "pairwise" }, "token_format": "reference" });
    let world = Openid::start(sealed).await;
    let bought = world.redeemed("openid").await;
    let form = [("token", text(&bought, "access_token"))];
    let request = world.server.request(Method::POST, "/oauth2/introspect");
    let seen = Answer::of(request.basic_auth("shop", Some(&world.secret)).form(&form)).await;
    assert_eq!(seen.body["active"], true, "{}", seen.text);
    assert!(seen.body.get("username").is_none(), "{}", seen.text);
    assert!(!seen.text.contains(&world.user.to_string()));
    world.server.stop().await;
}

/// A client with a key to encrypt for, and what it is told in the end.
struct Reader {
    world: Openid,
    key: grantor_crypto::jwe::DecryptionKey,
}

impl Reader {
    async fn start(management: grantor_crypto::jwe::KeyManagement, openid: Value) -> Self {
        let kid = "enc-1".to_owned();
        let key = grantor_crypto::jwe::DecryptionKey::generate(management, kid).unwrap();
        let mut jwk = key.public_jwk().unwrap();
        jwk["use"] = json!("enc");
        let world = Openid::start(json!({ "jwks": { "keys": [jwk] }, "openid": openid })).await;
        Self { world, key }
    }

    /// The header of the JWE, and what it holds.
    async fn told(&self) -> (Value, String) {
        let bought = self.world.redeemed("openid email").await;
        let answer = asked(&self.world, text(&bought, "access_token")).await;
        assert_eq!(answer.header("content-type"), "application/jwt", "{}", answer.text);
        assert_eq!(answer.text.split('.').count(), 5, "{}", answer.text);
        let header = answer.text.split('.').next().unwrap();
        let header = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header);
        let inside = grantor_crypto::jwe::parse_compact(&answer.text).unwrap();
        let inside = inside.decrypt(&self.key).unwrap();
        (
            serde_json::from_slice(&header.unwrap()).unwrap(),
            String::from_utf8(inside.clone()).unwrap(),
        )
    }
}

/// OIDC Core §5.3.2: encrypted alone, the claims are what is inside.
#[tokio::test]
async fn trap_081_an_answer_is_encrypted_for_the_client_that_is_registered_so() {
    use grantor_crypto::jwe::KeyManagement;

    for (management, enc) in
        [(KeyManagement::RsaOaep256, "A256GCM"), (KeyManagement::EcdhEs, "A128CBC-HS256")]
    {
        let alg = management.to_string();
        let openid = json!({ "userinfo_encryption": { "alg": alg, "enc": enc } });
        let reader = Reader::start(management, openid).await;
        let (header, inside) = reader.told().await;
        assert_eq!((&header["alg"], &header["enc"]), (&json!(alg), &json!(enc)));
        assert_eq!(header["kid"], "enc-1");
        assert_eq!(header.get("cty"), None, "no JWT is nested in it");
        let claims: Value = serde_json::from_str(&inside).unwrap();
        assert_eq!(claims["email"], "jane@example.org");
        assert_eq!(claims["sub"], reader.world.user.to_string());
        reader.world.server.stop().await;
    }
}

/// OIDC Core §5.3.2, RFC 7519 §5.2: signed, then encrypted, and `cty` says that a JWT is inside.
#[tokio::test]
async fn trap_081_a_signed_answer_is_nested_in_the_encrypted_one() {
    use grantor_crypto::jwe::KeyManagement;

    let openid = json!({
        "userinfo_signed_response_alg": "ES256", "userinfo_encryption": { "alg": "ECDH-ES+A256KW" },
    });
    let reader = Reader::start(KeyManagement::EcdhEsA256Kw, openid).await;
    let (header, inside) = reader.told().await;
    assert_eq!((&header["cty"], &header["enc"]), (&json!("JWT"), &json!("A128CBC-HS256")));
    let (signed, claims) = reader.world.verified(&inside).await;
    assert_eq!(signed["alg"], "ES256");
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!(reader.world.server.issuer), &json!("shop"))
    );
    assert_eq!(claims["email"], "jane@example.org");
    // Neither layer is worth anything as a token (SEC-082).
    assert!(!reader.world.server.is_active(&inside).await);
    reader.world.server.stop().await;
}
