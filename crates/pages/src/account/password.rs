//! Another password.

use super::account_page;
use crate::sign_in::SHOW_PASSWORD as SCRIPT;

/// The change. The form posts `current`, `new` and `again`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PasswordPage {
    /// What is wrong
    pub error: Option<PasswordError>,
    /// The shortest that is taken
    pub shortest: u32,
    /// Whether there is no password that could be changed
    pub none: bool,
}

/// Why a password is not taken. SEC-119
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// The old one is not right
    WrongCurrent,
    /// Too many tries
    TooMany,
    /// The two new ones differ
    Differ,
    /// Too short
    TooShort,
    /// Too long
    TooLong,
    /// Everybody's, or nearly
    Common,
    /// It says who it belongs to, or where
    Context,
    /// The old one
    Same,
    /// Passwords cannot be checked at the moment
    Unavailable,
}

impl PasswordHtml<'_> {
    fn error(&self) -> Option<String> {
        Some(match self.view.error? {
            PasswordError::WrongCurrent => self.t.of("password-wrong-current"),
            PasswordError::TooMany => self.t.of("password-too-many"),
            PasswordError::Differ => self.t.of("password-differ"),
            PasswordError::TooShort => {
                self.t.count("password-too-short", i64::from(self.view.shortest))
            }
            PasswordError::TooLong => self.t.of("password-too-long"),
            PasswordError::Common => self.t.of("password-common"),
            PasswordError::Context => self.t.of("password-context"),
            PasswordError::Same => self.t.of("password-same"),
            PasswordError::Unavailable => self.t.of("sign-in-unavailable"),
        })
    }

    /// Whether the error is about the old password.
    fn about_current(&self) -> bool {
        matches!(self.view.error, Some(PasswordError::WrongCurrent | PasswordError::TooMany))
    }

    fn about_new(&self) -> bool {
        self.view.error.is_some() && !self.about_current()
    }
}

account_page!(PasswordPage, PasswordHtml, "account/password.html", Password, SCRIPT);
