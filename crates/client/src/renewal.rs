//! One token that is renewed: held, renewed ahead of its end, asked for once however many wait.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::error::TokenError;
use crate::schedule::{self, AfterExpiry, Freshness};
use crate::secret::{AccessToken, Provenance};

/// A token this young that is refused would be refused again: renewing it helps nobody.
const TOO_YOUNG_TO_REPLACE: Duration = Duration::from_secs(5);

/// A token and whatever is under way to renew it. Where the next one comes from is an argument of
/// each call, a future that is made only when there is nothing to join.
#[derive(Debug)]
pub(crate) struct Renewal {
    /// For the log
    name: String,
    after_expiry: AfterExpiry,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<AccessToken>,
    /// The last request, perhaps still under way.
    flight: Option<Flight>,
    /// Failures in a row, and the last of them.
    failures: u32,
    failed: Option<Failed>,
}

/// The last failure, and for how long nobody tries again.
#[derive(Debug)]
struct Failed {
    error: TokenError,
    at: SystemTime,
    pause: Duration,
}

impl Failed {
    /// How much of the pause is left. None when the clock was set back before the failure: how much
    /// is left is not known then, and a wait must not become as long as the step.
    fn retry_in(&self, now: SystemTime) -> Option<Duration> {
        let passed = now.duration_since(self.at).ok()?;
        self.pause.checked_sub(passed).filter(|left| !left.is_zero())
    }
}

/// The answer that many can wait for, and whether there is still something to wait for.
#[derive(Clone, Debug)]
struct Flight {
    answer: Shared<BoxFuture<'static, Result<AccessToken, TokenError>>>,
    task: AbortHandle,
}

impl State {
    /// Also false when the runtime of the request was shut down under it.
    fn under_way(&self) -> Option<&Flight> {
        self.flight.as_ref().filter(|flight| !flight.task.is_finished())
    }
}

impl Renewal {
    pub(crate) fn new(
        name: String,
        after_expiry: AfterExpiry,
        clock: Arc<dyn Clock>,
        held: Option<AccessToken>,
    ) -> Arc<Self> {
        let state = Mutex::new(State { held, ..State::default() });
        Arc::new(Self { name, after_expiry, clock, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that is good now: the one held, unless it is about to end.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        fetch: impl FnOnce() -> F,
    ) -> Result<AccessToken, TokenError>
    where
        F: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        let now = self.clock.now();
        let (held, flight) = {
            let mut state = self.state();
            let held = state.held.clone();
            let freshness = held.as_ref().map(|token| schedule::freshness(token, now));
            match (held, freshness) {
                (Some(token), Some(Freshness::Fresh)) => return Ok(token),
                (Some(token), Some(Freshness::Due)) => {
                    let _ = self.begin(&mut state, now, fetch);
                    return Ok(token);
                }
                (held, _) => (held, self.begin(&mut state, now, fetch)),
            }
        };
        let fetched = match flight {
            Ok(flight) => flight.answer.await,
            Err(error) => Err(error),
        };
        match (fetched, held) {
            (Err(_), Some(token)) if self.after_expiry.still_serves(&token, self.clock.now()) => {
                Ok(token)
            }
            (fetched, _) => fetched,
        }
    }

    /// A new token, whatever is held, and although the server is to be left alone.
    pub(crate) async fn refresh<F>(
        self: &Arc<Self>,
        fetch: impl FnOnce() -> F,
    ) -> Result<AccessToken, TokenError>
    where
        F: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        let flight = self.launch(&mut self.state(), fetch);
        flight.answer.await
    }

