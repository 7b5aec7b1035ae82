//! Signing out. OIDC RP-Initiated Logout §2, Front-Channel Logout §2.

use askama::Template;

use crate::csp::url_source;
use crate::shell::{Hidden, Page, Shell};
use crate::{Text, clean};

/// "Do you want to sign out?" (SEC-133). The form posts `logout` (`confirm` or `cancel`).
#[derive(Clone, Debug)]
pub struct LogoutConfirm {
    /// Where the form goes
    pub action: String,
    /// What it carries
    pub hidden: Hidden,
    /// The client that asks
    pub client: Option<String>,
    /// Who is signed in
    pub username: String,
    /// Where the browser may be sent afterwards: the registered URI
    pub redirect: Option<String>,
}

impl LogoutConfirm {
    /// The page.
    #[must_use]
    pub fn page(&self, shell: &Shell) -> Page {
        let html = LogoutConfirmHtml { view: self, shell, t: shell.text() };
        let csp = shell.csp().target(self.redirect.as_deref().and_then(url_source));
        Page { html: html.render().expect("writing to memory"), csp: csp.render(true) }
    }
}

#[derive(Template)]
#[template(path = "logout_confirm.html")]
struct LogoutConfirmHtml<'a> {
    view: &'a LogoutConfirm,
    shell: &'a Shell,
    t: Text,
}

impl LogoutConfirmHtml<'_> {
    fn client(&self) -> Option<String> {
        self.view.client.as_deref().map(clean).filter(|name| !name.is_empty())
    }

    fn username(&self) -> String {
        clean(&self.view.username)
    }
}

/// "You are signed out", while the clients that want to know are told in frames.
#[derive(Clone, Debug, Default)]
pub struct LoggedOut {
    /// Registered front-channel logout URIs with `iss` and `sid`
    pub frames: Vec<String>,
    /// Where to go on: the registered URI with `state`; after the frames have loaded, or at a click
    pub next: Option<String>,
    /// To sign in again, where there is nothing else to go on to
    pub sign_in: Option<String>,
}

/// Waits for the frames, five seconds at most (Front-Channel Logout §2), then goes on.
const SCRIPT: &str = include_str!("../assets/logged_out.js");

impl LoggedOut {
    /// The page.
    #[must_use]
    pub fn page(&self, shell: &Shell) -> Page {
        let html = LoggedOutHtml { view: self, shell, t: shell.text(), script: self.script() };
        let mut csp = shell.csp();
        for frame in &self.frames {
            csp = csp.frame(url_source(frame));
        }
        if let Some(script) = self.script() {
            csp = csp.script(script);
        }
        Page { html: html.render().expect("writing to memory"), csp: csp.render(false) }
    }

    fn script(&self) -> Option<&'static str> {
        self.next.as_ref().map(|_| SCRIPT)
    }
}

#[derive(Template)]
#[template(path = "logged_out.html")]
struct LoggedOutHtml<'a> {
    view: &'a LoggedOut,
    shell: &'a Shell,
    t: Text,
    script: Option<&'static str>,
}
