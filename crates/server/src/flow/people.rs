//! A person signs in: the session that comes of it.

use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::session::{AuthMethod, Session};
use grantor_store::{Claim, Effect, Effects, StoreError, operations};
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::audit_events;
use crate::browser::Browser;
use crate::directory::UserEntry;
use crate::grants::Context;

/// A session, and the secret that its browser is given.
#[derive(Debug)]
pub struct Signed {
    /// The session
    pub session: Session,
    /// For the cookie
    pub secret: LookupSecret,
}

/// Opens a session, or renews the one that this person has in this browser: the secret is a new one
/// either way (SEC-110), while clients go on to know the session by its id.
pub async fn open_session(
    app: &App,
    context: &Context,
    browser: &Browser,
    user: &UserEntry,
    before: Option<&Session>,
    remember: bool,
    amr: &str,
) -> Result<Signed, StoreError> {
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
    Ok(Signed { session, secret })
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
