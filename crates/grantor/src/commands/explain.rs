//! `grantor explain`: why a token was issued or refused, and what would change it.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::decision::{ExplainedStep, Outcome, RecordedDecision, Verdict, explain};
use grantor_oauth_types::id::DecisionId;
use grantor_oauth_types::name::TenantName;
use grantor_store::Store;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::host::{HostArgs, RemoteArgs};
use crate::developer::login::Browser;
use crate::developer::obtain::{Kept, Wanted};
use crate::failure::Hint as _;
use crate::out::print;
use crate::{keys, node};

/// Say why a token was issued or refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every answer of the token endpoint carries a decision id. Without --server the database is read, also
while the server runs.

Examples:
  grantor explain dec_01a200992b0d79ad80905fc883de5cb2
  grantor explain dec_01a200992b0d79ad80905fc883de5cb2 --replay
  grantor explain --remote dec_01a200992b0d79ad80905fc883de5cb2
  GRANTOR_TOKEN=… grantor explain --server https://auth.example.org dec_01a2…")]
pub(crate) struct Args {
    /// The decision
    id: DecisionId,

    #[command(flatten)]
    host: HostArgs,

    /// Ask this server (with a token from `GRANTOR_TOKEN`, or as `grantor token` gets one)
    #[arg(long, value_name = "URL", conflicts_with_all = ["database", "replay", "tenant", "remote"])]
    server: Option<url::Url>,

    #[command(flatten)]
    remote: RemoteArgs,

    /// Look in this tenant only
    #[arg(long, conflicts_with = "remote")]
    tenant: Option<TenantName>,

    /// Judge the recorded facts again, and say whether the answer is still the same
    #[arg(long, conflicts_with = "remote")]
    replay: bool,

    /// The form
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For reading
    Text,
    /// For programs
    Json,
}

/// A decision in words, as `GET /api/v1/decisions/{id}` answers.
#[derive(Debug, Serialize, Deserialize)]
struct Explained {
    decision_id: DecisionId,
    at: Timestamp,
    outcome: String,
    kind: String,
    actor: String,
    summary: String,
    asked: Option<String>,
    steps: Vec<ExplainedStep>,
    what_would_change_it: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay: Option<Replay>,
}

