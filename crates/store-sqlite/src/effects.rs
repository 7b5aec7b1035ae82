//! What claims and effects are in terms of tables.

use grantor_store::audit::AuditEntry;
use grantor_store::{Claim, Effect, Effects, Found};
use rusqlite::Connection;

use crate::fault::Fault;
use crate::{attempts, audit, documents, grants, outbox, revocations, sessions, single_use, used};

/// Loads what a claim is about. Nobody else writes, so nothing needs to be locked.
pub(crate) fn claimed(db: &Connection, claim: &Claim) -> Result<Found, Fault> {
    Ok(match claim {
        Claim::Document(key) => Found::Document(documents::find(db, key)?),
        Claim::Children { tenant, kind, parent } => {
            Found::Children(documents::children(db, tenant, *kind, parent)?)
        }
        Claim::Grant(tenant, id) => Found::Grant(grants::find(db, tenant, *id)?.map(Box::new)),
        Claim::Session(tenant, id) => {
            Found::Session(sessions::find(db, tenant, *id)?.map(Box::new))
        }
        Claim::SingleUse(tenant, kind, id) => {
            Found::SingleUse(single_use::find(db, tenant, *kind, id)?.map(Box::new))
        }
        Claim::Attempts(tenant, account) => Found::Attempts(attempts::find(db, tenant, account)?),
        Claim::Used(kind, value) => Found::Used(used::find(db, *kind, value)?),
    })
}

/// Writes what a rule wants.
pub(crate) fn write(db: &Connection, effects: &Effects) -> Result<(), Fault> {
    for effect in &effects.0 {
        match effect {
            Effect::Put(stored, expect) => documents::put(db, stored, *expect),
            Effect::Delete(tenant, kind, id) => documents::delete(db, tenant, *kind, id),
            Effect::OpenGrant(grant) => grants::open(db, grant),
            Effect::UpdateGrant(grant) => grants::update(db, grant),
            Effect::EndGrants { tenant, user, client, at } => {
                grants::end(db, tenant, *user, client.as_ref(), *at)
            }
            Effect::PutSession(session) => sessions::put(db, session),
            Effect::EndSessions { tenant, user, except, at } => {
                sessions::end(db, tenant, *user, *except, *at)
            }
            Effect::OpenSingleUse(value) => single_use::open(db, value),
            Effect::Spend(value, at) => single_use::spend(db, value, *at),
            Effect::Revoke(revocation) => revocations::append(db, revocation),
            Effect::SetAttempts(tenant, account, attempts) => {
                attempts::set(db, tenant, account, *attempts)
            }
            Effect::MarkUsed(kind, value, until) => used::mark(db, *kind, value, *until),
            Effect::Notify(notice) => outbox::put(db, notice),
            Effect::Told(id) => outbox::delete(db, id),
            Effect::TellAgain(id, due) => outbox::again(db, id, *due),
            Effect::Audit(event) => audit::append(db, &AuditEntry::single(event)),
            Effect::AuditBatch(events) => {
                AuditEntry::batches(events).iter().try_for_each(|entry| audit::append(db, entry))
            }
        }?;
    }
    Ok(())
}
