//! Which permissions somebody gets who gets hold of a user or a group: the measure of SEC-162.
//!
//! It is read before the operation that it allows. What is assigned in between is assigned as if a
//! moment later, to what was changed already: an order that anybody could have chosen.

use std::collections::HashSet;

use grantor_domain::assignment::{Assignment, Principal};
use grantor_domain::group::{Group, MemberRef};
use grantor_oauth_types::id::{GroupId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::scope::ScopeToken;
use grantor_store::{DocumentQuery, Documents as _, MAX_CHILDREN};

use super::{Problem, hanging};
use crate::access::is_permission;
use crate::app::App;

/// What is assigned to a user, and to every group it is in.
pub(crate) async fn of_user(
    app: &App,
    tenant: &TenantName,
    user: UserId,
) -> Result<Vec<ScopeToken>, Problem> {
    let mut power = assigned(app, tenant, &Principal::User(user)).await?;
    for group in app.store.groups_of(tenant, user).await? {
        power.extend(assigned(app, tenant, &Principal::Group(group)).await?);
    }
    Ok(power)
}

/// What is assigned to a group, and to every group that contains it.
pub(crate) async fn of_group(
    app: &App,
    tenant: &TenantName,
    group: GroupId,
) -> Result<Vec<ScopeToken>, Problem> {
    let nesting =
        |known: &Group| known.members.iter().any(|m| matches!(m.who, MemberRef::Group(_)));
    let nesting = hanging::all::<Group>(app, tenant, nesting).await?;
    let mut reached = HashSet::from([group]);
    loop {
        let before = reached.len();
        for outer in &nesting {
            let contains = outer.members.iter().any(
                |member| matches!(member.who, MemberRef::Group(inner) if reached.contains(&inner)),
            );
            if contains {
                reached.insert(outer.id);
            }
        }
        if reached.len() == before {
            break;
        }
    }
    let mut power = Vec::new();
    for group in reached {
        power.extend(assigned(app, tenant, &Principal::Group(group)).await?);
    }
    Ok(power)
}

async fn assigned(
    app: &App,
    tenant: &TenantName,
    principal: &Principal,
) -> Result<Vec<ScopeToken>, Problem> {
    let query = DocumentQuery::of::<Assignment>(tenant, MAX_CHILDREN).under(principal.key());
    let found = app.store.list::<Assignment>(&query).await?;
    let scopes = found.into_iter().map(|found| found.value.scope);
    Ok(scopes.filter(is_permission).collect())
}
