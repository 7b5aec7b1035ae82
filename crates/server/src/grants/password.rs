//! A user's name and password, given to the client. RFC 6749 §4.3; only where realm and client
//! allow it (RFC 9700 §2.4).

use std::sync::Arc;

use grantor_crypto::password::{Password, PasswordHash};
use grantor_crypto::pool::Verdict;
use grantor_domain::client_auth::AuthenticatedClient;
use grantor_domain::decision::{Ask, foresee};
use grantor_domain::document::DocumentKey;
use grantor_domain::grant::{Grant, RefreshState};
use grantor_domain::throttle::Attempt;
use grantor_domain::token::TokenError;
use grantor_domain::user::{StoredPassword, User};
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{RealmName, UserName};
use grantor_oauth_types::scope::Scopes;
use grantor_store::{Claim, Effect, Effects, Expect, StoreError, operations};
use jiff::SignedDuration;

use super::{Context, Issued, TokenFailure, access_token, concluded, entry};
use crate::app::{App, new_id};
use crate::decisions::About;
use crate::directory::UserEntry;
use crate::tokens::Speaker;

/// What the user typed.
pub(super) struct Login {
    pub(super) realm: Option<RealmName>,
    pub(super) username: UserName,
    pub(super) password: String,
}

pub(super) async fn issue(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    login: Login,
    scopes: Option<Scopes>,
    resource: Option<String>,
) -> Result<Issued, TokenFailure> {
    let generation = app.directory.generation();
    let entry = entry(app, context, client).await?;
    let realm = realm(context, client, login.realm.as_ref())?;
    let ask = Ask {
        grant_type: GrantType::Password,
        client: client.id.clone(),
        realm: Some(realm.clone()),
        scopes,
        resource,
    };
    let mut about = About {
        tenant: &context.tenant,
        client: &entry,
        realm: Some(&realm),
        user: None,
        gave_password: true,
    };
    // What is wrong with the client is said before the user is looked at (security.md N).
    if let Some(record) = foresee(&ask, &about.facts()) {
        concluded(app, context, &Arc::new(record))?;
    }
    let user = check(app, context, &realm, login).await?;
    about.user = Some(&user);
    let record = app.decisions.decide(ask, &about, generation, context.now);
    let entitled = concluded(app, context, &record)?;

    let refresh = match entitled.refreshable {
        true => Some(open_grant(app, context, client, &user, &entitled).await?),
        false => None,
    };
    let (grant, refresh_token) = refresh.unzip();
    let speaker = Speaker {
        sub: subject(client, &user),
        username: Some(user.user.name.to_string()),
        realm: Some(realm.clone()),
        grant,
    };
    let access_token = access_token(context, client, speaker, &entitled)?;
    Ok(Issued { access_token, refresh_token, entitled, realm: Some(realm) })
}

/// The realm that was named, or the only one the client acts for.
fn realm(
    context: &Context,
    client: &AuthenticatedClient,
    named: Option<&RealmName>,
) -> Result<RealmName, TokenError> {
    let realm = match (named, client.realms.as_slice()) {
        (Some(named), _) => named,
        (None, [only]) => only,
        (None, _) => return Err(TokenError::UnknownRealm),
    };
    let known = context.tenant.realms.contains_key(realm);
    known.then(|| realm.clone()).ok_or(TokenError::UnknownRealm)
}

/// How the token names the user: STUPS by name, everything else by the id that is never
/// re-assigned (SEC-088).
pub(super) fn subject(client: &AuthenticatedClient, user: &UserEntry) -> String {
    match client.token_profile {
        grantor_domain::client::TokenProfile::Stups => user.user.name.to_string(),
        grantor_domain::client::TokenProfile::Rfc9068 => user.user.id.to_string(),
    }
}

