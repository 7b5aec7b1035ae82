//! `grantor audit tail`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_oauth_types::name::TenantName;
use grantor_store::audit::events_of;
use grantor_store::{AuditQuery, AuditRow, Store};

use crate::commands::host::HostArgs;
use crate::node;
use crate::out::print;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many rows are read at once.
const PAGE: usize = 500;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,

    /// How many events
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,

    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,

    /// Only of this tenant
    #[arg(long)]
    tenant: Option<TenantName>,

    /// Only of this kind, as client.changed
    #[arg(long)]
    kind: Option<String>,

    /// The form
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// For reading
    Text,
    /// For programs: the event as it was recorded, one a line
    Json,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let store = node::open_to_read(&args.host.read()?.database).await?;
    let log = Log { store: &*store, tenant: args.tenant, kind: args.kind };
    let (mut last, events) = log.newest(args.lines).await?;
    print(&shown(&events, args.output))?;
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => { interrupted?; return Ok(ExitCode::SUCCESS) }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let rows = log.behind(last, PAGE).await?;
        let Some(newest) = rows.last() else { continue };
        last = newest.seq;
        print(&shown(&log.events(&rows)?, args.output))?;
    }
}

struct Log<'a> {
    store: &'a dyn Store,
    tenant: Option<TenantName>,
    kind: Option<String>,
}

impl Log<'_> {
    async fn behind(&self, after: i64, limit: usize) -> anyhow::Result<Vec<AuditRow>> {
        let query = AuditQuery {
            tenant: self.tenant.clone(),
            after,
            chain: false,
            // Refusals are found in batches of issue events.
            kind: self.kind.clone().filter(|kind| !kind.starts_with("token.")),
            since: None,
            limit,
        };
        Ok(self.store.audit(&query).await?)
    }

    /// The last row, and the newest events up to it.
    async fn newest(&self, count: usize) -> anyhow::Result<(i64, Vec<AuditEvent>)> {
        let last = self.last().await?;
        let (mut from, mut reach) = (last, i64::try_from(count).unwrap_or(i64::MAX).max(1));
        loop {
            from = from.saturating_sub(reach).max(0);
            let mut events = Vec::new();
            let mut after = from;
            loop {
                let rows = self.behind(after, PAGE).await?;
                let Some(row) = rows.last() else { break };
                after = row.seq;
                events.extend(self.events(&rows)?);
                // Only the newest are wanted: of a long way back, no more is kept.
                events.drain(..events.len().saturating_sub(count));
            }
            if events.len() >= count || from == 0 {
                return Ok((last, events));
            }
            reach = reach.saturating_mul(4);
        }
    }

    /// The number of the last row: the port reads forwards only, so it is searched for.
    async fn last(&self) -> anyhow::Result<i64> {
        let (mut low, mut high) = (0_i64, 1_i64);
        while let Some(row) = self.behind(high, 1).await?.first() {
            (low, high) = (row.seq, row.seq.saturating_mul(2));
        }
        if low == 0 && self.behind(0, 1).await?.is_empty() {
            return Ok(0);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.behind(middle, 1).await?.first() {
                Some(row) => low = row.seq,
                None => high = middle,
            }
        }
        Ok(if self.behind(low, 1).await?.is_empty() { low } else { high })
    }

    fn events(&self, rows: &[AuditRow]) -> anyhow::Result<Vec<AuditEvent>> {
        let mut events = Vec::new();
        for row in rows {
            events.extend(events_of(&row.body)?);
        }
        events.retain(|event| self.kind.as_ref().is_none_or(|kind| event.kind == *kind));
        Ok(events)
    }
}

fn shown(events: &[AuditEvent], output: Output) -> String {
    let mut text = String::new();
    for event in events {
        let _ = match output {
            Output::Json => {
                let line = serde_json::to_string(event).expect("events have string keys only");
                writeln!(text, "{line}")
            }
            Output::Text => {
                let outcome = match event.outcome {
                    AuditOutcome::Done => "done",
                    AuditOutcome::Refused => "refused",
                };
                let (kind, tenant) = (&event.kind, &event.tenant);
                let about = event.subject.as_deref().map_or_else(String::new, |s| format!(" {s}"));
                let from = event.address.as_deref();
                let from = from.map_or_else(String::new, |address| format!(" from {address}"));
                let (at, actor, id) = (event.at, &event.actor, event.id);
                writeln!(
                    text,
                    "{at:.3} {outcome:7} {kind}{about} by {actor}{from} in {tenant}  {id}"
                )
            }
        };
    }
    text
}
