//! `/sign-in`: who is there? SEC-112 to SEC-116, SEC-132.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_domain::authorize::Complaint;
use grantor_domain::params::Params;
use grantor_domain::session::Session;
use grantor_oauth_types::name::RealmName;
use grantor_pages::SignInError;

use super::{browser_form, context, opened};
use crate::app::App;
use crate::browser::Browser;
use crate::directory::UserEntry;
use crate::extract::{Here, Peer};
use crate::flow::{self, Arrival, FlowFailure, SignInView, Turn, Typed};
use crate::grants::Context;
use crate::reply::authorize::{failed, turned};
use crate::reply::json::retry_after;
use crate::reply::page::{see_other, with_cookies};
use crate::reply::token::RETRY_SECONDS;
use crate::transaction::{Purpose, Transaction};

/// The page; without a transaction, the way to one's own account.
pub async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    mut browser: Browser,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let context = context(&app, tenant, peer, app.clock.now());
    let mut params = match Params::parse(query.unwrap_or_default().as_bytes()) {
        Ok(params) => params,
        Err(error) => {
            return failed(&app, &context, &browser, &FlowFailure::Page(Complaint::from(error)));
        }
    };
    let Some(text) = params.take("tx") else {
        let to = params.take("to").filter(|to| is_own(to));
        let (binding, cookie) = browser.bind();
        let purpose = Purpose::Own { to: to.unwrap_or_else(|| "/account".to_owned()) };
        let transaction = Transaction::new(purpose, binding, context.now);
        let location = flow::step(&context, &app, "/sign-in", &transaction);
        return with_cookies(see_other(&location), cookie);
    };
    let shown = match opened(&app, &context, &browser, &text) {
        Ok(transaction) => {
            let form = Form::blank(&app, &context, &browser, transaction).await;
            form.map(|form| form.show(&app, &context, &browser, None))
        }
        Err(failure) => Err(failure),
    };
    shown.unwrap_or_else(|failure| failed(&app, &context, &browser, &failure))
}

/// A page of one's own account, and nothing beside it.
fn is_own(to: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_?=&".contains(&b);
    to.len() <= 200
        && (to == "/account" || to.starts_with("/account/") || to.starts_with("/account?"))
        && !to.contains("//")
        && to.bytes().all(plain)
}

/// The form.
pub async fn post(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    browser: Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let context = context(&app, tenant, peer, app.clock.now());
    match answer(&app, &context, &browser, &headers, &body).await {
        Ok(response) => response,
        Err(failure) => failed(&app, &context, &browser, &failure),
    }
}

