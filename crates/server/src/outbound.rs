//! The one way out: every request that this server makes to an address somebody else named.
//! SEC-156.
//!
//! https, public addresses, no redirects, no proxy, a few seconds, a bounded answer. A name is
//! resolved once and the connection goes to an address that was looked at. What an operator allows
//! by name (a host on loopback, for tests) is let through, and nothing else.

mod neighbours;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipnet::{Ipv4Net, Ipv6Net};
use jiff::SignedDuration;
use reqwest::StatusCode;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use serde_json::Value;
use url::{Host, Url};

use crate::clock::Clock;
use neighbours::Neighbours;

/// How long a request may take, all in all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const LONGEST: usize = 1024 * 1024;

/// The ports that may be connected to, of hosts that are not allowed by name.
const PORTS: [u16; 2] = [443, 8443];

/// What an operator allows besides the public internet.
#[derive(Clone, Debug, Default)]
pub struct OutboundPolicy {
    /// Host names that may have any address and any port
    pub allowed_hosts: Vec<String>,
    /// Further certificate authorities, DER
    pub roots: Vec<Vec<u8>>,
}

/// Makes requests. A host that is slow or does not answer is asked by few at once, and has its rest
/// (REL-037).
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Made when it is needed: reading the certificate authorities of the system is a good part of a
    /// start, and many servers never ask anybody
    http: Arc<OnceLock<reqwest::Client>>,
    /// Further certificate authorities
    roots: Vec<reqwest::Certificate>,
    allowed: Arc<[String]>,
    neighbours: Arc<Neighbours>,
    clock: Arc<dyn Clock>,
}

/// Why nothing came back. Whoever asked for the request hears only that it was unreachable.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It is not asked for
    #[error("refused: {0}")]
    Refused(&'static str),
    /// Nobody answered as asked
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Nobody answered in time
    #[error("no answer in time")]
    TimedOut,
    /// As many as may are waiting for this host already
    #[error("too many calls to this host are under way")]
    Busy,
    /// The host did not answer of late and is left alone for a moment
    #[error("the host did not answer of late")]
    Resting,
    /// More than anybody needs
    #[error("the answer is too long")]
    TooLong,
    /// Not JSON
    #[error("the answer is not JSON")]
    NotJson,
}

impl Outbound {
    /// Fails when a certificate of the policy does not read.
    pub fn new(policy: &OutboundPolicy, clock: Arc<dyn Clock>) -> Result<Self, OutboundError> {
        let roots = policy.roots.iter().map(|der| reqwest::Certificate::from_der(der));
        let roots = roots.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
        let (http, neighbours) = (Arc::default(), Arc::default());
        let outbound =
            Self { http, roots, allowed: policy.allowed_hosts.clone().into(), neighbours, clock };
        if !outbound.roots.is_empty() {
            outbound.http()?;
        }
        Ok(outbound)
    }

    fn http(&self) -> Result<&reqwest::Client, OutboundError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("grantor/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .https_only(true)
            .timeout(TIMEOUT)
            .tls_certs_merge(self.roots.clone())
            .dns_resolver(Arc::new(Guarded { allowed: Arc::clone(&self.allowed) }))
            .build()
            .map_err(unusable)?;
        Ok(self.http.get_or_init(|| http))
    }

    /// Gets a JSON document.
    pub async fn get_json(&self, uri: &str) -> Result<Value, OutboundError> {
        let body = self.get(uri).await?;
        serde_json::from_slice(&body).map_err(|_| OutboundError::NotJson)
    }

    /// Gets a document.
    pub async fn get(&self, uri: &str) -> Result<Vec<u8>, OutboundError> {
        Ok(self.get_kept(uri).await?.0)
    }

