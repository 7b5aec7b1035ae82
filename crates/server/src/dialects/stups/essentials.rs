//! essentials: resource types and scopes as STUPS tools manage them (`stups.md` 4).
//!
//! The catalogue is the same as everybody's, and so are the rules and the writes: this file says
//! who may call, the others translate. A scope made here is granted by its owner, or assigned.
//! What belongs to the server itself (`grantor`) is not shown and cannot be written here.
//!
//! Who may write (4.4): whoever holds the permission to write the catalogue; and the service user,
//! or a client, of the application that the type is named after. There is no service that says
//! which people are in the team of an application: a person of the team needs the permission.

mod body;
mod reply;
mod resource_types;
mod scopes;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use grantor_domain::application::Application;
use grantor_domain::document::DocumentKey;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ApplicationId, ClientId, ResourceTypeId};
use grantor_store::Documents as _;

use crate::access::{Caller, CatalogueRead, CatalogueWrite, Permission as _};
use crate::app::App;
use crate::extract::{Here, Peer, authorization};
use crate::routes::{Guard, Routes};
use reply::Refusal;

/// The realms whose users may read (4.4 `API_ALLOWED_REALMS`).
const REALMS: [&str; 2] = ["services", "employees"];

/// The scope that every operation needs (4.1).
const UID: &str = "uid";

/// The paths of essentials. Every preflight is answered, without a token (4.1).
pub(super) fn routes() -> Routes {
    let (token, types, one) = (Guard::Token, "/resource-types", "/resource-types/{rt}");
    let (all, scope) = ("/resource-types/{rt}/scopes", "/resource-types/{rt}/scopes/{s}");
    let mut routes = Routes::default()
        .add(token, Method::GET, types, resource_types::list)
        .add(token, Method::GET, one, resource_types::get)
        .add(token, Method::PUT, one, resource_types::put)
        .add(token, Method::DELETE, one, resource_types::delete)
        .add(token, Method::GET, all, scopes::list)
        .add(token, Method::GET, scope, scopes::get)
        .add(token, Method::PUT, scope, scopes::put)
        .add(token, Method::DELETE, scope, scopes::delete);
    for path in [types, one, all, scope] {
        routes = routes.add(Guard::Open, Method::OPTIONS, path, reply::preflight);
    }
    routes
}

/// A request, before it is known who sends it.
#[derive(Debug)]
struct Call {
    app: App,
    here: Here,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
}

impl axum::extract::FromRequest<App> for Call {
    type Rejection = Response<Body>;

    async fn from_request(
        request: axum::extract::Request,
        app: &App,
    ) -> Result<Self, Response<Body>> {
        use axum::extract::FromRequestParts as _;
        let (mut parts, body) = request.into_parts();
        let Ok(here) = Here::from_request_parts(&mut parts, app).await;
        let Ok(peer) = Peer::from_request_parts(&mut parts, app).await;
        let State(app): State<App> =
            State::from_request_parts(&mut parts, app).await.unwrap_or_else(|never| match never {});
        let headers = parts.headers.clone();
        let request = axum::extract::Request::from_parts(parts, body);
        let body = Bytes::from_request(request, &app).await.map_err(|_| {
            let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large");
            reply::answer(Err(refusal))
        })?;
        Ok(Self { app, here, peer, headers, body })
    }
}

impl Call {
    /// Somebody of an allowed realm, with `uid` (4.1, 4.4).
    fn reader(&self) -> Result<Caller, Refusal> {
        let unauthorized = || Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized");
        let token = token(&self.headers).ok_or_else(unauthorized)?;
        let caller = Caller::with_token(&self.app, self.here.clone(), self.peer.clone(), &token);
        let caller = caller.map_err(|_| unauthorized())?;
        if !caller.token.scopes.contains(UID) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Forbidden"));
        }
        let allowed =
            caller.token.realm.as_ref().is_some_and(|realm| REALMS.contains(&realm.as_str()));
        let permitted =
            caller.rights.has(CatalogueRead::SCOPE) || caller.rights.has(CatalogueWrite::SCOPE);
        if !allowed && !permitted {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Unauthorized"));
        }
        Ok(caller)
    }

    /// Somebody who may write the type (4.4).
    async fn writer(&self, id: &ResourceTypeId) -> Result<Caller, Refusal> {
        let caller = self.reader()?;
        if caller.rights.has(CatalogueWrite::SCOPE) {
            return Ok(caller);
        }
        let owner = application_of(id).ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, "The resource type is named after no application")
        })?;
        if acts_for(&self.app, &caller, &owner).await? {
            return Ok(caller);
        }
        caller.refused(&self.app, &format!("resource_type/{id} belongs to {owner}"));
        Err(Refusal::new(StatusCode::FORBIDDEN, "Unauthorized"))
    }
}

/// `Bearer T`, `Token T`, or Basic with the user `oauth2` (4.1).
fn token(headers: &HeaderMap) -> Option<String> {
    let header = authorization(headers).ok()??;
    let (scheme, rest) = header.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => Some(rest.to_owned()),
        "basic" => {
            let decoded = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
            decoded.strip_prefix("oauth2:").map(ToOwned::to_owned)
        }
        _ => None,
    }
}

/// The application that a type is named after: its leading letters and hyphens. An underscore or
/// a digit ends them, so `sales_order` belongs to `sales` (4.4).
fn application_of(id: &ResourceTypeId) -> Option<ApplicationId> {
    let letters = |c: char| c.is_ascii_lowercase() || c == '-';
    let text = id.as_str();
    let end = text.find(|c| !letters(c)).unwrap_or(text.len());
    let name = text[..end].trim_end_matches('-');
    (name.len() >= 3).then(|| ApplicationId::parse(name).ok()).flatten()
}

/// Whether the caller is the service user, or a client, of a registered application.
async fn acts_for(app: &App, caller: &Caller, owner: &ApplicationId) -> Result<bool, Refusal> {
    let tenant = &caller.context.tenant.tenant.name;
    let key = DocumentKey::id::<Application>(tenant, owner.as_str());
    let Some(known) = app.store.find::<Application>(&key).await? else { return Ok(false) };
    let sub = caller.token.sub.as_str();
    let user = match (sub.parse::<UserId>(), &caller.token.realm) {
        (Ok(id), _) => app.directory.user(tenant, id).await?,
        (Err(_), Some(realm)) => app.directory.user_named(tenant, realm, sub).await?,
        (Err(_), None) => {
            let Ok(id) = ClientId::parse(sub) else { return Ok(false) };
            let client = app.directory.client(tenant, &id).await?;
            let of = client.and_then(|entry| entry.client().application.clone());
            return Ok(of.as_ref() == Some(owner));
        }
    };
    Ok(user.is_some_and(|entry| known.value.service_user == Some(entry.user.id)))
}

/// Whether the body says it is JSON; anything else is 406 here (4.1).
fn is_json(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_TYPE)
        && crate::extract::media_type(headers)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_belongs_to_the_application_it_is_named_after() {
        for (id, owner) in [
            ("kio.api", Some("kio")),
            ("sales_order", Some("sales")),
            ("order-engine.line", Some("order-engine")),
            ("abc1", Some("abc")),
            ("order-1", Some("order")),
            ("a1", None),
            ("ab.cd", None),
        ] {
            let found = application_of(&ResourceTypeId::parse(id).unwrap());
            assert_eq!(found.as_ref().map(ApplicationId::as_str), owner, "{id}");
        }
    }
}
