//! The accept loop: limits on everything a peer can hold on to. SEC-006, SEC-007, SEC-009, SEC-010,
//! REL-028, REL-036; `axum::serve` has no header timeout.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, Version, header};
use bytes::{Bytes, BytesMut};
use grantor_domain::client_auth::ClientCertificate;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::alarm::Alarm;
use crate::api;
use crate::app::App;
use crate::asked::Asked;
use crate::cross_origin::CrossOrigin;
use crate::extract::Here;
use crate::routes::{Routes, Straight};
use crate::shedding::Class;
use crate::tenancy::Admitted;
use crate::tls::{ClientAuthorities, client_certificate};
use crate::{routes, tenancy};

mod answers;
mod guard;
mod line;

use answers::{ambiguous, in_our_words, shed, too_long, unanswered, unencrypted, unread};
use guard::{Limit, guarded};
use line::Line;

/// Reading the headers of a request takes at most this long (SEC-009).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// A TLS handshake takes at most this long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

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
    patterns: Vec<String>,
    face: Face,
    tls: bool,
}

/// Serves until `closing` turns true; then finishes what is in flight.
pub async fn serve(
    app: App,
    served: Routes,
    listener: Listener,
    mut closing: tokio::sync::watch::Receiver<bool>,
) {
    let patterns = served.table().iter().map(|route| route.path.clone()).collect();
    let (router, straight) = served.into_parts();
    let router = router.fallback(routes::not_found).with_state(app.clone());
    let (straight, face) = (Arc::new(straight), listener.face);
    let tls = listener.tls.is_some();
    let desk = Arc::new(Desk { app: app.clone(), router, straight, patterns, face, tls });
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

async fn answer(
    desk: Arc<Desk>,
    alarm: Alarm,
    mut request: Request<Incoming>,
    other: OtherEnd,
) -> Result<Response<Body>, Infallible> {
    let OtherEnd { peer, certificate } = other;
    if desk.face != Face::Operations
        && !desk.tls
        && !tenancy::may_speak_plainly(&desk.app.settings, peer.ip())
    {
        return Ok(unencrypted(request.version()));
    }
    if let Some(refusal) = too_long(&request).or_else(|| ambiguous(&request)) {
        return Ok(refusal);
    }
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
    let line = Line::begin(&request, admitted.as_ref(), &desk.patterns);
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
    if let Some(line) = line {
        line.end(&response);
    }
    Ok(response)
}

/// Hands a request on: to an endpoint that takes it whole, or to the router.
async fn handled(
    desk: &Desk,
    admitted: Option<Admitted>,
    request: Request<Incoming>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let managed = parts.uri.path().starts_with(api::BASE);
    let body = match whole(body, routes::longest_body(parts.uri.path())).await {
        Ok(body) => body,
        Err(refusal) => return in_our_words(refusal, managed),
    };
    let Some(Admitted { tenant, peer }) = admitted else {
        return routed(desk, Request::from_parts(parts, body.into()), managed).await;
    };
    let place = Class::of(parts.uri.path()).map(|class| desk.app.load.admit(class));
    if matches!(place, Some(None)) {
        desk.app.metrics.shed.inc();
        return shed(&tenant, &parts);
    }
    let Some(endpoint) = desk.straight.find(&parts.method, parts.uri.path()) else {
        let mut request = Request::from_parts(parts, body.into());
        request.extensions_mut().insert(Here(tenant));
        request.extensions_mut().insert(peer);
        return routed(desk, request, managed).await;
    };
    let (Parts { method, uri, headers, .. }, app) = (parts, desk.app.clone());
    endpoint(Asked { app, tenant, peer, method, uri, headers, body }).await
}

async fn routed(desk: &Desk, request: Request<Body>, managed: bool) -> Response<Body> {
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
