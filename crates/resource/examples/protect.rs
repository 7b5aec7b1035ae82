//! A sales-order API that protects itself: customers read their own orders, and whoever was given
//! `sales_order.read_all` reads everybody's.

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use grantor_resource::{Caller, Denied, Owner, OwnerOr, Protect, Verifier};

const READ: OwnerOr =
    OwnerOr { owner_scope: "sales_order.read", assigned_scope: "sales_order.read_all" };

/// Whose the order is comes from the database of the shop; here odd ones are Ada's.
async fn order(caller: Caller, Path(number): Path<u32>) -> Result<Json<u32>, Denied> {
    let uid = if number % 2 == 1 { "ada" } else { "bob" };
    caller.may(READ, Owner::new("customers", uid))?;
    Ok(Json(number))
}

/// The API: nothing is served without a good token that has one of the two scopes.
pub fn app(verifier: &Verifier) -> Router {
    Router::new()
        .route("/orders/{number}", get(order))
        .layer(Protect::new(verifier).require(READ))
        .merge(verifier.metadata_routes())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let verifier = Verifier::builder("http://127.0.0.1:8080", "http://127.0.0.1:8081").start()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await?;
    Ok(axum::serve(listener, app(&verifier)).await?)
}
