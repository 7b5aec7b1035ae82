//! Calls an API with a token that is always good.
//!
//! ```text
//! export OAUTH2_ACCESS_TOKEN_URL=https://auth.example.org/oauth2/access_token?realm=/services
//! export CREDENTIALS_DIR=/meta/credentials   # user.json, client.json
//! cargo run --example orders -- https://orders.example.org/sales-orders
//! ```

use std::error::Error;
use std::io::Write as _;

use grantor_client::{Tokens, TokensBuilder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("which URL?")?;
    let orders = fetch_orders(TokensBuilder::from_env()?, &url).await?;
    Ok(writeln!(std::io::stdout(), "{orders}")?)
}

pub(crate) async fn fetch_orders(
    settings: TokensBuilder,
    url: &str,
) -> Result<String, Box<dyn Error>> {
    let tokens: Tokens = settings.build()?;
    tokens.manage("orders", ["uid", "sales_order.read_all"]);
    let http = tokens.authorize(reqwest::Client::new(), "orders");
    let answer = http.get(url).send().await?.error_for_status()?;
    Ok(answer.text().await?)
}
