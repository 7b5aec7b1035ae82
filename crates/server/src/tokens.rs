//! Making access tokens, and finding out what one is worth. Neither touches the database.

use std::sync::Arc;

use grantor_crypto::jws::parse_compact;
use grantor_domain::binding::is_holder;
use grantor_domain::client::{Client, TokenFormat, TokenProfile};
use grantor_domain::decision::Entitlement;
use grantor_domain::issue::AccessToken;
use grantor_domain::revocation::{self, Hash};
use grantor_oauth_types::confirmation::Confirmation;
use grantor_oauth_types::id::{GrantId, SessionId};
use grantor_oauth_types::name::RealmName;
use jiff::Timestamp;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::token::ACCESS_TOKEN_PREFIX;

use crate::directory::TenantView;
use crate::grants::Context;

/// Leeway for `iat`, in seconds (SEC-087). The end of a token has none at its own issuer.
const LEEWAY: i64 = 30;

/// In whose name a token speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The `sub`
    pub sub: String,
    /// What the user signs in with, where there is one. Only sealed tokens carry it: it is for
    /// introspection (RFC 7662 §2.2), and whoever reads a JWT need not learn it
    pub username: Option<String>,
    /// The realm, where there is one
    pub realm: Option<RealmName>,
    /// The grant, where there is one
    pub grant: Option<GrantId>,
    /// The session that the token ends with, where it does
    pub session: Option<SessionId>,
}

/// There is no key to sign with, or signing failed: our own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no signing key of the needed algorithm is active")]
pub struct NoSigner;

/// Makes an access token.
pub fn make(
    view: &TenantView,
    client: &Client,
    speaker: Speaker,
    entitled: &Entitlement,
    bound: Option<Confirmation>,
    now: Timestamp,
) -> Result<String, NoSigner> {
    let iat = now.as_second();
    let token = AccessToken {
        profile: client.token_profile,
        sub: speaker.sub,
        username: speaker.username.filter(|_| client.token_format == TokenFormat::Reference),
        realm: speaker.realm,
        client: Some(client.id.clone()),
        scopes: entitled.scopes.clone(),
        audiences: entitled.audiences.clone(),
        iat,
        exp: iat + i64::from(entitled.seconds),
        jti: Some(BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<16>())),
        gid: speaker.grant,
        sid: speaker.session,
        cnf: bound,
    };
    match client.token_format {
        TokenFormat::Jwt => {
            let alg = client.signing_alg.unwrap_or(view.tenant.settings.signing_alg);
            let signer = view.keys.access_token_signer(alg, token.profile, now).ok_or(NoSigner)?;
            let payload = token.to_jwt_payload(&view.tenant.issuer);
            signer.sign(&payload).map_err(|_| NoSigner)
        }
        TokenFormat::Reference => {
            let payload = serde_json::to_vec(&token).expect("a token is plain JSON");
            let context = view.tenant.name.as_str().as_bytes();
            Ok(view.reference_tokens.seal(ACCESS_TOKEN_PREFIX, context, &payload))
        }
    }
}

/// A token that is worth something now.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// What it says
    pub token: Arc<AccessToken>,
    /// Its salted hash: what a revocation of it would name
    pub hash: Hash,
}

/// Why a token is worth nothing. The outside never hears which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Worthless {
    /// Not a token of ours, or tampered with
    #[error("not a token of this issuer")]
    Foreign,
    /// Its time is over, or has not come
    #[error("expired")]
    Expired,
    /// It was revoked
    #[error("revoked")]
    Revoked,
    /// It is bound to a certificate that did not come with it (RFC 8705 §3)
    #[error("bound to another certificate")]
    NotTheHolder,
}

/// Finds out what a token is worth to whoever came with it: one that is bound counts together with
/// its certificate only (SEC-102).
pub fn presented(context: &Context, text: &str) -> Result<LiveToken, Worthless> {
    let live = verify(&context.tenant, text, context.now)?;
    match is_holder(&live.token, context.thumbprint()) {
        true => Ok(live),
        false => Err(Worthless::NotTheHolder),
    }
}

/// Finds out what a token is worth that somebody asks about. Whoever comes with one to use it is
/// judged by [`presented`].
pub fn verify(view: &TenantView, text: &str, now: Timestamp) -> Result<LiveToken, Worthless> {
    let salt = &view.tenant.settings.revocation_salt;
    let hash = revocation::hash(salt, text);
    let token = match view.verified.get(&hash) {
        Some(token) => token,
        None => {
            let token = Arc::new(open(view, text).ok_or(Worthless::Foreign)?);
            view.verified.insert(hash, Arc::clone(&token));
            token
        }
    };
    let second = now.as_second();
    if second >= token.exp || token.iat > second + LEEWAY {
        return Err(Worthless::Expired);
    }
    let dead = view.revocations.set.load();
    if !dead.is_empty() && dead.is_revoked(salt, &hash, &*token) {
        return Err(Worthless::Revoked);
    }
    Ok(LiveToken { token, hash })
}

/// Opens a sealed token, or checks the signature of a JWT.
fn open(view: &TenantView, text: &str) -> Option<AccessToken> {
    if text.len() > grantor_crypto::jws::MAX_TOKEN {
        return None;
    }
    if text.starts_with(ACCESS_TOKEN_PREFIX) && !text.contains('.') {
        let context = view.tenant.name.as_str().as_bytes();
        let payload = view.reference_tokens.open(ACCESS_TOKEN_PREFIX, context, text)?;
        return serde_json::from_slice(&payload).ok();
    }
    let jwt = parse_compact(text).ok()?;
    let key = view.keys.verifying(jwt.header.kid.as_deref()?)?;
    // A second form of a revoked token would not be found in the list of revoked tokens.
    if key.alg() != jwt.header.alg || !jwt.is_only_form() {
        return None;
    }
    let typ = jwt.header.typ.clone();
    let payload = jwt.verify(key).ok()?;
    let token = AccessToken::from_jwt(typ.as_deref(), &payload, &view.tenant.issuer).ok()?;
    // The STUPS profile names no audience: the token is for every API of its issuer.
    (token.profile == TokenProfile::Stups || !token.audiences.is_empty()).then_some(token)
}
