//! Reading an authorization request, once, down to the last parameter. RFC 6749 §4.1.1, OIDC Core
//! §3.1.2.1, RFC 7636 §4.3, RFC 8707 §2.1.

use grantor_oauth_types::client_metadata::CodeChallengeMethod;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_oauth_types::name::{ClientId, RealmName};
use grantor_oauth_types::response_type::{Prompt, ResponseMode, ResponseType};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use serde::{Deserialize, Serialize};

use super::{Complaint, Refused, ReturnAddress, redirect_uri};
use crate::claims::ClaimsRequest;
use crate::client::Client;
use crate::code::CodeChallenge;
use crate::params::{ParamError, Params};
use crate::registry;

/// The longest `state` and `nonce`, in bytes (SEC-027).
pub const LONGEST_OPAQUE: usize = 2_048;

/// The most `resource` parameters.
const MOST_RESOURCES: usize = 8;

/// An authorization request that can be read. What it asks for may still be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Where the answer goes
    #[serde(rename = "a")]
    pub to: ReturnAddress,
    /// Whether the redirect URI was named: then the token request must name it too (RFC 6749 §4.1.3)
    #[serde(rename = "n", default, skip_serializing_if = "std::ops::Not::not")]
    pub named_redirect: bool,
    /// What is asked for; `None` is the default
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// For the ID token, as sent
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// PKCE
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<CodeChallenge>,
    /// What the client wants on the screen
    #[serde(rename = "p", default, skip_serializing_if = "Prompts::is_empty")]
    pub prompts: Prompts,
    /// How old the sign-in may be, in seconds
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// Whether `auth_time` goes into the ID token
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub wants_auth_time: bool,
    /// OIDC Core §5.5
    #[serde(rename = "l", default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// Which levels of login are wished, the first most
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// With what to fill the field; nothing is looked up for it (SEC-031)
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// An ID token of ours, not verified yet; whoever verifies it takes it out
    #[serde(skip)]
    pub id_token_hint: Option<String>,
    /// In which language, the first most
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
    /// RFC 8707
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// In which realm
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<RealmName>,
}

/// What the client wants on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the parameter")]
pub struct Prompts {
    /// No page
    pub none: bool,
    /// Sign in again
    pub login: bool,
    /// Ask again
    pub consent: bool,
    /// Choose an account
    pub select_account: bool,
}

impl Prompts {
    /// Nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// SEC-029: `none` with others is an error, as is a word that nobody defined.
    fn parse(text: &str) -> Option<Self> {
        let mut prompts = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word.parse().ok()? {
                Prompt::None => prompts.none = true,
                Prompt::Login => prompts.login = true,
                Prompt::Consent => prompts.consent = true,
                Prompt::SelectAccount => prompts.select_account = true,
            }
        }
        let alone = Self { none: true, ..Self::default() };
        (!prompts.none || prompts == alone).then_some(prompts)
    }
}

impl From<Prompts> for u8 {
    fn from(p: Prompts) -> Self {
        u8::from(p.none)
            | u8::from(p.login) << 1
            | u8::from(p.consent) << 2
            | u8::from(p.select_account) << 3
    }
}

impl From<u8> for Prompts {
    fn from(bits: u8) -> Self {
        Self {
            none: bits & 1 != 0,
            login: bits & 2 != 0,
            consent: bits & 4 != 0,
            select_account: bits & 8 != 0,
        }
    }
}

impl AuthorizationRequest {
    /// Who asks.
    pub fn client(&self) -> &ClientId {
        self.to.client()
    }

    /// Whether it is one of OpenID Connect.
    pub fn is_openid(&self) -> bool {
        self.scopes.as_ref().is_some_and(|scopes| scopes.contains("openid"))
    }
}

/// Reads a request of this client. From the redirect URI on, whatever is wrong goes there.
pub fn read(mut params: Params, client: &Client) -> Result<AuthorizationRequest, Refused> {
    if redirect_uri::is_listed(&params) {
        return Err(Refused::Page(Complaint::invalid("redirect_uri is no list")));
    }
    let sent = params.take("redirect_uri");
    let openid = params.peek("scope").is_some_and(|s| s.split(' ').any(|one| one == "openid"));
    let uri = redirect(sent.as_deref(), openid, client).map_err(Refused::Page)?;
    let (to, asked) = address(uri, &mut params, client);
    match asked.and_then(|()| terms(&to, sent.is_some(), &mut params, client)) {
        Ok(request) => Ok(request),
        Err(complaint) => Err(Refused::Redirect(Box::new(to), complaint)),
    }
}

/// SEC-019, SEC-020, SEC-021; OIDC Core §3.1.2.1 requires it with `openid`.
fn redirect(sent: Option<&str>, openid: bool, client: &Client) -> Result<String, Complaint> {
    match sent {
        Some(sent) => redirect_uri::allowed(client, sent)
            .ok_or(Complaint::invalid("redirect_uri is not registered for this client")),
        None if openid => Err(Complaint::invalid("redirect_uri is missing")),
        None => redirect_uri::only(client).ok_or(Complaint::invalid("redirect_uri is missing")),
    }
}

