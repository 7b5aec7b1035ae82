//! The two backends are one: whatever is asked of both, both do.

use std::sync::Arc;

use grantor_domain::document::Kind;
use grantor_domain::session::Session;
use grantor_domain::single_use::SingleUse;
use grantor_domain::throttle::Attempts;
use grantor_oauth_types::id::{GrantId, Id, UserId};
use grantor_oauth_types::name::ClientId;
use grantor_store::contract::sample::{
    acme, at, document, event, grant, group, id_at, pushed, revocation, session, tenant,
};
use grantor_store::contract::upkeep::dump;
use grantor_store::operations::judge;
use grantor_store::{
    Claim, DumpRow, Effect, Effects, Expect, PURGE_AFTER, Store, StoreError, UsedKind,
};
use grantor_store_sqlite::{SqliteStore, StoreConfig};

use super::support::Schema;

/// Numbers from a seed (xorshift), so that what failed can be done again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn tenant(&mut self) -> grantor_oauth_types::name::TenantName {
        if self.throw(4) == 0 { tenant("other") } else { acme() }
    }

    fn id<K>(&mut self) -> Id<K> {
        id_at(1_800_000_000_000 + self.throw(4))
    }

    fn client(&mut self) -> ClientId {
        ClientId::parse(["shop", "app"][usize::from(self.throw(2) == 0)]).unwrap()
    }

    /// Few keys, so that they meet often.
    fn effect(&mut self) -> Effect {
        let tenant = self.tenant();
        match self.throw(16) {
            0..4 => {
                let name = ["a", "b", "c"][usize::try_from(self.throw(3)).unwrap()];
                let mut stored = document(&tenant, &format!("id-{}", self.throw(4)), Some(name));
                stored.parent =
                    [None, Some("team".to_owned())][usize::from(self.throw(2) == 0)].clone();
                stored.name = stored.name.filter(|_| self.throw0(3));
                let kinds = [Kind::Application, Kind::Scope, Kind::Tenant];
                stored.kind = kinds[usize::try_from(self.throw(3)).unwrap()];
                Effect::Put(stored, self.expect())
            }
            4 => {
                let (id, user, inner) = (self.id(), self.id(), self.id());
                let group = group(&tenant, id, &[user], &[inner]);
                let stored = grantor_domain::document::StoredDocument::encode(&group);
                Effect::Put(stored, self.expect())
            }
            5 => Effect::Delete(tenant, Kind::Application, format!("id-{}", self.throw(4))),
            6 => {
                let mut granted = grant(&tenant, self.id(), self.client().as_str());
                // Never the same twice: that is a mistake of the caller's, not an outcome.
                granted.id = Id::from_uuid(uuid::Uuid::from_u128(
                    u128::from(self.throw(u64::MAX)) << 64 | u128::from(self.throw(u64::MAX)),
                ));
                granted.expires = at(i64::try_from(self.throw(200_000)).unwrap());
                Effect::OpenGrant(Box::new(granted))
            }
            7 => {
                let user: Option<UserId> = self.throw0(2).then(|| self.id());
                let client = self.throw0(2).then(|| self.client());
                Effect::EndGrants { tenant, user, client, at: at(9) }
            }
            8 => Effect::Revoke(Box::new(revocation(&tenant, self.client().as_str()))),
            9 => {
                let count = u32::try_from(self.throw(3)).unwrap();
                Effect::SetAttempts(tenant, "ann".to_owned(), Attempts { count, last: 7 })
            }
            10 => Effect::MarkUsed(UsedKind::AssertionJti, vec![7; 3], at(5)),
            11 => Effect::Audit(Box::new(event(&tenant, "test.event"))),
            12 => Effect::PutSession(Box::new(Session {
                id: self.id(),
                expires: at(i64::try_from(self.throw(200_000)).unwrap()),
                ..session(&tenant, id_at(1_800_000_000_000))
            })),
            13 => {
                let except = self.throw0(2).then(|| self.id());
                let user = id_at(1_800_000_000_000);
                Effect::EndSessions { tenant, user, except, at: at(9) }
            }
            14 => {
                let mut id = [0; 16];
                id[..8].copy_from_slice(&self.throw(u64::MAX).to_be_bytes());
                let expires = at(i64::try_from(self.throw(200_000)).unwrap());
                Effect::OpenSingleUse(Box::new(SingleUse { expires, ..pushed(&tenant, id) }))
            }
            _ => Effect::AuditBatch(vec![
                event(&acme(), "token.issued").into(),
                event(&tenant, "x").into(),
            ]),
        }
    }

    fn throw0(&mut self, sides: u64) -> bool {
        self.throw(sides) == 0
    }

    fn expect(&mut self) -> Expect {
        match self.throw(4) {
            0 => Expect::New,
            1 => Expect::Version(i64::try_from(self.throw(3)).unwrap()),
            _ => Expect::Any,
        }
    }
}

