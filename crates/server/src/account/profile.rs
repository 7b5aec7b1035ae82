//! `/account/profile`: names. Login name and addresses are not changed here (SEC-123).

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_domain::document::DocumentKey;
use grantor_domain::params::Params;
use grantor_domain::registry::is_deceptive;
use grantor_domain::user::User;
use grantor_pages::account::{Notice, Profile, ProfileError, ProfileFields};
use grantor_store::{Claim, Effects, Expect, StoreError, operations};
use serde_json::json;

use super::{Person, Refused};

/// The longest name, in characters.
const LONGEST: usize = 128;

pub(super) async fn get(person: Person) -> Response<Body> {
    person.page(view(&person, fields(person.user()), None).page(&person.shell()))
}

pub(super) async fn post(person: Person, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut params = match person.form(&headers, &body) {
        Ok(params) => params,
        Err(refused) => return person.refused(&refused),
    };
    let wanted = read(&mut params);
    let all = [&wanted.name, &wanted.given_name, &wanted.family_name];
    if all.iter().any(|name| name.chars().count() > LONGEST) {
        let page = view(&person, wanted, Some(ProfileError::TooLong)).page(&person.shell());
        return person.browser.visit.answer(StatusCode::BAD_REQUEST, page);
    }
    match save(&person, wanted).await {
        Ok(()) => person.done("/account/profile", Notice::Saved),
        Err(refused) => person.refused(&refused),
    }
}

fn view(person: &Person, fields: ProfileFields, error: Option<ProfileError>) -> Profile {
    let user = person.user();
    Profile {
        fields,
        email: user.email.clone(),
        email_verified: user.email_verified,
        fixed: false,
        error,
    }
}

fn fields(user: &User) -> ProfileFields {
    ProfileFields {
        name: user.display_name.clone().unwrap_or_default(),
        given_name: user.person.given_name.clone().unwrap_or_default(),
        family_name: user.person.family_name.clone().unwrap_or_default(),
    }
}

/// What is in a name is up to its owner, but it is one line, and reads as it is written (SEC-043).
fn read(params: &mut Params) -> ProfileFields {
    let mut line = |name: &str| {
        let text = params.take(name).unwrap_or_default();
        let visible: String = text.chars().filter(|c| !is_deceptive(*c)).collect();
        visible.trim().to_owned()
    };
    ProfileFields {
        name: line("name"),
        given_name: line("given_name"),
        family_name: line("family_name"),
    }
}

async fn save(person: &Person, wanted: ProfileFields) -> Result<(), Refused> {
    let user = person.user();
    let (tenant, now) = (&person.context.tenant.tenant.name, person.now());
    let detail = json!({ "fields": ["name", "given_name", "family_name"] });
    let event = person.event("user.profile_changed", format!("user/{}", user.id), detail);
    let claims = vec![Claim::Document(DocumentKey::id::<User>(tenant, user.id.to_string()))];
    operations::judge(&*person.app.store, claims, move |claimed| {
        let found = claimed.document::<User>(0)?;
        let mut found = found.ok_or_else(|| StoreError::refused(Refused::Unknown))?;
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let user = &mut found.value;
        user.display_name = some(&wanted.name);
        user.person.given_name = some(&wanted.given_name);
        user.person.family_name = some(&wanted.family_name);
        user.person.updated_at = Some(now);
        let effects = Effects::NONE.put(&found.value, Expect::Version(found.version));
        Ok(((), effects.audit(event.clone())))
    })
    .await?;
    Ok(person.app.directory.catch_up(now).await?)
}
