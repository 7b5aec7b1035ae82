//! One request and its answer, said in a line.

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::out;

/// An HTTP client that says what it does.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    http: reqwest::Client,
    quiet: bool,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) challenge: String,
    pub(super) decision: String,
}

impl Talk {
    /// One that prints, or one that keeps quiet.
    pub(super) fn new(quiet: bool) -> Self {
        Self { http: reqwest::Client::new(), quiet }
    }

    /// The same, silent: for requests by the hundred.
    pub(super) fn silent(&self) -> Self {
        Self { quiet: true, ..self.clone() }
    }

    /// Starts a GET.
    pub(super) fn get(&self, url: &str) -> reqwest::RequestBuilder {
        self.http.get(url)
    }

    /// Starts a POST.
    pub(super) fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.http.post(url)
    }

    /// Sends a request and says what came of it.
    pub(super) async fn send(
        &self,
        what: &str,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<Answer> {
        let request = request.build()?;
        let line = format!("{} {}", request.method(), request.url().path());
        let response = self.http.execute(request).await.with_context(|| line.clone())?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (challenge, decision) = (header("www-authenticate"), header("grantor-decision-id"));
        let status = response.status().as_u16();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Answer { status, body, challenge, decision };
        if !self.quiet {
            say(&format!("   {what}\n      {line}  →  {status} {}", answer.short()))?;
        }
        Ok(answer)
    }
}

impl Answer {
    /// The body, shortened, tokens hidden.
    fn short(&self) -> String {
        let mut body = self.body.clone();
        if let Value::Object(members) = &mut body {
            for name in ["access_token", "refresh_token", "client_secret"] {
                if let Some(value) = members.get_mut(name) {
                    let text = value.as_str().unwrap_or_default();
                    *value = format!("{}…", text.chars().take(6).collect::<String>()).into();
                }
            }
        }
        let text = if body.is_null() { self.challenge.clone() } else { body.to_string() };
        match text.char_indices().nth(220) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    /// Fails unless the status is the expected one.
    pub(super) fn expect(self, status: u16) -> anyhow::Result<Self> {
        if self.status != status {
            bail!("expected {status}, got {}: {}", self.status, self.short());
        }
        Ok(self)
    }

    /// A member that must be there, as text.
    pub(super) fn text(&self, name: &str) -> anyhow::Result<String> {
        let value = self.body.get(name).and_then(Value::as_str);
        value.map(str::to_owned).with_context(|| format!("{name} is missing in {}", self.short()))
    }
}

/// Says a line to the person.
pub(super) fn say(line: &str) -> anyhow::Result<()> {
    out::line(line)
}
