//! What went wrong, and what to do now.

use askama::Template;

use crate::shell::{Page, Shell};
use crate::{Text, clean_to};

/// An error page.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// What happened, for the person
    pub kind: ErrorKind,
    /// The code of the specification, as `data-error`
    pub error: String,
    /// What happened, for whoever runs the client: shown folded
    pub detail: Option<String>,
    /// The recorded decision, for `grantor explain`
    pub decision: Option<String>,
    /// The client's name, where it is known
    pub client: Option<String>,
    /// Where to go on
    pub next: Option<String>,
}

/// What a person can make of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No client of that name, or one that is switched off
    UnknownClient,
    /// The client wants its answer at a place that is not registered
    Redirect,
    /// The request makes no sense
    BadRequest,
    /// The page lay too long
    Expired,
    /// It was begun in another browser, or cookies are off (SEC-040)
    OtherBrowser,
    /// It was finished already
    Done,
    /// The form did not come from our page (SEC-112)
    Forged,
    /// Not allowed for this person
    Forbidden,
    /// No such page
    NotFound,
    /// Too often
    TooMany,
    /// We cannot at the moment
    Unavailable,
    /// Our fault
    Internal,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::UnknownClient,
        Self::Redirect,
        Self::BadRequest,
        Self::Expired,
        Self::OtherBrowser,
        Self::Done,
        Self::Forged,
        Self::Forbidden,
        Self::NotFound,
        Self::TooMany,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The keys of its heading and of its advice.
    const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownClient => ("error-unknown-client", "error-unknown-client-do"),
            Self::Redirect => ("error-redirect", "error-redirect-do"),
            Self::BadRequest => ("error-bad-request", "error-bad-request-do"),
            Self::Expired => ("error-expired", "error-expired-do"),
            Self::OtherBrowser => ("error-other-browser", "error-other-browser-do"),
            Self::Done => ("error-done", "error-done-do"),
            Self::Forged => ("error-forged", "error-forged-do"),
            Self::Forbidden => ("error-forbidden", "error-forbidden-do"),
            Self::NotFound => ("error-not-found", "error-not-found-do"),
            Self::TooMany => ("error-too-many", "error-too-many-do"),
            Self::Unavailable => ("error-unavailable", "error-unavailable-do"),
            Self::Internal => ("error-internal", "error-internal-do"),
        }
    }
}

impl ErrorPage {
    /// A page of that kind and code, with nothing more to tell.
    #[must_use]
    pub fn new(kind: ErrorKind, error: &str) -> Self {
        Self {
            kind,
            error: error.to_owned(),
            detail: None,
            decision: None,
            client: None,
            next: None,
        }
    }

    /// The page.
    #[must_use]
    pub fn page(&self, shell: &Shell) -> Page {
        let html = ErrorPageHtml { view: self, shell, t: shell.text() };
        Page { html: html.render().expect("writing to memory"), csp: shell.csp().render(false) }
    }
}

#[derive(Template)]
#[template(path = "error_page.html")]
struct ErrorPageHtml<'a> {
    view: &'a ErrorPage,
    shell: &'a Shell,
    t: Text,
}

impl ErrorPageHtml<'_> {
    fn heading(&self) -> String {
        self.t.of(self.view.kind.keys().0)
    }

    fn advice(&self) -> String {
        self.t.of(self.view.kind.keys().1)
    }

    fn client(&self) -> Option<String> {
        self.view.client.as_deref().map(crate::clean).filter(|name| !name.is_empty())
    }

    fn detail(&self) -> Option<String> {
        self.view.detail.as_deref().map(|detail| clean_to(detail, 400))
    }
}