/// The user, if the password is right. The attempt is counted before the secret is looked at
/// (SEC-115, REL-021), and unknown, wrong and disabled cost and say the same (SEC-114).
async fn check(
    app: &App,
    context: &Context,
    realm: &RealmName,
    login: Login,
) -> Result<Arc<UserEntry>, TokenFailure> {
    let tenant = &context.tenant.tenant.name;
    let account = User::login_key(realm, login.username.as_str());
    match operations::attempt(&*app.store, tenant, &account, context.now).await? {
        Attempt::Counted(_) => {}
        Attempt::Wait(until) => {
            let seconds = until.duration_since(context.now).as_secs().max(1);
            return Err(TokenError::SlowDown(u32::try_from(seconds).unwrap_or(u32::MAX)).into());
        }
    }
    let user = app.directory.user_named(tenant, realm, login.username.as_str()).await?;
    let password = Password::new(&login.password).map_err(|_| TokenError::WrongCredentials)?;
    let stored: Vec<PasswordHash> = user
        .iter()
        .flat_map(|entry| &entry.user.passwords)
        .filter_map(|stored| stored.hash.parse().ok())
        .collect();
    let right = first_match(app, password, stored).await?;
    let (Some(user), Some((matched, rehashed))) = (user, right) else {
        return Err(TokenError::WrongCredentials.into());
    };
    forget_failures(app, context, &account, &user, matched, rehashed).await?;
    Ok(user)
}

/// Which of the stored passwords it is, and its renewed hash where that is due. During a rotation
/// there are two. Where there is none, the same work is done for nobody.
async fn first_match(
    app: &App,
    password: Password,
    stored: Vec<PasswordHash>,
) -> Result<Option<(PasswordHash, Option<PasswordHash>)>, TokenFailure> {
    let busy = |_| TokenFailure::Busy;
    if stored.is_empty() {
        let nobody = app.passwords.verify_nobody(password).map_err(busy)?;
        nobody.await.map_err(|_| TokenFailure::Busy)?;
        return Ok(None);
    }
    for hash in stored {
        let verdict = app.passwords.verify(password.clone(), hash.clone()).map_err(busy)?;
        if let Verdict::Match { upgrade } = verdict.await.map_err(|_| TokenFailure::Busy)? {
            return Ok(Some((hash, upgrade)));
        }
    }
    Ok(None)
}

/// Sets the counter back; and keeps a renewed hash, unless somebody changed the password meanwhile
/// (SEC-117).
async fn forget_failures(
    app: &App,
    context: &Context,
    account: &str,
    user: &UserEntry,
    matched: PasswordHash,
    rehashed: Option<PasswordHash>,
) -> Result<(), StoreError> {
    let tenant = &context.tenant.tenant.name;
    let forget = operations::forget_attempts(tenant, account);
    let Some(renewed) = rehashed else {
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
    app.directory.catch_up(context.now).await
}

/// Begins a delegation; returns its id and first refresh token.
async fn open_grant(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    user: &UserEntry,
    entitled: &grantor_domain::decision::Entitlement,
) -> Result<(grantor_oauth_types::id::GrantId, String), StoreError> {
    let id = new_id(context.now);
    let (token, secret) = app.secrets.mint_refresh_token(id);
    let settings = &context.tenant.tenant.settings;
    let after = |seconds: u32| {
        let end = context.now.saturating_add(SignedDuration::from_secs(seconds.into()));
        end.unwrap_or(jiff::Timestamp::MAX)
    };
    let expires = after(settings.refresh_absolute_seconds);
    let grant = Grant {
        tenant: context.tenant.tenant.name.clone(),
        id,
        client: client.id.clone(),
        user: user.user.id,
        realm: user.user.realm.clone(),
        scopes: entitled.scopes.clone(),
        audiences: entitled.audiences.clone(),
        created: context.now,
        expires,
        refresh: RefreshState {
            generation: 0,
            digest: secret.digest(),
            idle_expires: after(settings.refresh_idle_seconds).min(expires),
            previous: None,
        },
        ended: None,
    };
    let opened = crate::audit_events::grant_opened(&grant, context);
    let effects = Effects::from(Effect::OpenGrant(Box::new(grant))).audit(opened);
    operations::write(&*app.store, effects).await?;
    Ok((id, token))
}
