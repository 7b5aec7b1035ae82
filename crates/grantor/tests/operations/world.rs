//! A server of its own for each test, with an administrator and a client.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a database, and the server on it.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) http: Client,
    pub(crate) url: String,
    pub(crate) operations: String,
    /// What the configuration says besides
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) child: Option<Child>,
    pub(crate) admin: (String, String),
    pub(crate) shop: (String, String),
    /// The one-time secret that was printed
    pub(crate) bootstrap: String,
}

/// The result of a command.
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Self { ok: output.status.success(), out, err }
    }

    /// What it printed, if it went well.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert!(self.ok, "{}{}", self.out, self.err);
        self.out
    }

    /// What was wrong.
    #[track_caller]
    pub(crate) fn bad(self) -> String {
        assert!(!self.ok, "it went well: {}", self.out);
        self.out + &self.err
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl World {
    /// On an embedded database.
    pub(crate) async fn start() -> Self {
        Self::on(None, &[]).await
    }

    /// On a database, with settings.
    pub(crate) async fn on(database: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, operations) = (free_port(), free_port());
        let embedded = format!("sqlite:{}", folder.path().join("grantor.db").display());
        let mut all = vec![
            ("GRANTOR_DATABASE_URL".to_owned(), database.map_or(embedded, str::to_owned)),
            ("GRANTOR_SERVER_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("GRANTOR_SERVER_OPERATIONS_LISTEN".to_owned(), format!("127.0.0.1:{operations}")),
        ];
        all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut world = Self {
            folder,
            http: Client::new(),
            url: format!("http://127.0.0.1:{port}"),
            operations: format!("http://127.0.0.1:{operations}"),
            settings: all,
            child: None,
            admin: Default::default(),
            shop: Default::default(),
            bootstrap: String::new(),
        };
        world.serve().await;
        world.people().await;
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// The program with the settings of this world.
    pub(crate) fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_grantor"));
        program.env_clear().current_dir(self.folder.path());
        program.env("HOME", self.folder.path()).env("PATH", std::env::var_os("PATH").unwrap());
        program.envs(self.settings.iter().map(|(name, value)| (name, value)));
        program
    }

    /// Runs a command to its end.
    pub(crate) fn grantor(&self, args: &[&str]) -> Said {
        Said::new(&self.program().args(args).output().unwrap())
    }

    /// Starts the server and waits until it answers.
    pub(crate) async fn serve(&mut self) {
        let log = |name| Stdio::from(File::create(self.path(name)).unwrap());
        let mut program = self.program();
        let child = program.arg("serve").stdout(log("out.log")).stderr(log("err.log")).spawn();
        self.child = Some(child.unwrap());
        for _ in 0..600 {
            if let Ok(answer) = self.http.get(format!("{}/readyz", self.operations)).send().await
                && answer.status() == StatusCode::OK
            {
                return;
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("{status}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not answer: {}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("err.log")).unwrap_or_default()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until the server has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.take().unwrap().wait().unwrap()
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(&mut self) {
        self.signal("-TERM");
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// An administrator by the one-time secret, a client, and a service user.
    async fn people(&mut self) {
        let mut said = String::new();
        for _ in 0..200 {
            said = std::fs::read_to_string(self.path("out.log")).unwrap();
            if said.contains("one-time secret") && said.ends_with("\n\n") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.bootstrap = said.trim().rsplit(' ').next().unwrap().to_owned();
        let url = format!("{}/api/v1/bootstrap", self.url);
        let body = json!({ "secret": self.bootstrap });
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let made: Value = answer.json().await.unwrap();
        let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        self.admin = (text("client_id"), text("client_secret"));
        let credentials = json!({
            "server": self.url, "client_id": self.admin.0, "client_secret": self.admin.1,
        });
        let file = self.path("admin.json");
        std::fs::write(&file, credentials.to_string()).unwrap();
        self.set("GRANTOR_ADMIN_CREDENTIALS", file.to_str().unwrap());
        let realm = json!({ "services": true, "password_grant": true, "default_scopes": ["uid"] });
        self.replace("realms/services", &realm).await;
        self.shop = ("shop".to_owned(), self.client("shop").await);
        let user = json!({ "realm": "services", "name": "robot" });
        let made = self.post("users", &user).await;
        let password = json!({ "password": PASSWORD });
        self.post(&format!("users/{}/password", made["id"].as_str().unwrap()), &password).await;
    }

    /// A client that may do everything a test wants; returns its secret.
    pub(crate) async fn client(&self, id: &str) -> String {
        let client = json!({
            "id": id,
            "auth_method": "client_secret_basic",
            "grant_types": ["client_credentials", "password", "refresh_token"],
            "scopes": ["uid"],
            "default_scopes": ["uid"],
            "compat": { "password_grant": true },
        });
        let made = self.post("clients", &client).await;
        made["client_secret"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn admin_token(&self) -> String {
        let (id, secret) = self.admin.clone();
        let form = [("grant_type", "client_credentials")];
        let (status, answer) = self.ask_token(&id, &secret, &form).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url)).json(body);
        let answer = request.bearer_auth(self.admin_token().await).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn replace(&self, path: &str, body: &Value) {
        let (url, token) = (format!("{}/api/v1/{path}", self.url), self.admin_token().await);
        let found = self.http.get(&url).bearer_auth(&token).send().await.unwrap();
        let etag = found.headers()["etag"].clone();
        let request = self.http.put(&url).bearer_auth(&token).header("if-match", etag);
        let answer = request.json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    pub(crate) async fn ask_token(
        &self,
        id: &str,
        secret: &str,
        form: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/oauth2/token", self.url));
        let answer = request.basic_auth(id, Some(secret)).form(form).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    /// A token of the client itself.
    pub(crate) async fn token(&self) -> String {
        let form = [("grant_type", "client_credentials")];
        let (status, answer) = self.ask_token(&self.shop.0, &self.shop.1, &form).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A refresh token for the service user.
    pub(crate) async fn refresh_token(&self) -> String {
        let form = [
            ("grant_type", "password"),
            ("username", "robot"),
            ("password", PASSWORD),
            ("realm", "services"),
        ];
        let (status, answer) = self.ask_token(&self.shop.0, &self.shop.1, &form).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["refresh_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub(crate) async fn refresh(&self, token: &str) -> StatusCode {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.ask_token(&self.shop.0, &self.shop.1, &form).await.0
    }

    /// The successor of a refresh token.
    pub(crate) async fn rotate(&self, token: &str) -> String {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let (status, answer) = self.ask_token(&self.shop.0, &self.shop.1, &form).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["refresh_token"].as_str().unwrap().to_owned()
    }

    /// Whether the server takes an access token for good.
    pub(crate) async fn is_live(&self, token: &str) -> bool {
        let url = format!("{}/oauth2/tokeninfo", self.url);
        let answer = self.http.get(url).bearer_auth(token).send().await.unwrap();
        answer.status() == StatusCode::OK
    }

    pub(crate) async fn revoke(&self, token: &str) {
        let request = self.http.post(format!("{}/oauth2/revoke", self.url));
        let request = request.basic_auth(&self.shop.0, Some(&self.shop.1));
        let answer = request.form(&[("token", token)]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    /// The ids of the published keys that sign access tokens.
    pub(crate) async fn kids(&self) -> Vec<String> {
        let answer = self.http.get(format!("{}/oauth2/jwks", self.url)).send().await.unwrap();
        let set: Value = answer.json().await.unwrap();
        let keys = set["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == "ES256");
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until what was committed is linked.
    pub(crate) async fn linked(&self) {
        tokio::time::sleep(Duration::from_millis(1_400)).await;
    }
}

/// Of the service user.
pub(crate) const PASSWORD: &str = "canary-password-of-the-robot-4711";

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Copies a file that nobody writes.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}
