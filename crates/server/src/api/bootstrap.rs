//! `POST /api/v1/bootstrap`: the one-time secret for the first administrator (SEC-168).

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Response, StatusCode};
use grantor_oauth_types::name::ClientId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::body::JsonBody;
use super::description::{Api, Operation};
use crate::app::App;
use crate::bootstrap::{BootstrapError, CLIENT, redeem};
use crate::extract::Here;
use crate::reply::json;
use crate::routes::Guard;

/// Adds the route.
pub(super) fn more(mut api: Api) -> Api {
    let (body, made) = (api.schema::<Presented>(), api.schema::<Made>());
    api.add(
        Guard::Secret,
        &Method::POST,
        "/bootstrap",
        post,
        Operation::new("bootstrap", "bootstrap", "Make the first administrator of the tenant")
            .takes(body)
            .answers(201, made),
    )
}

/// The secret that the server printed at its start.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Bootstrap)]
struct Presented {
    secret: String,
    /// What the client of the administrator is called; `admin` unless it is said
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client_id: Option<ClientId>,
}

/// The client of the first administrator: its secret is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = Administrator)]
struct Made {
    client_id: String,
    client_secret: String,
}

async fn post(
    State(app): State<App>,
    Here(tenant): Here,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let now = app.clock.now();
    let Presented { secret, client_id } = body.read()?;
    let client = client_id.unwrap_or_else(|| ClientId::parse(CLIENT).expect("a client id"));
    let name = &tenant.tenant.name;
    let made = redeem(&*app.store, &app.secrets, name, &secret, client, now).await;
    let made = made.map_err(|error| match error {
        BootstrapError::WrongSecret => Problem::new(StatusCode::UNAUTHORIZED, error.to_string()),
        BootstrapError::AdministratorExists => Problem::conflict(error.to_string()),
        BootstrapError::Store(error) => error.into(),
    })?;
    app.directory.catch_up(now).await?;
    let made = Made { client_id: made.client_id.to_string(), client_secret: made.client_secret };
    Ok(json::private(StatusCode::CREATED, &made))
}
