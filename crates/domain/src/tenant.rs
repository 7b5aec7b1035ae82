//! An isolated issuer: own keys, users, clients, scopes, policy.

use grantor_crypto::alg::Algorithm;
use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::revocation_feed::DEFAULT_SALT;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Compat;
use crate::document::{Document, Kind};
use crate::look::Look;
use crate::realm::Realm;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its name; part of its paths unless it is the default tenant
    pub name: TenantName,
    /// The issuer identifier: an absolute URL without query, fragment or trailing slash
    pub issuer: String,
    /// Further host names requests may come in on. A label that equals a realm's name chooses
    /// that realm for requests that name none; `*.example.org` admits any one label there
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Nothing is issued while this is off
    #[serde(default = "crate::document_default::yes")]
    pub enabled: bool,
    /// Its policy
    #[serde(default)]
    pub settings: TenantSettings,
}

/// The policy of a tenant; every field has a working default (SEC-091).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// How long an access token lives, in seconds, unless realm or client say otherwise
    pub access_token_seconds: u32,
    /// How long a refresh token may lie unused, in seconds
    pub refresh_idle_seconds: u32,
    /// When a grant ends whatever happens, in seconds after it began
    pub refresh_absolute_seconds: u32,
    /// How long a lost refresh answer may be asked for again, in seconds; 0 is never, at most 300
    pub refresh_grace_seconds: u32,
    /// How long an authorization code lives, in seconds; at most 300 (SEC-045)
    pub code_seconds: u32,
    /// How long a pushed request lives, in seconds; below 600 (RFC 9126 §2.2, SEC-034)
    pub pushed_request_seconds: u32,
    /// How long an `id_token` lives, in seconds
    pub id_token_seconds: u32,
    /// How long a session may lie unused, in seconds
    pub session_idle_seconds: u32,
    /// When a session ends whatever happens, in seconds after it began
    pub session_absolute_seconds: u32,
    /// The same, in seconds, for a browser that is to be remembered; 0 is never
    pub session_remember_seconds: u32,
    /// Whether clients may register themselves, and with what (RFC 7591)
    #[schemars(with = "String")]
    pub registration: RegistrationPolicy,
    /// How many clients one initial access token registers; 1 to 100 (SEC-151)
    #[serde(skip_serializing_if = "is_default_uses")]
    pub registration_token_uses: u32,
    /// The switches of weaker behaviour that a client which registers itself gets, where it has use
    /// for them: for tests of conformance
    #[serde(skip_serializing_if = "is_off")]
    pub registration_compat: Compat,
    /// Which algorithm signs access tokens unless a client says otherwise
    #[schemars(with = "String")]
    pub signing_alg: Algorithm,
    /// How often the signing key changes, in seconds; 0 is only by hand
    pub key_rotation_seconds: u32,
    /// How long a key is published before its first use, in seconds
    pub key_publish_ahead_seconds: u32,
    /// The salt of revocation hashes; changing it leaves older hashes unmatched
    pub revocation_salt: String,
    /// How people sign in: name and password on one page, or the name first
    #[schemars(with = "String")]
    pub sign_in_page: SignInPage,
    /// `compat.tokeninfo_query`: token info takes the token from the query as well (SEC-017)
    pub compat_tokeninfo_query: bool,
    /// Origins whose pages may ask for tokens themselves, such as `https://spa.example.org`; none
    /// by default (SEC-013)
    pub web_origins: Vec<String>,
    /// Another token info service, which is asked about tokens that are not ours and no JWT
    /// (`stups.md` 3.2); none by default
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_tokeninfo: Option<UpstreamTokenInfo>,
    /// How long what a person decided about a client and a scope is remembered, in seconds, unless
    /// the scope says otherwise; a year by default
    #[serde(skip_serializing_if = "is_a_year")]
    pub consent_seconds: u32,
    /// How its pages look
    #[serde(skip_serializing_if = "is_default")]
    pub look: Look,
}

/// Another token info service. A token of ours never goes there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTokenInfo {
    /// Where it answers: an `https` URL
    pub url: String,
    /// How long what it said of a good token is remembered, in seconds: at most 60, for so long a
    /// token that was ended there is believed here; 0 is never
    #[serde(default = "a_minute")]
    pub cache_seconds: u32,
    /// How long its answer is waited for, in milliseconds: 50 to 5,000
    #[serde(default = "a_second")]
    pub timeout_milliseconds: u32,
}

