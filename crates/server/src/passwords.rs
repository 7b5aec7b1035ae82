//! Is this the password of that user? The one place that asks, for every way to give one.

use std::sync::Arc;

use grantor_crypto::password::{Password, PasswordHash};
use grantor_crypto::pool::Verdict;
use grantor_domain::audit::AuditOutcome;
use grantor_domain::document::DocumentKey;
use grantor_domain::throttle::Attempt;
use grantor_domain::user::{StoredPassword, User};
use grantor_oauth_types::name::{RealmName, TenantName, UserName};
use grantor_store::{Claim, Effects, Expect, StoreError, operations};
use jiff::Timestamp;

use crate::app::App;
use crate::audit::{Actor, Why};
use crate::directory::UserEntry;
use crate::grants::Context;
use crate::known_device::KnownDevice;
use crate::throttle::origin;

/// What somebody typed.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a> {
    /// In which realm
    pub realm: &'a RealmName,
    /// As whom
    pub username: &'a UserName,
    /// The secret
    pub password: &'a str,
    /// From which browser
    pub from: &'a KnownDevice,
}

/// Why nobody was recognised.
#[derive(Debug, thiserror::Error)]
pub enum Unrecognised {
    /// Unknown, wrong, or not a password at all: nobody learns which (SEC-114)
    #[error("wrong user name or password")]
    Wrong,
    /// Too many attempts: the next one is looked at in this many seconds (SEC-115)
    #[error("too many attempts, next in {0} s")]
    SlowDown(u32),
    /// More hashing is waiting than makes sense (SEC-118)
    #[error("busy")]
    Busy,
    /// Our doing
    #[error(transparent)]
    Broken(#[from] StoreError),
}

/// The user, if the password is right. The attempt is counted before the secret is looked at
/// (SEC-115, REL-021), and unknown, wrong and disabled cost and say the same (SEC-114). Who has been
/// wrong about many people is not listened to for a while, whoever is meant. Every failure is in the
/// audit log (SEC-190).
pub async fn check(
    app: &App,
    context: &Context,
    typed: Typed<'_>,
) -> Result<Arc<UserEntry>, Unrecognised> {
    let found = paced(app, context, typed).await;
    let why = match &found {
        Ok(_) | Err(Unrecognised::Broken(_)) => return found,
        Err(Unrecognised::Wrong) => "wrong user name or password",
        Err(Unrecognised::SlowDown(_)) => "too many attempts",
        Err(Unrecognised::Busy) => "too many wait",
    };
    note_failed(app, context, typed.realm, typed.username, why).await?;
    found
}

/// Who failed is written down by id, and not at all where there is nobody: what is typed as a name
/// may be a password.
pub async fn note_failed(
    app: &App,
    context: &Context,
    realm: &RealmName,
    username: &UserName,
    why: &str,
) -> Result<(), StoreError> {
    let tenant = &context.tenant.tenant.name;
    let known = app.directory.user_named(tenant, realm, username.as_str()).await?;
    let actor = known.map(|entry| Actor::User(entry.user.id));
    let (actor, why) = (actor.unwrap_or_else(Actor::anonymous), Why::Reason(why.to_owned()));
    context.record(app, "sign_in.failed", AuditOutcome::Refused, actor, why);
    Ok(())
}

/// The same, unless too many failures came from that address. A browser in which that person has signed
/// in before is counted for itself instead, whatever others do (SEC-116).
async fn paced(
    app: &App,
    context: &Context,
    typed: Typed<'_>,
) -> Result<Arc<UserEntry>, Unrecognised> {
    let (tenant, now) = (&context.tenant.tenant.name, context.now);
    let account = User::login_key(typed.realm, typed.username.as_str());
    let own = typed.from.counter(&app.secrets, tenant, &account);
    let from = (tenant.clone(), context.address.map(origin));
    if let Some(seconds) =
        app.password_failures.wait(|| from.clone(), now).filter(|_| own.is_none())
    {
        return Err(Unrecognised::SlowDown(seconds));
    }
    let found = look(app, context, typed, &own.unwrap_or(account)).await;
    if let Err(Unrecognised::Wrong) = &found {
        app.password_failures.failed(&from, now);
    }
    found
}

/// The same, for whoever may try. Who tries again and again from one address is kept waiting before
/// everybody else who means that account is (SEC-116).
async fn look(
    app: &App,
    context: &Context,
    typed: Typed<'_>,
    counter: &str,
) -> Result<Arc<UserEntry>, Unrecognised> {
    let (tenant, now) = (&context.tenant.tenant.name, context.now);
    let turn = app.turnstiles.enter(tenant, counter).await.map_err(|_| Unrecognised::Busy)?;
    let here = (tenant.clone(), counter.to_owned(), context.address.map(origin));
    if let Some(seconds) = app.account_failures.attempt(&here, now) {
        return Err(Unrecognised::SlowDown(seconds));
    }
    match operations::attempt(&*app.store, tenant, counter, now).await? {
        Attempt::Counted(_) => {}
        Attempt::Wait(until) => {
            let seconds = until.duration_since(now).as_secs().max(1);
            return Err(Unrecognised::SlowDown(u32::try_from(seconds).unwrap_or(u32::MAX)));
        }
    }
    let user = app.directory.user_named(tenant, typed.realm, typed.username.as_str()).await?;
    let password = Password::new(typed.password).map_err(|_| Unrecognised::Wrong)?;
    let stored: Vec<PasswordHash> = user
        .iter()
        .flat_map(|entry| &entry.user.passwords)
        .filter_map(|stored| stored.hash.parse().ok())
        .collect();
    let right = first_match(app, password, stored).await?;
    let (Some(user), Some(right)) = (user, right) else {
        return Err(Unrecognised::Wrong);
    };
    app.account_failures.forget(&here);
    forget_failures(app, tenant, counter, &user, right, now).await?;
    drop(turn);
    Ok(user)
}

/// Which of the stored hashes it was.
struct Right {
    matched: PasswordHash,
    /// The same password hashed as it is done now, where the stored hash is of an older sort
    renewed: Option<PasswordHash>,
}

/// Which of the stored passwords it is. During a rotation there are two. Where there is none, the
/// same work is done for nobody.
async fn first_match(
    app: &App,
    password: Password,
    stored: Vec<PasswordHash>,
) -> Result<Option<Right>, Unrecognised> {
    if stored.is_empty() {
        let nobody = app.passwords.verify_nobody(password).map_err(|_| Unrecognised::Busy)?;
        nobody.await.map_err(|_| Unrecognised::Busy)?;
        return Ok(None);
    }
    for hash in stored {
        let verdict = app.passwords.verify(password.clone(), hash.clone());
        let verdict = verdict.map_err(|_| Unrecognised::Busy)?;
        if let Verdict::Match { upgrade } = verdict.await.map_err(|_| Unrecognised::Busy)? {
            return Ok(Some(Right { matched: hash, renewed: upgrade }));
        }
    }
    Ok(None)
}

/// Sets the counter back; and keeps a renewed hash, unless somebody changed the password meanwhile
/// (SEC-117).
async fn forget_failures(
    app: &App,
    tenant: &TenantName,
    account: &str,
    user: &UserEntry,
    right: Right,
    now: Timestamp,
) -> Result<(), StoreError> {
    let forget = operations::forget_attempts(tenant, account);
    let Right { matched, renewed: Some(renewed) } = right else {
        return operations::write(&*app.store, forget.into()).await;
    };
    let key = DocumentKey::id::<User>(tenant, user.user.id.to_string());
    operations::judge(&*app.store, vec![Claim::Document(key)], move |claimed| {
        let mut effects: Effects = forget.clone().into();
        if let Some(mut found) = claimed.document::<User>(0)? {
            let same = |stored: &&mut StoredPassword| stored.hash == matched.as_str();
            if let Some(stored) = found.value.passwords.iter_mut().find(same) {
                renewed.as_str().clone_into(&mut stored.hash);
                effects = effects.put(&found.value, Expect::Version(found.version));
            }
        }
        Ok(((), effects))
    })
    .await?;
    app.directory.catch_up(now).await
}
