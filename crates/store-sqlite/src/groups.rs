//! Who is in which group: an index derived from the bodies of groups.

use std::collections::BTreeSet;

use grantor_domain::document::StoredDocument;
use grantor_domain::group::{Group, MAX_NESTING, MemberRef};
use grantor_oauth_types::id::{GroupId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use rusqlite::{Connection, params};

use crate::fault::{Fault, corrupt};

const MEMBERS: &str = "SELECT member FROM group_member WHERE tenant = ?1 AND group_id = ?2";

const ADD: &str = "INSERT INTO group_member (tenant, member, group_id) VALUES (?1, ?2, ?3)";

const REMOVE: &str = "DELETE FROM group_member WHERE tenant = ?1 AND member = ?2 AND group_id = ?3";

// Each level counts, so a cycle ends at the depth too; UNION drops what a level finds twice.
const GROUPS_OF: &str = "
    WITH RECURSIVE above (group_id, depth) AS (
        SELECT group_id, 1 FROM group_member WHERE tenant = ?1 AND member = ?2
        UNION
        SELECT m.group_id, above.depth + 1
        FROM above JOIN group_member m ON m.tenant = ?1 AND m.member = above.group_id
        WHERE above.depth < ?3
    )
    SELECT DISTINCT group_id FROM above ORDER BY group_id";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 4] = [MEMBERS, ADD, REMOVE, GROUPS_OF];

/// Brings the index up to a group that was written.
pub(crate) fn index(db: &Connection, stored: &StoredDocument) -> Result<(), Fault> {
    let group: Group = stored.decode().map_err(StoreError::from)?.value;
    let wanted: BTreeSet<String> = group
        .members
        .iter()
        .map(|member| match member.who {
            MemberRef::User(id) => id.to_string(),
            MemberRef::Group(id) => id.to_string(),
        })
        .collect();
    let tenant = stored.tenant.as_str();
    let known = members(db, tenant, &stored.id)?;
    for member in known.difference(&wanted) {
        db.prepare_cached(REMOVE)?.execute([tenant, member, &stored.id])?;
    }
    for member in wanted.difference(&known) {
        db.prepare_cached(ADD)?.execute([tenant, member, &stored.id])?;
    }
    Ok(())
}

fn members(db: &Connection, tenant: &str, group: &str) -> Result<BTreeSet<String>, Fault> {
    let mut statement = db.prepare_cached(MEMBERS)?;
    let members = statement.query_map([tenant, group], |row| row.get(0))?;
    Ok(members.collect::<Result<_, _>>()?)
}

/// Every group of a user, through nested groups too.
pub(crate) fn of(
    db: &Connection,
    tenant: &TenantName,
    user: UserId,
) -> Result<Vec<GroupId>, Fault> {
    let mut statement = db.prepare_cached(GROUPS_OF)?;
    let depth = i64::try_from(MAX_NESTING).expect("a small constant");
    let mut rows = statement.query(params![tenant.as_str(), user.to_string(), depth])?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(|_| corrupt("group_id"))?;
        groups.push(text.parse().map_err(|_| corrupt("group_id"))?);
    }
    Ok(groups)
}
