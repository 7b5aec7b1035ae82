//! Rotation of a refresh token. RFC 6749 §6, RFC 9700 §4.14.

use std::sync::Arc;

use grantor_crypto::seal::{open_with_secret, seal_with_secret};
use grantor_crypto::secret::LookupSecret;
use grantor_domain::client_auth::AuthenticatedClient;
use grantor_domain::decision::{Ask, GrantFacts, Outcome, RecordedDecision};
use grantor_domain::grant::Grant;
use grantor_domain::issue::id_token::Beside;
use grantor_domain::refresh::{
    Presenter, RefreshPolicy, RefreshRefusal, Rotation, Successor, rotate,
};
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::session::Session;
use grantor_domain::sign_in::Level;
use grantor_domain::token::TokenError;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::id::{GrantId, SessionId};
use grantor_oauth_types::scope::Scopes;
use grantor_store::{Claim, Effect, Effects, operations};
use jiff::SignedDuration;

use super::{Context, Issued, TokenFailure, access_token, concluded, entry};
use crate::app::App;
use crate::decisions::About;
use crate::directory::{ClientEntry, UserEntry};
use crate::id_tokens::{self, LookedUp};
use crate::tokens::Speaker;

/// Everything the judgement inside the transaction looks at.
struct Case {
    app: App,
    /// The directory's, before the facts were taken from it
    generation: u64,
    context: Context,
    client: AuthenticatedClient,
    entry: Arc<ClientEntry>,
    user: Arc<UserEntry>,
    presented: LookupSecret,
    successor: Successor,
    scopes: Option<Scopes>,
    resource: Option<String>,
}

/// What came of it.
enum Refreshed {
    /// Go on with this decision; the successor is new, or this one from before
    Granted(Arc<RecordedDecision>, Option<Vec<u8>>),
    /// The decision function said no; nothing was rotated
    Denied(Arc<RecordedDecision>),
    /// The token is worth nothing; whether the grant ended with it
    Refused(RefreshRefusal),
}

pub(super) async fn issue(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    token: &str,
    scopes: Option<Scopes>,
    resource: Option<String>,
) -> Result<Issued, TokenFailure> {
    let unknown = || TokenError::Refresh(RefreshRefusal::Unknown);
    let (id, presented) = app.secrets.read_refresh_token(token).ok_or_else(unknown)?;
    let tenant = &context.tenant.tenant.name;
    let generation = app.directory.generation();
    let grant = app.store.grant(tenant, id).await?.ok_or_else(unknown)?;
    let user = app.directory.user(tenant, grant.user).await?.ok_or_else(unknown)?;
    let looked_up = look_up(app, context, client, &grant, &user).await?;
    let (next, secret) = app.secrets.mint_refresh_token(id);
    let case = Case {
        app: app.clone(),
        generation,
        context: context.clone(),
        client: client.clone(),
        entry: entry(app, context, client).await?,
        successor: Successor {
            digest: secret.digest(),
            sealed: seal_with_secret(token, &id.bytes(), next.as_bytes()),
        },
        user: Arc::clone(&user),
        presented,
        scopes,
        resource,
    };
    let mut claims = vec![Claim::Grant(tenant.clone(), id)];
    claims.extend(session_of(&grant).map(|id| Claim::Session(tenant.clone(), id)));
    let with_session = claims.len() > 1;
    let refreshed = operations::judge(&*app.store, claims, move |claimed| {
        let settings = &case.context.tenant.tenant.settings;
        let live = |session: &Session| session.counts(settings, case.context.now);
        if with_session && !claimed.session(1).is_some_and(live) {
            return Ok((Refreshed::Refused(RefreshRefusal::Ended), Effects::NONE));
        }
        Ok(case.judge(claimed.grant(0)))
    });
    let refreshed = refreshed.await?;
    let (record, again) = match refreshed {
        Refreshed::Granted(record, again) => (record, again),
        Refreshed::Denied(record) => {
            concluded(app, context, &record)?;
            return Err(unknown().into());
        }
        Refreshed::Refused(refusal) => {
            if refusal == RefreshRefusal::Reused {
                app.directory.catch_up(context.now).await?;
            }
            return Err(TokenError::Refresh(refusal).into());
        }
    };
    let next = match again {
        Some(sealed) => lost_answer(token, id, &sealed).ok_or_else(unknown)?,
        None => next,
    };
    let entitled = concluded(app, context, &record)?;
    let speaker = Speaker {
        sub: super::password::subject(app, client, &user),
        username: super::password::username(client, &user),
        realm: Some(grant.realm.clone()),
        grant: Some(id),
        session: session_of(&grant),
    };
    let access_token = access_token(context, client, speaker, &entitled)?;
    let realm = Some(grant.realm.clone());
    let refresh_token = Some(next);
    let issued = Issued { access_token, refresh_token, id_token: None, entitled, realm };
    with_id_token(app, context, client, &grant, &user, &looked_up, issued)
}

/// The session that a grant ends with, unless it was given for offline use (OIDC Core §11).
fn session_of(grant: &Grant) -> Option<SessionId> {
    grant.origin.as_ref().filter(|origin| !origin.offline)?.sign_in.session
}

