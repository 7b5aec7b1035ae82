//! Time that a test moves.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use grantor_server::clock::{Clock, Steady, SystemClock};
use jiff::{SignedDuration, Timestamp};

/// The clock of the machine and what a test adds to it. Real time goes on, since verifiers in the
/// same test may look at it.
#[derive(Clone, Debug, Default)]
pub struct TestClock {
    moved: Arc<Mutex<Moved>>,
    stopped: Arc<OnceLock<Timestamp>>,
}

#[derive(Debug, Default)]
struct Moved {
    /// How much time passed besides
    passed: Duration,
    /// How far the machine was set forward, or back, besides
    set: SignedDuration,
    steady: Steady,
}

impl TestClock {
    /// Moves it forward.
    pub fn advance(&self, by: SignedDuration) {
        let by = Duration::try_from(by).expect("time passes; to set a clock back, see `set`");
        self.moved().passed += by;
    }

    /// What happens to a machine whose clock is set: forward, or back. No time passes.
    pub fn set(&self, by: SignedDuration) {
        self.moved().set += by;
    }

    /// Lets it stand still from now on, but for [`TestClock::advance`]: what must happen within a
    /// second does so on a machine that is slow, too.
    pub fn stop(&self) {
        self.stopped.get_or_init(|| SystemClock.now());
    }

    fn moved(&self) -> std::sync::MutexGuard<'_, Moved> {
        self.moved.lock().expect("nothing panics with the clock")
    }
}

impl Clock for TestClock {
    #[expect(clippy::disallowed_methods, reason = "it is a clock")]
    fn now(&self) -> Timestamp {
        let mut moved = self.moved();
        let now = self.stopped.get().copied().unwrap_or_else(|| SystemClock.now());
        let passed = SignedDuration::try_from(moved.passed).expect("tests stay within an age");
        let machine = now.checked_add(passed + moved.set).expect("tests stay within an age");
        let at = Instant::now() + moved.passed;
        moved.steady.at(at, machine)
    }

    fn ahead(&self) -> SignedDuration {
        self.now();
        self.moved().steady.ahead()
    }
}
