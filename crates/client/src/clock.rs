//! The time, as an argument.

use std::fmt;
use std::time::SystemTime;

/// The time. Asked once per call, and passed down as `now`.
///
/// It is the time of day and not a monotonic one on purpose: a laptop that slept through the life
/// of a token must know so when it wakes. When the clock is set back, a token may seem valid too
/// long; the answer 401 then corrects that ([`BearerAuth`](crate::BearerAuth)).
pub trait Clock: fmt::Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
