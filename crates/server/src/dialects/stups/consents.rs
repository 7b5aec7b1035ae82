//! `/consents/{realm}/{username}/{client_id}`: what somebody allowed a client, read and withdrawn
//! (`stups.md` 2.14). The rules and the writes are those of `/api/v1/consents`, and so are the
//! permissions: Plan B let everybody with `uid` do it.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, Response, StatusCode};
use grantor_domain::consent::{Consent, ConsentStatus};
use grantor_oauth_types::name::{ClientId, RealmName};
use grantor_store::{DocumentQuery, Documents as _};
use serde_json::json;

use crate::access::{Caller, ConsentRead, ConsentWrite, Permission as _, Permit};
use crate::api::{Problem, withdraw_consents};
use crate::app::App;
use crate::directory::UserEntry;
use crate::reply::json::{private, private_bytes};
use crate::routes::{Guard, Routes};

/// More decisions than one person takes about one client.
const MOST: usize = 1_000;

/// Both places that were published, and both spellings of the realm (2.14, 2.15).
pub(super) fn routes() -> Routes {
    let mut routes = Routes::default();
    for start in ["/consents", "/raw-sync/consents"] {
        for slashes in ["/", "//"] {
            let path = format!("{start}{slashes}{{realm}}/{{user}}/{{client}}");
            routes = routes.add(Guard::Permit(ConsentRead::SCOPE), Method::GET, &path, get).add(
                Guard::Permit(ConsentWrite::SCOPE),
                Method::DELETE,
                &path,
                delete,
            );
        }
    }
    routes
}

type Names = Path<(String, String, String)>;

async fn get(
    State(app): State<App>,
    permit: Permit<ConsentRead>,
    Path((realm, user, client)): Names,
) -> Result<Response<Body>, Problem> {
    let found = find(&app, &permit.caller, &realm, &user).await?;
    let mut scopes = Vec::new();
    if let Some(entry) = found {
        let tenant = &permit.caller.context.tenant.tenant.name;
        let query = DocumentQuery::of::<Consent>(tenant, MOST).under(entry.user.id.to_string());
        let all = app.store.list::<Consent>(&query).await?;
        let theirs = all.into_iter().map(|found| found.value).filter(|consent| {
            let lives = consent.expires.is_none_or(|end| end > permit.caller.context.now);
            consent.client.as_str() == client && consent.status == ConsentStatus::Approved && lives
        });
        scopes.extend(theirs.map(|consent| consent.scope.to_string()));
    }
    Ok(private(StatusCode::OK, &json!({ "scopes": scopes })))
}

async fn delete(
    State(app): State<App>,
    permit: Permit<ConsentWrite>,
    Path((realm, user, client)): Names,
) -> Result<Response<Body>, Problem> {
    let client = ClientId::parse(&client).map_err(|_| Problem::not_found())?;
    if let Some(entry) = find(&app, &permit.caller, &realm, &user).await? {
        match withdraw_consents(&app, &permit.caller, &entry.user, &client).await {
            // What is not there is withdrawn.
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => {}
            done => done?,
        }
    }
    Ok(private_bytes(StatusCode::NO_CONTENT, axum::body::Bytes::new()))
}

async fn find(
    app: &App,
    caller: &Caller,
    realm: &str,
    name: &str,
) -> Result<Option<std::sync::Arc<UserEntry>>, Problem> {
    let realm = RealmName::parse_lenient(realm).map_err(|_| Problem::not_found())?;
    let tenant = &caller.context.tenant.tenant.name;
    Ok(app.directory.user_named(tenant, &realm, name).await?)
}
