//! Who may have which scope, why, and until when.

use grantor_domain::assignment::{Assignment, Principal};
use grantor_domain::document::DocumentKey;
use grantor_domain::params::Params;
use grantor_oauth_types::id::{AssignmentId, GroupId, UserId};
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_oauth_types::scope::ScopeToken;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::resource::{Filter, Resource, by_id};
use super::schemas::PrincipalShape;
use crate::access::{AssignmentRead, AssignmentWrite, Caller};
use crate::app::{App, new_id};

/// What may be written of an assignment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentBody)]
pub(crate) struct Body {
    /// Who may have it; cannot be changed
    #[schema(value_type = PrincipalShape)]
    principal: Principal,
    /// What; cannot be changed
    #[schema(value_type = String)]
    scope: ScopeToken,
    /// Why
    reason: String,
    /// Who agreed
    #[serde(default)]
    approver: Option<String>,
    /// Until when; the scope may set a limit of its own where this says nothing
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
}

/// An assignment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Assignment)]
pub(crate) struct View {
    /// Made by the server
    id: String,
    #[serde(flatten)]
    body: Body,
    /// Since when
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// Who wrote it down
    created_by: String,
}

/// `/api/v1/assignments`
#[derive(Debug)]
pub(crate) enum Assignments {}

impl Resource for Assignments {
    type Entity = Assignment;
    type Body = Body;
    type View = View;
    type Read = AssignmentRead;
    type Write = AssignmentWrite;

    const NAME: &'static str = "assignment";
    const PATH: &'static str = "assignments";
    const FILTERS: &'static [&'static str] = &["user", "client", "group"];

    fn filter(_: &TenantName, params: &mut Params) -> Result<Filter, Problem> {
        let key = |principal: Principal| principal.key();
        let user = |text: &str| text.parse::<UserId>().ok().map(Principal::User);
        let client = |text: &str| ClientId::parse(text).ok().map(Principal::Client);
        let group = |text: &str| text.parse::<GroupId>().ok().map(Principal::Group);
        let found = [
            Filter::under(params, "user", user, key)?,
            Filter::under(params, "client", client, key)?,
            Filter::under(params, "group", group, key)?,
        ];
        let mut found = found.into_iter().flatten();
        match (found.next(), found.next()) {
            (first, None) => Ok(first.unwrap_or(Filter::All)),
            (_, Some(_)) => Err(Problem::bad("filter by one of user, client and group")),
        }
    }

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<Assignment, AssignmentId>(tenant, id)
    }

    fn view(found: &Assignment) -> View {
        let found = found.clone();
        View {
            id: found.id.to_string(),
            body: Body {
                principal: found.principal,
                scope: found.scope,
                reason: found.reason,
                approver: found.approver,
                expires: found.expires,
            },
            created: found.created,
            created_by: found.created_by,
        }
    }

    fn create(_: &str, body: Body, caller: &Caller) -> Result<Assignment, Problem> {
        let (view, now) = (&caller.context.tenant, caller.context.now);
        let limit = view.scopes.get(&body.scope).and_then(|scope| scope.assignment_seconds);
        let limit = limit.map(|seconds| {
            let end = now.saturating_add(SignedDuration::from_secs(seconds.into()));
            end.unwrap_or(Timestamp::MAX)
        });
        Ok(Assignment {
            tenant: view.tenant.name.clone(),
            id: new_id(now),
            principal: body.principal,
            scope: body.scope,
            reason: body.reason,
            approver: body.approver,
            created: now,
            created_by: caller.actor.clone(),
            expires: body.expires.or(limit),
        })
    }

    fn replace(before: &Assignment, body: Body, _: &Caller) -> Result<Assignment, Problem> {
        if body.principal != before.principal {
            return Err(Problem::field("/principal", "cannot be changed"));
        }
        if body.scope != before.scope {
            return Err(Problem::field("/scope", "cannot be changed"));
        }
        let Body { reason, approver, expires, .. } = body;
        Ok(Assignment { reason, approver, expires, ..before.clone() })
    }

    async fn power(_: &App, found: &Assignment) -> Result<Vec<ScopeToken>, Problem> {
        Ok(vec![found.scope.clone()])
    }
}
