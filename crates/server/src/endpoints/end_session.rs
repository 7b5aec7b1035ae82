//! `GET` and `POST /oauth2/end_session`. OIDC RP-Initiated Logout.
//!
//! Somebody else's page can send a browser here, so nothing ends unless the request proves that it
//! speaks of the session in this browser, or the person confirms it on a page of ours (SEC-133).
//! Where a browser goes afterwards is registered, or it goes nowhere.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use grantor_domain::client::Client;
use grantor_domain::params::Params;
use grantor_domain::session::Session;
use grantor_oauth_types::id::SessionId;
use grantor_oauth_types::name::ClientId;
use grantor_pages::{ErrorKind, ErrorPage, LoggedOut, LogoutConfirm};
use grantor_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::browser::{Browser, is_from_here};
use crate::extract::{Here, Peer, is_form};
use crate::grants::Context;
use crate::id_tokens::{self, Hint};
use crate::reply::json::retry_after;
use crate::reply::page::Visit;
use crate::reply::token::RETRY_SECONDS;
use crate::{logout, session_state};

/// How long a person may take to confirm, in seconds.
const CONFIRM_WITHIN: i64 = 15 * 60;

/// What the page of confirmation carries: sealed, and of use only with the cookies of its browser.
const TICKET: &str = "glo";

/// Where to go and for whom, once the session has ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Wish {
    client: Option<ClientId>,
    redirect: Option<String>,
    state: Option<String>,
}

/// What was agreed to on the page of confirmation.
#[derive(Debug, Serialize, Deserialize)]
struct Ticket {
    wish: Wish,
    session: SessionId,
    until: i64,
}

/// Why the browser is shown an error, and goes nowhere.
enum Refusal {
    Page(ErrorKind, &'static str),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// By a redirect of the client.
pub async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    visit: Visit,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let context = super::context(&app, tenant, peer, app.clock.now());
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let request = Request { app: &app, context: &context, browser: &browser, visit: &visit };
    request.respond(params.map_err(|_| malformed()), false).await
}

/// By a form of the client, or of our page of confirmation.
pub async fn post(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    visit: Visit,
    browser: Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let context = super::context(&app, tenant, peer, app.clock.now());
    let params = match is_form(&headers) {
        true => Params::parse(&body).map_err(|_| malformed()),
        false => Err(malformed()),
    };
    let from_here = is_from_here(&context.tenant, &headers);
    let request = Request { app: &app, context: &context, browser: &browser, visit: &visit };
    request.respond(params, from_here).await
}

fn malformed() -> Refusal {
    Refusal::Page(ErrorKind::BadRequest, "the parameters do not read")
}

/// A request on its way.
struct Request<'a> {
    app: &'a App,
    context: &'a Context,
    browser: &'a Browser,
    visit: &'a Visit,
}

