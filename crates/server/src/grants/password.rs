//! A user's name and password, given to the client. RFC 6749 §4.3; only where realm and client
//! allow it (RFC 9700 §2.4).

use std::sync::Arc;

use grantor_domain::binding::{binding, refresh_binding};
use grantor_domain::client::{Client, TokenProfile};
use grantor_domain::client_auth::AuthenticatedClient;
use grantor_domain::decision::{Ask, foresee};
use grantor_domain::document::DocumentKey;
use grantor_domain::grant::{Grant, RefreshState};
use grantor_domain::sign_in::Level;
use grantor_domain::token::TokenError;
use grantor_domain::user::User;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{RealmName, UserName};
use grantor_oauth_types::scope::Scopes;
use grantor_store::{Claim, Effect, Effects, StoreError, operations};
use jiff::SignedDuration;

use super::{Context, Issued, TokenFailure, access_token, concluded, entry};
use crate::app::{App, new_id};
use crate::decisions::About;
use crate::directory::UserEntry;
use crate::id_tokens;
use crate::known_device::KnownDevice;
use crate::passwords::{self, Typed, Unrecognised};
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
        level: Level::Single,
    };
    // What is wrong with the client is said before the user is looked at (security.md N).
    if let Some(record) = foresee(&ask, &about.facts()) {
        concluded(app, context, &Arc::new(record))?;
    }
    let user = recognised(app, context, &realm, &login).await?;
    about.user = Some(&user);
    let record = app.decisions.decide(ask, &about, generation, context.now);
    let entitled = concluded(app, context, &record)?;

    // What a grant of this sort remembers has no place for a certificate, and a public client's
    // refresh token must not go without (RFC 8705 §4).
    let bound = refresh_binding(client, binding(client, context.thumbprint())?).is_some();
    let refresh = match entitled.refreshable && !bound {
        true => {
            let opened = open_grant(app, context, client, &user, &entitled).await?;
            Some(opened.ok_or(TokenError::WrongCredentials)?)
        }
        false => None,
    };
    let (grant, refresh_token) = refresh.unzip();
    let speaker = Speaker {
        sub: subject(app, client, &user),
        username: username(client, &user),
        realm: Some(realm.clone()),
        grant,
        session: None,
    };
    let access_token = access_token(context, client, speaker, &entitled)?;
    Ok(Issued { access_token, refresh_token, id_token: None, entitled, realm: Some(realm) })
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
/// re-assigned (SEC-088), or by what she is called in the sector of the client (OIDC Core §8,
/// RFC 9068 §6).
pub(crate) fn subject(app: &App, client: &Client, user: &UserEntry) -> String {
    match client.token_profile {
        TokenProfile::Stups => user.user.name.to_string(),
        TokenProfile::Rfc9068 => id_tokens::subject(app, client, &user.user),
    }
}

/// What the user signs in with, for whoever introspects; nothing where clients must not find out
/// that they know the same person.
pub(crate) fn username(client: &Client, user: &UserEntry) -> Option<String> {
    let shown = client.pairwise_sector().is_none();
    shown.then(|| user.user.name.to_string())
}

/// The user who was recognised.
async fn recognised(
    app: &App,
    context: &Context,
    realm: &RealmName,
    login: &Login,
) -> Result<Arc<UserEntry>, TokenFailure> {
    let (username, password) = (&login.username, &login.password);
    // A program shows no cookie.
    let typed = Typed { realm, username, password, from: &KnownDevice::default() };
    passwords::check(app, context, typed).await.map_err(|why| match why {
        Unrecognised::Wrong => TokenError::WrongCredentials.into(),
        Unrecognised::SlowDown(seconds) => TokenError::SlowDown(seconds).into(),
        Unrecognised::Busy => TokenFailure::Busy,
        Unrecognised::Broken(error) => error.into(),
    })
}

/// Begins a delegation; returns its id and first refresh token. `None` if the user lost the right to
/// sign in since she was recognised.
async fn open_grant(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    user: &UserEntry,
    entitled: &grantor_domain::decision::Entitlement,
) -> Result<Option<(grantor_oauth_types::id::GrantId, String)>, StoreError> {
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
        origin: None,
    };
    let opened = crate::audit_events::grant_opened(&grant, context);
    let effects = Effects::from(Effect::OpenGrant(Box::new(grant))).audit(opened);
    let her = DocumentKey::id::<User>(&context.tenant.tenant.name, user.user.id.to_string());
    let was = user.user.clone();
    let still = operations::judge(&*app.store, vec![Claim::Document(her)], move |claimed| {
        let she = claimed.document::<User>(0)?;
        let still = she.is_some_and(|she| she.value.still_lets_in(&was));
        Ok((still, if still { effects.clone() } else { Effects::NONE }))
    });
    Ok(still.await?.then_some((id, token)))
}