/// Claims a few things, writes the effects, and tells what was found and what came of it.
async fn run(store: &dyn Store, claims: Vec<Claim>, effects: Vec<Effect>) -> String {
    let outcome =
        judge(store, claims, move |claimed| Ok((format!("{claimed:?}"), Effects(effects.clone()))));
    match outcome.await {
        Ok(found) => found,
        // Where both keys are taken, either may be named.
        Err(StoreError::Conflict { kind, .. }) => format!("conflict of {kind:?}"),
        Err(error) => error.to_string(),
    }
}

fn claims(dice: &mut Dice) -> Vec<Claim> {
    let sought = document(&acme(), &format!("id-{}", dice.throw(4)), None);
    let team = "team".to_owned();
    vec![
        Claim::Document(grantor_store::contract::sample::key(&sought)),
        Claim::Children { tenant: acme(), kind: Kind::Scope, parent: team },
        Claim::Attempts(acme(), "ann".to_owned()),
        Claim::Used(UsedKind::AssertionJti, vec![7; 3]),
        Claim::Grant(acme(), GrantId::from_uuid(uuid::Uuid::nil())),
        Claim::Session(acme(), dice.id()),
    ]
}

/// Numbers of a sequence by their place: an operation that failed may leave a gap.
fn ranked(rows: Vec<DumpRow>) -> Vec<DumpRow> {
    let mut places = std::collections::HashMap::<String, Vec<serde_json::Value>>::new();
    rows.into_iter()
        .filter(|row| row.table != "sequence")
        .map(|mut row| {
            let table = row.table.replace("audit_link", "audit");
            if let Some(seq) = row.row.get_mut("seq") {
                let known = places.entry(table).or_default();
                let place = known.iter().position(|other| other == seq).unwrap_or_else(|| {
                    known.push(seq.clone());
                    known.len() - 1
                });
                *seq = place.into();
            }
            row
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_of_both_backends_both_do() {
    for _ in 0..4 {
        let [a, b, c, d] = grantor_crypto::random::bytes::<4>();
        let seed = std::env::var("GRANTOR_SEED")
            .map_or(u64::from(u32::from_be_bytes([a, b, c, d])) + 1, |seed| seed.parse().unwrap());
        let mut dice = Dice(seed);
        let (schema, folder) = (Schema::new(), tempfile::tempdir().unwrap());
        let postgres: Arc<dyn Store> = Arc::new(schema.store().await);
        let file = StoreConfig::new(folder.path().join("grantor.db"));
        let sqlite: Arc<dyn Store> = Arc::new(SqliteStore::open(file).unwrap());
        for step in 0..120 {
            let effects: Vec<Effect> = (0..dice.throw(4)).map(|_| dice.effect()).collect();
            let claims = if dice.throw0(2) { claims(&mut dice) } else { Vec::new() };
            let one = run(&*postgres, claims.clone(), effects.clone()).await;
            let other = run(&*sqlite, claims, effects.clone()).await;
            assert_eq!(one, other, "seed {seed}, step {step}: {effects:?}");
            if dice.throw0(20) {
                let link = |link: i64, _: &[u8; 32]| link.to_string();
                let one = postgres.link_audit(5, Arc::new(link)).await.unwrap();
                assert_eq!(one, sqlite.link_audit(5, Arc::new(link)).await.unwrap());
                let now = at(60_000) + PURGE_AFTER;
                let one = postgres.purge(now, 3).await.unwrap();
                assert_eq!(one, sqlite.purge(now, 3).await.unwrap(), "seed {seed}");
            }
        }
        let (one, other) = (ranked(dump(&postgres).await), ranked(dump(&sqlite).await));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
}
