//! Where somebody is signed in.

use super::account_page;
use crate::{Text, When, clean};

/// The sessions. The forms post `session` to `…/sessions/end`, or nothing to `…/sessions/end-others`.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// The live ones, this one first
    pub sessions: Vec<SessionRow>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// As posted
    pub id: String,
    /// What it runs on
    pub device: Device,
    /// From where, as an address
    pub address: String,
    /// When it began
    pub began: When,
    /// When it was last used
    pub seen: When,
    /// Whether it is the one this page is shown in
    pub here: bool,
    /// Names of applications it was used for
    pub applications: Vec<String>,
}

/// A browser on a system, as far as its own words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    browser: Option<&'static str>,
    system: Option<&'static str>,
}

/// What is in a user agent's words, and what it is called; the first that fits.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

impl Device {
    /// Of a `User-Agent` header.
    #[must_use]
    pub fn of(user_agent: &str) -> Self {
        let find = |table: &[(&str, &'static str)]| {
            table.iter().find(|(word, _)| user_agent.contains(word)).map(|(_, name)| *name)
        };
        Self { browser: find(&BROWSERS), system: find(&SYSTEMS) }
    }

    fn name(self, text: &Text) -> String {
        match (self.browser, self.system) {
            (Some(browser), Some(system)) => {
                text.with_two("device-both", "browser", browser, "system", system)
            }
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => text.of("device-unknown"),
        }
    }

    fn is_phone(self) -> bool {
        matches!(self.system, Some("iPhone" | "Android"))
    }
}

impl SessionRow {
    fn shown_address(&self) -> String {
        clean(&self.address)
    }

    fn shown_applications(&self) -> String {
        let names: Vec<_> = self.applications.iter().map(|name| clean(name)).collect();
        names.join(", ")
    }
}

impl SessionsHtml<'_> {
    fn others(&self) -> bool {
        self.view.sessions.iter().any(|session| !session.here)
    }
}

account_page!(Sessions, SessionsHtml, "account/sessions.html", Sessions);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    #[test]
    fn a_device_is_named_by_what_it_says_of_itself() {
        let text = &Text(Language::En);
        for (agent, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
                "Firefox on Linux",
            ),
            ("curl/8.1", "curl"),
            ("<b>x</b>", "Unknown device"),
        ] {
            assert_eq!(Device::of(agent).name(text), name);
        }
    }
}
