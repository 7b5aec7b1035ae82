//! Signing in: name first, then password; or both on one page.

use askama::Template;

use crate::asking::Asking;
use crate::shell::{Hidden, Page, Shell, initial};
use crate::{BrandTexts, Text, clean};

/// The sign-in page. The form posts `username`, `password`, `remember` and `realm` as far as it shows them;
/// `cancel` or `next` is the button that was pressed.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Where the form goes
    pub action: String,
    /// What it carries
    pub hidden: Hidden,
    /// What is asked
    pub step: Step,
    /// On whose behalf; `None` signs in to the account pages
    pub asking: Option<Asking>,
    /// What went wrong before
    pub error: Option<SignInError>,
    /// Why somebody who is signed in is asked
    pub reason: Option<Reason>,
    /// The name that is filled in
    pub username: String,
    /// Whether "stay signed in" is ticked; `None`: not offered
    pub remember: Option<bool>,
    /// Realms to choose from; none or one: no choice
    pub realms: Vec<RealmChoice>,
    /// Whether there is a way back to the client without signing in (OIDC Core §3.1.2.6)
    pub cancel: bool,
}

/// What a sign-in page asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The name
    Identity,
    /// The password of the name given before; the URL leads back to that question
    Password {
        /// To ask for another name
        change: Option<String>,
    },
    /// Both
    OnePage,
}

/// A population of people.
#[derive(Clone, Debug)]
pub struct RealmChoice {
    /// As posted
    pub value: String,
    /// As shown
    pub label: String,
    /// Whether it is chosen
    pub chosen: bool,
}

/// Why a sign-in did not succeed. Nothing here tells whether an account exists (SEC-114).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInError {
    /// A field was left empty
    Missing,
    /// Name and password do not go together
    Wrong,
    /// Too many tries; how long to wait, in seconds (SEC-115)
    TooMany {
        /// In seconds
        wait: u32,
    },
    /// The page lay too long
    Expired,
    /// Somebody else than the person the client named, or than the one who was signed in
    OtherPerson,
    /// Passwords cannot be checked at the moment
    Unavailable,
}

/// Why somebody who is signed in is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client wants to be sure, or it was long ago (`prompt=login`, `max_age`)
    Again,
    /// What is asked needs a stronger sign-in
    StepUp,
    /// A change of the account itself (SEC-123)
    Change,
}

/// Lets people look at what they type; without scripts there is no button for it.
pub(crate) const SHOW_PASSWORD: &str = include_str!("../assets/show_password.js");

impl SignIn {
    /// The page.
    #[must_use]
    pub fn page(&self, shell: &Shell) -> Page {
        let brand = shell.texts();
        let html = SignInHtml { view: self, shell, t: shell.text(), brand, script: SHOW_PASSWORD };
        let mut csp = shell.csp();
        if self.step != Step::Identity {
            csp = csp.script(SHOW_PASSWORD);
        }
        if let Some(asking) = &self.asking {
            csp = csp.image(asking.picture_source()).target(asking.redirect.source());
        }
        Page { html: html.render().expect("writing to memory"), csp: csp.render(true) }
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInHtml<'a> {
    view: &'a SignIn,
    shell: &'a Shell,
    t: Text,
    brand: BrandTexts,
    script: &'static str,
}

impl SignInHtml<'_> {
    fn title(&self) -> String {
        match (&self.view.reason, &self.view.step) {
            (Some(_), _) => self.t.of("sign-in-title-again"),
            (None, Step::Password { .. }) => self.t.of("sign-in-title-password"),
            _ => self.t.of("sign-in-title"),
        }
    }

    fn error(&self) -> Option<String> {
        Some(match self.view.error? {
            SignInError::Missing if self.view.step == Step::Identity => {
                self.t.of("sign-in-missing-name")
            }
            SignInError::Missing => self.t.of("sign-in-missing"),
            SignInError::Wrong => self.t.of("sign-in-wrong"),
            SignInError::TooMany { wait } if wait < 60 => self.t.of("sign-in-too-many-soon"),
            SignInError::TooMany { wait } => {
                self.t.count("sign-in-too-many", i64::from(wait.div_ceil(60)))
            }
            SignInError::Expired => self.t.of("sign-in-expired"),
            SignInError::OtherPerson => self.t.of("sign-in-other-person"),
            SignInError::Unavailable => self.t.of("sign-in-unavailable"),
        })
    }

    fn reason(&self) -> Option<String> {
        Some(self.t.of(match self.view.reason? {
            Reason::Again => "sign-in-again",
            Reason::StepUp => "sign-in-step-up",
            Reason::Change => "sign-in-change",
        }))
    }

    /// Which field the person most likely goes on with.
    fn starts_at_password(&self) -> bool {
        matches!(self.view.step, Step::Password { .. }) || !self.view.username.is_empty()
    }

    fn shown_name(&self) -> String {
        clean(&self.view.username)
    }

    fn initial(&self) -> String {
        initial(&self.view.username)
    }
}
