//! Pushed requests and signed ones. RFC 9126, RFC 9101.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_server::clock::Clock as _;
use grantor_testkit::Answer;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::world::{CALLBACK, World, challenge, shop, with};

impl World {
    /// What a push of the shop is answered.
    async fn push(&self, more: &[(&str, &str)]) -> Answer {
        let url = self.request(more);
        let (_, query) = url.split_once('?').expect("a query");
        let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .filter(|(name, _)| name != "client_id")
            .collect();
        let request = self.server.request(reqwest::Method::POST, "/oauth2/par");
        Answer::of(request.basic_auth("shop", Some(&self.secret)).form(&fields)).await
    }

    async fn pushed(&self, more: &[(&str, &str)]) -> String {
        let answer = self.push(more).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["request_uri"].as_str().expect("a reference").to_owned()
    }

    fn by_reference(&self, client: &str, reference: &str, more: &str) -> String {
        let reference = reference.replace(':', "%3A");
        format!(
            "{}/oauth2/authorize?client_id={client}&request_uri={reference}{more}",
            self.server.issuer
        )
    }
}

#[tokio::test]
async fn sec_034_trap_048_trap_052_a_pushed_request_works_until_it_is_answered_and_once() {
    let world = World::new().await;
    let answer = world.push(&[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        (answer.body["expires_in"].as_u64(), answer.header("cache-control")),
        (Some(60), "no-store")
    );
    let reference = answer.body["request_uri"].as_str().unwrap();
    assert!(reference.starts_with("urn:ietf:params:oauth:request_uri:"));
    let url = world.by_reference("shop", reference, "");
    let browser = world.browser();
    browser.open(&url).await;
    let page = browser.open(&url).await;
    assert!(page.has("login-form"), "a reload works: {}", page.text);
    let seen = world.sign_in(&browser, &page, "anna").await;
    let again = seen.clone();
    let seen = world.agree(&browser, &seen).await;
    assert_eq!(seen.answer()["state"], "s-1");
    assert_eq!(world.redeem(&seen.answer()["code"]).await.status, 200);
    // Used: by its address, and by a page that is still open.
    let late = browser.open(&url).await;
    assert_eq!((late.status.as_u16(), late.error().as_deref()), (400, Some("invalid_request_uri")));
    let twice = world.agree(&browser, &again).await;
    assert_eq!(twice.answer()["error"], "invalid_request_uri");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_034_sec_035_trap_051_it_is_its_clients_alone_and_nothing_beside_it_counts() {
    let world = World::new().await;
    world.client(&with(shop(), &json!({ "id": "web2" }))).await;
    let reference = world.pushed(&[]).await;
    let foreign = world.browser().open(&world.by_reference("web2", &reference, "")).await;
    assert_eq!((foreign.status.as_u16(), foreign.location()), (400, None));
    let mut guessed = reference.clone();
    guessed.replace_range(guessed.len() - 2.., "AA");
    let unknown = world.browser().open(&world.by_reference("shop", &guessed, "")).await;
    assert_eq!(unknown.error().as_deref(), Some("invalid_request_uri"));
    let extras = "&scope=admin&state=evil&redirect_uri=https%3A%2F%2Fevil.example&prompt=none";
    let seen = world.browser().open(&world.by_reference("shop", &reference, extras)).await;
    assert!(seen.has("login-form"), "{}", seen.text);
    world.server.clock.advance(SignedDuration::from_secs(61));
    let late = world.browser().open(&world.by_reference("shop", &reference, "")).await;
    assert_eq!(late.error().as_deref(), Some("invalid_request_uri"));
    world.server.stop().await;
}

#[tokio::test]
async fn trap_049_trap_050_sec_020_what_is_wrong_is_said_at_once_in_json_and_in_the_log() {
    let world = World::new().await;
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request"),
        (&[("redirect_uri", "https://evil.example/cb")], "invalid_request"),
        (&[("redirect_uri", "")], "invalid_request"),
        (&[("response_type", "bogus")], "unsupported_response_type"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("scope", "openid admin")], "invalid_scope"),
        (&[("request", "notajwt")], "invalid_request_object"),
        (&[("resource", "https://elsewhere.example")], "invalid_target"),
    ];
    for (more, error) in cases {
        let answer = world.push(more).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (400, &json!(error)),
            "{more:?}"
        );
        assert_eq!(answer.header("location"), "", "{more:?}");
    }
    world.logged("authorize.rejected").await;
    let get = Answer::of(world.server.request(reqwest::Method::GET, "/oauth2/par")).await;
    assert_eq!(get.status, 405);
    let nobody = world.server.request(reqwest::Method::POST, "/oauth2/par");
    let nobody = nobody.basic_auth("shop", Some("wrong")).form(&[("response_type", "code")]);
    assert_eq!(Answer::of(nobody).await.status, 401);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_035_trap_053_a_client_that_must_push_cannot_do_without() {
    let world = World::new().await;
    let par = with(shop(), &json!({ "id": "par1", "authorization": { "require_par": true } }));
    world.client(&par).await;
    let seen = world.browser().open(&world.request(&[("client_id", "par1")])).await;
    assert_eq!(seen.answer()["error"], "invalid_request");
    world.server.stop().await;
}

