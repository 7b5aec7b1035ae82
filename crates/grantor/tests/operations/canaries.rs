//! Everything secret goes through a server that writes down all it can, and is found nowhere: not in the
//! log, not in the audit log or its export, not among the metrics, not in an error, not in the database.
//! SEC-189, SEC-094, SEC-159.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_testkit::{Seen, TestBrowser};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

const OF_JANE: &str = "canary-password-of-jane-0815";
const NEW: &str = "canary-new-password-of-jane-0816";
const WRONG: &str = "canary-wrong-password-0817";
const VERIFIER: &str = "canary-verifier-that-is-long-enough-to-be-one-4343";
const CHALLENGE: &str = "Tn_sEwHWULg-UKzYnFsQYCroX_6BA96X8vn4XNynepk";
const BACK: &str = "https://shop.example/cb";
/// In an address, which nobody writes down.
const STATE: &str = "canary-state-of-a-request";

/// What was secret, and what programs and people were told about what went wrong.
struct Run {
    world: World,
    key: SigningKey,
    browser: TestBrowser,
    web: String,
    secrets: Vec<(String, String)>,
    told: Vec<String>,
}

impl Run {
    async fn start() -> Self {
        let world = World::on(None, &[("GRANTOR_LOG", "trace")]).await;
        let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
        let jwks = json!({ "keys": [serde_json::to_value(key.public_jwk()).unwrap()] });
        let web = json!({
            "id": "web", "name": "Web", "auth_method": "client_secret_basic", "jwks": jwks,
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "scopes": ["uid", "openid", "email", "offline_access"], "redirect_uris": [BACK],
        });
        let made = world.post("clients", &web).await;
        let signs = json!({
            "id": "signs", "auth_method": "private_key_jwt", "jwks": jwks,
            "grant_types": ["client_credentials"], "scopes": ["uid"],
        });
        world.post("clients", &signs).await;
        let jane = json!({ "realm": "customers", "name": "jane", "email": "jane@example.org" });
        let jane = world.post("users", &jane).await["id"].as_str().unwrap().to_owned();
        world.post(&format!("users/{jane}/password"), &json!({ "password": OF_JANE })).await;
        let browser = TestBrowser::at(&world.url);
        let web = made["client_secret"].as_str().unwrap().to_owned();
        let mut run = Self { world, key, browser, web, secrets: Vec::new(), told: Vec::new() };
        for (what, secret) in [
            ("a password", OF_JANE),
            ("a new password", NEW),
            ("a wrong password", WRONG),
            ("the robot's password", PASSWORD),
            ("a verifier", VERIFIER),
        ] {
            run.keep(what, secret);
        }
        for (what, secret) in [
            ("a client secret", run.web.clone()),
            ("the administrator's secret", run.world.admin.1.clone()),
            ("the one-time secret", run.world.bootstrap.clone()),
            ("the master key", std::fs::read_to_string(run.world.path("grantor.key")).unwrap()),
        ] {
            run.keep(what, secret.trim());
        }
        run
    }

