//! Signed and pushed requests: what is refused where, and the pages for whoever cannot be sent back.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_server::clock::Clock as _;
use grantor_testkit::{Answer, Seen};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{CALLBACK, World, challenge, shop, with};

const URN: &str = "urn:ietf:params:oauth:request_uri:";

async fn push(world: &World, who: Option<&str>, more: &[(&str, &str)]) -> Answer {
    let url = world.request(more);
    let (_, query) = url.split_once('?').unwrap();
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let form: Vec<(String, String)> = pairs.collect();
    let request = world.server.request(Method::POST, "/oauth2/par").form(&form);
    match who {
        Some(secret) => Answer::of(request.basic_auth("shop", Some(secret))).await,
        None => Answer::of(request).await,
    }
}

#[track_caller]
fn is_page(seen: &Seen, error: &str, what: &str) {
    assert_eq!((seen.status.as_u16(), seen.location()), (400, None), "{what}: {}", seen.text);
    assert_eq!(seen.error().as_deref(), Some(error), "{what}");
    // It names the problem, in words, for a browser that nobody knows.
    assert!(seen.has("error-page") && seen.text.contains("<h1"), "{what}: {}", seen.text);
    assert!(seen.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{what}");
    assert!(seen.headers.contains_key("grantor-decision-id"), "{what}");
}

#[tokio::test]
async fn trap_048_trap_055_a_public_client_pushes_by_its_name_and_nobody_an_unregistered_uri() {
    let world = World::new().await;
    let public = with(shop(), &json!({ "id": "spa", "auth_method": "none" }));
    world.client(&public).await;
    let pushed = push(&world, None, &[("client_id", "spa")]).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text);
    let reference = pushed.body["request_uri"].as_str().unwrap();
    let secret = reference.strip_prefix(URN).expect("the URN of RFC 9126");
    assert!(secret.len() * 6 >= 256, "random: {secret}");
    let seconds = pushed.body["expires_in"].as_u64().unwrap();
    assert!((1..600).contains(&seconds), "{seconds}");
    let mut url = url::form_urlencoded::Serializer::new(String::new());
    url.append_pair("client_id", "spa").append_pair("request_uri", reference);
    let url = format!("{}/oauth2/authorize?{}", world.server.issuer, url.finish());
    assert!(world.browser().open(&url).await.has("login-form"));
    // A confidential client does not get by with its name, and an authenticated one uses only what it
    // has registered.
    let nameless = push(&world, None, &[("client_id", "shop")]).await;
    assert_eq!(
        (nameless.status.as_u16(), &nameless.body["error"]),
        (401, &json!("invalid_client"))
    );
    for uri in
        ["https://shop.example/other", "https://shop.example/cb?new=1", "http://127.0.0.1/cb"]
    {
        let refused = push(&world, Some(&world.secret), &[("redirect_uri", uri)]).await;
        let seen = (refused.status.as_u16(), &refused.body["error"]);
        assert_eq!(seen, (400, &json!("invalid_request")), "{uri}");
    }
    world.server.stop().await;
}

/// A client with a key, and an authorization request that it signs.
struct Signing {
    key: SigningKey,
}

impl Signing {
    async fn register(world: &World) -> Self {
        let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
        let jwks = json!({ "keys": [serde_json::to_value(key.public_jwk()).unwrap()] });
        let client = json!({ "id": "jar2", "auth_method": "private_key_jwt", "jwks": jwks });
        world.client(&with(shop(), &client)).await;
        Self { key }
    }

    fn object(&self, world: &World, more: &Value) -> String {
        let now = world.server.clock.now().as_second();
        let claims = json!({
            "iss": "jar2", "aud": [world.server.issuer, "https://else.example"], "exp": now + 300,
            "client_id": "jar2", "response_type": "code", "redirect_uri": CALLBACK,
            "scope": "openid wishlist.read", "state": "inside", "nonce": "n",
            "code_challenge": challenge(), "code_challenge_method": "S256",
        });
        let claims = with(claims, more);
        Signer::new(&self.key, None).sign(claims.to_string().as_bytes()).unwrap()
    }
}

async fn with_object(world: &World, object: &str) -> Seen {
    let request = world.request(&[("client_id", "jar2"), ("request", object)]);
    world.browser().open(&request).await
}

