//! Linking audit rows into the hash chain, and signing where it ends. SEC-191, REL-042.
//!
//! Rows are committed with the changes they tell of; the chain follows within a second. A row that
//! was deleted or altered before it was linked is beyond what a chain can show, so that second is
//! kept short, and what waits at a shutdown is linked before the process ends.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::jws::Signer;
use grantor_domain::audit::CheckpointClaims;
use grantor_store::{CheckpointSigner, StoreError};

use crate::app::App;
use crate::directory::Statement;

/// How long a committed row waits for its link at most.
pub const LINK_EVERY: Duration = Duration::from_secs(1);

/// How many rows are linked in one transaction: few enough that no other write waits for long.
const AT_ONCE: usize = 1_000;

/// Links for as long as it is polled.
pub(super) async fn run(app: App) {
    loop {
        tokio::time::sleep(LINK_EVERY).await;
        if let Err(error) = link(&app).await {
            tracing::warn!(%error, "audit rows wait to be linked");
        }
    }
}

/// Links every row that is committed. Returns how many there were.
pub async fn link(app: &App) -> Result<usize, StoreError> {
    let mut linked = 0;
    loop {
        let count = app.store.link_audit(AT_ONCE, signer(app)?).await?;
        linked += count;
        if count < AT_ONCE {
            return Ok(linked);
        }
    }
}

/// Signs with the key of the default tenant: its JWKS verifies all checkpoints.
fn signer(app: &App) -> Result<CheckpointSigner, StoreError> {
    let now = app.clock.now();
    let none = || StoreError::Unavailable("there is no key to sign checkpoints with".to_owned());
    let view = app.directory.tenant(app.settings.default_tenant.as_str()).ok_or_else(none)?;
    let alg = view.tenant.settings.signing_alg;
    let signer = view.keys.statement_signer(Statement::AuditCheckpoint, alg, now);
    let signer: Signer = signer.ok_or_else(none)?.clone();
    let (iss, iat) = (view.tenant.issuer.clone(), now.as_second());
    Ok(Arc::new(move |link, hash| {
        let hash = BASE64_URL_SAFE_NO_PAD.encode(hash);
        let claims = CheckpointClaims { iss: iss.clone(), link, hash, iat };
        let payload = serde_json::to_vec(&claims).expect("claims have string keys only");
        signer.sign(&payload).unwrap_or_else(|error| {
            // The link holds all the same; verification says that this checkpoint proves nothing.
            tracing::error!(%error, link, "a checkpoint could not be signed");
            String::new()
        })
    }))
}
