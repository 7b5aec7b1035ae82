//! An application with its service user and its first client, in one operation: either everything
//! is there afterwards, or nothing.

use axum::extract::State;
use axum::http::{Method, Response, StatusCode};
use grantor_crypto::secret::{BearerSecret, SecretKind};
use grantor_domain::application::Application;
use grantor_domain::client::Client;
use grantor_domain::registry::{Entry, Flaw, Known};
use grantor_domain::user::{StoredPassword, User};
use grantor_store::{Effects, Expect, operations};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::applications::{Applications, View};
use super::body::JsonBody;
use super::clients::{self, Clients};
use super::description::{Api, Operation};
use super::resource::{Resource, at_location, read_new, with_etag};
use super::users::{self, Users};
use super::{Problem, write};
use crate::access::{ApplicationWrite, Caller, ClientWrite, Permission, Permit, UserWrite};
use crate::app::App;
use crate::reply::json as reply;
use crate::routes::Guard;

/// The members that make more than the application.
const SERVICE_USER: &str = "new_service_user";
const CLIENT: &str = "new_client";

/// Adds the route.
pub(super) fn more(mut api: Api) -> Api {
    let application = api.schema::<super::applications::Body>();
    let application = api.with_key(Applications::KEY, &application);
    let (user, client) = (api.schema::<users::Body>(), api.schema::<clients::Body>());
    let client = api.with_key(Clients::KEY, &client);
    let more = json!({ "properties": { SERVICE_USER: user, CLIENT: client } });
    let body = api.with_more(&application, more);
    let made = api.schema::<Made>();
    let text = "Create an application, with its service user and client if they are given (which \
                needs the permissions for those too); shows their secrets once";
    api.add(
        Guard::Permit(ApplicationWrite::SCOPE),
        &Method::POST,
        "/applications",
        post,
        Operation::new("applications", "create_application", text).takes(body).answers(201, made),
    )
}

/// What was made: secrets are shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApplication)]
struct Made {
    #[serde(flatten)]
    application: View,
    /// The password of the service user that was made
    #[serde(skip_serializing_if = "Option::is_none")]
    service_user_password: Option<String>,
    /// The client that was made
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// Its secret, if it authenticates with one
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Everything that is to be there afterwards.
#[derive(Clone)]
struct Registration {
    application: Application,
    user: Option<User>,
    client: Option<Client>,
}

async fn post(
    State(app): State<App>,
    permit: Permit<ApplicationWrite>,
    mut body: JsonBody,
) -> Result<Response<axum::body::Body>, Problem> {
    let caller = &permit.caller;
    let user = body.take_part(SERVICE_USER)?;
    let client = body.take_part(CLIENT)?;
    let mut application = read_new::<Applications>(caller, body)?;
    let mut made = Made {
        application: Applications::view(&application),
        service_user_password: None,
        client_id: None,
        client_secret: None,
    };
    let user = match user {
        None => None,
        Some(part) => {
            also::<UserWrite>(&app, caller)?;
            let (user, password) = service_user(&app, caller, &application, part).await?;
            application.service_user = Some(user.id);
            made.service_user_password = password;
            Some(user)
        }
    };
    let client = match client {
        None => None,
        Some(part) => {
            also::<ClientWrite>(&app, caller)?;
            let (client, secret) = first_client(&app, caller, &application, part)?;
            made.client_id = Some(client.id.to_string());
            made.client_secret = secret;
            Some(client)
        }
    };
    made.application = Applications::view(&application);
    let registration = Registration { application, user, client };
    register(&app, caller, &registration).await?;
    let response = with_etag(reply::private(StatusCode::CREATED, &made), 1);
    Ok(at_location::<Applications>(response, caller, &registration.application))
}

/// What belongs to the application needs its own permission.
fn also<P: Permission>(app: &App, caller: &Caller) -> Result<(), Problem> {
    if caller.rights.has(P::SCOPE) {
        return Ok(());
    }
    caller.refused(app, &format!("POST /api/v1/applications: needs {}", P::SCOPE));
    Err(Problem::insufficient_scope(P::SCOPE))
}

/// With a password, unless it brings the hash of one along.
async fn service_user(
    app: &App,
    caller: &Caller,
    application: &Application,
    mut part: Map<String, Value>,
) -> Result<(User, Option<String>), Problem> {
    part.insert("application".to_owned(), json!(application.id));
    let body = JsonBody::of(part).read().map_err(|problem| problem.under(SERVICE_USER))?;
    let mut user = Users::create("", body, caller)?;
    if !user.passwords.is_empty() {
        return Ok((user, None));
    }
    let password = BearerSecret::mint(SecretKind::ServicePassword).reveal();
    user.passwords.push(StoredPassword {
        hash: users::hash(app, &password).await?,
        created: caller.context.now,
        created_by: caller.actor.clone(),
    });
    Ok((user, Some(password)))
}

fn first_client(
    app: &App,
    caller: &Caller,
    application: &Application,
    mut part: Map<String, Value>,
) -> Result<(Client, Option<String>), Problem> {
    part.insert("application".to_owned(), json!(application.id));
    let client = read_new::<Clients>(caller, JsonBody::of(part));
    let mut client = client.map_err(|problem| problem.under(CLIENT))?;
    let secret = clients::give_secret(app, &mut client, caller.context.now);
    Ok((client, secret))
}

/// Checks each as if the others were there, and writes all.
async fn register(app: &App, caller: &Caller, all: &Registration) -> Result<(), Problem> {
    write::within_rights::<Applications>(app, caller, &all.application).await?;
    let mut wants = all.application.wants();
    wants.extend(all.user.iter().flat_map(Entry::wants));
    if let Some(client) = &all.client {
        write::within_rights::<Clients>(app, caller, client).await?;
        Clients::prepare(app, caller, client).await?;
        wants.extend(client.wants());
    }
    let claims = wants.into_iter().map(write::claim).collect();
    let (effects, all, now) = (effects(caller, all), all.clone(), caller.context.now);
    operations::judge(&*app.store, claims, move |claimed| {
        let known = write::known(claimed, now)?;
        all.check(known).map_err(|flaws| Problem::flaws(&flaws))?;
        Ok(((), effects.clone()))
    })
    .await?;
    Ok(app.directory.catch_up(now).await?)
}

impl Registration {
    fn check(&self, known: Known) -> Result<(), Vec<Flaw>> {
        let mut known = known.and(&self.application);
        if let Some(user) = &self.user {
            known = known.and(user);
        }
        let mut flaws = self.application.check(&known).err().unwrap_or_default();
        let parts = [
            (SERVICE_USER, self.user.as_ref().map(|user| user.check(&known))),
            (CLIENT, self.client.as_ref().map(|client| client.check(&known))),
        ];
        for (part, outcome) in parts {
            let Some(Err(found)) = outcome else { continue };
            flaws.extend(found.into_iter().map(|flaw| Flaw {
                pointer: format!("/{part}{}", flaw.pointer),
                reason: flaw.reason,
            }));
        }
        if flaws.is_empty() { Ok(()) } else { Err(flaws) }
    }
}

fn effects(caller: &Caller, all: &Registration) -> Effects {
    let mut effects =
        Effects::NONE
            .put(&all.application, Expect::New)
            .audit(write::created::<Applications>(caller, &all.application));
    if let Some(user) = &all.user {
        effects = effects.put(user, Expect::New).audit(write::created::<Users>(caller, user));
    }
    if let Some(client) = &all.client {
        effects = effects.put(client, Expect::New).audit(write::created::<Clients>(caller, client));
    }
    effects
}