/// What the rules of this program say to the facts of then.
#[derive(Debug, Serialize, Deserialize)]
struct Replay {
    same: bool,
    outcome: Outcome,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let explained = match (&args.server, args.remote.open().await?) {
        (_, Some(session)) => {
            let found = session.find(&format!("decisions/{}", args.id)).await?;
            let found = found.ok_or_else(|| anyhow!("the server knows no decision {}", args.id))?;
            serde_json::from_value(found.body).context("the server answers in another form")?
        }
        (Some(server), None) => ask(server, args.id).await?,
        (None, None) => {
            let store = node::open_to_read(&args.host.read()?.database).await?;
            look(&*store, args.id, args.tenant.as_ref(), args.replay).await?
        }
    };
    match args.output {
        Output::Json => print(&(serde_json::to_string_pretty(&explained)? + "\n"))?,
        Output::Text => print(&text(&explained))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(
    store: &dyn Store,
    id: DecisionId,
    tenant: Option<&TenantName>,
    replay: bool,
) -> anyhow::Result<Explained> {
    let event = find(store, id, tenant).await?;
    let event = event
        .ok_or_else(|| anyhow!("no decision {id} is recorded"))
        .hint("decisions are written down within 100 ms; is this the database of that server?")?;
    let mut record = recorded(&event)?;
    // Equal decisions in one batch are written down once.
    let same = event.detail["same_as"].as_str().and_then(|id| id.parse().ok());
    if let (None, Some(same)) = (&record, same)
        && let Some(first) = store.decision(&event.tenant, same).await?
    {
        record = recorded(&first)?;
    }
    let mut explained = explained(&event, record.as_ref());
    match &record {
        Some(record) if replay => {
            let again = record.replay(event.at);
            explained.replay = Some(Replay {
                same: again.outcome == record.decision.outcome,
                outcome: again.outcome,
            });
        }
        None if replay => {
            bail!("the facts of {id} were not recorded: it was refused before they were asked for")
        }
        _ => {}
    }
    Ok(explained)
}

async fn find(
    store: &dyn Store,
    id: DecisionId,
    tenant: Option<&TenantName>,
) -> anyhow::Result<Option<AuditEvent>> {
    if let Some(tenant) = tenant {
        return Ok(store.decision(tenant, id).await?);
    }
    for tenant in keys::tenants(store).await? {
        if let Some(event) = store.decision(&tenant.name, id).await? {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

fn recorded(event: &AuditEvent) -> anyhow::Result<Option<RecordedDecision>> {
    match &event.detail["decision"] {
        Value::Null => Ok(None),
        value => RecordedDecision::deserialize(value)
            .map(Some)
            .with_context(|| format!("the record of {} does not read", event.id)),
    }
}

fn explained(event: &AuditEvent, record: Option<&RecordedDecision>) -> Explained {
    let base = Explained {
        decision_id: event.id,
        at: event.at,
        outcome: match event.outcome {
            AuditOutcome::Done => "granted".to_owned(),
            AuditOutcome::Refused => "refused".to_owned(),
        },
        kind: event.kind.clone(),
        actor: event.actor.clone(),
        summary: event.detail["reason"].as_str().unwrap_or(&event.kind).to_owned(),
        asked: None,
        steps: Vec::new(),
        what_would_change_it: Vec::new(),
        replay: None,
    };
    let Some(record) = record else { return base };
    let words = explain(event.id, event.at, record);
    Explained {
        summary: words.summary,
        asked: Some(words.asked),
        steps: words.steps,
        what_would_change_it: words.what_would_change_it,
        ..base
    }
}

/// The scope that reading decisions needs.
const SCOPE: &str = "grantor.decision_read";

async fn ask(server: &url::Url, id: DecisionId) -> anyhow::Result<Explained> {
    let token = if let Ok(token) = std::env::var("GRANTOR_TOKEN") {
        token
    } else {
        let wanted = Wanted { name: None, scopes: vec![SCOPE.to_owned()], browser: Browser::Open };
        wanted.obtain(Kept::Welcome).await?.reveal().to_owned()
    };
    let url = format!("{}/api/v1/decisions/{id}", server.as_str().trim_end_matches('/'));
    let answer = reqwest::Client::new().get(&url).bearer_auth(token).send().await?;
    match answer.status().as_u16() {
        200 => Ok(answer.json().await.context("the server answers in another form")?),
        404 => bail!("the server knows no decision {id} in this tenant"),
        401 => bail!("the server does not accept the token"),
        403 => Err(anyhow!("the token is not enough")).hint(format!("it needs the scope {SCOPE}")),
        status => bail!("the server answers {status}"),
    }
}

fn text(explained: &Explained) -> String {
    let mut text = format!("{}\n", explained.summary);
    let mut line = |name: &str, value: &str| _ = writeln!(text, "  {name:<9} {value}");
    line("decision", &explained.decision_id.to_string());
    line("at", &explained.at.to_string());
    line("event", &format!("{} by {}", explained.kind, explained.actor));
    if let Some(asked) = &explained.asked {
        line("asked", asked);
    }
    if !explained.steps.is_empty() {
        text.push_str("\nWhat was looked at\n");
    }
    for step in &explained.steps {
        let verdict = match step.verdict {
            Verdict::Pass => "pass",
            Verdict::Drop => "drop",
            Verdict::Refuse => "REFUSE",
        };
        let rule = serde_json::to_value(step.rule).ok();
        let rule = rule.as_ref().and_then(Value::as_str).unwrap_or("?").replace('_', " ");
        let scope = step.scope.as_deref().map_or_else(String::new, |s| format!(" [{s}]"));
        let _ = writeln!(text, "  {verdict:<7} {rule}{scope}: {}", step.decided_by);
    }
    if !explained.what_would_change_it.is_empty() {
        text.push_str("\nWhat would change it\n");
    }
    for remedy in &explained.what_would_change_it {
        let _ = writeln!(text, "  - {remedy}");
    }
    if let Some(replay) = &explained.replay {
        let answer = if replay.same { "the same answer" } else { "ANOTHER answer" };
        let _ = writeln!(text, "\nJudged again on the same facts: {answer}");
        if !replay.same {
            let _ =
                writeln!(text, "  {}", serde_json::to_string(&replay.outcome).unwrap_or_default());
        }
    }
    text
}
