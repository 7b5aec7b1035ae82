//! Logout tokens on their way to clients. OIDC Back-Channel Logout.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_domain::client::Client;
use grantor_domain::issue::logout_token::LogoutToken;
use grantor_domain::outbox::{Message, Notice};
use grantor_oauth_types::id::SessionId;
use grantor_store::{Effect, StoreError, operations};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, Semaphore};

use crate::app::App;
use crate::client_keys::NoClientKey;
use crate::directory::TenantView;
use crate::id_tokens;
use crate::outbound::OutboundError;

/// How many are on their way at once.
const AT_ONCE: usize = 16;

/// For how long a message is nobody else's once it was taken.
const TAKEN_FOR: SignedDuration = SignedDuration::from_secs(10);

/// How often a node looks for messages that it was not told of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Signed, and then encrypted, as the client's `id_token`s are (Back-Channel Logout §2.6), at each try anew: it lives for two
/// minutes. By its `jti` the client knows that it was told before.
fn logout_token(
    view: &TenantView,
    client: &Client,
    sub: &str,
    session: SessionId,
    id: [u8; 16],
    now: Timestamp,
) -> Option<String> {
    let token = LogoutToken {
        issuer: &view.tenant.issuer,
        sub,
        client: &client.id,
        session,
        iat: now.as_second(),
        jti: &BASE64_URL_SAFE_NO_PAD.encode(id),
    };
    let signer = view.keys.logout_signer(client.id_token_alg(), now)?;
    signer.sign(&token.to_jwt_payload()).ok()
}

/// Messages on their way. Nobody waits for them: an unreachable client keeps nobody signed in
/// (Back-Channel Logout §2.7).
#[derive(Debug, Default)]
pub struct BackChannel {
    pub(super) wake: Notify,
}

impl BackChannel {
    /// Sends what is due, a few at a time, for ever. What another node wrote, or this one before it
    /// was ended, is found by looking.
    pub async fn run(&self, app: &App) {
        let free = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let now = app.clock.now();
            let until = now.saturating_add(TAKEN_FOR).unwrap_or(Timestamp::MAX);
            let room = free.available_permits().max(1);
            let taken = app.store.take_notices(now, until, room).await;
            let taken = taken.unwrap_or_else(|error| {
                tracing::warn!(%error, "messages wait");
                Vec::new()
            });
            if taken.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            for notice in taken {
                let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
                let app = app.clone();
                tokio::spawn(async move {
                    deliver(&app, &notice).await;
                    drop(permit);
                });
            }
        }
    }
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    /// Nobody is there any more to take it
    #[error("nobody wants it any more")]
    Unwanted,
    /// Perhaps later
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Our doing
    #[error(transparent)]
    Broken(#[from] StoreError),
    /// Our doing as well
    #[error("no key signs it")]
    NoSigner,
    /// The client's
    #[error(transparent)]
    NoClientKey(#[from] NoClientKey),
}

async fn deliver(app: &App, notice: &Notice) {
    let now = app.clock.now();
    let again = match send(app, notice, now).await {
        Ok(()) | Err(Undelivered::Unwanted) => None,
        Err(error) => {
            tracing::info!(%error, tries = notice.tries, "a logout token did not arrive");
            let again = notice.next_try(now);
            if again.is_none() {
                tracing::warn!(tries = notice.tries, "a client was not told of a logout");
            }
            again
        }
    };
    let effect = match again {
        Some(due) => Effect::TellAgain(notice.id, due),
        None => Effect::Told(notice.id),
    };
    // If this is not written, it is sent once more: that is better than never.
    if let Err(error) = operations::write(&*app.store, effect.into()).await {
        tracing::warn!(%error, "a message may be sent twice");
    }
}

async fn send(app: &App, notice: &Notice, now: Timestamp) -> Result<(), Undelivered> {
    let Message::Logout { client, user, sub, session } = &notice.message;
    let view = app.directory.tenant(notice.tenant.as_str()).ok_or(Undelivered::Unwanted)?;
    let entry = app.directory.client(&notice.tenant, client).await?.ok_or(Undelivered::Unwanted)?;
    let client = entry.client();
    let uri = client.logout.backchannel_logout_uri.as_ref().filter(|_| client.enabled);
    let uri = uri.ok_or(Undelivered::Unwanted)?;
    let sub = match sub {
        Some(sub) => sub.clone(),
        None => {
            let user = app.directory.user(&notice.tenant, *user).await?;
            id_tokens::subject(app, client, &user.ok_or(Undelivered::Unwanted)?.user)
        }
    };
    let token = logout_token(&view, client, &sub, *session, notice.id, now);
    let token = token.ok_or(Undelivered::NoSigner)?;
    let encryption = client.openid.id_token_encryption;
    let token = id_tokens::seal(app, client, encryption, token).await?;
    Ok(app.outbound.post_form(uri, &[("logout_token", token.as_str())]).await?)
}
