//! Each refresh token is spent once, however many hold a copy of it. RFC 9700 §4.14.2, SEC-187.
//!
//! Two requests of one person often find the same session: both see that the access token is over,
//! and both would present the refresh token. A server that rotates them takes the second for a
//! thief's and ends the login. So whoever comes while a token is being spent waits for the same
//! answer, and whoever comes with one that was spent a short while ago gets what it bought.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use grantor_crypto::digest::sha256;
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::error::TokenError;
use crate::login::error::LoginError;
use crate::login::relying_party::Login;
use crate::secret::Secret;

/// For how long somebody may still hold a copy of a spent token: longer than any request takes.
const REMEMBERED: Duration = Duration::from_mins(1);
/// How many spent tokens are remembered at most.
const MOST: usize = 10_000;

/// SHA-256 of a refresh token.
type Key = [u8; 32];

/// The refresh tokens of one relying party.
#[derive(Debug)]
pub(crate) struct Refreshes {
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    tokens: HashMap<Key, Spending>,
    /// When those that are over were spent, the oldest first
    spent: VecDeque<(SystemTime, Key)>,
}

/// What is becoming of a refresh token, or became of it.
#[derive(Clone, Debug)]
enum Spending {
    UnderWay(Flight),
    /// It was replaced; the login has its successor.
    Over(Box<Login>),
}

#[derive(Clone, Debug)]
struct Flight {
    answer: Shared<BoxFuture<'static, Result<Login, LoginError>>>,
    task: AbortHandle,
}

impl Known {
    fn forget(&mut self, now: SystemTime) {
        while let Some((at, key)) = self.spent.front() {
            let old = now.duration_since(*at).is_ok_and(|age| age >= REMEMBERED);
            if !old && self.spent.len() <= MOST {
                return;
            }
            self.tokens.remove(key);
            self.spent.pop_front();
        }
    }

    /// What a token bought, and what its successors did: the newest login, and what is under way
    /// for the token of that one. The runtime of a flight may have been shut down under it.
    fn follow(&self, token: &Secret) -> (Option<Login>, Option<Flight>) {
        let mut newest = None;
        let mut next = key(token);
        // A server that hands out a token for the second time must not send us in circles.
        for _ in 0..=self.tokens.len() {
            match self.tokens.get(&next) {
                Some(Spending::Over(login)) => {
                    newest = Some((**login).clone());
                    let Some(token) = &login.refresh_token else { break };
                    next = key(token);
                }
                Some(Spending::UnderWay(flight)) if !flight.task.is_finished() => {
                    return (newest, Some(flight.clone()));
                }
                _ => break,
            }
        }
        (newest, None)
    }
}

fn key(token: &Secret) -> Key {
    sha256(token.reveal().as_bytes())
}

impl Refreshes {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, known: Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `token` buys. `spend` is called when nobody is at it and nobody was a short while ago;
    /// after a failure it is spent again, since the server may never have seen it.
    pub(crate) async fn once<F>(
        self: &Arc<Self>,
        token: &Secret,
        spend: impl FnOnce() -> F,
    ) -> Result<Login, LoginError>
    where
        F: Future<Output = Result<Login, LoginError>> + Send + 'static,
    {
        let (newest, flight) = {
            let mut known = self.known();
            known.forget(self.clock.now());
            let (newest, flight) = known.follow(token);
            match (newest, flight) {
                (Some(login), None) => return Ok(login),
                (newest, Some(flight)) => (newest, flight),
                (None, None) => (None, self.launch(&mut known, token, spend())),
            }
        };
        match (flight.answer.await, newest) {
            (Err(_), Some(login)) => Ok(login),
            (answer, _) => answer,
        }
    }

    /// A task of its own, so that the successor is not lost when whoever asked hangs up.
    fn launch<F>(self: &Arc<Self>, known: &mut Known, token: &Secret, spending: F) -> Flight
    where
        F: Future<Output = Result<Login, LoginError>> + Send + 'static,
    {
        let (all, token) = (Arc::clone(self), token.clone());
        let place = key(&token);
        let task = tokio::spawn(async move {
            let answer = spending.await;
            all.settle(&token, &answer);
            answer
        });
        let handle = task.abort_handle();
        let interrupted = || Err(TokenError::Interrupted.into());
        let answer = task.map(move |end| end.unwrap_or_else(|_| interrupted())).boxed().shared();
        let flight = Flight { answer, task: handle };
        known.tokens.insert(place, Spending::UnderWay(flight.clone()));
        flight
    }

    fn settle(&self, token: &Secret, answer: &Result<Login, LoginError>) {
        let (now, place) = (self.clock.now(), key(token));
        let mut known = self.known();
        let replaced = answer.as_ref().ok().filter(|login| {
            login.refresh_token.as_ref().is_some_and(|next| next.reveal() != token.reveal())
        });
        match replaced {
            Some(login) => {
                known.tokens.insert(place, Spending::Over(Box::new(login.clone())));
                known.spent.push_back((now, place));
            }
            // It is as good, or as bad, as it was.
            None => drop(known.tokens.remove(&place)),
        }
    }
}
