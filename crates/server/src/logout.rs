//! Ending sessions: what was given for them ends too, and clients that want to know are told.
//! OIDC RP-Initiated, Front-Channel and Back-Channel Logout; SEC-131, SEC-133 to SEC-135.

use std::sync::Arc;
use std::time::Duration;

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::client::Client;
use grantor_domain::grant::{EndReason, Grant};
use grantor_domain::issue::logout_token::LogoutToken;
use grantor_domain::refresh::ended;
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::session::Session;
use grantor_oauth_types::id::{SessionId, UserId};
use grantor_store::{
    Claim, Claimed, Effect, Effects, GrantQuery, SessionQuery, StoreError, operations,
};
use serde_json::json;
use tokio::sync::mpsc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::app::{App, new_id};
use crate::directory::UserEntry;
use crate::grants::Context;
use crate::id_tokens;

/// How many logout tokens may wait to be sent.
const WAITING: usize = 10_000;

/// How many are on their way at once.
const AT_ONCE: usize = 16;

/// How often one is tried, with a pause between.
const TRIES: u32 = 3;

/// How many sessions are looked through at once.
const SESSIONS_AT_ONCE: usize = 100;

/// How many grants are looked through at once.
const GRANTS_AT_ONCE: usize = 1_000;

/// Ends a session, the grants that end with it, and their tokens: one operation (SEC-131). Then its
/// clients are told in the back channel. Returns what has to be loaded in the front channel.
pub async fn end(
    app: &App,
    context: &Context,
    session: &Session,
    actor: &str,
) -> Result<Vec<String>, StoreError> {
    let grants = grants_of(app, context, session).await?;
    let tenant = &context.tenant.tenant.name;
    let mut claims = vec![Claim::Session(tenant.clone(), session.id)];
    claims.extend(grants.iter().map(|grant| Claim::Grant(tenant.clone(), grant.id)));
    let (case, count, actor) = (context.clone(), grants.len(), actor.to_owned());
    let was_live = operations::judge(&*app.store, claims, move |claimed| {
        Ok(judge(&case, claimed, count, &actor))
    });
    if !was_live.await? {
        return Ok(Vec::new());
    }
    app.directory.catch_up(context.now).await?;
    tell(app, context, session).await
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

fn judge(context: &Context, claimed: &Claimed, grants: usize, actor: &str) -> (bool, Effects) {
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
    (true, effects.audit(event))
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

/// Puts a logout token for each client that wants one into the queue, and returns the addresses of
/// those that want to be loaded in a frame. Also for sessions that were ended in another way.
pub async fn tell(
    app: &App,
    context: &Context,
    session: &Session,
) -> Result<Vec<String>, StoreError> {
    let (frames, farewell) = parting(app, context, session).await?;
    farewell.send(app);
    Ok(frames)
}

/// Logout tokens that are made and not sent yet.
#[derive(Default)]
pub struct Farewell(Vec<Notice>);

impl Farewell {
    /// For every live session of these people. To be made before what ends them, for a token names
    /// the person, and who is deleted has no name; and to be sent when that is done.
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
                for session in page.iter().filter(|session| session.is_live(context.now)) {
                    all.0.extend(parting(app, context, session).await?.1.0);
                }
                query.before = page.last().map(|session| session.id);
                if page.len() < SESSIONS_AT_ONCE {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Puts them into the queue. Nobody waits for them.
    pub fn send(self, app: &App) {
        self.0.into_iter().for_each(|notice| app.back_channel.push(notice));
    }
}

/// What the clients of a session are told in the front and in the back channel.
async fn parting(
    app: &App,
    context: &Context,
    session: &Session,
) -> Result<(Vec<String>, Farewell), StoreError> {
    let tenant = &context.tenant.tenant.name;
    let user = app.directory.user(tenant, session.user).await?;
    let (mut frames, mut notices) = (Vec::new(), Vec::new());
    for used in &session.clients {
        let Some(entry) = app.directory.client(tenant, &used.client).await? else { continue };
        let client = entry.client();
        if !client.enabled {
            continue;
        }
        frames.extend(frame(context, client, session.id));
        if let (Some(uri), Some(user)) = (&client.logout.backchannel_logout_uri, &user) {
            match logout_token(app, context, client, user, session.id) {
                Some(token) => notices.push(Notice { uri: uri.clone(), token }),
                None => tracing::error!(client = %client.id, "no key signs its logout token"),
            }
        }
    }
    Ok((frames, Farewell(notices)))
}

/// Front-Channel Logout §2: `iss` and `sid` behind what the address has already.
fn frame(context: &Context, client: &Client, session: SessionId) -> Option<String> {
    let mut uri = url::Url::parse(client.logout.frontchannel_logout_uri.as_deref()?).ok()?;
    uri.query_pairs_mut()
        .append_pair("iss", &context.tenant.tenant.issuer)
        .append_pair("sid", &session.to_string());
    Some(uri.into())
}

/// Signed as the client's `id_token`s are (Back-Channel Logout §2.6).
fn logout_token(
    app: &App,
    context: &Context,
    client: &Client,
    user: &UserEntry,
    session: SessionId,
) -> Option<String> {
    let sub = id_tokens::subject(app, client, &user.user);
    let jti = BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<16>());
    let token = LogoutToken {
        issuer: &context.tenant.tenant.issuer,
        sub: &sub,
        client: &client.id,
        session,
        iat: context.now.as_second(),
        jti: &jti,
    };
    let signer = context.tenant.keys.logout_signer(client.id_token_alg(), context.now)?;
    signer.sign(&token.to_jwt_payload()).ok()
}

/// A logout token, and where it goes.
struct Notice {
    uri: String,
    token: String,
}

/// Logout tokens on their way. Nobody waits for them: an unreachable client keeps nobody signed in
/// (Back-Channel Logout §2.7).
pub struct BackChannel {
    queue: mpsc::Sender<Notice>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Notice>>,
}

impl std::fmt::Debug for BackChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackChannel").finish_non_exhaustive()
    }
}

impl Default for BackChannel {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        Self { queue, waiting: tokio::sync::Mutex::new(waiting) }
    }
}

impl std::fmt::Debug for Farewell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Farewell").finish_non_exhaustive()
    }
}

impl BackChannel {
    fn push(&self, notice: Notice) {
        if self.queue.try_send(notice).is_err() {
            tracing::warn!("too many logout tokens wait: one is not sent");
        }
    }

    /// Sends what waits, a few at a time, for ever.
    pub async fn run(&self, app: &App) {
        let mut waiting = self.waiting.lock().await;
        let free = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
        while let Some(notice) = waiting.recv().await {
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
            let app = app.clone();
            tokio::spawn(async move {
                send(&app, &notice).await;
                drop(permit);
            });
        }
    }
}

async fn send(app: &App, notice: &Notice) {
    for attempt in 1..=TRIES {
        let form = [("logout_token", notice.token.as_str())];
        match app.outbound.post_form(&notice.uri, &form).await {
            Ok(()) => return,
            Err(error) => tracing::info!(%error, attempt, "a logout token did not arrive"),
        }
        tokio::time::sleep(Duration::from_secs(u64::from(attempt * attempt))).await;
    }
    tracing::warn!("a client was not told of a logout");
}
