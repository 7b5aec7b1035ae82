//! A person signs in: the session that comes of it.

use axum::http::HeaderValue;
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::session::{AuthMethod, Session};
use grantor_store::{Claim, Effect, Effects, StoreError, operations};
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::audit_events;
use crate::browser::Browser;
use crate::directory::UserEntry;
use crate::grants::Context;
use crate::session_state;

/// A person has arrived: who is signed in to this browser now, she first, and what it has to keep.
#[derive(Debug)]
pub struct Arrival {
    /// The live sessions
    pub sessions: Vec<Session>,
    /// For the browser
    pub cookies: Vec<HeaderValue>,
}

/// Signs her in to this browser, in which `before` were signed in. `amr` is what she proved it with.
pub async fn arrive(
    app: &App,
    context: &Context,
    browser: &Browser,
    user: &UserEntry,
    before: Vec<Session>,
    remember: bool,
    amr: &str,
) -> Result<Arrival, StoreError> {
    let hers = before.iter().find(|session| session.user == user.user.id);
    let (session, secret) = open_session(app, context, browser, user, hers, remember, amr).await?;
    let others: Vec<Session> = before.into_iter().filter(|other| other.id != session.id).collect();
    let kept = session.remember || others.iter().any(|other| other.remember);
    let seconds = context.tenant.tenant.settings.session_remember_seconds;
    let state = session_state::browser_state(Some(&session));
    let cookies = vec![
        browser.with_account(&secret, &others, kept.then_some(seconds)),
        session_state::cookie(&context.tenant.tenant.issuer, &state),
    ];
    let mut sessions = vec![session];
    sessions.extend(others);
    Ok(Arrival { sessions, cookies })
}

/// The session that she would have: for judging before anything is written.
pub fn draft(
    app: &App,
    context: &Context,
    browser: &Browser,
    user: &UserEntry,
    amr: &str,
) -> Session {
    fresh(app, context, browser, user, false, amr)
}

/// Opens a session, or renews the one that this person has in this browser: the secret is a new one
/// either way (SEC-110), while clients go on to know the session by its id.
async fn open_session(
    app: &App,
    context: &Context,
    browser: &Browser,
    user: &UserEntry,
    before: Option<&Session>,
    remember: bool,
    amr: &str,
) -> Result<(Session, LookupSecret), StoreError> {
    let fresh = fresh(app, context, browser, user, remember, amr);
    let tenant = &context.tenant.tenant.name;
    let id = before.map_or(fresh.id, |session| session.id);
    let secret = LookupSecret::mint(SecretKind::Session, id.bytes());
    let fresh = Session { id, digest: secret.digest(), ..fresh };
    let (opened, now) = (audit_events::session_opened(&fresh, context), context.now);
    let claims = vec![Claim::Session(tenant.clone(), id)];
    let session = operations::judge(&*app.store, claims, move |claimed| {
        let live = claimed.session(0).filter(|known| known.is_live(now));
        let session = live.map_or_else(|| fresh.clone(), |known| renewed(known, &fresh));
        let effects = Effects::from(Effect::PutSession(Box::new(session.clone())));
        Ok((session, effects.audit(opened.clone())))
    })
    .await?;
    Ok((session, secret))
}

fn fresh(
    app: &App,
    context: &Context,
    browser: &Browser,
    user: &UserEntry,
    remember: bool,
    amr: &str,
) -> Session {
    let settings = &context.tenant.tenant.settings;
    let after = |seconds: u32| {
        let end = context.now.saturating_add(SignedDuration::from_secs(seconds.into()));
        end.unwrap_or(Timestamp::MAX)
    };
    let remember = remember && settings.session_remember_seconds > 0;
    let (idle, absolute) = match remember {
        true => (settings.session_remember_seconds, settings.session_remember_seconds),
        false => (settings.session_idle_seconds, settings.session_absolute_seconds),
    };
    Session {
        tenant: context.tenant.tenant.name.clone(),
        id: app.new_id(context.now),
        digest: grantor_crypto::digest::SecretDigest::of(""),
        user: user.user.id,
        realm: user.user.realm.clone(),
        methods: vec![AuthMethod { amr: amr.to_owned(), at: context.now }],
        created: context.now,
        last_seen: context.now,
        idle_expires: after(idle.min(absolute)),
        expires: after(absolute),
        remember,
        device: browser.device.clone(),
        address: context.address,
        clients: Vec::new(),
        ended: None,
    }
}

/// What was proved before stays proved at its time; what was proved now is newer.
fn renewed(known: &Session, fresh: &Session) -> Session {
    let again = |method: &&AuthMethod| fresh.methods.iter().all(|new| new.amr != method.amr);
    let older = known.methods.iter().filter(again).cloned();
    Session {
        methods: older.chain(fresh.methods.iter().cloned()).collect(),
        created: known.created,
        clients: known.clients.clone(),
        ..fresh.clone()
    }
}
