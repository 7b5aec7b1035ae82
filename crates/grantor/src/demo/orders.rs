//! The sales-order API: it knows nothing of Grantor but the library `grantor-resource`.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use grantor_resource::{Caller, Denied, Owner, OwnerOr, Protect, Reach, Verifier};
use serde::Serialize;
use tokio::net::TcpListener;

/// The realm whose users buy here.
const CUSTOMERS: &str = "customers";

/// Owners read their own; whoever was assigned `read_all` reads everybody's.
const READ: OwnerOr =
    OwnerOr { owner_scope: "sales_order.read", assigned_scope: "sales_order.read_all" };

/// An order of a customer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Order {
    pub(super) number: u32,
    /// The subject of its owner, a user of the realm `customers`
    pub(super) owner: String,
    pub(super) item: String,
}

/// All orders.
#[derive(Clone, Debug)]
pub(super) struct OrderBook(Arc<Mutex<Vec<Order>>>);

impl OrderBook {
    pub(super) fn new(orders: Vec<Order>) -> Self {
        Self(Arc::new(Mutex::new(orders)))
    }

    fn matching(&self, wanted: impl Fn(&Order) -> bool) -> Vec<Order> {
        let orders = self.0.lock().expect("nothing panics while it holds the orders");
        orders.iter().filter(|order| wanted(order)).cloned().collect()
    }
}

/// Serves until the process ends.
pub(super) async fn serve(socket: TcpListener, issuer: String, api: String, book: OrderBook) {
    let verifier = Verifier::builder(&issuer, &api)
        .accept_stups_tokens()
        .scopes_supported(["sales_order.read", "sales_order.write", "sales_order.read_all"])
        .start()
        .expect("issuer and audience are loopback URLs");
    // Until it knows the keys and the revocations it would answer 503.
    verifier.ready().await;
    let routes = Router::new()
        .route("/orders", get(list))
        .route("/orders/{number}", get(show))
        .layer(Protect::new(&verifier).require(READ))
        .merge(verifier.metadata_routes())
        .with_state(book);
    if let Err(error) = axum::serve(socket, routes).await {
        tracing::error!(%error, "the sales-order API ended");
    }
}

async fn list(caller: Caller, State(book): State<OrderBook>) -> Result<Json<Vec<Order>>, Denied> {
    Ok(Json(match caller.reach(READ)? {
        Reach::All => book.matching(|_| true),
        Reach::Own(owner) => book.matching(|order| owner == Owner::new(CUSTOMERS, &order.owner)),
    }))
}

async fn show(
    caller: Caller,
    State(book): State<OrderBook>,
    Path(number): Path<u32>,
) -> Result<Response, Denied> {
    let Some(order) = book.matching(|order| order.number == number).pop() else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    caller.may(READ, Owner::new(CUSTOMERS, &order.owner))?;
    Ok(Json(order).into_response())
}
