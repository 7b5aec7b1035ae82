//! Authorization requests: reading one, and where its answer goes. RFC 6749 §4.1, OIDC Core §3.
//!
//! The order is the security of it. First the client, then its redirect URI: until both are right,
//! whatever is wrong is said on a page of ours (RFC 6749 §4.1.2.1), and [`Refused::Page`] is the only
//! form an error has. From then on there is a [`ReturnAddress`], which only this module makes, and
//! every further error is a [`Refused::Redirect`] to it. So no error can be at both places, or at
//! the wrong one.
//!
//! | what                         | module           | specification                     |
//! |------------------------------|------------------|-----------------------------------|
//! | which redirect URI           | [`redirect_uri`] | RFC 9700 §2.1, RFC 8252 §7.3      |
//! | the request, read            | [`request`]      | RFC 6749 §4.1.1, OIDC Core §3.1.2 |
//! | the request as a signed JWT  | [`request_object`] | RFC 9101                        |
//! | where the answer stands      | [`answer`]       | RFC 9207, Form Post, JARM         |

pub mod answer;
pub mod redirect_uri;
pub mod request;
pub mod request_object;

pub use answer::{Answer, Placed, ReturnAddress};
pub use request::{AuthorizationRequest, Prompts, read};

use grantor_oauth_types::error_code::AuthorizeErrorCode;

use crate::params::ParamError;

/// Why an authorization request fails, and where that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// On a page of ours, status 400: there is nobody to send the browser back to
    Page(Complaint),
    /// To the client, through the browser
    Redirect(Box<ReturnAddress>, Complaint),
}

/// An error code, and what a developer reads beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The code of the specification
    pub error: AuthorizeErrorCode,
    /// In the characters of RFC 6749 §4.1.2.1, never an echo of what was sent
    pub description: &'static str,
}

impl Complaint {
    /// A complaint.
    pub const fn new(error: AuthorizeErrorCode, description: &'static str) -> Self {
        Self { error, description }
    }

    /// `invalid_request`, the most common.
    pub const fn invalid(description: &'static str) -> Self {
        Self::new(AuthorizeErrorCode::InvalidRequest, description)
    }
}

impl From<ParamError> for Complaint {
    /// SEC-008: the parameters themselves are wrong; nothing of them is repeated.
    fn from(error: ParamError) -> Self {
        Self::invalid(match error {
            ParamError::Repeated(_) => "a parameter is sent more than once",
            ParamError::Missing(_) => "a required parameter is missing",
            ParamError::Malformed(_) => "a parameter is malformed",
            ParamError::TooMany => "there are too many parameters",
            ParamError::NotAForm | ParamError::NotAnObject => "the parameters cannot be read",
        })
    }
}

#[cfg(test)]
mod tests;
