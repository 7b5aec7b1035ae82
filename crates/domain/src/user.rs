//! A resource owner in one realm: a person, or the service user of an application.

mod skeleton;

use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ApplicationId, RealmName, TenantName, UserName};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};
use crate::document_default::says_nothing;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Whose it is
    pub tenant: TenantName,
    /// Made by the server, never re-assigned (SEC-088)
    pub id: UserId,
    /// In which population
    pub realm: RealmName,
    /// What it signs in with; unique in the realm however it is written (SEC-124)
    pub name: UserName,
    /// A disabled user gets nothing (SEC-051)
    #[serde(default = "crate::document_default::yes")]
    pub enabled: bool,
    /// The application whose service user this is
    #[serde(default)]
    pub application: Option<ApplicationId>,
    /// Any of them logs in: during a rotation the old and the new one are both valid
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub passwords: Vec<StoredPassword>,
    /// Given name and the like, for people
    #[serde(default)]
    pub display_name: Option<String>,
    /// Address for notices
    #[serde(default)]
    pub email: Option<String>,
    /// Whether that address was shown to be the user's
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub email_verified: bool,
    /// What else is known of a person
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub person: Person,
}

/// The standard claims that are nowhere else. OIDC Core §5.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// Given or first names
    pub given_name: Option<String>,
    /// Surnames
    pub family_name: Option<String>,
    /// Middle names
    pub middle_name: Option<String>,
    /// As friends say
    pub nickname: Option<String>,
    /// As the person likes to be called at a client; the sign-in name otherwise
    pub preferred_username: Option<String>,
    /// URL of a page about the person
    pub profile: Option<String>,
    /// URL of a picture of the person
    pub picture: Option<String>,
    /// URL of the person's own page
    pub website: Option<String>,
    /// As the person says
    pub gender: Option<String>,
    /// `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`
    pub birthdate: Option<String>,
    /// A zone of the time zone database
    pub zoneinfo: Option<String>,
    /// A language tag (BCP 47)
    pub locale: Option<String>,
    /// E.164, with an extension perhaps
    pub phone_number: Option<String>,
    /// Whether that number was shown to be the person's
    pub phone_number_verified: bool,
    /// Where mail reaches the person
    pub address: Option<Address>,
    /// When any of this changed
    #[schemars(with = "Option<String>")]
    pub updated_at: Option<Timestamp>,
}

/// A postal address. OIDC Core §5.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    /// The whole, with line breaks
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Street, number, and what else is there
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    /// City
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// State, province, prefecture
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Zip
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Country
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// A password hash and where it came from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPassword {
    /// PHC string or modular crypt, as `grantor_crypto::password::PasswordHash` reads it; never leaves
    /// the server
    pub hash: String,
    /// When it was set
    pub created: Timestamp,
    /// Who set it
    pub created_by: String,
}

impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredPassword").field("created", &self.created).finish_non_exhaustive()
    }
}

impl User {
    /// The name under which a user is found: one form of all that look alike, so that they share
    /// one account and one failure counter (SEC-115, SEC-124).
    pub fn login_key(realm: &RealmName, name: &str) -> String {
        format!("{realm}/{}", skeleton::of(name))
    }

    /// Whether somebody who has just shown a password of the user as she `was` may still act as her:
    /// between looking at a password and writing what follows there is time to take it back (SEC-051,
    /// SEC-131). A hash that was renewed meanwhile is of the same password.
    pub fn still_lets_in(&self, was: &Self) -> bool {
        let set = |password: &StoredPassword| password.created;
        let kept = |old: &StoredPassword| self.passwords.iter().any(|new| set(new) == set(old));
        self.enabled && was.passwords.iter().any(kept)
    }
}

impl Document for User {
    const KIND: Kind = Kind::User;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn name(&self) -> Option<String> {
        Some(Self::login_key(&self.realm, self.name.as_str()))
    }

    fn parent(&self) -> Option<String> {
        Some(self.realm.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(created: &[i64]) -> User {
        let password = |second: &i64| StoredPassword {
            hash: format!("hash of {second}"),
            created: Timestamp::from_second(*second).unwrap(),
            created_by: "a test".to_owned(),
        };
        User {
            tenant: "main".parse().unwrap(),
            id: UserId::from_uuid(uuid::Uuid::nil()),
            realm: "customers".parse().unwrap(),
            name: "anna".parse().unwrap(),
            enabled: true,
            application: None,
            passwords: created.iter().map(password).collect(),
            display_name: None,
            email: None,
            email_verified: false,
            person: Person::default(),
        }
    }

    #[test]
    fn sec_131_whoever_was_recognised_is_let_in_while_her_password_stands() {
        let was = user(&[1]);
        let renewed = StoredPassword { hash: "another".to_owned(), ..was.passwords[0].clone() };
        let table = [
            (was.clone(), true, "nothing changed"),
            (User { passwords: vec![renewed], ..was.clone() }, true, "it was hashed anew"),
            (user(&[1, 2]), true, "another was added, and hers kept"),
            (user(&[2]), false, "it was set anew"),
            (user(&[]), false, "it was taken away"),
            (User { enabled: false, ..was.clone() }, false, "she was disabled"),
        ];
        for (now, still, why) in table {
            assert_eq!(now.still_lets_in(&was), still, "{why}");
        }
    }
}
