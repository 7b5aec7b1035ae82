//! Which server, as whom; requests to `/api/v1` and what is wrong with them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use etcetera::BaseStrategy as _;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::developer::private_file::PrivateFile;
use crate::failure::Hint as _;

/// The administrator's credentials, in a file of mode 0600.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) server: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// Where the credentials come from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SessionArgs {
    /// File with the administrator's credentials (written by `grantor admin bootstrap`)
    #[arg(long, env = "GRANTOR_ADMIN_CREDENTIALS")]
    pub(crate) credentials: Option<PathBuf>,
}

impl SessionArgs {
    /// The named file, or the one in the user's configuration folder.
    pub(crate) fn file(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.credentials {
            return Ok(path.clone());
        }
        let base = etcetera::choose_base_strategy().context("there is no home folder")?;
        Ok(base.config_dir().join("grantor").join("admin.json"))
    }
}

/// A session with a server.
#[derive(Debug)]
pub(crate) struct Session {
    http: reqwest::Client,
    server: String,
    token: String,
    /// The client that it speaks as
    pub(crate) client_id: String,
}

/// The server has said no.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    words: String,
}

/// An answer: its body, and the version for `If-Match`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) etag: Option<String>,
}

impl Session {
    /// Gets a token with the stored credentials.
    pub(crate) async fn open(args: &SessionArgs) -> anyhow::Result<Self> {
        let path = args.file()?;
        let text = PrivateFile::new(path.clone()).read()?;
        let text = text.ok_or_else(|| anyhow!("there are no credentials in {}", path.display()));
        let text = text.hint("make them with `grantor admin bootstrap --server URL`")?;
        let found: Credentials =
            serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))?;
        let http = client(&found.server)?;
        let answer = http
            .post(format!("{}/oauth2/token", found.server))
            .basic_auth(&found.client_id, Some(&found.client_secret))
            .form(&[("grant_type", "client_credentials")])
            .send()
            .await
            .with_context(|| format!("{} does not answer", found.server))?;
        let status = answer.status();
        let body: Value = answer.json().await.context("the server's answer is no JSON")?;
        let Some(token) = body["access_token"].as_str() else {
            bail!("no token for {}: {status} {}", found.client_id, body["error_description"]);
        };
        let token = token.to_owned();
        Ok(Self { http, server: found.server, token, client_id: found.client_id })
    }

    /// A request; `None` where the thing does not exist.
    pub(crate) async fn find(&self, path: &str) -> anyhow::Result<Option<Answer>> {
        match self.send(Method::GET, path, None, None).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, answer) => accepted(status, answer, path).map(Some),
        }
    }

    /// The version of what is at a path, if it can be looked at and has one.
    pub(crate) async fn etag(&self, path: &str) -> anyhow::Result<Option<String>> {
        Ok(self.send(Method::GET, path, None, None).await?.1.etag)
    }

    /// A request that has to work.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let (status, answer) = self.send(method, path, body, etag).await?;
        accepted(status, answer, path)
    }

    /// Every item of a list, page after page.
    pub(crate) async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut page = String::new();
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let url = format!("{path}{join}limit=200{page}");
            let mut answer = self.request(Method::GET, &url, None, None).await?.body;
            if let Some(found) = answer["items"].as_array_mut() {
                items.append(found);
            }
            match answer["next_page_token"].as_str() {
                Some(token) => page = format!("&page_token={token}"),
                None => return Ok(items),
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> anyhow::Result<(StatusCode, Answer)> {
        let url = format!("{}/api/v1/{path}", self.server);
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        let answer =
            request.send().await.with_context(|| format!("{} does not answer", self.server))?;
        let status = answer.status();
        let etag = answer.headers().get("etag").and_then(|value| value.to_str().ok());
        let etag = etag.map(str::to_owned);
        let text = answer.text().await?;
        Ok((status, Answer { body: serde_json::from_str(&text).unwrap_or(Value::Null), etag }))
    }
}

/// Redeems the one-time secret, and keeps the credentials.
pub(crate) async fn bootstrap(
    server: &str,
    secret: &str,
    client_id: Option<&str>,
    file: &Path,
) -> anyhow::Result<()> {
    let mut body = serde_json::json!({ "secret": secret });
    if let Some(client_id) = client_id {
        body["client_id"] = client_id.into();
    }
    let url = format!("{server}/api/v1/bootstrap");
    let answer = client(server)?.post(url).json(&body).send().await;
    let answer = answer.with_context(|| format!("{server} does not answer"))?;
    let status = answer.status();
    let body: Value = answer.json().await.context("the server's answer is no JSON")?;
    if !status.is_success() {
        return Err(problem(status, &body));
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let credentials = Credentials {
        server: server.to_owned(),
        client_id: text("client_id"),
        client_secret: text("client_secret"),
    };
    let locked = PrivateFile::new(file.to_owned()).lock()?;
    locked.write(&serde_json::to_string_pretty(&credentials)?)
}

/// SEC-171: no plain http to another machine, and no redirects.
fn client(server: &str) -> anyhow::Result<reqwest::Client> {
    let url = url::Url::parse(server).with_context(|| format!("{server:?} is no URL"))?;
    grantor_client::check_confidential(&url, grantor_client::PlainHttp::LoopbackOnly)?;
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    Ok(builder.timeout(std::time::Duration::from_secs(30)).build()?)
}

fn accepted(status: StatusCode, answer: Answer, path: &str) -> anyhow::Result<Answer> {
    if status.is_success() {
        return Ok(answer);
    }
    Err(problem(status, &answer.body).context(path.to_owned()))
}

/// Whether this is a refusal with that status.
pub(crate) fn is_refused(error: &anyhow::Error, status: StatusCode) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == status)
}

/// RFC 9457, in words.
fn problem(status: StatusCode, body: &Value) -> anyhow::Error {
    let detail = body["detail"].as_str().or_else(|| body["title"].as_str());
    let mut words = format!("{}: {}", status.as_u16(), detail.unwrap_or("no reason was given"));
    for error in body["errors"].as_array().into_iter().flatten() {
        let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        words.push_str(&format!("\n  {} {}", part("pointer"), part("detail")));
    }
    Refused { status, words }.into()
}
