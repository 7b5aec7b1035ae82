//! One operation: claim, judge, write, commit; and again when the database asks.
//!
//! # Round trips
//!
//! `BEGIN` and all claims are one, all effects and `COMMIT` are one: a rotation takes two. An
//! operation without claims is judged before anything is sent and takes one; a single statement
//! goes without a transaction around it. Only documents need a third: whether a version was met
//! is an answer, and whoever has sent `COMMIT` cannot take it back.

use std::time::Duration;

use grantor_store::{Claimed, Operation, StoreError};

use crate::claims;
use crate::connection::{Connection, Pool};
use crate::effects::Plan;
use crate::fault::Fault;
use crate::lock::Locks;
use crate::outage::jittered;

/// How often an operation is tried again after a serialization failure or deadlock (REL-014).
const RETRIES: u32 = 3;

/// Runs an operation to its end. `retried` is called before each further try.
pub(crate) async fn transact(
    pool: &Pool,
    locks: &Locks,
    operation: &Operation,
    retried: impl Fn(),
) -> Result<(), StoreError> {
    let (mut again, mut lost) = (0, false);
    loop {
        let connection = pool.connection().await?;
        let fault = match attempt(pool, connection, locks, operation).await {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        match fault {
            Fault::Again(reason) if again < RETRIES => {
                again += 1;
                retried();
                tracing::debug!(%reason, again, "an operation is tried again");
                tokio::time::sleep(jittered(Duration::from_millis(4) * (1 << again))).await;
            }
            // Nothing was committed: the outcome of a commit is never `Lost` but "unavailable".
            Fault::Lost(reason) if !lost => {
                lost = true;
                retried();
                tracing::debug!(%reason, "an operation is tried again on another connection");
            }
            fault => return Err(fault.into_error()),
        }
    }
}

async fn attempt(
    pool: &Pool,
    connection: Connection,
    locks: &Locks,
    operation: &Operation,
) -> Result<(), Fault> {
    let judged = pool.in_time(Duration::ZERO, judge(connection, locks, operation)).await?;
    let Some((connection, plan)) = judged else { return Ok(()) };
    pool.in_time(plan.extra_time(), plan.write(connection, locks)).await
}

/// Claims and judges. `None` if there is nothing to write.
async fn judge(
    mut connection: Connection,
    locks: &Locks,
    operation: &Operation,
) -> Result<Option<(Connection, Plan)>, Fault> {
    let claimed = if operation.claims.is_empty() {
        Ok(Claimed::new(Vec::new()))
    } else {
        claims::load(&mut connection, locks, &operation.claims).await
    };
    let plan = match claimed {
        Ok(claimed) => (operation.rule)(&claimed).map(Plan::of).map_err(Fault::from),
        Err(fault) => Err(fault),
    };
    match plan {
        // Row locks make a transaction that a commit would have to write to the disk.
        Ok(plan) if plan.is_empty() => {
            connection.leave().await;
            Ok(None)
        }
        Ok(plan) => Ok(Some((connection, plan))),
        Err(fault) => {
            connection.leave_after(&fault).await;
            Err(fault)
        }
    }
}
