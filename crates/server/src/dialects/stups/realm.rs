//! Which realm a STUPS request is for (`stups.md` 2.3).

use grantor_oauth_types::name::RealmName;

use crate::directory::{TenantView, host_of};

/// The realm cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoRealm {
    /// Neither parameter nor host
    Missing,
    /// There, and not one of ours
    NotFound(String),
}

/// The parameter, with or without slash; else the label of the host that is a realm's name, of
/// several the alphabetically first.
pub(super) fn resolve(
    view: &TenantView,
    named: Option<&str>,
    host: Option<&str>,
) -> Result<RealmName, NoRealm> {
    if let Some(named) = named {
        let realm = RealmName::parse_lenient(named).ok();
        let known = realm.filter(|realm| view.realms.contains_key(realm));
        return known.ok_or_else(|| NoRealm::NotFound(named.chars().take(64).collect()));
    }
    let host = host_of(host.ok_or(NoRealm::Missing)?);
    let labels: Vec<&str> = host.split(['.', '-']).collect();
    let matching = view.realms.keys().filter(|realm| labels.contains(&realm.as_str()));
    matching.min().cloned().ok_or_else(|| NoRealm::NotFound(host.to_owned()))
}
