//! `/account-choice`: as whom? `prompt=select_account`, OIDC Core §3.1.2.1.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use grantor_oauth_types::id::SessionId;

use super::{browser_form, context, opened, transaction_of};
use crate::app::App;
use crate::browser::Browser;
use crate::extract::{Here, Peer};
use crate::flow::{self, FlowFailure, Turn};
use crate::grants::Context;
use crate::reply::authorize::{failed, turned};
use crate::session_state;

/// The page.
pub async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let context = context(&app, tenant, peer, app.clock.now());
    match show(&app, &context, &browser, query.as_deref()).await {
        Ok(response) => response,
        Err(failure) => failed(&app, &context, &browser, &failure),
    }
}

async fn show(
    app: &App,
    context: &Context,
    browser: &Browser,
    query: Option<&str>,
) -> Result<Response<Body>, FlowFailure> {
    let text = transaction_of(query)?;
    let transaction = opened(app, context, browser, &text)?;
    let tenant = &context.tenant.tenant.name;
    let mut accounts = Vec::new();
    for session in browser.sessions(app, &context.tenant, context.now).await? {
        if let Some(entry) = app.directory.user(tenant, session.user).await? {
            accounts.push((session, std::sync::Arc::clone(&entry.user)));
        }
    }
    let entry = match transaction.request() {
        Some(request) => app.directory.client(tenant, request.client()).await?,
        None => None,
    };
    let transaction = transaction.choosing(None);
    let mut shell = browser.shell(Some(&transaction));
    shell.here = Some(flow::step(context, app, "/account-choice", &transaction));
    let entry = entry.as_deref();
    let shown = flow::choice_page(app, context, &shell, &transaction, entry, &accounts);
    Ok(browser.visit.answer(StatusCode::OK, shown))
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
        Ok((turn, cookies)) => turned(&app, &context, &browser, &turn, cookies).await,
        Err(failure) => failed(&app, &context, &browser, &failure),
    }
}

async fn answer(
    app: &App,
    context: &Context,
    browser: &Browser,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Turn, Vec<HeaderValue>), FlowFailure> {
    let (transaction, mut params) = browser_form(app, context, browser, headers, body)?;
    let transaction = transaction.choosing(None);
    if params.take("cancel").is_some()
        && let Some(request) = transaction.request()
    {
        return Ok((flow::cancelled(request.to.clone()), Vec::new()));
    }
    let handle = params.take("account");
    let Some(chosen) = handle.and_then(|handle| handle.parse::<SessionId>().ok()) else {
        return Ok((Turn::SignIn(transaction), Vec::new()));
    };
    // Of another browser or over: `advance` finds no such session, and asks.
    let sessions = browser.sessions(app, &context.tenant, context.now).await?;
    // What the frame of session management watches is the account that is used now.
    let used = sessions.iter().find(|session| session.id == chosen);
    let state = used.map(|session| session_state::browser_state(Some(session)));
    let issuer = &context.tenant.tenant.issuer;
    let cookies = state.iter().map(|state| session_state::cookie(issuer, state)).collect();
    let transaction = transaction.choosing(Some(chosen));
    Ok((flow::proceed(app, context, &sessions, transaction).await?, cookies))
}
