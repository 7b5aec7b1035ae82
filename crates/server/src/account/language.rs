//! `/account/language`

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use grantor_pages::Language;
use grantor_pages::account::Notice;

use super::{Person, Refused};

pub(super) async fn post(mut person: Person, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut params = match person.form(&headers, &body) {
        Ok(params) => params,
        Err(refused) => return person.refused(&refused),
    };
    match params.take("language").as_deref().and_then(Language::of_tag) {
        Some(language) => {
            person.browser.visit.choose(language);
            person.done("/account/profile", Notice::LanguageChanged)
        }
        None => person.refused(&Refused::Unknown),
    }
}
