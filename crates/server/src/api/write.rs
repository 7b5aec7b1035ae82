//! Every change of the registry: judged, written and audited in one operation of the store.
//!
//! What a check has to know is claimed in the operation that writes; the document itself is
//! guarded by its version. So whatever was true when the change was judged is true when it is
//! written, and of two racing changes one is told that it came too late.

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::document::{Document as _, DocumentKey, Versioned};
use grantor_domain::registry::{Entry, Known, Want};
use grantor_domain::revocation::{Revocation, Target};
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::ClientId;
use grantor_store::{
    Claim, Claimed, Documents as _, Effect, Effects, Expect, Found, GrantQuery, StoreError,
    operations,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Problem;
use super::body::Precondition;
use super::hanging::Hanging;
use super::resource::Resource;
use crate::access::Caller;
use crate::app::{App, new_id};
use crate::grants::Context;
use crate::logout::Farewell;
use crate::revoke::remembered_until;

/// How often a change without precondition is tried again when somebody was faster.
const TRIES: usize = 5;

/// How many grants are looked through at once.
const GRANTS_AT_ONCE: usize = 500;

/// What follows from a change beside the change itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consequences {
    effects: Effects,
    /// Whose sessions end with it: their clients are told
    ended: Vec<UserId>,
}

impl Consequences {
    /// As effects of an operation.
    pub(crate) fn into_effects(self) -> Effects {
        self.effects
    }

    /// What the clients of those who are signed out by it will be told (SEC-131). To be made before
    /// the change, and sent behind it.
    pub(crate) async fn farewell(
        &mut self,
        app: &App,
        context: &Context,
    ) -> Result<Farewell, StoreError> {
        for user in self.ended.clone() {
            self.end_pairwise(app, context, user).await?;
        }
        Farewell::of_users(app, context, &self.ended).await
    }

