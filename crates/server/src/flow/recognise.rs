//! Who is that, by name and password? The one judgement for every way to give them to the
//! authorization endpoint. SEC-114, SEC-115, SEC-130.

use std::sync::Arc;

use grantor_domain::audit::AuditOutcome;
use grantor_domain::client::Client;
use grantor_oauth_types::name::{RealmName, UserName};
use grantor_pages::SignInError;

use super::{FlowFailure, offered};
use crate::app::App;
use crate::audit::{Actor, IssueEvent, Why};
use crate::directory::UserEntry;
use crate::grants::Context;
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
    let (password, address) = (typed.password, context.address);
    let typed = passwords::Typed { realm, username: &username, password, address };
    let tenant = &context.tenant.tenant.name;
    let error = match passwords::check(app, tenant, typed, context.now).await {
        Ok(user) if !may_sign_in(&user) => SignInError::Wrong,
        Ok(user) if transaction.named.is_some_and(|named| named != user.user.id) => {
            SignInError::OtherPerson
        }
        Ok(user) => return Ok(Ok(user)),
        Err(Unrecognised::Wrong) => SignInError::Wrong,
        Err(Unrecognised::SlowDown(wait)) => SignInError::TooMany { wait },
        Err(Unrecognised::Busy) => SignInError::Unavailable,
        Err(Unrecognised::Broken(error)) => return Err(error.into()),
    };
    note_failed(app, context, realm, &username, error).await?;
    Ok(Err(error))
}

/// SEC-051, SEC-130: a disabled user gets nothing, whatever the way.
fn may_sign_in(user: &UserEntry) -> bool {
    let active = user.application.as_ref().is_none_or(|application| application.active);
    user.user.enabled && active
}

/// Who failed is written down by id, and not at all where there is nobody: what is typed as a name
/// may be a password.
async fn note_failed(
    app: &App,
    context: &Context,
    realm: &RealmName,
    username: &UserName,
    error: SignInError,
) -> Result<(), FlowFailure> {
    let tenant = &context.tenant.tenant.name;
    let known = app.directory.user_named(tenant, realm, username.as_str()).await?;
    let actor = known.map(|entry| Actor::User(entry.user.id));
    app.audit.push(IssueEvent {
        id: context.decision,
        tenant: tenant.clone(),
        at: context.now,
        kind: "sign_in.failed",
        outcome: AuditOutcome::Refused,
        actor: actor.unwrap_or_else(|| Actor::Named("anonymous".to_owned())),
        address: context.address,
        why: Why::Reason(format!("{error:?}")),
    });
    Ok(())
}
