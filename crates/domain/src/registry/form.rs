//! The forms of texts that people write.

use url::Url;

use super::{Flaws, Reason};

/// The longest name of a thing, in characters.
pub(super) const NAME: usize = 128;

/// The longest name of a client. People who decide are shown 64 characters of it (SEC-043).
pub(super) const CLIENT_NAME: usize = 200;

/// The longest description, in characters.
pub(super) const TEXT: usize = 4_000;

impl Flaws {
    /// A text that has to say something, on one line.
    pub(super) fn name(&mut self, pointer: &str, text: &str, longest: usize) {
        let expects = "a line of text that is not blank and not too long";
        self.demand(!text.trim().is_empty(), pointer, Reason::Form(expects));
        self.line(pointer, text, longest);
    }

    /// A text on one line, or nothing.
    pub(super) fn line(&mut self, pointer: &str, text: &str, longest: usize) {
        let expects = "a line of text without control or direction characters, not too long";
        let holds = text.chars().count() <= longest && !text.chars().any(is_deceptive);
        self.demand(holds, pointer, Reason::Form(expects));
    }

    /// A longer text; lines may be broken.
    pub(super) fn text(&mut self, pointer: &str, text: &str) {
        let expects = "at most 4000 characters, without control or direction characters";
        let holds = text.chars().count() <= TEXT
            && !text.chars().any(|c| !matches!(c, '\n' | '\r' | '\t') && is_deceptive(c));
        self.demand(holds, pointer, Reason::Form(expects));
    }

    /// An absolute URI without fragment and user information (RFC 8707 §2).
    pub(super) fn absolute_uri(&mut self, pointer: &str, text: &str) {
        let expects = "an absolute URI without fragment and user information";
        self.demand(is_absolute_uri(text), pointer, Reason::Form(expects));
    }
}

/// Control characters forge lines; direction and zero-width characters make one text look like
/// another (SEC-016, SEC-043).
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// RFC 3986 §4.3, but for user information, which only misleads.
pub(crate) fn is_absolute_uri(text: &str) -> bool {
    let clean = text.len() <= 2_000 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    clean
        && !text.contains('#')
        && Url::parse(text).is_ok_and(|url| {
            url.username().is_empty() && url.password().is_none() && !url.cannot_be_a_base()
                || url.scheme() == "urn"
        })
}

/// An issuer is one canonical URL: whoever compares strings and whoever compares URLs must agree
/// (SEC-084; RFC 8414 §2).
pub(super) fn is_issuer(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    // The parser adds the slash of an empty path, and normalizes everything else that has more
    // than one spelling.
    secure && bare && url.as_str().trim_end_matches('/') == text
}

/// An origin as browsers write it in `Origin`: it is compared byte by byte (SEC-013).
pub(super) fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    secure && url.origin().ascii_serialization() == text
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A host name in lower case, or `*.` before one of at least two labels.
pub(super) fn is_host(text: &str) -> bool {
    let (name, least) = text.strip_prefix("*.").map_or((text, 1), |rest| (rest, 2));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= 253 && name.split('.').count() >= least && name.split('.').all(is_label)
}

/// One unquoted `@` between a local part and a host name (SEC-184).
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"\"(),:;<>@[\\]".contains(c);
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && !host.starts_with('*')
        && is_host(&host.to_ascii_lowercase())
}
