//! `POST /oauth2/register`, and `GET`, `PUT`, `DELETE` of what was registered there. RFC 7591,
//! RFC 7592, OIDC Registration; SEC-152 to SEC-159.
//!
//! Whoever registers himself passes the same checks as a client that an administrator writes, and
//! can ask people for what people can give; nothing can be assigned to him before somebody does.

mod metadata;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_crypto::digest::sha256;
use grantor_crypto::secret::{BearerSecret, SecretKind};
use grantor_domain::client::{Client, Registration};
use grantor_domain::document::DocumentKey;
use grantor_domain::tenant::RegistrationPolicy;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::error_code::BearerErrorCode;
use grantor_oauth_types::name::ClientId;
use grantor_store::{Documents as _, StoreError, UsedKind, operations};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use self::metadata::Metadata;
use crate::access::{Caller, ClientRegister, Permission as _};
use crate::api::{Clients, Precondition, Problem, give_secret, write};
use crate::app::App;
use crate::extract::{Here, Peer, authorization, bearer, media_type};
use crate::reply::bearer_challenge::challenge;
use crate::reply::json::{private, retry_after};
use crate::reply::token::RETRY_SECONDS;

/// Why nothing is registered. RFC 7591 §3.2.2.
pub(super) enum Refusal {
    /// `invalid_redirect_uri`
    RedirectUri(String),
    /// `invalid_client_metadata`, with the member
    Metadata(String),
    /// RFC 6750 §3.1
    Bearer(Option<BearerErrorCode>),
    /// Something else, as the management API says it
    Problem(Problem),
}

