//! One delegation: subject, client, scopes; parent of refresh and access tokens.

use grantor_crypto::digest::SecretDigest;
use grantor_oauth_types::confirmation::CertificateThumbprint;
use grantor_oauth_types::id::{GrantId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::claims::ClaimsRequest;
use crate::session::SignIn;

/// A grant with its refresh token. One row, updated in place at each rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose it is
    pub tenant: TenantName,
    /// Time-ordered; the lookup id inside its refresh tokens
    pub id: GrantId,
    /// To whom it was given
    pub client: ClientId,
    /// Who gave it
    pub user: UserId,
    /// In which realm
    pub realm: RealmName,
    /// The most a token of it can ever carry (RFC 6749 §6)
    pub scopes: Scopes,
    /// The audiences a token of it can carry
    pub audiences: Vec<String>,
    /// When it began
    pub created: Timestamp,
    /// The absolute end, which sliding never moves (SEC-065)
    pub expires: Timestamp,
    /// Where its refresh token is in its life
    pub refresh: RefreshState,
    /// Whether it is over
    pub ended: Option<GrantEnd>,
    /// How it came about, where a person signed in for it
    #[serde(default)]
    pub origin: Option<GrantOrigin>,
}

/// How a grant came about: what its later tokens say of the sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantOrigin {
    /// How the person signed in; a refresh changes nothing of it (OIDC Core §12.2)
    pub sign_in: SignIn,
    /// OIDC Core §5.5; for `UserInfo` and later `id_token`s
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// Whether `auth_time` is in its `id_token`s
    #[serde(default)]
    pub wants_auth_time: bool,
    /// Whether it outlives the session (OIDC Core §11)
    #[serde(default)]
    pub offline: bool,
    /// With which certificate alone its refresh tokens count, if they are a public client's
    /// (RFC 8705 §4)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateThumbprint>,
}

/// The live refresh token of a grant and its immediate predecessor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshState {
    /// Counts rotations
    pub generation: i64,
    /// Digest of the live token
    pub digest: SecretDigest,
    /// When the live one ends unused
    pub idle_expires: Timestamp,
    /// The one before it
    pub previous: Option<PreviousRefresh>,
}

/// The immediate predecessor, while its lost answer may be asked for again (SEC-062).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousRefresh {
    /// Digest of the predecessor
    pub digest: SecretDigest,
    /// When it was rotated
    pub rotated: Timestamp,
    /// Its successor, sealed under a key derived from the predecessor: the database alone reveals
    /// nothing
    pub sealed_successor: Vec<u8>,
}

/// When and why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEnd {
    /// When
    pub at: Timestamp,
    /// Why
    pub why: EndReason,
}

/// Why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// RFC 7009, or an administrator
    Revoked,
    /// A rotated refresh token came again (RFC 9700 §4.14.2)
    Reuse,
}
