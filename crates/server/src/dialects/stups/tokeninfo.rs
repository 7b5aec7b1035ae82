//! `/oauth2/tokeninfo`: what a token is worth (`stups.md` 3.2–3.6).

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use grantor_domain::issue::AccessToken;
use grantor_domain::params::Params;
use jiff::Timestamp;
use serde_json::json;

use crate::app::App;
use crate::asked::Asked;
use crate::directory::TenantView;
use crate::extract::{authorization, bearer};
use crate::grants::Context;
use crate::metrics::{TokenForm, TokenInfo, TokenInfoError, TokenInfoRefusal};
use crate::reply::json as reply;
use crate::reply::token::RETRY_SECONDS;
use crate::throttle::origin;
use crate::tokens::{self, Worthless};
use crate::upstream_tokeninfo::{self, Silent};

/// 3.3 or 3.4. The header counts before query and form; the query only of a GET, where the tenant has
/// `compat.tokeninfo_query`, and never for scripts of other origins (SEC-017).
pub(super) async fn answer(asked: Asked) -> Response<Body> {
    let (app, context) = (&asked.app, asked.context());
    let (now, tenant) = (context.now, &context.tenant);
    let in_header = authorization(&asked.headers).ok().flatten().and_then(bearer);
    let query = asked.query().filter(|_| tenant.tenant.settings.compat_tokeninfo_query);
    let query = query.filter(|_| asked.method == Method::GET);
    let in_query = || from_form(query.unwrap_or_default().as_bytes());
    let in_body = || if asked.method == Method::POST { from_form(&asked.body) } else { None };
    let by_query = in_header.is_none() && query.is_some();
    let sent = in_header.map(Cow::Borrowed);
    let sent = sent.or_else(|| in_query().or_else(in_body).map(Cow::Owned));
    if !by_query {
        return open_to_scripts(worth(app, &context, sent).await);
    }
    // Who guesses is heard ever more seldom.
    let from = || (tenant.tenant.name.clone(), context.address.map(origin));
    if let Some(seconds) = app.query_failures.wait(from, now) {
        let slower = refusal(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable");
        return reply::retry_after(slower, seconds);
    }
    let response = worth(app, &context, sent).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        app.query_failures.failed(&from(), now);
    }
    response
}

/// What the token that was sent is worth.
async fn worth(app: &App, context: &Context, sent: Option<Cow<'_, str>>) -> Response<Body> {
    let (now, tenant) = (context.now, &context.tenant);
    match sent {
        None => {
            let (form, error) = (TokenForm::Jwt, TokenInfoRefusal::InvalidRequest);
            app.metrics.tokeninfo_errors.get_or_create(&TokenInfoError { form, error }).inc();
            refusal(StatusCode::BAD_REQUEST, "invalid_request")
        }
        // The answer does not say to what a token is bound, and who asks could not check it.
        Some(text) => match tokens::presented(context, &text) {
            Ok(live) => {
                let realm = live.token.realm.as_ref().map(ToString::to_string).unwrap_or_default();
                let counted = TokenInfo { form: form(&text), realm };
                app.metrics.tokeninfo.get_or_create(&counted).inc();
                let left = live.token.exp - now.as_second();
                reply::private_bytes(StatusCode::OK, success(&text, &live.token, left).into())
            }
            Err(Worthless::Foreign) if upstream_tokeninfo::may_know(&text) => {
                Box::pin(elsewhere(app, tenant, &text, now)).await
            }
            Err(reason) => {
                tracing::debug!(%reason, "token info refused");
                let (form, error) = (form(&text), TokenInfoRefusal::InvalidToken);
                app.metrics.tokeninfo_errors.get_or_create(&TokenInfoError { form, error }).inc();
                refusal(StatusCode::UNAUTHORIZED, "invalid_token")
            }
        },
    }
}

/// 3.6: a token that is not ours is asked about elsewhere, if the tenant has somebody to ask.
async fn elsewhere(app: &App, tenant: &TenantView, text: &str, now: Timestamp) -> Response<Body> {
    let name = &tenant.tenant.name;
    let worth = match &tenant.tenant.settings.upstream_tokeninfo {
        Some(upstream) => app.upstream_tokeninfo.ask(app, name, upstream, text, now).await,
        None => Err(Silent::Worthless),
    };
    let silent = match worth {
        Ok(worth) => {
            let counted = TokenInfo { form: TokenForm::Other, realm: "upstream".to_owned() };
            app.metrics.tokeninfo.get_or_create(&counted).inc();
            let mut response = reply::private(StatusCode::OK, &worth.said);
            let cache = HeaderValue::from_static(if worth.hit { "HIT" } else { "MISS" });
            response.headers_mut().insert("x-cache", cache);
            return response;
        }
        Err(silent) => silent,
    };
    let (form, error) = (TokenForm::Other, TokenInfoRefusal::InvalidToken);
    app.metrics.tokeninfo_errors.get_or_create(&TokenInfoError { form, error }).inc();
    let status = match silent {
        Silent::Worthless => return refusal(StatusCode::UNAUTHORIZED, "invalid_token"),
        Silent::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Silent::Busy => StatusCode::TOO_MANY_REQUESTS,
        Silent::Away => StatusCode::BAD_GATEWAY,
    };
    // 3.4: these are plain text. Nothing of what the upstream said is in it (SEC-156).
    let mut response = reply::private_bytes(status, Bytes::from(silent.to_string()));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    reply::retry_after(response, RETRY_SECONDS)
}

