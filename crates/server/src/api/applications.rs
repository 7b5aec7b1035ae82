//! Applications and their owning teams.

use grantor_domain::application::Application;
use grantor_domain::client::Client;
use grantor_domain::document::{Document as _, DocumentKey, Kind};
use grantor_domain::user::User;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ApplicationId, TenantName};
use grantor_oauth_types::scope::ScopeToken;
use grantor_store::{DocumentQuery, Documents as _, MAX_CHILDREN};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hanging::Hanging;
use super::resource::{Resource, by_id};
use super::write::Consequences;
use super::{Problem, power, users};
use crate::access::{ApplicationRead, ApplicationWrite, Caller};
use crate::app::App;

/// What may be written of an application.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApplicationBody)]
pub(crate) struct Body {
    /// Who owns it
    team: String,
    /// For people
    name: String,
    /// One line for people
    #[serde(default)]
    subtitle: String,
    /// An inactive application gets no tokens: neither its clients nor its service user
    #[serde(default = "yes")]
    active: bool,
    /// The user it acts as, by id; it has to name the application in turn
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    service_user: Option<UserId>,
}

fn yes() -> bool {
    true
}

/// An application.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Application)]
pub(crate) struct View {
    /// Chosen by its team
    id: String,
    #[serde(flatten)]
    body: Body,
}

/// `/api/v1/applications`
#[derive(Debug)]
pub(crate) enum Applications {}

impl Resource for Applications {
    type Entity = Application;
    type Body = Body;
    type View = View;
    type Read = ApplicationRead;
    type Write = ApplicationWrite;

    const NAME: &'static str = "application";
    const PATH: &'static str = "applications";
    const KEY: Option<&'static str> = Some("id");
    /// See [`super::registration`].
    const CREATES: bool = false;

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<Application, ApplicationId>(tenant, id)
    }

    fn view(found: &Application) -> View {
        let Application { tenant: _, id, team, name, subtitle, active, service_user } =
            found.clone();
        View { id: id.to_string(), body: Body { team, name, subtitle, active, service_user } }
    }

    fn create(key: &str, body: Body, caller: &Caller) -> Result<Application, Problem> {
        let id = ApplicationId::parse(key).map_err(|e| Problem::field("/id", e.to_string()))?;
        let tenant = caller.context.tenant.tenant.name.clone();
        let Body { team, name, subtitle, active, service_user } = body;
        Ok(Application { tenant, id, team, name, subtitle, active, service_user })
    }

    fn replace(before: &Application, body: Body, _: &Caller) -> Result<Application, Problem> {
        let (tenant, id) = (before.tenant.clone(), before.id.clone());
        let Body { team, name, subtitle, active, service_user } = body;
        Ok(Application { tenant, id, team, name, subtitle, active, service_user })
    }

    /// The clients of an application have what is assigned to its service user.
    async fn power(app: &App, found: &Application) -> Result<Vec<ScopeToken>, Problem> {
        match found.service_user {
            Some(user) => power::of_user(app, &found.tenant, user).await,
            None => Ok(Vec::new()),
        }
    }

    /// What was given to its clients and its service user ends with it.
    async fn consequences(
        app: &App,
        caller: &Caller,
        before: &Application,
        after: Option<&Application>,
    ) -> Result<Consequences, Problem> {
        let mut then = Consequences::default();
        let goes_on = after.is_some_and(|after| after.active || !before.active);
        if goes_on {
            return Ok(then);
        }
        let clients = DocumentQuery::of::<Client>(&before.tenant, MAX_CHILDREN).under(before.id());
        for client in app.store.list::<Client>(&clients).await? {
            then.end_client(&caller.context, &client.value.id);
        }
        if let Some(user) = service_user(app, before).await? {
            then.end_user(&caller.context, &user);
        }
        Ok(then)
    }

    /// The service user goes with the application; its clients have to go before.
    async fn hanging(app: &App, found: &Application) -> Result<Hanging, Problem> {
        let reason = "the application still has clients";
        let forbidding = vec![(Kind::Client, found.id(), reason)];
        let Some(user) = service_user(app, found).await? else {
            return Ok(Hanging { forbidding, ..Hanging::default() });
        };
        let left = users::left_by(app, &user).await?;
        Ok(Hanging { forbidding, others: vec![(Kind::User, user.id())], ..left })
    }
}

async fn service_user(app: &App, found: &Application) -> Result<Option<User>, Problem> {
    let Some(id) = found.service_user else { return Ok(None) };
    let key = DocumentKey::id::<User>(&found.tenant, id.to_string());
    Ok(app.store.find::<User>(&key).await?.map(|found| found.value))
}
