//! Ending what was given: one token, or a grant and everything that descends from it. RFC 7009.

use grantor_domain::client::Client;
use grantor_domain::grant::{EndReason, Grant};
use grantor_domain::refresh::ended;
use grantor_domain::revocation::{Revocation, Target};
use grantor_oauth_types::id::GrantId;
use grantor_store::{Effect, Effects, StoreError, operations};
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::audit_events;
use crate::directory::LONGEST_TOKEN_SECONDS;
use crate::grants::Context;
use crate::tokens::LiveToken;

/// Until when a revocation has to be remembered: no token can live longer.
pub fn remembered_until(now: Timestamp) -> Timestamp {
    let longest = SignedDuration::from_secs(i64::from(LONGEST_TOKEN_SECONDS) + 60);
    now.saturating_add(longest).unwrap_or(Timestamp::MAX)
}

/// Ends one access token. When this returns, this node refuses it, and others learn within a
/// second.
pub async fn access_token(
    app: &App,
    context: &Context,
    live: &LiveToken,
    actor: &str,
) -> Result<(), StoreError> {
    let revocation = Revocation {
        tenant: context.tenant.tenant.name.clone(),
        target: Target::Token(live.hash),
        // Strictly before: the token may have been issued in this very second.
        issued_before: live.token.iat + 1,
        revoked: context.now,
        until: Timestamp::from_second(live.token.exp + 60).unwrap_or(Timestamp::MAX),
    };
    let effects = Effects::from(Effect::Revoke(Box::new(revocation)))
        .audit(audit_events::token_revoked(context, actor, &live.token));
    operations::write(&*app.store, effects).await?;
    app.directory.catch_up(context.now).await
}

/// Ends a grant of this client: its refresh token, and its access tokens with it (RFC 7009 §2.1).
/// A grant of another client, or none, is left alone (SEC-105).
pub async fn grant(
    app: &App,
    context: &Context,
    client: &Client,
    id: GrantId,
) -> Result<(), StoreError> {
    let tenant = &context.tenant.tenant;
    let (case, client) = (context.clone(), client.id.clone());
    operations::judge_grant(&*app.store, &tenant.name, id, move |grant| {
        let live = grant.filter(|grant| grant.client == client && grant.ended.is_none());
        let effects = live.map(|grant| end(&case, grant)).unwrap_or_default();
        ((), effects)
    })
    .await?;
    app.directory.catch_up(context.now).await
}

fn end(context: &Context, grant: &Grant) -> Effects {
    let tenant = &context.tenant.tenant;
    let over = ended(grant, EndReason::Revoked, context.now);
    let revocation = Revocation {
        tenant: tenant.name.clone(),
        target: Target::grant(&tenant.settings.revocation_salt, grant.id),
        issued_before: context.now.as_second() + 1,
        revoked: context.now,
        until: remembered_until(context.now),
    };
    let event = audit_events::grant_revoked(&over, context);
    Effects::from(Effect::UpdateGrant(Box::new(over)))
        .and(Effect::Revoke(Box::new(revocation)))
        .audit(event)
}
