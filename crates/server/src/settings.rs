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
    /// Whether plain HTTP is spoken with everybody; else with this machine and trusted proxies alone
    /// (SEC-001)
    pub plain_http: bool,
    /// Where this server may go besides the public internet (SEC-156)
    pub outbound: OutboundPolicy,
    /// Where clients show certificates; `None` is nowhere
    pub mutual_tls: Option<MutualTlsListener>,
    /// How often somebody may fail to authenticate
    pub failures: Failures,
    /// How many connections may be open at once
    pub max_connections: usize,
    /// How many requests may be answered at once (REL-034)
    pub max_requests: usize,
    /// How long a drain may take, in seconds (REL-028)
    pub drain_seconds: u64,
    /// How long requests are still taken after readiness went off, in seconds (REL-028)
    pub drain_delay_seconds: u64,
}

/// How many failures are free, before one is asked to wait (SEC-056, SEC-115).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Of the authentication of one client, from one address; then one in 15 seconds
    pub per_client: u32,
    /// Of passwords of whomever, from one address or IPv6 network (/64); then one in 5 seconds
    pub per_address: u32,
}

impl Default for Failures {
    fn default() -> Self {
        Self { per_client: 20, per_address: 100 }
    }
}

/// How clients reach the listener that asks for certificates (RFC 8705 §5): at the host of their
/// issuer and another port, or at a host that is named after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutualTlsListener {
    /// What is before the host of an issuer, as `mtls.`; may be empty
    pub host_prefix: String,
    /// The port that clients see
    pub port: u16,
    /// Whether there are authorities for `tls_client_auth`
    pub has_authorities: bool,
}

impl MutualTlsListener {
    /// Where an issuer is found there. `None` if it is no URL with a host.
    pub fn base(&self, issuer: &str) -> Option<String> {
        let url = url::Url::parse(issuer).ok()?;
        let (prefix, host) = (&self.host_prefix, url.host_str()?);
        let port = match self.port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        Some(format!("https://{prefix}{host}{port}{}", url.path().trim_end_matches('/')))
    }
}

impl Settings {
    /// The defaults, for a tenant of this name.
    pub fn new(default_tenant: TenantName) -> Self {
        Self {
            default_tenant,
            trusted_proxies: Vec::new(),
            plain_http: false,
            outbound: OutboundPolicy::default(),
            mutual_tls: None,
            failures: Failures::default(),
            max_connections: 10_000,
            max_requests: 1_024,
            drain_seconds: 30,
            drain_delay_seconds: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_found_at_its_host_and_another_port_or_at_a_host_named_after_it() {
        let at = |host_prefix: &str, port, issuer: &str| {
            let host_prefix = host_prefix.to_owned();
            MutualTlsListener { host_prefix, port, has_authorities: false }.base(issuer)
        };
        #[rustfmt::skip]
        let table = [
            ("",      8446, "https://id.example",          "https://id.example:8446"),
            ("mtls.", 443,  "https://id.example",          "https://mtls.id.example"),
            ("mtls.", 443,  "https://id.example:8443/t/a", "https://mtls.id.example/t/a"),
            ("",      8446, "http://[::1]:8080",           "https://[::1]:8446"),
        ];
        for (prefix, port, issuer, base) in table {
            assert_eq!(at(prefix, port, issuer).as_deref(), Some(base));
        }
    }
}
