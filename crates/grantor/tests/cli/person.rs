//! Somebody at a terminal: a home, an environment, and nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use tokio::process::{Child, Command};

use crate::server::Server;

pub(crate) struct Person {
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a call of the program came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// One who runs as a service: `user.json` and `client.json`, and the URL of the server.
    pub(crate) fn with_credentials(server: &Server) -> Self {
        let person = Self::new();
        let user = json!({"application_username": "batch", "application_password": "canary-pw"});
        fs::write(person.path("user.json"), user.to_string()).unwrap();
        let client = json!({"client_id": "batch-client", "client_secret": "canary-cs"});
        fs::write(person.path("client.json"), client.to_string()).unwrap();
        let directory = person.path("").display().to_string();
        person
            .set("CREDENTIALS_DIR", directory)
            .set("OAUTH2_ACCESS_TOKEN_URL", server.token_url() + "?realm=/services")
    }

    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(has, _)| has != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path(".config/grantor/tokens.json")
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_grantor"))
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    pub(crate) async fn runs(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.start(arguments)).await
    }

    /// Stdout of a call that must succeed.
    pub(crate) async fn gets(&self, arguments: &[&str]) -> String {
        let outcome = self.runs(arguments).await;
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
        outcome.stdout
    }
}

impl Outcome {
    pub(crate) async fn of(child: Child) -> Self {
        let output = child.wait_with_output().await.unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