/// 3.2: three parts are a JWT, whatever is in them.
fn form(text: &str) -> TokenForm {
    if text.bytes().filter(|byte| *byte == b'.').count() == 2 {
        TokenForm::Jwt
    } else {
        TokenForm::Other
    }
}

fn from_form(encoded: &[u8]) -> Option<String> {
    Params::parse(encoded).ok()?.take("access_token")
}

/// 3.3: every scope is an attribute of its own as well, unless there is one of that name.
///
/// This is the most frequent answer of a server, so it is written straight down. A token that
/// verified and scopes (RFC 6749 §3.3) have no character that JSON would escape.
fn success(text: &str, token: &AccessToken, left: i64) -> String {
    let mut body = String::with_capacity(text.len() + 512);
    body.push_str("{\"access_token\":\"");
    body.push_str(text);
    body.push_str("\",\"uid\":");
    push_quoted(&mut body, &token.sub);
    if let Some(realm) = &token.realm {
        body.push_str(",\"realm\":");
        push_quoted(&mut body, &realm.with_slash());
    }
    body.push_str(",\"scope\":[");
    for (place, scope) in token.scopes.iter().enumerate() {
        body.push_str(if place == 0 { "\"" } else { ",\"" });
        body.push_str(scope.as_str());
        body.push('"');
    }
    body.push_str("],\"grant_type\":\"password\",\"token_type\":\"Bearer\",\"expires_in\":");
    body.push_str(&left.to_string());
    let client = token.client.as_ref().filter(|_| token.scopes.contains("azp"));
    if let Some(client) = client {
        body.push_str(",\"client_id\":");
        push_quoted(&mut body, client.as_str());
    }
    let is_said =
        |name: &str| ATTRIBUTES.contains(&name) || client.is_some() && name == "client_id";
    for scope in token.scopes.iter().filter(|scope| !is_said(scope.as_str())) {
        body.push_str(",\"");
        body.push_str(scope.as_str());
        body.push_str("\":true");
    }
    body.push('}');
    body
}

/// Attributes that no scope takes the place of.
const ATTRIBUTES: [&str; 7] =
    ["access_token", "uid", "realm", "scope", "grant_type", "token_type", "expires_in"];

fn push_quoted(body: &mut String, text: &str) {
    body.push_str(&serde_json::to_string(text).expect("a text is JSON"));
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

#[cfg(test)]
mod tests {
    use grantor_domain::client::TokenProfile;
    use grantor_oauth_types::name::{ClientId, RealmName};
    use grantor_oauth_types::scope::Scopes;
    use serde_json::{Value, json};

    use super::*;

    fn token(scopes: &str, realm: Option<&str>) -> AccessToken {
        AccessToken {
            profile: TokenProfile::Stups,
            sub: "stups_\"robot\"\\".to_owned(),
            username: None,
            realm: realm.map(|realm| RealmName::parse(realm).unwrap()),
            client: Some(ClientId::parse("shop").unwrap()),
            scopes: Scopes::parse(scopes).unwrap(),
            audiences: Vec::new(),
            iat: 0,
            exp: 60,
            jti: None,
            gid: None,
            sid: None,
            cnf: None,
        }
    }

    #[test]
    fn scopes_are_attributes_but_take_the_place_of_none() {
        let every =
            "uid realm scope grant_type token_type expires_in access_token client_id azp a.b";
        for (scopes, realm, client) in [
            ("uid azp client_id x", Some("services"), json!("shop")),
            ("uid client_id", None, json!(true)),
            (every, None, json!("shop")),
            ("", None, Value::Null),
        ] {
            let token = token(scopes, realm);
            let told: Value = serde_json::from_str(&success("e.y.J", &token, 60)).unwrap();
            assert_eq!(told["uid"], token.sub);
            assert_eq!(
                told["realm"],
                realm.map_or(Value::Null, |realm| format!("/{realm}").into())
            );
            assert_eq!(told["scope"].as_array().unwrap().len(), token.scopes.len());
            assert_eq!((&told["access_token"], &told["expires_in"]), (&json!("e.y.J"), &json!(60)));
            assert_eq!(told["client_id"], client, "{scopes}");
            let own = |name: &&str| !ATTRIBUTES.contains(name) && *name != "client_id";
            for scope in scopes.split_whitespace().filter(own) {
                assert_eq!(told[scope], true, "{scope}");
            }
        }
    }
}
