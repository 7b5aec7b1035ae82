//! `POST /oauth2/token`. RFC 6749 §3.2.

use axum::body::Body;
use axum::http::Response;
use grantor_domain::token::TokenRequest;

use super::{client, form};
use crate::asked::Asked;
use crate::grants::{self, Context, Issued, TokenFailure};
use crate::reply;

/// RFC 6749 §3.2, from top to bottom.
pub async fn post(asked: Asked) -> Response<Body> {
    let context = asked.context();
    match answer(&asked, &context).await {
        Ok(issued) => reply::token::issued(issued, context.decision),
        Err(failure) => reply::token::failed(&asked.app, &context, &failure),
    }
}

async fn answer(asked: &Asked, context: &Context) -> Result<Issued, TokenFailure> {
    let Asked { app, headers, .. } = asked;
    let mut params = form(headers, asked.query(), &asked.body)?;
    let client = client(app, context, headers, &mut params).await?;
    let request = TokenRequest::parse(&mut params)?;
    grants::issue(app, context, &client, request).await
}
