//! Time that a test moves.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use grantor_server::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};

/// The clock of the machine and what a test adds to it. Real time goes on, since verifiers in the
/// same test may look at it.
#[derive(Clone, Debug, Default)]
pub struct TestClock {
    ahead_millis: Arc<AtomicI64>,
    stopped: Arc<OnceLock<Timestamp>>,
}

impl TestClock {
    /// Moves it forward.
    pub fn advance(&self, by: SignedDuration) {
        let millis = i64::try_from(by.as_millis()).expect("tests stay within an age");
        self.ahead_millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Lets it stand still from now on, but for [`TestClock::advance`]: what must happen within a
    /// second does so on a machine that is slow, too.
    pub fn stop(&self) {
        self.stopped.get_or_init(|| SystemClock.now());
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_millis.load(Ordering::SeqCst));
        let now = self.stopped.get().copied().unwrap_or_else(|| SystemClock.now());
        now.checked_add(ahead).expect("tests stay within an age")
    }
}
