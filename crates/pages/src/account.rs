//! The account pages: what somebody sees and changes about the own account.

mod activity;
mod applications;
mod overview;
mod password;
mod profile;
mod sessions;

pub use activity::{Activity, Entry, Happening};
pub use applications::{Application, Applications, HeldScope};
pub use overview::Overview;
pub use password::{PasswordError, PasswordPage};
pub use profile::{Profile, ProfileError, ProfileFields};
pub use sessions::{Device, SessionRow, Sessions};

use crate::shell::{Shell, initial};
use crate::{Text, clean};

/// What surrounds every account page.
#[derive(Clone, Debug)]
pub struct AccountShell {
    /// As around every page
    pub shell: Shell,
    /// How the person is called
    pub name: String,
    /// The login name
    pub username: String,
    /// Against forged forms: goes into each form as `csrf` (SEC-112)
    pub csrf: String,
    /// What was just done
    pub notice: Option<Notice>,
    /// Where the account pages are: `/account`, or below the tenant's path
    pub base: String,
    /// Where signing out is asked for
    pub sign_out: String,
}

/// What was just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Changes of the profile
    Saved,
    /// The new password
    PasswordChanged,
    /// A session
    SessionEnded,
    /// Every session but this one
    OthersEnded,
    /// One scope of a client
    ScopeWithdrawn,
    /// Everything of a client
    ApplicationWithdrawn,
    /// The language
    LanguageChanged,
}

impl Notice {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Saved,
        Self::PasswordChanged,
        Self::SessionEnded,
        Self::OthersEnded,
        Self::ScopeWithdrawn,
        Self::ApplicationWithdrawn,
        Self::LanguageChanged,
    ];

    /// As it travels in the address after a change: `?done=…`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::PasswordChanged => "password",
            Self::SessionEnded => "session",
            Self::OthersEnded => "others",
            Self::ScopeWithdrawn => "scope",
            Self::ApplicationWithdrawn => "application",
            Self::LanguageChanged => "language",
        }
    }

    /// Of that code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Saved => "notice-saved",
            Self::PasswordChanged => "notice-password",
            Self::SessionEnded => "notice-session",
            Self::OthersEnded => "notice-others",
            Self::ScopeWithdrawn => "notice-scope",
            Self::ApplicationWithdrawn => "notice-application",
            Self::LanguageChanged => "notice-language",
        }
    }
}

/// A page of the account, as the navigation names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Overview,
    Profile,
    Applications,
    Sessions,
    Password,
    Activity,
}

impl Section {
    const ALL: [Self; 6] = [
        Self::Overview,
        Self::Applications,
        Self::Sessions,
        Self::Activity,
        Self::Profile,
        Self::Password,
    ];

    const fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Overview => ("", "nav-overview"),
            Self::Profile => ("/profile", "nav-profile"),
            Self::Applications => ("/applications", "nav-applications"),
            Self::Sessions => ("/sessions", "nav-sessions"),
            Self::Password => ("/password", "nav-password"),
            Self::Activity => ("/activity", "nav-activity"),
        }
    }
}

/// A line of the navigation.
#[derive(Debug)]
struct NavLine {
    href: String,
    label: String,
    here: bool,
}

impl AccountShell {
    fn text(&self) -> Text {
        self.shell.text()
    }

    fn navigation(&self, here: Section) -> Vec<NavLine> {
        let line = |section: Section| {
            let (path, key) = section.parts();
            let href = format!("{}{path}", self.base);
            NavLine { href, label: self.text().of(key), here: section == here }
        };
        Section::ALL.into_iter().map(line).collect()
    }

    fn notice(&self) -> Option<String> {
        self.notice.map(|notice| self.text().of(notice.key()))
    }

    fn shown_name(&self) -> String {
        let name = clean(&self.name);
        if name.is_empty() { clean(&self.username) } else { name }
    }

    fn shown_username(&self) -> String {
        clean(&self.username)
    }

    fn initial(&self) -> String {
        initial(&self.shown_name())
    }
}

/// Renders one: every account page is the same but for its template and its values.
macro_rules! account_page {
    ($view:ident, $html:ident, $path:literal, $section:ident $(, $script:expr)?) => {
        impl $view {
            /// The page.
            #[must_use]
            pub fn page(&self, account: &super::AccountShell) -> crate::Page {
                let html = $html {
                    view: self,
                    account,
                    shell: &account.shell,
                    t: account.text(),
                    navigation: account.navigation(super::Section::$section),
                };
                let html = askama::Template::render(&html).expect("writing to memory");
                let csp = account.shell.csp()$(.script($script))?;
                crate::Page { html, csp: csp.render(true) }
            }
        }

        #[derive(askama::Template)]
        #[template(path = $path)]
        struct $html<'a> {
            view: &'a $view,
            account: &'a super::AccountShell,
            shell: &'a crate::Shell,
            t: crate::Text,
            navigation: Vec<super::NavLine>,
        }
    };
}
use account_page;
