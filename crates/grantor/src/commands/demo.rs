//! `grantor demo`: the mission's story on one machine.

use std::path::PathBuf;
use std::process::ExitCode;

use grantor_client::open_browser;

use crate::demo::{self, Stage};

/// Show the whole story on this machine: server, two APIs, a shop, people and services.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor demo                      start everything, open the shop, and say what to try; Ctrl-C ends it
  grantor demo --no-open            the same without opening a page
  grantor demo --check              play the story and exit 0 only if every point holds
  grantor demo --check --browser    then play it in headless Chromium too, and keep pictures of each page

Nothing is left behind but the pictures: the database lives in a temporary folder.
--browser needs Chromium (GRANTOR_CHROMIUM, or in PATH) and Node.js with npm.")]
pub(crate) struct Args {
    /// Play the points of the story and exit
    #[arg(long)]
    check: bool,

    /// Play it in headless Chromium too
    #[arg(long, requires = "check")]
    browser: bool,

    /// Where the pictures of the pages go
    #[arg(long, requires = "browser", default_value = "demo-screenshots")]
    screenshots: PathBuf,

    /// Do not open the shop in your browser
    #[arg(long)]
    no_open: bool,

    /// Port of the server on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let port = if args.check { 0 } else { args.port };
    let mut stage = Stage::set(port).await?;
    if args.check {
        demo::play(&mut stage).await?;
        if args.browser {
            demo::play_in_browser(&stage, &args.screenshots).await?;
        }
    } else {
        tell(&stage);
        if !args.no_open {
            open_browser(&stage.shop.parse()?);
        }
        tokio::signal::ctrl_c().await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What runs where, and what to try.
#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn tell(stage: &Stage) {
    let (issuer, api, world) = (stage.issuer(), &stage.api, &stage.world);
    let basic = |account: &demo::Account| format!("-u '{}:{}'", account.name, account.secret);
    println!(
        "Grantor runs: an authorization server, two APIs that it protects, and a shop.

  shoe shop              {shop_page}
  authorization server   {issuer}
  account pages          {issuer}/account
  sales-order API        {api}/orders
  customers              alice ({alice}), bob ({bob}); each owns orders

Try, in your browser:

  1. open {shop_page} and save a pair of shoes to your wishlist; sign in as alice
  2. read what the shop asks for, and agree
  3. open {issuer}/account/applications and take back \"Add to your wishlist\"
  4. save another pair: the shop may not any more, and says so

Try, in another terminal:

  # the order analytics gets a token as itself, and reads every order
  TOKEN=$(curl -s {batch} {issuer}/oauth2/token \\
    -d grant_type=client_credentials -d 'scope=sales_order.read_all' | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')
  curl -H \"Authorization: Bearer $TOKEN\" {api}/orders

  # what is the token worth?
  curl -H \"Authorization: Bearer $TOKEN\" {issuer}/oauth2/tokeninfo

  # alice lets the shop read her orders; order 3 is bob's
  TOKEN=$(curl -s {shop} {issuer}/oauth2/token -d grant_type=password -d username=alice \\
    -d password={alice} -d scope=sales_order.read | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')
  curl -i -H \"Authorization: Bearer $TOKEN\" {api}/orders/1
  curl -i -H \"Authorization: Bearer $TOKEN\" {api}/orders/3

  # asking for too much is refused; the answer names a decision
  curl {batch} {issuer}/oauth2/token -d grant_type=client_credentials -d scope=sales_order.write

  # revoke, and see the API refuse within a second
  curl {shop} {issuer}/oauth2/revoke -d token=$TOKEN
  curl -i -H \"Authorization: Bearer $TOKEN\" {api}/orders/1

`grantor demo --check` plays all of this by itself. Ctrl-C ends the demo.",
        shop_page = stage.shop,
        alice = world.alice.secret,
        bob = world.bob.secret,
        batch = basic(&world.analytics),
        shop = basic(&world.shop),
    );
}
