//! An isolated issuer: own keys, users, clients, scopes, policy.

use grantor_crypto::alg::Algorithm;
use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::revocation_feed::DEFAULT_SALT;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};
use crate::look::Look;

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
    /// How its pages look
    #[serde(skip_serializing_if = "is_default")]
    pub look: Look,
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
            signing_alg: Algorithm::Es256,
            key_rotation_seconds: 30 * 86_400,
            key_publish_ahead_seconds: 3_600,
            revocation_salt: DEFAULT_SALT.to_owned(),
            sign_in_page: SignInPage::OnePage,
            compat_tokeninfo_query: false,
            web_origins: Vec::new(),
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
