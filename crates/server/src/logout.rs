//! Ending sessions: what was given for them ends too, and clients that want to know are told.
//! OIDC RP-Initiated, Front-Channel and Back-Channel Logout; SEC-131, SEC-133 to SEC-135.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use grantor_crypto::digest::sha256_of;
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::client::Client;
use grantor_domain::grant::{EndReason, Grant};
use grantor_domain::issue::logout_token::LogoutToken;
use grantor_domain::outbox::{Message, Notice};
use grantor_domain::refresh::ended;
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::session::Session;
use grantor_oauth_types::id::{SessionId, UserId};
use grantor_oauth_types::name::ClientId;
use grantor_store::{
    Claim, Claimed, Effect, Effects, GrantQuery, SessionQuery, StoreError, operations,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::app::{App, new_id};
use crate::directory::TenantView;
use crate::grants::Context;
use crate::id_tokens;
use crate::outbound::OutboundError;

/// How many are on their way at once.
const AT_ONCE: usize = 16;

/// For how long a message is nobody else's once it was taken.
const TAKEN_FOR: SignedDuration = SignedDuration::from_secs(10);

/// How often a node looks for messages that it was not told of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many sessions are looked through at once.
const SESSIONS_AT_ONCE: usize = 100;

/// How many grants are looked through at once.
const GRANTS_AT_ONCE: usize = 1_000;

/// Ends a session, the grants that end with it, and their tokens: one operation (SEC-131). Then its
/// clients are told in the back channel, from an outbox that was written with it. Returns what has to be loaded in the front channel.
pub async fn end(
    app: &App,
    context: &Context,
    session: &Session,
    actor: &str,
) -> Result<Vec<String>, StoreError> {
    let grants = grants_of(app, context, session).await?;
    let parting = Parting::of(app, context, session).await?;
    let frames = parting.frames.clone();
    let tenant = &context.tenant.tenant.name;
    let mut claims = vec![Claim::Session(tenant.clone(), session.id)];
    claims.extend(grants.iter().map(|grant| Claim::Grant(tenant.clone(), grant.id)));
    let (case, count, actor) = (context.clone(), grants.len(), actor.to_owned());
    let was_live = operations::judge(&*app.store, claims, move |claimed| {
        Ok(judge(&case, claimed, count, &actor, &parting))
    });
    if !was_live.await? {
        return Ok(Vec::new());
    }
    app.back_channel.wake.notify_one();
    app.directory.catch_up(context.now).await?;
    Ok(frames)
}

/// The grants that end with a session: those of its tokens, but not for offline use.
async fn grants_of(
    app: &App,
    context: &Context,
    session: &Session,
) -> Result<Vec<Grant>, StoreError> {
    let mut query = GrantQuery {
        tenant: context.tenant.tenant.name.clone(),
        user: Some(session.user),
        client: None,
        before: None,
        limit: GRANTS_AT_ONCE,
    };
    let of_session = |grant: &Grant| {
        let origin = grant.origin.as_ref().filter(|origin| !origin.offline);
        let same = origin.is_some_and(|origin| origin.sign_in.session == Some(session.id));
        same && grant.ended.is_none() && context.now < grant.expires
    };
    let mut found = Vec::new();
    loop {
        let page = app.store.grants(&query).await?;
        query.before = page.last().map(|grant| grant.id);
        // None of a session is older than it. A clock may have stepped, by a little.
        let older = page
            .last()
            .is_none_or(|grant| grant.created.as_second() + 60 < session.created.as_second());
        let last = page.len() < GRANTS_AT_ONCE || older;
        found.extend(page.into_iter().filter(of_session));
        if last {
            return Ok(found);
        }
    }
}

fn judge(
    context: &Context,
    claimed: &Claimed,
    grants: usize,
    actor: &str,
    parting: &Parting,
) -> (bool, Effects) {
    let live = claimed.session(0).filter(|session| session.ended.is_none());
    let Some(session) = live else { return (false, Effects::NONE) };
    let over = Session { ended: Some(context.now), ..session.clone() };
    let tenant = &context.tenant.tenant;
    let salt = &tenant.settings.revocation_salt;
    let revoke = |target| {
        Effect::Revoke(Box::new(Revocation {
            tenant: tenant.name.clone(),
            target,
            issued_before: context.now.as_second() + 1,
            revoked: context.now,
            until: crate::revoke::remembered_until(context.now),
        }))
    };
    let event = event(context, session, actor);
    let mut effects = Effects::from(Effect::PutSession(Box::new(over)))
        .and(revoke(Target::session(salt, session.id)));
    for claim in 1..=grants {
        if let Some(grant) = claimed.grant(claim).filter(|grant| grant.ended.is_none()) {
            let over = ended(grant, EndReason::Revoked, context.now);
            effects = effects
                .and(Effect::UpdateGrant(Box::new(over)))
                .and(revoke(Target::grant(salt, grant.id)));
        }
    }
    let farewell = Farewell(parting.notices(context, session));
    (true, farewell.with(effects).audit(event))
}

fn event(context: &Context, session: &Session, actor: &str) -> AuditEvent {
    AuditEvent {
        id: new_id(context.now),
        tenant: context.tenant.tenant.name.clone(),
        at: context.now,
        kind: "session.ended".to_owned(),
        outcome: AuditOutcome::Done,
        actor: actor.to_owned(),
        subject: Some(format!("session/{}", session.id)),
        address: context.address.map(|address| address.to_string()),
        detail: json!({ "user": session.user, "decision_id": context.decision }),
    }
}

/// The logout tokens that follow from the end of sessions: written with it, and sent as soon as it is
/// done (REL-038).
#[derive(Clone, Debug, Default)]
pub struct Farewell(Vec<Notice>);

impl Farewell {
    /// For every live session of these people. To be made before what ends them, for a token names
    /// the person, and who is deleted has no name.
    pub async fn of_users(
        app: &App,
        context: &Context,
        users: &[UserId],
    ) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for user in users {
            let mut query = SessionQuery {
                tenant: context.tenant.tenant.name.clone(),
                user: *user,
                before: None,
                limit: SESSIONS_AT_ONCE,
            };
            loop {
                let page = app.store.sessions(&query).await?;
                let live: Vec<Session> =
                    page.iter().filter(|session| session.is_live(context.now)).cloned().collect();
                all.0.extend(Self::of_sessions(app, context, &live).await?.0);
                query.before = page.last().map(|session| session.id);
                if page.len() < SESSIONS_AT_ONCE {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// For these sessions.
    pub async fn of_sessions(
        app: &App,
        context: &Context,
        sessions: &[Session],
    ) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for session in sessions {
            let parting = Parting::of(app, context, session).await?;
            all.0.extend(parting.notices(context, session));
        }
        Ok(all)
    }

    /// With what ends the sessions.
    #[must_use]
    pub fn with(&self, mut effects: Effects) -> Effects {
        effects.0.extend(self.0.iter().map(|notice| Effect::Notify(Box::new(notice.clone()))));
        effects
    }

    /// They are written: off they go. Nobody waits for them.
    pub fn send(&self, app: &App) {
        if !self.0.is_empty() {
            app.back_channel.wake.notify_one();
        }
    }
}

/// What the clients of a session are told in the front and in the back channel.
struct Parting {
    /// What has to be loaded in frames
    frames: Vec<String>,
    /// The clients that are known, and as whom they know the person if they want a logout token
    known: BTreeMap<ClientId, Option<String>>,
}

impl Parting {
    async fn of(app: &App, context: &Context, session: &Session) -> Result<Self, StoreError> {
        let tenant = &context.tenant.tenant.name;
        let user = app.directory.user(tenant, session.user).await?;
        let mut parting = Self { frames: Vec::new(), known: BTreeMap::new() };
        for used in &session.clients {
            let entry = app.directory.client(tenant, &used.client).await?;
            let client = entry.as_ref().map(|entry| entry.client()).filter(|c| c.enabled);
            parting.frames.extend(client.and_then(|client| frame(context, client, session.id)));
            let wants = client.filter(|client| client.logout.backchannel_logout_uri.is_some());
            let sub = wants.zip(user.as_ref());
            let sub = sub.map(|(client, user)| id_tokens::subject(app, client, &user.user));
            parting.known.insert(used.client.clone(), sub);
        }
        Ok(parting)
    }

    /// A message for each client of the session that wants one, or came to it since: what that
    /// wants is looked up when it is sent.
    fn notices(&self, context: &Context, session: &Session) -> Vec<Notice> {
        let tenant = &context.tenant.tenant.name;
        let of = |client: &ClientId| {
            let sub = match self.known.get(client) {
                Some(Some(sub)) => Some(sub.clone()),
                Some(None) => return None,
                None => None,
            };
            let message = Message::Logout {
                client: client.clone(),
                user: session.user,
                sub,
                session: session.id,
            };
            Some(Notice::new(tenant.clone(), notice_id(session.id, client), message, context.now))
        };
        session.clients.iter().filter_map(|used| of(&used.client)).collect()
    }
}

/// A session ends once, so this is one message, however often its end is told of.
fn notice_id(session: SessionId, client: &ClientId) -> [u8; 16] {
    let digest = sha256_of(&[b"logout", &session.bytes(), client.as_str().as_bytes()]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

/// Front-Channel Logout §2: `iss` and `sid` behind what the address has already.
fn frame(context: &Context, client: &Client, session: SessionId) -> Option<String> {
    let mut uri = url::Url::parse(client.logout.frontchannel_logout_uri.as_deref()?).ok()?;
    uri.query_pairs_mut()
        .append_pair("iss", &context.tenant.tenant.issuer)
        .append_pair("sid", &session.to_string());
    Some(uri.into())
}

/// Signed as the client's `id_token`s are (Back-Channel Logout §2.6), at each try anew: it lives for two
/// minutes. By its `jti` the client knows that it was told before.
fn logout_token(
    view: &TenantView,
    client: &Client,
    sub: &str,
    session: SessionId,
    id: [u8; 16],
    now: Timestamp,
) -> Option<String> {
    let token = LogoutToken {
        issuer: &view.tenant.issuer,
        sub,
        client: &client.id,
        session,
        iat: now.as_second(),
        jti: &BASE64_URL_SAFE_NO_PAD.encode(id),
    };
    let signer = view.keys.logout_signer(client.id_token_alg(), now)?;
    signer.sign(&token.to_jwt_payload()).ok()
}

/// Messages on their way. Nobody waits for them: an unreachable client keeps nobody signed in
/// (Back-Channel Logout §2.7).
#[derive(Debug, Default)]
pub struct BackChannel {
    wake: Notify,
}

impl BackChannel {
    /// Sends what is due, a few at a time, for ever. What another node wrote, or this one before it
    /// was ended, is found by looking.
    pub async fn run(&self, app: &App) {
        let free = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let now = app.clock.now();
            let until = now.saturating_add(TAKEN_FOR).unwrap_or(Timestamp::MAX);
            let room = free.available_permits().max(1);
            let taken = app.store.take_notices(now, until, room).await;
            let taken = taken.unwrap_or_else(|error| {
                tracing::warn!(%error, "messages wait");
                Vec::new()
            });
            if taken.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            for notice in taken {
                let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
                let app = app.clone();
                tokio::spawn(async move {
                    deliver(&app, &notice).await;
                    drop(permit);
                });
            }
        }
    }
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    /// Nobody is there any more to take it
    #[error("nobody wants it any more")]
    Unwanted,
    /// Perhaps later
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Our doing
    #[error(transparent)]
    Broken(#[from] StoreError),
    /// Our doing as well
    #[error("no key signs it")]
    NoSigner,
}

async fn deliver(app: &App, notice: &Notice) {
    let now = app.clock.now();
    let again = match send(app, notice, now).await {
        Ok(()) | Err(Undelivered::Unwanted) => None,
        Err(error) => {
            tracing::info!(%error, tries = notice.tries, "a logout token did not arrive");
            let again = notice.next_try(now);
            if again.is_none() {
                tracing::warn!(tries = notice.tries, "a client was not told of a logout");
            }
            again
        }
    };
    let effect = match again {
        Some(due) => Effect::TellAgain(notice.id, due),
        None => Effect::Told(notice.id),
    };
    // If this is not written, it is sent once more: that is better than never.
    if let Err(error) = operations::write(&*app.store, effect.into()).await {
        tracing::warn!(%error, "a message may be sent twice");
    }
}

async fn send(app: &App, notice: &Notice, now: Timestamp) -> Result<(), Undelivered> {
    let Message::Logout { client, user, sub, session } = &notice.message;
    let view = app.directory.tenant(notice.tenant.as_str()).ok_or(Undelivered::Unwanted)?;
    let entry = app.directory.client(&notice.tenant, client).await?.ok_or(Undelivered::Unwanted)?;
    let client = entry.client();
    let uri = client.logout.backchannel_logout_uri.as_ref().filter(|_| client.enabled);
    let uri = uri.ok_or(Undelivered::Unwanted)?;
    let sub = match sub {
        Some(sub) => sub.clone(),
        None => {
            let user = app.directory.user(&notice.tenant, *user).await?;
            id_tokens::subject(app, client, &user.ok_or(Undelivered::Unwanted)?.user)
        }
    };
    let token = logout_token(&view, client, &sub, *session, notice.id, now);
    let token = token.ok_or(Undelivered::NoSigner)?;
    Ok(app.outbound.post_form(uri, &[("logout_token", token.as_str())]).await?)
}
