//! Who answers at a host: looked up, however many tenants there are.

use std::collections::HashMap;

use grantor_domain::tenant::Tenant;

/// Where tenants are. Hosts are compared without case (RFC 3986 §3.2.2): they are kept in small
/// letters.
#[derive(Debug)]
pub struct Hosts<T> {
    /// By the authority of their issuers
    issuers: HashMap<String, Vec<T>>,
    /// By the further hosts that they list
    listed: HashMap<String, Vec<T>>,
    /// By the domain whose every label is theirs
    wildcards: HashMap<String, Vec<T>>,
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        let (issuers, listed, wildcards) = Default::default();
        Self { issuers, listed, wildcards }
    }
}

impl<T: Clone> Hosts<T> {
    /// Adds what stands for a tenant wherever that answers.
    pub(super) fn add(&mut self, tenant: &Tenant, what: &T) {
        let put = |map: &mut HashMap<String, Vec<T>>, host: &str| {
            map.entry(host.to_ascii_lowercase()).or_default().push(what.clone());
        };
        if let Some((authority, _)) = issuer_parts(&tenant.issuer) {
            put(&mut self.issuers, authority);
        }
        for host in &tenant.hosts {
            match host.strip_prefix("*.") {
                Some(domain) => put(&mut self.wildcards, domain),
                None => put(&mut self.listed, host),
            }
        }
    }

    /// Everybody who answers at this authority, at whatever path. Somebody may come twice.
    pub fn at(&self, authority: &str) -> impl Iterator<Item = &T> {
        let small;
        let authority = match authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => {
                small = authority.to_ascii_lowercase();
                small.as_str()
            }
            false => authority,
        };
        // The port does not matter among the further hosts.
        let host = host_of(authority);
        let with_port: &[T] = if host == authority { &[] } else { found(&self.listed, authority) };
        let wild: &[T] = match host.split_once('.') {
            // One label, no more.
            Some((label, domain)) if !label.is_empty() => found(&self.wildcards, domain),
            _ => &[],
        };
        let all = [found(&self.issuers, authority), found(&self.listed, host), with_port, wild];
        all.into_iter().flatten()
    }
}

fn found<'a, T>(map: &'a HashMap<String, Vec<T>>, host: &str) -> &'a [T] {
    // Mostly nobody lists anything: then nothing is hashed.
    if map.is_empty() {
        return &[];
    }
    map.get(host).map(Vec::as_slice).unwrap_or_default()
}

/// Authority and path of an issuer URL.
pub fn issuer_parts(issuer: &str) -> Option<(&str, &str)> {
    let (_, rest) = issuer.split_once("://")?;
    Some(match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    })
}

/// The host without its port.
pub fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(_) => authority.split_inclusive(']').next().unwrap_or(authority),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hosts(issuer: &str, listed: &[&str]) -> Hosts<u8> {
        let tenant = json!({ "name": "main", "issuer": issuer, "hosts": listed });
        let mut hosts = Hosts::default();
        hosts.add(&serde_json::from_value(tenant).unwrap(), &1);
        hosts
    }

    #[test]
    fn a_tenant_is_at_the_authority_of_its_issuer_port_and_all() {
        let hosts = hosts("https://AS.test:8443/path", &[]);
        let is_at = |authority: &str| hosts.at(authority).count() == 1;
        assert!(is_at("as.test:8443") && is_at("AS.TEST:8443"));
        for elsewhere in ["as.test", "as.test:443", "as.test:8443/path", "s.test:8443", ""] {
            assert!(!is_at(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_further_host_is_known_with_any_port_and_a_wildcard_covers_one_label() {
        let hosts = hosts("https://as.test", &["*.example.org", "auth.test", "[::1]", "x.test:1"]);
        let is_at = |authority: &str| hosts.at(authority).count() == 1;
        for here in ["token.example.org:443", "AUTH.test", "auth.test:9", "[::1]:80", "x.test:1"] {
            assert!(is_at(here), "{here}");
        }
        for elsewhere in ["a.b.example.org", "example.org", ".example.org", "x.test:2", "x.test"] {
            assert!(!is_at(elsewhere), "{elsewhere}");
        }
    }
}
