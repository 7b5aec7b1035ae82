//! An OAuth client, as registered. RFC 6749 §2, RFC 7591 §2.

mod metadata;
mod mutual_tls;

use std::collections::BTreeSet;

use grantor_crypto::alg::Algorithm;
use grantor_crypto::digest::KeyedDigest;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::SubjectType;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{ApplicationId, ClientId, RealmName, TenantName};
use grantor_oauth_types::response_type::ResponseType;
use grantor_oauth_types::scope::Scopes;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};
use crate::document_default::says_nothing;

pub use metadata::{
    AuthorizationSettings, Encryption, LogoutSettings, OpenIdSettings, Presentation, Registration,
};
pub use mutual_tls::{ExpectedSubject, MutualTls, Unexpectable};

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Whose it is
    pub tenant: TenantName,
    /// Its identifier
    pub id: ClientId,
    /// For people: consent pages, lists
    #[serde(default)]
    pub name: String,
    /// The application it belongs to
    #[serde(default)]
    pub application: Option<ApplicationId>,
    /// A disabled client gets nothing (SEC-051)
    #[serde(default = "crate::document_default::yes")]
    pub enabled: bool,
    /// Its one way to authenticate (SEC-052)
    pub auth_method: ClientAuthMethod,
    /// At most two live at once (SEC-160)
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub secrets: Vec<StoredSecret>,
    /// The one algorithm its assertions may be signed with (OIDC Registration §2); `None` is any that fits
    /// a key of its own
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub token_endpoint_auth_signing_alg: Option<Algorithm>,
    /// Public keys for `private_key_jwt`, certificates for `self_signed_tls_client_auth`: a JWK set
    /// as registered, checked on the way in
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub jwks: Option<serde_json::Value>,
    /// Only these work (SEC-052)
    #[serde(default)]
    pub grant_types: BTreeSet<GrantType>,
    /// Which realms' users it may act for; empty is every realm
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub realms: Vec<RealmName>,
    /// What it may ask for
    #[serde(default)]
    pub scopes: Scopes,
    /// What it gets when it asks for nothing; empty is the realm's default
    #[serde(default)]
    pub default_scopes: Scopes,
    /// The identifiers of the resource server this client is, if it is one: it may introspect
    /// tokens whose audience contains one of them (SEC-103)
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub audiences: Vec<String>,
    /// How its tokens read
    #[serde(default)]
    pub token_profile: TokenProfile,
    /// What its tokens are made of
    #[serde(default)]
    pub token_format: TokenFormat,
    /// Which algorithm signs its tokens; `None` is the tenant's
    #[serde(default)]
    pub signing_alg: Option<Algorithm>,
    /// How long its access tokens live, in seconds; `None` is realm, then tenant
    #[serde(default)]
    pub access_token_seconds: Option<u32>,
    /// Whether its users are not asked for consent, because the company answers for it
    #[serde(default)]
    pub consent_bypass: bool,
    /// Where authorization responses may go: compared as strings (SEC-019)
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub redirect_uris: Vec<String>,
    /// What it may ask for at the authorization endpoint; empty is `code`, if it has that grant
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub response_types: BTreeSet<ResponseType>,
    /// Where its public keys are, if it does not register them
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub jwks_uri: Option<String>,
    /// How it may use the authorization endpoint
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub authorization: AuthorizationSettings,
    /// What it is told of people
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub openid: OpenIdSettings,
    /// How it hears of the end of a session
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub logout: LogoutSettings,
    /// What people are shown of it
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub presentation: Presentation,
    /// Whose certificate it comes with (RFC 8705)
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub mutual_tls: MutualTls,
    /// That it registered itself, if it did
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub registration: Option<Registration>,
    /// Weaker behaviour that old peers need; all off
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub compat: Compat,
}

/// A client secret at rest: a keyed digest (SEC-056), and until when it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSecret {
    /// HMAC under a key that is not in the database
    pub digest: KeyedDigest,
    /// When it was made
    pub created: Timestamp,
    /// When it stops to work; `None` is never
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// The claim shape of access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenProfile {
    /// RFC 9068
    #[default]
    Rfc9068,
    /// As Plan B writes them: compact, `scope` an array, `iss` the letter B
    Stups,
}

/// What an access token is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// Signed; verifiers need no connection
    #[default]
    Jwt,
    /// Sealed; opaque to everyone but the server
    Reference,
}

