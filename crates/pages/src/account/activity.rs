//! What happened of late.

use super::account_page;
use crate::{Text, When, clean};

/// Recent activity, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// What happened
    pub entries: Vec<Entry>,
    /// The address of what happened before
    pub earlier: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What
    pub what: Happening,
    /// When
    pub at: When,
    /// From where, as an address; may be empty
    pub address: String,
    /// The application it was about; may be empty
    pub application: String,
}

/// What can happen to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Somebody signed in
    SignedIn,
    /// Somebody tried to
    SignInFailed,
    /// Somebody signed out
    SignedOut,
    /// A session was ended
    SessionEnded,
    /// The password was changed
    PasswordChanged,
    /// The profile was changed
    ProfileChanged,
    /// An application was allowed something
    Allowed,
    /// An application was refused
    Refused,
    /// Something was taken back
    Withdrawn,
    /// An application got access
    Used,
    /// What an application has came twice: its access was ended
    Misused,
    /// Something else
    Other,
}

impl Happening {
    const fn key(self) -> &'static str {
        match self {
            Self::SignedIn => "activity-signed-in",
            Self::SignInFailed => "activity-sign-in-failed",
            Self::SignedOut => "activity-signed-out",
            Self::SessionEnded => "activity-session-ended",
            Self::PasswordChanged => "activity-password",
            Self::ProfileChanged => "activity-profile",
            Self::Allowed => "activity-allowed",
            Self::Refused => "activity-refused",
            Self::Withdrawn => "activity-withdrawn",
            Self::Used => "activity-used",
            Self::Misused => "activity-misused",
            Self::Other => "activity-other",
        }
    }
}

impl Entry {
    fn text(&self, text: &Text) -> String {
        text.of(self.what.key())
    }

    fn shown_address(&self) -> String {
        clean(&self.address)
    }

    fn shown_application(&self) -> String {
        clean(&self.application)
    }

    fn is_warning(&self) -> bool {
        matches!(self.what, Happening::SignInFailed | Happening::Misused)
    }
}

account_page!(Activity, ActivityHtml, "account/activity.html", Activity);
