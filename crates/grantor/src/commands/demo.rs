//! `grantor demo`: the mission's story on one machine.

use std::process::ExitCode;

use crate::demo::{self, Stage};

/// Show the whole story on this machine: server, sales-order API, people and services.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  grantor demo            start everything and say what to try; Ctrl-C ends it
  grantor demo --check    play the story and exit 0 only if every point holds

Nothing is left behind: the database lives in a temporary folder.")]
pub(crate) struct Args {
    /// Play the seven points of the story and exit
    #[arg(long)]
    check: bool,

    /// Port of the server on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let port = if args.check { 0 } else { args.port };
    let mut stage = Stage::set(port).await?;
    if args.check {
        demo::play(&mut stage).await?;
    } else {
        tell(&stage);
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
        "Grantor runs: an authorization server, and an API that it protects.

  authorization server   {issuer}
  sales-order API        {api}/orders
  customers              alice ({alice}), bob ({bob}); each owns orders

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
        alice = world.alice.secret,
        bob = world.bob.secret,
        batch = basic(&world.analytics),
        shop = basic(&world.shop),
    );
}
