//! Sealing anew what was sealed under an older master key, while everybody works. SEC-094.
//!
//! One row, one transaction: it can be broken off at any moment and begins again with what is left.
//! A server that is given older master keys does it by itself after its start; `grantor keys
//! rewrap` does it from outside and says when the older keys can go.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::seal::Keyring;
use grantor_domain::data_key::DataKey;
use grantor_domain::document::{Document, Kind};
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::name::TenantName;
use grantor_store::{
    DocumentQuery, Documents as _, Effects, Expect, Store, StoreError, operations,
};

use crate::app::App;

/// How many rows are read at once.
const PAGE: usize = 100;

/// How long to wait before trying again.
const RETRY: Duration = Duration::from_mins(1);

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows that were looked at
    pub seen: usize,
    /// Rows that were sealed anew
    pub sealed: usize,
}

/// A document with a sealed value.
trait Sealed: Document {
    /// The value, base64url.
    fn sealed(&mut self) -> &mut String;
    /// What it is bound to.
    fn context(&self) -> String;
}

impl Sealed for SigningKeyRecord {
    fn sealed(&mut self) -> &mut String {
        &mut self.sealed
    }

    fn context(&self) -> String {
        Self::seal_context(&self.tenant, &self.kid)
    }
}

impl Sealed for DataKey {
    fn sealed(&mut self) -> &mut String {
        &mut self.sealed
    }

    fn context(&self) -> String {
        Self::seal_context(&self.tenant, &self.purpose)
    }
}

/// Does it once after a start with older master keys; tries again while the database is away.
pub(super) async fn run(app: App) {
    let keyring = app.secrets.keyring();
    if keyring.ids().len() < 2 {
        return;
    }
    loop {
        match rewrap(&*app.store, keyring, |_| ()).await {
            Ok(Progress { sealed, .. }) => {
                tracing::info!(sealed, "nothing needs the older master keys any more");
                return;
            }
            Err(error) => tracing::warn!(%error, "some rows stay under an older master key"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Seals every row anew that is not under the current master key. Tells of its progress.
pub async fn rewrap(
    store: &dyn Store,
    keyring: &Keyring,
    mut tell: impl FnMut(Progress) + Send,
) -> Result<Progress, StoreError> {
    let mut progress = Progress::default();
    let tenants = DocumentQuery {
        tenant: None,
        kind: Kind::Tenant,
        parent: None,
        after: None,
        limit: 10_000,
    };
    for found in store.list::<Tenant>(&tenants).await? {
        let tenant = found.value.name;
        kind::<SigningKeyRecord>(store, keyring, &tenant, &mut progress, &mut tell).await?;
        kind::<DataKey>(store, keyring, &tenant, &mut progress, &mut tell).await?;
    }
    Ok(progress)
}

async fn kind<D: Sealed>(
    store: &dyn Store,
    keyring: &Keyring,
    tenant: &TenantName,
    progress: &mut Progress,
    tell: &mut (impl FnMut(Progress) + Send),
) -> Result<(), StoreError> {
    let mut query = DocumentQuery::of::<D>(tenant, PAGE);
    loop {
        let page = store.list::<D>(&query).await?;
        let Some(last) = page.last() else { return Ok(()) };
        query = query.after(last.value.id());
        for found in page {
            progress.seen += 1;
            progress.sealed += usize::from(row(store, keyring, found.value, found.version).await?);
            tell(*progress);
        }
    }
}

async fn row<D: Sealed>(
    store: &dyn Store,
    keyring: &Keyring,
    mut document: D,
    version: i64,
) -> Result<bool, StoreError> {
    let name = format!("{} {}", D::KIND.as_str(), document.id());
    let damaged = |what: String| StoreError::Corrupt(format!("{name}: {what}"));
    let context = document.context();
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(&*document.sealed());
    let sealed = sealed.map_err(|_| damaged("not base64url".to_owned()))?;
    let anew = keyring.rewrap(context.as_bytes(), &sealed).map_err(|e| damaged(e.to_string()))?;
    let Some(anew) = anew else { return Ok(false) };
    *document.sealed() = BASE64_URL_SAFE_NO_PAD.encode(anew);
    // Whoever changed the row in between sealed it under a key it has; the next run looks again.
    operations::write(store, Effects::NONE.put(&document, Expect::Version(version))).await?;
    Ok(true)
}
