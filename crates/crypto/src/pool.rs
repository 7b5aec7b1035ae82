//! A bounded pool for password hashing (SEC-117, SEC-118).
//!
//! As many threads as cores, each with hashing memory of its own while it is busy, behind a short queue: when the queue is
//! full the answer is [`PoolFull`] at once, and the caller says 503. The threads run when nothing else
//! does, so a flood of logins does not slow the threads that serve tokens. Results are futures
//! of no particular runtime; whoever stops waiting takes the job off the queue.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::password::{BadCost, HashCost, Hasher, Password, PasswordHash};

/// A worker that has had nothing to do for this long gives its hashing memory back.
const IDLE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// How large the pool is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Threads, and so hashes at one time.
    pub threads: usize,
    /// Jobs that may wait for a thread.
    pub queue: usize,
    /// What new hashes cost.
    pub cost: HashCost,
}

impl Default for PoolConfig {
    /// As many threads as cores, and a queue that empties in about a second.
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { threads, queue: threads * 32, cost: HashCost::default() }
    }
}

/// The pool could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The cost is out of bounds.
    #[error(transparent)]
    Cost(#[from] BadCost),
    /// The system gave no thread.
    #[error("a hashing thread could not be started")]
    Thread(#[from] io::Error),
}

/// The queue is full: 503 with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct PoolFull;

/// The pool was stopped, or failed, before the result was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hashing pool is gone")]
pub struct PoolGone;

/// Whether a password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was. `upgrade` is the hash to store instead, when the stored one is out of date.
    Match {
        /// Made of the same password at today's cost.
        upgrade: Option<PasswordHash>,
    },
    /// It was not, or there is nobody to compare with.
    Mismatch,
}

/// The pool. Dropping it ends the threads after the hash they are at.
pub struct PasswordPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    queue: usize,
}

type Job = Box<dyn FnOnce(&mut Hasher) + Send>;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    stopped: bool,
}

impl PasswordPool {
    /// Starts the threads.
    pub fn start(config: &PoolConfig) -> Result<Self, StartError> {
        Self::start_with(config.threads, config.queue, || Hasher::new(&config.cost))
    }

    /// A pool of one thread whose hashes cost next to nothing, for tests of everything around it.
    pub fn cheap_for_tests() -> Result<Self, StartError> {
        Self::start_with(1, 64, || Ok(Hasher::cheap_for_tests()))
    }

    fn start_with(
        threads: usize,
        queue: usize,
        hasher: impl Fn() -> Result<Hasher, BadCost>,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::default());
        let mut pool = Self { shared, threads: Vec::new(), queue };
        for number in 0..threads.max(1) {
            let (shared, hasher) = (Arc::clone(&pool.shared), hasher()?);
            let thread = thread::Builder::new().name(format!("password-{number}"));
            pool.threads.push(thread.spawn(move || shared.work(hasher))?);
        }
        Ok(pool)
    }

    /// Compares `password` with `stored`, and makes a new hash if that one is out of date.
    pub fn verify(
        &self,
        password: Password,
        stored: PasswordHash,
    ) -> Result<Pending<Verdict>, PoolFull> {
        self.submit(move |hasher| {
            if !hasher.verify(&password, &stored) {
                return Verdict::Mismatch;
            }
            let outdated = hasher.needs_rehash(&stored);
            Verdict::Match { upgrade: outdated.then(|| hasher.hash(&password)) }
        })
    }

    /// Takes as long as [`Self::verify`], for a user who does not exist (SEC-114).
    pub fn verify_nobody(&self, password: Password) -> Result<Pending<Verdict>, PoolFull> {
        self.submit(move |hasher| {
            hasher.verify_nobody(&password);
            Verdict::Mismatch
        })
    }

    /// Makes the hash of a new password.
    pub fn hash(&self, password: Password) -> Result<Pending<PasswordHash>, PoolFull> {
        self.submit(move |hasher| hasher.hash(&password))
    }

    /// Jobs that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hasher) -> T + Send + 'static,
    ) -> Result<Pending<T>, PoolFull> {
        let slot = Arc::new(Slot::default());
        let promise = Promise(Arc::clone(&slot));
        let job: Job = Box::new(move |hasher| {
            if promise.is_awaited() {
                let result = work(hasher);
                promise.keep(result);
            }
        });
        let mut state = self.shared.lock();
        if state.jobs.len() >= self.queue {
            return Err(PoolFull);
        }
        state.jobs.push_back(job);
        drop(state);
        self.shared.work.notify_one();
        Ok(Pending(slot))
    }
}

impl Drop for PasswordPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        let abandoned = std::mem::take(&mut state.jobs);
        drop(state);
        // Their promises break, so nobody waits for ever.
        drop(abandoned);
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A worker catches what jobs throw, so there is nothing to hear.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordPool({} threads)", self.threads.len())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut hasher: Hasher) {
        yield_to_others();
        while let Some(job) = self.next(&mut hasher) {
            // A lost promise tells the waiter; the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut hasher)));
        }
    }

    /// Waits for the next job. A hasher that nobody needed for a while gives its memory back: most
    /// servers see few passwords, and 19 MiB a worker is more than everything else they hold.
    fn next(&self, hasher: &mut Hasher) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if hasher.is_resting() {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let woken = self.work.wait_timeout(state, IDLE);
            let (again, waited) = woken.unwrap_or_else(PoisonError::into_inner);
            state = again;
            if waited.timed_out() && state.jobs.is_empty() {
                hasher.rest();
            }
        }
    }
}

/// Puts this thread behind all others: it runs when a core has nothing else to do, and makes way at
/// once for whoever wakes up (`SCHED_IDLE`). The lowest priority of the normal policy is not enough:
/// on a single core it still takes milliseconds from the threads that serve tokens.
#[cfg(target_os = "linux")]
fn yield_to_others() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // Lowering oneself is always allowed; if not, we are merely less polite.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
}

#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}

/// A result that is being computed. Await it, or [`wait`](Self::wait) for it on a thread.
#[derive(Debug)]
pub struct Pending<T>(Arc<Slot<T>>);

struct Slot<T> {
    state: Mutex<SlotState<T>>,
    filled: Condvar,
}

struct SlotState<T> {
    result: Option<Result<T, PoolGone>>,
    waker: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        let state = Mutex::new(SlotState { result: None, waker: None });
        Self { state, filled: Condvar::new() }
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, result: Result<T, PoolGone>) {
        let mut state = self.lock();
        if state.result.is_none() {
            state.result = Some(result);
        }
        let waker = state.waker.take();
        drop(state);
        self.filled.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Pending<T> {
    /// Blocks this thread until the result is there.
    pub fn wait(self) -> Result<T, PoolGone> {
        let mut state = self.0.lock();
        loop {
            if let Some(result) = state.result.take() {
                return result;
            }
            state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, PoolGone>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock();
        if let Some(result) = state.result.take() {
            return Poll::Ready(result);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// The worker's end: kept with a result, or broken when it is dropped.
struct Promise<T>(Arc<Slot<T>>);

impl<T> Promise<T> {
    /// Whether the other end still exists.
    fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn keep(&self, result: T) {
        self.0.fill(Ok(result));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.0.fill(Err(PoolGone));
    }
}

#[cfg(test)]
mod tests;