impl From<Problem> for Refusal {
    /// What is wrong with the client, in the words of RFC 7591.
    fn from(problem: Problem) -> Self {
        let Some(flaw) = problem.broken().first() else { return Self::Problem(problem) };
        let member = flaw.pointer.trim_start_matches('/').to_owned();
        let words = format!("{}: {}", metadata::member_of(&member), flaw.message());
        match member.split('/').next() {
            Some("redirect_uris") => Self::RedirectUri(words),
            _ => Self::Metadata(words),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl Refusal {
    fn respond(self) -> Response<Body> {
        let said = |error: &str, words: &str| {
            // RFC 6749 §5.2: only these characters (trap 5).
            let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
            let words: String = words.chars().filter(|c| plain(*c)).take(200).collect();
            let body = json!({ "error": error, "error_description": words });
            private(StatusCode::BAD_REQUEST, &body)
        };
        match self {
            Self::RedirectUri(words) => said("invalid_redirect_uri", &words),
            Self::Metadata(words) => said("invalid_client_metadata", &words),
            Self::Bearer(error) => {
                let scope = (error == Some(BearerErrorCode::InsufficientScope))
                    .then_some(ClientRegister::SCOPE);
                challenge(error, scope)
            }
            // RFC 7591 §3.2.2: JSON of its own form, whoever found the fault.
            Self::Problem(problem) => {
                let status = problem.status();
                let error = match status {
                    StatusCode::NOT_FOUND => "not_found",
                    StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
                    status if status.is_server_error() => "server_error",
                    _ => "invalid_request",
                };
                let response = private(status, &json!({ "error": error }));
                match status {
                    StatusCode::SERVICE_UNAVAILABLE => retry_after(response, RETRY_SECONDS),
                    _ => response,
                }
            }
        }
    }
}

/// RFC 7591 §3.
pub async fn post(
    State(app): State<App>,
    here: Here,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let registered = register(&app, here, peer, &headers, &body).await;
    registered.unwrap_or_else(Refusal::respond)
}

async fn register(
    app: &App,
    here: Here,
    peer: Peer,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Body>, Refusal> {
    let context = super::context(app, here.0.clone(), peer.clone(), app.clock.now());
    let (caller, initial) = admitted(app, here, peer, headers, &context)?;
    let metadata = Metadata::read(object(headers, body)?)?;
    let id = BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<16>());
    let id = ClientId::parse(&format!("c_{id}")).expect("visible characters");
    let method = metadata.token_endpoint_auth_method;
    let method = method.unwrap_or(ClientAuthMethod::ClientSecretBasic);
    let client = Client::new(context.tenant.tenant.name.clone(), id, method);
    let mut client = checked(app, metadata, client, &context).await?;
    let secret = give_secret(app, &mut client, context.now);
    let token = BearerSecret::mint(SecretKind::RegistrationToken);
    client.registration = Some(Registration { token: token.digest(), at: context.now });
    if let Some(initial) = initial {
        // What is refused is no use of it.
        write::check(app, &caller, &client).await?;
        if !initial.spend(app, &context).await? {
            return Err(Refusal::Bearer(Some(BearerErrorCode::InvalidToken)));
        }
    }
    write::create::<Clients>(app, &caller, &client).await?;
    let answer = described(&client, &context, secret.as_deref(), Some(&token));
    Ok(private(StatusCode::CREATED, &answer))
}

/// An initial access token that came with a registration (RFC 7591 §1.2).
struct Initial {
    /// The SHA-256 of its text
    digest: [u8; 32],
    /// When it ends, in seconds since 1970
    exp: i64,
}

impl Initial {
    /// SEC-151: it registers so many clients, and no more, on whatever node. `false`: it has.
    async fn spend(&self, app: &App, context: &crate::grants::Context) -> Result<bool, StoreError> {
        let until = Timestamp::from_second(self.exp.saturating_add(60)).unwrap_or(Timestamp::MAX);
        for nth in 0..context.tenant.tenant.settings.registration_token_uses {
            let mark = [&self.digest[..], &nth.to_be_bytes()].concat();
            if operations::use_once(&*app.store, UsedKind::Registration, &mark, until).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Who may register: whoever has an initial access token, or everybody where that is the policy.
fn admitted(
    app: &App,
    here: Here,
    peer: Peer,
    headers: &HeaderMap,
    context: &crate::grants::Context,
) -> Result<(Caller, Option<Initial>), Refusal> {
    let header = authorization(headers).ok().flatten().and_then(bearer);
    match (here.0.tenant.settings.registration, header) {
        (RegistrationPolicy::Off, _) => Err(Refusal::Problem(Problem::not_found())),
        (RegistrationPolicy::Open, None) => {
            Ok((Caller::itself(context.clone(), "registration".to_owned()), None))
        }
        (RegistrationPolicy::Token, None) => Err(Refusal::Bearer(None)),
        (policy, Some(token)) => {
            let invalid = |_| Refusal::Bearer(Some(BearerErrorCode::InvalidToken));
            let caller = Caller::with_token(app, here, peer, token).map_err(invalid)?;
            if !caller.rights.has(ClientRegister::SCOPE) {
                return Err(Refusal::Bearer(Some(BearerErrorCode::InsufficientScope)));
            }
            let counts = policy == RegistrationPolicy::Token;
            let initial = Initial { digest: sha256(token.as_bytes()), exp: caller.token.exp };
            let registrant = Caller::itself(context.clone(), caller.actor);
            Ok((registrant, counts.then_some(initial)))
        }
    }
}

fn object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let json = media_type(headers).is_some_and(|t| t.eq_ignore_ascii_case("application/json"));
    let bad = |words: &str| Refusal::Metadata(words.to_owned());
    if !json {
        return Err(bad("the body has to be application/json"));
    }
    grantor_crypto::json::parse_strict_object(body).map_err(|_| bad("the body is no JSON object"))
}

/// The client as it would be; its sector looked at (SEC-157).
async fn checked(
    app: &App,
    metadata: Metadata,
    client: Client,
    context: &crate::grants::Context,
) -> Result<Client, Refusal> {
    let needs = metadata.redirect_uris.as_ref().is_none_or(Vec::is_empty);
    let client = metadata.apply(client, &context.tenant)?;
    possible(app, &client)?;
    if needs {
        return Err(Refusal::RedirectUri("redirect_uris: at least one is needed".to_owned()));
    }
    if !client.has_front_channel_of_its_own() {
        let words =
            "frontchannel_logout_uri: scheme, host and port are not those of a redirect URI";
        return Err(Refusal::Metadata(words.to_owned()));
    }
    if let Some(uri) = &client.openid.sector_identifier_uri {
        let unlisted =
            || Refusal::Metadata("sector_identifier_uri: unreachable, or not a list".to_owned());
        let listed = app.outbound.get_json(uri).await.map_err(|_| unlisted())?;
        let listed: Vec<String> = serde_json::from_value(listed).map_err(|_| unlisted())?;
        if !client.redirect_uris.iter().all(|uri| listed.contains(uri)) {
            let words = "sector_identifier_uri: does not list every redirect URI";
            return Err(Refusal::Metadata(words.to_owned()));
        }
    }
    Ok(client)
}

/// What needs a listener that asks for certificates (RFC 8705) can be had only where there is one.
fn possible(app: &App, client: &Client) -> Result<(), Refusal> {
    let offered = app.settings.mutual_tls.as_ref();
    let takes = |method| match method {
        ClientAuthMethod::TlsClientAuth => offered.is_some_and(|mutual| mutual.has_authorities),
        ClientAuthMethod::SelfSignedTlsClientAuth => offered.is_some(),
        _ => true,
    };
    if !takes(client.auth_method) {
        let words = "token_endpoint_auth_method: not offered here";
        return Err(Refusal::Metadata(words.to_owned()));
    }
    if client.mutual_tls.tls_client_certificate_bound_access_tokens && offered.is_none() {
        let words = "tls_client_certificate_bound_access_tokens: not offered here";
        return Err(Refusal::Metadata(words.to_owned()));
    }
    Ok(())
}

/// RFC 7591 §3.2.1: everything as it is registered. The secrets are told once, when they are made
/// (SEC-159).
fn described(
    client: &Client,
    context: &crate::grants::Context,
    secret: Option<&str>,
    token: Option<&BearerSecret>,
) -> Value {
    let mut all = serde_json::to_value(Metadata::of(client)).expect("string keys only");
    all["client_id"] = json!(client.id);
    if let Some(registration) = &client.registration {
        all["client_id_issued_at"] = json!(registration.at.as_second());
    }
    if let Some(secret) = secret {
        all["client_secret"] = json!(secret);
    }
    if !client.secrets.is_empty() {
        all["client_secret_expires_at"] = json!(0);
    }
    if let Some(token) = token {
        all["registration_access_token"] = json!(token.reveal());
        let issuer = &context.tenant.tenant.issuer;
        all["registration_client_uri"] = json!(format!("{issuer}/oauth2/register/{}", client.id));
    }
    all
}

/// The client whose registration token came with the request. Every other answer is the same: there
/// is nothing to learn about who is registered (RFC 7592 §2.1). A disabled client has no say.
async fn own(
    app: &App,
    context: &crate::grants::Context,
    headers: &HeaderMap,
    id: &str,
) -> Result<(Client, BearerSecret), Refusal> {
    let invalid = || Refusal::Bearer(Some(BearerErrorCode::InvalidToken));
    let header = authorization(headers).ok().flatten().and_then(bearer);
    let header = header.ok_or(Refusal::Bearer(None))?;
    let token = BearerSecret::parse(SecretKind::RegistrationToken, header).ok_or_else(invalid)?;
    let id = ClientId::parse(id).map_err(|_| invalid())?;
    let key = DocumentKey::id::<Client>(&context.tenant.tenant.name, id.as_str());
    let found = app.store.find::<Client>(&key).await?.map(|found| found.value);
    let client = found.filter(|client| {
        let kept = client.registration.as_ref();
        client.enabled && kept.is_some_and(|kept| kept.token == token.digest())
    });
    client.map(|client| (client, token)).ok_or_else(invalid)
}

/// RFC 7592 §2.1.
pub async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let context = super::context(&app, tenant, peer, app.clock.now());
    match own(&app, &context, &headers, &id).await {
        Ok((client, token)) => {
            private(StatusCode::OK, &described(&client, &context, None, Some(&token)))
        }
        Err(refusal) => refusal.respond(),
    }
}

/// RFC 7592 §2.2: the whole record is replaced.
pub async fn put(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let context = super::context(&app, tenant, peer, app.clock.now());
    let replaced = replace(&app, &context, &headers, &id, &body).await;
    replaced.unwrap_or_else(Refusal::respond)
}

async fn replace(
    app: &App,
    context: &crate::grants::Context,
    headers: &HeaderMap,
    id: &str,
    body: &[u8],
) -> Result<Response<Body>, Refusal> {
    let (before, _) = own(app, context, headers, id).await?;
    let members = object(headers, body)?;
    if members.get("client_id").and_then(Value::as_str) != Some(before.id.as_str()) {
        return Err(Refusal::Metadata("client_id: not the one of this registration".to_owned()));
    }
    let secret = members.get("client_secret").and_then(Value::as_str);
    let digest = &app.secrets.client_digest;
    let own = |secret: &str| before.secrets.iter().any(|s| digest.verify(secret, &s.digest));
    if secret.is_some_and(|secret| !own(secret)) {
        return Err(Refusal::Metadata("client_secret: not the one that was given".to_owned()));
    }
    let metadata = Metadata::read(members)?;
    let method = metadata.token_endpoint_auth_method;
    let method = method.unwrap_or(ClientAuthMethod::ClientSecretBasic);
    let kept = Client::new(before.tenant.clone(), before.id.clone(), method);
    // What an administrator added to it, it neither loses nor gains by itself.
    let kept = Client {
        application: before.application.clone(),
        realms: before.realms.clone(),
        registration: before.registration.clone(),
        secrets: before.secrets.clone(),
        ..kept
    };
    let mut after = checked(app, metadata, kept, context).await?;
    let mut fresh = None;
    if !crate::api::takes_secret(method) {
        after.secrets.clear();
    } else if after.secrets.is_empty() {
        fresh = give_secret(app, &mut after, context.now);
    }
    // SEC-153: a token that was used for a change is used up.
    let token = BearerSecret::mint(SecretKind::RegistrationToken);
    if let Some(registration) = &mut after.registration {
        registration.token = token.digest();
    }
    let caller = Caller::itself(context.clone(), format!("client:{}", before.id));
    let change = write::Change {
        key: &DocumentKey::id::<Client>(&before.tenant, before.id.as_str()),
        expected: &Precondition::Any,
        kind: "client.changed",
        more: &|_, _| {},
    };
    write::change::<Clients>(app, &caller, change, |_| Ok(after.clone())).await?;
    Ok(private(StatusCode::OK, &described(&after, context, fresh.as_deref(), Some(&token))))
}

/// RFC 7592 §2.3: the client, and everything that was given to it.
pub async fn delete(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let context = super::context(&app, tenant, peer, app.clock.now());
    match remove(&app, &context, &headers, &id).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(refusal) => refusal.respond(),
    }
}

async fn remove(
    app: &App,
    context: &crate::grants::Context,
    headers: &HeaderMap,
    id: &str,
) -> Result<(), Refusal> {
    let (client, _) = own(app, context, headers, id).await?;
    let caller = Caller::itself(context.clone(), format!("client:{}", client.id));
    let key = DocumentKey::id::<Client>(&client.tenant, client.id.as_str());
    Ok(write::delete::<Clients>(app, &caller, &key, &Precondition::Any).await?)
}
