//! Effects: writing what a rule wants written.
//!
//! Documents are written first, then everything else in the order of the effects, then the numbers
//! of both sequences. They are in different tables, so no effect sees another's order; and the
//! sequences come last so that their lock is held for no longer than the commit.

use std::time::Duration;

use grantor_domain::document::{Kind, StoredDocument};
use grantor_domain::revocation::Revocation;
use grantor_oauth_types::name::TenantName;
use grantor_store::audit::AuditEntry;
use grantor_store::{Changed, Effect, Effects, Expect, StoreError};
use tokio_postgres::Row;

use crate::claims::set_of_children;
use crate::column::get;
use crate::connection::Connection;
use crate::fault::Fault;
use crate::lock::Locks;
use crate::step::Step;
use crate::{
    attempts, audit, changes, documents, grants, groups, outbox, revocations, sessions, single_use,
    used,
};

/// Effects, sorted by how they are written.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    documents: Vec<DocumentWrite>,
    others: Vec<Step>,
    /// Each with the number of documents before it
    revoked: Vec<(usize, Revocation)>,
}

#[derive(Debug)]
enum DocumentWrite {
    Put(StoredDocument, Expect),
    Delete(TenantName, Kind, String),
}

impl Plan {
    /// Sorts effects.
    pub(crate) fn of(effects: Effects) -> Self {
        let mut plan = Self::default();
        for effect in effects.0 {
            plan.add(effect);
        }
        plan
    }

    fn add(&mut self, effect: Effect) {
        match effect {
            Effect::Put(stored, expect) => {
                self.documents.push(DocumentWrite::Put(stored, expect));
            }
            Effect::Delete(tenant, kind, id) => {
                self.documents.push(DocumentWrite::Delete(tenant, kind, id));
            }
            Effect::OpenGrant(grant) => self.others.push(grants::open(*grant)),
            Effect::UpdateGrant(grant) => self.others.push(grants::update(*grant)),
            Effect::EndGrants { tenant, user, client, at } => {
                self.others.push(grants::end(&tenant, user, client, at));
            }
            Effect::PutSession(session) => self.others.push(sessions::put(*session)),
            Effect::EndSessions { tenant, user, except, at } => {
                self.others.push(sessions::end(&tenant, user, except, at));
            }
            Effect::OpenSingleUse(value) => self.others.push(single_use::open(*value)),
            Effect::Spend(value, at) => self.others.push(single_use::spend(&value, at)),
            Effect::Revoke(revocation) => {
                self.revoked.push((self.documents.len(), *revocation));
            }
            Effect::SetAttempts(tenant, account, counter) => {
                self.others.push(attempts::set(&tenant, &account, counter));
            }
            Effect::MarkUsed(kind, value, until) => {
                self.others.push(used::mark(kind, &value, until));
            }
            Effect::Notify(notice) => self.others.push(outbox::put(&notice)),
            Effect::Told(id) => self.others.push(outbox::delete(id)),
            Effect::TellAgain(id, due) => self.others.push(outbox::again(id, due)),
            Effect::Audit(event) => self.others.push(audit::append(AuditEntry::single(&event))),
            Effect::AuditBatch(events) => {
                self.others.extend(AuditEntry::batches(&events).into_iter().map(audit::append));
            }
        }
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.others.is_empty() && self.revoked.is_empty()
    }

    /// How much longer than a small one it may take: a cascade touches many rows.
    pub(crate) fn extra_time(&self) -> Duration {
        let writes = self.documents.len() + self.others.len() + self.revoked.len();
        Duration::from_millis(u64::try_from(writes).unwrap_or(u64::MAX))
    }

    /// Whether it is one statement, which is atomic by itself.
    fn is_single(&self) -> bool {
        self.documents.is_empty() && self.revoked.is_empty() && self.others.len() == 1
    }

