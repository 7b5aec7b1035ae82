//! Who may manage what: the closed list of permissions, and the proof that a caller holds one.
//!
//! A permission is a scope of the resource type `grantor`, granted by assignment. A handler of the
//! management API takes a [`Permit`], which only the extractor here can make: forgetting the check
//! does not compile, and the audit log always has an actor (SEC-161). [`Rights`] is the one place
//! that says what a caller may hand on: never more than he holds himself (SEC-162).

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use grantor_domain::audit::AuditOutcome;
use grantor_domain::client::TokenProfile;
use grantor_domain::issue::AccessToken;
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::scope::{ScopeToken, Scopes};

use crate::api::Problem;
use crate::app::App;
use crate::audit::{Actor, IssueEvent, Why};
use crate::directory::TenantView;
use crate::extract::{Here, Peer, authorization, bearer};
use crate::grants::Context;
use crate::tokens;

/// The resource type of the permissions.
pub const RESOURCE_TYPE: &str = "grantor";

/// What every permission begins with. Nobody but the server defines scopes that do.
const RESERVED: &str = "grantor.";

/// Something a caller of the management API may be allowed to do.
pub trait Permission: Send + Sync + 'static {
    /// The scope that allows it.
    const SCOPE: &'static str;
    /// Whether it exists in the default tenant only.
    const ACROSS_TENANTS: bool = false;
}

/// A permission as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The scope
    pub scope: &'static str,
    /// What it allows, for people
    pub summary: &'static str,
    /// Whether it exists in the default tenant only
    pub across_tenants: bool,
}

macro_rules! permissions {
    ($( $name:ident = $scope:literal, $summary:literal $(, $across:ident)?; )+) => {
        $(
            #[doc = concat!($summary, ".")]
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl Permission for $name {
                const SCOPE: &'static str = $scope;
                $( const ACROSS_TENANTS: bool = permissions!(@ $across); )?
            }
        )+

        /// Every permission.
        pub const ALL: &[Listed] = &[
            $( Listed {
                scope: $name::SCOPE,
                summary: $summary,
                across_tenants: $name::ACROSS_TENANTS,
            } ),+
        ];
    };
    (@ across_tenants) => { true };
}

permissions! {
    TenantRead = "grantor.tenant_read", "See tenants", across_tenants;
    TenantWrite = "grantor.tenant_write", "Create and change tenants", across_tenants;
    RealmRead = "grantor.realm_read", "See realms";
    RealmWrite = "grantor.realm_write", "Create, change and delete realms";
    UserRead = "grantor.user_read", "See users";
    UserWrite = "grantor.user_write", "Create, change and delete users, and set passwords";
    GroupRead = "grantor.group_read", "See groups and their members";
    GroupWrite = "grantor.group_write", "Create, change and delete groups";
    ApplicationRead = "grantor.application_read", "See applications";
    ApplicationWrite = "grantor.application_write", "Create, change and delete applications";
    ClientRead = "grantor.client_read", "See clients";
    ClientWrite = "grantor.client_write", "Create, change and delete clients and their secrets";
    ClientRegister = "grantor.client_register", "Register clients, as an initial access token (RFC 7591)";
    CatalogueRead = "grantor.catalogue_read", "See resource types and scopes";
    CatalogueWrite = "grantor.catalogue_write", "Create, change and delete resource types and scopes";
    AssignmentRead = "grantor.assignment_read", "See what is assigned to whom";
    AssignmentWrite = "grantor.assignment_write", "Assign scopes, and take them away";
    ConsentRead = "grantor.consent_read", "See what people consented to";
    ConsentWrite = "grantor.consent_write", "Withdraw consents of people";
    GrantRead = "grantor.grant_read", "See grants";
    GrantWrite = "grantor.grant_write", "End grants";
    RevocationRead = "grantor.revocation_read", "See revocations";
    RevocationWrite = "grantor.revocation_write", "Revoke tokens of others";
    TokenIntrospect = "grantor.token_introspect", "Introspect tokens with a token in the place of a secret";
    KeyRead = "grantor.key_read", "See signing keys";
    KeyWrite = "grantor.key_write", "Rotate and withdraw signing keys";
    AuditRead = "grantor.audit_read", "Read the audit log";
    DecisionRead = "grantor.decision_read", "Read why a token was issued or refused";
}

/// Whether a scope is, or may become, a permission.
pub fn is_permission(scope: &ScopeToken) -> bool {
    scope.as_str().starts_with(RESERVED)
}

/// What a caller may do, and so at most hand on.
#[derive(Clone, Debug)]
pub struct Rights(Scopes);

/// Somebody tried to hand on, or to take over, what he does not hold himself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs {0}, which the caller does not hold")]
pub struct AboveRights(ScopeToken);

impl Rights {
    /// Of a program that runs on the host of the server: whoever can start it holds the database.
    pub fn of_the_host() -> Self {
        let all = ALL.iter().map(|listed| ScopeToken::parse(listed.scope));
        Self(all.collect::<Result<_, _>>().expect("permissions are scopes"))
    }

    /// Every permission among `scopes` must be held (SEC-162). Other scopes are not a matter of
    /// rights: to assign them is what a permission is for.
    pub fn cover<'a>(
        &self,
        scopes: impl IntoIterator<Item = &'a ScopeToken>,
    ) -> Result<(), AboveRights> {
        let mut above =
            scopes.into_iter().filter(|s| is_permission(s) && !self.0.contains(s.as_str()));
        above.next().map_or(Ok(()), |scope| Err(AboveRights(scope.clone())))
    }

    /// Whether a permission is held.
    pub fn has(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }
}