    /// A better token than `refused`, if there is any.
    pub(crate) async fn replace<F>(
        self: &Arc<Self>,
        refused: &AccessToken,
        fetch: impl FnOnce() -> F,
    ) -> Result<Option<AccessToken>, TokenError>
    where
        F: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        let now = self.clock.now();
        let flight = {
            let mut state = self.state();
            if let Some(held) = &state.held {
                if !held.is_same(refused) {
                    return Ok(Some(held.clone()));
                }
                let age = now.duration_since(held.issued_at()).unwrap_or(Duration::MAX);
                let pointless = match held.provenance() {
                    Provenance::Issued => age < TOO_YOUNG_TO_REPLACE,
                    Provenance::File => false,
                    Provenance::Fixed => true,
                };
                if pointless && state.under_way().is_none() {
                    return Ok(None);
                }
            }
            self.begin(&mut state, now, fetch)?
        };
        Ok(Some(flight.answer.await?).filter(|token| !token.is_same(refused)))
    }

    /// Renews ahead of time though nobody asks. What comes from a file is read when it is asked for.
    pub(crate) fn renew_if_due<F>(self: &Arc<Self>, now: SystemTime, fetch: impl FnOnce() -> F)
    where
        F: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        let mut state = self.state();
        let fresh = state.held.as_ref().is_some_and(|token| {
            schedule::freshness(token, now) == Freshness::Fresh
                || token.provenance() == Provenance::File
        });
        if !fresh {
            let _ = self.begin(&mut state, now, fetch);
        }
    }

    /// Joins the request that is under way, or starts one unless the server is to be left alone.
    fn begin<F>(
        self: &Arc<Self>,
        state: &mut State,
        now: SystemTime,
        fetch: impl FnOnce() -> F,
    ) -> Result<Flight, TokenError>
    where
        F: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        if state.under_way().is_none()
            && let Some(failed) = &state.failed
            && let Some(retry_in) = failed.retry_in(now)
        {
            return Err(TokenError::BackingOff { retry_in, last: Box::new(failed.error.clone()) });
        }
        Ok(self.launch(state, fetch))
    }

    /// A task of its own, so that nobody's giving up takes the answer from the others.
    fn launch<F>(self: &Arc<Self>, state: &mut State, fetch: impl FnOnce() -> F) -> Flight
    where
        F: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        if let Some(flight) = state.under_way() {
            return flight.clone();
        }
        let (renewal, fetching) = (Arc::clone(self), fetch());
        let task = tokio::spawn(async move {
            let fetched = fetching.await;
            renewal.settle(&fetched);
            fetched
        });
        let handle = task.abort_handle();
        let answer = task.map(|end| end.unwrap_or(Err(TokenError::Interrupted))).boxed().shared();
        let flight = Flight { answer, task: handle };
        state.flight = Some(flight.clone());
        flight
    }

    fn settle(&self, fetched: &Result<AccessToken, TokenError>) {
        let now = self.clock.now();
        let mut state = self.state();
        match fetched {
            Ok(token) => {
                state.held = Some(token.clone());
                state.failures = 0;
                state.failed = None;
                tracing::debug!(token_name = self.name, "token renewed");
            }
            Err(error) => {
                let good = state.held.as_ref().is_some_and(|token| token.expires_at() > now);
                let served =
                    state.held.as_ref().is_some_and(|t| self.after_expiry.still_serves(t, now));
                state.failures = state.failures.saturating_add(1);
                let pause = schedule::pause(state.failures, error, good, chance());
                state.failed = Some(Failed { error: error.clone(), at: now, pause });
                let error = error as &dyn std::error::Error;
                match (good, served) {
                    (true, _) => {
                        tracing::warn!(token_name = self.name, error, "keeping the old token");
                    }
                    (false, true) => {
                        tracing::warn!(token_name = self.name, error, "using an expired token");
                    }
                    // Whoever asks for it is told, and decides whether that is worth a warning.
                    (false, false) => tracing::debug!(token_name = self.name, error, "no token"),
                }
            }
        }
    }
}

/// 0..1, different for each process and call. It spreads load and guards nothing.
fn chance() -> f64 {
    f64::from((RandomState::new().hash_one(()) >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rel_024_a_clock_that_was_set_back_makes_no_pause_longer() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_hours(10);
        let failed = Failed { error: TokenError::Interrupted, at, pause: Duration::from_secs(30) };
        assert_eq!(failed.retry_in(at + Duration::from_secs(10)), Some(Duration::from_secs(20)));
        assert_eq!(failed.retry_in(at + Duration::from_secs(30)), None);
        assert_eq!(failed.retry_in(at - Duration::from_hours(1)), None);
    }
}
