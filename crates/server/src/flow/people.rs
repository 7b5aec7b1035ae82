//! A person signs in: the session that comes of it.

use axum::http::HeaderValue;
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::document::DocumentKey;
use grantor_domain::session::{AuthMethod, Session};
use grantor_domain::user::User;
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
/// `None` if she lost the right to meanwhile.
pub async fn arrive(
    app: &App,
    context: &Context,
    browser: &Browser,
    user: &UserEntry,
    before: Vec<Session>,
    remember: bool,
    amr: &str,
) -> Result<Option<Arrival>, StoreError> {
    let hers = before.iter().find(|session| session.user == user.user.id);
    let opened = open_session(app, context, browser, user, hers, remember, amr).await?;
    let Some((session, secret)) = opened else { return Ok(None) };
    let others: Vec<Session> = before.into_iter().filter(|other| other.id != session.id).collect();
    let kept = session.remember || others.iter().any(|other| other.remember);
    let seconds = context.tenant.tenant.settings.session_remember_seconds;
    let state = session_state::browser_state(Some(&session));
    let account = User::login_key(&user.user.realm, user.user.name.as_str());
    let cookies = vec![
        browser.with_account(&secret, &others, kept.then_some(seconds)),
        session_state::cookie(&context.tenant.tenant.issuer, &state),
        browser.known.cookie(&app.secrets, &user.user.tenant, &account),
    ];
    let mut sessions = vec![session];
    sessions.extend(others);
    Ok(Some(Arrival { sessions, cookies }))
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
/// either way (SEC-110), while clients go on to know the session by its id. One that ended meanwhile
/// stays ended, and who lost her right to sign in meanwhile is not signed in (SEC-131).
async fn open_session(
    app: &App,
    context: &Context,
    browser: &Browser,
    user: &UserEntry,
    before: Option<&Session>,
    remember: bool,
    amr: &str,
) -> Result<Option<(Session, LookupSecret)>, StoreError> {
    let fresh = fresh(app, context, browser, user, remember, amr);
    let tenant = &context.tenant.tenant.name;
    let secret = LookupSecret::mint(SecretKind::Session, fresh.id.bytes());
    let fresh = Session { digest: secret.digest(), ..fresh };
    let again = before.map(|known| LookupSecret::mint(SecretKind::Session, known.id.bytes()));
    let digest = again.as_ref().map(LookupSecret::digest);
    let her = DocumentKey::id::<User>(tenant, user.user.id.to_string());
    let known = before.map(|known| Claim::Session(tenant.clone(), known.id));
    let claims = [Claim::Document(her)].into_iter().chain(known).collect();
    let (was, case) = (user.user.clone(), context.clone());
    let session = operations::judge(&*app.store, claims, move |claimed| {
        let she = claimed.document::<User>(0)?;
        if !she.is_some_and(|she| she.value.still_lets_in(&was)) {
            return Ok((None, Effects::NONE));
        }
        let known = digest.and_then(|digest| Some((claimed.session(1)?, digest)));
        let session = match known.filter(|(known, _)| known.is_live(case.now)) {
            Some((known, digest)) => Session { digest, ..renewed(known, &fresh) },
            None => fresh.clone(),
        };
        let effects = Effects::from(Effect::PutSession(Box::new(session.clone())));
        let opened = audit_events::session_opened(&session, &case);
        Ok((Some(session), effects.audit(opened)))
    });
    let Some(session) = session.await? else { return Ok(None) };
    let is_known = before.is_some_and(|known| known.id == session.id);
    let secret = again.filter(|_| is_known).unwrap_or(secret);
    Ok(Some((session, secret)))
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
        id: known.id,
        methods: older.chain(fresh.methods.iter().cloned()).collect(),
        created: known.created,
        clients: known.clients.clone(),
        ..fresh.clone()
    }
}
