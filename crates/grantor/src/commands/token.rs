//! `grantor token`: an access token on stdout.

use std::convert::Infallible;
use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;

use crate::developer::login::Browser;
use crate::developer::obtain::{Kept, Wanted};
use crate::out;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A token with a name is kept and printed again while it has more than 5 minutes (or half of a \
short life) left and covers the scopes.

Where tokens come from, first match:
  OAUTH2_ACCESS_TOKENS      name=token,… fixed tokens
  kept tokens               see `grantor list`
  OAUTH2_ACCESS_TOKEN_URL   with user.json and client.json in CREDENTIALS_DIR (or here)
  the last `grantor login`  its refresh token
  Zign's refresh token      with ZALANDO_TOKEN_CLI_TOKEN_URL and ZALANDO_TOKEN_CLI_CLIENT_ID,
                            or Zign's own settings file
  the browser               where you signed in last, GRANTOR_ISSUER says, or Zign's settings say

Examples:
  grantor token uid
  grantor token -n orders uid sales_order.read
  grantor token --no-browser uid     print the address instead of opening the browser
  curl -H \"Authorization: Bearer $(grantor token -n orders)\" https://orders.example.org/")]
pub(crate) struct Args {
    /// Keep the token under this name, and use the kept one while it is good
    #[arg(short, long, env = "GRANTOR_TOKEN_NAME", value_parser = name)]
    name: Option<String>,

    /// What it should be good for
    #[arg(value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,

    /// Do not open a browser; print the address when one is needed
    #[arg(long)]
    no_browser: bool,

    #[command(flatten)]
    deprecated: Deprecated,
}

/// What Zign used to take, and ignores since. Values are not even kept.
#[derive(Debug, clap::Args)]
struct Deprecated {
    #[arg(long, hide = true)]
    url: Option<Ignored>,
    #[arg(long, hide = true)]
    realm: Option<Ignored>,
    #[arg(short = 'U', long, hide = true)]
    user: Option<Ignored>,
    #[arg(short = 'p', long, hide = true)]
    password: Option<Ignored>,
    #[arg(long, hide = true)]
    insecure: bool,
    #[arg(short, long, hide = true)]
    refresh: bool,
}

/// A value that is not looked at; it may be a password.
#[derive(Clone)]
struct Ignored;

impl FromStr for Ignored {
    type Err = Infallible;

    fn from_str(_: &str) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

impl fmt::Debug for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Prints the token and a newline.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.deprecated.warn();
    let browser = if args.no_browser { Browser::PrintOnly } else { Browser::Open };
    let wanted = Wanted { name: args.name, scopes: args.scopes, browser };
    let token = wanted.obtain(Kept::Welcome).await?;
    out::line(token.reveal())?;
    Ok(ExitCode::SUCCESS)
}

impl Deprecated {
    fn warn(&self) {
        for (option, given) in [
            ("--url", self.url.is_some()),
            ("--realm", self.realm.is_some()),
            ("--user", self.user.is_some()),
            ("--password", self.password.is_some()),
            ("--insecure", self.insecure),
            ("--refresh", self.refresh),
        ] {
            if given {
                tracing::warn!("{option} is deprecated and ignored");
            }
        }
        if self.password.is_some() {
            tracing::warn!(
                "a password on the command line is visible to every user of this machine: change it"
            );
        }
    }
}

/// A name a token can be kept under: anything that can stand in one line.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        return Err("a name has 1 to 200 characters, none of them control characters");
    }
    Ok(text.to_owned())
}

/// A scope token. RFC 6749 §3.3.
pub(crate) fn scope(text: &str) -> Result<String, &'static str> {
    let is_scope_token = !text.is_empty()
        && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
    if is_scope_token {
        Ok(text.to_owned())
    } else {
        Err("a scope is visible ASCII without quotation marks and backslashes (RFC 6749 §3.3)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_those_of_the_specification() {
        for (text, right) in [
            ("uid", true),
            ("sales_order.read", true),
            ("urn:x:y/z#1", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("a\\b", false),
            ("ü", false),
            ("a\n", false),
        ] {
            assert_eq!(scope(text).is_ok(), right, "{text:?}");
        }
    }
}
