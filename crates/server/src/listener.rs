//! The accept loop: limits on everything a peer can hold on to. SEC-006, SEC-007, SEC-009, SEC-010,
//! REL-028, REL-036; `axum::serve` has no header timeout.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse as _;
use bytes::{Bytes, BytesMut};
use grantor_domain::client_auth::ClientCertificate;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::alarm::Alarm;
use crate::api::{self, Problem};
use crate::app::App;
use crate::asked::Asked;
use crate::cross_origin::CrossOrigin;
use crate::extract::Here;
use crate::reply::json::private;
use crate::routes::{Routes, Straight};
use crate::tenancy::Admitted;
use crate::tls::{ClientAuthorities, client_certificate};
use crate::{routes, tenancy};

mod guard;

use guard::{Limit, Unanswered, guarded};

/// Reading the headers of a request takes at most this long (SEC-009).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// A TLS handshake takes at most this long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The target of a request takes at most this much, in bytes (SEC-007).
const TARGET_BYTES: usize = 8 * 1024;

/// The headers take at most this much, in bytes (SEC-007).
const FIELD_BYTES: usize = 32 * 1024;

/// The same over HTTP/2, where each field counts 32 bytes more (RFC 9113 §6.5.2).
const HEADER_LIST_BYTES: u32 = 44 * 1024;

/// The request line and the headers together take at most this much, in bytes (SEC-007).
const HEADER_BYTES: usize = 40 * 1024;

/// Header fields of a request at most (SEC-007).
const FIELDS: usize = 100;

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Tenants' endpoints; hosts are checked
    Public,
    /// What clients ask with a certificate; hosts are checked
    MutualTls,
    /// Health and metrics; no tenant
    Operations,
}

/// One listener.
#[derive(Debug)]
pub struct Listener {
    /// Where connections come in
    pub socket: TcpListener,
    /// With TLS, unless a proxy does that
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Who stands behind certificates of clients, where they are asked for
    pub authorities: Option<ClientAuthorities>,
    /// What is served
    pub face: Face,
}

/// What a connection needs to answer.
#[derive(Clone)]
struct Desk {
    app: App,
    router: Router,
    straight: Arc<Straight>,
    face: Face,
}

/// Serves until `closing` turns true; then finishes what is in flight.
pub async fn serve(
    app: App,
    served: Routes,
    listener: Listener,
    mut closing: tokio::sync::watch::Receiver<bool>,
) {
    let (router, straight) = served.into_parts();
    let router = router.fallback(routes::not_found).with_state(app.clone());
    let desk = Desk { app: app.clone(), router, straight: Arc::new(straight), face: listener.face };
    let desk = Arc::new(desk);
    let tls = listener.tls.map(TlsAcceptor::from);
    let connections = Arc::new(Semaphore::new(app.settings.max_connections));
    let graceful = GracefulShutdown::new();
    loop {
        let permit = Arc::clone(&connections).acquire_owned();
        let accepted = tokio::select! {
            _ = closing.wait_for(|closing| *closing) => break,
            accepted = async { (permit.await, listener.socket.accept().await) } => accepted,
        };
        let (Ok(permit), Ok((stream, peer))) = accepted else {
            // Out of descriptors, mostly: wait for some to come back instead of spinning (REL-036).
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (desk, tls, watcher) = (Arc::clone(&desk), tls.clone(), graceful.watcher());
        let authorities = listener.authorities.clone();
        tokio::spawn(async move {
            let _permit = permit;
            match tls {
                None => {
                    let other = OtherEnd { peer, certificate: None };
                    connection(desk, stream, other, watcher).await;
                }
                Some(tls) => {
                    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        let (_, session) = stream.get_ref();
                        let now = desk.app.clock.now();
                        let certificate = client_certificate(session, authorities.as_ref(), now);
                        let other = OtherEnd { peer, certificate };
                        connection(desk, stream, other, watcher).await;
                    }
                }
            }
        });
    }
    drop(listener.socket);
    let limit = Duration::from_secs(app.settings.drain_seconds);
    if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections were still busy at the end of the drain");
    }
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct OtherEnd {
    peer: SocketAddr,
    certificate: Option<Arc<ClientCertificate>>,
}

