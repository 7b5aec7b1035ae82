//! While the database is away, one attempt at a time with growing pauses, and nobody else waits.
//!
//! A node of five hundred requests a second must not make five hundred connection attempts a
//! second when the database comes back (REL-015). The first failure closes the gate; then one
//! request at a time may look whether it is open again, after a pause, and all others that find no
//! connection alive hear at once that the database is away. No clock is asked: pauses are
//! slept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// The longest pause between two attempts, before chance adds up to a half.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Whether connections can be made at the moment.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// Attempts that failed since the last that succeeded
    failures: AtomicU32,
    probing: AtomicBool,
    turn: tokio::sync::Mutex<()>,
}

/// The right to look whether the database is back; given back when dropped.
#[derive(Debug)]
pub(crate) struct Probe(Option<Arc<Outage>>);

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(outage) = &self.0 {
            outage.probing.store(false, Ordering::Release);
        }
    }
}

/// Counts an attempt that failed, when dropped.
struct Failure<'a> {
    outage: &'a Outage,
    failed: bool,
}

impl Drop for Failure<'_> {
    fn drop(&mut self) {
        if self.failed {
            self.outage.failures.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Outage {
    /// For somebody who finds no connection alive: `None` if the database is away and somebody
    /// is looking already.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Probe> {
        if self.failures.load(Ordering::Acquire) == 0 {
            return Some(Probe(None));
        }
        let first = !self.probing.swap(true, Ordering::AcqRel);
        first.then(|| Probe(Some(Arc::clone(self))))
    }

    /// Makes an attempt: at once in good times; in an outage one at a time, after a pause.
    pub(crate) async fn attempt<T, E>(
        &self,
        connect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let _turn = if self.failures.load(Ordering::Acquire) > 0 {
            let turn = self.turn.lock().await;
            let failures = self.failures.load(Ordering::Acquire);
            if failures > 0 {
                tokio::time::sleep(jittered(pause(failures))).await;
            }
            Some(turn)
        } else {
            None
        };
        // Given up in the middle is failed too: a network that swallows everything looks like that.
        let mut failure = Failure { outage: self, failed: true };
        let result = connect.await;
        failure.failed = result.is_err();
        if result.is_ok() {
            self.failures.store(0, Ordering::Release);
        }
        result
    }
}

fn pause(failures: u32) -> Duration {
    Duration::from_millis(25).saturating_mul(1 << failures.min(5)).min(LONGEST_PAUSE)
}

/// Half to one and a half of `pause`: nodes that lost the database at one moment do not come back
/// at one moment.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let [random] = grantor_crypto::random::bytes::<1>();
    pause.mul_f64(0.5 + f64::from(random) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rel_015_in_an_outage_one_looks_and_nobody_else_waits() {
        let outage = Arc::new(Outage::default());
        assert!(outage.admit().is_some() && outage.admit().is_some(), "good times");
        outage.attempt(async { Err::<(), _>(()) }).await.unwrap_err();
        let probe = outage.admit();
        assert!(probe.is_some());
        assert!(outage.admit().is_none(), "somebody is looking already");
        drop(probe);
        let probe = outage.admit().expect("nobody is looking");
        outage.attempt(async { Ok::<(), ()>(()) }).await.unwrap();
        assert!(outage.admit().is_some());
        drop(probe);
    }

    #[tokio::test]
    async fn rel_015_a_crowd_makes_few_attempts_a_second_while_the_database_is_away() {
        let (outage, attempts) = (Arc::new(Outage::default()), Arc::new(AtomicU32::new(0)));
        outage.attempt(async { Err::<(), _>(()) }).await.unwrap_err();
        // A second of five hundred requests, each of which finds no connection alive.
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..500 {
            ticks.tick().await;
            let (outage, attempts) = (Arc::clone(&outage), Arc::clone(&attempts));
            crowd.spawn(async move {
                let Some(_probe) = outage.admit() else { return };
                let attempt = async { Err::<(), u32>(attempts.fetch_add(1, Ordering::SeqCst)) };
                outage.attempt(attempt).await.unwrap_err();
            });
        }
        // Twice the pool of 16 is the bound; pauses of a fifth of a second and more stay far below.
        let made = attempts.load(Ordering::SeqCst);
        assert!((1..=32).contains(&made), "{made}");
    }

    #[tokio::test]
    async fn rel_017_an_attempt_that_was_given_up_failed() {
        let outage = Arc::new(Outage::default());
        let endless = outage.attempt(std::future::pending::<Result<(), ()>>());
        tokio::time::timeout(Duration::from_millis(5), endless).await.unwrap_err();
        let _probe = outage.admit().expect("nobody is looking");
        assert!(outage.admit().is_none());
    }

    #[test]
    fn rel_015_pauses_grow_to_a_bound_and_never_beat_in_time() {
        let pauses: Vec<_> = (1..40).map(pause).collect();
        assert!(pauses.is_sorted() && pauses.iter().all(|p| *p <= LONGEST_PAUSE));
        let waits: std::collections::HashSet<_> =
            (0..50).map(|_| jittered(LONGEST_PAUSE)).collect();
        assert!(waits.len() > 5);
        assert!(waits.iter().all(|w| *w <= LONGEST_PAUSE * 3 / 2 && *w >= LONGEST_PAUSE / 2));
    }
}
