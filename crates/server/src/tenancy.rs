//! Which tenant is a request for? And from whom does it come?
//!
//! A tenant is found by the host of its issuer (or a further host it lists), and by the path of its
//! issuer; requests for hosts nobody configured are turned away (SEC-004). This happens once, before
//! routing, so that no handler can forget it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use grantor_domain::client_auth::ClientCertificate;
use grantor_domain::tenant::Tenant;
use serde_json::json;

use crate::app::App;
use crate::directory::TenantView;
use crate::extract::{Here, Peer};
use crate::listener::Face;
use crate::reply::json::private;

/// What RFC 8414 §3.1 puts between host and path.
const INSERTED: &str = "/.well-known/oauth-authorization-server";

/// Finds tenant and peer, and rewrites the path of a tenant that does not live at the root; or
/// answers 421 (RFC 9110 §15.5.20).
pub fn admit<B>(
    app: &App,
    mut request: Request<B>,
    socket: SocketAddr,
    certificate: Option<Arc<ClientCertificate>>,
    face: Face,
) -> Result<Request<B>, Box<Response<Body>>> {
    if let Some(appended) = appended(request.uri()) {
        *request.uri_mut() = appended;
    }
    let Some((view, prefix)) = find(app, &request, face) else {
        let body = json!({ "error": "misdirected_request", "error_description":
            "no tenant answers at this host and path; check the issuer URL" });
        return Err(Box::new(private(StatusCode::MISDIRECTED_REQUEST, &body)));
    };
    if prefix > 0 {
        *request.uri_mut() = without_prefix(request.uri(), prefix);
    }
    let address = client_address(&app.settings.trusted_proxies, socket.ip(), request.headers());
    let peer = Peer { address, certificate };
    request.extensions_mut().insert(Here(view));
    request.extensions_mut().insert(peer);
    Ok(request)
}

/// The tenant, and how many bytes of the path are its prefix.
///
/// Where certificates are asked for, a tenant answers at the place that its metadata names, and
/// nowhere else.
fn find<B>(app: &App, request: &Request<B>, face: Face) -> Option<(Arc<TenantView>, usize)> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(header::HOST)?.to_str().ok()?,
    };
    let path = request.uri().path();
    let tenants = app.directory.tenants();
    tenants
        .values()
        .filter_map(|view| {
            let mutual = face == Face::MutualTls;
            let base = if mutual { view.mutual_tls.as_ref()? } else { &view.tenant.issuer };
            let (host, prefix) = issuer_parts(base)?;
            let listed = || !mutual && is_listed(&view.tenant, authority);
            let here = host.eq_ignore_ascii_case(authority) || listed();
            let under = path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
            (here && under).then(|| (Arc::clone(view), prefix.len()))
        })
        // The longest prefix wins; of two at the root the default tenant does.
        .max_by_key(|(view, prefix)| (*prefix, view.tenant.name == app.settings.default_tenant))
}

/// Authority and path of an issuer URL.
fn issuer_parts(issuer: &str) -> Option<(&str, &str)> {
    let (_, rest) = issuer.split_once("://")?;
    Some(match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    })
}

/// Whether the host is one of the further hosts of the tenant; the port does not matter there.
fn is_listed(tenant: &Tenant, authority: &str) -> bool {
    let host = host_of(authority);
    tenant.hosts.iter().any(|listed| match listed.strip_prefix("*.") {
        // One label, no more.
        Some(domain) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
        None => listed.eq_ignore_ascii_case(host) || listed.eq_ignore_ascii_case(authority),
    })
}

/// The host without its port.
pub fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(_) => authority.split_inclusive(']').next().unwrap_or(authority),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn without_prefix(uri: &Uri, prefix: usize) -> Uri {
    let full = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = full.get(prefix..).filter(|rest| rest.starts_with('/')).unwrap_or("/");
    with_path(uri, rest)
}

/// RFC 8414 §3.1 inserts the well-known path in front of the issuer's own; every other path of a
/// tenant is behind it, and so this one is read too.
fn appended(uri: &Uri) -> Option<Uri> {
    let own = uri.path().strip_prefix(INSERTED)?;
    let of_tenant = own.starts_with('/') && own != "/";
    of_tenant.then(|| with_path(uri, &format!("{own}{INSERTED}")))
}

fn with_path(uri: &Uri, path: &str) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// The first hop from the right that no trusted proxy vouches for; an unreadable one is "no
/// address" (SEC-005).
fn client_address(trusted: &[ipnet::IpNet], socket: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if !is_trusted(&socket) {
        return Some(socket);
    }
    let hops = headers.get_all("x-forwarded-for");
    let hops: Vec<&str> = hops.iter().filter_map(|value| value.to_str().ok()).collect();
    let hops = hops.join(",");
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
    }

    #[test]
    fn trap_008_the_path_of_an_issuer_stands_behind_the_inserted_one() {
        let read = |uri: &'static str| appended(&Uri::from_static(uri)).map(|uri| uri.to_string());
        let path = "/.well-known/oauth-authorization-server";
        assert_eq!(
            read("/.well-known/oauth-authorization-server/a/b"),
            Some(format!("/a/b{path}"))
        );
        for not in [
            "/.well-known/oauth-authorization-server",
            "/.well-known/oauth-authorization-server/",
            "/.well-known/oauth-authorization-servers/a",
            "/.well-known/openid-configuration/a",
            "/a/.well-known/oauth-authorization-server",
        ] {
            assert_eq!(read(not), None, "{not}");
        }
    }

    #[test]
    fn a_wildcard_host_covers_one_label() {
        let tenant: Tenant = serde_json::from_value(json!({
            "name": "main", "issuer": "https://as.test", "hosts": ["*.example.org", "auth.test"],
        }))
        .unwrap();
        assert!(is_listed(&tenant, "token.example.org:443"));
        assert!(is_listed(&tenant, "AUTH.test"));
        assert!(!is_listed(&tenant, "a.b.example.org"));
        assert!(!is_listed(&tenant, "example.org"));
    }
}
