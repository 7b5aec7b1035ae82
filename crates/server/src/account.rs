//! The account pages: what a person sees and changes about the own account. SEC-136.
//!
//! Every page begins with [`Person`], which is whoever is signed in to this browser, and nobody else:
//! no page takes a user from its address or its form. Every form carries a token of the session
//! (SEC-112), and every change is one operation of the store with its audit event in it (SEC-190).

mod activity;
mod applications;
mod language;
mod overview;
mod password;
mod profile;
mod sessions;
mod withdraw;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::params::Params;
use grantor_domain::session::Session;
use grantor_domain::user::User;
use grantor_pages::account::{AccountShell, Notice};
use grantor_pages::{ErrorKind, ErrorPage, When};
use grantor_store::{Claim, Effect, Effects, StoreError, operations};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::app::App;
use crate::audit::Actor;
use crate::browser::{Browser, is_from_here};
use crate::directory::UserEntry;
use crate::extract::{Here, Peer, is_form};
use crate::grants::Context;
use crate::reply::page::see_other;
use crate::routes::{Guard, Routes};

/// Where they are, below the path of the tenant.
const BASE: &str = "/account";

/// How often it is written down that a session is used.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// Their routes. Who may: whoever is signed in; a page that is asked for by nobody sends to the
/// sign-in page.
pub fn routes() -> Routes {
    let post = Method::POST;
    Routes::default()
        .add(Guard::Open, Method::GET, BASE, overview::get)
        .add(Guard::Open, Method::GET, "/account/profile", profile::get)
        .add(Guard::Open, post.clone(), "/account/profile", profile::post)
        .add(Guard::Open, post.clone(), "/account/language", language::post)
        .add(Guard::Open, Method::GET, "/account/password", password::get)
        .add(Guard::Open, post.clone(), "/account/password", password::post)
        .add(Guard::Open, Method::GET, "/account/sessions", sessions::get)
        .add(Guard::Open, post.clone(), "/account/sessions/end", sessions::end)
        .add(Guard::Open, post.clone(), "/account/sessions/end-others", sessions::end_others)
        .add(Guard::Open, Method::GET, "/account/applications", applications::get)
        .add(Guard::Open, post, "/account/applications/withdraw", withdraw::post)
        .add(Guard::Open, Method::GET, "/account/activity", activity::get)
}

/// Whoever is signed in to this browser.
#[derive(Debug)]
struct Person {
    app: App,
    context: Context,
    browser: Browser,
    /// The session of this page
    session: Session,
    entry: Arc<UserEntry>,
    query: String,
}

/// Why there is no page: the answer to give instead.
struct Instead(Box<Response<Body>>);

impl axum::response::IntoResponse for Instead {
    fn into_response(self) -> axum::response::Response {
        *self.0
    }
}

impl FromRequestParts<App> for Person {
    type Rejection = Instead;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Instead> {
        let Ok(Here(tenant)) = Here::from_request_parts(parts, app).await;
        let Ok(peer) = Peer::from_request_parts(parts, app).await;
        let Ok(browser) = Browser::from_request_parts(parts, app).await;
        let now = app.clock.now();
        let context = Context::new(app, tenant, peer, now);
        let query = parts.uri.query().unwrap_or_default().to_owned();
        match signed_in(app, &context, &browser).await {
            Ok(Some((session, entry))) => {
                Ok(Self { app: app.clone(), context, browser, session, entry, query })
            }
            // A form is not carried over a sign-in: what it would do has to be looked at again.
            Ok(None) => {
                let to = if parts.method == Method::GET { parts.uri.path() } else { BASE };
                let prefix = &browser.visit.prefix;
                let location = format!("{prefix}/sign-in?to={to}");
                Err(Instead(Box::new(see_other(&location))))
            }
            Err(error) => Err(Instead(Box::new(broken(app, &context, &browser, &error)))),
        }
    }
}

/// The account of this browser that was used last.
async fn signed_in(
    app: &App,
    context: &Context,
    browser: &Browser,
) -> Result<Option<(Session, Arc<UserEntry>)>, StoreError> {
    let sessions = browser.sessions(app, &context.tenant, context.now).await?;
    let Some(mut session) = sessions.into_iter().next() else { return Ok(None) };
    let tenant = &context.tenant.tenant.name;
    let Some(entry) = app.directory.user(tenant, session.user).await? else { return Ok(None) };
    if context.now.duration_since(session.last_seen) > SEEN_EVERY {
        session = touched(app, context, session).await?;
    }
    Ok(Some((session, entry)))
}

