//! `/account/password`. SEC-115, SEC-119, SEC-123.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_crypto::password::{Password, PasswordError as Unfit, PasswordHash};
use grantor_domain::document::DocumentKey;
use grantor_domain::params::Params;
use grantor_domain::password_rule::{self, Weak};
use grantor_domain::user::{StoredPassword, User};
use grantor_pages::account::{Notice, PasswordError, PasswordPage};
use grantor_store::{Claim, Effects, Expect, StoreError, operations};
use serde_json::json;

use super::{Person, Refused, sessions};
use crate::logout::Farewell;
use crate::passwords::{self, Typed, Unrecognised};
use crate::reply::json::retry_after;
use crate::reply::token::RETRY_SECONDS;

pub(super) async fn get(person: Person) -> Response<Body> {
    show(&person, None)
}

fn show(person: &Person, error: Option<PasswordError>) -> Response<Body> {
    let view = PasswordPage {
        error,
        shortest: u32::try_from(password_rule::SHORTEST).unwrap_or(u32::MAX),
        none: person.user().passwords.is_empty(),
    };
    let status = match error {
        None => StatusCode::OK,
        Some(PasswordError::TooMany) => StatusCode::TOO_MANY_REQUESTS,
        Some(PasswordError::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    let response = person.browser.visit.answer(status, view.page(&person.shell()));
    match error {
        Some(PasswordError::Unavailable) => retry_after(response, RETRY_SECONDS),
        _ => response,
    }
}

pub(super) async fn post(person: Person, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let params = match person.form(&headers, &body) {
        Ok(params) => params,
        Err(refused) => return person.refused(&refused),
    };
    match change(&person, params).await {
        Ok(()) => person.done("/account/password", Notice::PasswordChanged),
        Err(No::Told(error)) => show(&person, Some(error)),
        Err(No::Broken(error)) => person.refused(&Refused::Broken(error)),
    }
}

/// Why it was not changed.
enum No {
    /// The person can do better
    Told(PasswordError),
    /// Our doing
    Broken(StoreError),
}

impl From<PasswordError> for No {
    fn from(error: PasswordError) -> Self {
        Self::Told(error)
    }
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        Self::Broken(error)
    }
}

async fn change(person: &Person, mut params: Params) -> Result<(), No> {
    let mut secret = |name| params.take(name).unwrap_or_default();
    let (current, new, again) = (secret("current"), secret("new"), secret("again"));
    // What is wrong with the new one is told before the old one costs an attempt.
    let password = acceptable(person, &new, &again)?;
    recognise(person, &current).await?;
    if new == current {
        return Err(PasswordError::Same.into());
    }
    let hash = person.app.passwords.hash(password).map_err(|_| PasswordError::Unavailable)?;
    let hash = hash.await.map_err(|_| PasswordError::Unavailable)?;
    store(person, hash).await
}

/// SEC-119.
fn acceptable(person: &Person, new: &str, again: &str) -> Result<Password, PasswordError> {
    let password = Password::new(new).map_err(|error| match error {
        Unfit::Empty => PasswordError::TooShort,
        Unfit::TooLong => PasswordError::TooLong,
    })?;
    let (user, tenant) = (person.user(), &person.context.tenant.tenant);
    let mut known = vec![user.name.as_str(), tenant.name.as_str(), &tenant.issuer];
    known.push(&tenant.settings.look.name);
    let own = [&user.display_name, &user.email, &user.person.given_name, &user.person.family_name];
    known.extend(own.into_iter().flatten().map(String::as_str));
    password_rule::judge(password.reveal(), &known).map_err(|weak| match weak {
        Weak::TooShort => PasswordError::TooShort,
        Weak::Common => PasswordError::Common,
        Weak::Context => PasswordError::Context,
    })?;
    if new == again { Ok(password) } else { Err(PasswordError::Differ) }
}

/// The old password, counted like every attempt (SEC-115).
async fn recognise(person: &Person, current: &str) -> Result<(), No> {
    let user = person.user();
    let from = &person.browser.known;
    let typed = Typed { realm: &user.realm, username: &user.name, password: current, from };
    match passwords::check(&person.app, &person.context, typed).await {
        Ok(found) if found.user.id == user.id => Ok(()),
        Ok(_) | Err(Unrecognised::Wrong) => Err(PasswordError::WrongCurrent.into()),
        Err(Unrecognised::SlowDown(_)) => Err(PasswordError::TooMany.into()),
        Err(Unrecognised::Busy) => Err(PasswordError::Unavailable.into()),
        Err(Unrecognised::Broken(error)) => Err(error.into()),
    }
}

/// The new one replaces all there are, and every other session ends with them.
async fn store(person: &Person, hash: PasswordHash) -> Result<(), No> {
    let (user, now) = (person.user(), person.now());
    let stored = StoredPassword {
        hash: hash.as_str().to_owned(),
        created: now,
        created_by: format!("user:{}", user.id),
    };
    let subject = format!("user/{}", user.id);
    let event = person.event("user.password_changed", subject, json!({}));
    let others = sessions::others(person).await?;
    let farewell = Farewell::of_sessions(&person.app, &person.context, &others).await?;
    let ending = farewell.with(sessions::end_all(person, &others));
    let key = DocumentKey::id::<User>(&person.context.tenant.tenant.name, user.id.to_string());
    operations::judge(&*person.app.store, vec![Claim::Document(key)], move |claimed| {
        let found = claimed.document::<User>(0)?;
        let mut found = found.ok_or_else(|| StoreError::refused(Refused::Unknown))?;
        found.value.passwords = vec![stored.clone()];
        let mut effects = Effects::NONE.put(&found.value, Expect::Version(found.version));
        effects.0.extend(ending.0.iter().cloned());
        Ok(((), effects.audit(event.clone())))
    })
    .await?;
    farewell.send(&person.app);
    Ok(person.app.directory.catch_up(now).await?)
}
