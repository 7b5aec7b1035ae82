//! A person answers what she was asked. SEC-041, SEC-132.

use grantor_domain::authorize::{Answer, Complaint, ReturnAddress};
use grantor_domain::consent_request::{Question, answered, denied};
use grantor_domain::session::Session;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_store::{Effects, Expect, operations};

use super::{FlowFailure, Open, Ready, Turn, Unanswered};
use crate::app::App;
use crate::audit_events;
use crate::grants::Context;
use crate::transaction::{Stuck, Transaction};

/// She agrees to what `ticked` makes of the questions; only what was asked counts (SEC-041). What
/// comes of it is judged from the beginning: she may have signed out meanwhile.
pub async fn agree(
    app: &App,
    context: &Context,
    sessions: &[Session],
    transaction: Transaction,
    ticked: impl FnOnce(&[Question]) -> Vec<String>,
) -> Result<Turn, FlowFailure> {
    let to = transaction.request().ok_or(Stuck::Unknown)?.to.clone();
    let open = match super::question(app, context, sessions, &transaction).await? {
        Ok(open) => open,
        Err(Unanswered::Refused(complaint)) => {
            return Ok(Turn::Answer(Box::new(to), Answer::Refused(complaint)));
        }
        Err(_) => return super::proceed(app, context, sessions, transaction).await,
    };
    let ticked = ticked(&super::questions(context, &open, &transaction));
    let tenant = &context.tenant.tenant.name;
    let given = super::with_asking(context, &open, &transaction, |asking| {
        answered(tenant, asking, &ticked, context.now)
    });
    let Some((scopes, decided)) = given else {
        refuse(app, context, &open, &transaction).await?;
        return Ok(cancelled(to));
    };
    let Open { generation, entry, user, session, .. } = open;
    let ready = Ready { generation, transaction, entry, user, session, scopes, decided };
    super::complete(app, context, ready).await
}

/// She says no to everything, which is remembered, and the client is told.
pub async fn deny(
    app: &App,
    context: &Context,
    sessions: &[Session],
    transaction: &Transaction,
) -> Result<Turn, FlowFailure> {
    let to = transaction.request().ok_or(Stuck::Unknown)?.to.clone();
    // Signed out meanwhile: then nobody said it.
    if let Ok(open) = super::question(app, context, sessions, transaction).await? {
        refuse(app, context, &open, transaction).await?;
    }
    Ok(cancelled(to))
}

async fn refuse(
    app: &App,
    context: &Context,
    open: &Open,
    transaction: &Transaction,
) -> Result<(), FlowFailure> {
    let tenant = &context.tenant.tenant.name;
    let refused = super::with_asking(context, open, transaction, |asking| {
        denied(tenant, asking, context.now)
    });
    let (user, client) = (open.user.user.id, &open.entry.client().id);
    let event = audit_events::consent_given(user, client, &refused, context);
    let effects = refused.iter().fold(Effects::NONE, |all, one| all.put(one, Expect::Any));
    operations::write(&*app.store, effects.audit(event)).await?;
    Ok(app.directory.catch_up(context.now).await?)
}

/// The person does not want to (trap 37).
pub fn cancelled(to: ReturnAddress) -> Turn {
    let words = "the person did not agree";
    let complaint = Complaint::new(AuthorizeErrorCode::AccessDenied, words);
    Turn::Answer(Box::new(to), Answer::Refused(complaint))
}
