//! What people consented to, and taking it back for them.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, Response};
use grantor_domain::consent::{Consent, ConsentStatus};
use grantor_domain::document::{Document as _, DocumentKey};
use grantor_domain::revocation::Target;
use grantor_domain::user::User;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::ClientId;
use grantor_store::{Claim, DocumentQuery, Documents as _, Effect, Expect, StoreError, operations};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Problem;
use super::body::{only, query};
use super::description::{Api, Operation, list_of};
use super::page::Page;
use super::resource::{Filter, no_content};
use super::write::{Consequences, event, revocation};
use crate::access::{Caller, ConsentRead, ConsentWrite, Permission as _, Permit};
use crate::app::App;
use crate::id_tokens;
use crate::routes::Guard;

/// A consent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
struct View {
    /// Who decided
    user: String,
    /// About whom
    client: String,
    /// About what
    scope: String,
    /// `APPROVED` or `DENIED`
    #[schema(value_type = String)]
    status: ConsentStatus,
    /// When
    #[schema(value_type = String, format = DateTime)]
    decided: Timestamp,
    /// Until when it is remembered
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
}

impl From<&Consent> for View {
    fn from(consent: &Consent) -> Self {
        Self {
            user: consent.user.to_string(),
            client: consent.client.to_string(),
            scope: consent.scope.to_string(),
            status: consent.status,
            decided: consent.decided,
            expires: consent.expires,
        }
    }
}

/// Adds the routes.
pub(super) fn more(mut api: Api) -> Api {
    let view = api.schema::<View>();
    let withdraw = "Withdraw every consent of a user to a client, and end what was given with them";
    api.add(
        Guard::Permit(ConsentRead::SCOPE),
        &Method::GET,
        "/consents",
        list,
        Operation::new("consents", "list_consent", "List consents")
            .paged(&["user"])
            .answers(200, list_of(&view)),
    )
    .add(
        Guard::Permit(ConsentWrite::SCOPE),
        &Method::DELETE,
        "/consents/{user}/{client}",
        withdraw_all,
        Operation::new("consents", "withdraw_consents", withdraw),
    )
}

async fn list(
    State(app): State<App>,
    permit: Permit<ConsentRead>,
    RawQuery(text): RawQuery,
) -> Result<Response<Body>, Problem> {
    let caller = &permit.caller;
    let mut params = query(text.as_deref())?;
    let page = Page::read(&app, caller, "consents", &["user"], &mut params)?;
    let read = |text: &str| text.parse::<UserId>().ok();
    let filter = Filter::under(&mut params, "user", read, |id| id.to_string())?;
    only(&params, &[])?;
    let tenant = &caller.context.tenant.tenant.name;
    let mut query = DocumentQuery::of::<Consent>(tenant, page.fetch());
    if let Some(Filter::Under(user)) = filter {
        query = query.under(user);
    }
    query.after.clone_from(&page.after);
    let found = app.store.list::<Consent>(&query).await?;
    let shown = found.iter().map(|found| (found.value.id(), View::from(&found.value)));
    Ok(page.answer(&app, shown.collect()))
}

/// What was withdrawn is denied from now on: no other evidence brings it back, not even a grant
/// that goes on living elsewhere.
async fn withdraw_all(
    State(app): State<App>,
    permit: Permit<ConsentWrite>,
    Path((user, client)): Path<(String, String)>,
) -> Result<Response<Body>, Problem> {
    let caller = &permit.caller;
    let tenant = &caller.context.tenant.tenant.name;
    let user: UserId = user.parse().map_err(|_| Problem::not_found())?;
    let client = ClientId::parse(&client).map_err(|_| Problem::not_found())?;
    let key = DocumentKey::id::<User>(tenant, user.to_string());
    let found = app.store.find::<User>(&key).await?.ok_or_else(Problem::not_found)?;
    withdraw(&app, caller, &found.value, &client).await?;
    Ok(no_content())
}

/// What `user` allowed `client` is denied from now on, and what came of it ends.
///
/// # Errors
/// When there is nothing between the two.
pub(crate) async fn withdraw(
    app: &App,
    caller: &Caller,
    user: &User,
    client: &ClientId,
) -> Result<(), Problem> {
    let tenant = &caller.context.tenant.tenant.name;
    let more = endings(app, caller, user, client).await?;
    let detail = json!({ "user": user.id, "client": client });
    let event = event(caller, "consent.withdrawn", format!("user/{}", user.id), detail);
    let claims = vec![Claim::Children {
        tenant: tenant.clone(),
        kind: Consent::KIND,
        parent: user.id.to_string(),
    }];
    let (now, client) = (caller.context.now, client.clone());
    operations::judge(&*app.store, claims, move |claimed| {
        let consents = claimed.children::<Consent>(0)?;
        let mut effects = more.clone();
        let mut any = false;
        for mut found in consents.into_iter().filter(|found| found.value.client == client) {
            any = true;
            (found.value.status, found.value.decided) = (ConsentStatus::Denied, now);
            found.value.expires = None;
            effects = effects.put(&found.value, Expect::Version(found.version));
        }
        if !any {
            return Err(StoreError::from(Problem::not_found()));
        }
        Ok(((), effects.audit(event.clone())))
    })
    .await?;
    app.directory.catch_up(now).await?;
    Ok(())
}

/// The grants between the two end, and the tokens that name both, however they name the person.
async fn endings(
    app: &App,
    caller: &Caller,
    user: &User,
    client: &ClientId,
) -> Result<grantor_store::Effects, Problem> {
    let (tenant, now) = (&caller.context.tenant.tenant, caller.context.now);
    let salt = &tenant.settings.revocation_salt;
    let mut then = Consequences::default();
    then.and(Effect::EndGrants {
        tenant: tenant.name.clone(),
        user: Some(user.id),
        client: Some(client.clone()),
        at: now,
    });
    let entry = app.directory.client(&tenant.name, client).await?;
    let known_as = entry.map(|entry| id_tokens::subject(app, entry.client(), user));
    for sub in [user.id.to_string(), user.name.to_string()].into_iter().chain(known_as) {
        let realm = user.realm.with_slash();
        let claims = [("realm", &*realm), ("sub", &*sub), ("client_id", client.as_str())];
        then.revoke(revocation(tenant, Target::claims(salt, &claims), now));
    }
    Ok(then.into_effects())
}
