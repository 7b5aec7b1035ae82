//! Who is in which group, and the groups above those.

use std::collections::BTreeSet;

use grantor_domain::document::StoredDocument;
use grantor_domain::group::{Group, MAX_NESTING, MemberRef};
use grantor_oauth_types::id::{GroupId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use tokio_postgres::Row;

use crate::column;
use crate::step::{Step, step};

const REMOVE: &str = "
    DELETE FROM group_member WHERE tenant = $1 AND group_id = $2 AND NOT member = ANY ($3)";

const ADD: &str = "
    INSERT INTO group_member (tenant, member, group_id)
    SELECT $1, member, $2 FROM unnest($3::text[]) AS member
    ON CONFLICT DO NOTHING";

// Each level counts, so a cycle ends at the depth too; UNION drops what a level finds twice.
const GROUPS_OF: &str = "
    WITH RECURSIVE above (group_id, depth) AS (
        SELECT group_id, 1 FROM group_member WHERE tenant = $1 AND member = $2
        UNION
        SELECT m.group_id, above.depth + 1
        FROM above JOIN group_member m ON m.tenant = $1 AND m.member = above.group_id
        WHERE above.depth < $3
    )
    SELECT DISTINCT group_id FROM above ORDER BY group_id";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 3] = [REMOVE, ADD, GROUPS_OF];

/// Brings the index up to a group that was written: who left goes, who came comes, the others
/// stay untouched.
pub(crate) fn index(stored: &StoredDocument) -> Result<[Step; 2], StoreError> {
    let group: Group = stored.decode()?.value;
    let members: BTreeSet<String> = group
        .members
        .iter()
        .map(|member| match member.who {
            MemberRef::User(id) => id.to_string(),
            MemberRef::Group(id) => id.to_string(),
        })
        .collect();
    let members: Vec<String> = members.into_iter().collect();
    let (tenant, id) = (stored.tenant.to_string(), stored.id.clone());
    Ok([
        step!(REMOVE, tenant.clone(), id.clone(), members.clone()),
        step!(ADD, tenant, id, members),
    ])
}

/// Every group of a user, through nested groups too.
pub(crate) fn of(tenant: &TenantName, user: UserId) -> Step {
    let depth = i32::try_from(MAX_NESTING).expect("a small constant");
    step!(GROUPS_OF, tenant.to_string(), user.to_string(), depth)
}

/// Reads the groups.
pub(crate) fn read(rows: &[Row]) -> Result<Vec<GroupId>, StoreError> {
    rows.iter().map(|row| column::parsed(row, "group_id", str::parse)).collect()
}
