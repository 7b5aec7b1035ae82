//! What applications may do for somebody, and taking it back.

use super::account_page;
use crate::shell::initial;
use crate::{When, clean, clean_to};

/// The applications. The forms post `client` and, for one scope, `scope`: to `…/applications/withdraw`.
#[derive(Clone, Debug, Default)]
pub struct Applications {
    /// Those with access
    pub applications: Vec<Application>,
}

/// An application with access.
#[derive(Clone, Debug)]
pub struct Application {
    /// As posted
    pub client: String,
    /// How it is called
    pub name: String,
    /// Its home page
    pub home: Option<String>,
    /// Since when
    pub since: When,
    /// When it last got a token
    pub last_used: Option<When>,
    /// What it may do
    pub scopes: Vec<HeldScope>,
}

/// A scope that an application holds.
#[derive(Clone, Debug)]
pub struct HeldScope {
    /// As posted
    pub scope: String,
    /// In words of the catalogue
    pub text: String,
    /// Until when; `None`: until it is taken back
    pub until: Option<When>,
}

impl Application {
    fn shown_name(&self) -> String {
        let name = clean(&self.name);
        if name.is_empty() { clean(&self.client) } else { name }
    }

    fn initial(&self) -> String {
        initial(&self.shown_name())
    }

    fn home(&self) -> Option<&str> {
        self.home.as_deref().filter(|url| url.starts_with("https://"))
    }
}

impl HeldScope {
    fn shown_text(&self) -> String {
        clean_to(&self.text, 160)
    }
}

account_page!(Applications, ApplicationsHtml, "account/applications.html", Applications);
