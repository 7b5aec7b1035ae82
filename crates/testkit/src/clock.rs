//! Time that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use grantor_server::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};

/// The clock of the machine and what a test adds to it. Real time goes on, since verifiers in the
/// same test may look at it.
#[derive(Clone, Debug, Default)]
pub struct TestClock {
    ahead_millis: Arc<AtomicI64>,
}

impl TestClock {
    /// Moves it forward.
    pub fn advance(&self, by: SignedDuration) {
        let millis = i64::try_from(by.as_millis()).expect("tests stay within an age");
        self.ahead_millis.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_millis.load(Ordering::SeqCst));
        SystemClock.now().checked_add(ahead).expect("tests stay within an age")
    }
}
