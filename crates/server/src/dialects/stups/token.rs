//! `POST /oauth2/access_token`: the token endpoint as STUPS clients speak to it (`stups.md` 2.2–2.8).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use grantor_domain::client_auth::{AuthenticatedClient, ClientRefusal, PresentedClient};
use grantor_domain::params::{ParamError, Params};
use grantor_domain::token::{PresentedGrant, TokenError, TokenRequest};
use grantor_oauth_types::error_code::TokenErrorCode;
use grantor_oauth_types::name::{ClientId, RealmName};
use serde_json::json;

use super::realm::{NoRealm, resolve};
use crate::app::App;
use crate::asked::Asked;
use crate::audit::Actor;
use crate::endpoints::authenticated;
use crate::extract::authorization;
use crate::grants::{self, Context, Issued, TokenFailure};
use crate::metrics::{StupsOutcome, StupsToken};
use crate::reply::json as reply;
use crate::reply::token::told;

/// What can go wrong here and nowhere else.
pub(super) enum Failure {
    Realm(NoRealm),
    Token(TokenFailure),
    /// No usable credentials at all: 400, where wrong ones are 401 (2.4)
    NoCredentials,
}

impl Failure {
    /// Whose fault it was, in Plan B's classes (2.17).
    fn class(&self) -> StupsOutcome {
        let Self::Token(TokenFailure::Refused(reason)) = self else {
            return match self {
                Self::NoCredentials => StupsOutcome::Client,
                Self::Realm(_) | Self::Token(_) => StupsOutcome::Other,
            };
        };
        match reason.code() {
            TokenErrorCode::InvalidGrant => StupsOutcome::User,
            TokenErrorCode::InvalidClient
            | TokenErrorCode::UnauthorizedClient
            | TokenErrorCode::InvalidScope => StupsOutcome::Client,
            _ => StupsOutcome::Other,
        }
    }
}

impl<E: Into<TokenFailure>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Token(error.into())
    }
}

/// 2.2, from top to bottom.
pub(super) async fn post(asked: Asked) -> Response<Body> {
    let (app, context) = (&asked.app, asked.context());
    let mut realm = None;
    let answer = answer(&asked, &context, &mut realm).await;
    let realm = realm.map(|realm| realm.to_string()).unwrap_or_default();
    let outcome = answer.as_ref().map_or_else(Failure::class, |_| StupsOutcome::Success);
    app.metrics.stups_tokens.get_or_create(&StupsToken { realm, outcome }).inc();
    let response = match answer {
        Ok(issued) => success(issued),
        Err(failure) => refusal(app, &context, &failure),
    };
    reply::with_decision(response, context.decision)
}

async fn answer(
    asked: &Asked,
    context: &Context,
    counted: &mut Option<RealmName>,
) -> Result<Issued, Failure> {
    let Asked { app, headers, .. } = asked;
    let mut params = read(asked.query(), &asked.body).map_err(TokenError::Params)?;
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let needs_realm = params.peek("grant_type") == Some("password");
    let realm = match resolve(&context.tenant, params.take("realm").as_deref(), host) {
        Ok(realm) => Some(realm),
        Err(_) if !needs_realm => None,
        Err(error) => return Err(Failure::Realm(error)),
    };
    counted.clone_from(&realm);
    blank_is_wrong(&params)?;
    let client = client(app, context, headers, &mut params).await?;
    let mut request = TokenRequest::parse(&mut params)?;
    if let PresentedGrant::Password { realm: named, .. } = &mut request.grant {
        *named = realm;
    }
    Ok(grants::issue(app, context, &client, request).await?)
}

/// A blank name or password is wrong before the client is looked at (2.5).
fn blank_is_wrong(params: &Params) -> Result<(), TokenError> {
    let blank = |name| params.peek(name).is_none_or(str::is_empty);
    if params.peek("grant_type") == Some("password") && (blank("username") || blank("password")) {
        return Err(TokenError::WrongCredentials);
    }
    Ok(())
}

/// Query and body merged. A body that is a JSON object is one, whatever its header says: the
/// guide's own curl call labels it a form.
fn read(query: Option<&str>, body: &[u8]) -> Result<Params, ParamError> {
    let query = query.unwrap_or_default();
    refuse_secrets(query)?;
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut params = match first {
        Some(b'{') => Params::parse_json(body)?,
        _ => Params::parse(body)?,
    };
    params.merge(query.as_bytes())?;
    Ok(params)
}

/// SEC-017: the realm and other harmless words may be in the query, secrets never.
pub(super) fn refuse_secrets(query: &str) -> Result<(), ParamError> {
    let named = Params::parse(query.as_bytes())?;
    for secret in [
        "password",
        "username",
        "decision",
        "client_secret",
        "refresh_token",
        "code",
        "client_assertion",
    ] {
        if named.has(secret) {
            return Err(ParamError::Malformed("the query: secrets belong into the body"));
        }
    }
    Ok(())
}

