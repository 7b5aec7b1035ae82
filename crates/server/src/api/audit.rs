//! The audit log of the tenant, oldest first.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Method, Response};
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_store::AuditQuery;
use grantor_store::audit::events_of;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use super::body::{only, query};
use super::description::{Api, Operation, list_of};
use super::page::Page;
use crate::access::{AuditRead, Permission as _, Permit};
use crate::app::App;
use crate::routes::Guard;

/// What lists can be filtered by.
const FILTERS: [&str; 1] = ["kind"];

/// How many rows are read at once; a row of issue events holds many.
const ROWS: usize = 10;

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
struct View {
    id: String,
    /// When
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What, as dotted words
    kind: String,
    /// `done` or `refused`
    #[schema(value_type = String)]
    outcome: AuditOutcome,
    /// Who did it
    actor: String,
    /// About whom or what
    subject: Option<String>,
    /// From which address
    address: Option<String>,
    /// What else: before and after, or the recorded decision
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl From<AuditEvent> for View {
    fn from(event: AuditEvent) -> Self {
        let AuditEvent { id, tenant: _, at, kind, outcome, actor, subject, address, detail } =
            event;
        Self { id: id.to_string(), at, kind, outcome, actor, subject, address, detail }
    }
}

/// Adds the route.
pub(super) fn more(mut api: Api) -> Api {
    let view = api.schema::<View>();
    api.add(
        Guard::Permit(AuditRead::SCOPE),
        &Method::GET,
        "/audit",
        list,
        Operation::new(
            "audit",
            "list_audit",
            "Read the audit log; a page may be longer than asked",
        )
        .paged(&FILTERS)
        .answers(200, list_of(&view)),
    )
}

/// Rows are shown whole: the page ends with the row that fills it.
async fn list(
    State(app): State<App>,
    permit: Permit<AuditRead>,
    RawQuery(text): RawQuery,
) -> Result<Response<Body>, Problem> {
    let context = &permit.caller.context;
    let mut params = query(text.as_deref())?;
    let page = Page::read(&app, &permit.caller, "audit", &FILTERS, &mut params)?;
    let kind = params.take("kind");
    only(&params, &[])?;
    let mut query = AuditQuery {
        tenant: Some(context.tenant.tenant.name.clone()),
        after: page.after.as_deref().and_then(|seq| seq.parse().ok()).unwrap_or(0),
        chain: false,
        kind,
        since: None,
        limit: ROWS,
    };
    let mut shown = Vec::new();
    loop {
        let rows = app.store.audit(&query).await?;
        let last = rows.len() < ROWS;
        for row in rows {
            shown.extend(events_of(&row.body)?.into_iter().map(View::from));
            query.after = row.seq;
            if shown.len() >= page.limit {
                return Ok(page.answer_until(&app, shown, Some(query.after.to_string())));
            }
        }
        if last {
            return Ok(page.answer_until(&app, shown, None));
        }
    }
}