/// A client with a key, and what it signs.
struct Signing {
    key: SigningKey,
}

impl Signing {
    async fn register(world: &World, more: &Value) -> Self {
        let key = SigningKey::generate(Algorithm::Es256, None).expect("a key");
        let jwks = json!({ "keys": [serde_json::to_value(key.public_jwk()).expect("JSON")] });
        let client =
            with(shop(), &json!({ "id": "jar1", "auth_method": "private_key_jwt", "jwks": jwks }));
        world.client(&with(client, more)).await;
        Self { key }
    }

    fn object(&self, world: &World, more: &Value) -> String {
        let now = world.server.clock.now().as_second();
        let claims = json!({
            "iss": "jar1", "aud": world.server.issuer, "exp": now + 300, "client_id": "jar1",
            "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid wishlist.read",
            "state": "inside", "code_challenge": challenge(), "code_challenge_method": "S256",
        });
        let claims = with(claims, more);
        Signer::new(&self.key, None).sign(claims.to_string().as_bytes()).expect("signed")
    }
}

#[tokio::test]
async fn sec_032_trap_042_trap_043_only_what_the_client_signed_counts() {
    let world = World::new().await;
    let jar = Signing::register(&world, &json!({})).await;
    let object = jar.object(&world, &json!({ "prompt": "none" }));
    let outside = [
        ("client_id", "jar1"),
        ("request", &*object),
        ("state", "outside"),
        ("redirect_uri", "https://evil.example/cb"),
    ];
    let seen = world.browser().open(&world.request(&outside)).await;
    let answer = seen.answer();
    assert!(seen.location().unwrap().starts_with(CALLBACK));
    assert_eq!((&*answer["state"], &*answer["error"]), ("inside", "login_required"));
    // SEC-026 (4): a challenge outside does not make up for one that is missing inside.
    let bare =
        jar.object(&world, &json!({ "code_challenge": null, "code_challenge_method": null }));
    let seen =
        world.browser().open(&world.request(&[("client_id", "jar1"), ("request", &bare)])).await;
    assert_eq!(seen.answer()["error"], "invalid_request");
    // What cannot be verified has no redirect URI to trust (trap 47).
    for bad in ["notajwt", &jar.object(&world, &json!({ "aud": "https://evil.example" }))] {
        let seen =
            world.browser().open(&world.request(&[("client_id", "jar1"), ("request", bad)])).await;
        assert_eq!((seen.status.as_u16(), seen.location()), (400, None));
        assert_eq!(seen.error().as_deref(), Some("invalid_request_object"));
    }
    let shops = world.request(&[("request", &object)]);
    assert_eq!(world.browser().open(&shops).await.status, 400, "another client's");
    world.server.stop().await;
}

#[tokio::test]
async fn sec_035_a_client_that_must_sign_cannot_do_without() {
    let world = World::new().await;
    let must = json!({ "authorization": { "require_signed_request": true } });
    let jar = Signing::register(&world, &must).await;
    let plain = world.browser().open(&world.request(&[("client_id", "jar1")])).await;
    assert_eq!(plain.answer()["error"], "invalid_request");
    let object = jar.object(&world, &json!({}));
    let signed = world.request(&[("client_id", "jar1"), ("request", &object)]);
    assert!(world.browser().open(&signed).await.has("login-form"));
    world.server.stop().await;
}

#[tokio::test]
async fn sec_033_nothing_is_fetched_from_where_a_client_did_not_register() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("https://{}/r", listener.local_addr().unwrap());
    let registered = json!({ "id": "refs", "authorization": { "request_uris": [here] } });
    let made = world.server.post("/api/v1/clients", &world.admin, &with(shop(), &registered)).await;
    for uri in
        [&*here, "https://169.254.169.254/latest", "file:///etc/passwd", "http://127.0.0.1:9/"]
    {
        let seen = world.browser().open(&world.request(&[("request_uri", uri)])).await;
        assert_eq!(seen.answer()["error"], "invalid_request_uri", "{uri}");
    }
    if made.status == 201 {
        // Registered, but no public address: the guard lets nothing out.
        let more = [("client_id", "refs"), ("request_uri", &*here)];
        let seen = world.browser().open(&world.request(&more)).await;
        assert_eq!(seen.error().as_deref(), Some("invalid_request_uri"));
    }
    let seen = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(seen.is_err(), "somebody connected");
    world.server.stop().await;
}
