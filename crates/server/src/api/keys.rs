//! Signing keys: which there are, rotating them, and withdrawing compromised ones (SEC-095).

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, Response, StatusCode};
use grantor_crypto::alg::Algorithm;
use grantor_domain::document::DocumentKey;
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_store::{DocumentQuery, Documents as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::body::{JsonBody, only, query};
use super::description::{Api, Operation, list_of};
use super::page::Page;
use crate::access::{Caller, KeyRead, KeyWrite, Permission as _, Permit};
use crate::app::App;
use crate::jobs::KeyDesk;
use crate::reply::json;
use crate::routes::Guard;

/// A signing key, without its private part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
struct View {
    /// Its name, in every token that it signed
    kid: String,
    /// The one algorithm it is used with
    alg: String,
    /// `next`, `active`, `retired` or `withdrawn`
    state: &'static str,
    /// Published from here on
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// Signs from here on
    #[schema(value_type = String, format = DateTime)]
    active_from: Timestamp,
    /// Signs no more from here on
    #[schema(value_type = Option<String>, format = DateTime)]
    retired: Option<Timestamp>,
    /// Worth nothing from here on
    #[schema(value_type = Option<String>, format = DateTime)]
    withdrawn: Option<Timestamp>,
}

fn view(key: &SigningKeyRecord, now: Timestamp) -> View {
    let state = match key {
        key if key.withdrawn.is_some() => "withdrawn",
        key if key.may_sign(now) => "active",
        key if key.active_from > now && key.retired.is_none() => "next",
        _ => "retired",
    };
    View {
        kid: key.kid.clone(),
        alg: key.alg.to_string(),
        state,
        created: key.created,
        active_from: key.active_from,
        retired: key.retired,
        withdrawn: key.withdrawn,
    }
}

/// Adds the routes.
pub(super) fn more(mut api: Api) -> Api {
    let view = api.schema::<View>();
    let (rotation, withdrawal) = (api.schema::<Rotation>(), api.schema::<Withdrawal>());
    let (withdrawn, write) = (api.schema::<Withdrawn>(), Guard::Permit(KeyWrite::SCOPE));
    let rotate =
        Operation::new("keys", "rotate_key", "Make a key that signs in place of the newest");
    let withdraw = "Withdraw a compromised key: what it signed is worth nothing from now on";
    api.add(
        Guard::Permit(KeyRead::SCOPE),
        &Method::GET,
        "/keys",
        list,
        Operation::new("keys", "list_key", "List signing keys")
            .paged(&[])
            .answers(200, list_of(&view)),
    )
    .add(write, &Method::POST, "/keys", post, rotate.takes(rotation).answers(201, view))
    .add(
        write,
        &Method::POST,
        "/keys/{kid}/withdrawal",
        withdraw_key,
        Operation::new("keys", "withdraw_key", withdraw).takes(withdrawal).answers(200, withdrawn),
    )
}

async fn list(
    State(app): State<App>,
    permit: Permit<KeyRead>,
    RawQuery(text): RawQuery,
) -> Result<Response<Body>, Problem> {
    let context = &permit.caller.context;
    let mut params = query(text.as_deref())?;
    let page = Page::read(&app, &permit.caller, "keys", &[], &mut params)?;
    only(&params, &[])?;
    let mut query =
        DocumentQuery::of::<SigningKeyRecord>(&context.tenant.tenant.name, page.fetch());
    query.after.clone_from(&page.after);
    let found = app.store.list::<SigningKeyRecord>(&query).await?;
    let shown = found.iter().map(|f| (f.value.kid.clone(), view(&f.value, context.now)));
    Ok(page.answer(&app, shown.collect()))
}

/// Which key is to be made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyRotation)]
struct Rotation {
    /// The algorithm; the tenant's otherwise
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    alg: Option<Algorithm>,
    /// How long it is published before it signs, in seconds; the tenant's setting otherwise
    #[serde(default)]
    ahead_seconds: Option<u32>,
}

/// The longest a key is published ahead, in seconds.
const LONGEST_AHEAD: u32 = 7 * 86_400;

fn desk<'a>(app: &'a App, caller: &'a Caller) -> KeyDesk<'a> {
    KeyDesk {
        store: &*app.store,
        secrets: &app.secrets,
        actor: &caller.actor,
        now: caller.context.now,
    }
}

async fn post(
    State(app): State<App>,
    permit: Permit<KeyWrite>,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let Rotation { alg, ahead_seconds } = body.read()?;
    let context = &permit.caller.context;
    let (tenant, settings) = (&context.tenant.tenant.name, &context.tenant.tenant.settings);
    let alg = alg.unwrap_or(settings.signing_alg);
    let ahead = ahead_seconds.unwrap_or(settings.key_publish_ahead_seconds);
    if ahead > LONGEST_AHEAD {
        return Err(Problem::field("/ahead_seconds", format!("at most {LONGEST_AHEAD}")));
    }
    let desk = desk(&app, &permit.caller);
    let newest = desk.newest(tenant, alg).await?;
    let made = desk.rotate(tenant, alg, ahead, newest).await?;
    app.directory.catch_up(context.now).await?;
    let kid = made.ok_or_else(|| Problem::conflict("somebody else rotated at the same time"))?;
    let key = DocumentKey::id::<SigningKeyRecord>(tenant, kid);
    let found = app.store.find::<SigningKeyRecord>(&key).await?.ok_or_else(Problem::not_found)?;
    Ok(json::private(StatusCode::CREATED, &view(&found.value, context.now)))
}

/// How a key is withdrawn.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyWithdrawal)]
struct Withdrawal {
    /// Whether whatever was issued before this moment ends too: every grant, every token
    #[serde(default)]
    not_before: bool,
}

/// What was done.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyWithdrawn)]
struct Withdrawn {
    /// Whether the key was withdrawn before already
    already: bool,
    /// The key that signs in its place, if one was needed
    successor: Option<String>,
}

async fn withdraw_key(
    State(app): State<App>,
    permit: Permit<KeyWrite>,
    Path(kid): Path<String>,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let Withdrawal { not_before } = body.read()?;
    let context = &permit.caller.context;
    let tenant = &context.tenant.tenant.name;
    let key = DocumentKey::id::<SigningKeyRecord>(tenant, &*kid);
    app.store.find::<SigningKeyRecord>(&key).await?.ok_or_else(Problem::not_found)?;
    let done = desk(&app, &permit.caller).withdraw(tenant, &kid, not_before).await?;
    app.directory.catch_up(context.now).await?;
    let done = Withdrawn { already: done.already, successor: done.successor };
    Ok(json::private(StatusCode::OK, &done))
}