/// Notes that the session is used.
async fn touched(app: &App, context: &Context, session: Session) -> Result<Session, StoreError> {
    let tenant = context.tenant.tenant.name.clone();
    let (now, idle) = (context.now, context.tenant.tenant.settings.session_idle_seconds);
    let claims = vec![Claim::Session(tenant, session.id)];
    operations::judge(&*app.store, claims, move |claimed| {
        let Some(live) = claimed.session(0).filter(|session| session.is_live(now)) else {
            return Ok((session.clone(), Effects::NONE));
        };
        let mut used = live.clone();
        match used.remember {
            true => used.last_seen = now,
            false => used.touch(now, SignedDuration::from_secs(idle.into())),
        }
        let effect = Effect::PutSession(Box::new(used.clone()));
        Ok((used, effect.into()))
    })
    .await
}

impl Person {
    fn user(&self) -> &User {
        &self.entry.user
    }

    fn now(&self) -> Timestamp {
        self.context.now
    }

    fn when(&self, at: Timestamp) -> When {
        When { at, now: self.context.now }
    }

    /// What surrounds a page of this account. Its forms come back to pages that can be asked for.
    fn shell(&self) -> AccountShell {
        let visit = &self.browser.visit;
        let done = form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == "done");
        AccountShell {
            shell: visit.shell.clone(),
            name: self.user().display_name.clone().unwrap_or_default(),
            username: self.user().name.to_string(),
            csrf: self.csrf(),
            notice: done.and_then(|(_, code)| Notice::of_code(&code)),
            base: format!("{}{BASE}", visit.prefix),
            sign_out: format!("{}/oauth2/end_session", visit.prefix),
        }
    }

    /// A token of this session for its forms: whoever can make it has the session already.
    fn csrf(&self) -> String {
        let parts = [&b"account-form "[..], self.session.digest.as_bytes()];
        BASE64_URL_SAFE_NO_PAD.encode(&grantor_crypto::digest::sha256_of(&parts)[..18])
    }

    fn page(&self, page: grantor_pages::Page) -> Response<Body> {
        self.browser.visit.answer(StatusCode::OK, page)
    }

    /// Reads a form of ours (SEC-112).
    fn form(&self, headers: &HeaderMap, body: &[u8]) -> Result<Params, Refused> {
        if !is_from_here(&self.context.tenant, headers) || !is_form(headers) {
            return Err(Refused::Forged);
        }
        let mut params = Params::parse(body).map_err(|_| Refused::Forged)?;
        let token = params.take("csrf").unwrap_or_default();
        match grantor_crypto::ct_eq(token.as_bytes(), self.csrf().as_bytes()) {
            true => Ok(params),
            false => Err(Refused::Forged),
        }
    }

    /// Back to a page, which says what was done.
    fn done(&self, page: &str, notice: Notice) -> Response<Body> {
        let base = &self.browser.visit.prefix;
        self.browser.visit.see_other(&format!("{base}{page}?done={}", notice.code()))
    }

    fn refused(&self, refused: &Refused) -> Response<Body> {
        let (status, kind, code) = match refused {
            Refused::Forged => (StatusCode::FORBIDDEN, ErrorKind::Forged, "access_denied"),
            Refused::Unknown => (StatusCode::NOT_FOUND, ErrorKind::NotFound, "not_found"),
            Refused::Broken(error) => {
                return broken(&self.app, &self.context, &self.browser, error);
            }
        };
        self.browser.visit.clone().once().error(status, &ErrorPage::new(kind, code))
    }

    /// Something that this person did.
    fn event(&self, kind: &str, subject: String, detail: Value) -> AuditEvent {
        AuditEvent {
            id: self.app.new_id(self.now()),
            tenant: self.context.tenant.tenant.name.clone(),
            at: self.now(),
            kind: kind.to_owned(),
            outcome: AuditOutcome::Done,
            actor: format!("user:{}", self.user().id),
            subject: Some(subject),
            address: self.context.address.map(|address| address.to_string()),
            detail,
        }
    }
}

/// Why a form was not accepted.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// It is not of our page, or that page is out of date (SEC-112)
    #[error("the form did not come from our page")]
    Forged,
    /// What it names is not there, or not of this person
    #[error("there is no such thing")]
    Unknown,
    /// Our doing
    #[error(transparent)]
    Broken(#[from] StoreError),
}

/// A change that could not be stored is never told as done (SEC-106).
fn broken(app: &App, context: &Context, browser: &Browser, error: &StoreError) -> Response<Body> {
    context.record_refusal(app, "request.refused", Actor::anonymous(), error);
    tracing::error!(%error, "an account page failed");
    let (status, kind, code) = match error {
        StoreError::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Unavailable, "temporarily_unavailable")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Internal, "server_error"),
    };
    let decision = Some(context.decision.to_string());
    let page = ErrorPage { decision, ..ErrorPage::new(kind, code) };
    let mut response = browser.visit.clone().once().error(status, &page);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, 5.into());
    }
    response
}
