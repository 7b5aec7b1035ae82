//! Realms.

use grantor_domain::document::{DocumentKey, Kind};
use grantor_domain::realm::Realm;
use grantor_domain::tenant::SignInPage;
use grantor_oauth_types::name::{RealmName, TenantName};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::hanging::Hanging;
use super::resource::{Resource, by_id};
use crate::access::{Caller, RealmRead, RealmWrite};
use crate::app::App;

/// What may be written of a realm.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RealmBody)]
pub(crate) struct Body {
    /// Whether its users are services: every scope beyond the default ones must be assigned
    #[serde(default)]
    services: bool,
    /// Whether the password grant works for its users
    #[serde(default)]
    password_grant: bool,
    /// What is granted when nothing is asked for, and is allowed to every client
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    default_scopes: Scopes,
    /// How long its users' access tokens live, in seconds; the tenant's setting otherwise
    #[serde(default)]
    access_token_seconds: Option<u32>,
    /// How its people sign in: `one_page` or `identity_first`; the tenant's setting otherwise
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    sign_in_page: Option<SignInPage>,
}

/// A realm.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Realm)]
pub(crate) struct View {
    /// Its name, without slash
    name: String,
    #[serde(flatten)]
    body: Body,
}

/// `/api/v1/realms`
#[derive(Debug)]
pub(crate) enum Realms {}

impl Resource for Realms {
    type Entity = Realm;
    type Body = Body;
    type View = View;
    type Read = RealmRead;
    type Write = RealmWrite;

    const NAME: &'static str = "realm";
    const PATH: &'static str = "realms";
    const KEY: Option<&'static str> = Some("name");

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<Realm, RealmName>(tenant, id)
    }

    fn view(realm: &Realm) -> View {
        let Realm { tenant: _, name, services, password_grant, default_scopes, .. } = realm;
        View {
            name: name.to_string(),
            body: Body {
                services: *services,
                password_grant: *password_grant,
                default_scopes: default_scopes.clone(),
                access_token_seconds: realm.access_token_seconds,
                sign_in_page: realm.sign_in_page,
            },
        }
    }

    fn create(key: &str, body: Body, caller: &Caller) -> Result<Realm, Problem> {
        let name = RealmName::parse(key).map_err(|e| Problem::field("/name", e.to_string()))?;
        let tenant = caller.context.tenant.tenant.name.clone();
        Ok(written(tenant, name, body))
    }

    fn replace(before: &Realm, body: Body, _: &Caller) -> Result<Realm, Problem> {
        Ok(written(before.tenant.clone(), before.name.clone(), body))
    }

    /// A default scope is allowed to every client.
    async fn power(_: &App, realm: &Realm) -> Result<Vec<ScopeToken>, Problem> {
        Ok(realm.default_scopes.iter().cloned().collect())
    }

    async fn hanging(app: &App, realm: &Realm) -> Result<Hanging, Problem> {
        let view = app.directory.tenant(realm.tenant.as_str()).ok_or_else(Problem::not_found)?;
        let mut types = view.resource_types.values();
        if let Some(owned) = types.find(|known| known.owners.contains(&realm.name)) {
            let detail = format!("the resource type {} is owned by users of the realm", owned.id);
            return Err(Problem::conflict(detail));
        }
        let reason = "the realm still has users";
        let forbidding = vec![(Kind::User, realm.name.to_string(), reason)];
        Ok(Hanging { forbidding, ..Hanging::default() })
    }
}

fn written(tenant: TenantName, name: RealmName, body: Body) -> Realm {
    let Body { services, password_grant, default_scopes, access_token_seconds, sign_in_page } =
        body;
    Realm {
        tenant,
        name,
        services,
        password_grant,
        default_scopes,
        access_token_seconds,
        sign_in_page,
    }
}
