//! Where log lines go, and in which form. Always stderr: stdout belongs to the answer.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For a person: level and message.
    Text,
    /// For a collector: one JSON object a line, every value encoded (SEC-189).
    Json,
}

/// Starts logging. `GRANTOR_LOG` beats `verbose`.
pub(crate) fn start(verbose: u8, format: LogFormat) {
    let level = match (format, verbose) {
        (LogFormat::Text, 0) => LevelFilter::WARN,
        (LogFormat::Json, 0) | (LogFormat::Text, 1) => LevelFilter::INFO,
        (LogFormat::Json, 1) | (LogFormat::Text, 2) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .with_env_var("GRANTOR_LOG")
        .from_env_lossy();
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.without_time().with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
