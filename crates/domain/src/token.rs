//! A token request, and why there is no token. RFC 6749 §3.2, §4.3, §4.4, §5.2, §6.

use grantor_oauth_types::error_code::TokenErrorCode;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{RealmName, UserName};
use grantor_oauth_types::scope::{ScopeToken, Scopes};

use crate::client_auth::{ClientRefusal, PresentError};
use crate::code::CodeRefusal;
use crate::decision::Refusal;
use crate::params::{ParamError, Params};
use crate::refresh::RefreshRefusal;
use crate::registry;

/// A token request that can be read. What it asks for may still be refused.
#[derive(Debug)]
pub struct TokenRequest {
    /// What is asked for; absent is the default
    pub scopes: Option<Scopes>,
    /// RFC 8707; more than one is refused: never one wide token (SEC-037)
    pub resource: Option<String>,
    /// With what
    pub grant: PresentedGrant,
}

/// What is presented for a token.
pub enum PresentedGrant {
    /// RFC 6749 §4.4.2
    ClientCredentials,
    /// RFC 6749 §4.3.2
    Password {
        /// In which realm; `None` lets the server choose
        realm: Option<RealmName>,
        /// Who
        username: UserName,
        /// The secret, as typed
        password: String,
    },
    /// RFC 6749 §4.1.3
    AuthorizationCode {
        /// The code
        code: String,
        /// As it was sent in the authorization request
        redirect_uri: Option<String>,
        /// RFC 7636 §4.5
        verifier: Option<String>,
    },
    /// RFC 6749 §6
    RefreshToken(String),
}

impl std::fmt::Debug for PresentedGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.grant_type().as_str())
    }
}

impl PresentedGrant {
    /// Which grant type it is.
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::ClientCredentials => GrantType::ClientCredentials,
            Self::Password { .. } => GrantType::Password,
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken(_) => GrantType::RefreshToken,
        }
    }
}

impl TokenRequest {
    /// Reads the form. After this, no rule looks at a string by name again.
    pub fn parse(params: &mut Params) -> Result<Self, TokenError> {
        let grant = params.require("grant_type")?;
        let scopes = params
            .take("scope")
            .map(|text| Scopes::parse(&text))
            .transpose()
            .map_err(|_| TokenError::MalformedScope)?;
        let grant = match grant.parse().map_err(|_| TokenError::UnsupportedGrantType)? {
            GrantType::ClientCredentials => PresentedGrant::ClientCredentials,
            GrantType::Password => PresentedGrant::Password {
                realm: params.read("realm", |text| RealmName::parse_lenient(text).ok())?,
                username: username(params)?,
                password: params.take("password").ok_or(TokenError::WrongCredentials)?,
            },
            GrantType::AuthorizationCode => PresentedGrant::AuthorizationCode {
                code: params.require("code")?,
                redirect_uri: params.take("redirect_uri"),
                verifier: params.take("code_verifier"),
            },
            // RFC 6749 §4.2: at the authorization endpoint alone.
            GrantType::Implicit => return Err(TokenError::UnsupportedGrantType),
            GrantType::RefreshToken => {
                PresentedGrant::RefreshToken(params.require("refresh_token")?)
            }
        };
        Ok(Self { scopes, resource: resource(params)?, grant })
    }
}

/// A blank or impossible name is a wrong one: it must not be told apart (SEC-114).
fn username(params: &mut Params) -> Result<UserName, TokenError> {
    let text = params.take("username").ok_or(TokenError::WrongCredentials)?;
    UserName::parse(&text).map_err(|_| TokenError::WrongCredentials)
}

/// RFC 8707 §2: one absolute URI without fragment.
fn resource(params: &mut Params) -> Result<Option<String>, TokenError> {
    let mut all = params.take_all("resource");
    let first = all.pop();
    if !all.is_empty() || !first.iter().all(|text| registry::is_absolute_uri(text)) {
        return Err(TokenError::InvalidTarget);
    }
    Ok(first)
}

