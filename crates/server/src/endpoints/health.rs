//! `GET /healthz` and `GET /readyz`: only on the operations listener (SEC-018).

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use crate::app::App;
use crate::reply::json::private;

/// The process lives.
pub async fn live() -> Response<Body> {
    private(StatusCode::OK, &json!({ "status": "UP" }))
}

/// How far the clock of this node may be from that of the database, or, where there is none, from that of
/// its machine, in seconds (REL-024).
const CLOCKS_WITHIN: i64 = 60;

/// The process can do all its work: it is not going away, the database answers and has the same
/// time, and every tenant has a key to sign with (REL-016, REL-024, REL-028, REL-033).
pub async fn ready(State(app): State<App>) -> Response<Body> {
    let now = app.clock.now();
    let draining = *app.draining.borrow();
    let theirs = app.store.clock().await;
    let ahead = app.clock.ahead().as_secs();
    let off = theirs.as_ref().map_or(ahead, |theirs| clock_off(now, *theirs, ahead));
    if off > CLOCKS_WITHIN {
        tracing::error!(
            seconds = off,
            ahead,
            "the clock was set back, or differs from the database's"
        );
    }
    let database = theirs.is_ok();
    let tenants = app.directory.tenants();
    let keys = tenants.values().all(|view| !view.keys.algorithms(now).is_empty());
    let behind = app.directory.behind(now);
    let ready = !draining && database && keys && behind < 10_000 && off <= CLOCKS_WITHIN;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let detail = json!({
        "status": if ready { "UP" } else { "DOWN" },
        "draining": draining,
        "database": database,
        "keys": keys,
        "behind_ms": behind,
        "clock_off_seconds": off,
    });
    private(status, &detail)
}

/// How many seconds lie between the clocks. Where there is one only: how far it was set back.
fn clock_off(now: Timestamp, theirs: Option<Timestamp>, ahead: i64) -> i64 {
    theirs.map_or(ahead, |theirs| (now.as_second() - theirs.as_second()).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rel_024_half_a_minute_is_harmless_and_more_than_a_minute_is_not() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (theirs, harmless) in [(None, true), (Some(70), true), (Some(130), true)] {
            assert_eq!(clock_off(at(100), theirs.map(at), 0) <= CLOCKS_WITHIN, harmless);
        }
        for theirs in [39, 161] {
            assert!(clock_off(at(100), Some(at(theirs)), 0) > CLOCKS_WITHIN, "{theirs}");
        }
        assert!(clock_off(at(100), None, 30) <= CLOCKS_WITHIN);
        assert!(
            clock_off(at(100), None, 600) > CLOCKS_WITHIN,
            "nobody to ask, but it was set back"
        );
        assert!(clock_off(at(100), Some(at(100)), 600) <= CLOCKS_WITHIN, "the database is right");
    }
}
