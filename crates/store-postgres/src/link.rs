//! Linking audit rows to the chain, one node at a time. SEC-191.

use std::time::Duration;

use grantor_store::{CheckpointSigner, StoreError};

use crate::audit;
use crate::connection::{Connection, Pool};
use crate::fault::Fault;
use crate::lock::Locks;

/// Links rows that wait, and adds the checkpoint over the new head.
pub(crate) async fn link(
    pool: &Pool,
    locks: &Locks,
    limit: usize,
    sign: &CheckpointSigner,
) -> Result<usize, StoreError> {
    let connection = pool.connection().await?;
    let extra = Duration::from_millis(u64::try_from(limit).unwrap_or(u64::MAX).min(60_000));
    pool.in_time(extra, attempt(connection, locks, limit, sign)).await.map_err(Fault::into_error)
}

async fn attempt(
    mut connection: Connection,
    locks: &Locks,
    limit: usize,
    sign: &CheckpointSigner,
) -> Result<usize, Fault> {
    let [head, pending] = audit::head_and_pending(limit);
    // The lock in a statement before those that read, so that they see what its last holder wrote.
    let steps = [locks.exclusive("audit chain", &[]), head, pending];
    let links = match connection.begin(&steps).await {
        Ok(rows) => audit::link(&rows[1], &rows[2]).map_err(Fault::from),
        Err(stopped) => Err(stopped.into()),
    };
    match links {
        Ok(links) if links.count > 0 => {
            let count = links.count;
            let signed = sign(links.link, &links.hash);
            connection.commit(&links.into_steps(signed)).await?;
            Ok(count)
        }
        Ok(_) => {
            connection.leave().await;
            Ok(0)
        }
        Err(fault) => {
            connection.leave_after(&fault).await;
            Err(fault)
        }
    }
}
