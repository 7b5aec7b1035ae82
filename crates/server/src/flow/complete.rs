//! The end of an authorization request: code, consents and the use of the session in one operation.

use std::sync::Arc;

use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::authorize::{Answer, Complaint};
use grantor_domain::code::AuthorizationCode;
use grantor_domain::consent::Consent;
use grantor_domain::decision::{Entitlement, Outcome, RecordedDecision};
use grantor_domain::grant::Grant;
use grantor_domain::pushed::PushedRequest;
use grantor_domain::session::{Session, SignIn};
use grantor_domain::sign_in::Level;
use grantor_domain::single_use::{SingleUse, SingleUseBody as _};
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_oauth_types::id::GrantId;
use grantor_store::{Claim, Claimed, Effect, Effects, Expect, operations};
use jiff::{SignedDuration, Timestamp};

use super::{
    FlowFailure, Ready, Turn, about, ask, complaint_of, front_channel, unencrypted, with_consents,
};
use crate::app::App;
use crate::audit::Actor;
use crate::audit_events;
use crate::grants::Context;
use crate::id_tokens::Unprepared;
use crate::session_state;
use crate::transaction::{Purpose, Pushed};

/// What the store said when everything was to be written.
enum Written {
    /// It is
    Done,
    /// The session ended meanwhile: sign in again
    SessionGone,
    /// The pushed request was used or has expired (SEC-034)
    Spent,
}

/// Decides on what was agreed to, and hands out what follows.
pub async fn complete(app: &App, context: &Context, ready: Ready) -> Result<Turn, FlowFailure> {
    let request = ready.transaction.request().expect("only requests of clients are completed");
    let to = Box::new(request.to.clone());
    let record = judged(app, context, &ready);
    remember(app, context, &record, &ready);
    let entitled = match &record.decision.outcome {
        Outcome::Granted(entitled) => entitled.clone(),
        Outcome::Refused(refusal) => {
            return Ok(Turn::Answer(to, Answer::Refused(complaint_of(refusal))));
        }
    };
    let grant: GrantId = app.new_id(context.now);
    let code = request.to.response_type().has_code().then(|| {
        let id: GrantId = app.new_id(context.now);
        LookupSecret::mint(SecretKind::AuthorizationCode, id.bytes())
    });
    let forbidden = front_channel::forbidden(&entitled);
    if let Some(complaint) = forbidden.filter(|_| request.to.response_type().has_token()) {
        return Ok(Turn::Answer(to, Answer::Refused(complaint)));
    }
    let looked_up = match front_channel::look_up(app, context, &ready, &entitled).await {
        Ok(looked_up) => looked_up,
        Err(Unprepared::Store(error)) => return Err(error.into()),
        Err(Unprepared::ClientKey(why)) => {
            return Ok(Turn::Answer(to, Answer::Refused(unencrypted(why))));
        }
    };
    let opened = front_channel::grant(context, &ready, &entitled, grant);
    let stored = code.as_ref().map(|secret| single_use(context, secret, &ready, &entitled, grant));
    match write(app, context, &ready, stored, opened).await? {
        Written::Done => {}
        Written::SessionGone => return Ok(Turn::SignIn(ready.transaction)),
        Written::Spent => {
            let complaint = Complaint::new(
                AuthorizeErrorCode::InvalidRequestUri,
                "the pushed request was used before or has expired",
            );
            return Ok(Turn::Answer(to, Answer::Refused(complaint)));
        }
    }
    if !ready.decided.is_empty() {
        app.directory.catch_up(context.now).await?;
    }
    let code = code.map(|secret| secret.reveal());
    let code = code.as_deref();
    let mut granted =
        front_channel::members(app, context, &ready, &entitled, grant, code, &looked_up)?;
    if request.is_openid() {
        let browser = session_state::browser_state(Some(&ready.session));
        let state = session_state::session_state(to.client(), to.uri(), &browser);
        granted.push(("session_state", state));
    }
    Ok(Turn::Answer(to, Answer::Granted(granted)))
}

/// The one decision, on what she decided before and just now.
fn judged(app: &App, context: &Context, ready: &Ready) -> Arc<RecordedDecision> {
    let request = ready.transaction.request().expect("only requests of clients are completed");
    let ask = ask(request, &ready.user, Some(ready.scopes.clone()));
    let about = about(context, &ready.entry, &ready.user, &ready.session);
    if ready.decided.is_empty() {
        return app.decisions.decide(ask, &about, ready.generation, context.now);
    }
    let consents = consents(ready);
    let facts = with_consents(&about, &consents);
    app.decisions.decide_anew(ask, &about, &facts, ready.generation, context.now)
}

/// Her consents, with what she decided just now in the place of what she decided before.
fn consents(ready: &Ready) -> Vec<Consent> {
    let new = |old: &&Consent| {
        ready.decided.iter().all(|n| n.client != old.client || n.scope != old.scope)
    };
    ready.user.consents.iter().filter(new).chain(&ready.decided).cloned().collect()
}