async fn connection<S>(
    desk: Arc<Desk>,
    stream: S,
    other: OtherEnd,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let alarm = Alarm::new(HEADER_TIMEOUT);
    let limits = alarm.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        answer(Arc::clone(&desk), alarm.clone(), request, other.clone())
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(limits)
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .max_headers(FIELDS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Refuses what hyper lets pass when it comes in one piece, or over HTTP/2: a target or headers longer,
/// or more of them, than ours ever are (SEC-007).
fn too_long<B>(request: &Request<B>) -> Option<Response<Body>> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES {
        return Some(private(StatusCode::URI_TOO_LONG, &json!({ "error": "uri_too_long" })));
    }
    let fields = request.headers().iter();
    let headers: usize = fields.map(|(name, value)| name.as_str().len() + value.len()).sum();
    (headers > FIELD_BYTES || request.headers().len() > FIELDS).then(|| {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        private(status, &json!({ "error": "headers_too_long" }))
    })
}

async fn answer(
    desk: Arc<Desk>,
    alarm: Alarm,
    mut request: Request<Incoming>,
    other: OtherEnd,
) -> Result<Response<Body>, Infallible> {
    if let Some(refusal) = too_long(&request) {
        return Ok(refusal);
    }
    let OtherEnd { peer, certificate } = other;
    let admitted = match desk.face {
        Face::Operations => None,
        Face::Public | Face::MutualTls => {
            match tenancy::admit(&desk.app, &mut request, peer, certificate, desk.face) {
                Ok(admitted) => Some(admitted),
                Err(refusal) => return Ok(*refusal),
            }
        }
    };
    let limit = match request.version() {
        // Streams are tasks of their own, and each waits for a timer of its own.
        Version::HTTP_2 => None,
        _ => Some(&alarm),
    };
    // Pages come to the public face only.
    let public = admitted.as_ref().filter(|_| desk.face == Face::Public);
    let cross = public.and_then(|here| CrossOrigin::of(&here.tenant, &request));
    let mut response = match cross.as_ref().and_then(CrossOrigin::preflighted) {
        Some(preflighted) => preflighted,
        None => {
            // In a box: whatever it is on the way is moved several times.
            let handled = Box::pin(handled(&desk, admitted, request));
            match guarded(|| Limit::of(limit), handled).await {
                Ok(response) => response,
                Err(why) => unanswered(&desk.app, &why),
            }
        }
    };
    if let Some(cross) = cross {
        cross.admit(&mut response);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(nosniff);
    desk.app.metrics.answered(response.status());
    Ok(response)
}

/// Hands a request on: to an endpoint that takes it whole, or to the router.
async fn handled(
    desk: &Desk,
    admitted: Option<Admitted>,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let longest = routes::longest_body(request.uri().path());
    let endpoint = desk.straight.find(request.method(), request.uri().path());
    let admitted = match (admitted, endpoint) {
        (Some(Admitted { tenant, peer }), Some(endpoint)) => {
            let (Parts { method, uri, headers, .. }, body) = request.into_parts();
            let app = desk.app.clone();
            return match whole(body, longest).await {
                Ok(body) => endpoint(Asked { app, tenant, peer, method, uri, headers, body }).await,
                Err(refusal) => refusal,
            };
        }
        (admitted, _) => admitted,
    };
    if let Some(Admitted { tenant, peer }) = admitted {
        request.extensions_mut().insert(Here(tenant));
        request.extensions_mut().insert(peer);
    }
    let managed = request.uri().path().starts_with(api::BASE);
    let request = request.map(|body| Body::new(Limited::new(body, longest)));
    match Box::pin(desk.router.clone().oneshot(request)).await {
        Ok(response) => in_our_words(response, managed),
        Err(never) => match never {},
    }
}

/// The whole body, if it is no longer than this (SEC-007).
async fn whole(body: Incoming, longest: usize) -> Result<Bytes, Response<Body>> {
    let mut body = Limited::new(body, longest);
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| unread(&*error))?.into_data() else { continue };
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { [&first[..], &rest[..]].concat().into() })
}

fn unread(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Response<Body> {
    let (status, error, detail) = match error.is::<LengthLimitError>() {
        true => (StatusCode::PAYLOAD_TOO_LARGE, "content_too_large", "the body is too long"),
        false => (StatusCode::BAD_REQUEST, "invalid_request", "the request cannot be read"),
    };
    private(status, &json!({ "error": error, "error_description": detail }))
}

/// What the framework refuses before a handler sees it, it says in plain words of its own; here it
/// says it as everything else does (SEC-015).
fn in_our_words(response: Response<Body>, managed: bool) -> Response<Body> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let bare = kind.is_none() && status == StatusCode::METHOD_NOT_ALLOWED;
    if !(plain && status.is_client_error() || bare) {
        return response;
    }
    let (error, detail) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "another method is needed here"),
        StatusCode::PAYLOAD_TOO_LARGE => ("content_too_large", "the body is too long"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "this type is not taken"),
        _ => ("invalid_request", "the request cannot be read"),
    };
    let mut said = match managed {
        true => Problem::new(status, detail).into_response(),
        false => private(status, &json!({ "error": error, "error_description": detail })),
    };
    if let Some(allow) = response.headers().get(header::ALLOW) {
        said.headers_mut().insert(header::ALLOW, allow.clone());
    }
    said
}

fn unanswered(app: &App, why: &Unanswered) -> Response<Body> {
    match why {
        // A bug of ours: this request ends, everybody else's goes on (SEC-193).
        Unanswered::Panicked => {
            app.metrics.panics.inc();
            tracing::error!("a handler panicked");
            private(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" }))
        }
        Unanswered::TooLate => {
            private(StatusCode::REQUEST_TIMEOUT, &json!({ "error": "request_timeout" }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_015_what_the_framework_refuses_is_said_as_everything_else_is() {
        let refusal = |status, kind: &'static str| {
            let mut response = Response::new(Body::from("Invalid URL: Invalid UTF-8"));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        };
        let text = "text/plain; charset=utf-8";
        for (status, kind, managed, expected) in [
            (StatusCode::BAD_REQUEST, text, false, "application/json"),
            (StatusCode::PAYLOAD_TOO_LARGE, text, false, "application/json"),
            (StatusCode::BAD_REQUEST, text, true, "application/problem+json"),
            (StatusCode::METHOD_NOT_ALLOWED, text, true, "application/problem+json"),
            (StatusCode::OK, text, false, text),
            (StatusCode::BAD_REQUEST, "text/html", false, "text/html"),
        ] {
            let said = in_our_words(refusal(status, kind), managed);
            assert_eq!(said.status(), status);
            assert_eq!(said.headers()[header::CONTENT_TYPE], expected, "{status} {managed}");
        }
    }
}
