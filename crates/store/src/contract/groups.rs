//! Who is in which group, at this moment.

use std::sync::Arc;

use grantor_domain::document::Kind;
use grantor_domain::group::MAX_NESTING;
use grantor_oauth_types::id::{GroupId, UserId};

use super::sample::{acme, group, id, put_group, tenant};
use crate::operations::write;
use crate::{Effect, Store};

async fn groups_of(store: &dyn Store, user: UserId) -> Vec<GroupId> {
    let mut groups = store.groups_of(&acme(), user).await.unwrap();
    groups.sort_unstable();
    groups
}

/// Directly, and through the groups that the group is in.
pub async fn membership_counts_through_nested_groups(store: Arc<dyn Store>) {
    let (user, other): (UserId, UserId) = (id(), id());
    let (inner, outer, unrelated): (GroupId, GroupId, GroupId) = (id(), id(), id());
    put_group(&*store, &group(&acme(), inner, &[user], &[])).await;
    put_group(&*store, &group(&acme(), outer, &[], &[inner])).await;
    put_group(&*store, &group(&acme(), unrelated, &[other], &[])).await;
    assert_eq!(groups_of(&*store, user).await, [inner, outer]);
    assert_eq!(groups_of(&*store, other).await, [unrelated]);
    assert_eq!(groups_of(&*store, id()).await, []);
}

/// Writing and deleting a group takes effect at once.
pub async fn membership_follows_the_group(store: Arc<dyn Store>) {
    let (user, other): (UserId, UserId) = (id(), id());
    let (inner, outer): (GroupId, GroupId) = (id(), id());
    put_group(&*store, &group(&acme(), inner, &[user, other], &[])).await;
    put_group(&*store, &group(&acme(), outer, &[], &[inner])).await;
    put_group(&*store, &group(&acme(), inner, &[other], &[])).await;
    assert_eq!(groups_of(&*store, user).await, []);
    assert_eq!(groups_of(&*store, other).await, [inner, outer]);
    let delete = Effect::Delete(acme(), Kind::Group, inner.to_string());
    write(&*store, delete.into()).await.unwrap();
    assert_eq!(groups_of(&*store, other).await, [], "a deleted group leads nowhere");
}

/// A cycle ends, and who is in one of it is in all of it.
pub async fn a_cycle_of_groups_ends(store: Arc<dyn Store>) {
    let user: UserId = id();
    let ring: Vec<GroupId> = (0..3).map(|_| id()).collect();
    put_group(&*store, &group(&acme(), ring[0], &[user], &[ring[2]])).await;
    put_group(&*store, &group(&acme(), ring[1], &[], &[ring[0]])).await;
    put_group(&*store, &group(&acme(), ring[2], &[], &[ring[1], ring[2]])).await;
    assert_eq!(groups_of(&*store, user).await, ring);
}

/// Nesting counts to its limit and no further.
pub async fn nesting_ends_at_its_limit(store: Arc<dyn Store>) {
    let user: UserId = id();
    let chain: Vec<GroupId> = (0..MAX_NESTING + 3).map(|_| id()).collect();
    put_group(&*store, &group(&acme(), chain[0], &[user], &[])).await;
    for pair in chain.windows(2) {
        put_group(&*store, &group(&acme(), pair[1], &[], &[pair[0]])).await;
    }
    assert_eq!(groups_of(&*store, user).await, chain[..MAX_NESTING]);
}

/// The same user id in another tenant is somebody else.
pub async fn sec_163_groups_of_another_tenant_do_not_count(store: Arc<dyn Store>) {
    let user: UserId = id();
    let (here, there): (GroupId, GroupId) = (id(), id());
    put_group(&*store, &group(&acme(), here, &[user], &[])).await;
    put_group(&*store, &group(&tenant("other"), there, &[user], &[here])).await;
    assert_eq!(groups_of(&*store, user).await, [here]);
    assert_eq!(store.groups_of(&tenant("other"), user).await.unwrap(), [there]);
}
