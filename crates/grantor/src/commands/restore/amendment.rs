//! What a restore changes in a backup on its way into the database, so that both come in one
//! transaction: what was ended later never lives again, not even for a moment (REL-041).

use std::collections::BTreeSet;

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::document::Kind;
use grantor_domain::grant::EndReason;
use grantor_domain::refresh::ended;
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_oauth_types::name::TenantName;
use grantor_server::app::new_id;
use grantor_server::revoke::remembered_until;
use grantor_store::audit::AuditEntry;
use grantor_store::record::{AuditRecord, Record};
use grantor_store::{DumpRow, StoreError};
use jiff::Timestamp;
use serde_json::json;

/// What is changed, and how far the sequences of the backup have come.
#[derive(Debug)]
pub(super) struct Amendment {
    now: Timestamp,
    made: Timestamp,
    keep_sessions: bool,
    /// Signing keys that were withdrawn after the backup, and were not met yet
    pub(super) withdrawn: BTreeSet<String>,
    events: Vec<AuditEvent>,
    tenants: BTreeSet<TenantName>,
    changes: i64,
    revocations: i64,
    audit: i64,
}

impl Amendment {
    pub(super) fn new(
        now: Timestamp,
        made: Timestamp,
        keep_sessions: bool,
        withdrawn: &[String],
    ) -> Self {
        Self {
            now,
            made,
            keep_sessions,
            withdrawn: withdrawn.iter().cloned().collect(),
            events: Vec::new(),
            tenants: BTreeSet::new(),
            changes: 0,
            revocations: 0,
            audit: 0,
        }
    }

    /// The rows as they are to be.
    pub(super) fn amend(&mut self, rows: Vec<DumpRow>) -> Result<Vec<DumpRow>, StoreError> {
        let mut amended = Vec::with_capacity(rows.len());
        for row in rows {
            amended.extend(self.row(row)?);
        }
        Ok(amended)
    }

    fn row(&mut self, row: DumpRow) -> Result<Option<DumpRow>, StoreError> {
        let seq = row.row.get("seq").and_then(serde_json::Value::as_i64).unwrap_or(0);
        match row.table.as_str() {
            "changes" => self.changes = self.changes.max(seq),
            "revocations" => self.revocations = self.revocations.max(seq),
            "audit" => self.audit = self.audit.max(seq),
            _ => {}
        }
        let told = ["document", "grants", "sessions", "single_use", "sequence"];
        if !told.contains(&row.table.as_str()) {
            return Ok(Some(row));
        }
        Ok(match Record::from_row(row)? {
            Record::Grants(grant) if !self.keep_sessions && grant.ended.is_none() => {
                let over = ended(&grant, EndReason::Revoked, self.now);
                Some(Record::Grants(Box::new(over)).to_row())
            }
            Record::Sessions(mut session) if !self.keep_sessions => {
                session.ended = session.ended.or(Some(self.now));
                Some(Record::Sessions(session).to_row())
            }
            Record::SingleUse(mut value) if !self.keep_sessions => {
                value.spent = value.spent.or(Some(self.now));
                Some(Record::SingleUse(value).to_row())
            }
            Record::Document(mut document) => {
                if document.kind == Kind::Tenant {
                    self.tenants.insert(document.tenant.clone());
                }
                if document.kind == Kind::SigningKey && self.withdrawn.remove(&document.id) {
                    document.body = self.withdraw(&document.body)?;
                }
                Some(Record::Document(document).to_row())
            }
            // Counted on below.
            Record::Sequence { name, last } if name == "changes" => {
                self.changes = self.changes.max(last);
                None
            }
            Record::Sequence { name, last } if name == "revocations" => {
                self.revocations = self.revocations.max(last);
                None
            }
            other => Some(other.to_row()),
        })
    }

