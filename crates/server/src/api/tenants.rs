//! Tenants: for administrators of the default tenant only.

use axum::extract::{Path, State};
use axum::http::{Method, Response, StatusCode};
use grantor_domain::document::DocumentKey;
use grantor_domain::tenant::{Tenant, TenantSettings};
use grantor_oauth_types::name::TenantName;
use grantor_store::{Effects, operations};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::description::{Api, Operation};
use super::resource::{Resource, created, read_new};
use super::write::{self, Consequences};
use super::{Problem, schemas};
use crate::access::{Caller, Permission as _, Permit, TenantRead, TenantWrite};
use crate::app::App;
use crate::reply::json as reply;
use crate::routes::Guard;
use crate::{bootstrap, jobs, seed};

/// What may be written of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantBody)]
pub(crate) struct Body {
    /// The issuer identifier: an absolute URL without query, fragment or trailing slash
    issuer: String,
    /// Further host names requests may come in on
    #[serde(default)]
    hosts: Vec<String>,
    /// Nothing is issued while this is off, and what was issued ends
    #[serde(default = "yes")]
    enabled: bool,
    /// Its policy
    #[serde(default)]
    #[schema(value_type = schemas::TenantSettings, required = false)]
    settings: TenantSettings,
}

fn yes() -> bool {
    true
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct View {
    /// Its name
    name: String,
    #[serde(flatten)]
    body: Body,
}

/// `/api/v1/tenants`
#[derive(Debug)]
pub(crate) enum Tenants {}

impl Resource for Tenants {
    type Entity = Tenant;
    type Body = Body;
    type View = View;
    type Read = TenantRead;
    type Write = TenantWrite;

    const NAME: &'static str = "tenant";
    const PATH: &'static str = "tenants";
    const KEY: Option<&'static str> = Some("name");
    const CREATES: bool = false;
    const DELETES: bool = false;
    const ACROSS_TENANTS: bool = true;

    fn at(_: &TenantName, id: &str) -> Option<DocumentKey> {
        let name = TenantName::parse(id).ok()?;
        Some(DocumentKey::id::<Tenant>(&name, id))
    }

    fn view(tenant: &Tenant) -> View {
        let Tenant { name, issuer, hosts, enabled, settings } = tenant.clone();
        View { name: name.to_string(), body: Body { issuer, hosts, enabled, settings } }
    }

    fn create(key: &str, body: Body, _: &Caller) -> Result<Tenant, Problem> {
        let name = TenantName::parse(key).map_err(|e| Problem::field("/name", e.to_string()))?;
        let Body { issuer, hosts, enabled, settings } = body;
        Ok(Tenant { name, issuer, hosts, enabled, settings })
    }

    fn replace(before: &Tenant, body: Body, _: &Caller) -> Result<Tenant, Problem> {
        let Body { issuer, hosts, enabled, settings } = body;
        Ok(Tenant { name: before.name.clone(), issuer, hosts, enabled, settings })
    }

    async fn consequences(
        app: &App,
        caller: &Caller,
        before: &Tenant,
        after: Option<&Tenant>,
    ) -> Result<Consequences, Problem> {
        let mut then = Consequences::default();
        if after.is_some_and(|after| before.enabled && !after.enabled) {
            if before.name == app.settings.default_tenant {
                let detail = "the default tenant cannot be disabled: nobody could enable it again";
                return Err(Problem::conflict(detail));
            }
            then.end_tenant(before, caller.context.now);
        }
        // Under another salt no revocation matches any more: whatever was revoked would come back.
        let salt = |tenant: &Tenant| tenant.settings.revocation_salt.clone();
        if after.is_some_and(|after| salt(after) != salt(before)) {
            then.end_tenant(before, caller.context.now);
        }
        Ok(then)
    }
}

/// Adds the route that makes tenants.
pub(super) fn more(mut api: Api) -> Api {
    let body = api.schema::<Body>();
    let body = api.with_key(Tenants::KEY, &body);
    let view = api.schema::<View>();
    let secret = api.schema::<BootstrapSecret>();
    let secret_text = "Make a one-time secret for the first administrator of a tenant";
    api.add(
        Guard::Permit(TenantWrite::SCOPE),
        &Method::POST,
        "/tenants",
        post,
        Operation::new("tenants", "create_tenant", "Create a tenant")
            .takes(body)
            .answers(201, view),
    )
    .add(
        Guard::Permit(TenantWrite::SCOPE),
        &Method::POST,
        "/tenants/{id}/bootstrap-secret",
        bootstrap_secret,
        Operation::new("tenants", "make_bootstrap_secret", secret_text).answers(201, secret),
    )
}

/// The secret with which the first administrator of a tenant is made: shown this once.
#[derive(Serialize, ToSchema)]
struct BootstrapSecret {
    /// To be redeemed at `/api/v1/bootstrap` of that tenant
    secret: String,
    /// For how long, in seconds
    seconds: i64,
}

/// A tenant that has an administrator is not for those of another to enter (SEC-168).
async fn bootstrap_secret(
    State(app): State<App>,
    permit: Permit<TenantWrite>,
    Path(id): Path<String>,
) -> Result<Response<axum::body::Body>, Problem> {
    let caller = &permit.caller;
    let (view, now) = (app.directory.tenant(&id), caller.context.now);
    let name = &view.as_ref().ok_or_else(Problem::not_found)?.tenant.name;
    let secret = bootstrap::secret_if_needed(&*app.store, &app.secrets, name, now).await?;
    let secret = secret.ok_or_else(|| Problem::conflict("the tenant has an administrator"))?;
    let event = write::event(caller, "bootstrap.secret_made", format!("tenant/{name}"), json!({}));
    operations::write(&*app.store, Effects::NONE.audit(event)).await?;
    let secret = BootstrapSecret { secret, seconds: bootstrap::SECONDS };
    Ok(reply::private(StatusCode::CREATED, &secret))
}

/// A tenant comes with its base scopes, permissions and realms, and a key to sign with.
async fn post(
    State(app): State<App>,
    permit: Permit<TenantWrite>,
    body: JsonBody,
) -> Result<Response<axum::body::Body>, Problem> {
    let tenant = read_new::<Tenants>(&permit.caller, body)?;
    let contents = seed::tenant(tenant.clone(), false).contents();
    write::create_with::<Tenants>(&app, &permit.caller, &tenant, contents).await?;
    jobs::tend(&app).await?;
    Ok(created::<Tenants>(&permit.caller, &tenant))
}