    /// Writes and commits.
    pub(crate) async fn write(
        mut self,
        mut connection: Connection,
        locks: &Locks,
    ) -> Result<(), Fault> {
        if self.is_single() && !connection.is_open() {
            let step = self.others.pop().expect("there is one");
            return connection.single_commit(step).await;
        }
        let mut steps = Vec::new();
        let mut changed = Vec::new();
        if !self.documents.is_empty() {
            match self.write_documents(&mut connection, locks).await {
                Ok(written) => (changed, steps) = written,
                Err(fault) => {
                    connection.leave_after(&fault).await;
                    return Err(fault);
                }
            }
        }
        steps.append(&mut self.others);
        steps.extend(numbered(changed, &self.revoked, locks));
        connection.commit(&steps).await
    }

    /// Writes the documents and looks whether each was as expected. Returns what each
    /// changed, and the steps that bring the index of group members up to it.
    async fn write_documents(
        &self,
        connection: &mut Connection,
        locks: &Locks,
    ) -> Result<(Vec<Option<(TenantName, Changed)>>, Vec<Step>), Fault> {
        let mut steps = Vec::with_capacity(2 * self.documents.len());
        let mut places = Vec::with_capacity(self.documents.len());
        for write in &self.documents {
            steps.extend(write.lock(locks));
            places.push(steps.len());
            steps.push(write.step());
        }
        let written = if connection.is_open() {
            connection.run(&steps).await
        } else {
            connection.begin(&steps).await
        };
        let (rows, failed) = match written {
            Ok(rows) => (rows, None),
            Err(stopped) => (stopped.answers, Some(stopped.fault)),
        };
        let (mut changed, mut index) = (Vec::new(), Vec::new());
        for (write, place) in self.documents.iter().zip(places) {
            // Of several that fail the first counts, whether its statement failed or its answer.
            let Some(rows) = rows.get(place) else { break };
            changed.push(write.outcome(rows)?);
            if let DocumentWrite::Put(stored, _) = write
                && stored.kind == Kind::Group
            {
                index.extend(groups::index(stored)?);
            }
        }
        if let Some(fault) = failed {
            return Err(fault);
        }
        Ok((changed, index))
    }
}

impl DocumentWrite {
    /// Nobody adds a child while somebody holds all children of its parent.
    fn lock(&self, locks: &Locks) -> Option<Step> {
        let Self::Put(stored, _) = self else { return None };
        let parent = stored.parent.as_deref()?;
        let set = set_of_children(&stored.tenant, stored.kind, parent);
        Some(locks.shared("children", &set))
    }

    fn step(&self) -> Step {
        match self {
            Self::Put(stored, expect) => documents::put(stored, *expect),
            Self::Delete(tenant, kind, id) => documents::delete(tenant, *kind, id),
        }
    }

    /// What changed, or why it did not. That a key is taken is an error of the statement itself.
    fn outcome(&self, rows: &[Row]) -> Result<Option<(TenantName, Changed)>, StoreError> {
        match (self, rows) {
            (Self::Put(stored, _), []) => Err(StoreError::Stale { kind: stored.kind }),
            (Self::Put(StoredDocument { tenant, kind, id, parent, .. }, _), _) => {
                Ok(Some((tenant.clone(), Changed::Document(*kind, id.clone(), parent.clone()))))
            }
            (Self::Delete(..), []) => Ok(None),
            (Self::Delete(tenant, kind, id), [row, ..]) => Ok(Some((
                tenant.clone(),
                Changed::Document(*kind, id.clone(), get(row, "parent")?),
            ))),
        }
    }
}

/// What takes numbers, under the lock, in the order of the effects; nothing if nothing does.
fn numbered(
    changed: Vec<Option<(TenantName, Changed)>>,
    revoked: &[(usize, Revocation)],
    locks: &Locks,
) -> Vec<Step> {
    let mut revoked_at = revoked.iter().peekable();
    let mut all = Vec::with_capacity(changed.len() + revoked.len());
    for (place, change) in changed.into_iter().chain([None]).enumerate() {
        while let Some((_, revocation)) = revoked_at.next_if(|(at, _)| *at == place) {
            all.push((revocation.tenant.clone(), Changed::Revocations));
        }
        all.extend(change);
    }
    if all.is_empty() {
        return Vec::new();
    }
    let mut steps = vec![changes::lock(locks)];
    steps.extend(revoked.iter().map(|(_, revocation)| revocations::append(revocation)));
    steps.push(changes::append(all));
    steps
}