const fn a_minute() -> u32 {
    60
}

const fn a_second() -> u32 {
    1_000
}

/// How long a decision about a client is remembered, unless somebody wants it otherwise.
const YEAR: u32 = 365 * 86_400;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_a_year(seconds: &u32) -> bool {
    *seconds == YEAR
}

/// How many clients an initial access token registers, unless the tenant says otherwise.
const REGISTRATION_TOKEN_USES: u32 = 1;

/// An older version of the program, which does not know the setting, can read what leaves it alone.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_default_uses(uses: &u32) -> bool {
    *uses == REGISTRATION_TOKEN_USES
}

/// The same, for the switches.
fn is_off(compat: &Compat) -> bool {
    *compat == Compat::default()
}

/// An older version of the program, which does not know looks, can read what has none.
fn is_default(look: &Look) -> bool {
    *look == Look::default()
}

/// Who may register clients at the registration endpoint. RFC 7591 §3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationPolicy {
    /// Nobody
    #[default]
    Off,
    /// Whoever has an initial access token
    Token,
    /// Everybody: for tests of conformance
    Open,
}

/// How the sign-in page asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInPage {
    /// Name and password at once
    #[default]
    OnePage,
    /// The name first, then what goes with it
    IdentityFirst,
}

impl SignInPage {
    /// How a page asks on which people of these realms can sign in: for the name first as soon as
    /// one of the realms wants that, for then only the name tells which page comes next. A realm that
    /// says nothing goes by the tenant.
    pub fn of<'r>(tenant: Self, realms: impl IntoIterator<Item = &'r Realm>) -> Self {
        let mut wanted = realms.into_iter().map(|realm| realm.sign_in_page.unwrap_or(tenant));
        match wanted.next() {
            None => tenant,
            Some(first) => wanted.fold(first, |all, one| match one {
                Self::IdentityFirst => one,
                Self::OnePage => all,
            }),
        }
    }
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            access_token_seconds: 600,
            refresh_idle_seconds: 14 * 86_400,
            refresh_absolute_seconds: 90 * 86_400,
            refresh_grace_seconds: 30,
            code_seconds: 60,
            pushed_request_seconds: 60,
            id_token_seconds: 600,
            session_idle_seconds: 3_600,
            session_absolute_seconds: 12 * 3_600,
            session_remember_seconds: 30 * 86_400,
            registration: RegistrationPolicy::Off,
            registration_token_uses: REGISTRATION_TOKEN_USES,
            registration_compat: Compat::default(),
            signing_alg: Algorithm::Es256,
            key_rotation_seconds: 30 * 86_400,
            key_publish_ahead_seconds: 3_600,
            revocation_salt: DEFAULT_SALT.to_owned(),
            sign_in_page: SignInPage::OnePage,
            compat_tokeninfo_query: false,
            web_origins: Vec::new(),
            upstream_tokeninfo: None,
            consent_seconds: YEAR,
            look: Look::default(),
        }
    }
}

impl Document for Tenant {
    const KIND: Kind = Kind::Tenant;

    fn tenant(&self) -> &TenantName {
        &self.name
    }

    fn id(&self) -> String {
        self.name.to_string()
    }

    /// Two tenants never share an issuer (SEC-084).
    fn name(&self) -> Option<String> {
        Some(self.issuer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::realm;

    #[test]
    fn one_realm_that_wants_the_name_first_decides_for_the_page_they_share() {
        use SignInPage::{IdentityFirst as Name, OnePage as One};
        let table = [
            (One, vec![], One),
            (Name, vec![], Name),
            (One, vec![None], One),
            (Name, vec![None], Name),
            (Name, vec![Some(One)], One),
            (One, vec![Some(Name)], Name),
            (One, vec![None, Some(Name)], Name),
            (Name, vec![Some(One), None], Name),
        ];
        for (tenant, wanted, expected) in table {
            let of = |sign_in_page: &Option<SignInPage>| Realm {
                sign_in_page: *sign_in_page,
                ..realm("customers")
            };
            let realms: Vec<Realm> = wanted.iter().map(of).collect();
            assert_eq!(SignInPage::of(tenant, &realms), expected, "{tenant:?} {wanted:?}");
        }
    }
}
