//! The layers and the extractor: `tower` around a service, axum inside a handler.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Request, StatusCode};
use tower::{Layer, Service};

use crate::caller::Caller;
use crate::refusal::{Denied, Refusal};
use crate::require::Require;
use crate::verifier::Verifier;

/// Lets only requests with a good token through, and hands the [`Caller`] on.
#[derive(Clone, Debug)]
pub struct Protect {
    verifier: Verifier,
    require: Require,
}

impl Protect {
    /// Any good token; see [`Self::require`].
    pub fn new(verifier: &Verifier) -> Self {
        Self { verifier: verifier.clone(), require: Require::authenticated() }
    }

    /// And what the token must carry. A [`Require`] can also be a layer of its own further inside,
    /// then both count.
    #[must_use]
    pub fn require(mut self, require: impl Into<Require>) -> Self {
        self.require = require.into();
        self
    }

    async fn admit(&self, parts: &mut Parts) -> Result<(), Denied> {
        let caller = self.verifier.authenticate(parts).await?;
        self.require.check(&parts.method, &caller).map_err(|refusal| caller.denied(refusal))?;
        // Takes the place of a caller that an outer layer verified by other rules.
        parts.extensions.insert(caller);
        Ok(())
    }
}

impl<S> Layer<S> for Protect {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Protected { inner, protect: self.clone() }
    }
}

/// A service behind [`Protect`].
#[derive(Clone, Debug)]
pub struct Protected<S> {
    inner: S,
    protect: Protect,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S, B> Service<Request<B>> for Protected<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready is used; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let protect = self.protect.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match protect.admit(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(denied) => Ok(denied.into_response()),
            }
        })
    }
}

impl<S> Layer<S> for Require {
    type Service = Required<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Required { inner, require: self.clone() }
    }
}

/// A service behind a [`Require`] layer.
#[derive(Clone, Debug)]
pub struct Required<S> {
    inner: S,
    require: Require,
}

impl<S, B> Service<Request<B>> for Required<S>
where
    S: Service<Request<B>, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verdict = match request.extensions().get::<Caller>() {
            None => Err(unprotected()),
            Some(caller) => self
                .require
                .check(request.method(), caller)
                .map_err(|refusal: Refusal| caller.denied(refusal).into_response()),
        };
        match verdict {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(response) => Box::pin(std::future::ready(Ok(response))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unprotected)
    }
}

/// A mistake of the program: nobody verified the token. Refused, not served.
fn unprotected() -> Response {
    tracing::error!("a route asks for the caller, but no Protect layer is around it");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
