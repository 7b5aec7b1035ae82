//! What a client registers beyond who it is: RFC 7591 §2, OIDC Registration §2, RP-Initiated
//! Logout §3.1, Front-Channel Logout §2, Back-Channel Logout §2.2, JARM §3.

use std::collections::{BTreeMap, BTreeSet};

use grantor_crypto::alg::Algorithm;
use grantor_crypto::digest::SecretDigest;
use grantor_crypto::jwe::{ContentEncryption, KeyManagement};
use grantor_oauth_types::client_metadata::{ApplicationType, SubjectType};
use grantor_oauth_types::response_type::ResponseMode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the client may use the authorization endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of a registration")]
pub struct AuthorizationSettings {
    /// `web` or `native`: only native clients may have loopback and private-use redirect URIs
    #[schemars(with = "Option<String>")]
    pub application_type: Option<ApplicationType>,
    /// Which response modes work; empty is every one that fits the response type
    #[schemars(with = "Vec<String>")]
    pub response_modes: BTreeSet<ResponseMode>,
    /// Whether its requests must be pushed (RFC 9126 §6)
    pub require_par: bool,
    /// Whether its requests must be signed (RFC 9101 §10.5)
    pub require_signed_request: bool,
    /// Where request objects may be fetched from
    pub request_uris: Vec<String>,
    /// The one algorithm its request objects may be signed with
    #[schemars(with = "Option<String>")]
    pub request_object_signing_alg: Option<Algorithm>,
    /// Whether it registered `none` as that algorithm: then no other counts
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub request_object_unsigned: bool,
    /// How its authorization responses are signed, where it asks for that (JARM)
    #[schemars(with = "Option<String>")]
    pub authorization_signed_response_alg: Option<Algorithm>,
    /// How its authorization responses are encrypted besides
    pub authorization_encryption: Option<Encryption>,
    /// The `max_age` of a request that names none, in seconds
    pub default_max_age: Option<u32>,
    /// Whether `auth_time` is in every `id_token`
    pub require_auth_time: bool,
    /// The `acr_values` of a request that names none
    pub default_acr_values: Vec<String>,
    /// Where somebody else can send a person to begin to sign in
    pub initiate_login_uri: Option<String>,
    /// Whether its users are asked each time, whatever they agreed to before
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ask_every_time: bool,
}

/// What the client is told of people, and in which form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpenIdSettings {
    /// `public` (without this) or `pairwise`
    #[schemars(with = "Option<String>")]
    pub subject_type: Option<SubjectType>,
    /// Where the redirect URIs of one sector are listed (OIDC Core §8.1)
    pub sector_identifier_uri: Option<String>,
    /// How its `id_token`s are signed; without this RS256 (OIDC Registration §2)
    #[schemars(with = "Option<String>")]
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// How its `id_token`s are encrypted besides
    pub id_token_encryption: Option<Encryption>,
    /// How `UserInfo` answers are signed; without this they are plain JSON
    #[schemars(with = "Option<String>")]
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// How `UserInfo` answers are encrypted besides
    pub userinfo_encryption: Option<Encryption>,
}

/// How something is encrypted for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// How the content key travels
    #[schemars(with = "String")]
    pub alg: KeyManagement,
    /// How the content is encrypted (OIDC Registration §2: without this A128CBC-HS256)
    #[serde(default = "a128cbc_hs256")]
    #[schemars(with = "String")]
    pub enc: ContentEncryption,
}

/// The default of OIDC Registration §2.
fn a128cbc_hs256() -> ContentEncryption {
    ContentEncryption::A128CbcHs256
}

/// How the client hears of the end of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogoutSettings {
    /// Where people may be sent after they logged out
    pub post_logout_redirect_uris: Vec<String>,
    /// What is loaded in a frame of the logout page
    pub frontchannel_logout_uri: Option<String>,
    /// Whether that wants `iss` and `sid`
    pub frontchannel_logout_session_required: bool,
    /// What is sent a logout token
    pub backchannel_logout_uri: Option<String>,
    /// Whether that wants `sid`
    pub backchannel_logout_session_required: bool,
}

/// What people are shown of the client. Text and links, never fetched by us (SEC-043).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Presentation {
    /// Its home page
    pub client_uri: Option<String>,
    /// Its picture
    pub logo_uri: Option<String>,
    /// What it does with data
    pub policy_uri: Option<String>,
    /// Its terms
    pub tos_uri: Option<String>,
    /// Who answers for it
    pub contacts: Vec<String>,
    /// The same in other languages: `client_name#de` and so on (RFC 7591 §2.2)
    pub localized: BTreeMap<String, String>,
}

/// That the client registered itself. RFC 7591, RFC 7592.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Of the registration access token
    pub token: SecretDigest,
    /// When
    pub at: Timestamp,
}