/// 2.4: a pair in the body wins over Basic; a public client may send any secret, or none.
async fn client(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    params: &mut Params,
) -> Result<AuthenticatedClient, Failure> {
    let in_body = params.has("client_id") && params.has("client_secret");
    let header = match in_body || params.has("client_assertion") {
        true => None,
        false => authorization(headers).map_err(|_| Failure::NoCredentials)?,
    };
    let presented = match PresentedClient::find(header, params) {
        Ok(presented) => presented,
        Err(grantor_domain::client_auth::PresentError::Client(
            ClientRefusal::Absent | ClientRefusal::Malformed,
        )) => return Err(Failure::NoCredentials),
        Err(error) => return Err(TokenError::from(error).into()),
    };
    if let Some(client) = public(app, context, &presented.id).await? {
        return Ok(client);
    }
    Ok(authenticated(app, context, &presented).await?)
}

async fn public(
    app: &App,
    context: &Context,
    id: &ClientId,
) -> Result<Option<AuthenticatedClient>, TokenFailure> {
    let entry = app.directory.client(&context.tenant.tenant.name, id).await?;
    Ok(entry.and_then(|entry| AuthenticatedClient::public(&entry.registered)))
}

/// 2.7: the scope sorted, the realm with its slash, nothing that is not listed there.
fn success(issued: Issued) -> Response<Body> {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.entitled.seconds,
        "scope": issued.entitled.scopes.to_sorted_string(),
    });
    if let Some(realm) = issued.realm {
        body["realm"] = realm.with_slash().into();
    }
    if let Some(refresh_token) = issued.refresh_token {
        body["refresh_token"] = refresh_token.into();
    }
    if let Some(id_token) = issued.id_token {
        body["id_token"] = id_token.into();
    }
    reply::private(StatusCode::OK, &body)
}

/// 2.8.
pub(super) fn refusal(app: &App, context: &Context, failure: &Failure) -> Response<Body> {
    let no_client = "Client authentication failed";
    let (kind, nobody) = ("request.refused", Actor::anonymous());
    let (status, error, description) = match failure {
        Failure::NoCredentials => {
            context.record_refusal(app, kind, nobody, &"no client credentials");
            (400, "invalid_client", no_client.to_owned())
        }
        Failure::Realm(NoRealm::Missing) => {
            context.record_refusal(app, kind, nobody, &"the realm cannot be determined");
            (400, "missing_realm", "the realm cannot be determined".to_owned())
        }
        Failure::Realm(NoRealm::NotFound(name)) => {
            let printable: String = name.chars().filter(char::is_ascii_graphic).collect();
            context.record_refusal(app, kind, nobody, &"unknown realm");
            (400, "realm_not_found", format!("{printable} not found"))
        }
        Failure::Token(failure) => {
            let said = told(app, context, failure);
            let status = said.code.status();
            let response = match (said.code, failure) {
                (TokenErrorCode::InvalidGrant, _) => (
                    status,
                    said.code.as_str(),
                    "The provided access grant is invalid, expired, or revoked.".to_owned(),
                ),
                (TokenErrorCode::InvalidClient, _) => {
                    (status, said.code.as_str(), no_client.to_owned())
                }
                (
                    TokenErrorCode::InvalidScope,
                    TokenFailure::Refused(TokenError::Refused(
                        grantor_domain::decision::Refusal::ScopeForbidden { scopes }
                        | grantor_domain::decision::Refusal::ScopeExceedsGrant { scopes },
                    )),
                ) => {
                    let names: Vec<&str> =
                        scopes.iter().map(grantor_oauth_types::scope::ScopeToken::as_str).collect();
                    let text = format!("Unknown/invalid scope(s): [{}]", names.join(", "));
                    (status, said.code.as_str(), text)
                }
                (TokenErrorCode::TemporarilyUnavailable, _) => {
                    (503, "unavailable_dependency", "Dependency unavailable".to_owned())
                }
                _ => (status, said.code.as_str(), said.description),
            };
            let rendered = error_body(response.0, response.1, &response.2);
            return match said.retry_after {
                Some(seconds) => reply::retry_after(rendered, seconds),
                None => rendered,
            };
        }
    };
    error_body(status, error, &description)
}

pub(super) fn error_body(status: u16, error: &str, description: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).expect("the codes have real statuses");
    let body = json!({ "error": error, "error_description": description });
    let mut response = reply::private(status, &body);
    if status == StatusCode::UNAUTHORIZED {
        let basic = HeaderValue::from_static("Basic realm=\"grantor\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// Any other method (2.2).
pub(super) async fn not_allowed() -> Response<Body> {
    let mut response = error_body(405, "not_allowed", "only POST is allowed here");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}
