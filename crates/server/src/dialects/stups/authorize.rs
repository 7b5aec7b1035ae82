//! `POST /oauth2/authorize` with name and password: Plan B's sign-in, as a form or with an answer in
//! JSON (`stups.md` 2.10). Behind the client's `compat.sign_in_by_post`.
//!
//! The program that posts sees the password, as with the password grant. So the fence is that of the
//! password grant: client and realm must allow it, what is wrong with the client is said before the
//! person is looked at, and attempts count where all others count (SEC-053, SEC-115). The form must
//! come from here or from no browser at all (SEC-112); nothing secret is taken from the query
//! (SEC-017). What may be granted is judged as for everybody: here is no rule.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use grantor_domain::authorize::{Answer, Complaint, Placed, ReturnAddress};
use grantor_domain::consent_request::Question;
use grantor_domain::params::Params;
use grantor_domain::session::Session;
use grantor_domain::token::TokenError;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_pages::SignInError;
use serde_json::{Value, json};

use super::token::{Failure, error_body, refusal, refuse_secrets};
use crate::app::App;
use crate::browser::{Browser, is_from_here};
use crate::directory::{ClientEntry, UserEntry};
use crate::endpoints::authorize::{Begun, transaction};
use crate::endpoints::sign_in;
use crate::flow::{self, Arrival, FlowFailure, Open, Turn, Typed};
use crate::grants::{Context, TokenFailure};
use crate::reply::authorize::{failed, note_rejected, placed, turned};
use crate::reply::json as reply;
use crate::reply::page::with_cookies;
use crate::transaction::Transaction;

/// Whether a posted request is one of these: then it is never asked for again with GET, for the
/// password would be in the address.
pub(crate) fn is_meant(params: &Params) -> bool {
    params.has("password") || params.has("username")
}

/// What the person decided, as the form says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Open,
    Allow,
    Deny,
}

/// What the form says of the person.
struct Posted {
    username: Option<String>,
    password: Option<String>,
    decision: Decision,
}

/// A browser is shown pages, a program reads JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Browser,
    Program,
}

impl Reader {
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        match accept.unwrap_or_default().trim_start().starts_with("application/json") {
            true => Self::Program,
            false => Self::Browser,
        }
    }
}

/// Signs in, and answers or says what has to be agreed to.
pub(crate) async fn post(
    app: &App,
    context: &Context,
    mut browser: Browser,
    headers: &HeaderMap,
    query: &str,
    params: Params,
) -> Response<Body> {
    let named = params.peek("client_id").map(|name| name.chars().take(128).collect::<String>());
    let reader = Reader::of(headers);
    let answered = match begin(app, context, &mut browser, headers, query, params).await {
        Ok(Ok((begun, posted))) if reader == Reader::Program => {
            for_program(app, context, &browser, begun, posted).await
        }
        Ok(Ok((begun, posted))) => for_browser(app, context, &browser, begun, posted).await,
        Ok(Err(turn)) => told(app, context, &browser, reader, &turn).await,
        Err(failure) => Err(failure),
    };
    answered.unwrap_or_else(|failure| {
        note_rejected(app, context, named.as_deref(), &failure);
        match reader {
            Reader::Browser => failed(app, context, &browser, &failure),
            Reader::Program => failed_json(app, context, failure),
        }
    })
}

/// The request, and who is there: everything that is known of the client is judged before anybody
/// looks at the password (SEC-053).
async fn begin(
    app: &App,
    context: &Context,
    browser: &mut Browser,
    headers: &HeaderMap,
    query: &str,
    mut params: Params,
) -> Result<Result<(Begun, Posted), Box<Turn>>, FlowFailure> {
    refuse_secrets(query).map_err(|error| FlowFailure::Page(error.into()))?;
    if !is_from_here(&context.tenant, headers) {
        return Err(FlowFailure::Forged);
    }
    let decision = match params.take("decision").as_deref() {
        None => Decision::Open,
        Some("allow") => Decision::Allow,
        Some("deny") => Decision::Deny,
        Some(_) => return Err(page("decision is allow or deny")),
    };
    let (username, password) = (params.take("username"), params.take("password"));
    let begun = match transaction(app, context, browser, headers, params).await? {
        Ok(begun) => begun,
        Err(turn) => return Ok(Err(turn)),
    };
    if !may(context, &begun) {
        let words = "name and password are not taken here for this client and realm";
        let complaint = Complaint::new(AuthorizeErrorCode::UnauthorizedClient, words);
        return Err(FlowFailure::Page(complaint));
    }
    let request = begun.transaction.request().ok_or(crate::transaction::Stuck::Unknown)?;
    if let Some(complaint) = flow::foreseen(app, context, &begun.entry, request) {
        let turn = Turn::Answer(Box::new(request.to.clone()), Answer::Refused(complaint));
        return Ok(Err(Box::new(turn)));
    }
    Ok(Ok((begun, Posted { username, password, decision })))
}

