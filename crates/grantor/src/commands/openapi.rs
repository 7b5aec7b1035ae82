//! `grantor openapi`: the description of the management API, without a server.

use crate::out::print;
use std::process::ExitCode;

/// Print the OpenAPI description of the management API.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same that a server answers at /api/v1/openapi.json.

Examples:
  grantor openapi > grantor-openapi.json")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<ExitCode> {
    print(&(serde_json::to_string_pretty(&grantor_server::api::openapi())? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
