//! How types of the domain look in the description; they are never made.
#![expect(dead_code, reason = "only their shape is of interest")]

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How a scope is granted; see `grantor_domain::scope::GrantRule`.
#[derive(ToSchema)]
#[schema(as = GrantRule)]
pub(crate) struct GrantRuleShape {
    /// Which rule
    granted: Granted,
    /// For `group`: membership in any of these is enough
    #[schema(required = false)]
    groups: Vec<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Granted {
    Owner,
    Assigned,
    Group,
    Always,
    Selector,
    Identity,
}

/// Who can be given a scope; see `grantor_domain::assignment::Principal`.
#[derive(ToSchema)]
#[schema(as = Principal, rename_all = "snake_case")]
pub(crate) enum PrincipalShape {
    /// A user, by id
    User(String),
    /// A client
    Client(String),
    /// Every member of a group, by id
    Group(String),
}

/// A user, or a group whose members are members too; see `grantor_domain::group::MemberRef`.
#[derive(ToSchema)]
#[schema(as = MemberRef, rename_all = "snake_case")]
pub(crate) enum MemberRefShape {
    /// A user, by id
    User(String),
    /// A nested group, by id
    Group(String),
}

/// A member of a group; see `grantor_domain::group::Member`.
#[derive(ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberShape {
    /// Who
    who: MemberRefShape,
    /// The outside system that said so
    #[schema(required = false)]
    source: Option<String>,
}

/// Weaker behaviour that old peers need; see `grantor_domain::client::Compat`.
#[derive(ToSchema)]
#[schema(as = Compat)]
pub(crate) struct CompatShape {
    /// The password grant (the realm must allow it too)
    #[schema(required = false)]
    password_grant: bool,
    /// Id and secret in Basic need not be form-encoded
    #[schema(required = false)]
    basic_raw: bool,
    /// Basic or body, whichever
    #[schema(required = false)]
    any_secret_method: bool,
}

/// The policy of a tenant; see `grantor_domain::tenant::TenantSettings`.
pub(crate) struct TenantSettings;

impl PartialSchema for TenantSettings {
    fn schema() -> RefOr<Schema> {
        let schema = schemars::schema_for!(grantor_domain::tenant::TenantSettings);
        let mut schema = serde_json::to_value(schema).expect("schemas are plain JSON");
        if let Some(members) = schema.as_object_mut() {
            members.retain(|name, _| !name.starts_with('$'));
        }
        serde_json::from_value(schema).expect("a JSON schema is a schema of OpenAPI 3.1")
    }
}

impl ToSchema for TenantSettings {}
