//! Clients.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{Method, Response, StatusCode};
use grantor_crypto::alg::Algorithm;
use grantor_domain::client::{
    AuthorizationSettings, Client, Compat, LogoutSettings, MutualTls, OpenIdSettings, Presentation,
    StoredSecret, TokenFormat, TokenProfile,
};
use grantor_domain::consent::Consent;
use grantor_domain::document::{Document as _, DocumentKey, Kind};
use grantor_domain::params::Params;
use grantor_domain::revocation::Target;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{ApplicationId, ClientId, RealmName, TenantName};
use grantor_oauth_types::response_type::ResponseType;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use grantor_store::GrantQuery;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::JsonBody;
use super::description::{Api, Operation};
use super::hanging::{self, Hanging};
use super::resource::{Filter, Resource, at_location, by_id, read_new, with_etag};
use super::schemas::{
    AuthorizationShape, CompatShape, LogoutShape, MutualTlsShape, OpenIdShape, PresentationShape,
};
use super::write::{self, Consequences, revocation};
use super::{Problem, client_secrets};
use crate::access::{Caller, ClientRead, ClientWrite, Permission as _, Permit, is_permission};
use crate::app::App;
use crate::jobs;
use crate::reply::json;
use crate::routes::Guard;

/// How many grants are looked through at once.
const GRANTS_AT_ONCE: usize = 1_000;

/// What may be written of a client.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientBody)]
pub(crate) struct Body {
    /// For people: consent pages, lists
    #[serde(default)]
    name: String,
    /// The application it belongs to
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    application: Option<ApplicationId>,
    /// A disabled client gets nothing
    #[serde(default = "yes")]
    enabled: bool,
    /// Its one way to authenticate: `client_secret_basic`, `client_secret_post`,
    /// `private_key_jwt`, `tls_client_auth`, `self_signed_tls_client_auth` or `none`
    #[schema(value_type = String)]
    auth_method: ClientAuthMethod,
    /// The one algorithm its assertions may be signed with; any that fits one of its keys otherwise
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    token_endpoint_auth_signing_alg: Option<Algorithm>,
    /// Public keys for `private_key_jwt`, certificates (`x5c`) for `self_signed_tls_client_auth`: a
    /// JWK set
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    jwks: Option<serde_json::Value>,
    /// Only these work: `authorization_code`, `client_credentials`, `refresh_token`, `password`,
    /// `implicit`
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    grant_types: BTreeSet<GrantType>,
    /// Which realms' users it may act for; empty is every realm
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    realms: Vec<RealmName>,
    /// What it may ask for
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    scopes: Scopes,
    /// What it gets when it asks for nothing; empty is the realm's default
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    default_scopes: Scopes,
    /// The identifiers of the resource server this client is: it may introspect their tokens
    #[serde(default)]
    audiences: Vec<String>,
    /// How its tokens read: `rfc9068` or `stups`
    #[serde(default)]
    #[schema(value_type = String)]
    token_profile: TokenProfile,
    /// What its tokens are made of: `jwt` or `reference`
    #[serde(default)]
    #[schema(value_type = String)]
    token_format: TokenFormat,
    /// Which algorithm signs its tokens; the tenant's otherwise
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    signing_alg: Option<Algorithm>,
    /// How long its access tokens live, in seconds; realm or tenant decide otherwise
    #[serde(default)]
    access_token_seconds: Option<u32>,
    /// Whether its users are not asked for consent, because the company answers for it
    #[serde(default)]
    consent_bypass: bool,
    /// Where authorization responses may go
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// What it may ask for at the authorization endpoint; empty is `code`
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    response_types: BTreeSet<ResponseType>,
    /// Where its public keys are, if it does not register them
    #[serde(default)]
    jwks_uri: Option<String>,
    /// How it may use the authorization endpoint
    #[serde(default)]
    #[schema(value_type = AuthorizationShape, required = false)]
    authorization: AuthorizationSettings,
    /// What it is told of people, and in which form
    #[serde(default)]
    #[schema(value_type = OpenIdShape, required = false)]
    openid: OpenIdSettings,
    /// How it hears of the end of a session
    #[serde(default)]
    #[schema(value_type = LogoutShape, required = false)]
    logout: LogoutSettings,
    /// What people are shown of it
    #[serde(default)]
    #[schema(value_type = PresentationShape, required = false)]
    presentation: Presentation,
    /// Whose certificate it comes with, and whether its tokens are bound to that (RFC 8705)
    #[serde(default)]
    #[schema(value_type = MutualTlsShape, required = false)]
    mutual_tls: MutualTls,
    /// Weaker behaviour that old peers need; all off
    #[serde(default)]
    #[schema(value_type = CompatShape, required = false)]
    compat: Compat,
}

