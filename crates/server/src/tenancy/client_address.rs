//! From which address a request comes, behind proxies that are trusted. SEC-005.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// The first hop from the right that no trusted proxy vouches for; an unreadable one is "no
/// address" (SEC-005).
pub(super) fn client_address(
    trusted: &[ipnet::IpNet],
    socket: IpAddr,
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if !is_trusted(&socket) {
        return Some(socket);
    }
    let hops = headers.get_all("x-forwarded-for");
    let hops: Result<Vec<&str>, _> = hops.iter().map(|value| value.to_str()).collect();
    let hops = hops.ok()?.join(",");
    let mut hops = hops.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty()).peekable();
    if hops.peek().is_none() {
        return Some(socket);
    }
    for hop in hops {
        let address: IpAddr = hop.parse().ok()?;
        if !is_trusted(&address) {
            return Some(address);
        }
    }
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", value.parse().unwrap());
        headers
    }

    #[test]
    fn sec_005_forwarded_addresses_count_only_from_trusted_proxies() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let seen = |trusted: &[ipnet::IpNet], value: &str| {
            client_address(trusted, proxy, &forwarded(value))
        };
        assert_eq!(seen(&[], "127.0.0.1"), Some(proxy), "the default trusts nobody");
        assert_eq!(seen(&trusted, "192.0.2.7"), "192.0.2.7".parse().ok());
        assert_eq!(seen(&trusted, "1.2.3.4, 192.0.2.7, 10.0.0.9"), "192.0.2.7".parse().ok());
        assert_eq!(seen(&trusted, "192.0.2.7, a"), None, "an unreadable hop is no address");
        let mut unreadable = forwarded("203.0.113.9");
        let value = axum::http::HeaderValue::from_bytes(b"\xff, 192.0.2.7").unwrap();
        unreadable.append("x-forwarded-for", value);
        assert_eq!(client_address(&trusted, proxy, &unreadable), None, "nor is the proxy's own");
    }
}
