//! The pool: right answers, a full queue, waiters that leave, threads that end.

use std::sync::mpsc;

use super::*;

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

/// A pool whose only thread is held up until the sender goes.
fn stalled(queue: usize) -> (PasswordPool, mpsc::Sender<()>) {
    let pool = PasswordPool::start_with(1, queue, || Ok(Hasher::cheap_for_tests())).unwrap();
    let (release, gate) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let held = pool.submit(move |_| {
        entered.send(()).unwrap();
        let _ = gate.recv();
    });
    std::mem::forget(held.unwrap());
    inside.recv().unwrap();
    (pool, release)
}

#[test]
fn a_password_is_hashed_verified_and_upgraded() {
    let pool = PasswordPool::cheap_for_tests().unwrap();
    let stored = pool.hash(password("secret")).unwrap().wait().unwrap();
    let verdict = pool.verify(password("secret"), stored.clone()).unwrap().wait().unwrap();
    assert_eq!(verdict, Verdict::Match { upgrade: None });
    let verdict = pool.verify(password("Secret"), stored).unwrap().wait().unwrap();
    assert_eq!(verdict, Verdict::Mismatch);

    let imported: PasswordHash = bcrypt::hash("secret", 4).unwrap().parse().unwrap();
    let verdict = pool.verify(password("secret"), imported).unwrap().wait().unwrap();
    let Verdict::Match { upgrade: Some(upgrade) } = verdict else { panic!("{verdict:?}") };
    assert!(upgrade.as_str().starts_with("$argon2id$"));
    let verdict = pool.verify(password("secret"), upgrade).unwrap().wait().unwrap();
    assert_eq!(verdict, Verdict::Match { upgrade: None });
}

#[test]
fn sec_114_nobody_never_matches() {
    let pool = PasswordPool::cheap_for_tests().unwrap();
    let verdict = pool.verify_nobody(password("secret")).unwrap().wait().unwrap();
    assert_eq!(verdict, Verdict::Mismatch);
}

#[test]
fn sec_118_beyond_the_queue_the_answer_is_no_at_once() {
    let (pool, release) = stalled(2);
    let first = pool.hash(password("a")).unwrap();
    let second = pool.hash(password("b")).unwrap();
    assert_eq!(pool.hash(password("c")).unwrap_err(), PoolFull);
    assert_eq!(pool.waiting(), 2);
    drop(release);
    assert!(first.wait().is_ok() && second.wait().is_ok());
    assert!(pool.hash(password("c")).unwrap().wait().is_ok());
}

#[test]
fn sec_118_nothing_is_computed_for_a_waiter_who_left() {
    let (pool, release) = stalled(8);
    let (done, worked) = mpsc::channel();
    drop(pool.submit(move |_| done.send(()).unwrap()).unwrap());
    drop(release);
    pool.hash(password("a")).unwrap().wait().unwrap();
    assert!(worked.recv().is_err(), "the abandoned job was dropped, not run");
}

#[test]
fn a_job_that_panics_breaks_its_promise_and_not_the_pool() {
    let pool = PasswordPool::cheap_for_tests().unwrap();
    let broken = pool.submit::<()>(|_| panic!("on purpose")).unwrap();
    assert_eq!(broken.wait(), Err(PoolGone));
    assert!(pool.hash(password("a")).unwrap().wait().is_ok());
}

#[test]
fn who_waits_when_the_pool_ends_is_told() {
    let (pool, release) = stalled(8);
    let waiting = pool.hash(password("a")).unwrap();
    let dropping = thread::spawn(move || drop(pool));
    assert_eq!(waiting.wait().unwrap_err(), PoolGone);
    drop(release);
    dropping.join().unwrap();
}

#[test]
fn a_result_can_be_awaited() {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let (pool, release) = stalled(8);
    let mut pending = pool.hash(password("a")).unwrap();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    assert!(Pin::new(&mut pending).poll(&mut context).is_pending());
    drop(release);
    loop {
        if let Poll::Ready(result) = Pin::new(&mut pending).poll(&mut context) {
            assert!(result.is_ok());
            break;
        }
        thread::park();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sec_118_hashing_threads_stand_behind_all_others() {
    use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
    let pool = PasswordPool::cheap_for_tests().unwrap();
    let policy = || thread_priority::thread_schedule_policy().unwrap();
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    assert_eq!(pool.submit(move |_| policy()).unwrap().wait(), Ok(idle));
    assert_ne!(policy(), idle, "this thread is as it was");
}

#[test]
fn sec_118_a_worker_with_nothing_to_do_gives_its_memory_back() {
    let pool = PasswordPool::cheap_for_tests().unwrap();
    let is_resting =
        |pool: &PasswordPool| pool.submit(|hasher| hasher.is_resting()).unwrap().wait().unwrap();
    pool.hash(password("secret")).unwrap().wait().unwrap();
    assert!(!is_resting(&pool));
    thread::sleep(IDLE * 2);
    assert!(is_resting(&pool));
}
