//! How the operator wants the server to behave, once the configuration has been read.

use grantor_oauth_types::name::TenantName;

use crate::outbound::OutboundPolicy;

/// The settings that endpoints look at.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tenant that answers at the root of its issuer, and whose administrators may manage
    /// tenants
    pub default_tenant: TenantName,
    /// From which peers forwarded addresses count (SEC-005); empty is nobody
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Where this server may go besides the public internet (SEC-156)
    pub outbound: OutboundPolicy,
    /// How many connections may be open at once
    pub max_connections: usize,
    /// How long a drain may take, in seconds (REL-028)
    pub drain_seconds: u64,
    /// How long requests are still taken after readiness went off, in seconds (REL-028)
    pub drain_delay_seconds: u64,
}

impl Settings {
    /// The defaults, for a tenant of this name.
    pub fn new(default_tenant: TenantName) -> Self {
        Self {
            default_tenant,
            trusted_proxies: Vec::new(),
            outbound: OutboundPolicy::default(),
            max_connections: 10_000,
            drain_seconds: 30,
            drain_delay_seconds: 0,
        }
    }
}
