//! Groups and their members.

use grantor_domain::document::{DocumentKey, Kind};
use grantor_domain::group::{Group, Member, MemberRef};
use grantor_domain::params::Params;
use grantor_domain::scope::GrantRule;
use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::scope::ScopeToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hanging::{self, Hanging};
use super::resource::{Filter, Resource, by_id};
use super::schemas::MemberShape;
use super::{Problem, power};
use crate::access::{Caller, GroupRead, GroupWrite};
use crate::app::{App, new_id};

/// What may be written of a group.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupBody)]
pub(crate) struct Body {
    /// Unique in the tenant
    name: String,
    /// For people
    #[serde(default)]
    description: String,
    /// Who belongs to it
    #[serde(default)]
    #[schema(value_type = Vec<MemberShape>)]
    members: Vec<Member>,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct View {
    /// Made by the server
    id: String,
    #[serde(flatten)]
    body: Body,
}

/// `/api/v1/groups`
#[derive(Debug)]
pub(crate) enum Groups {}

impl Resource for Groups {
    type Entity = Group;
    type Body = Body;
    type View = View;
    type Read = GroupRead;
    type Write = GroupWrite;

    const NAME: &'static str = "group";
    const PATH: &'static str = "groups";
    const FILTERS: &'static [&'static str] = &["name"];

    fn filter(_: &TenantName, params: &mut Params) -> Result<Filter, Problem> {
        Ok(params.take("name").map_or(Filter::All, Filter::Named))
    }

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<Group, GroupId>(tenant, id)
    }

    fn view(group: &Group) -> View {
        let Group { tenant: _, id, name, description, members } = group.clone();
        View { id: id.to_string(), body: Body { name, description, members } }
    }

    fn create(_: &str, body: Body, caller: &Caller) -> Result<Group, Problem> {
        let Body { name, description, members } = body;
        let tenant = caller.context.tenant.tenant.name.clone();
        Ok(Group { tenant, id: new_id(caller.context.now), name, description, members })
    }

    fn replace(before: &Group, body: Body, _: &Caller) -> Result<Group, Problem> {
        let Body { name, description, members } = body;
        Ok(Group { tenant: before.tenant.clone(), id: before.id, name, description, members })
    }

    async fn power(app: &App, group: &Group) -> Result<Vec<ScopeToken>, Problem> {
        power::of_group(app, &group.tenant, group.id).await
    }

    async fn hanging(app: &App, group: &Group) -> Result<Hanging, Problem> {
        let view = app.directory.tenant(group.tenant.as_str()).ok_or_else(Problem::not_found)?;
        let named = |rule: &GrantRule| rule.groups().contains(&group.id);
        if let Some(scope) = view.scopes.values().find(|scope| named(&scope.rule)) {
            let detail = format!("the scope {} is granted to its members", scope.token);
            return Err(Problem::conflict(detail));
        }
        let this = MemberRef::Group(group.id);
        let contains = move |outer: &Group| outer.members.iter().any(|m| m.who == this);
        let outer = hanging::all::<Group>(app, &group.tenant, contains).await?;
        Ok(Hanging {
            children: vec![(Kind::Assignment, group.id.to_string())],
            memberships: Some((this, outer.into_iter().map(|outer| outer.id).collect())),
            ..Hanging::default()
        })
    }
}
