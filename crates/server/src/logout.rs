//! Ending sessions: what was given for them ends too, and clients that want to know are told.
//! OIDC RP-Initiated, Front-Channel and Back-Channel Logout; SEC-131, SEC-133 to SEC-135.

use std::collections::BTreeMap;

use grantor_crypto::digest::sha256_of;
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::client::Client;
use grantor_domain::grant::{EndReason, Grant};
use grantor_domain::outbox::{Message, Notice};
use grantor_domain::refresh::ended;
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::session::Session;
use grantor_oauth_types::id::{SessionId, UserId};
use grantor_oauth_types::name::ClientId;
use grantor_store::{
    Claim, Claimed, Effect, Effects, GrantQuery, SessionQuery, StoreError, operations,
};
use serde_json::json;

use crate::app::{App, new_id};
use crate::grants::Context;
use crate::id_tokens;

mod back_channel;

pub use back_channel::BackChannel;

/// How many sessions are looked through at once.
const SESSIONS_AT_ONCE: usize = 100;

/// How many grants are looked through at once.
const GRANTS_AT_ONCE: usize = 1_000;

/// Ends a session, the grants that end with it, and their tokens: one operation (SEC-131). Then its
/// clients are told in the back channel, from an outbox that was written with it. Returns what has to
/// be loaded in the front channel.
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
