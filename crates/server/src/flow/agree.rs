//! A person answers what she was asked. SEC-041, SEC-132.

use grantor_domain::authorize::{Answer, Complaint, ReturnAddress};
use grantor_domain::consent_request::{Question, answered};
use grantor_domain::session::Session;
use grantor_oauth_types::error_code::AuthorizeErrorCode;

use super::{FlowFailure, Open, Ready, Turn, Unanswered};
use crate::app::App;
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
    let Some((scopes, decided)) = given else { return Ok(cancelled(to)) };
    let Open { generation, entry, user, session, .. } = open;
    let ready = Ready { generation, transaction, entry, user, session, scopes, decided };
    super::complete(app, context, ready).await
}

/// The person does not want to (trap 37).
pub fn cancelled(to: ReturnAddress) -> Turn {
    let words = "the person did not agree";
    let complaint = Complaint::new(AuthorizeErrorCode::AccessDenied, words);
    Turn::Answer(Box::new(to), Answer::Refused(complaint))
}
