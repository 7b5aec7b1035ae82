//! Whom the client means: `id_token_hint`, or a `sub` among its wishes. OIDC Core §3.1.2.1, §5.5.1.

use grantor_domain::authorize::{AuthorizationRequest, Complaint};
use grantor_domain::claims::ClaimsRequest;
use grantor_domain::client::Client;
use grantor_domain::session::Session;
use grantor_oauth_types::id::UserId;

use crate::app::App;
use crate::grants::Context;
use crate::id_tokens;

/// A `sub` that nobody has.
const NOBODY: &str = "";

/// The `sub` of whom it is, as this client knows her (OIDC Core §8.1); taken out of the request. A hint
/// is verified, its end is not looked at (OIDC Core §3.1.2.1): somebody nobody can be is a hint that
/// nobody matches (SEC-031).
pub fn named(
    app: &App,
    context: &Context,
    client: &Client,
    request: &mut AuthorizationRequest,
) -> Result<Option<String>, Complaint> {
    let asked = asked(&request.claims);
    let Some(hint) = request.id_token_hint.take() else { return Ok(asked) };
    let hint = id_tokens::hint(&context.tenant, &hint);
    let hint = hint.ok_or(Complaint::invalid("id_token_hint is no ID token of this issuer"))?;
    // One that was made for another client, or before this one had pairwise names, says who it is.
    let sub = match hint.sub.parse::<UserId>() {
        Ok(user) => id_tokens::subject_of(app, client, user),
        Err(_) => hint.sub,
    };
    let fits = asked.is_none_or(|asked| asked == sub);
    Ok(Some(if fits { sub } else { NOBODY.to_owned() }))
}

/// The `sub` that the `claims` parameter wants, for the `id_token` or for UserInfo. Whoever wants two
/// persons gets nobody.
fn asked(claims: &ClaimsRequest) -> Option<String> {
    let wishes = [claims.id_token.get("sub"), claims.userinfo.get("sub")];
    let values = wishes.into_iter().flatten().filter_map(|wish| wish.value.as_ref());
    let mut subs = values.map(|value| value.as_str().unwrap_or(NOBODY));
    let first = subs.next()?;
    let one = subs.all(|sub| sub == first);
    Some(if one { first } else { NOBODY }.to_owned())
}

/// Which of the persons of this browser it is; an id that nobody has, if it is none of them.
pub(super) fn among(app: &App, client: &Client, sub: &str, sessions: &[Session]) -> UserId {
    let mut users = sessions.iter().map(|session| session.user);
    let it = users.find(|user| id_tokens::subject_of(app, client, *user) == sub);
    it.unwrap_or(UserId::from_uuid(uuid::Uuid::nil()))
}