    /// The same, and for how long its host lets it be kept (RFC 9111 §5.2.2), if it says so.
    pub async fn get_kept(
        &self,
        uri: &str,
    ) -> Result<(Vec<u8>, Option<SignedDuration>), OutboundError> {
        let url = self.check(uri)?;
        let (head, body) = self.answer(&url, self.http()?.get(url.clone())).await?;
        if !head.status.is_success() {
            return Err(OutboundError::Unreachable(format!("status {}", head.status)));
        }
        Ok((body, head.kept))
    }

    /// Gets a document with a bearer token (RFC 6750 §2.1), whatever the status is, within a time of
    /// its own. What cannot stand in a header is not asked about.
    pub async fn get_as(
        &self,
        uri: &str,
        token: &str,
        within: Duration,
    ) -> Result<(StatusCode, Vec<u8>), OutboundError> {
        let url = self.check(uri)?;
        let request = self.http()?.get(url.clone()).bearer_auth(token).timeout(within.min(TIMEOUT));
        self.send(&url, request).await
    }

    /// Posts a form; the status is all that is looked at. Any 2xx is good.
    pub async fn post_form(&self, uri: &str, form: &[(&str, &str)]) -> Result<(), OutboundError> {
        let url = self.check(uri)?;
        match self.send(&url, self.http()?.post(url.clone()).form(form)).await?.0 {
            status if status.is_success() => Ok(()),
            status => Err(OutboundError::Unreachable(format!("status {status}"))),
        }
    }

    async fn send(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>), OutboundError> {
        let (head, body) = self.answer(url, request).await?;
        Ok((head.status, body))
    }

