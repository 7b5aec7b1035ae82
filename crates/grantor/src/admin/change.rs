//! One change: in words, and done.

use std::collections::HashMap;

use anyhow::anyhow;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};

use super::kinds::Kind;
use super::names::replaced;
use super::session::{Answer, Session, is_refused};
use crate::failure::Hint as _;

/// One change.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    pub(crate) label: String,
    /// What it changes, a line for each member
    pub(crate) lines: Vec<String>,
    pub(crate) action: Action,
}

/// What is done to a thing.
#[derive(Debug)]
pub(crate) enum Action {
    /// It is made; its id takes the place of the one that it went by until then
    Create { body: Map<String, Value>, provisional: String },
    /// What was just made gets what was not there yet: the whole body
    Complete { body: Map<String, Value> },
    /// It is replaced at the version that was compared
    Replace { segment: String, body: Value, etag: Option<String> },
    /// It goes, at the version that was compared
    Delete { segment: String, etag: Option<String> },
}

/// What was made so far.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Ids by those that things went by
    ids: HashMap<String, String>,
    /// Where things are, and their version
    things: HashMap<String, (String, Option<String>)>,
}

impl Change {
    /// In one line.
    pub(crate) fn title(&self) -> String {
        let sign = match self.action {
            Action::Create { .. } => '+',
            Action::Complete { .. } | Action::Replace { .. } => '~',
            Action::Delete { .. } => '-',
        };
        let more = if matches!(self.action, Action::Complete { .. }) { ", completed" } else { "" };
        format!("{sign} {} {}{more}", self.kind.name, self.label)
    }

    /// Which thing it is about.
    fn name(&self) -> String {
        format!("{} {}", self.kind.name, self.label)
    }

    /// In words, a line or more.
    pub(crate) fn describe(&self) -> String {
        let mut text = self.title();
        for line in &self.lines {
            text.push_str("\n    ");
            text.push_str(line);
        }
        text
    }

    /// Whether it only goes on with another change.
    pub(crate) fn is_rest(&self) -> bool {
        matches!(self.action, Action::Complete { .. })
    }

    /// Makes the change. What comes back may hold a secret that is shown this once.
    pub(crate) async fn make(&self, session: &Session, made: &mut Made) -> anyhow::Result<Value> {
        let path = self.kind.path;
        let at = |segment: &str| format!("{path}/{segment}");
        let answer = match &self.action {
            Action::Create { body, provisional } => {
                let body = replaced(&Value::Object(body.clone()), &made.ids);
                let answer = session.request(Method::POST, path, Some(&body), None).await;
                answer.inspect(|answer| made.learn(self, provisional, answer))
            }
            Action::Complete { body } => {
                let body = replaced(&Value::Object(body.clone()), &made.ids);
                let (segment, etag) = made
                    .things
                    .get(&self.name())
                    .ok_or_else(|| anyhow!("{} was not made", self.label))?;
                session.request(Method::PUT, &at(segment), Some(&body), etag.as_deref()).await
            }
            Action::Replace { segment, body, etag } => {
                let body = replaced(body, &made.ids);
                session.request(Method::PUT, &at(segment), Some(&body), etag.as_deref()).await
            }
            Action::Delete { segment, etag } => {
                let gone =
                    session.request(Method::DELETE, &at(segment), None, etag.as_deref()).await;
                match gone {
                    // It went with something else.
                    Err(error) if is_refused(&error, StatusCode::NOT_FOUND) => {
                        Ok(Answer { body: Value::Null, etag: None })
                    }
                    other => other,
                }
            }
        };
        self.judged(answer).map(|answer| answer.body)
    }

    /// An error says what to do about it.
    fn judged(&self, answer: anyhow::Result<Answer>) -> anyhow::Result<Answer> {
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let stale = is_refused(&error, StatusCode::PRECONDITION_FAILED);
        let error = error.context(self.title());
        if stale {
            return Err(error.context(
                "somebody else has changed it since it was compared, and nothing was overwritten",
            ))
            .hint(
                "run the same command without --write to see how it differs now, and again with it \
                 if that is what you want",
            );
        }
        Err(error)
    }
}

impl Made {
    fn learn(&mut self, change: &Change, provisional: &str, answer: &Answer) {
        let segment = change.kind.segment(&answer.body);
        if let Some(id) = answer.body["id"].as_str() {
            self.ids.insert(provisional.to_owned(), id.to_owned());
        }
        self.things.insert(change.name(), (segment, answer.etag.clone()));
    }
}
