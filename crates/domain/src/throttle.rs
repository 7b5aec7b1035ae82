//! Failed attempts: how many, and when the next one is looked at. SEC-115, SEC-116.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The failures of one canonical account (or one device code, …), exact under concurrency because
/// an attempt is counted before its secret is looked at (REL-021).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Attempts since the last success
    pub count: u32,
    /// When the last one was, in whole seconds since 1970, rounded up: no wait that is counted from
    /// here is shorter than it says
    pub last: i64,
}

/// How many attempts are free, from wherever they come.
pub const FREE_ATTEMPTS: u32 = 20;

/// How many of them from one address: whoever guesses is slowed down before the owner is (SEC-116).
pub const FREE_FROM_ONE_ADDRESS: u32 = 10;

/// The longest wait (SEC-116: an attacker must not lock people out for long).
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// Whether an attempt may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Look at the secret; this is the new count to keep
    Counted(Attempts),
    /// Refuse, the right secret too, until then
    Wait(Timestamp),
}

impl Attempts {
    /// Counts an attempt, or says until when none is looked at: the wait doubles from one second
    /// with each attempt beyond the free ones.
    pub fn attempt(self, now: Timestamp) -> Attempt {
        if let Some(over) = self.count.checked_sub(FREE_ATTEMPTS) {
            let wait = 1_i64.checked_shl(over.min(20)).unwrap_or(i64::MAX);
            let until = self.last.saturating_add(wait.min(LONGEST_WAIT.as_secs()));
            if now.as_second() < until {
                return Attempt::Wait(Timestamp::from_second(until).unwrap_or(Timestamp::MAX));
            }
        }
        let last = now.as_second() + i64::from(now.subsec_nanosecond() > 0);
        Attempt::Counted(Self { count: self.count.saturating_add(1), last })
    }
}

/// How often somebody may fail: so many times at once, and from then on one time in a while
/// (SEC-056, SEC-115). What is remembered is one moment, that at which everything is forgiven: each
/// failure moves it on, and passing time comes nearer to it (the cell rate algorithm of ITU-T I.371).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Failures that are free
    pub free: u32,
    /// In how many seconds one is forgiven
    pub forgiven_in: u32,
}

impl Pace {
    /// When everything is forgiven after one more failure, in milliseconds since 1970; before the first
    /// that is 0.
    pub fn failed(self, forgiven: i64, now: Timestamp) -> i64 {
        forgiven.max(now.as_millisecond()).saturating_add(self.millis(1))
    }

    /// Seconds until the next try is looked at; `None` is at once.
    pub fn wait(self, forgiven: i64, now: Timestamp) -> Option<u32> {
        let fits = self.millis(self.free.max(1)).saturating_sub(self.millis(1));
        let over = forgiven.saturating_sub(now.as_millisecond()).saturating_sub(fits);
        let seconds = u32::try_from(over.saturating_add(999) / 1_000).unwrap_or(u32::MAX);
        (over > 0).then_some(seconds)
    }

    fn millis(self, failures: u32) -> i64 {
        i64::from(failures).saturating_mul(i64::from(self.forgiven_in)).saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn sec_115_after_the_free_attempts_the_right_secret_is_not_looked_at_either() {
        let mut attempts = Attempts::default();
        for _ in 0..FREE_ATTEMPTS {
            let Attempt::Counted(next) = attempts.attempt(at(100)) else { panic!("refused") };
            attempts = next;
        }
        assert!(matches!(attempts.attempt(at(100)), Attempt::Wait(_)));
    }

    #[test]
    fn sec_115_the_wait_doubles_with_each_attempt_beyond_the_free_ones() {
        let mut attempts = Attempts { count: FREE_ATTEMPTS, last: 0 };
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            let before = at(attempts.last + wait - 1);
            assert_eq!(attempts.attempt(before), Attempt::Wait(at(attempts.last + wait)));
            let after = attempts.attempt(at(attempts.last + wait));
            let Attempt::Counted(next) = after else { panic!("still refused after {wait} s") };
            attempts = next;
        }
    }

    #[test]
    fn sec_115_a_wait_is_never_shorter_than_it_says() {
        let attempts = Attempts { count: FREE_ATTEMPTS, last: 0 };
        let late = Timestamp::from_millisecond(100_999).unwrap();
        let Attempt::Counted(next) = attempts.attempt(late) else { panic!("refused") };
        // Two seconds from 100.999, which a count of whole seconds would end at 102.
        assert_eq!(next.attempt(at(102)), Attempt::Wait(at(103)));
    }

    #[test]
    fn sec_115_so_many_failures_are_free_and_then_one_in_a_while() {
        let pace = Pace { free: 3, forgiven_in: 5 };
        let mut forgiven = 0;
        for _ in 0..3 {
            assert_eq!(pace.wait(forgiven, at(100)), None);
            forgiven = pace.failed(forgiven, at(100));
        }
        let waits = [(100, Some(5)), (101, Some(4)), (104, Some(1)), (105, None)];
        for (second, wait) in waits {
            assert_eq!(pace.wait(forgiven, at(second)), wait, "at {second}");
        }
        forgiven = pace.failed(forgiven, at(105));
        assert_eq!(pace.wait(forgiven, at(109)), Some(1), "one was forgiven, not all");
        assert_eq!(pace.wait(forgiven, at(110)), None);
    }

    #[test]
    fn sec_116_what_is_long_ago_counts_no_more() {
        let pace = Pace { free: 2, forgiven_in: 5 };
        let mut forgiven = 0;
        for _ in 0..100 {
            forgiven = pace.failed(forgiven, at(100));
        }
        assert_eq!(pace.wait(forgiven, at(100 + 495)), None);
        for _ in 0..2 {
            assert_eq!(pace.wait(forgiven, at(1_000)), None);
            forgiven = pace.failed(forgiven, at(1_000));
        }
        assert!(pace.wait(forgiven, at(1_000)).is_some());
    }

    #[test]
    fn rel_021_who_waits_is_not_counted_again() {
        // Otherwise a flood of attempts would keep the owner out for good (SEC-116).
        let attempts = Attempts { count: FREE_ATTEMPTS, last: 100 };
        assert_eq!(attempts.attempt(at(100)), Attempt::Wait(at(101)));
        let Attempt::Counted(next) = attempts.attempt(at(101)) else { panic!("refused") };
        assert_eq!(next, Attempts { count: FREE_ATTEMPTS + 1, last: 101 });
    }

    #[test]
    fn a_clock_that_steps_back_shortens_no_wait() {
        let attempts = Attempts { count: FREE_ATTEMPTS, last: 1_000 };
        assert_eq!(attempts.attempt(at(500)), Attempt::Wait(at(1_001)));
    }

    #[test]
    fn sec_116_no_wait_is_longer_than_a_quarter_of_an_hour() {
        for count in [FREE_ATTEMPTS, 50, u32::MAX] {
            let attempts = Attempts { count, last: 1_000 };
            let Attempt::Wait(until) = attempts.attempt(at(1_000)) else { panic!("looked at") };
            assert!(until <= at(1_000 + 15 * 60), "{count}");
            assert!(matches!(attempts.attempt(at(1_000 + 15 * 60)), Attempt::Counted(_)));
        }
    }
}