    fn withdraw(&mut self, body: &str) -> Result<String, StoreError> {
        let unread = |e| StoreError::Corrupt(format!("a signing key does not read: {e}"));
        let mut key: SigningKeyRecord = serde_json::from_str(body).map_err(unread)?;
        key.withdrawn = Some(self.now);
        let subject = Some(format!("signing_key/{}", key.kid));
        self.events.push(self.event(
            &key.tenant,
            "key.withdrawn",
            subject,
            serde_json::Value::Null,
        ));
        Ok(serde_json::to_string(&key).expect("entities have string keys only"))
    }

    fn event(
        &self,
        tenant: &TenantName,
        kind: &str,
        subject: Option<String>,
        detail: serde_json::Value,
    ) -> AuditEvent {
        AuditEvent {
            id: new_id(self.now),
            tenant: tenant.clone(),
            at: self.now,
            kind: kind.to_owned(),
            outcome: AuditOutcome::Done,
            actor: "operator".to_owned(),
            subject,
            address: None,
            detail,
        }
    }

    /// What comes after the last row: whatever was issued is dead, and the log says why.
    pub(super) fn rest(mut self, rows: u64) -> Vec<DumpRow> {
        let mut rest = Vec::new();
        let detail = json!({
            "made": self.made, "rows": rows, "sessions_kept": self.keep_sessions,
        });
        for tenant in std::mem::take(&mut self.tenants) {
            let restored = self.event(&tenant, "backup.restored", None, detail.clone());
            self.events.push(restored);
            if !self.keep_sessions {
                rest.extend(self.end_tokens(tenant));
            }
        }
        for event in std::mem::take(&mut self.events) {
            self.audit += 1;
            let AuditEntry { tenant, first, last, kind, body, .. } = AuditEntry::single(&event);
            let seq = self.audit;
            rest.push(Record::Audit(AuditRecord { seq, tenant, first, last, kind, body }));
        }
        for (name, last) in [("changes", self.changes), ("revocations", self.revocations)] {
            if last > 0 {
                rest.push(Record::Sequence { name: name.to_owned(), last });
            }
        }
        rest.iter().map(Record::to_row).collect()
    }

    fn end_tokens(&mut self, tenant: TenantName) -> [Record; 2] {
        self.revocations += 1;
        self.changes += 1;
        let revocation = Revocation {
            tenant: tenant.clone(),
            target: Target::Global,
            // Strictly before: a token may have been issued in this very second.
            issued_before: self.now.as_second() + 1,
            revoked: self.now,
            until: remembered_until(self.now),
        };
        [
            Record::Revocations { seq: self.revocations, revocation },
            Record::Changes { seq: self.changes, tenant, kind: None, id: None, parent: None },
        ]
    }
}

#[cfg(test)]
mod tests {
    use grantor_oauth_types::id::UserId;
    use grantor_store::contract::sample::{acme, at, id, pushed, session};

    use super::*;

    /// What a restore makes of a session and of a pushed request.
    fn restored(keep_sessions: bool) -> (Option<Timestamp>, Option<Timestamp>) {
        let mut amendment = Amendment::new(at(20), at(10), keep_sessions, &[]);
        let user: UserId = id();
        let rows = [
            Record::Sessions(Box::new(session(&acme(), user))),
            Record::SingleUse(Box::new(pushed(&acme(), [1; 16]))),
        ];
        let rows = amendment.amend(rows.iter().map(Record::to_row).collect()).unwrap();
        let mut records = rows.into_iter().map(|row| Record::from_row(row).unwrap());
        let (Some(Record::Sessions(session)), Some(Record::SingleUse(value))) =
            (records.next(), records.next())
        else {
            panic!("other records")
        };
        (session.ended, value.spent)
    }

    #[test]
    fn rel_041_sessions_and_codes_of_the_backup_are_over_unless_they_are_kept() {
        assert_eq!(restored(false), (Some(at(20)), Some(at(20))));
        assert_eq!(restored(true), (None, None));
    }
}