    fn keep(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 16, "{what} is too short to be recognised: {secret}");
        self.secrets.push((what.to_owned(), secret.to_owned()));
    }

    /// Keeps the secrets of an answer.
    fn keep_all(&mut self, answer: &Value) {
        for member in [
            "access_token",
            "refresh_token",
            "id_token",
            "client_secret",
            "registration_access_token",
            "request_uri",
        ] {
            if let Some(secret) = answer[member].as_str() {
                self.keep(member, secret);
            }
        }
    }

    /// Asks as a program.
    async fn ask(&mut self, request: RequestBuilder) -> (StatusCode, Value) {
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match status.is_success() {
            true => self.keep_all(&body),
            false => self.told.push(text),
        }
        (status, body)
    }

    /// Asks as the web client, with its secret.
    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let request = self.world.http.post(format!("{}{path}", self.world.url));
        let request = request.basic_auth("web", Some(&self.web)).form(form);
        self.ask(request).await
    }

    fn saw(&mut self, seen: &Seen) {
        // Forms carry what belongs to them; errors carry nothing, and no page what was typed.
        if seen.error().is_some() {
            self.told.push(seen.text.clone());
        }
        for typed in [OF_JANE, NEW, WRONG] {
            assert!(!seen.text.contains(typed), "{typed} is on the page {}", seen.url);
        }
        let (_, query) = seen.url.split_once('?').unwrap_or_default();
        let tx = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "tx");
        if let Some((_, tx)) = tx {
            self.keep("a transaction", &tx);
        }
        for (_, cookie) in self.browser.cookies() {
            for secret in cookie.split('~').filter(|secret| secret.len() >= 16) {
                self.secrets.push(("a cookie".to_owned(), secret.to_owned()));
            }
        }
    }

    fn object(&self, more: &Value) -> String {
        let now = SystemClock.now().as_second();
        let mut claims = json!({ "aud": self.world.url, "iat": now, "exp": now + 120 });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        Signer::new(&self.key, None).sign(claims.to_string().as_bytes()).unwrap()
    }
}

