//! When to renew, and when to try again: plain functions of token, time and chance.
//!
//! A token is renewed when 60 % of its life is used, but never more than 20 minutes before its
//! end. So one of 8 hours is renewed 20 minutes ahead (as the Python library does it), one of an
//! hour too, one of 20 minutes 8 minutes ahead, one of a minute 24 seconds ahead (as the Java
//! library does it). Because the margin is a share of the life, a new token is never at once due
//! again, however short its life: the rule "less than 20 minutes left" alone turns every call
//! with a short token into a request.

use std::time::{Duration, SystemTime};

use crate::error::TokenError;
use crate::secret::{AccessToken, Provenance};

/// What a caller does with the token that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Uses it.
    Fresh,
    /// Uses it, and somebody renews it meanwhile.
    Due,
    /// Waits for a new one, and uses this one if there is none.
    Urgent,
    /// Cannot use it any more.
    Expired,
}

/// What becomes of a token that is over while there is no new one to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterExpiry {
    /// It is used for [`GRACE`] more.
    Grace,
    /// It is used until there is one.
    Ignored,
}

/// As long as the Python library tolerates: clocks differ, and servers are as lenient.
const GRACE: Duration = Duration::from_mins(1);

impl AfterExpiry {
    /// Whether `token` is returned although it could not be renewed.
    pub(crate) fn still_serves(self, token: &AccessToken, now: SystemTime) -> bool {
        self == Self::Ignored || now < token.expires_at() + GRACE
    }
}

/// Never renew earlier than this before the end.
const FURTHEST_AHEAD: Duration = Duration::from_mins(20);

/// With so little left, a call could arrive too late.
const URGENT: Duration = Duration::from_secs(30);

pub(crate) fn freshness(token: &AccessToken, now: SystemTime) -> Freshness {
    let life = token.lifetime();
    let Ok(left) = token.expires_at().duration_since(now) else { return Freshness::Expired };
    if left.is_zero() {
        Freshness::Expired
    } else if token.provenance() == Provenance::File || left <= URGENT.min(life / 10) {
        // A file is as new as its last reading, so it is read for each call.
        Freshness::Urgent
    } else if left <= FURTHEST_AHEAD.min(life * 2 / 5) || left > life {
        // More left than it ever had: the clock was set back, so how much is left is not known.
        Freshness::Due
    } else {
        Freshness::Fresh
    }
}

/// The first pause after a failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// The longest while a token is still good.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest while callers go without.
const LONGEST_PAUSE_WITHOUT: Duration = Duration::from_secs(5);
/// Longer is not believed of a `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// How long to leave the server alone after `failures` failures in a row, the last of them `error`.
///
/// Doubles each time; `chance` in 0..1 spreads the clients of one server apart.
pub(crate) fn pause(failures: u32, error: &TokenError, has_token: bool, chance: f64) -> Duration {
    let longest = if has_token { LONGEST_PAUSE } else { LONGEST_PAUSE_WITHOUT };
    let doubled = SHORTEST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let spread = doubled.min(longest).mul_f64(0.5 + chance / 2.0);
    let asked = error.retry_after().unwrap_or_default().min(LONGEST_RETRY_AFTER);
    spread.max(asked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Refusal;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn token(life: u64) -> AccessToken {
        let life = Duration::from_secs(life);
        AccessToken::new("t".into(), Provenance::Issued, START, life, Vec::new())
    }

    #[test]
    fn renewal_is_ahead_of_the_end_by_a_share_of_the_life_and_20_minutes_at_most() {
        use Freshness::{Due, Expired, Fresh, Urgent};
        for (life, left, is) in [
            (8 * 3_600, 8 * 3_600, Fresh),
            (8 * 3_600, 1_201, Fresh),
            (8 * 3_600, 1_200, Due),
            (8 * 3_600, 31, Due),
            (8 * 3_600, 30, Urgent),
            (8 * 3_600, 0, Expired),
            (1_200, 1_200, Fresh),
            (1_200, 481, Fresh),
            (1_200, 480, Due),
            (60, 60, Fresh),
            (60, 25, Fresh),
            (60, 24, Due),
            (60, 6, Urgent),
            (1, 1, Fresh),
        ] {
            let now = START + Duration::from_secs(life - left);
            assert_eq!(freshness(&token(life), now), is, "{left} s of {life} s left");
        }
        let after = START + Duration::from_secs(61);
        assert_eq!(freshness(&token(60), after), Expired);
    }

    #[test]
    fn an_expired_token_serves_a_minute_more_unless_its_end_is_ignored() {
        for (after, grace, ignored) in [(0, true, true), (59, true, true), (60, false, true)] {
            let now = START + Duration::from_secs(100 + after);
            assert_eq!(AfterExpiry::Grace.still_serves(&token(100), now), grace, "{after}");
            assert_eq!(AfterExpiry::Ignored.still_serves(&token(100), now), ignored, "{after}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_the_token_due_not_immortal() {
        let start = START + Duration::from_secs(1_000);
        let life = Duration::from_secs(100);
        let token = AccessToken::new("t".into(), Provenance::Issued, start, life, Vec::new());
        assert_eq!(freshness(&token, START), Freshness::Due);
    }

    #[test]
    fn pauses_double_up_to_a_bound_that_is_lower_when_callers_go_without() {
        let error = TokenError::Interrupted;
        let pauses = |has_token| {
            [1, 2, 3, 4, 7, 60, u32::MAX].map(|n| pause(n, &error, has_token, 1.0).as_millis())
        };
        assert_eq!(pauses(true), [500, 1_000, 2_000, 4_000, 30_000, 30_000, 30_000]);
        assert_eq!(pauses(false), [500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
        assert_eq!(pause(3, &error, true, 0.0), Duration::from_secs(1));
    }

    #[test]
    fn retry_after_is_honoured_within_reason() {
        for (asked, pauses) in [(0, 1), (20, 20), (1_000_000, 300)] {
            let error = TokenError::Refused(Refusal {
                status: http::StatusCode::SERVICE_UNAVAILABLE,
                error: None,
                description: None,
                decision_id: None,
                retry_after: Some(Duration::from_secs(asked)),
            });
            assert_eq!(pause(2, &error, false, 1.0), Duration::from_secs(pauses));
        }
    }

    proptest! {
        #[test]
        fn a_new_token_is_never_due_at_once(life in 1_u64..400_000_000) {
            prop_assert_eq!(freshness(&token(life), START), Freshness::Fresh);
        }

        #[test]
        fn as_time_passes_a_token_only_gets_older(life in 1_u64..100_000, step in 1_u64..5_000) {
            let mut last = Freshness::Fresh;
            for passed in (0..=life + step).step_by(usize::try_from(step).unwrap()) {
                let now = freshness(&token(life), START + Duration::from_secs(passed));
                prop_assert!(now as u8 >= last as u8);
                last = now;
            }
        }
    }
}
