//! Who somebody is.

use super::account_page;

/// The profile. The form posts the fields of [`ProfileFields`] that are not fixed, and `language`.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// What is shown
    pub fields: ProfileFields,
    /// The address for mail, which is not changed here (SEC-123)
    pub email: Option<String>,
    /// Whether it was verified
    pub email_verified: bool,
    /// Whether the data come from elsewhere, so that they cannot be changed here
    pub fixed: bool,
    /// What is wrong with what was entered
    pub error: Option<ProfileError>,
}

/// What can be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileFields {
    /// `name`
    pub name: String,
    /// `given_name`
    pub given_name: String,
    /// `family_name`
    pub family_name: String,
}

/// What is wrong with what was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileError {
    /// Longer than 128 characters
    TooLong,
}

account_page!(Profile, ProfileHtml, "account/profile.html", Profile);
