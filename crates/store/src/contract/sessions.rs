//! Sessions: opened, listed, ended.

use std::sync::Arc;

use grantor_domain::session::{Session, SessionClient};
use grantor_oauth_types::id::{SessionId, UserId};

use super::sample::{acme, at, id, session, tenant};
use crate::operations::{judge, write};
use crate::{Claim, Effect, Effects, SessionQuery, Store};

async fn put(store: &dyn Store, session: &Session) {
    write(store, Effect::PutSession(Box::new(session.clone())).into()).await.unwrap();
}

async fn list(store: &dyn Store, user: UserId, before: Option<SessionId>) -> Vec<SessionId> {
    let query = SessionQuery { tenant: acme(), user, before, limit: 2 };
    store.sessions(&query).await.unwrap().iter().map(|session| session.id).collect()
}

/// Every field comes back, in every stage of its life.
pub async fn a_session_reads_back_in_every_stage(store: Arc<dyn Store>) {
    let mut wanted = session(&acme(), id());
    put(&*store, &wanted).await;
    assert_eq!(store.session(&acme(), wanted.id).await.unwrap().as_ref(), Some(&wanted));
    let shop = "shop".parse().unwrap();
    wanted.clients.push(SessionClient { client: shop, since: at(5) });
    wanted.last_seen = at(5);
    wanted.idle_expires = at(4_000);
    put(&*store, &wanted).await;
    wanted.ended = Some(at(6));
    put(&*store, &wanted).await;
    assert_eq!(store.session(&acme(), wanted.id).await.unwrap().as_ref(), Some(&wanted));
    assert_eq!(store.session(&acme(), id()).await.unwrap(), None);
}

/// Of one user, behind a cursor.
pub async fn sessions_are_listed_newest_first(store: Arc<dyn Store>) {
    let (alice, bob): (UserId, UserId) = (id(), id());
    let mut opened = Vec::new();
    for user in [alice, bob, alice, alice] {
        let session = session(&acme(), user);
        put(&*store, &session).await;
        opened.push(session.id);
    }
    put(&*store, &session(&tenant("other"), alice)).await;
    assert_eq!(list(&*store, alice, None).await, [opened[3], opened[2]]);
    assert_eq!(list(&*store, alice, Some(opened[2])).await, [opened[0]]);
    assert_eq!(list(&*store, bob, None).await, [opened[1]]);
}

/// "Sign out everywhere else", and everywhere.
pub async fn sessions_of_a_user_end_but_for_one(store: Arc<dyn Store>) {
    let (alice, bob): (UserId, UserId) = (id(), id());
    let sessions = [alice, alice, alice, bob].map(|user| session(&acme(), user));
    for session in &sessions {
        put(&*store, session).await;
    }
    let end = |except, second| {
        let end = Effect::EndSessions { tenant: acme(), user: alice, except, at: at(second) };
        let store = Arc::clone(&store);
        async move { write(&*store, end.into()).await.unwrap() }
    };
    let ended = || async {
        let mut ended = Vec::new();
        for session in &sessions {
            let found = store.session(&acme(), session.id).await.unwrap().unwrap();
            ended.push(found.ended.map(|at| at.as_second() - super::sample::NOW));
        }
        ended
    };
    end(Some(sessions[1].id), 2).await;
    assert_eq!(ended().await, [Some(2), None, Some(2), None]);
    end(None, 3).await;
    assert_eq!(ended().await, [Some(2), Some(3), Some(2), None]);
}

/// By reading and by claiming.
pub async fn sec_163_a_session_is_found_in_its_tenant_only(store: Arc<dyn Store>) {
    let opened = session(&acme(), id());
    put(&*store, &opened).await;
    let other = tenant("other");
    assert_eq!(store.session(&other, opened.id).await.unwrap(), None);
    let claims = vec![Claim::Session(other, opened.id), Claim::Session(acme(), opened.id)];
    let found = judge(&*store, claims, |claimed| {
        let found = [claimed.session(0).is_some(), claimed.session(1).is_some()];
        Ok((found, Effects::NONE))
    });
    assert_eq!(found.await.unwrap(), [false, true]);
}
