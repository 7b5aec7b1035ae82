//! `/account`

use axum::body::Body;
use axum::http::Response;
use grantor_pages::account::Overview;
use grantor_store::StoreError;

use super::{Person, Refused, applications, sessions};

pub(super) async fn get(person: Person) -> Response<Body> {
    match counted(&person).await {
        Ok(overview) => person.page(overview.page(&person.shell())),
        Err(error) => person.refused(&Refused::Broken(error)),
    }
}

async fn counted(person: &Person) -> Result<Overview, StoreError> {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Overview {
        applications: count(applications::held(person).await?.len()),
        sessions: count(sessions::live(person).await?.len()),
    })
}