/// Why there is no token. The reason is for our log and the decision record; [`Self::code`] is for
/// the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The request cannot be read
    #[error(transparent)]
    Params(#[from] ParamError),
    /// The client is not authenticated
    #[error(transparent)]
    Client(#[from] ClientRefusal),
    /// No such grant type here
    #[error("this grant type is not supported")]
    UnsupportedGrantType,
    /// RFC 6749 §3.3
    #[error("the scope is malformed")]
    MalformedScope,
    /// RFC 8707 §2
    #[error("resource is one absolute URI without fragment")]
    InvalidTarget,
    /// Of several resources that were authorized none is named, or another is (RFC 8707 §2.2)
    #[error("resource has to name one of the resources that were authorized")]
    OtherTarget,
    /// Unknown user, wrong password, disabled user: never told apart (SEC-114)
    #[error("wrong username or password")]
    WrongCredentials,
    /// The realm is not known
    #[error("unknown realm")]
    UnknownRealm,
    /// Too many failures on this account or from this client; seconds to wait
    #[error("too many failed attempts")]
    SlowDown(u32),
    /// The refresh token is not good
    #[error(transparent)]
    Refresh(#[from] RefreshRefusal),
    /// The code is not good
    #[error(transparent)]
    Code(#[from] CodeRefusal),
    /// The tokens of the client are bound to its certificate, and none came (RFC 8705 §3)
    #[error("the tokens of this client are bound to its certificate: ask where one is asked for")]
    CertificateMissing,
    /// The decision function said no
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<PresentError> for TokenError {
    fn from(error: PresentError) -> Self {
        match error {
            PresentError::Params(error) => Self::Params(error),
            PresentError::Client(error) => Self::Client(error),
        }
    }
}

impl TokenError {
    /// RFC 6749 §5.2. No wildcard arm: a new reason does not compile until it has a code.
    pub const fn code(&self) -> TokenErrorCode {
        match self {
            Self::Params(_)
            | Self::Client(ClientRefusal::TwoMethods)
            | Self::UnknownRealm
            | Self::CertificateMissing => TokenErrorCode::InvalidRequest,
            Self::Client(
                ClientRefusal::Absent
                | ClientRefusal::Malformed
                | ClientRefusal::Unknown
                | ClientRefusal::OtherMethod
                | ClientRefusal::WrongSecret
                | ClientRefusal::WrongKey
                | ClientRefusal::BadAssertion(_)
                | ClientRefusal::Replayed
                | ClientRefusal::NoCertificate
                | ClientRefusal::ExpiredCertificate
                | ClientRefusal::UntrustedCertificate
                | ClientRefusal::OtherSubject,
            )
            | Self::Refused(Refusal::ClientDisabled | Refusal::TenantDisabled) => {
                TokenErrorCode::InvalidClient
            }
            Self::UnsupportedGrantType => TokenErrorCode::UnsupportedGrantType,
            Self::MalformedScope
            | Self::Refused(Refusal::ScopeForbidden { .. } | Refusal::ScopeExceedsGrant { .. }) => {
                TokenErrorCode::InvalidScope
            }
            Self::InvalidTarget | Self::OtherTarget | Self::Refused(Refusal::TargetUnknown) => {
                TokenErrorCode::InvalidTarget
            }
            Self::WrongCredentials
            | Self::Refresh(_)
            | Self::Code(_)
            | Self::Refused(Refusal::SubjectDisabled | Refusal::GrantEnded) => {
                TokenErrorCode::InvalidGrant
            }
            Self::Refused(
                Refusal::GrantTypeNotRegistered
                | Refusal::PublicClient
                | Refusal::RealmNotForClient
                | Refusal::PasswordGrantOff,
            ) => TokenErrorCode::UnauthorizedClient,
            Self::SlowDown(_) => TokenErrorCode::SlowDown,
        }
    }

    /// What may be said to the client beside the code: nothing that tells a known client or user
    /// from an unknown one.
    pub fn description(&self) -> String {
        match self {
            Self::Client(ClientRefusal::TwoMethods | ClientRefusal::BadAssertion(_)) => {
                self.to_string()
            }
            Self::Client(_) => "client authentication failed".to_owned(),
            Self::Refused(Refusal::SubjectDisabled) => Self::WrongCredentials.to_string(),
            Self::Refused(
                Refusal::ScopeForbidden { scopes } | Refusal::ScopeExceedsGrant { scopes },
            ) => {
                let names: Vec<&str> = scopes.iter().map(ScopeToken::as_str).collect();
                format!("not allowed: {}", names.join(" "))
            }
            Self::Refresh(_) => "the refresh token is invalid, expired or revoked".to_owned(),
            Self::Code(_) => {
                "the code is invalid, expired, used, or was issued for something else".to_owned()
            }
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
