//! `/consent`: may this client do that? SEC-041, SEC-042, SEC-132.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode};
use grantor_domain::consent_request::answered;
use grantor_domain::params::Params;

use super::authorize::proceed;
use super::sign_in::cancelled;
use super::{browser_form, context, opened, transaction_of};
use crate::app::App;
use crate::browser::Browser;
use crate::extract::{Here, Peer};
use crate::flow::{self, FlowFailure, Ready, Turn, Unanswered};
use crate::grants::Context;
use crate::reply::authorize::{failed, turned};
use crate::transaction::Transaction;

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
        Err(failure) => failed(&context, &browser, &failure),
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
        let turn = proceed(app, context, &sessions, transaction).await?;
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
        Err(failure) => failed(&context, &browser, &failure),
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
    let Some(request) = transaction.request() else {
        return Err(crate::transaction::Stuck::Unknown.into());
    };
    let to = request.to.clone();
    if params.take("decision").as_deref() != Some("approve") {
        return Ok(cancelled(to));
    }
    let sessions = browser.sessions(app, &context.tenant, context.now).await?;
    let open = match flow::question(app, context, &sessions, &transaction).await? {
        Ok(open) => open,
        Err(Unanswered::Refused(complaint)) => {
            let refused = grantor_domain::authorize::Answer::Refused(complaint);
            return Ok(Turn::Answer(Box::new(to), refused));
        }
        Err(_) => return proceed(app, context, &sessions, transaction).await,
    };
    let ticked = ticked(&mut params, &open, context, &transaction);
    let tenant = &context.tenant.tenant.name;
    let given = flow::with_asking(context, &open, &transaction, |asking| {
        answered(tenant, asking, &ticked, context.now)
    });
    let Some((scopes, decided)) = given else { return Ok(cancelled(to)) };
    let flow::Open { generation, entry, user, session, .. } = open;
    let ready = Ready { generation, transaction, entry, user, session, scopes, decided };
    flow::complete(app, context, ready).await
}

/// What stayed ticked. `offline_access` has no box of its own: it goes with the approval.
fn ticked(
    params: &mut Params,
    open: &flow::Open,
    context: &Context,
    transaction: &Transaction,
) -> Vec<String> {
    let mut ticked = params.take_all("scope");
    let asked = flow::questions(context, open, transaction);
    let offline = asked.iter().filter(|question| question.scope.as_str() == "offline_access");
    ticked.extend(offline.map(|question| question.scope.to_string()));
    ticked
}
