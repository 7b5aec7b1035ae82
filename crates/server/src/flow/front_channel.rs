//! Tokens that the authorization endpoint itself returns: implicit and hybrid. OIDC Core §3.2, §3.3;
//! `security.md` N, `compat.implicit` and its fence.

use grantor_domain::authorize::Complaint;
use grantor_domain::binding::binding;
use grantor_domain::decision::Entitlement;
use grantor_domain::grant::{Grant, GrantOrigin, RefreshState};
use grantor_domain::issue::id_token::Beside;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_oauth_types::id::GrantId;
use jiff::{SignedDuration, Timestamp};

use super::complete::sign_in;
use super::{FlowFailure, Ready};
use crate::access;
use crate::app::App;
use crate::grants::{Context, subject, username};
use crate::id_tokens::{self, LookedUp, Unprepared};
use crate::tokens::{self, NoSigner, Speaker};

/// The longest life of an access token that travels through a browser, in seconds.
const LONGEST: u32 = 600;

/// A permission to manage this server never travels that way.
pub(super) fn forbidden(entitled: &Entitlement) -> Option<Complaint> {
    let words = "this scope is never granted through the browser";
    let any = entitled.scopes.iter().any(access::is_permission);
    any.then_some(Complaint::new(AuthorizeErrorCode::InvalidScope, words))
}

/// The delegation that an access token of the front channel belongs to, so that it can be seen and
/// taken back. It has no refresh token: the one that a code may bring later is another.
pub(super) fn grant(
    context: &Context,
    ready: &Ready,
    entitled: &Entitlement,
    id: GrantId,
) -> Option<Grant> {
    let request = ready.transaction.request().filter(|r| r.to.response_type().has_token())?;
    let settings = &context.tenant.tenant.settings;
    let seconds = match request.to.response_type().has_code() && entitled.refreshable {
        true => settings.refresh_absolute_seconds,
        false => entitled.seconds.min(LONGEST),
    };
    let expires = context.now.saturating_add(SignedDuration::from_secs(seconds.into()));
    let expires = expires.unwrap_or(Timestamp::MAX);
    let nobody_has = grantor_crypto::secret::BearerSecret::mint(
        grantor_crypto::secret::SecretKind::RefreshToken,
    );
    Some(Grant {
        tenant: context.tenant.tenant.name.clone(),
        id,
        client: request.client().clone(),
        user: ready.user.user.id,
        realm: ready.user.user.realm.clone(),
        scopes: entitled.scopes.clone(),
        audiences: entitled.audiences.clone(),
        created: context.now,
        expires,
        refresh: RefreshState {
            generation: 0,
            digest: nobody_has.digest(),
            idle_expires: expires,
            previous: None,
        },
        ended: None,
        origin: Some(GrantOrigin {
            sign_in: sign_in(&ready.session),
            claims: request.claims.clone(),
            wants_auth_time: request.wants_auth_time,
            offline: false,
            certificate: None,
        }),
    })
}

/// What an `id_token` of the answer needs, where there is one.
pub(super) async fn look_up(
    app: &App,
    context: &Context,
    ready: &Ready,
    entitled: &Entitlement,
) -> Result<LookedUp, Unprepared> {
    let request = ready.transaction.request();
    if !request.is_some_and(|request| request.to.response_type().has_id_token()) {
        return Ok(LookedUp::default());
    }
    let (client, scopes) = (ready.entry.client(), &entitled.scopes);
    id_tokens::look_up(app, &context.tenant, client, &ready.user, scopes).await
}

/// What the answer says, in the order of RFC 6749 §4.2.2 and OIDC Core §3.3.2.5.
pub(super) fn members(
    app: &App,
    context: &Context,
    ready: &Ready,
    entitled: &Entitlement,
    grant: GrantId,
    code: Option<&str>,
    looked_up: &LookedUp,
) -> Result<Vec<(&'static str, String)>, FlowFailure> {
    let request = ready.transaction.request().ok_or(NoSigner)?;
    let (kind, client) = (request.to.response_type(), ready.entry.client());
    let mut members: Vec<_> = code.iter().map(|code| ("code", (*code).to_owned())).collect();
    let session = sign_in(&ready.session);
    let token = match kind.has_token() {
        false => None,
        true => {
            let seconds = entitled.seconds.min(LONGEST);
            let short = Entitlement { seconds, ..entitled.clone() };
            let speaker = Speaker {
                sub: subject(app, client, &ready.user),
                username: username(client, &ready.user),
                realm: Some(ready.user.user.realm.clone()),
                grant: Some(grant),
                session: session.session,
            };
            // A client whose tokens are bound does not get here (`Client::may_ask_for`).
            let bound = binding(client, None).map_err(|_| NoSigner)?;
            let now = context.now;
            let token = tokens::make(&context.tenant, client, speaker, &short, bound, now)?;
            members.push(("access_token", token.clone()));
            members.push(("token_type", "Bearer".to_owned()));
            members.push(("expires_in", seconds.to_string()));
            members.push(("scope", entitled.scopes.to_string()));
            Some(token)
        }
    };
    if kind.has_id_token() {
        let about = id_tokens::About {
            client,
            user: &ready.user.user,
            sign_in: &session,
            wants_auth_time: request.wants_auth_time,
            claims: &request.claims,
            // OIDC Core §5.4: in the ID token only where nothing leads to UserInfo.
            alone: !kind.has_token() && !kind.has_code(),
            granted: &entitled.scopes,
            nonce: request.nonce.as_deref(),
            beside: Beside { access_token: token.as_deref(), code, state: request.to.state() },
        };
        let token = id_tokens::make(app, &context.tenant, about, looked_up, context.now)?;
        members.push(("id_token", token));
    }
    Ok(members)
}
