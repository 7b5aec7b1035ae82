//! Scopes of the catalogue.

use std::collections::BTreeMap;

use grantor_domain::assignment::Assignment;
use grantor_domain::claims::GroupClaim;
use grantor_domain::document::{Document as _, DocumentKey, Kind};
use grantor_domain::params::Params;
use grantor_domain::scope::{GrantRule, Scope};
use grantor_oauth_types::name::{ResourceTypeId, TenantName};
use grantor_oauth_types::scope::ScopeToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::hanging::{self, Hanging};
use super::resource::{Filter, Resource, by_id};
use super::schemas::{GrantRuleShape, GroupClaimShape};
use crate::access::{Caller, CatalogueRead, CatalogueWrite, is_permission};
use crate::app::App;

/// What may be written of a scope.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScopeBody)]
pub(crate) struct Body {
    /// The data it concerns; none for base scopes. Cannot be changed
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub resource_type: Option<ResourceTypeId>,
    /// How it is granted
    #[schema(value_type = GrantRuleShape)]
    pub rule: GrantRule,
    /// What it is, by language
    pub summary: BTreeMap<String, String>,
    /// For developers
    #[serde(default)]
    pub description: String,
    /// What an owner reads on the consent page, by language
    #[serde(default)]
    pub user_information: BTreeMap<String, String>,
    /// 1 is harmless, 3 is critical
    #[serde(default = "usual_risk")]
    #[schema(minimum = 1, maximum = 3)]
    pub risk: u8,
    /// The level of login it needs
    #[serde(default)]
    pub required_acr: Option<String>,
    /// Who approves assignments: a team or group, for people
    #[serde(default)]
    pub approver: Option<String>,
    /// How long an assignment lasts unless it says otherwise, in seconds
    #[serde(default)]
    pub assignment_seconds: Option<u32>,
    /// How long an owner's decision about it is remembered, in seconds; the tenant's setting otherwise
    #[serde(default)]
    pub consent_seconds: Option<u32>,
    /// A claim with the groups of the person that comes with it; only with the rule `identity`
    #[serde(default)]
    #[schema(value_type = Option<GroupClaimShape>)]
    pub group_claim: Option<GroupClaim>,
}

const fn usual_risk() -> u8 {
    2
}

/// A scope.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Scope)]
pub(crate) struct View {
    /// Its name on the wire: `sales_order.read`
    token: String,
    #[serde(flatten)]
    body: Body,
}

/// `/api/v1/scopes`
#[derive(Debug)]
pub(crate) enum CatalogueScopes {}

impl Resource for CatalogueScopes {
    type Entity = Scope;
    type Body = Body;
    type View = View;
    type Read = CatalogueRead;
    type Write = CatalogueWrite;

    const NAME: &'static str = "scope";
    const PATH: &'static str = "scopes";
    const KEY: Option<&'static str> = Some("token");
    const FILTERS: &'static [&'static str] = &["resource_type"];

    fn filter(_: &TenantName, params: &mut Params) -> Result<Filter, Problem> {
        let read = |text: &str| ResourceTypeId::parse(text).ok();
        let filter = Filter::under(params, "resource_type", read, |id| id.to_string())?;
        Ok(filter.unwrap_or(Filter::All))
    }

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<Scope, ScopeToken>(tenant, id)
    }

    fn view(scope: &Scope) -> View {
        let scope = scope.clone();
        View {
            token: scope.token.to_string(),
            body: Body {
                resource_type: scope.resource_type,
                rule: scope.rule,
                summary: scope.summary,
                description: scope.description,
                user_information: scope.user_information,
                risk: scope.risk,
                required_acr: scope.required_acr,
                approver: scope.approver,
                assignment_seconds: scope.assignment_seconds,
                consent_seconds: scope.consent_seconds,
                group_claim: scope.group_claim,
            },
        }
    }

    fn create(key: &str, body: Body, caller: &Caller) -> Result<Scope, Problem> {
        let token = ScopeToken::parse(key).map_err(|e| Problem::field("/token", e.to_string()))?;
        Ok(written(caller.context.tenant.tenant.name.clone(), token, body))
    }

    fn replace(before: &Scope, body: Body, _: &Caller) -> Result<Scope, Problem> {
        if body.resource_type != before.resource_type {
            return Err(Problem::field("/resource_type", "cannot be changed"));
        }
        Ok(written(before.tenant.clone(), before.token.clone(), body))
    }

    fn is_built_in(scope: &Scope) -> bool {
        is_permission(&scope.token)
    }

    async fn hanging(app: &App, scope: &Scope) -> Result<Hanging, Problem> {
        let of_this = |assignment: &Assignment| assignment.scope == scope.token;
        let assignments = hanging::all::<Assignment>(app, &scope.tenant, of_this).await?;
        let others = assignments.iter().map(|a| (Kind::Assignment, a.id())).collect();
        Ok(Hanging { others, ..Hanging::default() })
    }
}

fn written(tenant: TenantName, token: ScopeToken, body: Body) -> Scope {
    Scope {
        tenant,
        token,
        resource_type: body.resource_type,
        rule: body.rule,
        summary: body.summary,
        description: body.description,
        user_information: body.user_information,
        risk: body.risk,
        required_acr: body.required_acr,
        approver: body.approver,
        assignment_seconds: body.assignment_seconds,
        consent_seconds: body.consent_seconds,
        group_claim: body.group_claim,
    }
}
