//! The hosts that are called: how many calls to one are under way, and a rest for one that does not
//! answer. A slow or dead neighbour takes nobody's time but that of whoever needs it (REL-037).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use jiff::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::OutboundError;

/// How many hosts are known; whoever was not called for longest is forgotten (REL-035).
const KNOWN: usize = 1_024;

/// How many calls to one host are under way at once.
const AT_ONCE: usize = 16;

/// After so many calls without an answer, one behind the other, a host has its rest.
const PATIENCE: u32 = 5;

/// For so long, in milliseconds; then the next call shows.
const REST: i64 = 4_000;

/// What is known of them.
#[derive(Debug)]
pub(super) struct Neighbours {
    known: Cache<String, Arc<Neighbour>>,
}

#[derive(Debug)]
struct Neighbour {
    free: Arc<Semaphore>,
    failures: AtomicU32,
    /// In milliseconds since 1970
    rests_until: AtomicI64,
}

/// A call that may be made.
#[derive(Debug)]
pub(super) struct Turn {
    neighbour: Arc<Neighbour>,
    _permit: OwnedSemaphorePermit,
}

impl Default for Neighbours {
    fn default() -> Self {
        Self { known: Cache::new(KNOWN) }
    }
}

impl Neighbours {
    /// Whether a host may be called now. Nobody waits for a turn: whoever finds none is told.
    pub(super) fn enter(&self, host: &str, now: Timestamp) -> Result<Turn, OutboundError> {
        let neighbour = match self.known.get(host) {
            Some(neighbour) => neighbour,
            None => {
                let neighbour = Arc::new(Neighbour {
                    free: Arc::new(Semaphore::new(AT_ONCE)),
                    failures: AtomicU32::new(0),
                    rests_until: AtomicI64::new(i64::MIN),
                });
                self.known.insert(host.to_owned(), Arc::clone(&neighbour));
                neighbour
            }
        };
        if now.as_millisecond() < neighbour.rests_until.load(Ordering::Acquire) {
            return Err(OutboundError::Resting);
        }
        let permit = Arc::clone(&neighbour.free).try_acquire_owned();
        let permit = permit.map_err(|_| OutboundError::Busy)?;
        Ok(Turn { neighbour, _permit: permit })
    }
}

impl Turn {
    /// The host answered, whatever it said.
    pub(super) fn answered(self) {
        self.neighbour.failures.store(0, Ordering::Release);
    }

    /// It did not.
    pub(super) fn failed(self, now: Timestamp) {
        let before = self.neighbour.failures.fetch_add(1, Ordering::AcqRel);
        if before.saturating_add(1) >= PATIENCE {
            let until = now.as_millisecond().saturating_add(REST);
            self.neighbour.rests_until.store(until, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    #[test]
    fn rel_037_a_host_that_does_not_answer_has_a_rest_and_then_one_more_chance() {
        let (all, now) = (Neighbours::default(), at(1_000));
        for _ in 0..PATIENCE {
            all.enter("dead.example", now).unwrap().failed(now);
        }
        assert!(matches!(all.enter("dead.example", now), Err(OutboundError::Resting)));
        assert!(all.enter("other.example", now).is_ok());
        let later = at(1_000 + REST);
        all.enter("dead.example", later).unwrap().failed(later);
        assert!(matches!(all.enter("dead.example", later), Err(OutboundError::Resting)));
        let later = at(1_000 + 2 * REST);
        all.enter("dead.example", later).unwrap().answered();
        all.enter("dead.example", later).unwrap().failed(later);
        assert!(all.enter("dead.example", later).is_ok());
    }

    #[test]
    fn rel_037_calls_to_one_host_are_few_and_nobody_waits_for_a_turn() {
        let (all, now) = (Neighbours::default(), at(1_000));
        let turns: Vec<Turn> =
            (0..AT_ONCE).map(|_| all.enter("slow.example", now).unwrap()).collect();
        assert!(matches!(all.enter("slow.example", now), Err(OutboundError::Busy)));
        assert!(all.enter("other.example", now).is_ok());
        drop(turns);
        assert!(all.enter("slow.example", now).is_ok());
    }

    #[test]
    fn rel_035_ever_new_hosts_take_no_more_than_their_room() {
        let (all, now) = (Neighbours::default(), at(1_000));
        for n in 0..3 * KNOWN {
            all.enter(&format!("{n}.example"), now).unwrap().answered();
        }
        assert!(all.known.len() <= KNOWN, "{}", all.known.len());
    }
}