/// The switch of the client, and that of every realm the person may be of.
fn may(context: &Context, begun: &Begun) -> bool {
    let client = begun.entry.client();
    let named = begun.transaction.request().and_then(|request| request.realm.as_ref());
    let realms = flow::offered(&context.tenant, Some(client), named);
    let takes = |name| context.tenant.realms.get(name).is_some_and(|realm| realm.password_grant);
    client.compat.sign_in_by_post && realms.iter().all(takes)
}

async fn recognised(
    app: &App,
    context: &Context,
    browser: &Browser,
    transaction: &Transaction,
    entry: &ClientEntry,
    posted: &Posted,
) -> Result<Result<std::sync::Arc<UserEntry>, SignInError>, FlowFailure> {
    let (Some(username), Some(password)) = (&posted.username, &posted.password) else {
        return Ok(Err(SignInError::Missing));
    };
    let typed = Typed { realm: None, username: username.trim(), password, from: &browser.known };
    flow::recognise(app, context, transaction, Some(entry.client()), typed).await
}

/// As if she had used our pages: signed in from now on, and asked there if something has to be asked.
async fn for_browser(
    app: &App,
    context: &Context,
    browser: &Browser,
    begun: Begun,
    posted: Posted,
) -> Result<Response<Body>, FlowFailure> {
    let Begun { transaction, entry, cookie } = begun;
    let user = match recognised(app, context, browser, &transaction, &entry, &posted).await? {
        Ok(user) => user,
        Err(error) => {
            let name = posted.username;
            let again = sign_in::again(app, context, browser, transaction, name, error).await?;
            return Ok(with_cookies(again, cookie));
        }
    };
    let before = browser.sessions(app, &context.tenant, context.now).await?;
    let arrival = flow::arrive(app, context, browser, &user, before, false, "pwd").await?;
    let Some(Arrival { sessions, mut cookies }) = arrival else {
        let (name, wrong) = (posted.username, SignInError::Wrong);
        let again = sign_in::again(app, context, browser, transaction, name, wrong).await?;
        return Ok(with_cookies(again, cookie));
    };
    cookies.extend(cookie);
    let transaction = transaction.choosing(sessions.first().map(|session| session.id));
    let turn = match flow::proceed(app, context, &sessions, transaction).await? {
        Turn::Consent(transaction) => decided(app, context, &sessions, transaction, posted).await?,
        turn => turn,
    };
    Ok(turned(app, context, browser, &turn, cookies).await)
}

/// What is asked is answered at once, if the form brings an answer.
async fn decided(
    app: &App,
    context: &Context,
    sessions: &[Session],
    transaction: Transaction,
    posted: Posted,
) -> Result<Turn, FlowFailure> {
    match posted.decision {
        Decision::Deny => flow::deny(app, context, sessions, &transaction).await,
        Decision::Allow => flow::agree(app, context, sessions, transaction, every).await,
        Decision::Open => Ok(Turn::Consent(transaction)),
    }
}

/// Plan B's form knows all or nothing.
fn every(asked: &[Question]) -> Vec<String> {
    asked.iter().map(|question| question.scope.to_string()).collect()
}

/// A program has no cookie to come back with: as long as something has to be asked nothing is
/// written, and the next request brings everything again.
async fn for_program(
    app: &App,
    context: &Context,
    browser: &Browser,
    begun: Begun,
    posted: Posted,
) -> Result<Response<Body>, FlowFailure> {
    let Begun { transaction, entry, .. } = begun;
    let user = match recognised(app, context, browser, &transaction, &entry, &posted).await? {
        Ok(user) => user,
        Err(error) => return Ok(unrecognised(app, context, error)),
    };
    let draft = flow::draft(app, context, browser, &user, "pwd");
    let tried = transaction.clone().choosing(Some(draft.id));
    let sessions = [draft];
    let turn = flow::advance(app, context, &sessions, tried).await?;
    let turn = match (turn, posted.decision) {
        (Turn::Consent(asked), Decision::Open) => {
            return match flow::question(app, context, &sessions, &asked).await? {
                Ok(open) => Ok(consent_needed(context, &open, &asked)),
                Err(_) => Ok(unrecognised(app, context, SignInError::Wrong)),
            };
        }
        (Turn::Ready(_) | Turn::Consent(_), Decision::Open | Decision::Allow) => {
            let arrival =
                flow::arrive(app, context, browser, &user, Vec::new(), false, "pwd").await?;
            let Some(Arrival { sessions, .. }) = arrival else {
                return Ok(unrecognised(app, context, SignInError::Wrong));
            };
            let transaction = transaction.choosing(sessions.first().map(|session| session.id));
            match flow::proceed(app, context, &sessions, transaction).await? {
                Turn::Consent(asked) => decided(app, context, &sessions, asked, posted).await?,
                turn => turn,
            }
        }
        (Turn::Ready(ready), Decision::Deny) => denied(&ready.transaction)?,
        (Turn::Consent(asked), Decision::Deny) => {
            flow::deny(app, context, &sessions, &asked).await?
        }
        (turn, _) => turn,
    };
    told(app, context, browser, Reader::Program, &turn).await
}

