//! Things that are listed, read, made, replaced and deleted in one way.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use grantor_domain::document::{At, Document as _, DocumentKey};
use grantor_domain::params::Params;
use grantor_domain::registry::Entry;
use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::scope::ScopeToken;
use grantor_store::{DocumentQuery, Documents as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::body::{JsonBody, Precondition, etag, query};
use super::page::Page;
use super::write::{self, Consequences};
use super::{Problem, hanging::Hanging};
use crate::access::{Caller, Permission, Permit};
use crate::app::App;
use crate::flow::path;
use crate::reply::json;

/// A kind of thing that the API manages.
pub(crate) trait Resource: Send + Sync + Sized + 'static {
    /// What it is
    type Entity: Entry;
    /// What may be written of it; what is not in here cannot be (SEC-164)
    type Body: DeserializeOwned + Serialize + Clone + ToSchema + Send + Sync + 'static;
    /// What is read of it; what is not in here cannot leak (SEC-159)
    type View: Serialize + ToSchema;
    /// Who may read
    type Read: Permission;
    /// Who may write
    type Write: Permission;

    /// One of them, in audit events: `client`
    const NAME: &'static str;
    /// All of them, in paths: `clients`
    const PATH: &'static str;
    /// The member of a creating body that names the thing; `None` where the server makes the id
    const KEY: Option<&'static str> = None;
    /// What lists can be filtered by
    const FILTERS: &'static [&'static str] = &[];
    /// Whether making one answers in the general way
    const CREATES: bool = true;
    /// Whether things of this kind can be deleted
    const DELETES: bool = true;
    /// Whether lists go across tenants
    const ACROSS_TENANTS: bool = false;

    /// Which part of the list the filters leave. At most one of them is sent.
    fn filter(_: &TenantName, _: &mut Params) -> Result<Filter, Problem> {
        Ok(Filter::All)
    }

    /// Where the thing of this path is; `None` when that can be no name of one.
    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey>;

    /// What is shown.
    fn view(entity: &Self::Entity) -> Self::View;

    /// A new one.
    fn create(key: &str, body: Self::Body, caller: &Caller) -> Result<Self::Entity, Problem>;

    /// The same one, with another body.
    fn replace(
        before: &Self::Entity,
        body: Self::Body,
        caller: &Caller,
    ) -> Result<Self::Entity, Problem>;

    /// Whether it belongs to the server: nobody changes what permissions mean (SEC-162).
    fn is_built_in(_: &Self::Entity) -> bool {
        false
    }

    /// The permissions that whoever gets hold of the thing has: only somebody who has them may
    /// write it (SEC-162).
    fn power(
        _: &App,
        _: &Self::Entity,
    ) -> impl Future<Output = Result<Vec<ScopeToken>, Problem>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What has to be there before the thing is.
    fn prepare(
        _: &App,
        _: &Caller,
        _: &Self::Entity,
    ) -> impl Future<Output = Result<(), Problem>> + Send {
        async { Ok(()) }
    }

    /// What else has to happen when it changes; `None` is that it is deleted.
    fn consequences(
        _: &App,
        _: &Caller,
        _: &Self::Entity,
        _: Option<&Self::Entity>,
    ) -> impl Future<Output = Result<Consequences, Problem>> + Send {
        async { Ok(Consequences::default()) }
    }

    /// What goes with it when it is deleted, or keeps it from being deleted.
    fn hanging(_: &App, _: &Self::Entity) -> impl Future<Output = Result<Hanging, Problem>> + Send {
        async { Ok(Hanging::default()) }
    }
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) enum Filter {
    /// Everything
    All,
    /// What hangs on this
    Under(String),
    /// The one of this name
    Named(String),
}

impl Filter {
    /// By the value of a parameter, if it is there.
    pub(crate) fn under<T>(
        params: &mut Params,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        parent: impl FnOnce(T) -> String,
    ) -> Result<Option<Self>, Problem> {
        let value = params.read(name, read);
        let value = value.map_err(|_| Problem::field(name, "is not valid here"))?;
        Ok(value.map(|value| Self::Under(parent(value))))
    }
}

/// `GET /api/v1/things`
pub(crate) async fn list<R: Resource>(
    State(app): State<App>,
    permit: Permit<R::Read>,
    RawQuery(text): RawQuery,
) -> Result<Response<Body>, Problem> {
    let caller = &permit.caller;
    let tenant = &caller.context.tenant.tenant.name;
    let mut params = query(text.as_deref())?;
    let page = Page::read(&app, caller, R::PATH, R::FILTERS, &mut params)?;
    let filter = R::filter(tenant, &mut params)?;
    super::body::only(&params, &[])?;
    let found = match filter {
        Filter::Named(name) => {
            let key = DocumentKey::name::<R::Entity>(tenant, name);
            app.store.find::<R::Entity>(&key).await?.into_iter().collect()
        }
        Filter::All | Filter::Under(_) => {
            let mut query = DocumentQuery::of::<R::Entity>(tenant, page.fetch());
            if let Filter::Under(parent) = filter {
                query = query.under(parent);
            }
            query.tenant = query.tenant.filter(|_| !R::ACROSS_TENANTS);
            query.after.clone_from(&page.after);
            app.store.list::<R::Entity>(&query).await?
        }
    };
    let shown = found.iter().map(|found| (found.value.id(), R::view(&found.value)));
    Ok(page.answer(&app, shown.collect()))
}

