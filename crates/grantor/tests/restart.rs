//! What a server still knows after it was killed, and how it behaves when too much is asked of it.
#![expect(clippy::unwrap_used, reason = "what the tests share fails as they do")]

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantor_testkit::TestBrowser;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn sec_064_rel_029_after_a_kill_tokens_work_and_reuse_is_noticed() {
    let mut server = Server::start().await;
    server.prepare().await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(refresh_token(server.sign_in().await).await);
    }
    let [first, untouched] = <[String; 2]>::try_from(tokens).unwrap();
    let second = refresh_token(server.refresh(&first).await).await;
    let third = refresh_token(server.refresh(&second).await).await;

    server.kill_and_start_again().await;

    let other = server.refresh(&untouched).await;
    assert_eq!(other.status(), StatusCode::OK, "a grant that nobody touched is there");
    let reused = server.refresh(&first).await;
    assert_eq!(reused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(reused.json::<Value>().await.unwrap()["error"], "invalid_grant");
    let successor = server.refresh(&third).await;
    assert_eq!(successor.status(), StatusCode::BAD_REQUEST, "reuse ends the family");
}

/// How many people sign in while the server is killed.
const PEOPLE: usize = 6;

/// What a browser was told before the server died.
#[derive(Clone)]
struct Told {
    cookies: BTreeMap<String, String>,
    agreed: bool,
}

/// What everybody was told, and how often somebody was told something.
struct Acknowledged {
    told: Mutex<HashMap<usize, Told>>,
    times: Semaphore,
}

impl Acknowledged {
    /// Writes down that somebody is signed in; whoever agreed once has agreed.
    fn note(&self, person: usize, browser: &TestBrowser, consented: bool) {
        let mut told = self.told.lock().unwrap();
        let agreed = consented || told.get(&person).is_some_and(|told| told.agreed);
        told.insert(person, Told { cookies: browser.cookies(), agreed });
        self.times.add_permits(1);
    }

    /// Until somebody was told something so many times. Of more than two things that six people are
    /// told each, somebody's second is that she has agreed.
    async fn reaches(&self, times: usize) {
        let all = self.times.acquire_many(u32::try_from(times).unwrap());
        tokio::time::timeout(Duration::from_mins(1), all).await.unwrap().unwrap().forget();
    }
}

/// Killed at moments that nobody chose, while people sign in and agree: whoever was told that she is
/// signed in still is, and whoever was sent back with a code has agreed.
#[tokio::test(flavor = "multi_thread")]
async fn rel_001_rel_029_no_acknowledged_sign_in_or_consent_is_lost_to_a_kill() {
    let mut server = Server::start().await;
    server.prepare().await;
    let (mut signed_in, mut agreed) = (0, 0);
    for round in 0..4 {
        let told = Arc::new(Acknowledged { told: Mutex::default(), times: Semaphore::new(0) });
        let mut people = JoinSet::new();
        for person in 0..PEOPLE {
            let (issuer, told) = (server.issuer.clone(), Arc::clone(&told));
            people.spawn(walk(issuer, person, told));
        }
        told.reaches(1 + 4 * round).await;
        server.kill_and_start_again().await;
        people.shutdown().await;
        let told = told.told.lock().unwrap().clone();
        for (person, told) in &told {
            let browser = TestBrowser::at(&server.issuer);
            browser.set_cookies(told.cookies.clone());
            let seen = browser.open(&format!("{}&prompt=none", request(&server.issuer))).await;
            let answer = seen.answer();
            let error = answer.get("error").map(String::as_str);
            assert_ne!(error, Some("login_required"), "{round}: the session of p{person} is gone");
            assert!(!told.agreed || error.is_none(), "{round}: p{person} had agreed: {answer:?}");
            signed_in += 1;
            agreed += usize::from(told.agreed);
        }
    }
    assert!(signed_in > 0 && agreed > 0, "it proves nothing: {signed_in} {agreed}");
}

