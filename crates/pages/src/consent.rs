//! What a client may do for somebody: asked in plain words. SEC-041 to SEC-043.

use askama::Template;

use crate::account_choice::Account;
use crate::asking::Asking;
use crate::shell::{Hidden, Page, Shell};
use crate::{Text, clean_to};

/// The consent page.
///
/// The form posts `decision` (`approve` or `deny`), and `scope` once for each optional scope that stays
/// ticked. What it posts can only take away (SEC-041).
#[derive(Clone, Debug)]
pub struct Consent {
    /// Where the form goes
    pub action: String,
    /// What it carries
    pub hidden: Hidden,
    /// Who asks
    pub asking: Asking,
    /// Who is asked
    pub account: Account,
    /// To go on as somebody else
    pub other_account: Option<String>,
    /// What is asked
    pub scopes: Vec<ConsentScope>,
    /// Whether the client may act while the person is away (`offline_access`)
    pub offline: bool,
    /// How many days the decision is remembered; `None`: until it is taken back
    pub remembered_days: Option<u32>,
}

/// A scope, in words of the catalogue in the language of the page.
#[derive(Clone, Debug)]
pub struct ConsentScope {
    /// As posted
    pub scope: String,
    /// What it allows
    pub text: String,
    /// More about it; may be empty
    pub detail: String,
    /// Whether it can be left out
    pub optional: bool,
    /// Whether it is ticked
    pub selected: bool,
    /// How much harm it could do
    pub risk: Risk,
}

/// How much harm a scope could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Hardly any
    Low,
    /// Some
    Medium,
    /// Much: it is marked
    High,
}

impl Consent {
    /// The page.
    #[must_use]
    pub fn page(&self, shell: &Shell) -> Page {
        let html = ConsentHtml { view: self, shell, t: shell.text() };
        let csp = shell.csp();
        let csp = csp.image(self.asking.picture_source()).target(self.asking.redirect.source());
        Page { html: html.render().expect("writing to memory"), csp: csp.render(true) }
    }
}

impl ConsentScope {
    fn shown_text(&self) -> String {
        clean_to(&self.text, 160)
    }

    fn shown_detail(&self) -> String {
        clean_to(&self.detail, 300)
    }

    fn is_critical(&self) -> bool {
        self.risk == Risk::High
    }
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentHtml<'a> {
    view: &'a Consent,
    shell: &'a Shell,
    t: Text,
}

impl ConsentHtml<'_> {
    fn required(&self) -> Vec<&ConsentScope> {
        self.view.scopes.iter().filter(|scope| !scope.optional).collect()
    }

    fn optional(&self) -> Vec<&ConsentScope> {
        self.view.scopes.iter().filter(|scope| scope.optional).collect()
    }

    fn destination(&self) -> String {
        let redirect = &self.view.asking.redirect;
        let key = if redirect.is_local() { "asking-to-device" } else { "asking-to" };
        self.t.with(key, "place", redirect.place())
    }
}