/// SEC-025: every client, unless a confidential one is switched to do without.
fn requires_pkce(client: &Client) -> bool {
    !(client.compat.pkce_optional && client.is_confidential())
}

/// Where the answer goes, errors included, and what is already wrong with that: an error goes the
/// way the success would have gone, if there is such a way.
fn address(
    uri: String,
    params: &mut Params,
    client: &Client,
) -> (ReturnAddress, Result<(), Complaint>) {
    let response_type = response_type(params, client);
    let kind = *response_type.as_ref().unwrap_or_else(|(kind, _)| kind);
    let mode = response_mode(params, kind, client);
    let (mode, bad_mode) = match mode {
        Ok(mode) => (mode, Ok(())),
        Err(complaint) => (kind.default_mode(), Err(complaint)),
    };
    let state = params.take("state");
    let bad_state = state.as_deref().map_or(Ok(()), opaque);
    let to = ReturnAddress::new(
        client.id.clone(),
        uri,
        mode,
        kind,
        state.filter(|_| bad_state.is_ok()),
        client.compat.localhost_redirect,
    );
    let fine = response_type.map(|_| ()).map_err(|(_, complaint)| complaint);
    (to, fine.and(bad_mode).and(bad_state))
}

/// What a client sends to have it back: short, and without characters that could mean something to who
/// carries it (SEC-016).
fn opaque(state: &str) -> Result<(), Complaint> {
    if state.len() > LONGEST_OPAQUE {
        return Err(Complaint::invalid("state is too long"));
    }
    if state.contains(char::is_control) {
        return Err(Complaint::invalid("state has control characters"));
    }
    Ok(())
}

/// SEC-023: only what the client is registered for; tokens from here only behind `compat.implicit`.
/// Beside a complaint, the type by which the error is placed.
fn response_type(
    params: &mut Params,
    client: &Client,
) -> Result<ResponseType, (ResponseType, Complaint)> {
    use AuthorizeErrorCode::{UnauthorizedClient, UnsupportedResponseType};
    let Some(text) = params.take("response_type") else {
        return Err((ResponseType::Code, Complaint::invalid("response_type is missing")));
    };
    let Ok(kind) = text.parse::<ResponseType>() else {
        let complaint = Complaint::new(UnsupportedResponseType, "unknown response_type");
        return Err((ResponseType::Code, complaint));
    };
    if client.may_ask_for(kind) {
        return Ok(kind);
    }
    let words = "the client is not registered for this response_type";
    Err((kind, Complaint::new(UnauthorizedClient, words)))
}

/// SEC-024. A token is never in a query, signed or not (Multiple Response Types §3, JARM §2.3.1).
fn response_mode(
    params: &mut Params,
    kind: ResponseType,
    client: &Client,
) -> Result<ResponseMode, Complaint> {
    use ResponseMode::{Query, QueryJwt};
    let Some(text) = params.take("response_mode") else { return Ok(kind.default_mode()) };
    let mode: ResponseMode =
        text.parse().map_err(|_| Complaint::invalid("unknown response_mode"))?;
    if kind.is_front_channel() && matches!(mode, Query | QueryJwt) {
        return Err(Complaint::invalid("tokens are never returned in the query"));
    }
    let listed = &client.authorization.response_modes;
    if listed.is_empty() || listed.contains(&mode) || mode == kind.default_mode() {
        return Ok(mode);
    }
    Err(Complaint::invalid("the client is not registered for this response_mode"))
}

/// Everything that concerns what is asked for.
fn terms(
    to: &ReturnAddress,
    named_redirect: bool,
    params: &mut Params,
    client: &Client,
) -> Result<AuthorizationRequest, Complaint> {
    unsupported(params)?;
    let prompts = params
        .read("prompt", Prompts::parse)
        .map_err(|_| Complaint::invalid("prompt has unknown words, or none with others"))?;
    let prompts = prompts.unwrap_or_default();
    let kind = to.response_type();
    let scopes = scopes(params, kind, prompts)?;
    let openid = scopes.as_ref().is_some_and(|scopes| scopes.contains("openid"));
    if kind.has_id_token() && !openid {
        return Err(Complaint::invalid("an id_token needs the scope openid"));
    }
    let claims = params.read("claims", |text| ClaimsRequest::parse(text).ok());
    let claims = claims.map_err(|_| Complaint::invalid("claims is malformed"))?.unwrap_or_default();
    let max_age = params.read("max_age", seconds).map_err(|_| malformed("max_age"))?;
    let max_age = max_age.or(client.authorization.default_max_age);
    let wants_auth_time = max_age.is_some()
        || client.authorization.require_auth_time
        || claims.id_token.contains_key("auth_time");
    let realm = params.read("realm", |text| RealmName::parse_lenient(text).ok());
    Ok(AuthorizationRequest {
        to: to.clone(),
        named_redirect,
        scopes,
        nonce: nonce(params, kind)?,
        challenge: challenge(params, kind, client)?,
        prompts,
        max_age,
        wants_auth_time,
        claims,
        acr_values: acr_values(params, client),
        login_hint: params.take("login_hint").filter(|hint| is_hint(hint)),
        id_token_hint: params.take("id_token_hint"),
        ui_locales: words(params.take("ui_locales").as_deref(), 5, 16),
        resources: resources(params)?,
        realm: realm.map_err(|_| Complaint::invalid("unknown realm"))?,
    })
}

