//! `grantor login`: sign in with the browser.

use std::process::ExitCode;

use crate::commands::token::{name, scope};
use crate::developer::cache::{CachedToken, TokenCache, config_dir};
use crate::developer::login::{Browser, LoginFile, SignIn};
use crate::failure::hinted;
use crate::out;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Opens the browser at the server, where you sign in and agree. The answer comes back to a free port \
of 127.0.0.1 (RFC 8252), so the client must be registered as native with the redirect URI \
http://127.0.0.1/callback. What is kept is readable for you only; see `grantor list`.

Which server and client, first match:
  --issuer, --client-id, --realm
  GRANTOR_ISSUER, GRANTOR_CLIENT_ID, GRANTOR_REALM
  the last sign-in
  Zign's settings (ZALANDO_TOKEN_CLI_AUTHORIZE_URL, ZALANDO_TOKEN_CLI_CLIENT_ID, or its file)

Examples:
  grantor login --issuer https://id.example.org
  grantor login -n orders uid sales_order.read
  grantor login --no-browser        print the address instead of opening it
  BROWSER='firefox -P work' grantor login")]
pub(crate) struct Args {
    /// The server, exactly as it names itself
    #[arg(long)]
    issuer: Option<String>,

    /// The client to sign in with [default: grantor-cli]
    #[arg(long)]
    client_id: Option<String>,

    /// Whose account: the realm you are a user of
    #[arg(long)]
    realm: Option<String>,

    /// Keep the access token under this name too
    #[arg(short, long, value_parser = name)]
    name: Option<String>,

    /// Do not open a browser; print the address
    #[arg(long)]
    no_browser: bool,

    /// What the token should be good for, beside saying who you are
    #[arg(value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
}

/// Says who signed in.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config_dir = config_dir()?;
    let given = (args.issuer, args.client_id, args.realm);
    let found = SignIn::find(&config_dir, given, |name| std::env::var(name).ok())?;
    let Some(sign_in) = found else {
        let hint = "grantor login --issuer https://id.example.org, or set GRANTOR_ISSUER";
        return Err(hinted(anyhow::anyhow!("it is not known where to sign in"), hint));
    };
    let mut scopes = vec!["openid".to_owned()];
    scopes.extend(args.scopes.into_iter().filter(|scope| scope != "openid"));
    let browser = if args.no_browser { Browser::PrintOnly } else { Browser::Open };
    let (login, kept) = sign_in.sign_in(&scopes, browser, &LoginFile::of(&config_dir)).await?;
    if let Some(name) = &args.name {
        let token = CachedToken::of(&login.access_token, &kept.token_url);
        TokenCache::open()?.keep(name, token)?;
    }
    let who = kept.subject.as_deref().unwrap_or("somebody");
    let scopes = login.access_token.scopes().join(" ");
    out::line(format_args!("Signed in at {} as {who}, for: {scopes}", kept.issuer))?;
    Ok(ExitCode::SUCCESS)
}