impl Request<'_> {
    async fn respond(&self, params: Result<Params, Refusal>, from_here: bool) -> Response<Body> {
        let answered = match params {
            Ok(mut params) => match params.take("ticket") {
                Some(ticket) => self.confirmed(&ticket, &mut params, from_here).await,
                None => self.asked(&mut params).await,
            },
            Err(refusal) => Err(refusal),
        };
        answered.unwrap_or_else(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Response<Body> {
        match refusal {
            Refusal::Page(kind, detail) => {
                tracing::info!(reason = detail, "a logout was refused");
                let page = ErrorPage {
                    detail: Some(detail.to_owned()),
                    ..ErrorPage::new(kind, "invalid_request")
                };
                // Nothing of the request is repeated, in no link either.
                self.visit.clone().once().error(StatusCode::BAD_REQUEST, &page)
            }
            Refusal::Store(error) => {
                tracing::error!(%error, "the store failed");
                let page = ErrorPage::new(ErrorKind::Unavailable, "temporarily_unavailable");
                let page = self.visit.error(StatusCode::SERVICE_UNAVAILABLE, &page);
                retry_after(page, RETRY_SECONDS)
            }
        }
    }

    /// §2: what the client asks for.
    async fn asked(&self, params: &mut Params) -> Result<Response<Body>, Refusal> {
        let hint = match params.take("id_token_hint") {
            Some(text) => Some(id_tokens::hint(&self.context.tenant, &text).ok_or(
                Refusal::Page(ErrorKind::BadRequest, "id_token_hint is no ID token of this issuer"),
            )?),
            None => None,
        };
        let wish = self.wish(params, hint.as_ref()).await?;
        let (app, view, now) = (self.app, &self.context.tenant, self.context.now);
        let sessions = self.browser.sessions(app, view, now).await?;
        let session = match &hint {
            Some(hint) => self.meant(&sessions, hint).await?,
            None => sessions.first(),
        };
        match (session, hint) {
            // The request holds what only a client of this very session can have.
            (Some(session), Some(_)) => self.end(session, wish).await,
            (Some(session), None) => self.confirm(session, wish).await,
            // Somebody else is signed in here by now: that is her session to end.
            (None, Some(_)) if !sessions.is_empty() => self.confirm(&sessions[0], wish).await,
            (None, _) => Ok(self.gone(&wish, Vec::new(), None)),
        }
    }

    /// The session of this browser that the hint is about.
    async fn meant<'s>(
        &self,
        sessions: &'s [Session],
        hint: &Hint,
    ) -> Result<Option<&'s Session>, Refusal> {
        if let Some(sid) = hint.sid {
            return Ok(sessions.iter().find(|session| session.id == sid));
        }
        let tenant = &self.context.tenant.tenant.name;
        let client = self.app.directory.client(tenant, &hint.client).await?;
        for session in sessions {
            let user = self.app.directory.user(tenant, session.user).await?;
            if let (Some(client), Some(user)) = (&client, user)
                && id_tokens::subject(self.app, client.client(), &user.user) == hint.sub
            {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    /// §2, §3: a redirect needs a client, and is registered for it, letter by letter.
    async fn wish(&self, params: &mut Params, hint: Option<&Hint>) -> Result<Wish, Refusal> {
        let bad = |detail| Refusal::Page(ErrorKind::BadRequest, detail);
        let named = params.read("client_id", |text| ClientId::parse(text).ok());
        let named = named.map_err(|_| bad("client_id does not read"))?;
        let client = match (hint, named) {
            (Some(hint), Some(named)) if hint.client != named => {
                return Err(bad("id_token_hint was given to another client"));
            }
            (Some(hint), _) => Some(hint.client.clone()),
            (None, named) => named,
        };
        let found = match &client {
            Some(id) => {
                let tenant = &self.context.tenant.tenant.name;
                let entry = self.app.directory.client(tenant, id).await?;
                Some(entry.ok_or(Refusal::Page(ErrorKind::UnknownClient, "unknown client"))?)
            }
            None => None,
        };
        let state = params.take("state");
        if state.as_deref().is_some_and(|state| state.contains(char::is_control)) {
            return Err(bad("state has control characters"));
        }
        let redirect = params.take("post_logout_redirect_uri");
        if let Some(redirect) = &redirect {
            let client = found.as_ref().map(|entry| entry.client());
            if !client.is_some_and(|client| is_registered(client, redirect)) {
                let detail = "post_logout_redirect_uri is not registered";
                return Err(Refusal::Page(ErrorKind::Redirect, detail));
            }
        }
        Ok(Wish { client, redirect, state })
    }

    async fn client_name(&self, wish: &Wish) -> Result<Option<String>, Refusal> {
        let Some(id) = &wish.client else { return Ok(None) };
        let tenant = &self.context.tenant.tenant.name;
        let entry = self.app.directory.client(tenant, id).await?;
        Ok(entry.map(|entry| entry.client().name.clone()).filter(|name| !name.is_empty()))
    }

    /// "Do you want to sign out?"
    async fn confirm(&self, session: &Session, wish: Wish) -> Result<Response<Body>, Refusal> {
        let tenant = &self.context.tenant.tenant.name;
        let user = self.app.directory.user(tenant, session.user).await?;
        let until = self.context.now.as_second() + CONFIRM_WITHIN;
        let (client, redirect) = (self.client_name(&wish).await?, wish.redirect.clone());
        let ticket = Ticket { wish, session: session.id, until };
        let payload = serde_json::to_vec(&ticket).expect("a ticket has string keys only");
        let sealed = self.app.secrets.logout.seal(TICKET, tenant.as_str().as_bytes(), &payload);
        let page = LogoutConfirm {
            action: format!("{}/oauth2/end_session", self.visit.prefix),
            hidden: vec![("ticket", sealed)],
            client,
            username: user.map(|entry| entry.user.name.to_string()).unwrap_or_default(),
            redirect,
        };
        Ok(self.visit.answer(StatusCode::OK, page.page(&self.visit.shell)))
    }

    /// Our own form came back: from a page of ours (SEC-112), and with the session that it was about.
    async fn confirmed(
        &self,
        ticket: &str,
        params: &mut Params,
        from_here: bool,
    ) -> Result<Response<Body>, Refusal> {
        if !from_here {
            return Err(Refusal::Page(ErrorKind::Forged, "the form did not come from our page"));
        }
        let context = self.context.tenant.tenant.name.as_str().as_bytes();
        let opened = self.app.secrets.logout.open(TICKET, context, ticket);
        let opened = opened.and_then(|json| serde_json::from_slice::<Ticket>(&json).ok());
        let live = |ticket: &Ticket| self.context.now.as_second() < ticket.until;
        let ticket = opened.filter(live);
        let ticket = ticket.ok_or(Refusal::Page(ErrorKind::Expired, "the page lay too long"))?;
        if params.take("logout").as_deref() != Some("confirm") {
            return Ok(self.visit.see_other(&format!("{}/account", self.visit.prefix)));
        }
        let (app, view, now) = (self.app, &self.context.tenant, self.context.now);
        let sessions = self.browser.sessions(app, view, now).await?;
        match sessions.iter().find(|session| session.id == ticket.session) {
            Some(session) => self.end(session, ticket.wish).await,
            None => Ok(self.gone(&ticket.wish, Vec::new(), None)),
        }
    }

    async fn end(&self, session: &Session, wish: Wish) -> Result<Response<Body>, Refusal> {
        let actor = format!("user:{}", session.user);
        let frames = logout::end(self.app, self.context, session, &actor).await?;
        Ok(self.gone(&wish, frames, Some(session.id)))
    }

    /// "You are signed out": on to where the client wants, after its frames have loaded (trap 94).
    fn gone(&self, wish: &Wish, frames: Vec<String>, ended: Option<SessionId>) -> Response<Body> {
        let next = wish.redirect.as_deref().map(|uri| with_state(uri, wish.state.as_deref()));
        let mut response = match next {
            Some(next) if frames.is_empty() => self.visit.see_other(&next),
            next => {
                let page = LoggedOut { frames, next, sign_in: None };
                self.visit.answer(StatusCode::OK, page.page(&self.visit.shell))
            }
        };
        if let Some(ended) = ended {
            let issuer = &self.context.tenant.tenant.issuer;
            let cookies = response.headers_mut();
            cookies.append(header::SET_COOKIE, self.browser.without_accounts(&[ended]));
            cookies.append(header::SET_COOKIE, session_state::cookie(issuer, ""));
        }
        response
    }
}

/// SEC-133: the very text that was registered.
fn is_registered(client: &Client, uri: &str) -> bool {
    client.enabled && client.logout.post_logout_redirect_uris.iter().any(|known| known == uri)
}

/// §3: `state` if it was sent, and nothing else (trap 93).
fn with_state(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return uri.to_owned() };
    let pair = form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{pair}")
}
