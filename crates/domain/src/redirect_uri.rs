//! Where answers may go: what may be registered, and which registered URI a request means.
//! RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1; SEC-019, SEC-022, SEC-154, Table R of
//! `security.md`.
//!
//! URIs are parsed once, at registration, and there the strict reading and the one of browsers must
//! agree. At use bytes are compared, with one exception: the port of a loopback address. What is
//! sent in `Location` is built from the registered text, never from the request's.

use std::borrow::Cow;

use grantor_oauth_types::client_metadata::ApplicationType;
use url::Url;

use crate::client::Client;

/// The longest URI that may be registered.
pub const MAX_URI: usize = 2_000;

/// Why a URI may not be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// Not in the one spelling in which everybody reads it alike
    #[error("not an absolute URI in its canonical spelling")]
    Spelling,
    /// RFC 6749 §3.1.2
    #[error("a fragment is not allowed")]
    Fragment,
    /// SEC-154
    #[error("user information is not allowed")]
    UserInformation,
    /// SEC-022
    #[error("this scheme is not allowed")]
    Scheme,
    /// RFC 8252 §7.3, §8.3
    #[error("http is allowed for native clients on a loopback address only")]
    PlainHttp,
    /// RFC 8252 §7.1
    #[error("a private-use scheme is for native clients, and is a domain name in reverse")]
    PrivateScheme,
}

/// Schemes that run or show what is in the URI itself (SEC-022).
const DANGEROUS: [&str; 10] =
    ["javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ws", "wss", "view-source"];

/// Octets that mean something else once they are decoded.
const MISLEADING: [&str; 9] = ["%00", "%0a", "%0d", "%23", "%2e", "%2f", "%3f", "%40", "%5c"];

/// What a client may register besides https.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leave {
    /// It runs on somebody's device
    pub native: bool,
    /// `compat.localhost_redirect`
    pub localhost: bool,
}

impl Leave {
    /// What a client may.
    pub fn of(client: &Client) -> Self {
        let native = client.authorization.application_type == Some(ApplicationType::Native);
        Self { native, localhost: client.compat.localhost_redirect }
    }
}

/// Whether a redirect URI may be registered.
pub fn check(uri: &str, leave: Leave) -> Result<(), Unacceptable> {
    let scheme = check_text(uri)?;
    match scheme {
        "https" => check_web(uri),
        "http" => {
            check_web(uri)?;
            let host = authority(uri).map_or("", host_of);
            let literal = leave.native && matches!(host, "127.0.0.1" | "[::1]");
            let named = leave.localhost && host == "localhost";
            if literal || named { Ok(()) } else { Err(Unacceptable::PlainHttp) }
        }
        scheme if DANGEROUS.contains(&scheme) => Err(Unacceptable::Scheme),
        scheme => {
            let rest = &uri[scheme.len() + 1..];
            let holds = leave.native
                && scheme.contains('.')
                && scheme.split('.').all(|label| !label.is_empty())
                && rest.starts_with('/');
            if holds { Ok(()) } else { Err(Unacceptable::PrivateScheme) }
        }
    }
}

/// Whether another URI of a client's metadata may be registered: https, always (SEC-154).
pub fn check_https(uri: &str) -> Result<(), Unacceptable> {
    match check_text(uri)? {
        "https" => check_web(uri),
        "http" => Err(Unacceptable::PlainHttp),
        _ => Err(Unacceptable::Scheme),
    }
}

/// Reads nothing but ASCII that everybody reads alike; returns the scheme, in lower case.
fn check_text(uri: &str) -> Result<&str, Unacceptable> {
    let odd = |b: u8| !b.is_ascii_graphic() || b"\\\"<>^`{|}*".contains(&b);
    if uri.len() > MAX_URI || uri.bytes().any(odd) {
        return Err(Unacceptable::Spelling);
    }
    if uri.contains('#') {
        return Err(Unacceptable::Fragment);
    }
    let (scheme, _) = uri.split_once(':').ok_or(Unacceptable::Spelling)?;
    if DANGEROUS.iter().any(|bad| scheme.eq_ignore_ascii_case(bad)) {
        return Err(Unacceptable::Scheme);
    }
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
    let spelled = scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.bytes().all(inner);
    let lower = uri.to_ascii_lowercase();
    if !spelled || MISLEADING.iter().any(|octet| lower.contains(octet)) {
        return Err(Unacceptable::Spelling);
    }
    Ok(scheme)
}

/// http or https: an authority without user information, in the spelling that the parser of
/// browsers would write.
fn check_web(uri: &str) -> Result<(), Unacceptable> {
    let authority = authority(uri).ok_or(Unacceptable::Spelling)?;
    if authority.contains('@') {
        return Err(Unacceptable::UserInformation);
    }
    let url = Url::parse(uri).map_err(|_| Unacceptable::Spelling)?;
    let canonical = url.as_str() == uri || url.as_str().strip_suffix('/') == Some(uri);
    let dns = match url.host() {
        Some(url::Host::Domain(name)) => !name.ends_with('.') && !name.contains("xn--"),
        Some(_) => true,
        None => false,
    };
    if canonical && (dns || is_honest_punycode(&url)) {
        Ok(())
    } else {
        Err(Unacceptable::Spelling)
    }
}

/// An international name in its ASCII form, as the parser writes it, is as good as another.
fn is_honest_punycode(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default();
    !name.ends_with('.') && !name.split('.').any(|label| label == "xn--" || label.ends_with('-'))
}

fn authority(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|authority| !authority.is_empty())
}

/// The host of an authority without user information.
fn host_of(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(at) if !authority[at..].contains(']') => &authority[..at],
        _ => authority,
    }
}

/// The registered URI that a request means, with the port of the request where that may vary;
/// `None` if there is none (SEC-019).
pub fn find<'a>(client: &'a Client, requested: &str) -> Option<Cow<'a, str>> {
    if let Some(same) = client.redirect_uris.iter().find(|registered| *registered == requested) {
        return Some(Cow::Borrowed(same));
    }
    let leave = Leave::of(client);
    let with_port = |registered: &String| with_port_of(registered, requested, leave);
    client.redirect_uris.iter().find_map(with_port).map(Cow::Owned)
}

/// RFC 8252 §7.3: any port of a loopback address that a native client registered.
fn with_port_of(registered: &str, requested: &str, leave: Leave) -> Option<String> {
    let rest = registered.strip_prefix("http://")?;
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let host = host_of(authority);
    let varies = (leave.native && matches!(host, "127.0.0.1" | "[::1]"))
        || (leave.localhost && host == "localhost");
    let port = requested.strip_prefix("http://")?.strip_prefix(host)?.strip_prefix(':')?;
    let port = &port[..port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len())];
    let real = !port.starts_with('0') && port.parse::<u16>().is_ok();
    let built = format!("http://{host}:{port}{}", &rest[authority.len()..]);
    (varies && real && built == requested).then_some(built)
}

#[cfg(test)]
#[path = "../../testkit/src/table_r.rs"]
#[expect(unreachable_pub, dead_code, reason = "the table of the test kit, as its tests have it")]
pub(crate) mod table_r;
#[cfg(test)]
mod tests;
