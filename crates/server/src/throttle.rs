//! Slowing down whoever fails to authenticate a client again and again (SEC-056).
//!
//! Kept per node and per pair of client and address, so that nobody can lock a client out for its
//! real owner. Password failures are counted in the store instead (`grantor_domain::throttle`).

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use grantor_oauth_types::name::{ClientId, TenantName};
use jiff::Timestamp;
use quick_cache::sync::Cache;

/// Failures that are free.
const FREE: u32 = 20;

/// After this many seconds without a failure everything is forgotten.
const FORGET_AFTER: i64 = 300;

/// How many pairs are remembered; the oldest go first (REL-035).
const REMEMBERED: usize = 10_000;

/// Recent failures.
#[derive(Debug)]
pub struct Throttle {
    failures: Cache<(TenantName, ClientId, Option<IpAddr>), (u32, i64)>,
    /// Whether there ever was one: mostly nobody fails, and nothing has to be looked up
    any: AtomicBool,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { failures: Cache::new(REMEMBERED), any: AtomicBool::new(false) }
    }
}

impl Throttle {
    /// Seconds until the next try is looked at; `None` is at once.
    pub fn wait(
        &self,
        tenant: &TenantName,
        client: &ClientId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<u32> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let (count, last) = self.failures.get(&(tenant.clone(), client.clone(), address))?;
        let over = count.checked_sub(FREE)?;
        let wait = 1_i64 << over.min(6);
        u32::try_from(last + wait - now.as_second()).ok().filter(|seconds| *seconds > 0)
    }

    /// Remembers a failure.
    pub fn failed(
        &self,
        tenant: &TenantName,
        client: &ClientId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) {
        let key = (tenant.clone(), client.clone(), address);
        let second = now.as_second();
        let count = match self.failures.get(&key) {
            Some((count, last)) if second - last < FORGET_AFTER => count.saturating_add(1),
            _ => 1,
        };
        self.failures.insert(key, (count, second));
        self.any.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rel_035_failures_of_ever_new_clients_take_no_more_than_their_room() {
        let (throttle, now) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        let tenant = TenantName::parse("main").unwrap();
        for n in 0..3 * REMEMBERED {
            let client = ClientId::parse(&format!("client-{n}")).unwrap();
            throttle.failed(&tenant, &client, None, now);
        }
        assert!(throttle.failures.len() <= REMEMBERED, "{}", throttle.failures.len());
    }
}
