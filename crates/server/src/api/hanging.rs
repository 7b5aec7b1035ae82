//! What a thing that is deleted leaves behind: nothing that a later thing of the same name could
//! inherit.

use grantor_domain::document::{Document, DocumentKey, Kind};
use grantor_domain::group::{Group, MemberRef};
use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::name::TenantName;
use grantor_store::{
    Claim, Claimed, DocumentQuery, Documents as _, Effect, Effects, Expect, StoreError,
};

use super::Problem;
use crate::app::App;

/// How many documents are looked through at once.
const AT_ONCE: usize = 1_000;

/// What hangs on a thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hanging {
    /// What keeps it from being deleted: children of this kind, and what is said of them
    pub forbidding: Vec<(Kind, String, &'static str)>,
    /// Children that go with it
    pub children: Vec<(Kind, String)>,
    /// Others that go with it, by kind and id
    pub others: Vec<(Kind, String)>,
    /// Who leaves which groups
    pub memberships: Option<(MemberRef, Vec<GroupId>)>,
}

impl Hanging {
    /// What has to be claimed to take all that away.
    pub(crate) fn claims(&self, tenant: &TenantName) -> Vec<Claim> {
        let children = |kind: Kind, parent: &String| Claim::Children {
            tenant: tenant.clone(),
            kind,
            parent: parent.clone(),
        };
        let forbidding = self.forbidding.iter().map(|(kind, parent, _)| children(*kind, parent));
        let going = self.children.iter().map(|(kind, parent)| children(*kind, parent));
        let groups = self.memberships.iter().flat_map(|(_, groups)| groups);
        let groups = groups
            .map(|group| Claim::Document(DocumentKey::id::<Group>(tenant, group.to_string())));
        forbidding.chain(going).chain(groups).collect()
    }

    /// Takes it away; what was claimed begins at `first`.
    pub(crate) fn effects(
        &self,
        tenant: &TenantName,
        claimed: &Claimed,
        first: usize,
    ) -> Result<Effects, StoreError> {
        let mut at = first;
        for (_, _, reason) in &self.forbidding {
            if !claimed.stored_children(at).is_empty() {
                return Err(Problem::conflict(*reason).into());
            }
            at += 1;
        }
        let mut effects = Effects::NONE;
        for (kind, _) in &self.children {
            for stored in claimed.stored_children(at) {
                effects = effects.and(Effect::Delete(tenant.clone(), *kind, stored.id.clone()));
            }
            at += 1;
        }
        for (kind, id) in &self.others {
            effects = effects.and(Effect::Delete(tenant.clone(), *kind, id.clone()));
        }
        if let Some((member, groups)) = &self.memberships {
            for offset in 0..groups.len() {
                if let Some(mut group) = claimed.document::<Group>(at + offset)? {
                    group.value.members.retain(|known| known.who != *member);
                    effects = effects.put(&group.value, Expect::Version(group.version));
                }
            }
        }
        Ok(effects)
    }
}

/// The documents of a kind that match, looked through page by page.
pub(crate) async fn all<D: Document>(
    app: &App,
    tenant: &TenantName,
    matches: impl Fn(&D) -> bool + Send + Sync,
) -> Result<Vec<D>, Problem> {
    let mut query = DocumentQuery::of::<D>(tenant, AT_ONCE);
    let mut matching = Vec::new();
    loop {
        let found = app.store.list::<D>(&query).await?;
        let whole = found.len() == AT_ONCE;
        query.after = found.last().map(|last| last.value.id());
        matching.extend(found.into_iter().map(|found| found.value).filter(|value| matches(value)));
        if !whole {
            return Ok(matching);
        }
    }
}
