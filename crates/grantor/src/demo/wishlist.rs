//! The wishlist API: it knows nothing of Grantor but the library `grantor-resource`.
//!
//! Both scopes have the rule `owner`: they count for the lists of whoever granted them, so the API
//! takes the owner from the token and from nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use grantor_resource::{Caller, Protect, Require, Verifier, all_of};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// Reads one's own list.
pub(super) const READ: &str = "wishlist.read";
/// Adds to one's own list.
pub(super) const WRITE: &str = "wishlist.write";

/// More than anybody wishes for.
const LONGEST: usize = 100;

/// A wish.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Wish {
    pub(super) item: String,
}

/// Everybody's lists, by the id of their owner in the realm `customers`.
#[derive(Clone, Debug, Default)]
struct Lists(Arc<Mutex<HashMap<String, Vec<Wish>>>>);

/// Serves until the process ends.
pub(super) async fn serve(socket: TcpListener, issuer: String, api: String) {
    let verifier = Verifier::builder(&issuer, &api)
        .scopes_supported([READ, WRITE])
        .start()
        .expect("issuer and audience are loopback URLs");
    // Until it knows the keys and the revocations it would answer 503.
    verifier.ready().await;
    let rule = Require::per_method()
        .on(Method::GET, all_of([READ]))
        .on(Method::POST, all_of([WRITE]))
        .realms(["customers"]);
    let routes = Router::new()
        .route("/wishlist", get(show).post(add))
        .layer(Protect::new(&verifier).require(rule))
        .merge(verifier.metadata_routes())
        .with_state(Lists::default());
    if let Err(error) = axum::serve(socket, routes).await {
        tracing::error!(%error, "the wishlist API ended");
    }
}

impl Lists {
    fn of<T>(&self, owner: &str, act: impl FnOnce(&mut Vec<Wish>) -> T) -> T {
        let mut lists = self.0.lock().expect("nothing panics while it holds the lists");
        act(lists.entry(owner.to_owned()).or_default())
    }
}

async fn show(caller: Caller, State(lists): State<Lists>) -> Json<Vec<Wish>> {
    Json(lists.of(caller.subject(), |list| list.clone()))
}

async fn add(caller: Caller, State(lists): State<Lists>, Json(wish): Json<Wish>) -> Response {
    let added = lists.of(caller.subject(), |list| {
        let new = !list.contains(&wish);
        if new && list.len() < LONGEST {
            list.push(wish.clone());
        }
        new
    });
    let status = if added { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(wish)).into_response()
}
