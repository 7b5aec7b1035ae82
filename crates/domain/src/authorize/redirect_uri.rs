//! Which redirect URI an answer goes to. RFC 6749 §3.1.2.3, RFC 9700 §2.1; SEC-019 to SEC-022.
//!
//! What may be registered and the comparison are [`crate::redirect_uri`]'s; here is what holds at use.

use crate::client::Client;
use crate::params::Params;
use crate::redirect_uri;

/// The schemes that run in our own origin, or nowhere (SEC-022).
const DANGEROUS: [&str; 7] =
    ["javascript", "data", "vbscript", "file", "blob", "about", "view-source"];

/// Whether the address is sent as `redirect_uri[]` or `redirect_uri[0]`. To some who read forms that is
/// `redirect_uri`, so whoever stands in front may have looked at another one than we do (SEC-020).
pub fn is_listed(params: &Params) -> bool {
    params.names().any(|name| name.starts_with("redirect_uri["))
}

/// Where to, if the client may use what was sent: the registered text, with the port of the request
/// where that may vary; never the request's text as such.
pub fn allowed(client: &Client, sent: &str) -> Option<String> {
    redirect_uri::find(client, sent).filter(|known| is_usable(known)).map(Into::into)
}

/// The redirect URI of a request that names none: the only one there is (SEC-021).
pub fn only(client: &Client) -> Option<String> {
    match client.redirect_uris.as_slice() {
        [only] if is_usable(only) => Some(only.clone()),
        _ => None,
    }
}

/// Whether a registered value may be used at all. What is refused at registration is refused here
/// again, whatever way it got into the database (SEC-022).
pub fn is_usable(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let dangerous = DANGEROUS.iter().any(|bad| scheme.eq_ignore_ascii_case(bad));
    let clean = rest.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#'));
    is_scheme && !dangerous && clean && !rest.is_empty()
}

/// Whether the answer leaves for a program on the person's own machine: its identity is not assured
/// (RFC 8252 §8.6, SEC-042).
pub fn is_on_device(uri: &str) -> bool {
    !uri.starts_with("https://")
}

#[cfg(test)]
mod tests;
