//! A few at a time for each account: whoever comes while others are being judged waits for them.
//!
//! An attempt is counted before its secret is looked at (REL-021), so many right ones at once look
//! like many wrong ones until they are judged. Here the next is counted only when one before it has
//! been judged, and has set the counter back if it was right: right ones are never slowed down by
//! their own number, and of wrong ones no more are looked at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use grantor_oauth_types::name::TenantName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many attempts on one account are judged at once on a node. Two nodes together stay below
/// [`grantor_domain::throttle::FREE_ATTEMPTS`].
const AT_ONCE: usize = 4;

/// How many may wait for one account. More is no honest use (SEC-118).
const WAITING: usize = 256;

type Account = (TenantName, String);

/// The turnstiles of all accounts that are being judged now; those of others take no room.
#[derive(Clone, Debug, Default)]
pub struct Turnstiles(Arc<Mutex<HashMap<Account, Turnstile>>>);

#[derive(Debug)]
struct Turnstile {
    /// Inside or waiting
    here: usize,
    places: Arc<Semaphore>,
}

/// A place inside. Its holder is being judged; dropping it lets the next one in.
#[derive(Debug)]
pub struct Turn {
    // In this order: the place is free before the account is forgotten.
    _place: OwnedSemaphorePermit,
    _presence: Presence,
}

/// Too many wait for this account.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wait for this account")]
pub struct Crowded;

impl Turnstiles {
    /// Waits for a place.
    pub async fn enter(&self, tenant: &TenantName, account: &str) -> Result<Turn, Crowded> {
        let account = (tenant.clone(), account.to_owned());
        let places = self.arrive(&account)?;
        let presence = Presence { turnstiles: self.clone(), account };
        let place = places.acquire_owned().await.expect("nobody closes a turnstile");
        Ok(Turn { _place: place, _presence: presence })
    }

    fn arrive(&self, account: &Account) -> Result<Arc<Semaphore>, Crowded> {
        let mut turnstiles = self.lock();
        let turnstile = turnstiles
            .entry(account.clone())
            .or_insert_with(|| Turnstile { here: 0, places: Arc::new(Semaphore::new(AT_ONCE)) });
        if turnstile.here >= AT_ONCE + WAITING {
            return Err(Crowded);
        }
        turnstile.here += 1;
        Ok(Arc::clone(&turnstile.places))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Account, Turnstile>> {
        self.0.lock().expect("nobody panics while counting")
    }
}

/// Somebody is inside or waits; also when the waiting is given up.
#[derive(Debug)]
struct Presence {
    turnstiles: Turnstiles,
    account: Account,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut turnstiles = self.turnstiles.lock();
        let Some(turnstile) = turnstiles.get_mut(&self.account) else { return };
        turnstile.here -= 1;
        if turnstile.here == 0 {
            turnstiles.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn main() -> TenantName {
        TenantName::parse("main").unwrap()
    }

    #[tokio::test]
    async fn rel_021_no_more_are_inside_than_there_are_places() {
        let (turnstiles, main) = (Turnstiles::default(), main());
        let mut inside = Vec::new();
        for _ in 0..AT_ONCE {
            inside.push(turnstiles.enter(&main, "bob").await.unwrap());
        }
        let mut next = Box::pin(turnstiles.enter(&main, "bob"));
        assert!((&mut next).now_or_never().is_none(), "one too many");
        assert!(turnstiles.enter(&main, "eve").now_or_never().is_some(), "another account");
        inside.pop();
        assert!(next.now_or_never().is_some(), "a place is free");
    }

    #[tokio::test]
    async fn rel_035_accounts_take_room_only_while_they_are_judged() {
        let (turnstiles, main) = (Turnstiles::default(), main());
        let inside = turnstiles.enter(&main, "bob").await.unwrap();
        let given_up = turnstiles.enter(&main, "bob");
        drop(given_up);
        drop(inside);
        assert!(turnstiles.lock().is_empty());
    }

    #[tokio::test]
    async fn sec_118_no_more_wait_than_there_is_room_for() {
        let (turnstiles, main) = (Turnstiles::default(), main());
        let mut inside = Vec::new();
        for _ in 0..AT_ONCE {
            inside.push(turnstiles.enter(&main, "bob").await.unwrap());
        }
        let mut waiting: Vec<_> =
            (0..WAITING).map(|_| Box::pin(turnstiles.enter(&main, "bob"))).collect();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        assert_eq!(turnstiles.enter(&main, "bob").await.unwrap_err(), Crowded);
    }
}
