//! Health and metrics as Plan B's dashboards ask for them (`stups.md` 2.17, 3.1, 3.11).
//!
//! Of its two components each had these paths; here is one of each, on the operations listener, and
//! the `Accept` header decides: health is the provider's JSON or token info's text, metrics are flat
//! JSON or what Prometheus reads.
//!
//! | name                                                                  | what is counted          |
//! |-----------------------------------------------------------------------|--------------------------|
//! | `planb.provider.access_token.{realm}.success.count`                   | tokens from the token endpoint of STUPS |
//! | `planb.provider.access_token.{realm}.error.{client,user,other}.count` | its refusals             |
//! | `planb.provider.access_token.unknown-realm.error.other.count`         | requests for no realm    |
//! | `planb.provider.jwt.signing.{ALG}.count`                              | signed access tokens     |
//! | `planb.openidprovider.numkeys`                                        | trusted keys             |
//! | `planb.tokeninfo.jwt./{realm}.requests.count`                         | tokens token info knew   |
//! | `planb.tokeninfo.{jwt,nonjwt}.errors.{error}.count`                   | its refusals             |
//!
//! What is not measured has no name here: times, and everything about upstreams, breakers and caches.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use grantor_crypto::alg::Algorithm;
use grantor_oauth_types::name::RealmName;
use serde_json::{Map, Value};

use crate::app::App;
use crate::endpoints::health;
use crate::metrics::{
    Metrics, Signature, StupsOutcome, StupsToken, TokenForm, TokenInfo, TokenInfoError,
    TokenInfoRefusal, count,
};
use crate::reply::json::{private, private_bytes};

/// `GET /health`.
pub(crate) async fn health(State(app): State<App>, headers: HeaderMap) -> Response<Body> {
    if wants_json(&headers) {
        return health::ready(State(app)).await;
    }
    let now = app.clock.now();
    let has_keys =
        app.directory.tenants().values().all(|view| !view.keys.algorithms(now).is_empty());
    let (status, body) = told(has_keys);
    let mut response = private_bytes(status, body.into());
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// 3.1: a word and the version.
fn told(has_keys: bool) -> (StatusCode, String) {
    let (status, word) = if has_keys {
        (StatusCode::OK, "OK")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "No keys available")
    };
    (status, format!("{word}\n{}", env!("CARGO_PKG_VERSION")))
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response<Body> {
    if !wants_json(&headers) {
        return Response::new(Body::from(app.metrics.render()));
    }
    let tenants = app.directory.tenants();
    let keys = tenants.values().map(|view| view.keys.kids().len()).sum();
    let realms: Vec<&str> =
        tenants.values().flat_map(|view| view.realms.keys()).map(RealmName::as_str).collect();
    private(StatusCode::OK, &flat(&app.metrics, keys, &realms))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

/// Names and numbers. Names are made of what exists, so that nothing from a request becomes one.
fn flat(metrics: &Metrics, keys: usize, realms: &[&str]) -> Map<String, Value> {
    let mut flat = Map::new();
    flat.insert("planb.openidprovider.numkeys".to_owned(), keys.into());
    for realm in realms {
        of_realm(&mut flat, metrics, realm);
    }
    of_realm(&mut flat, metrics, "");
    for alg in Algorithm::ALL.map(Algorithm::as_str) {
        let name = format!("planb.provider.jwt.signing.{alg}.count");
        seen(&mut flat, name, count(&metrics.signatures, &Signature { alg }));
    }
    for (form, of) in [(TokenForm::Jwt, "jwt"), (TokenForm::Other, "nonjwt")] {
        for (error, code) in [
            (TokenInfoRefusal::InvalidRequest, "invalid_request"),
            (TokenInfoRefusal::InvalidToken, "invalid_token"),
        ] {
            let counted = count(&metrics.tokeninfo_errors, &TokenInfoError { form, error });
            seen(&mut flat, format!("planb.tokeninfo.{of}.errors.{code}.count"), counted);
        }
    }
    flat
}

fn of_realm(flat: &mut Map<String, Value>, metrics: &Metrics, realm: &str) {
    let shown = if realm.is_empty() { "unknown-realm" } else { realm };
    for (outcome, class) in [
        (StupsOutcome::Success, "success"),
        (StupsOutcome::Client, "error.client"),
        (StupsOutcome::User, "error.user"),
        (StupsOutcome::Other, "error.other"),
    ] {
        let labels = StupsToken { realm: realm.to_owned(), outcome };
        let name = format!("planb.provider.access_token.{shown}.{class}.count");
        seen(flat, name, count(&metrics.stups_tokens, &labels));
    }
    if !realm.is_empty() {
        let labels = TokenInfo { form: TokenForm::Jwt, realm: realm.to_owned() };
        let name = format!("planb.tokeninfo.jwt./{realm}.requests.count");
        seen(flat, name, count(&metrics.tokeninfo, &labels));
    }
}

/// As in the original, a name appears with its first event.
fn seen(flat: &mut Map<String, Value>, name: String, count: u64) {
    if count > 0 {
        flat.insert(name, count.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_a_word_and_the_version() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(told(true), (StatusCode::OK, format!("OK\n{version}")));
        let without_keys =
            (StatusCode::SERVICE_UNAVAILABLE, format!("No keys available\n{version}"));
        assert_eq!(told(false), without_keys);
    }

    #[test]
    fn what_was_counted_has_the_names_of_plan_b() {
        let metrics = Metrics::default();
        let issued = |realm: &str, outcome| {
            let labels = StupsToken { realm: realm.to_owned(), outcome };
            metrics.stups_tokens.get_or_create(&labels).inc();
        };
        issued("services", StupsOutcome::Success);
        issued("services", StupsOutcome::Success);
        issued("services", StupsOutcome::User);
        issued("", StupsOutcome::Other);
        metrics.signatures.get_or_create(&Signature { alg: "ES256" }).inc();
        let known = TokenInfo { form: TokenForm::Jwt, realm: "services".to_owned() };
        metrics.tokeninfo.get_or_create(&known).inc();
        let (form, error) = (TokenForm::Other, TokenInfoRefusal::InvalidToken);
        metrics.tokeninfo_errors.get_or_create(&TokenInfoError { form, error }).inc();

        let flat = Value::Object(flat(&metrics, 3, &["customers", "services"]));
        let expected = serde_json::json!({
            "planb.openidprovider.numkeys": 3,
            "planb.provider.access_token.services.success.count": 2,
            "planb.provider.access_token.services.error.user.count": 1,
            "planb.provider.access_token.unknown-realm.error.other.count": 1,
            "planb.provider.jwt.signing.ES256.count": 1,
            "planb.tokeninfo.jwt./services.requests.count": 1,
            "planb.tokeninfo.nonjwt.errors.invalid_token.count": 1,
        });
        assert_eq!(flat, expected);
        let text = metrics.render();
        assert!(text.contains(
            "grantor_stups_token_requests_total{realm=\"services\",outcome=\"Success\"} 2"
        ));
    }
}