/// The switches of weaker behaviour, each with its fence (`security.md` N). All are off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Compat {
    /// The password grant (the realm must allow it too)
    pub password_grant: bool,
    /// Id and secret in Basic need not be form-encoded
    pub basic_raw: bool,
    /// Basic or body, whichever; still exactly one per request
    pub any_secret_method: bool,
    /// Tokens from the authorization endpoint (SEC-023)
    pub implicit: bool,
    /// Redirects to `http://localhost`, any port (SEC-019)
    pub localhost_redirect: bool,
    /// Authorization requests without PKCE, for confidential clients (SEC-025)
    pub pkce_optional: bool,
    /// PKCE with the method `plain` too, for confidential clients (SEC-025)
    pub pkce_plain: bool,
    /// Request objects with the algorithm `none` (SEC-032)
    pub unsigned_request: bool,
    /// Name and password posted to the authorization endpoint, as Plan B takes them (the realm must
    /// have `password_grant`, for the program that posts sees the password)
    pub sign_in_by_post: bool,
    /// Request objects as OIDC Core §6.1 has them: without `exp`, `iss` and `aud`, and completed by
    /// what stands beside them (SEC-032)
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub core_request_object: bool,
    /// `id_token`s that nobody signed, for clients that get them from the token endpoint alone
    /// (OIDC Core §2, SEC-073)
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsigned_id_token: bool,
    /// Client assertions for the address of an endpoint where clients authenticate (token, introspection,
    /// revocation, pushed requests: RFC 9126 §2), or for several audiences (SEC-057)
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub assertion_audience: bool,
    /// What this client hears of a token leaves out `aud`, which Django OAuth Toolkit compares with the
    /// address of the request that it got
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub introspection_no_audience: bool,
}

impl Client {
    /// What `id_token`s and the like may be signed with for whoever asks: RS256 has to be among it
    /// (OIDC Discovery §3).
    pub const OFFERED_ALGS: [Algorithm; 4] =
        [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

    /// A client that is on and may do nothing yet.
    pub fn new(tenant: TenantName, id: ClientId, auth_method: ClientAuthMethod) -> Self {
        Self {
            tenant,
            id,
            name: String::new(),
            application: None,
            enabled: true,
            auth_method,
            secrets: Vec::new(),
            token_endpoint_auth_signing_alg: None,
            jwks: None,
            grant_types: BTreeSet::new(),
            realms: Vec::new(),
            scopes: Scopes::EMPTY,
            default_scopes: Scopes::EMPTY,
            audiences: Vec::new(),
            token_profile: TokenProfile::default(),
            token_format: TokenFormat::default(),
            signing_alg: None,
            access_token_seconds: None,
            consent_bypass: false,
            redirect_uris: Vec::new(),
            response_types: BTreeSet::new(),
            jwks_uri: None,
            authorization: AuthorizationSettings::default(),
            openid: OpenIdSettings::default(),
            logout: LogoutSettings::default(),
            presentation: Presentation::default(),
            mutual_tls: MutualTls::default(),
            registration: None,
            compat: Compat::default(),
        }
    }

    /// Whether it may ask for this at the authorization endpoint (SEC-023).
    pub fn may_ask_for(&self, response_type: ResponseType) -> bool {
        let code = GrantType::AuthorizationCode;
        let has = |grant| self.grant_types.contains(&grant);
        let registered = match self.response_types.is_empty() {
            true => response_type == ResponseType::Code,
            false => self.response_types.contains(&response_type),
        };
        let granted = (!response_type.has_code() || has(code))
            && (!response_type.is_front_channel() || has(GrantType::Implicit));
        // An id_token alone gives no access; what comes with a token needs the switch.
        let switched = self.compat.implicit || !response_type.is_front_channel();
        // RFC 8705 §6.4: a browser has no certificate that a token could be bound to.
        let bound = self.mutual_tls.tls_client_certificate_bound_access_tokens;
        registered && granted && switched && !(bound && response_type.has_token())
    }

    /// The sector that a pairwise subject is for, where its subjects are pairwise: the host of the
    /// sector identifier, or of its redirect URIs (OIDC Core §8.1).
    pub fn pairwise_sector(&self) -> Option<String> {
        if self.openid.subject_type != Some(SubjectType::Pairwise) {
            return None;
        }
        let uri = self.openid.sector_identifier_uri.as_ref().or(self.redirect_uris.first())?;
        let host = url::Url::parse(uri).ok()?.host_str().map(ToOwned::to_owned);
        Some(host.unwrap_or_else(|| uri.clone()))
    }

    /// What signs its `id_token`s; RS256 unless it registered another (OIDC Registration §2).
    pub fn id_token_alg(&self) -> Algorithm {
        self.openid.id_token_signed_response_alg.unwrap_or(Algorithm::Rs256)
    }

    /// The algorithms that the server must have a key of for this client.
    pub fn signing_algs(&self) -> BTreeSet<Algorithm> {
        let named = [
            self.signing_alg,
            self.openid.id_token_signed_response_alg,
            self.openid.userinfo_signed_response_alg,
            self.authorization.authorization_signed_response_alg,
        ];
        named.into_iter().flatten().collect()
    }

    /// Whether what is loaded in a frame at logout has scheme, host and port of a redirect URI
    /// (Front-Channel Logout §2).
    pub fn has_front_channel_of_its_own(&self) -> bool {
        let origin = |uri: &String| url::Url::parse(uri).ok().map(|uri| uri.origin());
        let own = |uri| self.redirect_uris.iter().any(|redirect| origin(redirect) == origin(uri));
        self.logout.frontchannel_logout_uri.as_ref().is_none_or(own)
    }

    /// RFC 6749 §2.1: confidential clients can keep a credential.
    pub fn is_confidential(&self) -> bool {
        self.auth_method != ClientAuthMethod::None
    }
}

impl Document for Client {
    const KIND: Kind = Kind::Client;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn parent(&self) -> Option<String> {
        self.application.as_ref().map(ToString::to_string)
    }
}
