//! Where secrets may travel: https, or plain http that does not leave the machine. RFC 6749 §3.2,
//! RFC 9700 §2.6.

use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};
use zeroize::Zeroizing;

use crate::error::TokenError;

/// How long to wait for what. The defaults are those of the STUPS libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect: 1.25 s.
    pub connect: Duration,
    /// For each piece of the answer: 2.25 s.
    pub read: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_millis(1_250), read: Duration::from_millis(2_250) }
    }
}

/// Whether plain http may leave the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to this machine. The default.
    #[default]
    LoopbackOnly,
    /// To everywhere: whoever is on the way can read secrets and tokens. For installations whose
    /// network does what TLS should do (STUPS behind a local proxy, a service mesh).
    Everywhere,
}

/// An absolute http(s) URL without user info and fragment. RFC 6749 §3.2.
pub(crate) fn parse_token_url(text: &str) -> Result<Url, TokenError> {
    let url = Url::parse(text).map_err(|_| TokenError::InvalidUrl("not an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(TokenError::InvalidUrl("neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TokenError::InvalidUrl("it contains user info"));
    }
    // MUST NOT include a fragment component.
    if url.fragment().is_some() {
        return Err(TokenError::InvalidUrl("it contains a fragment"));
    }
    Ok(url)
}

/// Refuses a URL to which no secret may be sent.
///
/// # Errors
/// [`TokenError::PlainHttp`] for http to another machine, unless allowed.
pub fn check_confidential(url: &Url, plain_http: PlainHttp) -> Result<(), TokenError> {
    let confidential = url.scheme() == "https"
        || (url.scheme() == "http" && (plain_http == PlainHttp::Everywhere || is_loopback(url)));
    if confidential {
        return Ok(());
    }
    Err(TokenError::PlainHttp { host: url.host_str().unwrap_or("nowhere").to_owned() })
}

/// The machine itself: 127.0.0.0/8, `::1` (also as `::ffff:127.0.0.1`), `localhost`.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        None => false,
    }
}

/// An HTTP client for `url`: no redirects, certificates always verified, bounded times.
pub(crate) fn http_client(
    url: &Url,
    timeouts: Timeouts,
    roots: &[reqwest::Certificate],
) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("grantor-client/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.read);
    let builder = if url.scheme() == "https" {
        builder.https_only(true).tls_certs_merge(roots.iter().cloned())
    } else {
        // Through a proxy, loopback would be somebody else's. And no https here: trusting no root
        // at all also works where the system has none.
        builder.no_proxy().tls_certs_only([])
    };
    builder.build()
}

/// More than any answer that is read here has: 256 KiB.
const BIGGEST_ANSWER: usize = 256 * 1024;

pub(crate) fn unreachable(error: reqwest::Error) -> TokenError {
    // The URL may carry a query, which does not belong into logs.
    TokenError::Unreachable(Arc::new(error.without_url()))
}

/// The whole body, unless there is too much of it.
pub(crate) async fn bounded_body(
    mut response: reqwest::Response,
) -> Result<Zeroizing<Vec<u8>>, TokenError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > BIGGEST_ANSWER {
            return Err(TokenError::InvalidResponse("too big"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_171_plain_http_is_for_loopback_only() {
        for (url, allowed) in [
            ("https://auth.example.org/token", true),
            ("http://127.0.0.1:8080/token", true),
            ("http://127.9.9.9/token", true),
            ("http://[::1]/token", true),
            ("http://[::ffff:127.0.0.1]/token", true),
            ("http://localhost/token", true),
            ("http://LOCALHOST./token", true),
            ("http://2130706433/token", true), // 127.0.0.1 in decimal: the parser resolves it
            ("http://auth.example.org/token", false),
            ("http://localhost.example.org/token", false),
            ("http://127.0.0.1.example.org/token", false),
            ("http://10.0.0.1/token", false),
            ("http://0.0.0.0/token", false),
            ("http://[2001:db8::1]/token", false),
            ("ftp://127.0.0.1/token", false),
        ] {
            let url = Url::parse(url).unwrap();
            let checked = check_confidential(&url, PlainHttp::LoopbackOnly);
            assert_eq!(checked.is_ok(), allowed, "{url}");
            let checked = check_confidential(&url, PlainHttp::Everywhere);
            assert_eq!(checked.is_ok(), url.scheme() != "ftp", "{url}");
        }
    }

    #[test]
    fn a_token_url_is_absolute_and_carries_no_user_and_no_fragment() {
        for (text, right) in [
            ("https://auth.example.org/oauth2/access_token?realm=/services", true),
            ("auth.example.org/token", false),
            ("/token", false),
            ("", false),
            ("file:///etc/passwd", false),
            ("https://user:password@auth.example.org/token", false),
            ("https://auth.example.org/token#top", false),
        ] {
            assert_eq!(parse_token_url(text).is_ok(), right, "{text}");
        }
    }
}
