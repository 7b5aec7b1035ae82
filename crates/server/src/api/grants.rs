//! Grants: what lives of what was delegated, and ending it.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, Response, StatusCode};
use grantor_domain::grant::{EndReason, Grant};
use grantor_domain::refresh::ended;
use grantor_domain::revocation::Target;
use grantor_oauth_types::id::{GrantId, UserId};
use grantor_oauth_types::name::ClientId;
use grantor_store::{Effect, Effects, GrantQuery, operations};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Problem;
use super::body::{only, query};
use super::description::{Api, Operation, list_of};
use super::page::Page;
use super::resource::no_content;
use super::write::{event, revocation};
use crate::access::{Caller, GrantRead, GrantWrite, Permission as _, Permit};
use crate::app::App;
use crate::reply::json as reply;
use crate::routes::Guard;

/// What lists can be filtered by.
const FILTERS: [&str; 2] = ["user", "client"];

/// A grant, without its refresh token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grant)]
struct View {
    id: String,
    /// To whom it was given
    client: String,
    /// Who gave it
    user: String,
    /// In which realm
    realm: String,
    /// The most a token of it can carry
    scopes: Vec<String>,
    /// The audiences a token of it can carry
    audiences: Vec<String>,
    /// When it began
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// The absolute end
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
    /// When its refresh token ends unused
    #[schema(value_type = String, format = DateTime)]
    idle_expires: Timestamp,
    /// How often its refresh token was rotated
    rotations: i64,
    /// When it was ended
    #[schema(value_type = Option<String>, format = DateTime)]
    ended: Option<Timestamp>,
    /// Why it was ended: `revoked` or `reuse`
    #[schema(value_type = Option<String>)]
    end_reason: Option<EndReason>,
}

impl From<&Grant> for View {
    fn from(grant: &Grant) -> Self {
        Self {
            id: grant.id.to_string(),
            client: grant.client.to_string(),
            user: grant.user.to_string(),
            realm: grant.realm.to_string(),
            scopes: grant.scopes.iter().map(ToString::to_string).collect(),
            audiences: grant.audiences.clone(),
            created: grant.created,
            expires: grant.expires,
            idle_expires: grant.refresh.idle_expires,
            rotations: grant.refresh.generation,
            ended: grant.ended.map(|end| end.at),
            end_reason: grant.ended.map(|end| end.why),
        }
    }
}

/// Adds the routes.
pub(super) fn more(mut api: Api) -> Api {
    let view = api.schema::<View>();
    let (read, write) = (Guard::Permit(GrantRead::SCOPE), Guard::Permit(GrantWrite::SCOPE));
    let one = "/grants/{id}";
    api.add(
        read,
        &Method::GET,
        "/grants",
        list,
        Operation::new("grants", "list_grant", "List grants, newest first")
            .paged(&FILTERS)
            .answers(200, list_of(&view)),
    )
    .add(
        read,
        &Method::GET,
        one,
        get,
        Operation::new("grants", "get_grant", "Read a grant").answers(200, view),
    )
    .add(
        write,
        &Method::DELETE,
        one,
        delete,
        Operation::new("grants", "end_grant", "End a grant, and its tokens with it"),
    )
}

async fn list(
    State(app): State<App>,
    permit: Permit<GrantRead>,
    RawQuery(text): RawQuery,
) -> Result<Response<Body>, Problem> {
    let mut params = query(text.as_deref())?;
    let page = Page::read(&app, &permit.caller, "grants", &FILTERS, &mut params)?;
    let wrong = |name: &'static str| move |_| Problem::field(name, "is not valid here");
    let user = params.read("user", |text| text.parse::<UserId>().ok()).map_err(wrong("user"))?;
    let client = params.read("client", |text| ClientId::parse(text).ok());
    let client = client.map_err(wrong("client"))?;
    only(&params, &[])?;
    let query = GrantQuery {
        tenant: permit.caller.context.tenant.tenant.name.clone(),
        user,
        client,
        before: page.after.as_deref().and_then(|id| id.parse().ok()),
        limit: page.fetch(),
    };
    let found = app.store.grants(&query).await?;
    let shown = found.iter().map(|grant| (grant.id.to_string(), View::from(grant)));
    Ok(page.answer(&app, shown.collect()))
}

async fn get(
    State(app): State<App>,
    permit: Permit<GrantRead>,
    Path(id): Path<String>,
) -> Result<Response<Body>, Problem> {
    let id: GrantId = id.parse().map_err(|_| Problem::not_found())?;
    let found = app.store.grant(&permit.caller.context.tenant.tenant.name, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(reply::private(StatusCode::OK, &View::from(&found)))
}

async fn delete(
    State(app): State<App>,
    permit: Permit<GrantWrite>,
    Path(id): Path<String>,
) -> Result<Response<Body>, Problem> {
    let id: GrantId = id.parse().map_err(|_| Problem::not_found())?;
    end(&app, &permit.caller, id).await?;
    Ok(no_content())
}

/// Ends a grant and its tokens, if it lives.
pub(super) async fn end(app: &App, caller: &Caller, id: GrantId) -> Result<(), Problem> {
    let (tenant, now) = (caller.context.tenant.tenant.clone(), caller.context.now);
    let name = tenant.name.clone();
    let event = event(caller, "grant.revoked", format!("grant/{id}"), json!({}));
    let found = operations::judge_grant(&*app.store, &name, id, move |grant| {
        let Some(grant) = grant else { return (false, Effects::NONE) };
        if grant.ended.is_some() {
            return (true, Effects::NONE);
        }
        let target = Target::grant(&tenant.settings.revocation_salt, grant.id);
        let mut event = event.clone();
        event.detail = json!({ "user": grant.user, "client": grant.client });
        let over = ended(grant, EndReason::Revoked, now);
        let effects = Effects::from(Effect::UpdateGrant(Box::new(over)))
            .and(Effect::Revoke(Box::new(revocation(&tenant, target, now))))
            .audit(event);
        (true, effects)
    })
    .await?;
    if !found {
        return Err(Problem::not_found());
    }
    Ok(app.directory.catch_up(now).await?)
}
