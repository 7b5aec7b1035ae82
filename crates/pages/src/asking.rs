//! Who asks: the client, as the person is shown it. SEC-043, OIDC Registration §2.

use crate::clean;
use crate::csp::url_source;
use crate::shell::initial;

/// A client that asks for something.
#[derive(Clone, Debug)]
pub struct Asking {
    /// What it calls itself
    pub name: String,
    /// Its picture
    pub logo: Option<Logo>,
    /// Its home page (`client_uri`)
    pub home: Option<String>,
    /// What it does with data (`policy_uri`)
    pub policy: Option<String>,
    /// Its terms (`tos_uri`)
    pub terms: Option<String>,
    /// Where the answer goes: the verified redirect URI
    pub redirect: Redirect,
    /// Whether somebody stands for its identity; if not, the person is told (SEC-042, SEC-151)
    pub assured: bool,
}

/// A client's picture.
#[derive(Clone, Debug)]
pub enum Logo {
    /// From us: a path
    Ours(String),
    /// From where the client said; only where the tenant allows that others see who signs in (SEC-158)
    Remote(String),
}

/// A redirect URI that was verified.
#[derive(Clone, Debug)]
pub struct Redirect(pub String);

impl Redirect {
    /// Host and port, or the scheme of an application of this device.
    #[must_use]
    pub fn place(&self) -> String {
        let (scheme, rest) = self.0.split_once(':').unwrap_or(("", &self.0));
        let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next());
        let host = authority.flatten().filter(|host| !host.is_empty());
        match host {
            Some(host) if matches!(scheme, "http" | "https") => clean(host),
            _ => clean(&format!("{scheme}:")),
        }
    }

    /// Whether it leads to this very device.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let place = self.place();
        let port = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
        let host = place.rsplit_once(':').filter(|(_, end)| port(end)).map_or(&*place, |(h, _)| h);
        place.ends_with(':') || matches!(host, "127.0.0.1" | "localhost" | "[::1]")
    }

    /// For `form-action`.
    pub(crate) fn source(&self) -> Option<String> {
        url_source(&self.0)
    }
}

impl Asking {
    pub(crate) fn shown_name(&self) -> String {
        let name = clean(&self.name);
        if name.is_empty() { self.redirect.place() } else { name }
    }

    pub(crate) fn initial(&self) -> String {
        initial(&self.shown_name())
    }

    pub(crate) fn picture(&self) -> Option<&str> {
        match self.logo.as_ref()? {
            Logo::Ours(path) => Some(path),
            Logo::Remote(url) => {
                Some(url).filter(|url| url.starts_with("https://")).map(|url| &**url)
            }
        }
    }

    /// For `img-src`.
    pub(crate) fn picture_source(&self) -> Option<String> {
        match self.logo.as_ref()? {
            Logo::Ours(_) => Some("'self'".to_owned()),
            Logo::Remote(url) => url_source(url).filter(|source| source.starts_with("https://")),
        }
    }

    pub(crate) fn home(&self) -> Option<&str> {
        web(self.home.as_deref())
    }

    pub(crate) fn policy(&self) -> Option<&str> {
        web(self.policy.as_deref())
    }

    pub(crate) fn terms(&self) -> Option<&str> {
        web(self.terms.as_deref())
    }
}

/// A link that leads to the web and does nothing else.
fn web(url: Option<&str>) -> Option<&str> {
    url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_043_the_place_an_answer_goes_to_is_told() {
        for (uri, place, local) in [
            ("https://shop.example/cb?x=https://bank.example", "shop.example", false),
            ("https://shop.example:8443/cb", "shop.example:8443", false),
            ("http://127.0.0.1:4711/cb", "127.0.0.1:4711", true),
            ("http://[::1]:4711/cb", "[::1]:4711", true),
            ("http://[::1]/cb", "[::1]", true),
            ("http://localhost/cb", "localhost", true),
            ("com.example.app:/cb", "com.example.app:", true),
            ("com.example.app://bank.example/cb", "com.example.app:", true),
            ("https://localhost.example/cb", "localhost.example", false),
        ] {
            let redirect = Redirect(uri.to_owned());
            assert_eq!((&*redirect.place(), redirect.is_local()), (place, local), "{uri}");
        }
    }
}
