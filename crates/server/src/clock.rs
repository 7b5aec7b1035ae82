//! The time. Asked once per request, at the top of the handler, and passed down as `now`.
//!
//! What is over stays over: when the clock of the machine is set back, ours does not follow, it goes at half
//! its pace until both agree again (REL-024). Else a code that had expired would be good once more, and a
//! token that was issued after a revocation would look older than it. Meanwhile the node says how far it is
//! ahead, and beyond a minute that it is not ready.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Tells the time.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// How far [`Clock::now`] is ahead of a machine whose clock was set back.
    fn ahead(&self) -> SignedDuration {
        SignedDuration::ZERO
    }
}

/// The clock of the machine, as far as it goes forward. One for the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

static STEADY: Mutex<Steady> = Mutex::new(Steady::new());

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    fn now(&self) -> Timestamp {
        let mut steady = STEADY.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock, so that nobody's later answer is told to somebody before.
        steady.at(Instant::now(), Timestamp::now())
    }

    fn ahead(&self) -> SignedDuration {
        self.now();
        STEADY.lock().unwrap_or_else(PoisonError::into_inner).ahead()
    }
}

/// A time that never goes back, made of one that may and one that cannot be set.
#[derive(Debug, Default)]
pub struct Steady(Option<Told>);

/// What was told last.
#[derive(Debug)]
struct Told {
    time: Timestamp,
    at: Instant,
    ahead: SignedDuration,
}

impl Steady {
    /// Before it was asked.
    pub const fn new() -> Self {
        Self(None)
    }

    /// The time when the monotonic clock shows `at`, and that of the machine `machine`.
    pub fn at(&mut self, at: Instant, machine: Timestamp) -> Timestamp {
        let time = match &self.0 {
            Some(told) if told.ahead.is_positive() || machine < told.time => {
                let passed: Duration = at.saturating_duration_since(told.at);
                told.time.checked_add(passed / 2).unwrap_or(told.time).max(machine)
            }
            _ => machine,
        };
        self.0 = Some(Told { time, at, ahead: time.duration_since(machine) });
        time
    }

    /// How far it was ahead of the machine when it was asked last.
    pub fn ahead(&self) -> SignedDuration {
        self.0.as_ref().map_or(SignedDuration::ZERO, |told| told.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "somewhere a monotonic time has to begin")]
    fn rel_024_a_clock_that_is_set_back_is_caught_up_with_and_never_followed() {
        let (start, mut steady) = (Instant::now(), Steady::new());
        let mut at = |seconds: u64, machine: i64| {
            let machine = Timestamp::from_second(machine).unwrap();
            let time = steady.at(start + Duration::from_secs(seconds), machine);
            (time.as_second(), steady.ahead().as_secs())
        };
        #[rustfmt::skip]
        let table = [
            // passed, machine,  time,   ahead
            (0,        10_000,   10_000, 0),
            (10,       10_010,   10_010, 0),
            // Set back by an hour: at half the pace until the machine is there.
            (20,        6_420,   10_015, 3_595),
            (3_620,    10_020,   11_815, 1_795),
            (7_210,    13_610,   13_610, 0),
            (7_220,    13_620,   13_620, 0),
            // Set forward, or asleep for a while: followed at once.
            (7_230,    17_220,   17_220, 0),
            (7_230,    17_219,   17_220, 1),
        ];
        for (passed, machine, time, ahead) in table {
            assert_eq!(at(passed, machine), (time, ahead), "after {passed} s");
        }
    }
}
