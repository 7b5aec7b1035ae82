//! The token endpoint: one request, one answer or a typed error. RFC 6749 §3.2, §5.1 and §5.2.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::client_auth::{ClientAuth, Presented};
use crate::error::{Refusal, TokenError};
use crate::grant::Grant;
use crate::secret::{AccessToken, Provenance, Secret, is_token_text};
use crate::transport::{self, PlainHttp, Timeouts, bounded_body, unreachable};

/// What a server that does not say how long its token lives is taken to mean (RFC 6749 §5.1 lets
/// it be silent): five minutes, which costs a few requests and never a refused call.
const UNSTATED_LIFE: Duration = Duration::from_mins(5);

/// Nothing that lives longer than this has to be told apart from it: ten years.
const LONGEST_LIFE: Duration = Duration::from_hours(10 * 365 * 24);

/// Where tokens come from. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct TokenEndpoint {
    url: Url,
    http: reqwest::Client,
}

/// A success. RFC 6749 §5.1.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Issued {
    /// The token, with its life and scopes.
    pub access_token: AccessToken,
    /// The next refresh token, which replaces the one presented (if one was).
    pub refresh_token: Option<Secret>,
    /// Who signed in, not verified here. OIDC Core §3.1.3.3.
    pub id_token: Option<Secret>,
    /// `token_type` as the server spelled it; always some spelling of `Bearer`.
    pub token_type: String,
}

impl TokenEndpoint {
    /// Checks the URL, and makes the HTTP client: it follows no redirect and verifies every
    /// certificate, against the system's roots and `roots`.
    ///
    /// # Errors
    /// [`TokenError::InvalidUrl`], [`TokenError::PlainHttp`]; [`TokenError::Unreachable`] when the
    /// system has no usable roots.
    pub fn new(
        url: &str,
        timeouts: Timeouts,
        plain_http: PlainHttp,
        roots: &[reqwest::Certificate],
    ) -> Result<Self, TokenError> {
        let url = transport::parse_token_url(url)?;
        transport::check_confidential(&url, plain_http)?;
        let http = transport::http_client(&url, timeouts, roots).map_err(unreachable)?;
        Ok(Self { url, http })
    }

    /// Asks for a token with `scopes` (none: what the server gives by default) at `now`.
    ///
    /// `extra` are parameters of a dialect, such as Zign's `business_partner_id`.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn request(
        &self,
        client: &ClientAuth,
        grant: &Grant,
        scopes: &[String],
        extra: &[(&str, &str)],
        now: SystemTime,
    ) -> Result<Issued, TokenError> {
        let presented = client.present(now).await?;
        let form = form(grant, &presented, scopes, extra);
        let mut request = self
            .http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(form);
        if let Some(authorization) = presented.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            return Err(TokenError::Redirected(status));
        }
        let body = bounded_body(response).await?;
        if status.is_success() {
            issued(&body, scopes, now)
        } else {
            Err(TokenError::Refused(refusal(status, &headers, &body, now)))
        }
    }
}

fn form(grant: &Grant, client: &Presented, scopes: &[String], extra: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in grant.parameters().iter().chain(&client.parameters) {
        form.append_pair(name, value.reveal());
    }
    if !scopes.is_empty() && !grant.settles_scopes() {
        form.append_pair("scope", &scopes.join(" "));
    }
    form.extend_pairs(extra);
    form.finish()
}

#[derive(Deserialize)]
struct RawIssued {
    access_token: Zeroizing<String>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    refresh_token: Option<Zeroizing<String>>,
    id_token: Option<Zeroizing<String>>,
    scope: Option<RawScope>,
}

/// A number; as text or with a fraction too, since servers of all ages are about.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

/// One text of words, or (some dialects) a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawScope {
    Text(String),
    List(Vec<String>),
}

/// RFC 6749 §5.1.
fn issued(body: &[u8], asked: &[String], now: SystemTime) -> Result<Issued, TokenError> {
    // serde's message could quote the body: say no more than that it is wrong.
    let raw: RawIssued = serde_json::from_slice(body)
        .map_err(|_| TokenError::InvalidResponse("not a JSON object with a text `access_token`"))?;
    if !is_token_text(&raw.access_token) {
        return Err(TokenError::InvalidResponse("`access_token` is not a token"));
    }
    // MUST NOT use an access token of a type that we do not understand: RFC 6749 §7.1. Servers of
    // the STUPS family used to leave the type out (planb-provider#115).
    let token_type = raw.token_type.unwrap_or_else(|| "Bearer".to_owned());
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::InvalidResponse("`token_type` is not Bearer"));
    }
    // §5.1: absent means as asked.
    let scopes = match raw.scope {
        None => asked.to_vec(),
        Some(RawScope::Text(words)) => words.split_whitespace().map(str::to_owned).collect(),
        Some(RawScope::List(list)) => list,
    };
    Ok(Issued {
        access_token: AccessToken::new(
            Secret::shared(raw.access_token),
            Provenance::Issued,
            now,
            life(raw.expires_in)?,
            scopes,
        ),
        refresh_token: raw.refresh_token.map(Secret::shared),
        id_token: raw.id_token.map(Secret::shared),
        token_type,
    })
}

fn life(expires_in: Option<Seconds>) -> Result<Duration, TokenError> {
    let seconds = match expires_in {
        None => return Ok(UNSTATED_LIFE),
        Some(Seconds::Number(number)) => Some(number),
        Some(Seconds::Text(text)) => text.parse().ok(),
    };
    let life = seconds.filter(|seconds| *seconds >= 1.0).and_then(|seconds| {
        Duration::try_from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())).ok()
    });
    life.ok_or(TokenError::InvalidResponse("`expires_in` is not a number of seconds above zero"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawRefusal {
    error: Option<serde_json::Value>,
    error_description: Option<serde_json::Value>,
    decision_id: Option<serde_json::Value>,
}

/// RFC 6749 §5.2, and Grantor's `decision_id`.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Refusal {
    let raw: RawRefusal = serde_json::from_slice(body).unwrap_or_default();
    let in_header = || headers.get("grantor-decision-id")?.to_str().ok().and_then(harmless);
    let text = |value: Option<serde_json::Value>| value?.as_str().and_then(harmless);
    Refusal {
        status,
        error: text(raw.error),
        description: text(raw.error_description),
        decision_id: text(raw.decision_id).or_else(in_header),
        retry_after: headers.get(header::RETRY_AFTER).and_then(|value| retry_after(value, now)),
    }
}

/// A foreign text as it may be logged and printed: one line, no control characters, bounded.
pub(crate) fn harmless(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|char| !char.is_control()).take(500).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// Seconds, or a date. RFC 9110 §10.2.3.
fn retry_after(value: &http::HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests;
