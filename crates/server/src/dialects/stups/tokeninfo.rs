//! `/oauth2/tokeninfo`: what a token is worth (`stups.md` 3.2–3.5).

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use grantor_domain::issue::AccessToken;
use grantor_domain::params::Params;
use grantor_oauth_types::name::RealmName;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::extract::{Here, authorization, bearer};
use crate::metrics::{TokenForm, TokenInfo, TokenInfoError, TokenInfoRefusal};
use crate::reply::json as reply;
use crate::tokens;

/// 3.3 or 3.4. The header counts before query and form; the query only where the tenant has
/// `compat.tokeninfo_query` (SEC-017).
pub(super) async fn answer(
    State(app): State<App>,
    Here(tenant): Here,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let now = app.clock.now();
    let in_header = authorization(&headers).ok().flatten().and_then(bearer).map(str::to_owned);
    let query = query.filter(|_| tenant.tenant.settings.compat_tokeninfo_query);
    let in_query = || from_form(query.as_deref().unwrap_or_default().as_bytes());
    let in_body = || if method == Method::POST { from_form(&body) } else { None };
    let response = match in_header.or_else(in_query).or_else(in_body) {
        None => {
            let (form, error) = (TokenForm::Jwt, TokenInfoRefusal::InvalidRequest);
            app.metrics.tokeninfo_errors.get_or_create(&TokenInfoError { form, error }).inc();
            refusal(StatusCode::BAD_REQUEST, "invalid_request")
        }
        Some(text) => match tokens::verify(&tenant, &text, now) {
            Ok(live) => {
                let realm = live.token.realm.as_ref().map(ToString::to_string).unwrap_or_default();
                let counted = TokenInfo { form: form(&text), realm };
                app.metrics.tokeninfo.get_or_create(&counted).inc();
                let left = live.token.exp - now.as_second();
                reply::private_bytes(StatusCode::OK, success(&text, &live.token, left).into())
            }
            Err(reason) => {
                tracing::debug!(%reason, "token info refused");
                let (form, error) = (form(&text), TokenInfoRefusal::InvalidToken);
                app.metrics.tokeninfo_errors.get_or_create(&TokenInfoError { form, error }).inc();
                refusal(StatusCode::UNAUTHORIZED, "invalid_token")
            }
        },
    };
    open_to_scripts(response)
}

/// 3.2: three parts are a JWT, whatever is in them.
fn form(text: &str) -> TokenForm {
    if text.split('.').count() == 3 { TokenForm::Jwt } else { TokenForm::Other }
}

fn from_form(encoded: &[u8]) -> Option<String> {
    Params::parse(encoded).ok()?.take("access_token")
}

/// 3.3: every scope is an attribute of its own as well, unless there is one of that name.
fn success(text: &str, token: &AccessToken, left: i64) -> Vec<u8> {
    let mut body = Map::with_capacity(10 + token.scopes.len());
    body.insert("access_token".to_owned(), text.into());
    body.insert("uid".to_owned(), token.sub.as_str().into());
    let realm = token.realm.as_ref().map(RealmName::with_slash);
    body.insert("realm".to_owned(), realm.map_or(Value::Null, Value::from));
    let scopes: Vec<&str> =
        token.scopes.iter().map(grantor_oauth_types::scope::ScopeToken::as_str).collect();
    body.insert("scope".to_owned(), json!(scopes));
    body.insert("grant_type".to_owned(), "password".into());
    body.insert("token_type".to_owned(), "Bearer".into());
    body.insert("expires_in".to_owned(), left.into());
    if let Some(client) = token.client.as_ref().filter(|_| token.scopes.contains("azp")) {
        body.insert("client_id".to_owned(), client.as_str().into());
    }
    for scope in token.scopes.iter() {
        body.entry(scope.as_str()).or_insert(Value::Bool(true));
    }
    body.retain(|_, value| !value.is_null());
    serde_json::to_vec(&body).expect("token info is plain JSON")
}

/// 3.4: one text for everything.
fn refusal(status: StatusCode, error: &str) -> Response<Body> {
    let body = json!({ "error": error, "error_description": "Access Token not valid" });
    let mut response = reply::private(status, &body);
    if status == StatusCode::UNAUTHORIZED {
        let challenge =
            HeaderValue::from_static("Bearer realm=\"grantor\", error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Pages of other origins may ask what their own token is worth: there is no cookie to borrow.
fn open_to_scripts(mut response: Response<Body>) -> Response<Body> {
    let any = HeaderValue::from_static("*");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    response
}

/// A CORS preflight is answered without a token (4.1).
pub(super) async fn preflight() -> Response<Body> {
    let mut response = open_to_scripts(reply::private_bytes(StatusCode::OK, Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, OPTIONS"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}
