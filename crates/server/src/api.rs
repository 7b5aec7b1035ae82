//! The management API, `/api/v1`: everything that is configured, by people with permits.
//!
//! | what comes in      | goes through          |
//! |--------------------|-----------------------|
//! | who, and may he    | [`crate::access`]     |
//! | JSON, preconditions| [`body`]              |
//! | lists              | [`page`]              |
//! | list, read, write  | [`resource`]          |
//! | one atomic change  | [`mod@write`]          |
//! | a refusal          | [`problem`]           |
//!
//! A file per resource says what may be read and written of it, and nothing else. Rules are those
//! of [`grantor_domain::registry`]: the same for making and for changing (SEC-152), and the same
//! that the essentials dialect and `grantor apply` meet.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use crate::routes::Routes;

pub(crate) mod applications;
pub(crate) mod assignments;
mod audit;
mod body;
mod bootstrap;
mod client_secrets;
pub(crate) mod clients;
mod consents;
mod decisions;
pub(crate) mod description;
mod grants;
pub(crate) mod groups;
mod hanging;
mod keys;
mod me;
mod page;
mod power;
mod problem;
pub(crate) mod realms;
mod registration;
pub(crate) mod resource;
pub(crate) mod resource_types;
mod revocations;
mod schemas;
pub(crate) mod scopes;
mod tenants;
pub(crate) mod users;
pub(crate) mod write;

pub(crate) use body::Precondition;
pub(crate) use clients::{Clients, give_secret, takes_secret};
pub(crate) use consents::withdraw as withdraw_consents;
pub(crate) use me::described;
pub use problem::{FieldError, Problem};

use description::Api;
use resource::Resource as _;

/// What every path of the API begins with.
pub const BASE: &str = "/api/v1";

/// The longest body, in bytes (SEC-007).
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;

/// What is escaped in a segment of a path (RFC 3986 §3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Every route of the API.
pub fn routes() -> Routes {
    everything().into_routes()
}

/// The description of the API in OpenAPI 3.1.
pub fn openapi() -> OpenApi {
    everything().into_openapi()
}

/// The body of a thing in the form in which the API writes it again, by which two of them can be
/// compared: defaults are there, and whatever can be written in several ways is in one. `path` is that
/// of its kind, such as `clients`; `None` is that there is no such kind. What is only written is three
/// dots.
///
/// # Errors
/// What the API would answer to a body that it cannot read.
pub fn normal_body(path: &str, body: Map<String, Value>) -> Option<Result<Value, Problem>> {
    let normal = match path {
        tenants::Tenants::PATH => body::normal::<tenants::Body>,
        realms::Realms::PATH => body::normal::<realms::Body>,
        users::Users::PATH => body::normal::<users::Body>,
        groups::Groups::PATH => body::normal::<groups::Body>,
        applications::Applications::PATH => body::normal::<applications::Body>,
        Clients::PATH => body::normal::<clients::Body>,
        resource_types::ResourceTypes::PATH => body::normal::<resource_types::Body>,
        scopes::CatalogueScopes::PATH => body::normal::<scopes::Body>,
        assignments::Assignments::PATH => body::normal::<assignments::Body>,
        _ => return None,
    };
    Some(normal(body))
}

fn everything() -> Api {
    let api = Api::default()
        .resource::<tenants::Tenants>()
        .resource::<realms::Realms>()
        .resource::<users::Users>()
        .resource::<groups::Groups>()
        .resource::<applications::Applications>()
        .resource::<clients::Clients>()
        .resource::<resource_types::ResourceTypes>()
        .resource::<scopes::CatalogueScopes>()
        .resource::<assignments::Assignments>();
    let more: [fn(Api) -> Api; 12] = [
        tenants::more,
        users::more,
        registration::more,
        clients::more,
        client_secrets::more,
        consents::more,
        grants::more,
        revocations::more,
        keys::more,
        audit::more,
        decisions::more,
        bootstrap::more,
    ];
    me::more(more.into_iter().fold(api, |api, more| more(api)))
}