/// `GET /api/v1/things/{id}`
pub(crate) async fn get<R: Resource>(
    State(app): State<App>,
    permit: Permit<R::Read>,
    Path(id): Path<String>,
) -> Result<Response<Body>, Problem> {
    let key = R::at(&permit.caller.context.tenant.tenant.name, &id);
    let key = key.ok_or_else(Problem::not_found)?;
    let found = app.store.find::<R::Entity>(&key).await?.ok_or_else(Problem::not_found)?;
    Ok(shown::<R>(StatusCode::OK, &found.value, found.version))
}

/// `POST /api/v1/things`
pub(crate) async fn post<R: Resource>(
    State(app): State<App>,
    permit: Permit<R::Write>,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let entity = read_new::<R>(&permit.caller, body)?;
    write::create::<R>(&app, &permit.caller, &entity).await?;
    Ok(created::<R>(&permit.caller, &entity))
}

/// A new thing from a body that makes one.
pub(crate) fn read_new<R: Resource>(
    caller: &Caller,
    mut body: JsonBody,
) -> Result<R::Entity, Problem> {
    let key = R::KEY.map(|name| body.take_key(name)).transpose()?.unwrap_or_default();
    R::create(&key, body.read()?, caller)
}

/// `PUT /api/v1/things/{id}`
pub(crate) async fn put<R: Resource>(
    State(app): State<App>,
    permit: Permit<R::Write>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let expected = Precondition::required(&headers)?;
    let body: R::Body = body.read()?;
    let rule = |before: &R::Entity| R::replace(before, body.clone(), &permit.caller);
    let key = R::at(&permit.caller.context.tenant.tenant.name, &id);
    let key = key.ok_or_else(Problem::not_found)?;
    let kind = format!("{}.changed", R::NAME);
    let change = write::Change { key: &key, expected: &expected, kind: &kind, more: &|_, _| {} };
    let after = write::change::<R>(&app, &permit.caller, change, rule).await?;
    Ok(shown::<R>(StatusCode::OK, &after.value, after.version))
}

/// `DELETE /api/v1/things/{id}`
pub(crate) async fn delete<R: Resource>(
    State(app): State<App>,
    permit: Permit<R::Write>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let expected = Precondition::required(&headers)?;
    let key = R::at(&permit.caller.context.tenant.tenant.name, &id);
    let key = key.ok_or_else(Problem::not_found)?;
    write::delete::<R>(&app, &permit.caller, &key, &expected).await?;
    Ok(no_content())
}

/// A thing and its version.
pub(crate) fn shown<R: Resource>(
    status: StatusCode,
    entity: &R::Entity,
    version: i64,
) -> Response<Body> {
    with_etag(json::private(status, &R::view(entity)), version)
}

/// 201, and where the new thing is.
pub(crate) fn created<R: Resource>(caller: &Caller, entity: &R::Entity) -> Response<Body> {
    at_location::<R>(shown::<R>(StatusCode::CREATED, entity, 1), caller, entity)
}

/// Says where the new thing is, below the path of the tenant.
pub(crate) fn at_location<R: Resource>(
    mut response: Response<Body>,
    caller: &Caller,
    entity: &R::Entity,
) -> Response<Body> {
    let id = percent_encoding::utf8_percent_encode(&entity.id(), super::SEGMENT).to_string();
    let at = path(&caller.context.tenant, &format!("{}/{}/{id}", super::BASE, R::PATH));
    if let Ok(location) = HeaderValue::from_str(&at) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// With the entity tag of a version.
pub(crate) fn with_etag(mut response: Response<Body>, version: i64) -> Response<Body> {
    if let Ok(tag) = HeaderValue::from_str(&etag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Done, and nothing to say.
pub(crate) fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The key of a document by the text of a path, if that can be one.
pub(crate) fn by_id<D: grantor_domain::document::Document, T: std::str::FromStr>(
    tenant: &TenantName,
    id: &str,
) -> Option<DocumentKey> {
    id.parse::<T>().ok().map(|_| DocumentKey {
        tenant: tenant.clone(),
        kind: D::KIND,
        at: At::Id(id.to_owned()),
    })
}
