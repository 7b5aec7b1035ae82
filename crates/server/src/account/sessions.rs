//! `/account/sessions`: where somebody is signed in, and ending that.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use grantor_domain::revocation::Target;
use grantor_domain::session::Session;
use grantor_oauth_types::id::SessionId;
use grantor_pages::account::{Device, Notice, SessionRow, Sessions};
use grantor_store::{Effect, Effects, SessionQuery, StoreError, operations};
use serde_json::json;

use super::{Person, Refused};
use crate::api::write::revocation;
use crate::logout::{self, Farewell};

/// The most that are shown, and ended one by one.
const MOST: usize = 200;

pub(super) async fn get(person: Person) -> Response<Body> {
    match rows(&person).await {
        Ok(sessions) => person.page(Sessions { sessions }.page(&person.shell())),
        Err(error) => person.refused(&Refused::Broken(error)),
    }
}

/// The live sessions of this person, that of this page first.
pub(super) async fn live(person: &Person) -> Result<Vec<Session>, StoreError> {
    let query = SessionQuery {
        tenant: person.context.tenant.tenant.name.clone(),
        user: person.user().id,
        before: None,
        limit: MOST,
    };
    let mut all = person.app.store.sessions(&query).await?;
    all.retain(|session| session.is_live(person.now()));
    all.sort_by_key(|session| {
        (session.id != person.session.id, std::cmp::Reverse(session.last_seen))
    });
    Ok(all)
}

async fn rows(person: &Person) -> Result<Vec<SessionRow>, StoreError> {
    let mut rows = Vec::new();
    for session in live(person).await? {
        let mut applications = Vec::new();
        for used in session.clients.iter().take(5) {
            applications.push(person.client_name(&used.client).await?);
        }
        rows.push(SessionRow {
            id: session.id.to_string(),
            device: Device::of(&session.device),
            address: session.address.map(|address| address.to_string()).unwrap_or_default(),
            began: person.when(session.created),
            seen: person.when(session.last_seen),
            here: session.id == person.session.id,
            applications,
        });
    }
    Ok(rows)
}

pub(super) async fn end(person: Person, headers: HeaderMap, body: Bytes) -> Response<Body> {
    match end_one(&person, &headers, &body).await {
        Ok(()) => person.done("/account/sessions", Notice::SessionEnded),
        Err(refused) => person.refused(&refused),
    }
}

async fn end_one(person: &Person, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
    let mut params = person.form(headers, body)?;
    let id = params.take("session").and_then(|text| text.parse::<SessionId>().ok());
    let id = id.ok_or(Refused::Unknown)?;
    // Its owner alone ends it (SEC-136).
    let session = live(person).await?.into_iter().find(|session| session.id == id);
    let session = session.ok_or(Refused::Unknown)?;
    let actor = format!("user:{}", person.user().id);
    logout::end(&person.app, &person.context, &session, &actor).await?;
    Ok(())
}

pub(super) async fn end_others(person: Person, headers: HeaderMap, body: Bytes) -> Response<Body> {
    match end_all_others(&person, &headers, &body).await {
        Ok(()) => person.done("/account/sessions", Notice::OthersEnded),
        Err(refused) => person.refused(&refused),
    }
}

async fn end_all_others(person: &Person, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
    person.form(headers, body)?;
    let others = others(person).await?;
    let farewell = Farewell::of_sessions(&person.app, &person.context, &others).await?;
    let ending = farewell.with(end_all(person, &others));
    operations::write(&*person.app.store, ending).await?;
    farewell.send(&person.app);
    Ok(person.app.directory.catch_up(person.now()).await?)
}

/// The live sessions of this person but the one of this page.
pub(super) async fn others(person: &Person) -> Result<Vec<Session>, StoreError> {
    let mut all = live(person).await?;
    all.retain(|session| session.id != person.session.id);
    Ok(all)
}

/// What ends every session of this person but the one of this page, and the tokens that end with
/// them.
pub(super) fn end_all(person: &Person, others: &[Session]) -> Effects {
    let tenant = &person.context.tenant.tenant;
    let (user, now) = (person.user().id, person.now());
    let mut effects = Effects::from(Effect::EndSessions {
        tenant: tenant.name.clone(),
        user,
        except: Some(person.session.id),
        at: now,
    });
    for session in others {
        let target = Target::session(&tenant.settings.revocation_salt, session.id);
        effects = effects.and(Effect::Revoke(Box::new(revocation(tenant, target, now))));
    }
    let event =
        person.event("session.others_ended", format!("user/{user}"), json!({ "by": "owner" }));
    effects.audit(event)
}
