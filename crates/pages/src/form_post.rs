//! The answer to a client as a form that sends itself. OAuth 2.0 Form Post Response Mode.

use askama::Template;

use crate::Text;
use crate::csp::url_source;
use crate::shell::{Page, Shell};

/// The form; with a button for browsers without scripts.
#[derive(Clone, Debug)]
pub struct FormPost {
    /// The verified redirect URI
    pub action: String,
    /// The parameters of the answer
    pub fields: Vec<(String, String)>,
}

const SCRIPT: &str = include_str!("../assets/form_post.js");

impl FormPost {
    /// The page.
    #[must_use]
    pub fn page(&self, shell: &Shell) -> Page {
        let html = FormPostHtml { view: self, shell, t: shell.text(), script: SCRIPT };
        let csp = shell.csp().script(SCRIPT).target(url_source(&self.action));
        Page { html: html.render().expect("writing to memory"), csp: csp.render(false) }
    }
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostHtml<'a> {
    view: &'a FormPost,
    shell: &'a Shell,
    t: Text,
    script: &'static str,
}
