//! The bounded queue before the writer: full means "try again later", at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use grantor_store::StoreError;

/// Jobs that wait for the one thread that takes them.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    jobs: VecDeque<T>,
    open: bool,
    /// Whether the taker sleeps: nobody is woken for nothing
    asleep: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { jobs: VecDeque::with_capacity(capacity), open: true, asleep: false };
        Self { state: Mutex::new(state), wake: Condvar::new(), capacity }
    }

    /// Adds a job, if there is room.
    pub(crate) fn push(&self, job: T) -> Result<(), StoreError> {
        let mut state = self.lock();
        if !state.open {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        if state.jobs.len() >= self.capacity {
            return Err(StoreError::Unavailable("too many writes wait".to_owned()));
        }
        state.jobs.push_back(job);
        let wake = std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes what waits, up to `most`; sleeps until there is something. `false` when the queue is
    /// closed and empty.
    pub(crate) fn take(&self, most: usize, batch: &mut Vec<T>) -> bool {
        let mut state = self.lock();
        while state.jobs.is_empty() {
            if !state.open {
                return false;
            }
            state.asleep = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.asleep = false;
        let count = state.jobs.len().min(most);
        batch.extend(state.jobs.drain(..count));
        true
    }

    /// Takes nothing more in; what waits is still done.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.wake.notify_one();
    }

    /// Takes nothing more in and drops what waits: nobody is there to do it.
    pub(crate) fn abandon(&self) {
        self.close();
        let waiting = std::mem::take(&mut self.lock().jobs);
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_at_once() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert!(matches!(queue.push(3), Err(StoreError::Unavailable(_))));
    }

    #[test]
    fn a_closed_queue_is_emptied_and_takes_nothing_in() {
        let queue = Queue::new(4);
        queue.push(1).unwrap();
        queue.close();
        assert!(queue.push(2).is_err());
        let mut batch = Vec::new();
        assert!(queue.take(64, &mut batch));
        assert_eq!(batch, [1]);
        assert!(!queue.take(64, &mut batch));
    }
}