#[tokio::test]
async fn trap_047_what_is_wrong_inside_goes_back_and_what_does_not_verify_is_a_page() {
    let world = World::new().await;
    let jar = Signing::register(&world).await;
    let good = jar.object(&world, &json!({}));
    assert!(with_object(&world, &good).await.has("login-form"));
    for (more, error) in [
        (json!({ "response_type": "bogus" }), "unsupported_response_type"),
        (json!({ "response_type": null }), "invalid_request"),
        (json!({ "scope": "openid admin" }), "invalid_scope"),
        (json!({ "code_challenge": "short" }), "invalid_request"),
        (json!({ "prompt": "none" }), "login_required"),
        (json!({ "max_age": "soon" }), "invalid_request"),
    ] {
        let seen = with_object(&world, &jar.object(&world, &more)).await;
        assert!(seen.location().unwrap_or_default().starts_with(CALLBACK), "{more}: {}", seen.text);
        let answer = seen.answer();
        assert_eq!((&*answer["error"], &*answer["state"]), (error, "inside"), "{more}");
    }
    let stranger = Signing { key: SigningKey::generate(Algorithm::Es256, None).unwrap() };
    let mut changed = good.clone();
    changed.replace_range(30..31, if &changed[30..31] == "A" { "B" } else { "A" });
    for (object, what) in [
        (stranger.object(&world, &json!({})), "another key"),
        (changed, "changed"),
        ("notajwt".to_owned(), "no JWT"),
        (jar.object(&world, &json!({ "exp": 1 })), "expired"),
        (jar.object(&world, &json!({ "aud": "https://else.example" })), "for another"),
        (jar.object(&world, &json!({ "client_id": "shop" })), "of another"),
        (jar.object(&world, &json!({ "request_uri": "https://a.example/x" })), "nested"),
    ] {
        is_page(&with_object(&world, &object).await, "invalid_request_object", what);
    }
    // It verifies, and leads nowhere.
    let evil = jar.object(&world, &json!({ "redirect_uri": "https://evil.example/cb" }));
    let seen = with_object(&world, &evil).await;
    is_page(&seen, "invalid_request", "an unregistered URI inside");
    assert!(!seen.text.contains("evil.example"));
    world.server.stop().await;
}

#[tokio::test]
async fn trap_041_trap_102_each_case_has_its_page_or_its_way_back() {
    let world = World::new().await;
    world.client(&with(shop(), &json!({ "id": "web2" }))).await;
    let reference = push(&world, Some(&world.secret), &[]).await.body["request_uri"].clone();
    let reference = reference.as_str().unwrap().to_owned();
    let by_reference = |client: &str, reference: &str| {
        let reference = reference.replace(':', "%3A");
        format!(
            "{}/oauth2/authorize?client_id={client}&request_uri={reference}",
            world.server.issuer
        )
    };
    let evil = "https://evil.example/cb";
    // Traps 20 and 51: there is nobody to send the browser back to.
    for (url, error, what) in [
        (world.request(&[("client_id", "nobody")]), "invalid_client", "unknown client"),
        (world.request(&[("client_id", "")]), "invalid_client", "no client"),
        (world.request(&[("redirect_uri", evil)]), "invalid_request", "unregistered"),
        (world.request(&[("redirect_uri", "not a uri")]), "invalid_request", "malformed"),
        (world.request(&[("redirect_uri", "")]), "invalid_request", "missing, with openid"),
        (by_reference("web2", &reference), "invalid_request_uri", "of another client"),
        (by_reference("shop", &format!("{URN}gru_x")), "invalid_request_uri", "unknown"),
        (by_reference("shop", URN), "invalid_request_uri", "empty"),
    ] {
        is_page(&world.browser().open(&url).await, error, what);
    }
    world.server.clock.advance(SignedDuration::from_secs(61));
    let late = world.browser().open(&by_reference("shop", &reference)).await;
    is_page(&late, "invalid_request_uri", "expired");
    // Traps 22, 26 and 41: there is.
    for (more, errors) in [
        ([("response_type", "")], &["invalid_request"][..]),
        ([("response_type", "bogus")], &["unsupported_response_type"]),
        ([("request_uri", "https://shop.example/object.jwt")], NOT_TAKEN),
        ([("request_uri", "http://127.0.0.1:9/")], NOT_TAKEN),
        ([("request_uri", "urn:other:x")], NOT_TAKEN),
    ] {
        let seen = world.browser().open(&world.request(&more)).await;
        let answer = seen.answer();
        assert!(errors.contains(&&*answer["error"]), "{more:?}: {answer:?}");
        assert_eq!((&*answer["state"], &*answer["iss"]), ("s-1", &*world.server.issuer));
    }
    // In plain OAuth the only URI there is may stand in; of two none does.
    let plain = [("redirect_uri", ""), ("scope", "wishlist.read")];
    assert!(world.browser().open(&world.request(&plain)).await.has("login-form"));
    let two = json!({ "id": "two", "redirect_uris": [CALLBACK, "https://shop.example/cb2"] });
    world.client(&with(shop(), &two)).await;
    let plain = [("client_id", "two"), ("redirect_uri", ""), ("scope", "wishlist.read")];
    is_page(&world.browser().open(&world.request(&plain)).await, "invalid_request", "which of two");
    let metadata = world.server.request(Method::GET, "/.well-known/openid-configuration");
    let metadata = Answer::of(metadata).await.body;
    for (member, value) in [
        ("request_parameter_supported", true),
        ("request_uri_parameter_supported", true),
        ("require_request_uri_registration", true),
    ] {
        assert_eq!(metadata[member], value, "{member}");
    }
    world.server.stop().await;
}

/// By reference a request is taken only from where the client registered; anything else is refused,
/// and not ignored.
const NOT_TAKEN: &[&str] = &["invalid_request_uri"];
