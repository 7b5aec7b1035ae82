//! A server with clients of every kind, set up through its own management API.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::process::{Pinned, until_answers};

/// The server, and the credentials for it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) server: Pinned,
    pub(crate) address: String,
    pub(crate) start: std::time::Duration,
    arguments: Vec<String>,
}

/// A client's Basic header.
pub(crate) type Basic = String;

impl World {
    /// Starts a server on an embedded database in `folder`.
    pub(crate) async fn start(
        grantor: &Path,
        folder: &Path,
        synchronous: &str,
    ) -> anyhow::Result<(Self, Option<String>)> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = folder.join("grantor.toml");
        std::fs::write(&config, format!("[database]\nsynchronous = \"{synchronous}\"\n"))?;
        let arguments = vec![
            "serve".to_owned(),
            "--config".to_owned(),
            config.display().to_string(),
            "--listen".to_owned(),
            format!("127.0.0.1:{port}"),
            "--database".to_owned(),
            format!("sqlite:{}", folder.join("bench.db").display()),
        ];
        Self::launch(grantor, format!("127.0.0.1:{port}"), arguments).await
    }

    async fn launch(
        grantor: &Path,
        address: String,
        arguments: Vec<String>,
    ) -> anyhow::Result<(Self, Option<String>)> {
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (server, mut lines) = Pinned::start(grantor, &texts)?;
        let start = until_answers(&address, "/oauth2/jwks").await?;
        let secret = tokio::time::timeout(std::time::Duration::from_millis(500), async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.trim().starts_with("gbs_") {
                    return Some(line.trim().to_owned());
                }
            }
            None
        });
        let secret = secret.await.ok().flatten();
        Ok((Self { server, address, start, arguments }, secret))
    }

    /// Stops the server and starts it again on the same database.
    pub(crate) async fn restart(self, grantor: &Path) -> anyhow::Result<Self> {
        let Self { server, address, arguments, .. } = self;
        server.stop().await?;
        Ok(Self::launch(grantor, address, arguments).await?.0)
    }
}

/// The management API, as an administrator.
#[derive(Debug)]
pub(crate) struct Admin {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Admin {
    /// Redeems the one-time secret.
    pub(crate) async fn bootstrap(address: &str, secret: &str) -> anyhow::Result<Self> {
        let (http, base) = (reqwest::Client::new(), format!("http://{address}"));
        let made = http.post(format!("{base}/api/v1/bootstrap")).json(&json!({ "secret": secret }));
        let made: Value = made.send().await?.error_for_status()?.json().await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let token = http
            .post(format!("{base}/oauth2/token"))
            .basic_auth(text(&made["client_id"]), Some(text(&made["client_secret"])))
            .form(&[("grant_type", "client_credentials")])
            .send()
            .await?
            .error_for_status()?;
        let token: Value = token.json().await?;
        Ok(Self { http, base, token: text(&token["access_token"]) })
    }

    /// Makes a thing.
    pub(crate) async fn create(&self, kind: &str, body: Value) -> anyhow::Result<Value> {
        self.send(reqwest::Method::POST, kind, None, body).await
    }

    /// Changes members of a thing.
    pub(crate) async fn change(&self, path: &str, members: Value) -> anyhow::Result<()> {
        let url = format!("{}/api/v1/{path}", self.base);
        let found =
            self.http.get(&url).bearer_auth(&self.token).send().await?.error_for_status()?;
        let etag = found.headers()["etag"].to_str()?.to_owned();
        let mut body: Value = found.json().await?;
        let whole = body.as_object_mut().context("an object")?;
        whole.remove("name");
        whole.extend(members.as_object().context("members")?.clone());
        self.send(reqwest::Method::PUT, path, Some(&etag), body).await?;
        Ok(())
    }

    async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        etag: Option<&str>,
        body: Value,
    ) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/{path}", self.base);
        let mut request = self.http.request(method, url).bearer_auth(&self.token).json(&body);
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{path}: {status} {text}");
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Makes a client; returns its Basic header.
    pub(crate) async fn client(&self, id: &str, more: Value) -> anyhow::Result<Basic> {
        let mut body = json!({ "id": id, "auth_method": "client_secret_basic",
            "grant_types": ["client_credentials"], "scopes": ["uid"], "default_scopes": ["uid"] });
        let members = body.as_object_mut().expect("an object");
        members.extend(more.as_object().context("members")?.clone());
        let made = self.create("clients", body).await?;
        let secret = made["client_secret"].as_str().context("no client_secret")?;
        Ok(format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}"))))
    }
}

impl World {
    /// The bytes of a form POST.
    pub(crate) fn post(&self, path: &str, authorization: &str, form: &str) -> Vec<u8> {
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {authorization}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        )
        .into_bytes()
    }

    /// The bytes of a GET.
    pub(crate) fn get(&self, path: &str, authorization: Option<&str>) -> Vec<u8> {
        let authorization = authorization.map(|value| format!("authorization: {value}\r\n"));
        let authorization = authorization.unwrap_or_default();
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{authorization}\r\n", self.address).into_bytes()
    }
}