/// Whoever calls, known by a live access token of this tenant.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit log
    pub actor: String,
    /// The token it came with
    pub token: Arc<AccessToken>,
    /// What it may do
    pub rights: Rights,
    /// Where, when, from where
    pub context: Context,
}

impl Caller {
    /// Reads the token of a request. RFC 6750 §2.1, §3.1; SEC-188.
    pub fn of(app: &App, parts: &Parts) -> Result<Self, Problem> {
        let here = parts.extensions.get::<Here>().expect("tenancy comes before every handler");
        let peer = parts.extensions.get::<Peer>().cloned().unwrap_or_default();
        let header = authorization(&parts.headers).map_err(|_| Problem::two_credentials())?;
        let text = header.and_then(bearer).ok_or_else(Problem::unauthorized)?;
        Self::with_token(app, here.clone(), peer, text)
    }

    /// Whoever presents this token.
    pub fn with_token(app: &App, here: Here, peer: Peer, text: &str) -> Result<Self, Problem> {
        let context = Context::new(app, here.0, peer, app.clock.now());
        let live = tokens::presented(&context, text).map_err(|reason| {
            tracing::debug!(%reason, "management call refused");
            Problem::invalid_token()
        })?;
        if !is_for_us(&context.tenant, &live.token) {
            return Err(Problem::invalid_token());
        }
        Ok(Self {
            actor: actor(&live.token),
            rights: Rights(live.token.scopes.clone()),
            token: live.token,
            context,
        })
    }

    /// A client that looks after its own registration: it holds no permission, so it can hand on
    /// none.
    pub fn itself(context: Context, actor: String) -> Self {
        let token = AccessToken {
            profile: TokenProfile::Rfc9068,
            sub: actor.clone(),
            username: None,
            realm: None,
            client: None,
            scopes: Scopes::EMPTY,
            audiences: Vec::new(),
            iat: 0,
            exp: 0,
            jti: None,
            gid: None,
            sid: None,
            cnf: None,
        };
        Self { actor, token: Arc::new(token), rights: Rights(Scopes::EMPTY), context }
    }

    /// Writes down, with the issue events, that something was refused: bounded, so that nobody
    /// fills the log by asking.
    pub fn refused(&self, app: &App, reason: &str) {
        app.audit.push(IssueEvent {
            id: app.new_id(self.context.now),
            tenant: self.context.tenant.tenant.name.clone(),
            at: self.context.now,
            kind: "permission.refused",
            outcome: AuditOutcome::Refused,
            actor: Actor::Named(self.actor.clone()),
            address: self.context.address,
            why: Why::Reason(reason.to_owned()),
        });
    }
}

/// RFC 9068 §4: the audience is this server. A STUPS token names none and is for every API of its
/// issuer.
fn is_for_us(tenant: &TenantView, token: &AccessToken) -> bool {
    let audience = tenant.resource_types.get(RESOURCE_TYPE).and_then(|t| t.audience.as_ref());
    let named = |name: &String| token.audiences.contains(name);
    token.profile == TokenProfile::Stups
        || named(&tenant.tenant.issuer)
        || audience.is_some_and(named)
}

fn actor(token: &AccessToken) -> String {
    match (&token.realm, token.sub.parse::<UserId>()) {
        (_, Ok(id)) => format!("user:{id}"),
        (Some(realm), _) => format!("user:{realm}/{}", token.sub),
        (None, _) => format!("client:{}", token.sub),
    }
}

/// Evidence that this request may do `P`.
#[derive(Debug)]
pub struct Permit<P: Permission> {
    /// Who
    pub caller: Caller,
    permission: PhantomData<fn() -> P>,
}

impl<P: Permission> FromRequestParts<App> for Permit<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Caller::of(app, parts)?;
        let home = caller.context.tenant.tenant.name == app.settings.default_tenant;
        if !caller.rights.has(P::SCOPE) || (P::ACROSS_TENANTS && !home) {
            caller.refused(
                app,
                &format!("{} {}: needs {}", parts.method, parts.uri.path(), P::SCOPE),
            );
            return Err(Problem::insufficient_scope(P::SCOPE));
        }
        Ok(Self { caller, permission: PhantomData })
    }
}

/// A caller with any permission at all, or none: the answer is about the caller itself.
impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Self::of(app, parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_reserved_scopes_and_differ() {
        let mut seen = std::collections::HashSet::new();
        for listed in ALL {
            let scope = ScopeToken::parse(listed.scope).unwrap();
            assert!(is_permission(&scope), "{scope}");
            assert!(seen.insert(listed.scope), "{scope} twice");
        }
    }

    #[test]
    fn sec_162_rights_cover_what_is_held_and_what_is_no_permission() {
        let scopes = |text: &str| Scopes::parse(text).unwrap();
        let rights = Rights(scopes("grantor.client_write uid"));
        assert!(rights.cover(scopes("grantor.client_write sales_order.read_all").iter()).is_ok());
        for above in ["grantor.user_write", "grantor.not_yet_thought_of"] {
            let asked = scopes(above);
            let expected = ScopeToken::parse(above).unwrap();
            assert_eq!(rights.cover(asked.iter()), Err(AboveRights(expected)));
        }
    }
}