/// What was not taken out before is not supported; silently ignoring it would be wrong (OIDC Core
/// §3.1.2.6).
fn unsupported(params: &mut Params) -> Result<(), Complaint> {
    use AuthorizeErrorCode::{InvalidRequestUri, RequestNotSupported};
    if params.take("request").is_some() {
        return Err(Complaint::new(RequestNotSupported, "request objects are not supported"));
    }
    if params.take("request_uri").is_some() {
        // The metadata says `require_request_uri_registration` (OIDC Core §6.2, SEC-033).
        let words = "this request_uri is not registered for the client";
        return Err(Complaint::new(InvalidRequestUri, words));
    }
    Ok(())
}

/// SEC-036; and OIDC Core §11: `offline_access` counts only with a code and `prompt=consent`.
fn scopes(
    params: &mut Params,
    kind: ResponseType,
    prompts: Prompts,
) -> Result<Option<Scopes>, Complaint> {
    let invalid = |words| Complaint::new(AuthorizeErrorCode::InvalidScope, words);
    let Some(text) = params.take("scope") else { return Ok(None) };
    if text.split(' ').any(str::is_empty) {
        return Err(invalid("scopes are separated by one space each"));
    }
    let scopes = Scopes::parse(&text).map_err(|_| invalid("the scope is malformed or too long"))?;
    let offline = kind.has_code() && prompts.consent;
    let counts = |scope: &&ScopeToken| offline || scope.as_str() != "offline_access";
    Ok(Some(scopes.iter().filter(counts).cloned().collect()))
}

/// OIDC Core §3.2.2.1, §3.3.2.11: required where an ID token comes through the browser.
fn nonce(params: &mut Params, kind: ResponseType) -> Result<Option<String>, Complaint> {
    let nonce = params.take("nonce");
    if nonce.is_none() && kind.has_id_token() {
        return Err(Complaint::invalid("nonce is missing"));
    }
    if nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_OPAQUE) {
        return Err(Complaint::invalid("nonce is too long"));
    }
    Ok(nonce)
}

/// RFC 7636 §4.3, RFC 9700 §2.1.1: S256, and nothing else (SEC-025, SEC-026), unless a confidential
/// client is switched to go without the hash.
fn challenge(
    params: &mut Params,
    kind: ResponseType,
    client: &Client,
) -> Result<Option<CodeChallenge>, Complaint> {
    let required = requires_pkce(client);
    let (challenge, method) = (params.take("code_challenge"), params.take("code_challenge_method"));
    let Some(challenge) = challenge else {
        return match (required && kind.has_code()) || method.is_some() {
            true => Err(Complaint::invalid("code_challenge is missing")),
            false => Ok(None),
        };
    };
    let plain = client.compat.pkce_plain && client.is_confidential();
    let method = match method.as_deref() {
        Some("S256") => CodeChallengeMethod::S256,
        // Without a method it is `plain` (RFC 7636 §4.3).
        Some("plain") | None if plain => CodeChallengeMethod::Plain,
        _ => return Err(Complaint::invalid("code_challenge_method must be S256")),
    };
    CodeChallenge::parse(method, &challenge)
        .map(Some)
        .ok_or(Complaint::invalid("code_challenge is malformed"))
}

/// RFC 8707 §2.
fn resources(params: &mut Params) -> Result<Vec<String>, Complaint> {
    let mut resources = params.take_all("resource");
    resources.dedup();
    let fine = resources.len() <= MOST_RESOURCES
        && resources.iter().all(|resource| registry::is_absolute_uri(resource));
    let words = "resource is an absolute URI without fragment";
    fine.then_some(resources).ok_or(Complaint::new(AuthorizeErrorCode::InvalidTarget, words))
}

fn acr_values(params: &mut Params, client: &Client) -> Vec<String> {
    let asked = words(params.take("acr_values").as_deref(), 10, 128);
    if asked.is_empty() { client.authorization.default_acr_values.clone() } else { asked }
}

/// Words that are a wish: too many of them, or too long ones, are left out (OIDC Core §15.1).
fn words(text: Option<&str>, most: usize, longest: usize) -> Vec<String> {
    let words = text.unwrap_or_default().split(' ');
    let fit = words.filter(|word| !word.is_empty() && word.len() <= longest);
    fit.take(most).map(ToOwned::to_owned).collect()
}

fn is_hint(text: &str) -> bool {
    text.len() <= 256 && !text.chars().any(char::is_control)
}

fn seconds(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn malformed(name: &'static str) -> Complaint {
    Complaint::from(ParamError::Malformed(name))
}
