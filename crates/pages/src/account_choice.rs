//! Several people in one browser: who goes on? `prompt=select_account`, OIDC Core §3.1.2.1.

use askama::Template;

use crate::asking::Asking;
use crate::shell::{Hidden, Page, Shell, initial};
use crate::{Text, clean};

/// The choice. The form posts `account` with the handle of the one chosen, or `other`, or `cancel`.
#[derive(Clone, Debug)]
pub struct AccountChoice {
    /// Where the form goes
    pub action: String,
    /// What it carries
    pub hidden: Hidden,
    /// On whose behalf
    pub asking: Option<Asking>,
    /// The accounts of this browser
    pub accounts: Vec<Account>,
    /// Whether there is a way back to the client
    pub cancel: bool,
}

/// An account, as its owner knows it.
#[derive(Clone, Debug)]
pub struct Account {
    /// As posted
    pub handle: String,
    /// How the person is called
    pub name: String,
    /// What tells it from others: login name or realm
    pub detail: String,
    /// Whether it must sign in again
    pub signed_out: bool,
}

impl AccountChoice {
    /// The page.
    #[must_use]
    pub fn page(&self, shell: &Shell) -> Page {
        let html = AccountChoiceHtml { view: self, shell, t: shell.text() };
        let mut csp = shell.csp();
        if let Some(asking) = &self.asking {
            csp = csp.image(asking.picture_source()).target(asking.redirect.source());
        }
        Page { html: html.render().expect("writing to memory"), csp: csp.render(true) }
    }
}

impl Account {
    pub(crate) fn shown_name(&self) -> String {
        let name = clean(&self.name);
        if name.is_empty() { clean(&self.detail) } else { name }
    }

    /// What stands beside the name; nothing where it would be the same once more.
    pub(crate) fn shown_detail(&self) -> String {
        let detail = clean(&self.detail);
        if detail == self.shown_name() { String::new() } else { detail }
    }

    pub(crate) fn initial(&self) -> String {
        initial(&self.shown_name())
    }
}

#[derive(Template)]
#[template(path = "account_choice.html")]
struct AccountChoiceHtml<'a> {
    view: &'a AccountChoice,
    shell: &'a Shell,
    t: Text,
}
