//! Revocations: a token, or everything of a grant, a user, a client or the tenant.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Method, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_domain::client::Client;
use grantor_domain::document::DocumentKey;
use grantor_domain::revocation::{Revocation, Target, hash};
use grantor_domain::user::User;
use grantor_oauth_types::id::{GrantId, UserId};
use grantor_oauth_types::name::ClientId;
use grantor_store::{Documents as _, operations};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::{JsonBody, only, query};
use super::description::{Api, Operation, list_of};
use super::page::Page;
use super::resource::no_content;
use super::write::{Consequences, event, revocation};
use super::{Problem, clients, grants};
use crate::access::{Caller, Permission as _, Permit, RevocationRead, RevocationWrite};
use crate::app::App;
use crate::routes::Guard;

/// What is to be revoked: exactly one of these. Whatever matches and was issued until now is dead.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevocationBody)]
struct Wanted {
    /// One access token, in its compact form
    #[serde(default)]
    token: Option<String>,
    /// Every token of a grant, and the grant
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    grant: Option<GrantId>,
    /// Every grant and token of a user
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    user: Option<UserId>,
    /// Every grant and token of a client
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client: Option<ClientId>,
    /// Every grant and token there is
    #[serde(default)]
    tenant: Option<bool>,
}

/// A revocation. What it matches is known by hashes alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revocation)]
struct View {
    /// Its place in the sequence
    sequence: i64,
    /// `token`, `claims` or `tenant`
    kind: &'static str,
    /// The claims whose values are matched
    names: Vec<String>,
    /// Salted SHA-256 of the token or of the values, base64url
    hash: Option<String>,
    /// Tokens issued before this second are dead (since 1970)
    issued_before: i64,
    /// When it was made
    #[schema(value_type = String, format = DateTime)]
    revoked: Timestamp,
    /// When no matching token can be alive any more
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// Adds the routes.
pub(super) fn more(mut api: Api) -> Api {
    let (view, body) = (api.schema::<View>(), api.schema::<Wanted>());
    api.add(
        Guard::Permit(RevocationRead::SCOPE),
        &Method::GET,
        "/revocations",
        list,
        Operation::new("revocations", "list_revocation", "List revocations, oldest first")
            .paged(&[])
            .answers(200, list_of(&view)),
    )
    .add(
        Guard::Permit(RevocationWrite::SCOPE),
        &Method::POST,
        "/revocations",
        post,
        Operation::new("revocations", "revoke", "Revoke tokens and grants").takes(body),
    )
}

async fn list(
    State(app): State<App>,
    permit: Permit<RevocationRead>,
    RawQuery(text): RawQuery,
) -> Result<Response<Body>, Problem> {
    let mut params = query(text.as_deref())?;
    let page = Page::read(&app, &permit.caller, "revocations", &[], &mut params)?;
    only(&params, &[])?;
    let after = page.after.as_deref().and_then(|seq| seq.parse().ok()).unwrap_or(0);
    let tenant = &permit.caller.context.tenant.tenant.name;
    let found = app.store.revocations(tenant, after, page.fetch()).await?;
    let shown = found.iter().map(|(seq, found)| (seq.to_string(), view(*seq, found)));
    Ok(page.answer(&app, shown.collect()))
}

fn view(sequence: i64, found: &Revocation) -> View {
    let encode = |hash: &[u8; 32]| Some(BASE64_URL_SAFE_NO_PAD.encode(hash));
    let (kind, names, hash) = match &found.target {
        Target::Token(hash) => ("token", Vec::new(), encode(hash)),
        Target::Claims { names, hash } => ("claims", names.clone(), encode(hash)),
        Target::Global => ("tenant", Vec::new(), None),
    };
    let Revocation { issued_before, revoked, until, .. } = *found;
    View { sequence, kind, names, hash, issued_before, revoked, until }
}

async fn post(
    State(app): State<App>,
    permit: Permit<RevocationWrite>,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let caller = &permit.caller;
    match body.read()? {
        Wanted { token: Some(token), grant: None, user: None, client: None, tenant: None } => {
            revoke_token(&app, caller, &token).await?;
        }
        Wanted { token: None, grant: Some(id), user: None, client: None, tenant: None } => {
            grants::end(&app, caller, id).await?;
        }
        Wanted { token: None, grant: None, user: Some(id), client: None, tenant: None } => {
            revoke_user(&app, caller, id).await?;
        }
        Wanted { token: None, grant: None, user: None, client: Some(id), tenant: None } => {
            revoke_client(&app, caller, &id).await?;
        }
        Wanted { token: None, grant: None, user: None, client: None, tenant: Some(true) } => {
            let mut then = Consequences::default();
            then.end_tenant(&caller.context.tenant.tenant, caller.context.now);
            write(&app, caller, then, json!("tenant")).await?;
        }
        _ => return Err(Problem::bad("name one of token, grant, user, client and tenant (true)")),
    }
    Ok(no_content())
}

async fn revoke_token(app: &App, caller: &Caller, token: &str) -> Result<(), Problem> {
    let tenant = &caller.context.tenant.tenant;
    if token.is_empty() || token.len() > grantor_crypto::jws::MAX_TOKEN {
        return Err(Problem::field("/token", "expected an access token"));
    }
    let target = Target::Token(hash(&tenant.settings.revocation_salt, token));
    let mut then = Consequences::default();
    then.revoke(revocation(tenant, target.clone(), caller.context.now));
    write(app, caller, then, json!(target)).await
}

async fn revoke_user(app: &App, caller: &Caller, id: UserId) -> Result<(), Problem> {
    let key = DocumentKey::id::<User>(&caller.context.tenant.tenant.name, id.to_string());
    let found = app.store.find::<User>(&key).await?;
    let found = found.ok_or_else(|| Problem::field("/user", "there is no such user"))?;
    let mut then = Consequences::default();
    then.end_user(&caller.context, &found.value);
    write(app, caller, then, json!({ "user": id })).await
}

async fn revoke_client(app: &App, caller: &Caller, id: &ClientId) -> Result<(), Problem> {
    let key = DocumentKey::id::<Client>(&caller.context.tenant.tenant.name, id.as_str());
    let found = app.store.find::<Client>(&key).await?;
    let found = found.ok_or_else(|| Problem::field("/client", "there is no such client"))?;
    let mut then = Consequences::default();
    then.end_client(&caller.context, id);
    clients::end_nameless(app, caller, &found.value, &mut then).await?;
    write(app, caller, then, json!({ "client": id })).await
}

async fn write(
    app: &App,
    caller: &Caller,
    mut then: Consequences,
    target: Value,
) -> Result<(), Problem> {
    let detail = json!({ "target": target });
    let event = event(caller, "revocation.added", "revocation".to_owned(), detail);
    let farewell = then.farewell(app, &caller.context).await?;
    let effects = farewell.with(then.into_effects()).audit(event);
    operations::write(&*app.store, effects).await?;
    farewell.send(app);
    app.directory.catch_up(caller.context.now).await?;
    Ok(())
}