fn denied(transaction: &Transaction) -> Result<Turn, FlowFailure> {
    let request = transaction.request().ok_or(crate::transaction::Stuck::Unknown)?;
    Ok(flow::cancelled(request.to.clone()))
}

/// What comes of it. A program is shown no page: where one would be needed, it is told that this is
/// not the one who is meant.
async fn told(
    app: &App,
    context: &Context,
    browser: &Browser,
    reader: Reader,
    turn: &Turn,
) -> Result<Response<Body>, FlowFailure> {
    match (reader, turn) {
        (Reader::Browser, turn) => Ok(turned(app, context, browser, turn, Vec::new()).await),
        (Reader::Program, Turn::Answer(to, given)) => redirected(app, context, to, given).await,
        (Reader::Program, _) => Ok(unrecognised(app, context, SignInError::OtherPerson)),
    }
}

async fn redirected(
    app: &App,
    context: &Context,
    to: &ReturnAddress,
    given: &Answer,
) -> Result<Response<Body>, FlowFailure> {
    match placed(app, context, to, given).await? {
        Placed::Redirect(location) => {
            let body = json!({ "redirect": location, "consent_needed": false });
            Ok(answer(context, StatusCode::OK, &body))
        }
        Placed::Form { .. } => Err(page("form_post cannot be answered as JSON")),
    }
}

/// What would be granted; members without a value are left out.
fn consent_needed(context: &Context, open: &Open, transaction: &Transaction) -> Response<Body> {
    let client = open.entry.client();
    let redirect = transaction.request().map(|request| request.to.uri()).unwrap_or_default();
    let name = if client.name.is_empty() { client.id.as_str() } else { &client.name };
    let mut body = json!({
        "client_name": name,
        "scopes": every(&flow::questions(context, open, transaction)),
        "redirect": redirect,
        "consent_needed": true,
    });
    let own = &client.presentation;
    for (member, value) in [("image_uri", &own.logo_uri), ("homepage_url", &own.client_uri)] {
        if let Some(value) = value {
            body[member] = value.as_str().into();
        }
    }
    answer(context, StatusCode::OK, &body)
}

/// 2.8: one text for whatever is wrong with name and password.
fn unrecognised(app: &App, context: &Context, error: SignInError) -> Response<Body> {
    let failure = match error {
        SignInError::TooMany { wait } => TokenFailure::Refused(TokenError::SlowDown(wait)),
        SignInError::Unavailable => TokenFailure::Busy,
        _ => TokenFailure::Refused(TokenError::WrongCredentials),
    };
    reply::with_decision(refusal(app, context, &Failure::Token(failure)), context.decision)
}

fn failed_json(app: &App, context: &Context, failure: FlowFailure) -> Response<Body> {
    tracing::info!(reason = %failure, decision.id = %context.decision, "no authorization");
    let broken = |failure| refusal(app, context, &Failure::Token(failure));
    let response = match failure {
        FlowFailure::Page(complaint) => {
            error_body(400, complaint.error.as_str(), complaint.description)
        }
        FlowFailure::UnknownClient => error_body(400, "invalid_client", "unknown client"),
        FlowFailure::Stuck(stuck) => error_body(400, "invalid_request", &stuck.to_string()),
        FlowFailure::Forged => error_body(403, "access_denied", "the form did not come from here"),
        FlowFailure::Busy => broken(TokenFailure::Busy),
        FlowFailure::Broken(error) => broken(TokenFailure::Broken(error)),
        FlowFailure::NoSigner(error) => broken(TokenFailure::NoSigner(error)),
    };
    reply::with_decision(response, context.decision)
}

fn answer(context: &Context, status: StatusCode, body: &Value) -> Response<Body> {
    reply::with_decision(reply::private(status, body), context.decision)
}

fn page(words: &'static str) -> FlowFailure {
    FlowFailure::Page(Complaint::invalid(words))
}
