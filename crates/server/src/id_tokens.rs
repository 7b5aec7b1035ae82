//! Making `id_token`s, and whatever else is signed and encrypted for one client.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jwe::{EncryptionKey, encrypt};
use grantor_crypto::jws::parse_compact;
use grantor_domain::claims::{ClaimsRequest, Wanted, group_claims, release};
use grantor_domain::client::{Client, Encryption};
use grantor_domain::issue::id_token::{Beside, IdToken};
use grantor_domain::session::SignIn;
use grantor_domain::user::User;
use grantor_oauth_types::id::{SessionId, UserId};
use grantor_oauth_types::name::ClientId;
use grantor_oauth_types::scope::Scopes;
use grantor_store::StoreError;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::app::App;
use crate::client_keys::NoClientKey;
use crate::directory::{GroupNames, TenantView, UserEntry};
use crate::tokens::NoSigner;

/// What an `id_token` is made of.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// To whom
    pub client: &'a Client,
    /// About whom
    pub user: &'a User,
    /// How she signed in
    pub sign_in: &'a SignIn,
    /// Whether `auth_time` was asked for, by `max_age` or registration
    pub wants_auth_time: bool,
    /// The `claims` parameter
    pub claims: &'a ClaimsRequest,
    /// Whether no access token goes out: then the claims of scopes are in here (OIDC Core §5.4)
    pub alone: bool,
    /// What was granted
    pub granted: &'a Scopes,
    /// As it was sent
    pub nonce: Option<&'a str>,
    /// What goes out beside it
    pub beside: Beside<'a>,
}

/// What has to be looked up for an `id_token`. It is before a code is spent, a refresh token rotated
/// or an answer written down, so that who cannot have one has lost nothing.
#[derive(Debug, Default)]
pub struct LookedUp {
    group_names: GroupNames,
    encryption_key: Option<EncryptionKey>,
}

/// Something that an `id_token` needs cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    /// Our doing
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client's
    #[error(transparent)]
    ClientKey(#[from] NoClientKey),
}

/// Looks up what an `id_token` for these scopes, or for some of them, is made of.
pub async fn look_up(
    app: &App,
    view: &TenantView,
    client: &Client,
    person: &UserEntry,
    scopes: &Scopes,
) -> Result<LookedUp, Unprepared> {
    let group_names = group_names(app, view, person, scopes).await?;
    let encryption_key = match client.openid.id_token_encryption {
        Some(Encryption { alg, .. }) => {
            Some(app.client_keys.encryption_key(app, client, alg).await?)
        }
        None => None,
    };
    Ok(LookedUp { group_names, encryption_key })
}

/// Makes an `id_token`: signed, and encrypted if the client is registered so.
pub fn make(
    app: &App,
    view: &TenantView,
    about: About<'_>,
    found: &LookedUp,
    now: Timestamp,
) -> Result<String, NoSigner> {
    let client = about.client;
    let asked = &about.claims.id_token;
    let none = Scopes::EMPTY;
    let scopes = if about.alone { about.granted } else { &none };
    let wanted = Wanted { scopes, claims: asked, registered: &client.scopes };
    let mut claims = release(about.user, wanted);
    claims.extend(of_groups(view, about.granted, &found.group_names));
    let sub = subject(app, client, about.user);
    let alg = client.id_token_alg();
    let token = IdToken {
        issuer: &view.tenant.issuer,
        sub: &sub,
        client: &client.id,
        iat: now.as_second(),
        seconds: view.tenant.settings.id_token_seconds,
        sign_in: about.sign_in,
        wants_auth_time: about.wants_auth_time
            || client.authorization.require_auth_time
            || asked.contains_key("auth_time"),
        nonce: about.nonce,
        alg,
        beside: about.beside,
        claims,
    };
    if client.compat.unsigned_id_token {
        // No algorithm, so no hash of it (OIDC Core §3.1.3.6: optional from the token endpoint).
        return Ok(unsigned(&IdToken { beside: Beside::default(), ..token }.to_jwt_payload()));
    }
    let signed = sign(view, alg, &token.to_jwt_payload(), now)?;
    match (client.openid.id_token_encryption, &found.encryption_key) {
        (None, _) => Ok(signed),
        (Some(Encryption { enc, .. }), Some(key)) => {
            encrypt(key, enc, Some("JWT"), signed.as_bytes()).map_err(|_| NoSigner)
        }
        (Some(_), None) => Err(NoSigner),
    }
}

