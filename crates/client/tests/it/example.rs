//! The example of the documentation, run.

use grantor_client::TokensBuilder;
use serde_json::json;

use crate::server::Server;

#[expect(dead_code, reason = "its `main` is not called here")]
#[path = "../../examples/orders.rs"]
mod orders;

#[tokio::test]
async fn the_example_reads_the_orders() {
    let server = Server::start().await;
    server.only_takes(&["token-1"]);
    let directory = tempfile::tempdir().unwrap();
    let client = json!({"client_id": "batch", "client_secret": "s"}).to_string();
    std::fs::write(directory.path().join("client.json"), client).unwrap();
    let settings =
        TokensBuilder::default().token_url(server.token_url()).credentials_dir(directory.path());
    let orders = orders::fetch_orders(settings, &server.api_url()).await.unwrap();
    assert_eq!(orders, r#"{"orders":[]}"#);
    let asked = server.asked().remove(0);
    assert_eq!(asked.form["grant_type"], "client_credentials");
    assert_eq!(asked.form["scope"], "uid sales_order.read_all");
}

#[test]
fn the_example_is_short() {
    let lines = include_str!("../../examples/orders.rs").lines().count();
    assert!(lines < 40, "{lines} lines");
}
