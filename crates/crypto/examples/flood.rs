//! What a flood of password checks does to the thread that opens tokens: the time from a request to
//! its answer, idle, under the pool, and under hashing threads of ordinary priority. Run with
//! `--release`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::disallowed_methods, reason = "measuring time is what it is for")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use grantor_crypto::password::{HashCost, Hasher, Password};
use grantor_crypto::pool::{PasswordPool, PoolConfig};
use grantor_crypto::token::{TokenKey, TokenSealer};

const REQUESTS: usize = 4000;

/// Asks for a token to be opened every half millisecond, and prints how long the answers took.
fn measure(name: &str) {
    let sealer = TokenSealer::new(TokenKey::new(1, &[1; 32]), []);
    let token = sealer.seal("gat", b"tenant", &[7; 200]);
    let (ask, asked) = mpsc::channel::<Instant>();
    let (answer, answered) = mpsc::channel();
    let server = thread::spawn(move || {
        for start in asked {
            for _ in 0..50 {
                assert!(sealer.open("gat", b"tenant", &token).is_some());
            }
            let _ = answer.send(start.elapsed());
        }
    });
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        thread::sleep(Duration::from_micros(500));
        ask.send(Instant::now()).expect("the server waits");
        times.push(answered.recv().expect("the server answers"));
    }
    drop(ask);
    server.join().expect("the server ends");
    times.sort();
    let at = |share: usize| times[times.len() * share / 1000];
    println!("{name:<34} p50 {:>9.1?}  p99 {:>9.1?}  p99.9 {:>9.1?}", at(500), at(990), at(999));
}

fn main() {
    let password = Password::new("correct horse battery staple").expect("a password");
    measure("idle");

    let pool = PasswordPool::start(&PoolConfig::default()).expect("the pool starts");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut pending = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                while let Ok(one) = pool.verify_nobody(password.clone()) {
                    pending.push(one);
                }
                thread::sleep(Duration::from_millis(5));
            }
            pending.clear();
        });
        thread::sleep(Duration::from_millis(200));
        measure("the pool is full");
        stop.store(true, Ordering::Relaxed);
    });
    drop(pool);

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                let mut hasher = Hasher::new(&HashCost::default()).expect("the default cost");
                while !stop.load(Ordering::Relaxed) {
                    hasher.verify_nobody(&password);
                }
            });
        }
        thread::sleep(Duration::from_millis(200));
        measure("hashing at ordinary priority");
        stop.store(true, Ordering::Relaxed);
    });
}