    /// The tokens that name a user as only one sector knows her: they end by their grants.
    async fn end_pairwise(
        &mut self,
        app: &App,
        context: &Context,
        user: UserId,
    ) -> Result<(), StoreError> {
        let tenant = &context.tenant.tenant;
        let (client, before) = (None, None);
        let (name, limit) = (tenant.name.clone(), GRANTS_AT_ONCE);
        let mut query = GrantQuery { tenant: name, user: Some(user), client, before, limit };
        loop {
            let found = app.store.grants(&query).await?;
            for grant in found.iter().filter(|g| g.ended.is_none() && context.now < g.expires) {
                let entry = app.directory.client(&tenant.name, &grant.client).await?;
                if entry.is_some_and(|entry| entry.client().pairwise_sector().is_some()) {
                    let target = Target::grant(&tenant.settings.revocation_salt, grant.id);
                    self.revoke(revocation(tenant, target, context.now));
                }
            }
            query.before = found.last().map(|grant| grant.id);
            if found.len() < GRANTS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Something more to write.
    pub(crate) fn and(&mut self, effect: Effect) {
        self.effects.0.push(effect);
    }

    /// Everything that was given to or in the name of a user ends: its grants, and its tokens
    /// however they name it (SEC-131).
    pub(crate) fn end_user(&mut self, context: &Context, user: &grantor_domain::user::User) {
        self.end_grants(context, Some(user.id), None);
        self.ended.push(user.id);
        self.and(Effect::EndSessions {
            tenant: context.tenant.tenant.name.clone(),
            user: user.id,
            except: None,
            at: context.now,
        });
        let tenant = &context.tenant.tenant;
        let salt = &tenant.settings.revocation_salt;
        for sub in [user.id.to_string(), user.name.to_string()] {
            let target = Target::subject(salt, &user.realm, &sub);
            self.revoke(revocation(tenant, target, context.now));
        }
    }

    /// Everything that was given to a client ends.
    pub(crate) fn end_client(&mut self, context: &Context, client: &ClientId) {
        self.end_grants(context, None, Some(client));
        let tenant = &context.tenant.tenant;
        let target = Target::client(&tenant.settings.revocation_salt, client);
        self.revoke(revocation(tenant, target, context.now));
    }

    /// Everything in a tenant ends.
    pub(crate) fn end_tenant(&mut self, tenant: &Tenant, now: Timestamp) {
        let (user, client) = (None, None);
        self.and(Effect::EndGrants { tenant: tenant.name.clone(), user, client, at: now });
        self.revoke(revocation(tenant, Target::Global, now));
    }

    fn end_grants(&mut self, context: &Context, user: Option<UserId>, client: Option<&ClientId>) {
        let tenant = context.tenant.tenant.name.clone();
        self.and(Effect::EndGrants { tenant, user, client: client.cloned(), at: context.now });
    }

    /// A revocation.
    pub(crate) fn revoke(&mut self, revocation: Revocation) {
        self.and(Effect::Revoke(Box::new(revocation)));
    }
}

/// A revocation of everything that matches and was issued until now.
pub(crate) fn revocation(tenant: &Tenant, target: Target, now: Timestamp) -> Revocation {
    Revocation {
        tenant: tenant.name.clone(),
        target,
        // Strictly before: a token may have been issued in this very second.
        issued_before: now.as_second() + 1,
        revoked: now,
        until: remembered_until(now),
    }
}

/// Makes a thing.
pub(crate) async fn create<R: Resource>(
    app: &App,
    caller: &Caller,
    entity: &R::Entity,
) -> Result<(), Problem> {
    create_with::<R>(app, caller, entity, Effects::NONE).await
}

/// Makes a thing, and something else with it.
pub(crate) async fn create_with<R: Resource>(
    app: &App,
    caller: &Caller,
    entity: &R::Entity,
    more: Effects,
) -> Result<(), Problem> {
    within_rights::<R>(app, caller, entity).await?;
    R::prepare(app, caller, entity).await?;
    put(app, caller, entity, Expect::New, more.audit(created::<R>(caller, entity))).await
}

/// The event of a thing that is made.
pub(crate) fn created<R: Resource>(caller: &Caller, entity: &R::Entity) -> AuditEvent {
    let detail = json!({ "before": null, "after": R::view(entity) });
    event(caller, &format!("{}.created", R::NAME), subject::<R>(entity), detail)
}

/// Which change.
pub(crate) struct Change<'a, E> {
    /// Of which document
    pub key: &'a DocumentKey,
    /// At which version
    pub expected: &'a Precondition,
    /// For the audit log
    pub kind: &'a str,
    /// What follows from this change, beside what follows from what changed
    pub more: &'a (dyn Fn(&E, &mut Consequences) + Send + Sync),
}

/// Changes a thing; tells its new state and version.
pub(crate) async fn change<R: Resource>(
    app: &App,
    caller: &Caller,
    change: Change<'_, R::Entity>,
    rule: impl Fn(&R::Entity) -> Result<R::Entity, Problem> + Send + Sync,
) -> Result<Versioned<R::Entity>, Problem> {
    let Change { key, expected, kind, more: further } = change;
    let mut tries = 0;
    loop {
        let found = app.store.find::<R::Entity>(key).await?.ok_or_else(Problem::not_found)?;
        expected.check(found.version)?;
        let (before, after) = (&found.value, rule(&found.value)?);
        within_rights::<R>(app, caller, before).await?;
        within_rights::<R>(app, caller, &after).await?;
        R::prepare(app, caller, &after).await?;
        let mut then = R::consequences(app, caller, before, Some(&after)).await?;
        further(before, &mut then);
        let farewell = then.farewell(app, &caller.context).await?;
        let more = farewell.with(then.effects);
        let detail = json!({ "before": R::view(before), "after": R::view(&after) });
        let event = event(caller, kind, subject::<R>(&after), detail);
        let expect = Expect::Version(found.version);
        tries += 1;
        match put(app, caller, &after, expect, more.audit(event)).await {
            Err(stale) if is_stale(&stale) && *expected == Precondition::Any && tries < TRIES => {}
            Err(problem) => return Err(problem),
            Ok(()) => {
                farewell.send(app);
                return Ok(Versioned { version: found.version + 1, value: after });
            }
        }
    }
}

fn is_stale(problem: &Problem) -> bool {
    problem.status() == axum::http::StatusCode::PRECONDITION_FAILED
}

/// Checks and writes a document, with whatever goes with it.
async fn put<E: Entry>(
    app: &App,
    caller: &Caller,
    entity: &E,
    expect: Expect,
    more: Effects,
) -> Result<(), Problem> {
    let claims = entity.wants().into_iter().map(claim).collect();
    let (entity, now) = (entity.clone(), caller.context.now);
    operations::judge(&*app.store, claims, move |claimed| {
        let known = known(claimed, now)?;
        entity.check(&known).map_err(|flaws| Problem::flaws(&flaws))?;
        let mut effects = Effects::NONE.put(&entity, expect);
        effects.0.extend(more.0.iter().cloned());
        Ok(((), effects))
    })
    .await?;
    Ok(app.directory.catch_up(now).await?)
}

/// Whether a thing could be made as it is; writes nothing.
pub(crate) async fn check<E: Entry>(app: &App, caller: &Caller, entity: &E) -> Result<(), Problem> {
    let claims = entity.wants().into_iter().map(claim).collect();
    let (entity, now) = (entity.clone(), caller.context.now);
    let judged = operations::judge(&*app.store, claims, move |claimed| {
        let known = known(claimed, now)?;
        entity.check(&known).map_err(|flaws| Problem::flaws(&flaws))?;
        Ok(((), Effects::NONE))
    });
    Ok(judged.await?)
}

/// Deletes a thing, and what hangs on it.
pub(crate) async fn delete<R: Resource>(
    app: &App,
    caller: &Caller,
    key: &DocumentKey,
    expected: &Precondition,
) -> Result<(), Problem> {
    let mut tries = 0;
    loop {
        let found = app.store.find::<R::Entity>(key).await?.ok_or_else(Problem::not_found)?;
        expected.check(found.version)?;
        within_rights::<R>(app, caller, &found.value).await?;
        let mut then = R::consequences(app, caller, &found.value, None).await?;
        let farewell = then.farewell(app, &caller.context).await?;
        let more = farewell.with(then.effects);
        let hanging = R::hanging(app, &found.value).await?;
        let detail = json!({ "before": R::view(&found.value), "after": null });
        let event =
            event(caller, &format!("{}.deleted", R::NAME), subject::<R>(&found.value), detail);
        tries += 1;
        match take_away(app, caller, found, hanging, more.audit(event)).await {
            Err(stale) if is_stale(&stale) && *expected == Precondition::Any && tries < TRIES => {}
            Err(problem) => return Err(problem),
            Ok(()) => {
                farewell.send(app);
                return Ok(());
            }
        }
    }
}

async fn take_away<E: Entry>(
    app: &App,
    caller: &Caller,
    found: Versioned<E>,
    hanging: Hanging,
    more: Effects,
) -> Result<(), Problem> {
    let tenant = caller.context.tenant.tenant.name.clone();
    let mut claims = vec![Claim::Document(DocumentKey::id::<E>(&tenant, found.value.id()))];
    claims.extend(hanging.claims(&tenant));
    operations::judge(&*app.store, claims, move |claimed| {
        if claimed.stored(0).map(|stored| stored.version) != Some(found.version) {
            return Err(StoreError::Stale { kind: E::KIND });
        }
        let mut effects = hanging.effects(&tenant, claimed, 1)?;
        effects = effects.delete(&found.value);
        effects.0.extend(more.0.iter().cloned());
        Ok(((), effects))
    })
    .await?;
    Ok(app.directory.catch_up(caller.context.now).await?)
}

/// SEC-162: nobody writes what is more powerful than himself. A refusal is remembered.
pub(super) async fn within_rights<R: Resource>(
    app: &App,
    caller: &Caller,
    entity: &R::Entity,
) -> Result<(), Problem> {
    if R::is_built_in(entity) {
        caller.refused(app, &format!("{} is built in", subject::<R>(entity)));
        return Err(Problem::forbidden("this belongs to the server and cannot be changed"));
    }
    let power = R::power(app, entity).await?;
    caller.rights.cover(&power).map_err(|above| {
        caller.refused(app, &format!("{}: {above}", subject::<R>(entity)));
        above.into()
    })
}

pub(super) fn claim(want: Want) -> Claim {
    match want {
        Want::Document(key) => Claim::Document(key),
        Want::Children { tenant, kind, parent } => Claim::Children { tenant, kind, parent },
    }
}

/// Everything that was claimed, as a check knows it.
pub(crate) fn known(claimed: &Claimed, now: Timestamp) -> Result<Known, StoreError> {
    let mut known = Known::at(now);
    for found in claimed.iter() {
        match found {
            Found::Document(Some(stored)) => known.add(stored)?,
            Found::Children(stored) => stored.iter().try_for_each(|stored| known.add(stored))?,
            _ => {}
        }
    }
    Ok(known)
}

fn subject<R: Resource>(entity: &R::Entity) -> String {
    format!("{}/{}", R::NAME, entity.id())
}

/// An event of the management API.
pub(crate) fn event(caller: &Caller, kind: &str, subject: String, detail: Value) -> AuditEvent {
    let context = &caller.context;
    AuditEvent {
        id: new_id(context.now),
        tenant: context.tenant.tenant.name.clone(),
        at: context.now,
        kind: kind.to_owned(),
        outcome: AuditOutcome::Done,
        actor: caller.actor.clone(),
        subject: Some(subject),
        address: context.address.map(|address| address.to_string()),
        detail,
    }
}
