//! A shop, its customers, and the way of a browser through the pages.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::digest::sha256;
use grantor_testkit::{Answer, Seen, TestBrowser, TestServer};
use serde_json::{Value, json};

/// What everybody has for a password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Where the shop wants its answers.
pub(crate) const CALLBACK: &str = "https://shop.example/cb";

/// A verifier, and what is made of it.
pub(crate) const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-43-characters";

pub(crate) fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(sha256(VERIFIER.as_bytes()))
}

/// A server with a catalogue, customers and a shop.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) admin: String,
    /// By name
    pub(crate) users: BTreeMap<String, String>,
    /// Of the client `shop`
    pub(crate) secret: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(TestServer::start().await).await
    }

    pub(crate) async fn on(server: TestServer) -> Self {
        let admin = server.admin_token().await;
        let mut world = Self { server, admin, users: BTreeMap::new(), secret: String::new() };
        let realm = json!({ "default_scopes": ["uid"] });
        world.server.put("/api/v1/realms/customers", &world.admin, &realm).await;
        world.catalogue().await;
        for name in ["anna", "bert"] {
            world.user("customers", name).await;
        }
        let shop = world.client(&shop()).await;
        shop["client_secret"].as_str().expect("a secret").clone_into(&mut world.secret);
        world
    }

    async fn catalogue(&self) {
        let kind = json!({
            "id": "wishlist", "name": "Wishlist", "owners": ["customers"],
            "audience": "https://wishes.example",
        });
        self.server.made("/api/v1/resource-types", &self.admin, &kind).await;
        for (scope, text) in [("read", "See your wishlist"), ("write", "Add to your wishlist")] {
            let scope = json!({
                "token": format!("wishlist.{scope}"), "resource_type": "wishlist",
                "rule": { "granted": "owner" }, "summary": { "en": text },
            });
            self.server.made("/api/v1/scopes", &self.admin, &scope).await;
        }
        // Whatever the server does not bring along itself.
        for (scope, rule) in [
            ("openid", "identity"),
            ("profile", "identity"),
            ("email", "identity"),
            ("offline_access", "always"),
        ] {
            let body = json!({
                "token": scope, "rule": { "granted": rule }, "summary": { "en": scope },
            });
            self.server.post("/api/v1/scopes", &self.admin, &body).await;
        }
    }

    /// Waits until the audit log has something: what anybody can cause is written with others, a moment
    /// later.
    pub(crate) async fn logged(&self, what: &str) {
        let look = async {
            let log = "/api/v1/audit?kind=token.issued";
            while !self.server.get(log, &self.admin).await.text.contains(what) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), look).await.expect(what);
    }

    pub(crate) async fn user(&mut self, realm: &str, name: &str) {
        let user = json!({ "realm": realm, "name": name, "display_name": name });
        let user = self.server.made("/api/v1/users", &self.admin, &user).await;
        let id = user["id"].as_str().expect("an id").to_owned();
        let set = json!({ "password": PASSWORD });
        let path = format!("/api/v1/users/{id}/password");
        let set = self.server.post(&path, &self.admin, &set).await;
        assert_eq!(set.status, 204, "{}", set.text);
        self.users.insert(name.to_owned(), id);
    }

    /// Registers a client.
    pub(crate) async fn client(&self, client: &Value) -> Value {
        self.server.made("/api/v1/clients", &self.admin, client).await
    }

    pub(crate) fn browser(&self) -> TestBrowser {
        TestBrowser::new(&self.server)
    }

    /// The address of an authorization request of the shop, with these parameters more or instead.
    pub(crate) fn request(&self, more: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let mut params: Vec<(&str, &str)> = vec![
            ("client_id", "shop"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid wishlist.read wishlist.write"),
            ("state", "s-1"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        params.retain(|(name, _)| more.iter().all(|(new, _)| new != name));
        params.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params);
        format!("{}/oauth2/authorize?{}", self.server.issuer, query.finish())
    }

    /// Signs in on the page that is shown.
    pub(crate) async fn sign_in(&self, browser: &TestBrowser, seen: &Seen, name: &str) -> Seen {
        let form = seen.form("login-form");
        browser.submit(&form, &[("username", name), ("password", PASSWORD), ("next", "on")]).await
    }

    /// Agrees on the page that is shown.
    pub(crate) async fn agree(&self, browser: &TestBrowser, seen: &Seen) -> Seen {
        browser.submit(&seen.form("consent-form"), &[("decision", "approve")]).await
    }

    /// The whole way: sign in, agree, back at the shop.
    pub(crate) async fn code(&self, browser: &TestBrowser, name: &str) -> String {
        let seen = browser.open(&self.request(&[])).await;
        let seen = self.sign_in(browser, &seen, name).await;
        let seen = if seen.has("consent-form") { self.agree(browser, &seen).await } else { seen };
        seen.answer()["code"].clone()
    }

    /// What the token endpoint says to a code.
    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.redeem_as("shop", &self.secret, code).await
    }

    pub(crate) async fn redeem_as(&self, client: &str, secret: &str, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let request = self.server.request(reqwest::Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth(client, Some(secret)).form(&form)).await
    }
}

/// The shop: a confidential web client.
pub(crate) fn shop() -> Value {
    json!({
        "id": "shop",
        "name": "Shoe shop",
        "auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [CALLBACK],
        "realms": ["customers"],
        "scopes": ["openid", "profile", "email", "offline_access", "wishlist.read", "wishlist.write"],
    })
}

/// With these members instead.
pub(crate) fn with(mut client: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        client[name] = value.clone();
    }
    client
}
