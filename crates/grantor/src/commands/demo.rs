//! `grantor demo`: the mission's story on one machine.

use std::path::PathBuf;
use std::process::ExitCode;

use grantor_client::open_browser;

use crate::demo::{self, Stage};
use crate::failure::Interrupted;
use crate::out;
use crate::signals::Signals;

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

    /// Port of the server on 127.0.0.1; 0 takes a free one. Default 8080, and a free one with --check
    #[arg(long)]
    port: Option<u16>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Whatever ends the demo ends its server and removes its folder, on the way out of here.
    let mut signals = Signals::new()?;
    let port = args.port.unwrap_or(if args.check { 0 } else { 8080 });
    let stage = tokio::select! {
        set = Stage::set(port) => set?,
        () = signals.any() => return Err(Interrupted.into()),
    };
    match args.check {
        true => check(stage, &args, &mut signals).await?,
        false => show(&stage, &args, &mut signals).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(mut stage: Stage, args: &Args, signals: &mut Signals) -> anyhow::Result<()> {
    let story = async {
        demo::play(&mut stage).await?;
        if args.browser {
            demo::play_in_browser(&stage, &args.screenshots).await?;
        }
        Ok(())
    };
    tokio::select! {
        played = story => played,
        () = signals.any() => Err(Interrupted.into()),
    }
}

async fn show(stage: &Stage, args: &Args, signals: &mut Signals) -> anyhow::Result<()> {
    tell(stage)?;
    if !args.no_open {
        open_browser(&stage.shop.parse()?);
    }
    signals.any().await;
    Ok(())
}

/// What runs where, and what to try.
fn tell(stage: &Stage) -> anyhow::Result<()> {
    let (issuer, api, world) = (stage.issuer(), &stage.api, &stage.world);
    let basic = |account: &demo::Account| format!("-u '{}:{}'", account.name, account.secret);
    out::line(format_args!(
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

  # asking for too much is refused; the answer names a decision: ask why
  DECISION=$(curl -s {batch} {issuer}/oauth2/token -d grant_type=client_credentials \\
    -d scope=sales_order.write | sed 's/.*\"decision_id\":\"\\([^\"]*\\).*/\\1/'); sleep 1
  {program} explain $DECISION --database {database}

  # revoke, and see the API refuse within a second
  curl {shop} {issuer}/oauth2/revoke -d token=$TOKEN
  curl -i -H \"Authorization: Bearer $TOKEN\" {api}/orders/1

`grantor demo --check` plays all of this by itself. Ctrl-C ends the demo.",
        shop_page = stage.shop,
        alice = world.alice.secret,
        bob = world.bob.secret,
        batch = basic(&world.analytics),
        shop = basic(&world.shop),
        program = std::env::args().next().unwrap_or_else(|| "grantor".to_owned()),
        database = stage.server.database(),
    ))
}
