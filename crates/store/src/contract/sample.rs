//! What the contract tests are made of.

use std::sync::atomic::{AtomicU64, Ordering};

use grantor_crypto::digest::SecretDigest;
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::document::{At, Document as _, DocumentKey, Kind, StoredDocument};
use grantor_domain::grant::{Grant, RefreshState};
use grantor_domain::group::{Group, Member, MemberRef};
use grantor_domain::outbox::{Message, Notice};
use grantor_domain::pushed::PushedRequest;
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::session::{AuthMethod, Session};
use grantor_domain::single_use::SingleUse;
use grantor_oauth_types::id::{GroupId, Id, SessionId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;
use jiff::{SignedDuration, Timestamp};

use crate::operations::write;
use crate::{Effect, Effects, Expect, Store, StoreError};

/// A moment that no test is near to.
pub const NOW: i64 = 1_790_000_000;

/// A moment, in seconds after [`NOW`]; with microseconds, which stores keep.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::new(NOW + seconds, 123_456_000).unwrap()
}

/// A tenant.
pub fn tenant(name: &str) -> TenantName {
    TenantName::parse(name).unwrap()
}

/// The tenant most tests are in.
pub fn acme() -> TenantName {
    tenant("acme")
}

/// An id that follows every one made before.
pub fn id<K>() -> Id<K> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    id_at(1_790_000_000_000 + count)
}

/// An id of a millisecond.
pub fn id_at<K>(millis: u64) -> Id<K> {
    Id::new(millis, [0x5a; 10])
}

/// A document of a kind whose body the store does not look into.
pub fn document(tenant: &TenantName, id: &str, name: Option<&str>) -> StoredDocument {
    StoredDocument {
        tenant: tenant.clone(),
        kind: Kind::Application,
        id: id.to_owned(),
        name: name.map(str::to_owned),
        parent: None,
        version: 0,
        body: format!("{{\"id\":\"{id}\",\"text\":\"Grüße, \\u0000, 'quotes' and 🦀\"}}"),
    }
}

/// Where the document is.
pub fn key(document: &StoredDocument) -> DocumentKey {
    DocumentKey {
        tenant: document.tenant.clone(),
        kind: document.kind,
        at: At::Id(document.id.clone()),
    }
}

/// Where the document is, by name.
pub fn key_by_name(tenant: &TenantName, name: &str) -> DocumentKey {
    let at = At::Name(name.to_owned());
    DocumentKey { tenant: tenant.clone(), kind: Kind::Application, at }
}

/// Puts a document.
pub async fn put(
    store: &dyn Store,
    document: &StoredDocument,
    expect: Expect,
) -> Result<(), StoreError> {
    write(store, Effect::Put(document.clone(), expect).into()).await
}

/// A group with users and groups in it.
pub fn group(tenant: &TenantName, id: GroupId, users: &[UserId], groups: &[GroupId]) -> Group {
    let users = users.iter().map(|user| MemberRef::User(*user));
    let groups = groups.iter().map(|group| MemberRef::Group(*group));
    Group {
        tenant: tenant.clone(),
        id,
        name: format!("group {id}"),
        description: String::new(),
        members: users.chain(groups).map(|who| Member { who, source: None }).collect(),
    }
}

/// Puts a group.
pub async fn put_group(store: &dyn Store, group: &Group) {
    debug_assert_eq!(Group::KIND, Kind::Group);
    write(store, Effects::NONE.put(group, Expect::Any)).await.unwrap();
}

/// A grant that begins now.
pub fn grant(tenant: &TenantName, user: UserId, client: &str) -> Grant {
    Grant {
        tenant: tenant.clone(),
        id: id(),
        client: ClientId::parse(client).unwrap(),
        user,
        realm: RealmName::parse("employees").unwrap(),
        scopes: Scopes::parse("uid sales_order.read").unwrap(),
        audiences: vec!["https://orders.example.org".to_owned(), "\"odd\"".to_owned()],
        created: at(0),
        expires: at(90 * 86_400),
        refresh: RefreshState {
            generation: 1,
            digest: SecretDigest::of("first"),
            idle_expires: at(14 * 86_400),
            previous: None,
        },
        ended: None,
        origin: None,
    }
}

/// A session that begins now.
pub fn session(tenant: &TenantName, user: UserId) -> Session {
    Session {
        tenant: tenant.clone(),
        id: id(),
        digest: SecretDigest::of("cookie"),
        user,
        realm: RealmName::parse("customers").unwrap(),
        methods: vec![AuthMethod { amr: "pwd".to_owned(), at: at(0) }],
        created: at(0),
        last_seen: at(0),
        idle_expires: at(3_600),
        expires: at(43_200),
        remember: false,
        device: "A browser with \"quotes\"".to_owned(),
        address: Some([192, 0, 2, 1].into()),
        clients: Vec::new(),
        ended: None,
    }
}

/// A pushed request that lives for a minute.
pub fn pushed(tenant: &TenantName, id: [u8; 16]) -> SingleUse {
    let request = PushedRequest {
        client: ClientId::parse("shop").unwrap(),
        parameters: vec![("state".to_owned(), "Grüße, 'quotes'".to_owned())],
    };
    SingleUse::new(tenant.clone(), id, SecretDigest::of("secret"), at(60), &request)
}

/// A revocation of everything of a client.
pub fn revocation(tenant: &TenantName, client: &str) -> Revocation {
    Revocation {
        tenant: tenant.clone(),
        target: Target::client("salt", &ClientId::parse(client).unwrap()),
        issued_before: NOW,
        revoked: at(0),
        until: at(0) + SignedDuration::from_hours(1),
    }
}

/// An event.
pub fn event(tenant: &TenantName, kind: &str) -> AuditEvent {
    AuditEvent {
        id: id(),
        tenant: tenant.clone(),
        at: at(0),
        kind: kind.to_owned(),
        outcome: AuditOutcome::Done,
        actor: "client:shop".to_owned(),
        subject: Some("user/someone".to_owned()),
        address: None,
        detail: serde_json::json!({ "why": ["because"], "n": 1 }),
    }
}

/// A message that is due then.
pub fn notice(tenant: &TenantName, number: u8, due: Timestamp) -> Notice {
    let message = Message::Logout {
        client: ClientId::parse("shop").unwrap(),
        user: UserId::new(1, [number; 10]),
        sub: Some("jane".to_owned()),
        session: SessionId::new(2, [number; 10]),
    };
    Notice { due, ..Notice::new(tenant.clone(), [number; 16], message, at(0)) }
}
