//! The answers of the authorization endpoint and of the pages on the way.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use grantor_domain::authorize::{Answer, Placed, ReturnAddress};
use grantor_pages::FormPost;

use super::json::{retry_after, with_decision};
use super::page::{see_other, with_cookies};
use super::token::RETRY_SECONDS;
use crate::app::App;
use crate::audit::Actor;
use crate::browser::Browser;
use crate::flow::{self, FlowFailure, Turn};
use crate::grants::Context;
use crate::transaction::{LONGEST, Transaction};

/// What comes next, as an answer to the browser.
pub async fn turned(
    app: &App,
    context: &Context,
    browser: &Browser,
    turn: &Turn,
    cookies: Vec<HeaderValue>,
) -> Response<Body> {
    let response = match turn {
        Turn::Answer(to, given) => answer(app, context, browser, to, given).await,
        Turn::SignIn(transaction) => to_page(app, context, browser, "/sign-in", transaction).await,
        Turn::Choose(transaction) => {
            to_page(app, context, browser, "/account-choice", transaction).await
        }
        Turn::Consent(transaction) => to_page(app, context, browser, "/consent", transaction).await,
        Turn::Ready(_) => unreachable!("what is ready is completed before it is answered"),
        Turn::Own(to) => see_other(&flow::path(&context.tenant, to)),
    };
    with_decision(with_cookies(response, cookies), context.decision)
}

async fn to_page(
    app: &App,
    context: &Context,
    browser: &Browser,
    page: &str,
    transaction: &Transaction,
) -> Response<Body> {
    let location = flow::step(context, app, page, transaction);
    if location.len() > LONGEST {
        return too_long(app, context, browser, transaction).await;
    }
    see_other(&location)
}

/// SEC-007: what does not fit into a URL has to be pushed (RFC 9126).
async fn too_long(
    app: &App,
    context: &Context,
    browser: &Browser,
    transaction: &Transaction,
) -> Response<Body> {
    use grantor_domain::authorize::Complaint;
    let complaint = Complaint::invalid("the request is too long; push it");
    match transaction.request() {
        Some(request) => {
            answer(app, context, browser, &request.to, &Answer::Refused(complaint)).await
        }
        None => failed(app, context, browser, &FlowFailure::Page(complaint)),
    }
}

/// The client is answered; an error is logged here and nowhere else.
async fn answer(
    app: &App,
    context: &Context,
    browser: &Browser,
    to: &ReturnAddress,
    given: &Answer,
) -> Response<Body> {
    let placed = match placed(app, context, to, given).await {
        Ok(placed) => placed,
        Err(failure) => return failed(app, context, browser, &failure),
    };
    match placed {
        Placed::Redirect(location) => see_other(&location),
        Placed::Form { action, fields } => {
            let visit = browser.visit.clone().once();
            let page = FormPost { action, fields }.page(&visit.shell);
            visit.answer(StatusCode::OK, page)
        }
    }
}

/// Where the answer goes and what it says.
pub async fn placed(
    app: &App,
    context: &Context,
    to: &ReturnAddress,
    given: &Answer,
) -> Result<Placed, FlowFailure> {
    if let Answer::Refused(complaint) = given {
        let error = complaint.error.as_str();
        tracing::info!(oauth.error = error, reason = complaint.description,
            decision.id = %context.decision, "authorization refused");
        let actor = Actor::Client(to.client().clone());
        context.record_refusal(app, "authorization.refused", actor, &complaint.description);
    }
    flow::place(app, context, to, given).await
}

/// There is nobody to answer but the person (RFC 6749 §4.1.2.1).
pub fn failed(
    app: &App,
    context: &Context,
    browser: &Browser,
    failure: &FlowFailure,
) -> Response<Body> {
    note_rejected(app, context, None, failure);
    tracing::info!(reason = %failure, decision.id = %context.decision, "no authorization");
    let visit = browser.visit.clone().once();
    let (status, shown) = flow::error_page(context, &visit.shell, failure);
    let mut response = with_decision(visit.answer(status, shown), context.decision);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response = retry_after(response, RETRY_SECONDS);
    }
    response
}

/// Writes down that a request was refused before there was anybody to ask: the client may be anybody's invention, so it
/// goes with the issue events, which are bounded.
pub fn note_rejected(
    app: &App,
    context: &Context,
    client: Option<&str>,
    failure: &impl std::fmt::Display,
) {
    let actor = Actor::Named(format!("client:{}", client.unwrap_or("-")));
    context.record_refusal(app, "authorize.rejected", actor, failure);
}
