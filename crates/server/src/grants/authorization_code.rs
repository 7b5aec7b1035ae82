//! Redeeming an authorization code. RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 8707 §2.2, OIDC Core §3.1.3.
//!
//! Everything that follows from a presented code is one operation of the store: it is spent, the
//! grant is opened and the audit event written, or nothing happens (SEC-047). A second use from its
//! client ends what the first one bought (SEC-046).

use std::sync::Arc;

use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::binding::{binding, refresh_binding};
use grantor_domain::client_auth::AuthenticatedClient;
use grantor_domain::code::{AuthorizationCode, CodeRefusal, Presented, Redemption, redeem};
use grantor_domain::decision::{Ask, Entitlement, GrantFacts, Outcome, RecordedDecision};
use grantor_domain::grant::{EndReason, Grant, GrantOrigin, RefreshState};
use grantor_domain::issue::id_token::Beside;
use grantor_domain::refresh::ended;
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::session::Session;
use grantor_domain::single_use::{SingleUse, SingleUseBody as _};
use grantor_domain::token::TokenError;
use grantor_oauth_types::confirmation::CertificateThumbprint;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::TenantName;
use grantor_store::{Claim, Claimed, Effect, Effects, StoreError, operations};
use jiff::{SignedDuration, Timestamp};

use super::{Context, Issued, TokenFailure, access_token, concluded, entry};
use crate::app::App;
use crate::decisions::About;
use crate::directory::{ClientEntry, UserEntry};
use crate::id_tokens::{self, LookedUp};
use crate::tokens::Speaker;

/// What the client presents.
pub(super) struct PresentedCode {
    pub(super) code: String,
    pub(super) redirect_uri: Option<String>,
    pub(super) verifier: Option<String>,
}

/// Everything the judgement inside the transaction looks at.
struct Case {
    app: App,
    /// The directory's, before the facts were taken from it
    generation: u64,
    context: Context,
    client: AuthenticatedClient,
    entry: Arc<ClientEntry>,
    user: Arc<UserEntry>,
    secret: LookupSecret,
    presented: PresentedCode,
    refresh: LookupSecret,
    resource: Option<String>,
    certificate: Option<CertificateThumbprint>,
}

/// What came of it.
enum Redeemed {
    Granted(Arc<RecordedDecision>),
    /// The decision function said no; the code is as it was
    Denied(Arc<RecordedDecision>),
    Refused(CodeRefusal),
}

pub(super) async fn issue(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    presented: PresentedCode,
    resource: Option<String>,
) -> Result<Issued, TokenFailure> {
    let unknown = || TokenError::Code(CodeRefusal::Unknown);
    let kind = SecretKind::AuthorizationCode;
    let secret = LookupSecret::parse(kind, &presented.code).ok_or_else(unknown)?;
    let tenant = &context.tenant.tenant.name;
    let generation = app.directory.generation();
    // What a code stands for never changes, so it says what to claim. Whether it is good is judged
    // on what was claimed.
    let found = find(app, tenant, &secret).await?.ok_or_else(unknown)?;
    let user = app.directory.user(tenant, found.user).await?.ok_or_else(unknown)?;
    let resource = target(&found, resource)?;
    let looked_up = look_up(app, context, client, &found, &user).await?;
    let (refresh_token, refresh) = app.secrets.mint_refresh_token(found.grant);
    let case = Case {
        app: app.clone(),
        generation,
        context: context.clone(),
        client: client.clone(),
        entry: entry(app, context, client).await?,
        user: Arc::clone(&user),
        secret,
        presented,
        refresh,
        resource,
        certificate: refresh_binding(client, binding(client, context.thumbprint())?),
    };
    let claims = case.claims(&found);
    let redeemed = operations::judge(&*app.store, claims, move |c| Ok(case.judge(c))).await?;
    let record = match redeemed {
        Redeemed::Granted(record) => record,
        Redeemed::Denied(record) => {
            concluded(app, context, &record)?;
            return Err(unknown().into());
        }
        Redeemed::Refused(refusal) => {
            if refusal == CodeRefusal::Replayed {
                app.directory.catch_up(context.now).await?;
            }
            return Err(TokenError::Code(refusal).into());
        }
    };
    let entitled = concluded(app, context, &record)?;
    let refresh_token = entitled.refreshable.then_some(refresh_token);
    let issued = hand_out(app, context, client, &found, &user, entitled, refresh_token)?;
    with_id_token(app, context, client, &found, &user, &looked_up, issued)
}

