//! Who is that, by name and password? The one judgement for every way to give them to the
//! authorization endpoint. SEC-114, SEC-115, SEC-130.

use std::sync::Arc;

use grantor_domain::client::Client;
use grantor_oauth_types::name::{RealmName, UserName};
use grantor_pages::SignInError;

use super::{FlowFailure, offered};
use crate::app::App;
use crate::directory::UserEntry;
use crate::grants::Context;
use crate::id_tokens;
use crate::known_device::KnownDevice;
use crate::passwords::{self, Unrecognised};
use crate::transaction::Transaction;

/// What somebody typed.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a> {
    /// In which realm; without, the first in which somebody can sign in for this
    pub realm: Option<&'a RealmName>,
    /// As whom
    pub username: &'a str,
    /// The secret
    pub password: &'a str,
    /// From which browser
    pub from: &'a KnownDevice,
}

/// Whose password it is. What is wrong is never told apart (SEC-114).
pub async fn recognise(
    app: &App,
    context: &Context,
    transaction: &Transaction,
    client: Option<&Client>,
    typed: Typed<'_>,
) -> Result<Result<Arc<UserEntry>, SignInError>, FlowFailure> {
    let named = transaction.request().and_then(|request| request.realm.as_ref());
    let realms = offered(&context.tenant, client, named);
    let chosen = typed.realm.or_else(|| realms.first());
    let realm = chosen.filter(|realm| realms.contains(realm));
    let (Some(realm), Ok(username)) = (realm, UserName::parse(typed.username)) else {
        return Ok(Err(SignInError::Wrong));
    };
    let typed =
        passwords::Typed { realm, username: &username, password: typed.password, from: typed.from };
    let (error, why) = match passwords::check(app, context, typed).await {
        Ok(user) if !may_sign_in(&user) => (SignInError::Wrong, "may not sign in"),
        Ok(user) if is_another(app, transaction, client, &user) => {
            (SignInError::OtherPerson, "another person was meant")
        }
        Ok(user) => return Ok(Ok(user)),
        Err(Unrecognised::Wrong) => return Ok(Err(SignInError::Wrong)),
        Err(Unrecognised::SlowDown(wait)) => return Ok(Err(SignInError::TooMany { wait })),
        Err(Unrecognised::Busy) => return Ok(Err(SignInError::Unavailable)),
        Err(Unrecognised::Broken(error)) => return Err(error.into()),
    };
    passwords::note_failed(app, context, realm, &username, why).await?;
    Ok(Err(error))
}

/// SEC-031: whether the client means somebody else.
fn is_another(
    app: &App,
    transaction: &Transaction,
    client: Option<&Client>,
    user: &UserEntry,
) -> bool {
    let is = |sub: &String, client| id_tokens::subject(app, client, &user.user) == *sub;
    transaction.named.as_ref().is_some_and(|sub| !client.is_some_and(|client| is(sub, client)))
}

/// SEC-051, SEC-130: a disabled user gets nothing, whatever the way.
fn may_sign_in(user: &UserEntry) -> bool {
    let active = user.application.as_ref().is_none_or(|application| application.active);
    user.user.enabled && active
}
