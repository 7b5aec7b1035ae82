//! Why was it decided so? `GET /api/v1/decisions/{id}`.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, Response, StatusCode};
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::decision::{ExplainedStep, RecordedDecision, explain};
use grantor_oauth_types::id::DecisionId;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Problem;
use super::description::{Api, Operation};
use crate::access::{Caller, DecisionRead, Permission as _, Permit};
use crate::app::App;
use crate::reply::json;
use crate::routes::Guard;

/// Adds the route.
pub(super) fn more(mut api: Api) -> Api {
    let view = api.schema::<View>();
    api.add(
        Guard::Permit(DecisionRead::SCOPE),
        &Method::GET,
        "/decisions/{id}",
        get,
        Operation::new("decisions", "explain_decision", "Explain a decision").answers(200, view),
    )
}

/// A decision in words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
struct View {
    /// Which decision
    decision_id: String,
    /// When it was made
    at: String,
    /// `granted` or `refused`
    outcome: String,
    /// What happened: `token.issued`, …
    kind: String,
    /// Who asked
    actor: String,
    /// One sentence that gives away nothing about the set-up
    summary: String,
    /// What was asked for, in short
    asked: Option<String>,
    /// Every step, in order; the last one decided
    #[schema(value_type = Vec<StepShape>)]
    steps: Vec<ExplainedStep>,
    /// What an administrator could change to get another answer
    what_would_change_it: Vec<String>,
}

/// One step in words; see `grantor_domain::decision::ExplainedStep`.
#[derive(ToSchema)]
#[schema(as = ExplainedStep)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct StepShape {
    /// The rule
    rule: String,
    /// The scope it was applied to
    #[schema(required = false)]
    scope: Option<String>,
    /// The fact or setting it looked at
    decided_by: String,
    /// What it said
    verdict: String,
}

async fn get(
    State(app): State<App>,
    permit: Permit<DecisionRead>,
    Path(id): Path<String>,
) -> Result<Response<Body>, Problem> {
    let id: DecisionId = id.parse().map_err(|_| Problem::not_found())?;
    // What was decided just now may still wait for its place in the log.
    app.audit.flush(&*app.store, permit.caller.context.now).await;
    let event = find(&app, &permit.caller, id).await?.ok_or_else(Problem::not_found)?;
    let record = match record(&event)? {
        Some(record) => Some(record),
        // Equal decisions in one batch are written down once.
        None => match event.detail["same_as"].as_str().and_then(|id| id.parse().ok()) {
            Some(same) => match find(&app, &permit.caller, same).await? {
                Some(event) => record(&event)?,
                None => None,
            },
            None => None,
        },
    };
    Ok(json::private(StatusCode::OK, &view(&event, record.as_ref())))
}

async fn find(app: &App, caller: &Caller, id: DecisionId) -> Result<Option<AuditEvent>, Problem> {
    Ok(app.store.decision(&caller.context.tenant.tenant.name, id).await?)
}

fn record(event: &AuditEvent) -> Result<Option<RecordedDecision>, Problem> {
    match &event.detail["decision"] {
        Value::Null => Ok(None),
        value => RecordedDecision::deserialize(value).map(Some).map_err(|error| {
            tracing::error!(%error, decision.id = %event.id, "a recorded decision does not read");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the record does not read")
        }),
    }
}

fn view(event: &AuditEvent, record: Option<&RecordedDecision>) -> View {
    let explained = record.map(|record| explain(event.id, event.at, record));
    let outcome = match event.outcome {
        AuditOutcome::Done => "granted",
        AuditOutcome::Refused => "refused",
    };
    let reason = || event.detail["reason"].as_str().unwrap_or(&event.kind).to_owned();
    let view = |summary, asked, steps, what_would_change_it| View {
        decision_id: event.id.to_string(),
        at: event.at.to_string(),
        outcome: outcome.to_owned(),
        kind: event.kind.clone(),
        actor: event.actor.clone(),
        summary,
        asked,
        steps,
        what_would_change_it,
    };
    match explained {
        Some(e) => view(e.summary, Some(e.asked), e.steps, e.what_would_change_it),
        None => view(reason(), None, Vec::new(), Vec::new()),
    }
}
