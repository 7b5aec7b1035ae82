//! A handler that takes too long or panics ends its own request and no other. SEC-009, SEC-193.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use crate::alarm::{Alarm, Rest};

/// A request takes at most this long (SEC-009).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request may take.
pub(super) enum Limit {
    /// By the timer of the connection
    Shared(Rest),
    /// By one of its own
    Own(Pin<Box<tokio::time::Sleep>>),
}

impl Limit {
    pub(super) fn of(alarm: Option<&Alarm>) -> Self {
        match alarm {
            Some(alarm) => Self::Shared(alarm.after(REQUEST_TIMEOUT)),
            None => Self::Own(Box::pin(tokio::time::sleep(REQUEST_TIMEOUT))),
        }
    }
}

impl Future for Limit {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.get_mut() {
            Self::Shared(rest) => Pin::new(rest).poll(context),
            Self::Own(sleep) => sleep.as_mut().poll(context),
        }
    }
}

/// Why a handler has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    Panicked,
    TooLate,
}

/// Answers, unless that takes too long or panics. Most are answered at once: only who has to wait is
/// given a limit.
pub(super) async fn guarded<L: Future<Output = ()>>(
    limit: impl FnOnce() -> L,
    answering: impl Future<Output = Response<Body>>,
) -> Result<Response<Body>, Unanswered> {
    let mut answering = pin!(AssertUnwindSafe(answering).catch_unwind());
    let at_once = poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await;
    if let Poll::Ready(answer) = at_once {
        return answer.map_err(|_panic| Unanswered::Panicked);
    }
    match select(answering, pin!(limit())).await {
        Either::Left((answer, _)) => answer.map_err(|_panic| Unanswered::Panicked),
        Either::Right(_) => Err(Unanswered::TooLate),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use axum::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn sec_193_a_panic_of_a_handler_ends_its_request_only() {
        let bug = |fails: bool| async move {
            if fails { panic!("a bug") } else { Response::new(Body::empty()) }
        };
        let never = pending::<()>;
        assert_eq!(guarded(never, bug(true)).await.unwrap_err(), Unanswered::Panicked);
        assert_eq!(guarded(never, bug(false)).await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn sec_009_a_handler_that_takes_too_long_is_given_up() {
        let late = guarded(|| ready(()), pending()).await;
        assert_eq!(late.unwrap_err(), Unanswered::TooLate);
    }
}
