//! `/consent`: may this client do that? SEC-041, SEC-042, SEC-132.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_domain::consent_request::Question;
use grantor_domain::params::Params;

use super::{browser_form, context, opened, transaction_of};
use crate::app::App;
use crate::browser::Browser;
use crate::extract::{Here, Peer};
use crate::flow::{self, FlowFailure, Turn};
use crate::grants::Context;
use crate::reply::authorize::{failed, turned};

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
    let sessions = browser.sessions(app, &context.tenant, context.now).await?;
    let Ok(open) = flow::question(app, context, &sessions, &transaction).await? else {
        // Signed out meanwhile, or as somebody else: from the beginning.
        let turn = flow::proceed(app, context, &sessions, transaction).await?;
        return Ok(turned(app, context, browser, &turn, Vec::new()).await);
    };
    let mut shell = browser.shell(Some(&transaction));
    shell.here = Some(flow::step(context, app, "/consent", &transaction));
    let shown = flow::consent_page(app, context, &shell, &open, &transaction);
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
        Ok(turn) => turned(&app, &context, &browser, &turn, Vec::new()).await,
        Err(failure) => failed(&app, &context, &browser, &failure),
    }
}

async fn answer(
    app: &App,
    context: &Context,
    browser: &Browser,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Turn, FlowFailure> {
    let (transaction, mut params) = browser_form(app, context, browser, headers, body)?;
    let sessions = browser.sessions(app, &context.tenant, context.now).await?;
    match params.take("decision").as_deref() {
        Some("approve") => {}
        Some("deny") => return flow::deny(app, context, &sessions, &transaction).await,
        // Neither button: nothing was decided, so it is asked again (SEC-121).
        _ => return flow::proceed(app, context, &sessions, transaction).await,
    }
    let ticked = |asked: &[Question]| ticked(&mut params, asked);
    flow::agree(app, context, &sessions, transaction, ticked).await
}

/// What stayed ticked. `offline_access` has no box of its own: it goes with the approval.
fn ticked(params: &mut Params, asked: &[Question]) -> Vec<String> {
    let mut ticked = params.take_all("scope");
    let offline = asked.iter().filter(|question| question.scope.as_str() == "offline_access");
    ticked.extend(offline.map(|question| question.scope.to_string()));
    ticked
}
