//! How types of the domain look in the description; they are never made.
#![expect(dead_code, reason = "only their shape is of interest")]

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::JsonSchema;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How a scope is granted; see `grantor_domain::scope::GrantRule`.
#[derive(ToSchema)]
#[schema(as = GrantRule)]
pub(crate) struct GrantRuleShape {
    /// Which rule
    granted: Granted,
    /// For `group`: membership in any of these is enough. For `selector`: only their members may
    /// sign in this way, if there are any
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

/// A claim that names the groups of a person; see `grantor_domain::claims::GroupClaim`.
#[derive(ToSchema)]
#[schema(as = GroupClaim)]
pub(crate) struct GroupClaimShape {
    /// Its name, mostly a URI
    name: String,
    /// One `text` of names with a space between and `_` for `:`, unless it says otherwise; or a
    /// `list` of names as they are
    #[schema(required = false)]
    form: GroupFormShape,
    /// Only groups whose names begin with it, which the claim leaves out
    #[schema(required = false)]
    prefix: String,
}

#[derive(ToSchema)]
#[schema(as = GroupForm, rename_all = "snake_case")]
pub(crate) enum GroupFormShape {
    Text,
    List,
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

/// See `grantor_domain::client::Compat`.
pub(crate) type CompatShape = Shape<grantor_domain::client::Compat>;

/// The policy of a tenant; see `grantor_domain::tenant::TenantSettings`.
pub(crate) type TenantSettings = Shape<grantor_domain::tenant::TenantSettings>;

/// See `grantor_domain::client::AuthorizationSettings`.
pub(crate) type AuthorizationShape = Shape<grantor_domain::client::AuthorizationSettings>;

/// See `grantor_domain::client::OpenIdSettings`.
pub(crate) type OpenIdShape = Shape<grantor_domain::client::OpenIdSettings>;

/// See `grantor_domain::client::LogoutSettings`.
pub(crate) type LogoutShape = Shape<grantor_domain::client::LogoutSettings>;

/// See `grantor_domain::client::Presentation`.
pub(crate) type PresentationShape = Shape<grantor_domain::client::Presentation>;

/// See `grantor_domain::client::MutualTls`.
pub(crate) type MutualTlsShape = Shape<grantor_domain::client::MutualTls>;

/// See `grantor_domain::user::Person`.
pub(crate) type PersonShape = Shape<grantor_domain::user::Person>;

/// The shape that a type of the domain says it has.
pub(crate) struct Shape<T>(PhantomData<T>);

impl<T: JsonSchema> PartialSchema for Shape<T> {
    fn schema() -> RefOr<Schema> {
        let inline = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
        });
        let schema = inline.into_generator().into_root_schema_for::<T>();
        let mut schema = serde_json::to_value(schema).expect("schemas are plain JSON");
        if let Some(members) = schema.as_object_mut() {
            members.retain(|name, _| !name.starts_with('$'));
        }
        serde_json::from_value(schema).expect("a JSON schema is a schema of OpenAPI 3.1")
    }
}

impl<T: JsonSchema> ToSchema for Shape<T> {
    fn name() -> Cow<'static, str> {
        T::schema_name()
    }
}
