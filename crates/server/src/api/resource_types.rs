//! Resource types: which data there is, and who can own it.

use grantor_domain::assignment::Assignment;
use grantor_domain::document::{Document as _, DocumentKey, Kind};
use grantor_domain::resource_type::ResourceType;
use grantor_oauth_types::name::{RealmName, ResourceTypeId, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::hanging::{self, Hanging};
use super::resource::{Resource, by_id};
use crate::access::{Caller, CatalogueRead, CatalogueWrite, RESOURCE_TYPE};
use crate::app::App;

/// What may be written of a resource type.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResourceTypeBody)]
pub(crate) struct Body {
    /// For people
    pub name: String,
    /// For people
    #[serde(default)]
    pub description: String,
    /// The realms whose users can own such data
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub owners: Vec<RealmName>,
    /// The identifier of the API that serves such data; the issuer itself otherwise
    #[serde(default)]
    pub audience: Option<String>,
}

/// A resource type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResourceType)]
pub(crate) struct View {
    /// Such as `sales_order`
    id: String,
    #[serde(flatten)]
    body: Body,
}

/// `/api/v1/resource-types`
#[derive(Debug)]
pub(crate) enum ResourceTypes {}

impl Resource for ResourceTypes {
    type Entity = ResourceType;
    type Body = Body;
    type View = View;
    type Read = CatalogueRead;
    type Write = CatalogueWrite;

    const NAME: &'static str = "resource_type";
    const PATH: &'static str = "resource-types";
    const KEY: Option<&'static str> = Some("id");

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<ResourceType, ResourceTypeId>(tenant, id)
    }

    fn view(found: &ResourceType) -> View {
        let ResourceType { tenant: _, id, name, description, owners, audience } = found.clone();
        View { id: id.to_string(), body: Body { name, description, owners, audience } }
    }

    fn create(key: &str, body: Body, caller: &Caller) -> Result<ResourceType, Problem> {
        let id = ResourceTypeId::parse(key).map_err(|e| Problem::field("/id", e.to_string()))?;
        let tenant = caller.context.tenant.tenant.name.clone();
        let Body { name, description, owners, audience } = body;
        Ok(ResourceType { tenant, id, name, description, owners, audience })
    }

    fn replace(before: &ResourceType, body: Body, _: &Caller) -> Result<ResourceType, Problem> {
        let (tenant, id) = (before.tenant.clone(), before.id.clone());
        let Body { name, description, owners, audience } = body;
        Ok(ResourceType { tenant, id, name, description, owners, audience })
    }

    /// Scopes of `grantor.x` would begin like permissions.
    fn is_built_in(found: &ResourceType) -> bool {
        found.id.as_str().split('.').next() == Some(RESOURCE_TYPE)
    }

    async fn hanging(app: &App, found: &ResourceType) -> Result<Hanging, Problem> {
        let prefix = format!("{}.", found.id);
        let of_this = |assignment: &Assignment| assignment.scope.as_str().starts_with(&prefix);
        let assignments = hanging::all::<Assignment>(app, &found.tenant, of_this).await?;
        Ok(Hanging {
            children: vec![(Kind::Scope, found.id.to_string())],
            others: assignments.iter().map(|a| (Kind::Assignment, a.id())).collect(),
            ..Hanging::default()
        })
    }
}
