//! Grants: opened, judged one at a time, listed, ended.

use std::sync::Arc;

use grantor_crypto::digest::SecretDigest;
use grantor_domain::claims::ClaimsRequest;
use grantor_domain::grant::{EndReason, Grant, GrantEnd, GrantOrigin, PreviousRefresh};
use grantor_domain::session::SignIn;
use grantor_oauth_types::confirmation::CertificateThumbprint;
use grantor_oauth_types::id::{GrantId, UserId};

use super::sample::{acme, at, grant, id, tenant};
use crate::operations::{judge_grant, write};
use crate::{Effect, Effects, GrantQuery, Store};

async fn open(store: &dyn Store, grant: &Grant) {
    write(store, Effect::OpenGrant(Box::new(grant.clone())).into()).await.unwrap();
}

fn of(user: Option<UserId>, client: Option<&str>) -> GrantQuery {
    let client = client.map(|client| client.parse().unwrap());
    GrantQuery { tenant: acme(), user, client, before: None, limit: 100 }
}

async fn list(store: &dyn Store, query: &GrantQuery) -> Vec<GrantId> {
    store.grants(query).await.unwrap().iter().map(|grant| grant.id).collect()
}

/// Every field comes back, in every stage of its life.
pub async fn a_grant_reads_back_in_every_stage(store: Arc<dyn Store>) {
    let mut wanted = grant(&acme(), id(), "shop");
    open(&*store, &wanted).await;
    assert_eq!(store.grant(&acme(), wanted.id).await.unwrap().as_ref(), Some(&wanted));
    wanted.refresh.generation = 2;
    wanted.refresh.digest = SecretDigest::of("second");
    wanted.refresh.idle_expires = at(15 * 86_400);
    wanted.refresh.previous = Some(PreviousRefresh {
        digest: SecretDigest::of("first"),
        rotated: at(3),
        sealed_successor: vec![0, 1, 255],
    });
    wanted.scopes = "uid".parse().unwrap();
    wanted.origin = Some(GrantOrigin {
        sign_in: SignIn {
            session: Some(id()),
            at: at(1),
            acr: Some("1".to_owned()),
            amr: vec!["pwd".to_owned()],
        },
        claims: ClaimsRequest::parse(r#"{"userinfo":{"name":null}}"#).unwrap(),
        wants_auth_time: true,
        offline: true,
        certificate: Some(CertificateThumbprint::from_bytes([9; 32])),
    });
    wanted.audiences = Vec::new();
    write(&*store, Effect::UpdateGrant(Box::new(wanted.clone())).into()).await.unwrap();
    assert_eq!(store.grant(&acme(), wanted.id).await.unwrap().as_ref(), Some(&wanted));
    for why in [EndReason::Reuse, EndReason::Revoked] {
        wanted.ended = Some(GrantEnd { at: at(9), why });
        wanted.refresh.previous = None;
        write(&*store, Effect::UpdateGrant(Box::new(wanted.clone())).into()).await.unwrap();
        assert_eq!(store.grant(&acme(), wanted.id).await.unwrap().as_ref(), Some(&wanted));
    }
    assert_eq!(store.grant(&acme(), id()).await.unwrap(), None);
}

/// Newest first, behind a cursor, of a user, a client or both.
pub async fn grants_are_listed_newest_first(store: Arc<dyn Store>) {
    let (alice, bob): (UserId, UserId) = (id(), id());
    let mut opened = Vec::new();
    for (user, client) in [(alice, "shop"), (bob, "shop"), (alice, "app"), (alice, "shop")] {
        let grant = grant(&acme(), user, client);
        open(&*store, &grant).await;
        opened.push(grant.id);
    }
    open(&*store, &grant(&tenant("other"), alice, "shop")).await;
    let pick = |numbers: &[usize]| numbers.iter().map(|n| opened[*n]).collect::<Vec<_>>();
    assert_eq!(list(&*store, &of(None, None)).await, pick(&[3, 2, 1, 0]));
    assert_eq!(list(&*store, &of(Some(alice), None)).await, pick(&[3, 2, 0]));
    assert_eq!(list(&*store, &of(None, Some("shop"))).await, pick(&[3, 1, 0]));
    assert_eq!(list(&*store, &of(Some(alice), Some("shop"))).await, pick(&[3, 0]));
    let page = GrantQuery { before: Some(opened[3]), limit: 1, ..of(Some(alice), None) };
    assert_eq!(list(&*store, &page).await, pick(&[2]));
}

/// A hundred judges of one row see one after the other: each finds what the one before it left.
pub async fn rel_019_sec_063_judges_of_one_grant_take_turns(store: Arc<dyn Store>) {
    let opened = grant(&acme(), id(), "shop");
    open(&*store, &opened).await;
    let judges = (0..100).map(|_| {
        let (store, grant) = (Arc::clone(&store), opened.id);
        tokio::spawn(async move {
            let tenant = acme();
            let judged = judge_grant(&*store, &tenant, grant, |found| {
                let mut next = found.unwrap().clone();
                let seen = next.refresh.generation;
                next.refresh.generation += 1;
                next.refresh.digest = SecretDigest::of(&next.refresh.generation.to_string());
                (seen, Effects::from(Effect::UpdateGrant(Box::new(next))))
            });
            judged.await.unwrap()
        })
    });
    let mut seen = Vec::new();
    for judge in judges.collect::<Vec<_>>() {
        seen.push(judge.await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=100).collect::<Vec<i64>>(), "two saw the same row");
    let found = store.grant(&acme(), opened.id).await.unwrap().unwrap();
    assert_eq!(found.refresh.generation, 101);
    assert_eq!(found.refresh.digest, SecretDigest::of("101"));
}

/// The judge of a grant that is not there is told so, in any tenant but its own.
pub async fn sec_163_a_grant_is_found_in_its_tenant_only(store: Arc<dyn Store>) {
    let opened = grant(&acme(), id(), "shop");
    open(&*store, &opened).await;
    let other = tenant("other");
    assert_eq!(store.grant(&other, opened.id).await.unwrap(), None);
    let judged = judge_grant(&*store, &other, opened.id, |found| (found.is_none(), Effects::NONE));
    assert!(judged.await.unwrap());
    let end = Effect::EndGrants { tenant: other, user: None, client: None, at: at(1) };
    write(&*store, end.into()).await.unwrap();
    assert_eq!(store.grant(&acme(), opened.id).await.unwrap().unwrap().ended, None);
}

/// The kill switch ends what is live and matches, and leaves how others ended as it was.
pub async fn grants_end_by_user_by_client_and_by_both(store: Arc<dyn Store>) {
    let (alice, bob): (UserId, UserId) = (id(), id());
    let grants = [(alice, "shop"), (alice, "app"), (bob, "shop"), (bob, "app")];
    let mut grants = grants.map(|(user, client)| grant(&acme(), user, client));
    grants[3].ended = Some(GrantEnd { at: at(1), why: EndReason::Reuse });
    for grant in &grants {
        open(&*store, grant).await;
    }
    let end = |user: Option<UserId>, client: Option<&str>, second| {
        let client = client.map(|client| client.parse().unwrap());
        let effect = Effect::EndGrants { tenant: acme(), user, client, at: at(second) };
        let store = Arc::clone(&store);
        async move { write(&*store, effect.into()).await.unwrap() }
    };
    let ended = || async {
        let mut ended = Vec::new();
        for grant in &grants {
            let found = store.grant(&acme(), grant.id).await.unwrap().unwrap();
            ended.push(found.ended.map(|end| end.at.as_second() - super::sample::NOW));
        }
        ended
    };
    end(Some(alice), Some("app"), 2).await;
    assert_eq!(ended().await, [None, Some(2), None, Some(1)]);
    end(Some(alice), None, 3).await;
    assert_eq!(ended().await, [Some(3), Some(2), None, Some(1)]);
    end(None, Some("shop"), 4).await;
    assert_eq!(ended().await, [Some(3), Some(2), Some(4), Some(1)]);
    open(&*store, &grant(&acme(), bob, "late")).await;
    end(None, None, 5).await;
    assert!(store.grants(&of(None, Some("late"))).await.unwrap()[0].ended.is_some());
    assert_eq!(ended().await, [Some(3), Some(2), Some(4), Some(1)]);
}

/// Also when there are very many.
pub async fn every_grant_of_a_client_ends_however_many_there_are(store: Arc<dyn Store>) {
    let user: UserId = id();
    let many = (0..2_500).map(|_| Effect::OpenGrant(Box::new(grant(&acme(), user, "shop"))));
    write(&*store, Effects(many.collect())).await.unwrap();
    let client = Some("shop".parse().unwrap());
    let end = Effect::EndGrants { tenant: acme(), user: None, client, at: at(1) };
    write(&*store, end.into()).await.unwrap();
    let listed = store.grants(&GrantQuery { limit: 3_000, ..of(None, None) }).await.unwrap();
    assert_eq!(listed.len(), 2_500);
    assert!(listed.iter().all(|grant| grant.ended.is_some()));
}
