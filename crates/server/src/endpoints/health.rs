//! `GET /healthz` and `GET /readyz`: only on the operations listener (SEC-018).

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde_json::json;

use crate::app::App;
use crate::reply::json::private;

/// The process lives.
pub async fn live() -> Response<Body> {
    private(StatusCode::OK, &json!({ "status": "UP" }))
}

/// The process can do all its work: it is not going away, the database answers, and every tenant
/// has a key to sign with (REL-016, REL-028, REL-033).
pub async fn ready(State(app): State<App>) -> Response<Body> {
    let now = app.clock.now();
    let draining = *app.draining.borrow();
    let database = app.store.ping().await.is_ok();
    let tenants = app.directory.tenants();
    let keys = tenants.values().all(|view| !view.keys.algorithms(now).is_empty());
    let behind = app.directory.behind(now);
    let ready = !draining && database && keys && behind < 10_000;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let detail = json!({
        "status": if ready { "UP" } else { "DOWN" },
        "draining": draining,
        "database": database,
        "keys": keys,
        "behind_ms": behind,
    });
    private(status, &detail)
}
