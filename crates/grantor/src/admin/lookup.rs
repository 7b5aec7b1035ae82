//! What the server has, as far as somebody asks: each thing is fetched once, with the version that it
//! has then. A change is made to that version or not at all.

use std::collections::HashMap;

use grantor_domain::user::User;
use grantor_oauth_types::name::RealmName;
use reqwest::StatusCode;
use serde_json::Value;

use super::kinds::{Kind, escape};
use super::session::{Session, is_refused};

/// A thing of the server.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub(crate) thing: Value,
    pub(crate) etag: Option<String>,
}

/// What was asked for already.
pub(crate) struct Lookup<'a> {
    session: &'a Session,
    things: HashMap<String, Option<Present>>,
    lists: HashMap<String, Vec<Value>>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session, things: HashMap::new(), lists: HashMap::new() }
    }

    /// Whose session it is.
    pub(crate) fn session(&self) -> &Session {
        self.session
    }

    /// The thing of this key or id.
    pub(crate) async fn at(&mut self, kind: Kind, id: &str) -> anyhow::Result<Option<Present>> {
        let path = format!("{}/{}", kind.path, escape(id));
        if let Some(known) = self.things.get(&path) {
            return Ok(known.clone());
        }
        let found = self.session.find(&path).await?;
        let found = found.map(|answer| Present { thing: answer.body, etag: answer.etag });
        self.things.insert(path, found.clone());
        Ok(found)
    }

    /// Whether there is such a thing. Who may not see things of that kind leaves it to the server to
    /// say so.
    pub(crate) async fn is_there(&mut self, kind: Kind, id: &str) -> anyhow::Result<bool> {
        match self.at(kind, id).await {
            Err(error) if is_refused(&error, StatusCode::FORBIDDEN) => Ok(true),
            found => Ok(found?.is_some()),
        }
    }

    /// The user of this name.
    pub(crate) async fn user(&mut self, realm: &str, name: &str) -> anyhow::Result<Option<Value>> {
        let query = format!("users?realm={}&name={}", escape(realm), escape(name));
        Ok(self.list(&query).await?.first().cloned())
    }

    /// The group of this name.
    pub(crate) async fn group(&mut self, name: &str) -> anyhow::Result<Option<Value>> {
        let query = format!("groups?name={}", escape(name));
        Ok(self.list(&query).await?.first().cloned())
    }

    /// The assignment of this scope to the principal of this kind and id.
    pub(crate) async fn assignment(
        &mut self,
        (kind, principal): (&str, &str),
        scope: &str,
    ) -> anyhow::Result<Option<Value>> {
        let query = format!("assignments?{kind}={}", escape(principal));
        let found = self.list(&query).await?;
        Ok(found.iter().find(|assignment| assignment["scope"] == scope).cloned())
    }

    /// Everything of a list.
    pub(crate) async fn list(&mut self, path: &str) -> anyhow::Result<&[Value]> {
        if !self.lists.contains_key(path) {
            let items = self.session.all(path).await?;
            self.lists.insert(path.to_owned(), items);
        }
        Ok(&self.lists[path])
    }
}

/// By what a user is known, however the name is written (SEC-124): `realm/name`.
pub(crate) fn login_key(realm: &str, name: &str) -> String {
    match RealmName::parse_lenient(realm) {
        Ok(realm) => User::login_key(&realm, name),
        Err(_) => format!("{realm}/{name}"),
    }
}