fn yes() -> bool {
    true
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct View {
    /// Its identifier
    id: String,
    #[serde(flatten)]
    body: Body,
    /// The secrets that it has, without themselves
    secrets: Vec<SecretView>,
}

/// A secret, without itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
struct SecretView {
    /// When it was made
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// When it stops to work
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
}

/// `/api/v1/clients`
#[derive(Debug)]
pub(crate) enum Clients {}

impl Resource for Clients {
    type Entity = Client;
    type Body = Body;
    type View = View;
    type Read = ClientRead;
    type Write = ClientWrite;

    const NAME: &'static str = "client";
    const PATH: &'static str = "clients";
    const KEY: Option<&'static str> = Some("id");
    const FILTERS: &'static [&'static str] = &["application"];
    const CREATES: bool = false;

    fn filter(_: &TenantName, params: &mut Params) -> Result<Filter, Problem> {
        let read = |text: &str| ApplicationId::parse(text).ok();
        let filter = Filter::under(params, "application", read, |id| id.to_string())?;
        Ok(filter.unwrap_or(Filter::All))
    }

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<Client, ClientId>(tenant, id)
    }

    fn view(client: &Client) -> View {
        let client = client.clone();
        let shown =
            |secret: &StoredSecret| SecretView { created: secret.created, expires: secret.expires };
        View {
            id: client.id.to_string(),
            secrets: client.secrets.iter().map(shown).collect(),
            body: Body {
                name: client.name,
                application: client.application,
                enabled: client.enabled,
                auth_method: client.auth_method,
                token_endpoint_auth_signing_alg: client.token_endpoint_auth_signing_alg,
                jwks: client.jwks,
                grant_types: client.grant_types,
                realms: client.realms,
                scopes: client.scopes,
                default_scopes: client.default_scopes,
                audiences: client.audiences,
                token_profile: client.token_profile,
                token_format: client.token_format,
                signing_alg: client.signing_alg,
                access_token_seconds: client.access_token_seconds,
                consent_bypass: client.consent_bypass,
                redirect_uris: client.redirect_uris,
                response_types: client.response_types,
                jwks_uri: client.jwks_uri,
                authorization: client.authorization,
                openid: client.openid,
                logout: client.logout,
                presentation: client.presentation,
                mutual_tls: client.mutual_tls,
                compat: client.compat,
            },
        }
    }

    fn create(key: &str, body: Body, caller: &Caller) -> Result<Client, Problem> {
        let id = ClientId::parse(key).map_err(|e| Problem::field("/id", e.to_string()))?;
        let tenant = caller.context.tenant.tenant.name.clone();
        Ok(written(Client::new(tenant, id, body.auth_method), body))
    }

    fn replace(before: &Client, body: Body, _: &Caller) -> Result<Client, Problem> {
        // A secret does not outlive the method that used it.
        let kept = takes_secret(body.auth_method);
        let secrets = if kept { before.secrets.clone() } else { Vec::new() };
        let kept = Client::new(before.tenant.clone(), before.id.clone(), body.auth_method);
        let registration = before.registration.clone();
        Ok(written(Client { secrets, registration, ..kept }, body))
    }

    /// A client gets what it is registered for, at most: whoever holds its credentials does.
    async fn power(_: &App, client: &Client) -> Result<Vec<ScopeToken>, Problem> {
        let scopes = client.scopes.iter().chain(client.default_scopes.iter());
        Ok(scopes.filter(|scope| is_permission(scope)).cloned().collect())
    }

    /// A key of each algorithm that something for the client is signed with.
    async fn prepare(app: &App, caller: &Caller, client: &Client) -> Result<(), Problem> {
        let (view, now) = (&caller.context.tenant, caller.context.now);
        let there = view.keys.algorithms(now);
        for alg in client.signing_algs().into_iter().filter(|alg| !there.contains(alg)) {
            jobs::rotate(app, &view.tenant.name, alg, 0, None, &caller.actor).await?;
        }
        Ok(())
    }

    async fn consequences(
        app: &App,
        caller: &Caller,
        before: &Client,
        after: Option<&Client>,
    ) -> Result<Consequences, Problem> {
        let mut then = Consequences::default();
        if after.is_none_or(|after| before.enabled && !after.enabled) {
            then.end_client(&caller.context, &before.id);
            end_nameless(app, caller, before, &mut then).await?;
        }
        Ok(then)
    }

    /// Consents to it too: another client of this name must not inherit them.
    async fn hanging(app: &App, client: &Client) -> Result<Hanging, Problem> {
        let to_this = |consent: &Consent| consent.client == client.id;
        let consents = hanging::all::<Consent>(app, &client.tenant, to_this).await?;
        Ok(Hanging {
            children: vec![(Kind::Assignment, format!("client/{}", client.id))],
            others: consents.iter().map(|consent| (Kind::Consent, consent.id())).collect(),
            ..Hanging::default()
        })
    }
}