fn request(issuer: &str) -> String {
    format!(
        "{issuer}/oauth2/authorize?client_id=shop&redirect_uri=https%3A%2F%2Fshop.example%2Fcb\
         &response_type=code&scope=uid&code_challenge_method=S256\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
}

/// Signs in and agrees again and again, in a new browser each time; writes down what it was told.
async fn walk(issuer: String, person: usize, told: Arc<Acknowledged>) {
    loop {
        let browser = TestBrowser::at(&issuer);
        let page = browser.open(&request(&issuer)).await;
        let name = format!("p{person}");
        let fields = page.form("login-form").with(&[("username", &name), ("password", PASSWORD)]);
        let seen = browser.post("/sign-in", &fields, &[]).await;
        assert_eq!(seen.status, 303, "{}", seen.text);
        told.note(person, &browser, false);
        let seen = browser.follow(seen).await;
        let seen = match seen.has("consent-form") {
            true => browser.submit(&seen.form("consent-form"), &[("decision", "approve")]).await,
            false => seen,
        };
        if seen.answer().contains_key("code") {
            told.note(person, &browser, true);
        }
    }
}

/// Far more passwords at once than can be hashed: the excess is told to come back, at once, and keys
/// and metadata are answered meanwhile.
#[tokio::test]
async fn rel_034_password_hashing_is_shed_and_keys_are_not() {
    let mut server = Server::start().await;
    server.prepare().await;
    let mut flood = JoinSet::new();
    for n in 0..400 {
        let (http, issuer, secret) =
            (server.http.clone(), server.issuer.clone(), server.secret.clone());
        flood.spawn(async move {
            let name = format!("nobody-{n}");
            let form = password_form(&name);
            let request = http.post(format!("{issuer}/oauth2/token"));
            request.basic_auth("shop", Some(secret)).form(&form).send().await.unwrap()
        });
    }
    for _ in 0..20 {
        let keys = server.http.get(format!("{}/oauth2/jwks", server.issuer)).send().await.unwrap();
        assert_eq!(keys.status(), StatusCode::OK);
    }
    let mut shed = 0;
    while let Some(answer) = flood.join_next().await {
        let answer = answer.unwrap();
        match answer.status().as_u16() {
            400 => {}
            429 | 503 => {
                assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
                shed += 1;
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert!(shed > 0, "nothing was shed");
}

fn password_form(name: &str) -> [(&'static str, String); 4] {
    [
        ("grant_type", "password".to_owned()),
        ("realm", "customers".to_owned()),
        ("username", name.to_owned()),
        ("password", PASSWORD.to_owned()),
    ]
}

async fn refresh_token(answer: Response) -> String {
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = answer.json().await.unwrap();
    body["refresh_token"].as_str().unwrap().to_owned()
}

/// A `grantor serve` on a database that outlives it.
struct Server {
    process: Child,
    issuer: String,
    /// The one-time secret of the first start; later that of the client `shop`.
    secret: String,
    http: Client,
    folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let issuer = format!("http://{address}");
        let mut process = serve(&folder, &issuer);
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let secret = lines.map_while(Result::ok).find(|line| line.trim().starts_with("gbs_"));
        let secret = secret.unwrap().trim().to_owned();
        let server = Self { process, issuer, secret, http: Client::new(), folder };
        server.answers().await;
        server
    }

    async fn kill_and_start_again(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = serve(&self.folder, &self.issuer);
        self.answers().await;
    }

    async fn answers(&self) {
        for _ in 0..600 {
            if self.http.get(format!("{}/oauth2/jwks", self.issuer)).send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not answer at {}", self.issuer)
    }

    /// A user `alice` of the customers, and the client `shop` that she signs in with.
    async fn prepare(&mut self) {
        let made = self.http.post(self.url("/bootstrap")).json(&json!({ "secret": self.secret }));
        let admin = json_of(made.send().await.unwrap()).await;
        let token = self.http.post(format!("{}/oauth2/token", self.issuer));
        let (id, secret) = (admin["client_id"].as_str(), admin["client_secret"].as_str());
        let token = token.basic_auth(id.unwrap(), secret);
        let token = token.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
        let token = json_of(token).await["access_token"].as_str().unwrap().to_owned();

        let realm = json!({ "password_grant": true, "default_scopes": ["uid"] });
        let realm = self.http.put(self.url("/realms/customers")).json(&realm);
        json_of(realm.bearer_auth(&token).header("if-match", "*").send().await.unwrap()).await;
        let post = |path: &str, body: Value| {
            self.http.post(self.url(path)).bearer_auth(&token).json(&body).send()
        };
        let people = (0..PEOPLE).map(|person| format!("p{person}"));
        for name in people.chain(["alice".to_owned()]) {
            let user = json!({ "realm": "customers", "name": name });
            let user = json_of(post("/users", user).await.unwrap()).await;
            let path = format!("/users/{}/password", user["id"].as_str().unwrap());
            let set = post(&path, json!({ "password": PASSWORD })).await.unwrap();
            assert!(set.status().is_success());
        }
        let client = json!({
            "id": "shop",
            "auth_method": "client_secret_basic",
            "grant_types": ["authorization_code", "password", "refresh_token"],
            "redirect_uris": ["https://shop.example/cb"],
            "scopes": ["uid"],
            "compat": { "password_grant": true },
        });
        let client = json_of(post("/clients", client).await.unwrap()).await;
        let secret = client["client_secret"].as_str().unwrap().to_owned();
        self.secret = secret;
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.issuer)
    }

    async fn sign_in(&self) -> Response {
        self.ask(&password_form("alice")).await
    }

    async fn refresh(&self, token: &str) -> Response {
        let grant = ("grant_type", "refresh_token".to_owned());
        self.ask(&[grant, ("refresh_token", token.to_owned())]).await
    }

    async fn ask(&self, form: &[(&str, String)]) -> Response {
        let request = self.http.post(format!("{}/oauth2/token", self.issuer));
        request.basic_auth("shop", Some(&self.secret)).form(form).send().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(folder: &TempDir, issuer: &str) -> Child {
    let address = issuer.trim_start_matches("http://");
    let database = format!("sqlite:{}", folder.path().join("grantor.db").display());
    let mut serve = Command::new(env!("CARGO_BIN_EXE_grantor"));
    serve.args(["serve", "--listen", address, "--database", &database]);
    serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

async fn json_of(answer: Response) -> Value {
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