/// What an `id_token` needs, where a grant came from a sign-in and so has one.
async fn look_up(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    grant: &Grant,
    user: &UserEntry,
) -> Result<LookedUp, TokenFailure> {
    if grant.origin.is_none() || !grant.scopes.contains("openid") {
        return Ok(LookedUp::default());
    }
    Ok(id_tokens::look_up(app, &context.tenant, client, user, &grant.scopes).await?)
}

/// OIDC Core §12.2: the same person, the same sign-in, no nonce.
fn with_id_token(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    grant: &Grant,
    user: &UserEntry,
    looked_up: &LookedUp,
    issued: Issued,
) -> Result<Issued, TokenFailure> {
    let Some(origin) = grant.origin.as_ref().filter(|_| grant.scopes.contains("openid")) else {
        return Ok(issued);
    };
    let about = id_tokens::About {
        client,
        user: &user.user,
        sign_in: &origin.sign_in,
        wants_auth_time: origin.wants_auth_time,
        claims: &origin.claims,
        granted: &issued.entitled.scopes,
        alone: false,
        nonce: None,
        beside: Beside { access_token: Some(&issued.access_token), ..Beside::default() },
    };
    let id_token = id_tokens::make(app, &context.tenant, about, looked_up, context.now)?;
    Ok(Issued { id_token: Some(id_token), ..issued })
}

/// The successor that was handed out before, opened with the token it succeeded (SEC-062).
fn lost_answer(token: &str, grant: GrantId, sealed: &[u8]) -> Option<String> {
    let opened = open_with_secret(token, &grant.bytes(), sealed).ok()?;
    String::from_utf8(opened.to_vec()).ok()
}

impl Case {
    /// Rotation and decision together, on the claimed grant: either both happen or neither.
    fn judge(&self, grant: Option<&Grant>) -> (Refreshed, Effects) {
        let settings = &self.context.tenant.tenant.settings;
        let seconds = |seconds: u32| SignedDuration::from_secs(seconds.into());
        let policy = RefreshPolicy {
            idle: seconds(settings.refresh_idle_seconds),
            grace: seconds(settings.refresh_grace_seconds),
        };
        let digest = self.presented.digest();
        let now = self.context.now;
        let by = Presenter { client: &self.client.id, certificate: self.context.thumbprint() };
        match rotate(grant, by, &digest, &self.successor, policy, now) {
            Rotation::Refused(refusal) => (Refreshed::Refused(refusal), Effects::NONE),
            Rotation::Reused(ended) => {
                let effects = self.reuse(&ended);
                (Refreshed::Refused(RefreshRefusal::Reused), effects)
            }
            Rotation::Again(sealed) => {
                let record = self.decide(grant.expect("rotation has looked at it"));
                match record.decision.outcome {
                    Outcome::Granted(_) => {
                        (Refreshed::Granted(record, Some(sealed)), Effects::NONE)
                    }
                    Outcome::Refused(_) => (Refreshed::Denied(record), Effects::NONE),
                }
            }
            Rotation::Rotated(next) => {
                let record = self.decide(&next);
                match record.decision.outcome {
                    Outcome::Granted(_) => {
                        let event = crate::audit_events::grant_refreshed(&next, &self.context);
                        let effects = Effects::from(Effect::UpdateGrant(next)).audit(event);
                        (Refreshed::Granted(record, None), effects)
                    }
                    Outcome::Refused(_) => (Refreshed::Denied(record), Effects::NONE),
                }
            }
        }
    }

    fn decide(&self, grant: &Grant) -> Arc<RecordedDecision> {
        let about = About {
            tenant: &self.context.tenant,
            client: &self.entry,
            realm: Some(&grant.realm),
            user: Some(&self.user),
            gave_password: false,
            level: grant.origin.as_ref().map_or(Level::Single, |origin| origin.sign_in.level()),
        };
        let of = GrantFacts {
            client: &grant.client,
            scopes: &grant.scopes,
            expires: grant.expires,
            ended: grant.ended.is_some(),
        };
        let ask = Ask {
            grant_type: GrantType::RefreshToken,
            client: self.client.id.clone(),
            realm: Some(grant.realm.clone()),
            scopes: self.scopes.clone(),
            resource: self.resource.clone(),
        };
        self.app.decisions.decide_on(of, ask, &about, self.generation, self.context.now)
    }

    /// The grant ends, and every access token of it dies with it (SEC-061).
    fn reuse(&self, ended: &Grant) -> Effects {
        let tenant = &self.context.tenant.tenant;
        let revocation = Revocation {
            tenant: tenant.name.clone(),
            target: Target::grant(&tenant.settings.revocation_salt, ended.id),
            issued_before: self.context.now.as_second() + 1,
            revoked: self.context.now,
            until: crate::revoke::remembered_until(self.context.now),
        };
        Effects::from(Effect::UpdateGrant(Box::new(ended.clone())))
            .and(Effect::Revoke(Box::new(revocation)))
            .audit(crate::audit_events::refresh_reused(ended, &self.context))
    }
}
