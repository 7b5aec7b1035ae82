//! Whom the client means: `id_token_hint`, or a `sub` among its wishes. OIDC Core §3.1.2.1, §5.5.1.

use grantor_domain::authorize::{AuthorizationRequest, Complaint};
use grantor_domain::client::Client;
use grantor_oauth_types::id::UserId;
use grantor_store::StoreError;

use crate::app::App;
use crate::grants::Context;
use crate::id_tokens;

/// Who it is; taken out of the request. A hint is verified, its end is not looked at (OIDC Core
/// §3.1.2.1): somebody nobody can be is a hint that nobody matches (SEC-031).
pub async fn named(
    app: &App,
    context: &Context,
    client: &Client,
    request: &mut AuthorizationRequest,
) -> Result<Result<Option<UserId>, Complaint>, StoreError> {
    let hint = match request.id_token_hint.take() {
        None => None,
        Some(hint) => match id_tokens::hint(&context.tenant, &hint) {
            Some(hint) => Some(hint),
            None => {
                let words = "id_token_hint is no ID token of this issuer";
                return Ok(Err(Complaint::invalid(words)));
            }
        },
    };
    let asked = request.claims.id_token.get("sub").or(request.claims.userinfo.get("sub"));
    let asked = asked.and_then(|asked| asked.value.as_ref()?.as_str());
    let nobody = UserId::from_uuid(uuid::Uuid::nil());
    let (sub, sid) = match (&hint, asked) {
        (None, None) => return Ok(Ok(None)),
        (Some(hint), Some(asked)) if hint.sub != asked => return Ok(Ok(Some(nobody))),
        (Some(hint), _) => (hint.sub.as_str(), hint.sid),
        (None, Some(asked)) => (asked, None),
    };
    if let Ok(user) = sub.parse() {
        return Ok(Ok(Some(user)));
    }
    // A pairwise name tells nobody who it is, but its session does.
    let tenant = &context.tenant.tenant.name;
    let session = match sid {
        Some(id) => app.store.session(tenant, id).await?,
        None => None,
    };
    let Some(session) = session else { return Ok(Ok(Some(nobody))) };
    let user = app.directory.user(tenant, session.user).await?;
    let same = user.filter(|entry| id_tokens::subject(app, client, &entry.user) == sub);
    Ok(Ok(Some(same.map_or(nobody, |entry| entry.user.id))))
}
