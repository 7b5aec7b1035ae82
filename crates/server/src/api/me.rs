//! Who am I, and what may I do? And what is there at all: the description of the API.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Problem;
use super::description::{Api, Operation};
use crate::access::{ALL, Caller};
use crate::app::App;
use crate::reply::json as reply;
use crate::routes::Guard;

/// Adds the routes.
pub(super) fn more(mut api: Api) -> Api {
    let me = api.schema::<Me>();
    api.add(
        Guard::Token,
        &Method::GET,
        "/me",
        get,
        Operation::new("me", "get_me", "Who calls, and what he may do").answers(200, me),
    )
    .add(
        Guard::Token,
        &Method::GET,
        "/openapi.json",
        openapi,
        Operation::new("me", "get_openapi", "This description; for holders of any permission")
            .answers(200, json!({ "type": "object" })),
    )
}

/// Whoever calls.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// As the audit log knows it
    actor: String,
    /// Of which tenant
    tenant: String,
    /// The subject of the token
    sub: String,
    /// The realm of the user, where there is one
    realm: Option<String>,
    /// The client that asked for the token, where it says so
    client: Option<String>,
    /// The permissions among its scopes
    permissions: Vec<String>,
    /// When the token ends, in seconds since 1970
    expires: i64,
}

async fn get(caller: Caller) -> Response<Body> {
    let token = &caller.token;
    let me = Me {
        actor: caller.actor.clone(),
        tenant: caller.context.tenant.tenant.name.to_string(),
        sub: token.sub.clone(),
        realm: token.realm.as_ref().map(ToString::to_string),
        client: token.client.as_ref().map(ToString::to_string),
        permissions: permissions(&caller).map(str::to_owned).collect(),
        expires: token.exp,
    };
    reply::private(StatusCode::OK, &me)
}

fn permissions(caller: &Caller) -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|listed| listed.scope).filter(|scope| caller.rights.has(scope))
}

/// The description is no secret, but it is nobody's business who manages nothing (SEC-018). The
/// operations listener has it for everybody who reaches that.
async fn openapi(State(app): State<App>, caller: Caller) -> Result<Response<Body>, Problem> {
    if permissions(&caller).next().is_none() {
        caller.refused(&app, "the description of the API needs any permission");
        return Err(Problem::forbidden("this needs any permission of the management API"));
    }
    Ok(described().await)
}

/// The description, for the operations listener.
pub(crate) async fn described() -> Response<Body> {
    reply::private(StatusCode::OK, &super::openapi())
}
