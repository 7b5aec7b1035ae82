//! A request that was read to its end, as the endpoints take it that answer most.
//!
//! What axum's extractors hand over is boxed, copied or looked up for each of them. Here everything is
//! handed over as it came in, and the listener calls the endpoint itself ([`crate::routes::Straight`]).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::FromRequest;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, Request, Response, Uri};

use crate::app::App;
use crate::directory::TenantView;
use crate::extract::{Here, Peer};
use crate::grants::Context;

/// A request that was read to its end.
#[derive(Debug)]
pub struct Asked {
    /// What it can reach
    pub app: App,
    /// The tenant it came in for
    pub tenant: Arc<TenantView>,
    /// From whom it comes
    pub peer: Peer,
    /// How
    pub method: Method,
    /// Where, without the path of the tenant
    pub uri: Uri,
    /// Its headers
    pub headers: HeaderMap,
    /// Its body, within the limit of its path (SEC-007)
    pub body: Bytes,
}

impl Asked {
    /// The query as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// What it happens in, with the number of the decision that is about to be made.
    pub fn context(&self) -> Context {
        let now = self.app.clock.now();
        Context::new(&self.app, Arc::clone(&self.tenant), self.peer.clone(), now)
    }
}

/// For the methods that the listener leaves to the router: `HEAD`.
impl FromRequest<App> for Asked {
    type Rejection = BytesRejection;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Self, BytesRejection> {
        let (parts, body) = request.into_parts();
        let Here(tenant) = Here::of(&parts.extensions);
        let peer = Peer::of(&parts.extensions);
        let (method, uri, headers) =
            (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
        let body = Bytes::from_request(Request::from_parts(parts, body), app).await?;
        Ok(Self { app: app.clone(), tenant, peer, method, uri, headers, body })
    }
}

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// An endpoint that takes what was [`Asked`].
pub type Endpoint = Arc<dyn Fn(Asked) -> Answering + Send + Sync>;
