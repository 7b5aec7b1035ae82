//! `grantor list`: the tokens that are kept.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::SystemTime;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use grantor_client::{Clock as _, SystemClock};
use jiff::Timestamp;
use serde_json::json;

use crate::developer::cache::{CachedToken, TokenCache};
use crate::out;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tokens are shown by their first characters only; --reveal shows them whole.

Examples:
  grantor list
  grantor list -o json | jq -r '.[].name'")]
pub(crate) struct Args {
    /// The form
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,

    /// Show the tokens themselves
    #[arg(long)]
    reveal: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// For reading
    Text,
    /// For programs
    Json,
    /// For `cut` and `awk`: a header line, then fields with tabs between
    Tsv,
}

const COLUMNS: [&str; 5] = ["name", "access_token", "scope", "creation_time", "expires_in"];

/// Prints them, ordered by name.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let tokens = TokenCache::open()?.all()?;
    let now = SystemClock.now();
    let rows = tokens.iter().map(|(name, token)| row(name, token, args.reveal, now));
    let text = match args.output {
        Output::Text => as_text(rows),
        Output::Json => {
            let rows: Vec<_> = rows
                .zip(tokens.values())
                .map(|([name, access_token, scope, _, expires_in], token)| {
                    json!({
                        "name": name,
                        "access_token": access_token,
                        "scope": scope,
                        "creation_time": token.creation_time,
                        "expires_in": expires_in,
                    })
                })
                .collect();
            serde_json::to_string_pretty(&rows)? + "\n"
        }
        Output::Tsv => rows.fold(COLUMNS.join("\t") + "\n", |mut text, row| {
            let _ = writeln!(text, "{}", row.join("\t"));
            text
        }),
    };
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn row(name: &str, token: &CachedToken, reveal: bool, now: SystemTime) -> [String; 5] {
    let shown = if reveal {
        token.access_token.to_string()
    } else {
        // Of a JWT that is its header, of a reference token its kind: nothing to keep to oneself.
        let shown = (token.access_token.len() / 4).min(8);
        token.access_token.chars().take(shown).chain(['…']).collect()
    };
    let created = i64::try_from(token.creation_time).ok();
    let created = created.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let created = created.map_or_else(|| "?".to_owned(), |time| time.to_string());
    let left = format!("{}m", token.seconds_left(now) / 60);
    [name.to_owned(), shown, token.scope.clone(), created, left]
}

fn as_text(rows: impl Iterator<Item = [String; 5]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(COLUMNS);
    table.add_rows(rows);
    let mut text = String::new();
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim());
    }
    text
}