/// A STUPS token need not say whose it is (`stups.md` 2.9). Those of a grant are ended by that, and
/// those of the application's service user, which such a client gets for itself, by their subject.
pub(super) async fn end_nameless(
    app: &App,
    caller: &Caller,
    client: &Client,
    then: &mut Consequences,
) -> Result<(), Problem> {
    if client.token_profile != TokenProfile::Stups {
        return Ok(());
    }
    let (tenant, now) = (&caller.context.tenant.tenant, caller.context.now);
    let mut query = GrantQuery {
        tenant: tenant.name.clone(),
        user: None,
        client: Some(client.id.clone()),
        before: None,
        limit: GRANTS_AT_ONCE,
    };
    loop {
        let found = app.store.grants(&query).await?;
        for grant in found.iter().filter(|g| g.ended.is_none() && now < g.expires) {
            let target = Target::grant(&tenant.settings.revocation_salt, grant.id);
            then.revoke(revocation(tenant, target, now));
        }
        query.before = found.last().map(|grant| grant.id);
        if found.len() < GRANTS_AT_ONCE {
            break;
        }
    }
    if let Some(entry) = app.directory.client(&client.tenant, &client.id).await?
        && let Some(service) = &entry.service_user
    {
        then.end_user(&caller.context, &service.user);
    }
    Ok(())
}

pub(crate) const fn takes_secret(method: ClientAuthMethod) -> bool {
    matches!(method, ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost)
}

/// What the server keeps of a client, with what was written of it.
fn written(kept: Client, body: Body) -> Client {
    Client {
        name: body.name,
        application: body.application,
        enabled: body.enabled,
        auth_method: body.auth_method,
        token_endpoint_auth_signing_alg: body.token_endpoint_auth_signing_alg,
        jwks: body.jwks,
        grant_types: body.grant_types,
        realms: body.realms,
        scopes: body.scopes,
        default_scopes: body.default_scopes,
        audiences: body.audiences,
        token_profile: body.token_profile,
        token_format: body.token_format,
        signing_alg: body.signing_alg,
        access_token_seconds: body.access_token_seconds,
        consent_bypass: body.consent_bypass,
        redirect_uris: body.redirect_uris,
        response_types: body.response_types,
        jwks_uri: body.jwks_uri,
        authorization: body.authorization,
        openid: body.openid,
        logout: body.logout,
        presentation: body.presentation,
        mutual_tls: body.mutual_tls,
        compat: body.compat,
        ..kept
    }
}

/// Adds the routes that only clients have.
pub(super) fn more(mut api: Api) -> Api {
    let write = Guard::Permit(ClientWrite::SCOPE);
    let body = api.schema::<Body>();
    let body = api.with_key(Clients::KEY, &body);
    let made = api.schema::<NewClient>();
    let create =
        Operation::new("clients", "create_client", "Create a client; shows its secret once");
    api.add(write, &Method::POST, "/clients", post, create.takes(body).answers(201, made))
}

/// A client that was made, and its secret: shown this once.
#[derive(Serialize, ToSchema)]
struct NewClient {
    #[serde(flatten)]
    client: View,
    /// For clients that authenticate with one
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

async fn post(
    State(app): State<App>,
    permit: Permit<ClientWrite>,
    body: JsonBody,
) -> Result<Response<axum::body::Body>, Problem> {
    let mut client = read_new::<Clients>(&permit.caller, body)?;
    let client_secret = give_secret(&app, &mut client, permit.caller.context.now);
    write::create::<Clients>(&app, &permit.caller, &client).await?;
    let made = NewClient { client: Clients::view(&client), client_secret };
    let response = with_etag(json::private(StatusCode::CREATED, &made), 1);
    Ok(at_location::<Clients>(response, &permit.caller, &client))
}

/// Its first secret, for a client that authenticates with one.
pub(crate) fn give_secret(app: &App, client: &mut Client, now: Timestamp) -> Option<String> {
    takes_secret(client.auth_method).then(|| {
        let (text, stored) = client_secrets::mint(app, now);
        client.secrets.push(stored);
        text
    })
}
