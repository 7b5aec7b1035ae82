//! In which realms somebody can sign in for a request.

use grantor_domain::client::Client;
use grantor_oauth_types::name::RealmName;

use crate::directory::{TenantView, host_of};

/// The realm whose name is a label of the host, of several the alphabetically first (`stups.md` 2.3).
pub fn of_host(view: &TenantView, host: Option<&str>) -> Option<RealmName> {
    let labels: Vec<&str> = host_of(host?).split(['.', '-']).collect();
    view.realms.keys().filter(|realm| labels.contains(&realm.as_str())).min().cloned()
}

/// Where a person can sign in: the realm that was named, else those of the client, else every one
/// that has people in it. Sorted.
pub fn offered(
    view: &TenantView,
    client: Option<&Client>,
    named: Option<&RealmName>,
) -> Vec<RealmName> {
    let open = |realm: &&RealmName| {
        let of_client = client.is_none_or(|c| c.realms.is_empty() || c.realms.contains(realm));
        let named = named.is_none_or(|named| named == *realm);
        let people = view.realms.get(*realm).is_some_and(|realm| !realm.services);
        of_client && named && people
    };
    let mut realms: Vec<RealmName> = view.realms.keys().filter(open).cloned().collect();
    realms.sort_unstable();
    realms
}