/// An authorization request of the web client.
fn request(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let good = [
        ("client_id", "web"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid email offline_access"),
        ("prompt", "consent"),
        ("state", STATE),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    good.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn query(pairs: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("/oauth2/authorize?{}", query.extend_pairs(pairs).finish())
}

impl Run {
    /// Signs in, after two failures, one of which wants to write log lines of its own.
    async fn sign_in(&mut self) {
        let seen = self.browser.open(&query(&request(&[]))).await;
        self.saw(&seen);
        let form = seen.form("login-form");
        let forged = "a\n{\"level\":\"info\",\"user\":\"admin\"}\u{1b}[2J";
        for (name, password) in [(forged, WRONG), ("jane", WRONG)] {
            let fields = form.with(&[("username", name), ("password", password), ("next", "on")]);
            let agent = [("user-agent", "canary \t]0;x agent")];
            let seen = self.browser.post(&form.action, &fields, &agent).await;
            self.saw(&seen);
        }
        let fields = [("username", "jane"), ("password", OF_JANE), ("next", "on")];
        let seen = self.browser.submit(&form, &fields).await;
        self.saw(&seen);
        let seen = self.agree(&seen).await;
        self.keep("a code", &seen);
        self.redeem(&seen).await;
    }

    async fn agree(&mut self, seen: &Seen) -> String {
        let form = seen.form("consent-form");
        let seen = self.browser.submit(&form, &[("decision", "approve")]).await;
        self.saw(&seen);
        seen.answer()["code"].clone()
    }

    async fn code(&mut self) -> String {
        let seen = self.browser.open(&query(&request(&[]))).await;
        self.saw(&seen);
        let code = self.agree(&seen).await;
        self.keep("a code", &code);
        code
    }

    /// Everything that happens to a code and what it buys.
    async fn redeem(&mut self, code: &str) {
        let form = |code, verifier| {
            [
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", BACK),
                ("code_verifier", verifier),
            ]
        };
        let wrong = "canary-wrong-verifier-that-is-long-enough-to-be-one";
        self.keep("a wrong verifier", wrong);
        let other = self.code().await;
        self.post("/oauth2/token", &form(&other, wrong)).await;
        let (status, bought) = self.post("/oauth2/token", &form(code, VERIFIER)).await;
        assert_eq!(status, StatusCode::OK, "{bought}");
        let text = |name: &str| bought[name].as_str().unwrap().to_owned();
        let (access, refresh, id) = (text("access_token"), text("refresh_token"), text("id_token"));
        for (path, token) in [("introspect", &access), ("introspect", &refresh), ("revoke", &id)] {
            self.post(&format!("/oauth2/{path}"), &[("token", token)]).await;
        }
        for path in ["userinfo", "tokeninfo", "nowhere"] {
            let url = format!("{}/oauth2/{path}", self.world.url);
            let get = self.world.http.get(&url).bearer_auth(&access);
            self.ask(get).await;
            let get = self.world.http.get(format!("{url}?access_token={access}"));
            self.ask(get).await;
        }
        let again = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
        let (status, _) = self.post("/oauth2/token", &again).await;
        assert_eq!(status, StatusCode::OK);
        self.post("/oauth2/revoke", &[("token", &access)]).await;
        // Used twice: everything that came of it ends.
        let (status, _) = self.post("/oauth2/token", &form(code, VERIFIER)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        self.post("/oauth2/token", &again).await;
    }

    /// Credentials of clients: right, wrong, and where they do not belong.
    async fn clients(&mut self) {
        let own = [("grant_type", "client_credentials"), ("scope", "uid")];
        self.post("/oauth2/token", &own).await;
        let url = format!("{}/oauth2/token", self.world.url);
        let (wrong, http) = ("canary-of-a-wrong-secret", self.world.http.clone());
        self.keep("a wrong secret", wrong);
        for request in [
            http.post(&url).basic_auth("web", Some(wrong)).form(&own),
            http.post(&url).form(&[("client_id", "web"), ("client_secret", wrong)]),
            http.post(&url).json(&json!({ "client_secret": wrong })),
            http.post(format!("{url}?client_secret={wrong}")).form(&own),
            http.get(format!("{url}?client_secret={wrong}")),
            http.post(&url).header("authorization", format!("Basic {wrong}")).form(&own),
            http.get(format!("{}/{wrong}?x={wrong}", self.world.url)),
        ] {
            self.ask(request).await;
        }
        let names = json!({ "iss": "signs", "sub": "signs", "jti": "1" });
        let good = self.object(&names);
        let foreign = self.object(&json!({ "iss": "signs", "sub": "web", "jti": "2" }));
        for assertion in [&good, &good, &foreign] {
            self.keep("an assertion", assertion);
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ];
            let request = http.post(&url).form(&form);
            self.ask(request).await;
        }
        let form = [("grant_type", "password"), ("username", "robot"), ("password", PASSWORD)];
        let stups = format!("{}/z/oauth2/access_token?realm=/services", self.world.url);
        let (id, secret) = self.world.shop.clone();
        self.keep("a client secret", &secret);
        for password in [PASSWORD, WRONG] {
            let form = form.map(|(n, v)| (n, if n == "password" { password } else { v }));
            let request = http.post(&stups).basic_auth(&id, Some(&secret)).form(&form);
            self.ask(request).await;
        }
    }

    /// Pushed and signed requests, registration, and the management API.
    async fn registrations(&mut self) {
        let pairs = request(&[]);
        let form: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, _) = self.post("/oauth2/par", &form).await;
        assert_eq!(status, StatusCode::CREATED);
        let object = self.object(&json!({ "iss": "web", "client_id": "web", "scope": "nothing" }));
        self.keep("a signed request", &object);
        let signed = [("client_id", "web".to_owned()), ("request", object)];
        let seen = self.browser.look(&query(&signed)).await;
        self.saw(&seen);
        let token = self.world.admin_token().await;
        self.keep("a token of the administrator", &token);
        let (http, url) = (self.world.http.clone(), self.world.url.clone());
        let api = |path: &str| format!("{url}/api/v1/{path}");
        let tenant = http.get(api("tenants/main")).bearer_auth(&token);
        let mut tenant = self.ask(tenant).await.1;
        tenant["settings"]["registration"] = json!("open");
        tenant.as_object_mut().unwrap().retain(|name, _| name != "name" && name != "version");
        let put = http.put(api("tenants/main")).bearer_auth(&token).header("if-match", "*");
        self.ask(put.json(&tenant)).await;
        let body = json!({ "redirect_uris": [BACK] });
        let (status, made) =
            self.ask(http.post(format!("{url}/oauth2/register")).json(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let own = made["registration_client_uri"].as_str().unwrap();
        let mine = made["registration_access_token"].as_str().unwrap();
        let wrong = json!({ "client_id": made["client_id"], "client_secret": WRONG });
        self.ask(http.put(own).bearer_auth(mine).json(&wrong)).await;
        self.ask(http.get(own).bearer_auth(&token)).await;
        self.ask(http.delete(own).bearer_auth(mine)).await;
        for (path, body) in [
            ("clients/web/secrets", json!({})),
            ("users/x/password", json!({ "password": WRONG })),
            ("users", json!({ "realm": "customers", "name": "x", "password": WRONG })),
            ("revocations", json!({ "token": token })),
            ("bootstrap", json!({ "secret": self.world.bootstrap })),
            ("bootstrap", json!({ "secret": WRONG, "x": 1 })),
        ] {
            self.ask(http.post(api(path)).bearer_auth(&token).json(&body)).await;
        }
    }

    /// The account, and the end of the session.
    async fn account(&mut self) {
        let page = self.browser.open("/account/password").await;
        let csrf = page.form("password-form").value("csrf").unwrap().to_owned();
        self.keep("a token of a form", &csrf);
        let headers = [("sec-fetch-site", "same-origin")];
        for (current, new) in [(WRONG, NEW), (OF_JANE, NEW)] {
            let fields = [("csrf", &*csrf), ("current", current), ("new", new), ("again", new)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let seen = self.browser.post("/account/password", &fields, &headers).await;
            self.saw(&seen);
        }
        let id = self.secrets.iter().find(|(what, _)| what == "id_token").unwrap().1.clone();
        for hint in [format!("{id}x"), id] {
            let seen =
                self.browser.look(&format!("/oauth2/end_session?id_token_hint={hint}")).await;
            self.saw(&seen);
        }
    }

    /// Everything that the server wrote: what, and whether requests may be in it.
    async fn written(&self) -> Vec<(&'static str, Vec<u8>)> {
        self.world.linked().await;
        self.world.grantor(&["audit", "export", "-o", "log.jsonl"]).good();
        let tail = self.world.grantor(&["audit", "tail", "-n", "10000", "-o", "json"]).good();
        let metrics = format!("{}/metrics", self.world.operations);
        let metrics = self.world.http.get(metrics).send().await.unwrap().text().await.unwrap();
        let file = |name: &str| std::fs::read(self.world.path(name)).unwrap();
        vec![
            ("the log", file("err.log")),
            ("the audit log", tail.into_bytes()),
            ("its export", file("log.jsonl")),
            ("the metrics", metrics.into_bytes()),
            ("an error", self.told.join("\n").into_bytes()),
            ("the database", file("grantor.db")),
            ("its journal", file("grantor.db-wal")),
        ]
    }
}

fn holds(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[tokio::test]
async fn sec_189_sec_094_sec_015_no_secret_is_written_down_anywhere_at_any_level() {
    let mut run = Run::start().await;
    run.sign_in().await;
    run.clients().await;
    run.registrations().await;
    // HTTP/2 has logs of its own.
    run.world.http = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    run.clients().await;
    run.account().await;
    run.secrets.sort();
    run.secrets.dedup();
    let kinds: std::collections::BTreeSet<_> = run.secrets.iter().map(|(what, _)| what).collect();
    for what in ["a code", "a cookie", "an assertion", "refresh_token", "registration_access_token"]
    {
        assert!(kinds.contains(&what.to_owned()), "no {what} among {kinds:?}");
    }
    for (place, content) in run.written().await {
        assert!(content.len() > 200, "{place} is empty");
        for (what, secret) in &run.secrets {
            assert!(!holds(&content, secret), "{what} is in {place}");
            // Nor the part of it that is not its name.
            let tail = &secret[secret.len().saturating_sub(22)..];
            assert!(!holds(&content, tail), "the end of {what} is in {place}");
        }
    }
    let log = run.world.log();
    assert!(!log.contains(STATE) && !log.contains("code_challenge"), "an address is in the log");
    assert!(!log.contains('\u{1b}'), "a terminal would be told something");
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("no object: {line}"));
        assert!(line["level"].is_string() && line.get("user").is_none(), "{line}");
    }
    run.world.stop();
}
