//! Slowing down whoever fails to authenticate again and again (SEC-056, SEC-115).
//!
//! Kept per node: who guesses the secret of a client is known by client and address, so that nobody can
//! lock a client out for its real owner; who guesses the passwords of many people by the address alone.
//! The failures on one account are counted in the store instead (`grantor_domain::throttle`), and all
//! guessing there is together is bounded by the pool that hashes (SEC-118).

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use grantor_domain::throttle::Pace;
use jiff::Timestamp;
use quick_cache::sync::Cache;

/// How many are remembered; the oldest go first (REL-035).
const REMEMBERED: usize = 10_000;

/// Recent failures.
#[derive(Debug)]
pub struct Throttle<K> {
    /// When everything is forgiven, in milliseconds since 1970
    forgiven: Cache<K, Arc<AtomicI64>>,
    pace: Pace,
    /// Whether there ever was one: mostly nobody fails, and nothing has to be looked up
    any: AtomicBool,
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    /// Lets everybody fail at this pace.
    pub fn new(pace: Pace) -> Self {
        Self { forgiven: Cache::new(REMEMBERED), pace, any: AtomicBool::new(false) }
    }

    /// Seconds until the next try is looked at; `None` is at once.
    pub fn wait(&self, who: impl FnOnce() -> K, now: Timestamp) -> Option<u32> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.pace.wait(self.forgiven.get(&who())?.load(Ordering::Relaxed), now)
    }

    /// Counts a try before it is known to fail, however many there are at once; or the seconds until the
    /// next one is looked at.
    pub fn attempt(&self, who: &K, now: Timestamp) -> Option<u32> {
        let forgiven = self.of(who);
        let next = |forgiven| match self.pace.wait(forgiven, now) {
            Some(_) => None,
            None => Some(self.pace.failed(forgiven, now)),
        };
        let counted = forgiven.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        self.any.store(true, Ordering::Relaxed);
        counted.err().and_then(|forgiven| self.pace.wait(forgiven, now))
    }

    /// Forgets the failures of whoever did not fail.
    pub fn forget(&self, who: &K) {
        self.forgiven.remove(who);
    }

    /// Remembers a failure.
    pub fn failed(&self, who: &K, now: Timestamp) {
        let forgiven = self.of(who);
        let next = |forgiven| Some(self.pace.failed(forgiven, now));
        let _ = forgiven.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        self.any.store(true, Ordering::Relaxed);
    }

    fn of(&self, who: &K) -> Arc<AtomicI64> {
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::default());
        let Ok(forgiven) = self.forgiven.get_or_insert_with(who, fresh);
        forgiven
    }
}

/// What counts as one address: of IPv6 the network that one subscriber has, since any of its addresses
/// is free to take (RFC 6177 §2).
pub fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { free: 3, forgiven_in: 5 };

    #[test]
    fn rel_035_failures_of_ever_new_names_take_no_more_than_their_room() {
        let throttle = Throttle::new(PACE);
        for n in 0..3 * REMEMBERED {
            throttle.failed(&n, Timestamp::UNIX_EPOCH);
        }
        assert!(throttle.forgiven.len() <= REMEMBERED, "{}", throttle.forgiven.len());
    }

    #[test]
    fn sec_115_of_many_failures_at_once_each_counts() {
        let throttle = Throttle::new(Pace { free: 1_000, forgiven_in: 1 });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..250).for_each(|_| throttle.failed(&(), Timestamp::UNIX_EPOCH)));
            }
        });
        assert_eq!(throttle.wait(|| (), Timestamp::UNIX_EPOCH), Some(1));
    }

    #[test]
    fn sec_116_of_many_tries_at_once_no_more_than_are_free_are_looked_at() {
        let throttle = Throttle::new(PACE);
        let counted: usize = std::thread::scope(|scope| {
            let tries = (0..4).map(|_| {
                let one = || throttle.attempt(&(), Timestamp::UNIX_EPOCH).is_none();
                scope.spawn(move || (0..250).filter(|_| one()).count())
            });
            tries.collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(counted, 3);
        assert_eq!(throttle.attempt(&(), Timestamp::UNIX_EPOCH), Some(5));
        throttle.forget(&());
        assert_eq!(throttle.attempt(&(), Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn sec_115_one_subscriber_is_one_address() {
        let same = |a: &str, b: &str| origin(a.parse().unwrap()) == origin(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8:0:0:ffff::2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