fn remember(app: &App, context: &Context, record: &Arc<RecordedDecision>, ready: &Ready) {
    let kind = match record.decision.outcome {
        Outcome::Granted(_) => "authorization.granted",
        Outcome::Refused(_) => "authorization.refused",
    };
    context.record_decision(app, kind, Actor::User(ready.user.user.id), record);
}

/// SEC-045: everything that the code stands for, under its digest.
fn single_use(
    context: &Context,
    secret: &LookupSecret,
    ready: &Ready,
    entitled: &Entitlement,
    grant: GrantId,
) -> SingleUse {
    let request = ready.transaction.request().expect("only requests of clients are completed");
    let code = AuthorizationCode {
        client: request.client().clone(),
        redirect_uri: request.named_redirect.then(|| request.to.uri().to_owned()),
        scopes: entitled.scopes.clone(),
        resources: request.resources.clone(),
        nonce: request.nonce.clone(),
        challenge: request.challenge.clone(),
        user: ready.user.user.id,
        realm: ready.user.user.realm.clone(),
        sign_in: sign_in(&ready.session),
        claims: request.claims.clone(),
        wants_auth_time: request.wants_auth_time,
        offline: entitled.scopes.contains("offline_access"),
        grant,
    };
    let life = SignedDuration::from_secs(context.tenant.tenant.settings.code_seconds.into());
    let expires = context.now.saturating_add(life).unwrap_or(Timestamp::MAX);
    let tenant = context.tenant.tenant.name.clone();
    SingleUse::new(tenant, secret.lookup_id(), secret.digest(), expires, &code)
}

/// What clients are told of the sign-in.
pub(super) fn sign_in(session: &Session) -> SignIn {
    SignIn {
        session: Some(session.id),
        at: session.authenticated_at(),
        acr: Some(Level::of(&session.methods).acr().to_owned()),
        amr: session.amr(),
    }
}

/// One operation: nothing of it without the rest.
async fn write(
    app: &App,
    context: &Context,
    ready: &Ready,
    code: Option<SingleUse>,
    opened: Option<Grant>,
) -> Result<Written, FlowFailure> {
    let tenant = context.tenant.tenant.name.clone();
    let request = ready.transaction.request().expect("only requests of clients are completed");
    let pushed = pushed(ready);
    let mut claims = vec![Claim::Session(tenant.clone(), ready.session.id)];
    claims
        .extend(pushed.iter().map(|p| Claim::SingleUse(tenant.clone(), PushedRequest::KIND, p.id)));
    let mut effects = Effects::NONE;
    for consent in &ready.decided {
        effects = effects.put(consent, Expect::Any);
    }
    if !ready.decided.is_empty() {
        let (user, client) = (ready.user.user.id, request.client());
        effects = effects.audit(audit_events::consent_given(user, client, &ready.decided, context));
    }
    effects = match code {
        Some(code) => effects.and(Effect::OpenSingleUse(Box::new(code))),
        None => effects,
    };
    if let Some(grant) = opened {
        let event = audit_events::grant_opened(&grant, context);
        effects = effects.and(Effect::OpenGrant(Box::new(grant))).audit(event);
    }
    let (now, client) = (context.now, request.client().clone());
    let tenant = Arc::clone(&context.tenant);
    let written = operations::judge(&*app.store, claims, move |claimed| {
        let settings = &tenant.tenant.settings;
        let Some(session) = claimed.session(0).filter(|s| s.counts(settings, now)) else {
            return Ok((Written::SessionGone, Effects::NONE));
        };
        if pushed.as_ref().is_some_and(|pushed| !is_unspent(claimed, pushed, now)) {
            return Ok((Written::Spent, Effects::NONE));
        }
        let mut effects = effects.clone();
        let idle = SignedDuration::from_secs(settings.session_idle_seconds.into());
        if let Some(used) = session.used(&client, now, idle) {
            effects = effects.and(Effect::PutSession(Box::new(used)));
        }
        if pushed.is_some()
            && let Some(found) = claimed.single_use(1)
        {
            effects = effects.and(Effect::Spend(Box::new(found.clone()), now));
        }
        Ok((Written::Done, effects))
    })
    .await?;
    Ok(written)
}

fn pushed(ready: &Ready) -> Option<Pushed> {
    match &ready.transaction.purpose {
        Purpose::Authorize { pushed, .. } => pushed.clone(),
        Purpose::Own { .. } => None,
    }
}

/// SEC-034: used up when the authorization completes. Its own end was looked at when it came in: a
/// person may take longer to read than it lives.
fn is_unspent(claimed: &Claimed, pushed: &Pushed, _now: Timestamp) -> bool {
    claimed.single_use(1).is_some_and(|f| f.digest == pushed.digest && f.spent.is_none())
}
