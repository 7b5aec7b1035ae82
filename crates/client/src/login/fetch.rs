//! `GET` from the provider: bounded, no redirects, and what kind of answer it was.

use http::{HeaderValue, StatusCode, header};
use url::Url;
use zeroize::Zeroizing;

use crate::error::{Refusal, TokenError};
use crate::transport::{bounded_body, unreachable};

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    content_type: String,
    body: Zeroizing<Vec<u8>>,
}

pub(crate) async fn get(
    http: &reqwest::Client,
    address: &Url,
    authorization: Option<HeaderValue>,
) -> Result<Answer, TokenError> {
    let mut request =
        http.get(address.clone()).header(header::ACCEPT, "application/json, application/jwt;q=0.9");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(TokenError::Redirected(status));
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    Ok(Answer { status, content_type, body: bounded_body(response).await? })
}

impl Answer {
    /// Whether it is a signed one: OIDC Core §5.3.2.
    pub(crate) fn is_jwt(&self) -> bool {
        self.content_type == "application/jwt"
    }

    /// The body of a success.
    pub(crate) fn success(self) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        Err(TokenError::Refused(Refusal {
            status: self.status,
            error: None,
            description: None,
            decision_id: None,
            retry_after: None,
        }))
    }
}
