//! `/oauth2/authorize`. RFC 6749 §3.1, OIDC Core §3.1.2.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use grantor_domain::authorize::{Answer, Complaint, Refused};
use grantor_domain::params::Params;
use grantor_oauth_types::name::ClientId;

use super::context;
use crate::app::App;
use crate::browser::Browser;
use crate::dialects::stups;
use crate::directory::ClientEntry;
use crate::extract::{Here, Peer, is_form};
use crate::flow::{self, Asked, FlowFailure, Turn};
use crate::grants::Context;
use crate::reply::authorize::{failed, note_rejected, turned};
use crate::reply::page::see_other;
use crate::transaction::{Purpose, Transaction};

/// RFC 6749 §3.1: GET must work.
pub async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    browser: Browser,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    let context = context(&app, tenant, peer, app.clock.now());
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let params = params.map_err(|error| FlowFailure::Page(Complaint::from(error)));
    respond(&app, &context, browser, &headers, params).await
}

/// OIDC Core §3.1.2.1: so must POST.
///
/// A form that another site posts comes without our cookies (`SameSite`). So that whoever is signed in
/// stays so, it is asked for again with GET, which brings them.
pub async fn post(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    browser: Browser,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let context = context(&app, tenant, peer, app.clock.now());
    let params = read(&headers, query.as_deref(), &body);
    let params = match params {
        Ok(params) if stups::authorize::is_meant(&params) => {
            let query = query.as_deref().unwrap_or_default();
            return stups::authorize::post(&app, &context, browser, &headers, query, params).await;
        }
        params => params,
    };
    let plain = std::str::from_utf8(&body).ok().filter(|body| body.len() < 4_096);
    if let (Ok(_), true, Some(body)) = (&params, browser.is_blank(), plain) {
        let path = flow::path(&context.tenant, "/oauth2/authorize");
        if body.bytes().all(|byte| byte.is_ascii_graphic()) {
            return see_other(&format!("{path}?{body}"));
        }
    }
    respond(&app, &context, browser, &headers, params).await
}

fn read(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Result<Params, FlowFailure> {
    let page = |words| FlowFailure::Page(Complaint::invalid(words));
    if !is_form(headers) {
        return Err(page("the body is no form"));
    }
    let mut params =
        Params::parse(body).map_err(|error| FlowFailure::Page(Complaint::from(error)))?;
    // STUPS clients name the realm in the query (`stups.md` 2.10).
    let merged = params.merge(query.unwrap_or_default().as_bytes());
    merged.map_err(|error| FlowFailure::Page(Complaint::from(error)))?;
    Ok(params)
}

async fn respond(
    app: &App,
    context: &Context,
    mut browser: Browser,
    headers: &HeaderMap,
    params: Result<Params, FlowFailure>,
) -> Response<Body> {
    let named = params.as_ref().ok().and_then(|params| params.peek("client_id"));
    let named = named.map(|name| name.chars().take(128).collect::<String>());
    let answered = match params {
        Ok(params) => begin(app, context, &mut browser, headers, params).await,
        Err(failure) => Err(failure),
    };
    match answered {
        Ok((turn, cookie)) => {
            turned(app, context, &browser, &turn, cookie.into_iter().collect()).await
        }
        Err(failure) => {
            note_rejected(app, context, named.as_deref(), &failure);
            failed(app, context, &browser, &failure)
        }
    }
}

/// From the parameters to what comes next.
async fn begin(
    app: &App,
    context: &Context,
    browser: &mut Browser,
    headers: &HeaderMap,
    params: Params,
) -> Result<(Turn, Option<HeaderValue>), FlowFailure> {
    let Begun { transaction, cookie, .. } =
        match transaction(app, context, browser, headers, params).await? {
            Ok(begun) => begun,
            Err(turn) => return Ok((*turn, None)),
        };
    let sessions = browser.sessions(app, &context.tenant, context.now).await?;
    let turn = flow::proceed(app, context, &sessions, transaction).await?;
    Ok((turn, cookie))
}

/// A request that was read, before anybody looks at who is there.
pub(crate) struct Begun {
    /// The transaction
    pub(crate) transaction: Transaction,
    /// Who asks
    pub(crate) entry: Arc<ClientEntry>,
    /// What binds the transaction to the browser, if that has nothing yet
    pub(crate) cookie: Option<HeaderValue>,
}

/// Reads a request; or knows already what the client is told.
pub(crate) async fn transaction(
    app: &App,
    context: &Context,
    browser: &mut Browser,
    headers: &HeaderMap,
    mut params: Params,
) -> Result<Result<Begun, Box<Turn>>, FlowFailure> {
    let id = params.take("client_id").ok_or(FlowFailure::UnknownClient)?;
    let id = ClientId::parse(&id).map_err(|_| FlowFailure::UnknownClient)?;
    let entry = app.directory.client(&context.tenant.tenant.name, &id).await?;
    let entry = entry.ok_or(FlowFailure::UnknownClient)?;
    let asked = flow::read(app, context, entry.client(), params).await?;
    let Asked { mut request, pushed } = match asked {
        Ok(asked) => asked,
        Err(Refused::Page(complaint)) => return Err(FlowFailure::Page(complaint)),
        Err(Refused::Redirect(to, complaint)) => {
            return Ok(Err(Box::new(Turn::Answer(to, Answer::Refused(complaint)))));
        }
    };
    if request.realm.is_none() {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        request.realm = flow::of_host(&context.tenant, host);
    }
    let named = flow::named(app, context, entry.client(), &mut request);
    let to = Box::new(request.to.clone());
    let named = match named {
        Ok(named) => named,
        Err(complaint) => {
            return Ok(Err(Box::new(Turn::Answer(to, Answer::Refused(complaint)))));
        }
    };
    let (binding, cookie) = browser.bind();
    let purpose = Purpose::Authorize { request: Box::new(request), pushed };
    let mut transaction = Transaction::new(purpose, binding, context.now);
    transaction.named = named;
    Ok(Ok(Begun { transaction, entry, cookie }))
}
