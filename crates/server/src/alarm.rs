//! One timer for a connection, however many requests come over it.
//!
//! A timer that is made and thrown away with every request costs more than many a request: the wheel
//! of the runtime is locked to put it in and to take it out. Limits on time are seconds long and are
//! hardly ever reached, so a connection keeps one timer in the wheel, which rings now and then for
//! nothing; whether a limit is over is judged by the time.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::Timer;

/// The timer of one connection. Whoever waits for it is one task: that of the connection.
#[derive(Clone, Debug)]
pub(crate) struct Alarm(Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>);

impl Alarm {
    /// A timer that rings first after `within`.
    pub(crate) fn new(within: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(tokio::time::sleep(within)))))
    }

    /// Over at this time.
    pub(crate) fn at(&self, until: Instant) -> Rest {
        Rest { alarm: self.clone(), until }
    }

    /// Over after so long.
    pub(crate) fn after(&self, duration: Duration) -> Rest {
        self.at(now() + duration)
    }

    fn poll(&self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sleep.deadline().into_std() > until {
            sleep.as_mut().reset(until.into());
        }
        while sleep.as_mut().poll(context).is_ready() {
            if now() >= until {
                return Poll::Ready(());
            }
            // It rang for a limit of an earlier request.
            sleep.as_mut().reset(until.into());
        }
        Poll::Pending
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a peer takes is no matter of what time it is"
)]
fn now() -> Instant {
    Instant::now()
}

/// A limit of time.
#[derive(Debug)]
pub(crate) struct Rest {
    alarm: Alarm,
    until: Instant,
}

impl Future for Rest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll(self.until, context)
    }
}

impl hyper::rt::Sleep for Rest {}

/// hyper's own limits, on reading headers, ring with the same timer.
impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.after(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.at(deadline))
    }

    fn now(&self) -> Instant {
        now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sec_009_a_limit_is_kept_whatever_the_timer_rang_for_before() {
        let alarm = Alarm::new(Duration::from_millis(10));
        // Most requests are over long before their limit.
        drop(alarm.after(Duration::from_secs(30)));
        for millis in [30, 5, 40, 1] {
            let (started, limit) = (now(), Duration::from_millis(millis));
            alarm.after(limit).await;
            assert!(now() - started >= limit, "{millis}");
        }
    }

    #[tokio::test]
    async fn sec_009_of_two_limits_the_nearer_one_rings_first() {
        let alarm = Alarm::new(Duration::from_secs(10));
        let (far, near) =
            (alarm.after(Duration::from_secs(60)), alarm.after(Duration::from_millis(5)));
        let first = tokio::select! { biased; () = far => "far", () = near => "near" };
        assert_eq!(first, "near");
    }
}