/// The claims that name a person's groups, as the scopes that were granted have them: in every
/// `id_token` and at UserInfo (`campus.md` 5).
pub async fn groups(
    app: &App,
    view: &TenantView,
    person: &UserEntry,
    granted: &Scopes,
) -> Result<Map<String, Value>, StoreError> {
    let names = group_names(app, view, person, granted).await?;
    Ok(of_groups(view, granted, &names))
}

/// What a person's groups are called, if a scope has a claim that says so.
async fn group_names(
    app: &App,
    view: &TenantView,
    person: &UserEntry,
    scopes: &Scopes,
) -> Result<GroupNames, StoreError> {
    if group_claims(scopes, &view.scopes).next().is_none() {
        return Ok(GroupNames::new());
    }
    app.directory.group_names(&view.tenant.name, &person.groups).await
}

fn of_groups(view: &TenantView, granted: &Scopes, names: &GroupNames) -> Map<String, Value> {
    let mut said = Map::new();
    for claim in group_claims(granted, &view.scopes) {
        if let Some(value) = claim.value(names.iter().map(|name| &**name)) {
            // Of two scopes with one claim the first counts.
            said.entry(claim.name.clone()).or_insert(value);
        }
    }
    said
}

/// What counts of an `id_token` that somebody shows us again.
#[derive(Debug)]
pub struct Hint {
    /// To whom it was given
    pub client: ClientId,
    /// As whom that client knows the person
    pub sub: String,
    /// The session that it came from
    pub sid: Option<SessionId>,
}

/// An `id_token` of ours, expired or not (OIDC Core §3.1.2.1, RP-Initiated Logout §2); no other sort of
/// JWT (SEC-082).
pub fn hint(view: &TenantView, text: &str) -> Option<Hint> {
    let jwt = parse_compact(text).ok()?;
    let key = view.keys.verifying(jwt.header.kid.as_deref()?)?;
    if key.alg() != jwt.header.alg || jwt.header.typ.as_deref() != Some("JWT") {
        return None;
    }
    let payload = jwt.verify(key).ok()?;
    let claims = grantor_crypto::json::parse_strict_object(&payload).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // Signed answers of UserInfo have no end.
    claims.get("exp").filter(|_| text("iss") == Some(view.tenant.issuer.as_str()))?;
    Some(Hint {
        client: ClientId::parse(text("aud")?).ok()?,
        sub: text("sub")?.to_owned(),
        sid: text("sid").and_then(|sid| sid.parse().ok()),
    })
}

/// A JWT that nobody signed, for whoever registered `none` (OIDC Core §2, RFC 7519 §6); nothing of
/// ours reads it back.
fn unsigned(payload: &[u8]) -> String {
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.", part(br#"{"alg":"none","typ":"JWT"}"#), part(payload))
}

/// Who a person is to a client: the same everywhere, or each sector another name that only we can
/// tell back (OIDC Core §8.1).
pub fn subject(app: &App, client: &Client, user: &User) -> String {
    subject_of(app, client, user.id)
}

/// The same, by the id of a person of the client's tenant.
pub fn subject_of(app: &App, client: &Client, user: UserId) -> String {
    match client.pairwise_sector() {
        Some(sector) => app.secrets.pairwise_subject(&client.tenant, &sector, user),
        None => user.to_string(),
    }
}

/// Signs what a client reads, with the algorithm that it is registered for and no other (trap 67).
pub fn sign(
    view: &TenantView,
    alg: Algorithm,
    payload: &[u8],
    now: Timestamp,
) -> Result<String, NoSigner> {
    let signer = view.keys.jwt_signer(alg, now).ok_or(NoSigner)?;
    signer.sign(payload).map_err(|_| NoSigner)
}

/// Encrypts a signed JWT for the client, if it is registered so (trap 68).
pub async fn seal(
    app: &App,
    client: &Client,
    encryption: Option<Encryption>,
    signed: String,
) -> Result<String, NoClientKey> {
    seal_content(app, client, encryption, signed, Some("JWT")).await
}

/// Encrypts claims that are not signed.
pub async fn seal_claims(
    app: &App,
    client: &Client,
    encryption: Encryption,
    claims: &Map<String, Value>,
) -> Result<String, NoClientKey> {
    let content = serde_json::to_string(claims).expect("claims have string keys only");
    seal_content(app, client, Some(encryption), content, None).await
}

async fn seal_content(
    app: &App,
    client: &Client,
    encryption: Option<Encryption>,
    content: String,
    cty: Option<&str>,
) -> Result<String, NoClientKey> {
    let Some(encryption) = encryption else { return Ok(content) };
    let key = app.client_keys.encryption_key(app, client, encryption.alg).await?;
    encrypt(&key, encryption.enc, cty, content.as_bytes()).map_err(|_| NoClientKey::Unfit)
}
