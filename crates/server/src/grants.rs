//! One thin function per grant: load, let the rules decide, write down the consequence.
//!
//! The standard face and the STUPS dialect both end here, so a check cannot be missing in one.

mod authorization_code;
mod client_credentials;
mod password;
mod refresh_token;

pub(crate) use password::{subject, username};

use std::net::IpAddr;
use std::sync::Arc;

use grantor_domain::binding::binding;
use grantor_domain::client::TokenFormat;
use grantor_domain::client_auth::{AuthenticatedClient, ClientCertificate};
use grantor_domain::decision::{Entitlement, Outcome, RecordedDecision};
use grantor_domain::token::{PresentedGrant, TokenError, TokenRequest};
use grantor_oauth_types::confirmation::CertificateThumbprint;
use grantor_oauth_types::id::DecisionId;
use grantor_oauth_types::name::RealmName;
use grantor_store::StoreError;
use jiff::Timestamp;

use crate::app::App;
use crate::audit::{Actor, Recorded};
use crate::client_keys::NoClientKey;
use crate::directory::{ClientEntry, TenantView};
use crate::extract::Peer;
use crate::id_tokens::Unprepared;
use crate::metrics::Signature;
use crate::tokens::{self, NoSigner, Speaker};

/// What a token request happens in.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where
    pub tenant: Arc<TenantView>,
    /// From which address
    pub address: Option<IpAddr>,
    /// With which certificate, by the TLS layer
    pub certificate: Option<Arc<ClientCertificate>>,
    /// When
    pub now: Timestamp,
    /// Which decision this will be
    pub decision: DecisionId,
    /// Whether the log knows it yet
    pub recorded: Recorded,
}

impl Context {
    /// Of a request that comes from `peer` now, and will be decided under a new number.
    pub fn new(app: &App, tenant: Arc<TenantView>, peer: Peer, now: Timestamp) -> Self {
        let Peer { address, certificate } = peer;
        let (decision, recorded) = (app.new_id(now), Recorded::default());
        Self { tenant, address, certificate, now, decision, recorded }
    }

    /// The name of the certificate in tokens (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> Option<CertificateThumbprint> {
        self.certificate.as_ref().map(|certificate| certificate.thumbprint())
    }
}

/// A token, and what goes with it.
#[derive(Debug)]
pub struct Issued {
    /// The access token
    pub access_token: String,
    /// The refresh token, where there is one
    pub refresh_token: Option<String>,
    /// Who signed in, where that was asked for (OIDC Core §3.1.3.3)
    pub id_token: Option<String>,
    /// What it carries
    pub entitled: Entitlement,
    /// The realm of the user
    pub realm: Option<RealmName>,
}

/// Everything that can end a token request early.
#[derive(Debug, thiserror::Error)]
pub enum TokenFailure {
    /// The client's doing. It hears a code
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// The database is away, or full: later
    #[error("not available")]
    Busy,
    /// Our doing. It hears that, and no more
    #[error(transparent)]
    Broken(#[from] StoreError),
    /// Our doing as well
    #[error(transparent)]
    NoSigner(#[from] NoSigner),
    /// The client's: nothing can be encrypted for it. It has lost nothing
    #[error(transparent)]
    NoClientKey(#[from] NoClientKey),
}

impl From<Unprepared> for TokenFailure {
    fn from(error: Unprepared) -> Self {
        match error {
            Unprepared::Store(error) => error.into(),
            Unprepared::ClientKey(error) => error.into(),
        }
    }
}

/// Judges a request of an authenticated client, and issues what it is entitled to.
pub async fn issue(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: TokenRequest,
) -> Result<Issued, TokenFailure> {
    let issued = by_grant(app, context, client, request).await;
    if let Err(TokenFailure::Refused(reason)) = &issued {
        context.record_refusal(app, "token.refused", Actor::Client(client.id.clone()), reason);
    }
    let counted = if issued.is_ok() { &app.metrics.granted } else { &app.metrics.refused };
    counted.inc();
    if issued.is_ok() && client.token_format == TokenFormat::Jwt {
        let alg = client.signing_alg.unwrap_or(context.tenant.tenant.settings.signing_alg);
        app.metrics.signatures.get_or_create(&Signature { alg: alg.as_str() }).inc();
    }
    issued
}

async fn by_grant(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: TokenRequest,
) -> Result<Issued, TokenFailure> {
    // Before anything is spent (trap 75).
    binding(client, context.thumbprint())?;
    let TokenRequest { scopes, resource, grant } = request;
    // What waits for the database or a hash is in a box: the first, which is most, stays small.
    match grant {
        PresentedGrant::ClientCredentials => {
            client_credentials::issue(app, context, client, scopes, resource).await
        }
        PresentedGrant::Password { realm, username, password } => {
            let login = password::Login { realm, username, password };
            Box::pin(password::issue(app, context, client, login, scopes, resource)).await
        }
        // RFC 6749 §4.1.3: what it carries was agreed on before; a scope parameter means nothing.
        PresentedGrant::AuthorizationCode { code, redirect_uri, verifier } => {
            let presented = authorization_code::PresentedCode { code, redirect_uri, verifier };
            Box::pin(authorization_code::issue(app, context, client, presented, resource)).await
        }
        PresentedGrant::RefreshToken(token) => {
            Box::pin(refresh_token::issue(app, context, client, &token, scopes, resource)).await
        }
    }
}

/// The cached entry of a client that has just been authenticated.
async fn entry(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
) -> Result<Arc<ClientEntry>, TokenFailure> {
    let entry = app.directory.client(&context.tenant.tenant.name, &client.id).await?;
    // Deleted since it authenticated.
    entry.ok_or(TokenError::Client(grantor_domain::client_auth::ClientRefusal::Unknown).into())
}

/// Remembers what was decided, and hands on what was granted.
fn concluded(
    app: &App,
    context: &Context,
    record: &Arc<RecordedDecision>,
) -> Result<Entitlement, TokenError> {
    let kind = match record.decision.outcome {
        Outcome::Granted(_) => "token.issued",
        Outcome::Refused(_) => "token.refused",
    };
    context.record_decision(app, kind, Actor::Client(record.ask.client.clone()), record);
    match &record.decision.outcome {
        Outcome::Granted(entitled) => Ok(entitled.clone()),
        Outcome::Refused(refusal) => Err(TokenError::Refused(refusal.clone())),
    }
}

/// The access token of an entitlement.
fn access_token(
    context: &Context,
    client: &AuthenticatedClient,
    speaker: Speaker,
    entitled: &Entitlement,
) -> Result<String, TokenFailure> {
    let bound = binding(client, context.thumbprint())?;
    Ok(tokens::make(&context.tenant, client, speaker, entitled, bound, context.now)?)
}
