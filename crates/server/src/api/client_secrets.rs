//! The secrets of a client: at most two live, each shown once (SEC-159, SEC-160).

use axum::extract::{Path, State};
use axum::http::{Method, Response, StatusCode};
use grantor_crypto::secret::{BearerSecret, SecretKind};
use grantor_domain::client::{Client, StoredSecret};
use grantor_domain::registry::MAX_LIVE_SECRETS;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::body::{JsonBody, Precondition};
use super::clients::{Clients, takes_secret};
use super::description::{Api, Operation};
use super::resource::{Resource as _, no_content};
use super::write;
use crate::access::{Caller, ClientWrite, Permission as _, Permit};
use crate::app::App;
use crate::reply::json;
use crate::routes::Guard;

/// How long the secret before goes on working, in seconds, unless the caller says so (SEC-160).
const USUAL_OVERLAP: u32 = 86_400;

/// The longest overlap, in seconds.
const LONGEST_OVERLAP: u32 = 90 * 86_400;

/// Adds the routes.
pub(super) fn more(mut api: Api) -> Api {
    let write = Guard::Permit(ClientWrite::SCOPE);
    let (rotation, secret) = (api.schema::<RotationBody>(), api.schema::<NewSecret>());
    let rotate = "Make a new secret; shows it once";
    let end = "End every secret but the newest";
    api.add(
        write,
        &Method::POST,
        "/clients/{id}/secrets",
        rotate_secret,
        Operation::new("clients", "rotate_client_secret", rotate)
            .takes(rotation)
            .answers(201, secret),
    )
    .add(
        write,
        &Method::DELETE,
        "/clients/{id}/secrets/previous",
        end_previous,
        Operation::new("clients", "end_previous_client_secret", end),
    )
}

/// A new secret: the text for the caller, the digest for the store.
pub(super) fn mint(app: &App, now: Timestamp) -> (String, StoredSecret) {
    let text = BearerSecret::mint(SecretKind::ClientSecret).reveal();
    let digest = app.secrets.client_digest.digest(&text);
    (text, StoredSecret { digest, created: now, expires: None })
}

/// How a secret is rotated.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotationBody {
    /// How long the one before goes on working, in seconds: a day unless it is said, at most 90
    #[serde(default)]
    overlap_seconds: Option<u32>,
}

/// The secret that was made: shown this once.
#[derive(Serialize, ToSchema)]
struct NewSecret {
    client_secret: String,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
}

async fn rotate_secret(
    State(app): State<App>,
    permit: Permit<ClientWrite>,
    Path(id): Path<String>,
    body: JsonBody,
) -> Result<Response<axum::body::Body>, Problem> {
    let RotationBody { overlap_seconds } = body.read()?;
    let overlap = overlap_seconds.unwrap_or(USUAL_OVERLAP);
    if overlap > LONGEST_OVERLAP {
        return Err(Problem::field("/overlap_seconds", format!("at most {LONGEST_OVERLAP}")));
    }
    let now = permit.caller.context.now;
    let (client_secret, stored) = mint(&app, now);
    let until = now.saturating_add(SignedDuration::from_secs(overlap.into()));
    let until = until.unwrap_or(Timestamp::MAX);
    change_secrets(&app, &permit.caller, &id, "client.secret_rotated", |client| {
        if !takes_secret(client.auth_method) {
            return Err(Problem::conflict("the client authenticates without a secret"));
        }
        let mut live = live_secrets(&client.secrets, now);
        // Of three the oldest dies at once.
        let surplus = (live.len() + 1).saturating_sub(MAX_LIVE_SECRETS);
        live.drain(..surplus);
        for secret in &mut live {
            secret.expires = Some(secret.expires.map_or(until, |end| end.min(until)));
        }
        live.push(stored.clone());
        live.retain(|secret| secret.expires.is_none_or(|end| now < end));
        Ok(live)
    })
    .await?;
    Ok(json::private(StatusCode::CREATED, &NewSecret { client_secret, created: now }))
}

async fn end_previous(
    State(app): State<App>,
    permit: Permit<ClientWrite>,
    Path(id): Path<String>,
) -> Result<Response<axum::body::Body>, Problem> {
    let now = permit.caller.context.now;
    change_secrets(&app, &permit.caller, &id, "client.secret_ended", |client| {
        let mut live = live_secrets(&client.secrets, now);
        Ok(live.pop().into_iter().collect())
    })
    .await?;
    Ok(no_content())
}

/// Those that work, oldest first.
fn live_secrets(secrets: &[StoredSecret], now: Timestamp) -> Vec<StoredSecret> {
    let live = secrets.iter().filter(|secret| secret.expires.is_none_or(|end| now < end));
    live.cloned().collect()
}

async fn change_secrets(
    app: &App,
    caller: &Caller,
    id: &str,
    kind: &str,
    rule: impl Fn(&Client) -> Result<Vec<StoredSecret>, Problem> + Send + Sync,
) -> Result<(), Problem> {
    let key = Clients::at(&caller.context.tenant.tenant.name, id).ok_or_else(Problem::not_found)?;
    let expected = Precondition::Any;
    let change = write::Change { key: &key, expected: &expected, kind, more: &|_, _| {} };
    let rule = |client: &Client| rule(client).map(|secrets| Client { secrets, ..client.clone() });
    write::change::<Clients>(app, caller, change, rule).await.map(|_| ())
}