    async fn answer(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<(Head, Vec<u8>), OutboundError> {
        let port = url.port_or_known_default().unwrap_or_default();
        let host = format!("{}:{port}", url.host_str().unwrap_or_default());
        let turn = self.neighbours.enter(&host, self.clock.now())?;
        let answer = match request.send().await {
            Ok(response) => {
                let head = Head { status: response.status(), kept: kept(response.headers()) };
                bounded(response).await.map(|body| (head, body))
            }
            Err(error) => Err(unreachable(error)),
        };
        match &answer {
            Err(OutboundError::Unreachable(_) | OutboundError::TimedOut) => {
                turn.failed(self.clock.now());
            }
            _ => turn.answered(),
        }
        answer
    }

    /// Whether it is asked for at all.
    fn check(&self, uri: &str) -> Result<Url, OutboundError> {
        let url = Url::parse(uri).map_err(|_| OutboundError::Refused("not an absolute URL"))?;
        if url.scheme() != "https" {
            return Err(OutboundError::Refused("not https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::Refused("user information"));
        }
        let host = url.host_str().unwrap_or_default();
        if self.allowed.iter().any(|allowed| allowed == host) {
            return Ok(url);
        }
        if !PORTS.contains(&url.port_or_known_default().unwrap_or_default()) {
            return Err(OutboundError::Refused("the port"));
        }
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            // Looked at once it is resolved.
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if public { Ok(url) } else { Err(OutboundError::Refused("not a public address")) }
    }
}

/// What counts of the head of an answer.
struct Head {
    status: StatusCode,
    /// For how long it may be kept
    kept: Option<SignedDuration>,
}

/// RFC 9111 §5.2.2: `max-age`; not at all with `no-store` and `no-cache`.
fn kept(headers: &HeaderMap) -> Option<SignedDuration> {
    let lines = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|line| line.to_str().ok());
    let lines: Vec<&str> = lines.collect();
    let words = || lines.iter().flat_map(|line| line.split(',')).map(str::trim);
    let is = |word: &str, name: &str| word.eq_ignore_ascii_case(name);
    if words().any(|word| is(word, "no-store") || is(word, "no-cache")) {
        return Some(SignedDuration::ZERO);
    }
    let age = words().filter_map(|word| word.split_once('=')).find(|(name, _)| is(name, "max-age"));
    let seconds: u32 = age?.1.trim_matches('"').parse().ok()?;
    Some(SignedDuration::from_secs(seconds.into()))
}

#[expect(clippy::needless_pass_by_value, reason = "that is how `map_err` hands it over")]
fn unusable(error: reqwest::Error) -> OutboundError {
    OutboundError::Unreachable(error.to_string())
}

/// The URL may carry a query, which does not belong into logs.
fn unreachable(error: reqwest::Error) -> OutboundError {
    match error.is_timeout() {
        true => OutboundError::TimedOut,
        false => OutboundError::Unreachable(error.without_url().to_string()),
    }
}

async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>, OutboundError> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(unreachable)?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > LONGEST {
            return Err(OutboundError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
}

/// Resolves names, and hands out an address only if every one of them is public: a name with both
/// sorts is somebody's trick.
#[derive(Debug)]
struct Guarded {
    allowed: Arc<[String]>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed.iter().any(|allowed| allowed == name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if !allowed && !found.iter().all(|address| is_public(address.ip())) {
                return Err("not a public address".into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is on the public internet. Whatever is not known to be is not.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !v4_special().iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            // Global unicast, without what is set apart in it or carries an IPv4 address inside.
            net6([0x2000, 0], 3).contains(&address)
                && ![
                    net6([0x2001, 0], 23),
                    net6([0x2001, 0xdb8], 32),
                    net6([0x2002, 0], 16),
                    net6([0x3fff, 0], 20),
                ]
                .iter()
                .any(|net| net.contains(&address))
        }
    }
}

/// The registry of special-purpose IPv4 addresses (RFC 6890), multicast, and what is reserved.
fn v4_special() -> [Ipv4Net; 15] {
    let net = |a, b, c, bits| Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), bits);
    [
        net(0, 0, 0, 8),
        net(10, 0, 0, 8),
        net(100, 64, 0, 10),
        net(127, 0, 0, 8),
        net(169, 254, 0, 16),
        net(172, 16, 0, 12),
        net(192, 0, 0, 24),
        net(192, 0, 2, 24),
        net(192, 88, 99, 24),
        net(192, 168, 0, 16),
        net(198, 18, 0, 15),
        net(198, 51, 100, 24),
        net(203, 0, 113, 24),
        net(224, 0, 0, 4),
        net(240, 0, 0, 4),
    ]
}

fn net6([a, b]: [u16; 2], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(hosts: &[&str]) -> Outbound {
        let allowed_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let policy = OutboundPolicy { allowed_hosts, roots: Vec::new() };
        Outbound::new(&policy, Arc::new(crate::clock::SystemClock)).unwrap()
    }

    #[tokio::test]
    async fn sec_156_nothing_goes_to_an_address_that_is_not_public() {
        // Whoever connects is seen.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:8443").await.ok();
        let out = outbound(&[]);
        for uri in [
            "https://127.0.0.1:8443/",
            "https://[::1]:8443/",
            "https://localhost:8443/",
            "https://[::ffff:127.0.0.1]:8443/",
            "https://[::ffff:10.0.0.1]/",
            "https://0x7f.1:8443/",
            "https://2130706433:8443/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://100.64.0.1/",
            "https://0.0.0.0:8443/",
            "https://[::]:8443/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
        ] {
            assert!(out.get(uri).await.is_err(), "{uri}");
        }
        if let Some(listener) = listener {
            let seen = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
            assert!(seen.is_err(), "somebody connected");
        }
    }

    #[test]
    fn sec_156_only_https_on_ports_of_https_without_user_information() {
        let out = outbound(&["named.example"]);
        for uri in [
            "http://app.example/",
            "ftp://app.example/",
            "file:///etc/passwd",
            "https://app.example:22/",
            "https://u:p@app.example/",
            "/jwks",
        ] {
            assert!(out.check(uri).is_err(), "{uri}");
        }
        for uri in
            ["https://app.example/", "https://app.example:8443/k", "https://named.example:1/"]
        {
            assert!(out.check(uri).is_ok(), "{uri}");
        }
    }

    #[test]
    fn sec_156_addresses_of_the_public_internet_are_public() {
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