async fn answer(
    app: &App,
    context: &Context,
    browser: &Browser,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Body>, FlowFailure> {
    let (transaction, mut params) = browser_form(app, context, browser, headers, body)?;
    if params.take("cancel").is_some()
        && let Some(request) = transaction.request()
    {
        let turn = flow::cancelled(request.to.clone());
        return Ok(turned(app, context, browser, &turn, Vec::new()).await);
    }
    let mut form = Form::blank(app, context, browser, transaction).await?;
    form.read(&mut params);
    let Some(username) = form.username.clone() else {
        let error = Some(SignInError::Missing);
        return Ok(form.show(app, context, browser, error));
    };
    if form.asks_name_alone(context) {
        let typed = Some((form.realm.clone(), username));
        let next = form.transaction.typing(typed);
        return Ok(turned(app, context, browser, &Turn::SignIn(next), Vec::new()).await);
    }
    let user = match form.recognise(app, context, browser, &username, &mut params).await? {
        Ok(user) => user,
        Err(error) => return Ok(form.show(app, context, browser, Some(error))),
    };
    // The session is there: on with what it is for, as this person (SEC-132).
    let before = std::mem::take(&mut form.sessions);
    let arrival = flow::arrive(app, context, browser, &user, before, form.remember, "pwd").await?;
    let Some(Arrival { sessions, cookies }) = arrival else {
        return Ok(form.show(app, context, browser, Some(SignInError::Wrong)));
    };
    let chosen = sessions.first().map(|session| session.id);
    let turn = flow::proceed(app, context, &sessions, form.transaction.choosing(chosen)).await?;
    Ok(turned(app, context, browser, &turn, cookies).await)
}

/// The page, after a name and a password that came from elsewhere were not right.
pub(crate) async fn again(
    app: &App,
    context: &Context,
    browser: &Browser,
    transaction: Transaction,
    username: Option<String>,
    error: SignInError,
) -> Result<Response<Body>, FlowFailure> {
    let mut form = Form::blank(app, context, browser, transaction).await?;
    form.username = username;
    Ok(form.show(app, context, browser, Some(error)))
}

/// What is on the page, or was.
struct Form {
    transaction: Transaction,
    entry: Option<std::sync::Arc<crate::directory::ClientEntry>>,
    sessions: Vec<Session>,
    realm: Option<RealmName>,
    username: Option<String>,
    remember: bool,
}

impl Form {
    async fn blank(
        app: &App,
        context: &Context,
        browser: &Browser,
        transaction: Transaction,
    ) -> Result<Self, FlowFailure> {
        let tenant = &context.tenant.tenant.name;
        let entry = match transaction.request() {
            Some(request) => app.directory.client(tenant, request.client()).await?,
            None => None,
        };
        let sessions = browser.sessions(app, &context.tenant, context.now).await?;
        let (realm, username, remember) = (None, None, false);
        Ok(Self { transaction, entry, sessions, realm, username, remember })
    }

    fn read(&mut self, params: &mut Params) {
        let typed = self.transaction.typed.clone();
        let named = params.take("realm").and_then(|name| RealmName::parse_lenient(&name).ok());
        self.realm = named.or_else(|| typed.as_ref().and_then(|typed| typed.0.clone()));
        let username = params.take("username").or_else(|| typed.map(|typed| typed.1));
        self.username = username.map(|name| name.trim().to_owned()).filter(|n| !n.is_empty());
        self.remember = params.take("remember").is_some();
    }

    /// Identity-first: the name was posted, the password is asked next.
    fn asks_name_alone(&self, context: &Context) -> bool {
        let named = self.transaction.request().and_then(|request| request.realm.as_ref());
        let client = self.entry.as_ref().map(|entry| entry.client());
        let realms = flow::offered(&context.tenant, client, named);
        self.transaction.typed.is_none() && flow::asks_name_first(&context.tenant, &realms)
    }

    async fn recognise(
        &self,
        app: &App,
        context: &Context,
        browser: &Browser,
        username: &str,
        params: &mut Params,
    ) -> Result<Result<std::sync::Arc<UserEntry>, SignInError>, FlowFailure> {
        let Some(password) = params.take("password") else {
            return Ok(Err(SignInError::Missing));
        };
        let client = self.entry.as_ref().map(|entry| entry.client());
        let (realm, from) = (self.realm.as_ref(), &browser.known);
        let typed = Typed { realm, username, password: &password, from };
        flow::recognise(app, context, &self.transaction, client, typed).await
    }

    fn show(
        &self,
        app: &App,
        context: &Context,
        browser: &Browser,
        error: Option<SignInError>,
    ) -> Response<Body> {
        let mut shell = browser.shell(Some(&self.transaction));
        shell.here = Some(flow::step(context, app, "/sign-in", &self.transaction));
        let view = SignInView {
            transaction: &self.transaction,
            entry: self.entry.as_deref(),
            sessions: &self.sessions,
            error,
            typed: self.username.as_deref(),
            remember: self.remember,
        };
        let status = match error {
            Some(SignInError::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(SignInError::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        let page = flow::sign_in_page(app, context, &shell, &view);
        let response = browser.visit.answer(status, page);
        match error {
            Some(SignInError::TooMany { wait }) => retry_after(response, wait),
            Some(SignInError::Unavailable) => retry_after(response, RETRY_SECONDS),
            _ => response,
        }
    }
}
