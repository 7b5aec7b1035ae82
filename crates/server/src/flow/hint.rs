//! Whom the client means: `id_token_hint`, or a `sub` among its wishes. OIDC Core §3.1.2.1, §5.5.1.

use grantor_crypto::jws::parse_compact;
use grantor_domain::authorize::{AuthorizationRequest, Complaint};
use grantor_oauth_types::id::UserId;

use crate::grants::Context;

/// Who it is; taken out of the request. A hint is verified, its end is not looked at (OIDC Core
/// §3.1.2.1): somebody nobody can be is a hint that nobody matches (SEC-031).
pub fn named(
    context: &Context,
    request: &mut AuthorizationRequest,
) -> Result<Option<UserId>, Complaint> {
    let hinted = match request.id_token_hint.take() {
        None => None,
        Some(hint) => {
            let words = "id_token_hint is no ID token of this issuer";
            Some(subject(context, &hint).ok_or(Complaint::invalid(words))?)
        }
    };
    let asked = request.claims.id_token.get("sub").or(request.claims.userinfo.get("sub"));
    let asked = asked.and_then(|asked| asked.value.as_ref()?.as_str());
    let nobody = UserId::from_uuid(uuid::Uuid::nil());
    let user = |sub: &str| sub.parse().unwrap_or(nobody);
    Ok(match (hinted.as_deref(), asked) {
        (None, None) => None,
        (Some(sub), None) | (None, Some(sub)) => Some(user(sub)),
        (Some(one), Some(other)) if one == other => Some(user(one)),
        (Some(_), Some(_)) => Some(nobody),
    })
}

/// The `sub` of an ID token that one of our keys signed.
fn subject(context: &Context, hint: &str) -> Option<String> {
    let jwt = parse_compact(hint).ok()?;
    let key = context.tenant.keys.verifying(jwt.header.kid.as_deref()?)?;
    let typ = jwt.header.typ.as_deref();
    // An access token is no ID token (SEC-082).
    if key.alg() != jwt.header.alg || !typ.is_none_or(|typ| typ.eq_ignore_ascii_case("jwt")) {
        return None;
    }
    let payload = jwt.verify(key).ok()?;
    let claims = grantor_crypto::json::parse_strict_object(&payload).ok()?;
    let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
    (text("iss")? == context.tenant.tenant.issuer).then_some(())?;
    claims.get("aud")?;
    text("sub").map(ToOwned::to_owned)
}
