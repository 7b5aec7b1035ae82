//! Which tenant is a request for? And from whom does it come?
//!
//! A tenant is found by the host of its issuer (or a further host it lists), and by the path of its
//! issuer; requests for hosts nobody configured are turned away (SEC-004). This happens once, before
//! routing, so that no handler can forget it.

mod client_address;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use grantor_domain::client_auth::ClientCertificate;
use serde_json::json;

use crate::app::App;
use crate::directory::{TenantView, issuer_parts};
use crate::extract::Peer;
use crate::listener::Face;
use crate::reply::json::private;
use crate::settings::Settings;
use client_address::client_address;

/// What RFC 8414 §3.1 puts between host and path.
const INSERTED: &str = "/.well-known/oauth-authorization-server";

/// Where a request came in, and from whom.
#[derive(Debug)]
pub struct Admitted {
    /// The tenant
    pub tenant: Arc<TenantView>,
    /// Who is at the other end
    pub peer: Peer,
}

/// Finds tenant and peer, and rewrites the path of a tenant that does not live at the root; or
/// answers 421 (RFC 9110 §15.5.20).
pub fn admit<B>(
    app: &App,
    request: &mut Request<B>,
    socket: SocketAddr,
    certificate: Option<Arc<ClientCertificate>>,
    face: Face,
) -> Result<Admitted, Box<Response<Body>>> {
    if let Some(appended) = appended(request.uri()) {
        *request.uri_mut() = appended;
    }
    let Some((tenant, prefix)) = find(app, request, face) else {
        let body = json!({ "error": "misdirected_request", "error_description":
            "no tenant answers at this host and path; check the issuer URL" });
        return Err(Box::new(private(StatusCode::MISDIRECTED_REQUEST, &body)));
    };
    if prefix > 0 {
        *request.uri_mut() = without_prefix(request.uri(), prefix);
    }
    let socket = socket.ip().to_canonical();
    let address = client_address(&app.settings.trusted_proxies, socket, request.headers());
    Ok(Admitted { tenant, peer: Peer { address, certificate } })
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
    let is_under =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    let is_default = |view: &TenantView| view.tenant.name == app.settings.default_tenant;
    if face == Face::MutualTls {
        let tenants = app.directory.tenants();
        let here = tenants.values().filter_map(|view| {
            let (host, prefix) = issuer_parts(view.mutual_tls.as_ref()?)?;
            let here = host.eq_ignore_ascii_case(authority) && is_under(prefix);
            here.then(|| (Arc::clone(view), prefix.len()))
        });
        return here.max_by_key(|(view, prefix)| (*prefix, is_default(view)));
    }
    let hosts = app.directory.hosts();
    let here = hosts.at(authority).filter(|view| is_under(&view.prefix));
    // The longest prefix wins; of two at the root the default tenant does.
    let view = here.max_by_key(|view| (view.prefix.len(), is_default(view)))?;
    Some((Arc::clone(view), view.prefix.len()))
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

/// Whether plain HTTP is spoken with this peer: the network between us is this machine's own, or ends at
/// something that does TLS (SEC-001).
pub fn may_speak_plainly(settings: &Settings, socket: IpAddr) -> bool {
    let socket = socket.to_canonical();
    let trusted = || settings.trusted_proxies.iter().any(|net| net.contains(&socket));
    settings.plain_http || socket.is_loopback() || trusted()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_001_plain_http_is_spoken_with_loopback_and_trusted_proxies_alone() {
        let mut settings = Settings::new("main".parse().unwrap());
        settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let may =
            |settings: &Settings, peer: &str| may_speak_plainly(settings, peer.parse().unwrap());
        for near in
            ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3"]
        {
            assert!(may(&settings, near), "{near}");
        }
        for far in ["192.0.2.7", "11.0.0.1", "0.0.0.0", "::", "2001:db8::1", "::ffff:192.0.2.7"] {
            assert!(!may(&settings, far), "{far}");
        }
        settings.plain_http = true;
        assert!(may(&settings, "192.0.2.7"));
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
}
