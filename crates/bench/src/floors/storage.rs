//! What the store alone does: the reads, claims and effects of an operation of the server, without the
//! server.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use grantor_crypto::digest::SecretDigest;
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::claims::ClaimsRequest;
use grantor_domain::code::{AuthorizationCode, CodeChallenge};
use grantor_domain::grant::{Grant, GrantOrigin, PreviousRefresh, RefreshState};
use grantor_domain::session::{AuthMethod, Session, SignIn};
use grantor_domain::single_use::{SingleUse, SingleUseBody as _};
use grantor_oauth_types::client_metadata::CodeChallengeMethod;
use grantor_oauth_types::id::{DecisionId, GrantId, Id, SessionId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;
use grantor_store::{Claim, Effect, Effects, Store, operations};
use grantor_store_sqlite::{SqliteStore, StoreConfig, Synchronous};
use jiff::Timestamp;
use serde_json::json;

use crate::process::{now, process_cpu};

/// An operation whose storage is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Stored {
    /// A refresh token is rotated
    Rotation,
    /// A person who is signed in is given a code
    Authorization,
    /// A code is redeemed
    Redemption,
}

/// Operations in the store alone; prints how many there were a second, and the CPU time of each in
/// microseconds.
#[expect(clippy::print_stdout, reason = "how the measuring side learns the figure")]
pub(crate) async fn alone(
    path: &Path,
    synchronous: &str,
    in_flight: usize,
    operations: usize,
    what: Stored,
) -> anyhow::Result<()> {
    let mut config = StoreConfig::new(path);
    config.synchronous =
        if synchronous == "full" { Synchronous::Full } else { Synchronous::Normal };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(config)?);
    let each = operations / in_flight;
    for chain in 0..in_flight {
        let mut before = Effects::from(Effect::OpenGrant(Box::new(grant(chain as u64))))
            .and(Effect::PutSession(Box::new(session(chain as u64))));
        if what == Stored::Redemption {
            let codes = (0..each).map(|turn| Effect::OpenSingleUse(Box::new(code(chain, turn))));
            before.0.extend(codes);
        }
        operations::write(&*store, before).await?;
    }
    let (started, before) = (now(), process_cpu()?);
    let mut tasks = tokio::task::JoinSet::new();
    for chain in 0..in_flight {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let (grant, session) = (grant(chain as u64), session(chain as u64));
            for turn in 0..each {
                match what {
                    Stored::Rotation => rotate(&*store, &grant).await,
                    Stored::Authorization => authorize(&*store, &session, code(chain, turn)).await,
                    Stored::Redemption => redeem(&*store, &session, code(chain, turn)).await,
                }?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    let each = process_cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / operations as f64;
    println!("{:.1} {each:.2}", operations as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

/// The server finds the grant before it claims it, and so does this.
async fn rotate(store: &dyn Store, grant: &Grant) -> anyhow::Result<()> {
    store.grant(&grant.tenant, grant.id).await?.context("opened before")?;
    operations::judge_grant(store, &grant.tenant, grant.id, |found| {
        let mut next = found.expect("opened before").clone();
        next.refresh.generation += 1;
        ((), Effect::UpdateGrant(Box::new(next)).into())
    })
    .await?;
    Ok(())
}

/// The session of the cookie is found, and claimed when the code is written.
async fn authorize(store: &dyn Store, session: &Session, code: SingleUse) -> anyhow::Result<()> {
    store.session(&session.tenant, session.id).await?.context("opened before")?;
    let claims = vec![Claim::Session(session.tenant.clone(), session.id)];
    operations::judge(store, claims, move |claimed| {
        claimed.session(0).expect("opened before");
        Ok(((), Effect::OpenSingleUse(Box::new(code.clone())).into()))
    })
    .await?;
    Ok(())
}

/// The code is found, then claimed with grant and session; it is spent, and a grant is opened.
async fn redeem(store: &dyn Store, session: &Session, code: SingleUse) -> anyhow::Result<()> {
    let SingleUse { tenant, id, .. } = code;
    let found = store.single_use(&tenant, AuthorizationCode::KIND, id).await?;
    let body: AuthorizationCode = found.context("opened before")?.decode()?;
    let claims = vec![
        Claim::SingleUse(tenant.clone(), AuthorizationCode::KIND, id),
        Claim::Grant(tenant.clone(), body.grant),
        Claim::Session(tenant.clone(), session.id),
    ];
    let event = opened(&tenant, &body, id);
    let grant = Grant { id: body.grant, origin: Some(origin(body.sign_in)), ..grant(0) };
    let grant = Grant { refresh: RefreshState { previous: None, ..grant.refresh }, ..grant };
    let good = operations::judge(store, claims, move |claimed| {
        let found = claimed.single_use(0).filter(|code| code.spent.is_none());
        let Some(found) = found.filter(|_| claimed.session(2).is_some()) else {
            return Ok((false, Effects::NONE));
        };
        let spent = Effect::Spend(Box::new(found.clone()), Timestamp::UNIX_EPOCH);
        let effects = Effects::from(spent).and(Effect::OpenGrant(Box::new(grant.clone())));
        Ok((true, effects.audit(event.clone())))
    });
    if !good.await? {
        bail!("a code was spent before");
    }
    Ok(())
}

/// In the year 2100: a time that the database can hold.
fn far() -> Timestamp {
    Timestamp::from_second(4_102_444_800).expect("a year with four digits")
}

fn tenant() -> TenantName {
    TenantName::parse("main").expect("a label")
}

fn client() -> ClientId {
    ClientId::parse("bench").expect("a client id")
}

fn realm() -> RealmName {
    RealmName::parse("customers").expect("a label")
}

pub(super) fn grant(number: u64) -> Grant {
    let digest = SecretDigest::of("a refresh token");
    Grant {
        tenant: tenant(),
        id: GrantId::new(number, [1; 10]),
        client: client(),
        user: UserId::new(number, [2; 10]),
        realm: realm(),
        scopes: Scopes::parse("uid").expect("a scope"),
        audiences: vec!["http://127.0.0.1".to_owned()],
        created: Timestamp::UNIX_EPOCH,
        expires: far(),
        origin: None,
        refresh: RefreshState {
            generation: 0,
            digest,
            idle_expires: far(),
            previous: Some(PreviousRefresh {
                digest,
                rotated: Timestamp::UNIX_EPOCH,
                sealed_successor: vec![7; 160],
            }),
        },
        ended: None,
    }
}

fn origin(sign_in: SignIn) -> GrantOrigin {
    let claims = ClaimsRequest::default();
    GrantOrigin { sign_in, claims, wants_auth_time: false, offline: false, certificate: None }
}

fn session(number: u64) -> Session {
    Session {
        tenant: tenant(),
        id: SessionId::new(number, [4; 10]),
        digest: SecretDigest::of("a cookie"),
        user: UserId::new(number, [2; 10]),
        realm: realm(),
        methods: vec![AuthMethod { amr: "pwd".to_owned(), at: Timestamp::UNIX_EPOCH }],
        created: Timestamp::UNIX_EPOCH,
        last_seen: Timestamp::UNIX_EPOCH,
        idle_expires: far(),
        expires: far(),
        remember: false,
        device: "a browser of the usual kind on a computer".to_owned(),
        address: None,
        clients: Vec::new(),
        ended: None,
    }
}

/// Each turn of each chain has a code of its own, and so a grant.
fn code(chain: usize, turn: usize) -> SingleUse {
    let number = (turn * 4_096 + chain + 1_000_000) as u64;
    let challenge = CodeChallenge {
        method: CodeChallengeMethod::S256,
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
    };
    let body = AuthorizationCode {
        client: client(),
        redirect_uri: Some("https://shop.example/cb".to_owned()),
        scopes: Scopes::parse("openid").expect("a scope"),
        resources: Vec::new(),
        nonce: Some("n".to_owned()),
        challenge: Some(challenge),
        user: UserId::new(chain as u64, [2; 10]),
        realm: realm(),
        sign_in: SignIn {
            session: Some(SessionId::new(chain as u64, [4; 10])),
            at: Timestamp::UNIX_EPOCH,
            acr: None,
            amr: vec!["pwd".to_owned()],
        },
        claims: ClaimsRequest::default(),
        wants_auth_time: false,
        offline: false,
        grant: GrantId::new(number, [1; 10]),
    };
    let id: Id<()> = Id::new(number, [6; 10]);
    SingleUse::new(tenant(), id.bytes(), SecretDigest::of("a code"), far(), &body)
}

/// What the audit log says of the grant.
fn opened(tenant: &TenantName, code: &AuthorizationCode, id: [u8; 16]) -> AuditEvent {
    AuditEvent {
        id: DecisionId::from_uuid(uuid::Uuid::from_bytes(id)),
        tenant: tenant.clone(),
        at: Timestamp::UNIX_EPOCH,
        kind: "grant.opened".to_owned(),
        outcome: AuditOutcome::Done,
        actor: format!("user:{}", code.user),
        subject: Some(format!("grant/{}", code.grant)),
        address: Some("127.0.0.1".to_owned()),
        detail: json!({ "client": code.client, "scopes": code.scopes }),
    }
}
