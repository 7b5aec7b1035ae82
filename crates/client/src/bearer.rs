//! Middleware for `reqwest`: sends the token, and tries once more after a 401. RFC 6750 §2.1, §3.1.

use async_trait::async_trait;
use http::{Extensions, StatusCode, header};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};

use crate::error::TokenError;
use crate::secret::AccessToken;
use crate::tokens::Tokens;
use crate::transport::{PlainHttp, check_confidential};

/// Where the middleware has its tokens from.
#[async_trait]
pub trait TokenSource: Send + Sync + 'static {
    /// A token that is good now.
    async fn token(&self) -> Result<AccessToken, TokenError>;

    /// A better one than `refused`, if there is any.
    async fn replace(&self, refused: &AccessToken) -> Result<Option<AccessToken>, TokenError>;
}

/// One name of [`Tokens`] as a source.
#[derive(Clone, Debug)]
pub struct NamedToken {
    tokens: Tokens,
    name: String,
}

impl NamedToken {
    /// The token that `tokens` manages as `name`.
    pub fn new(tokens: Tokens, name: impl Into<String>) -> Self {
        Self { tokens, name: name.into() }
    }
}

#[async_trait]
impl TokenSource for NamedToken {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        self.tokens.get(&self.name).await
    }

    async fn replace(&self, refused: &AccessToken) -> Result<Option<AccessToken>, TokenError> {
        self.tokens.replace(&self.name, refused).await
    }
}

/// Sends `Authorization: Bearer …` with every request that has no such header yet.
///
/// After a 401 it asks the source for a better token, and if there is one, sends the request a
/// second time, once. A request whose body is a stream cannot be repeated, and gets its 401.
/// A token never travels over plain http, except to this machine.
#[derive(Clone, Debug)]
pub struct BearerAuth<S> {
    source: S,
    plain_http: PlainHttp,
}

impl<S: TokenSource> BearerAuth<S> {
    /// With tokens from `source`.
    pub fn new(source: S) -> Self {
        Self { source, plain_http: PlainHttp::default() }
    }

    /// Lets tokens go over plain http to other machines. Think twice.
    #[must_use]
    pub fn plain_http(mut self, plain_http: PlainHttp) -> Self {
        self.plain_http = plain_http;
        self
    }
}

#[async_trait]
impl<S: TokenSource> Middleware for BearerAuth<S> {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        if request.headers().contains_key(header::AUTHORIZATION) {
            return next.run(request, extensions).await;
        }
        check_confidential(request.url(), self.plain_http).map_err(Error::middleware)?;
        let token = self.source.token().await.map_err(Error::middleware)?;
        let again = request.try_clone();
        request.headers_mut().insert(header::AUTHORIZATION, token.authorization());
        let response = next.clone().run(request, extensions).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some(mut again) = again else { return Ok(response) };
        match self.source.replace(&token).await {
            Ok(Some(token)) => {
                again.headers_mut().insert(header::AUTHORIZATION, token.authorization());
                next.run(again, extensions).await
            }
            Ok(None) => Ok(response),
            // The answer of the resource server says more than that there is no better token.
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "no new token after a 401");
                Ok(response)
            }
        }
    }
}