/// What an `id_token` needs, where there is one.
async fn look_up(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    code: &AuthorizationCode,
    user: &UserEntry,
) -> Result<LookedUp, TokenFailure> {
    if !code.scopes.contains("openid") {
        return Ok(LookedUp::default());
    }
    Ok(id_tokens::look_up(app, &context.tenant, client, user, &code.scopes).await?)
}

async fn find(
    app: &App,
    tenant: &TenantName,
    secret: &LookupSecret,
) -> Result<Option<AuthorizationCode>, StoreError> {
    let found = app.store.single_use(tenant, AuthorizationCode::KIND, secret.lookup_id()).await?;
    // An id alone is no secret: whoever does not have the rest learns nothing.
    let found = found.filter(|found| found.digest == secret.digest());
    let decoded = found.map(|found| found.decode()).transpose();
    decoded.map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// RFC 8707 §2.2: one of those that were authorized; of several one has to be named, so that there
/// is never one wide token (SEC-037).
fn target(code: &AuthorizationCode, named: Option<String>) -> Result<Option<String>, TokenError> {
    match (named, code.resources.as_slice()) {
        (Some(named), []) => Ok(Some(named)),
        (Some(named), of) if of.contains(&named) => Ok(Some(named)),
        (None, []) => Ok(None),
        (None, [one]) => Ok(Some(one.clone())),
        (Some(_) | None, _) => Err(TokenError::OtherTarget),
    }
}

fn hand_out(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    code: &AuthorizationCode,
    user: &UserEntry,
    entitled: Entitlement,
    refresh_token: Option<String>,
) -> Result<Issued, TokenFailure> {
    let speaker = Speaker {
        sub: super::password::subject(app, client, user),
        username: super::password::username(client, user),
        realm: Some(code.realm.clone()),
        grant: Some(code.grant),
        session: code.sign_in.session.filter(|_| !code.offline),
    };
    let access_token = access_token(context, client, speaker, &entitled)?;
    let realm = Some(code.realm.clone());
    Ok(Issued { access_token, refresh_token, id_token: None, entitled, realm })
}

/// OIDC Core §3.1.3.3: an `id_token` beside what an OpenID request is answered with.
fn with_id_token(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    code: &AuthorizationCode,
    user: &UserEntry,
    looked_up: &LookedUp,
    issued: Issued,
) -> Result<Issued, TokenFailure> {
    if !code.scopes.contains("openid") {
        return Ok(issued);
    }
    let about = id_tokens::About {
        client,
        user: &user.user,
        sign_in: &code.sign_in,
        wants_auth_time: code.wants_auth_time,
        claims: &code.claims,
        granted: &issued.entitled.scopes,
        alone: false,
        nonce: code.nonce.as_deref(),
        beside: Beside { access_token: Some(&issued.access_token), ..Beside::default() },
    };
    let id_token = id_tokens::make(app, &context.tenant, about, looked_up, context.now)?;
    Ok(Issued { id_token: Some(id_token), ..issued })
}

impl Case {
    /// The code, the grant that it opens, and the session that it comes from.
    fn claims(&self, code: &AuthorizationCode) -> Vec<Claim> {
        let tenant = &self.context.tenant.tenant.name;
        let mut claims = vec![
            Claim::SingleUse(tenant.clone(), AuthorizationCode::KIND, self.secret.lookup_id()),
            Claim::Grant(tenant.clone(), code.grant),
        ];
        claims.extend(code.sign_in.session.map(|id| Claim::Session(tenant.clone(), id)));
        claims
    }

    fn judge(&self, claimed: &Claimed) -> (Redeemed, Effects) {
        let presented = Presented {
            client: &self.client.id,
            digest: self.secret.digest(),
            redirect_uri: self.presented.redirect_uri.as_deref(),
            verifier: self.presented.verifier.as_deref(),
        };
        let (found, grant) = (claimed.single_use(0), claimed.grant(1));
        match redeem(found, &presented, self.context.now) {
            Redemption::Refused(refusal) => (Redeemed::Refused(refusal), Effects::NONE),
            Redemption::Burnt(refusal) => {
                let event =
                    crate::audit_events::code_burnt(&self.client.id, &refusal, &self.context);
                let effects = Effects::from(self.spend(found.expect("it was judged"))).audit(event);
                (Redeemed::Refused(refusal), effects)
            }
            Redemption::Replayed(code) => {
                let effects = self.replayed(&code, grant);
                (Redeemed::Refused(CodeRefusal::Replayed), effects)
            }
            Redemption::Good(code) => {
                let of_session = code.sign_in.session.is_some();
                let session = if of_session { claimed.session(2) } else { None };
                let settings = &self.context.tenant.tenant.settings;
                let live = |session: &Session| session.counts(settings, self.context.now);
                if of_session && !session.is_some_and(live) {
                    return (Redeemed::Refused(CodeRefusal::SessionEnded), Effects::NONE);
                }
                self.good(found.expect("it was judged"), &code, grant)
            }
        }
    }

    /// SEC-051: what may have changed since the authorization is looked at again.
    fn good(
        &self,
        found: &SingleUse,
        code: &AuthorizationCode,
        grant: Option<&Grant>,
    ) -> (Redeemed, Effects) {
        let over = grant.is_some_and(|grant| grant.ended.is_some());
        let record = self.decide(found, code, over);
        let entitled = match &record.decision.outcome {
            Outcome::Granted(entitled) => entitled,
            Outcome::Refused(_) => return (Redeemed::Denied(record), Effects::NONE),
        };
        let opened = self.grant(code, entitled, grant);
        let event = crate::audit_events::grant_opened(&opened, &self.context);
        let write = match grant {
            Some(_) => Effect::UpdateGrant(Box::new(opened)),
            None => Effect::OpenGrant(Box::new(opened)),
        };
        (Redeemed::Granted(record), Effects::from(self.spend(found)).and(write).audit(event))
    }

    fn decide(
        &self,
        found: &SingleUse,
        code: &AuthorizationCode,
        over: bool,
    ) -> Arc<RecordedDecision> {
        let about = About {
            tenant: &self.context.tenant,
            client: &self.entry,
            realm: Some(&code.realm),
            user: Some(&self.user),
            gave_password: false,
            level: code.sign_in.level(),
        };
        let of = GrantFacts {
            client: &code.client,
            scopes: &code.scopes,
            expires: found.expires,
            ended: over,
        };
        let ask = Ask {
            grant_type: GrantType::AuthorizationCode,
            client: self.client.id.clone(),
            realm: Some(code.realm.clone()),
            scopes: None,
            resource: self.resource.clone(),
        };
        self.app.decisions.decide_on(of, ask, &about, self.generation, self.context.now)
    }

    /// The grant that the code opens. One that tokens of the front channel have opened already keeps
    /// its times.
    fn grant(
        &self,
        code: &AuthorizationCode,
        entitled: &Entitlement,
        before: Option<&Grant>,
    ) -> Grant {
        let settings = &self.context.tenant.tenant.settings;
        let seconds = match entitled.refreshable {
            true => settings.refresh_absolute_seconds,
            // Without a refresh token it is over with its access token.
            false => entitled.seconds,
        };
        let expires = before.map_or_else(|| self.after(seconds), |before| before.expires);
        Grant {
            tenant: self.context.tenant.tenant.name.clone(),
            id: code.grant,
            client: code.client.clone(),
            user: code.user,
            realm: code.realm.clone(),
            scopes: code.scopes.clone(),
            audiences: entitled.audiences.clone(),
            created: before.map_or(self.context.now, |before| before.created),
            expires,
            refresh: RefreshState {
                generation: 0,
                digest: self.refresh.digest(),
                idle_expires: self.after(settings.refresh_idle_seconds).min(expires),
                previous: None,
            },
            ended: None,
            origin: Some(GrantOrigin {
                sign_in: code.sign_in.clone(),
                claims: code.claims.clone(),
                wants_auth_time: code.wants_auth_time,
                offline: code.offline,
                certificate: self.certificate,
            }),
        }
    }

    fn after(&self, seconds: u32) -> Timestamp {
        let end = self.context.now.saturating_add(SignedDuration::from_secs(seconds.into()));
        end.unwrap_or(Timestamp::MAX)
    }

    fn spend(&self, found: &SingleUse) -> Effect {
        Effect::Spend(Box::new(found.clone()), self.context.now)
    }

    /// Somebody has a copy of the code: the grant ends, and every token of it dies (SEC-046). Once:
    /// who repeats it changes nothing more.
    fn replayed(&self, code: &AuthorizationCode, grant: Option<&Grant>) -> Effects {
        let Some(grant) = grant.filter(|grant| grant.ended.is_none()) else { return Effects::NONE };
        let tenant = &self.context.tenant.tenant;
        let revocation = Revocation {
            tenant: tenant.name.clone(),
            target: Target::grant(&tenant.settings.revocation_salt, code.grant),
            issued_before: self.context.now.as_second() + 1,
            revoked: self.context.now,
            until: crate::revoke::remembered_until(self.context.now),
        };
        let over = ended(grant, EndReason::Reuse, self.context.now);
        let event = crate::audit_events::code_replayed(&over, &self.context);
        Effects::from(Effect::UpdateGrant(Box::new(over)))
            .and(Effect::Revoke(Box::new(revocation)))
            .audit(event)
    }
}
