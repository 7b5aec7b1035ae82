//! What handlers take from a request.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::header::{self, HeaderMap};
use axum::http::request::Parts;
use grantor_domain::client_auth::ClientCertificate;

use crate::directory::TenantView;

/// The tenant that the request came in for; put there by [`crate::tenancy`] for every request.
#[derive(Clone, Debug)]
pub struct Here(pub Arc<TenantView>);

impl Here {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let here = extensions.get::<Self>().cloned();
        here.expect("tenancy lets no request through without a tenant")
    }
}

impl<S: Sync> FromRequestParts<S> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Whoever is at the other end, as far as it can be believed.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The address (SEC-005)
    pub address: Option<IpAddr>,
    /// The certificate of the TLS connection. No header counts as one (SEC-058)
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Peer {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Whether the body says it is a form (RFC 6749 §3.2, SEC-012).
pub fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|t| t.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// The media type without its parameters.
pub fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

/// The one `Authorization` header. Two of them are an error, as is one that is no text.
pub fn authorization(headers: &HeaderMap) -> Result<Option<&str>, TwoHeaders> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| TwoHeaders),
        (Some(_), Some(_)) => Err(TwoHeaders),
    }
}

/// The `Authorization` header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoHeaders;

/// The token of a `Bearer` header; the scheme in any letter case (RFC 9110 §11.1).
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' '))
        .then_some(token)
}
