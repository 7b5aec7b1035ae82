//! What the shop remembers of a browser: in memory, under a random cookie.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use grantor_client::{Login, PendingLogin};
use grantor_crypto::secret::{BearerSecret, SecretKind};

use super::page::Notice;

/// The name of the cookie. Behind https it would be `__Host-shoe-shop`.
const COOKIE_NAME: &str = "shoe-shop";
/// The shop is small.
const MOST: usize = 1_000;

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) name: String,
    pub(super) login: Login,
}

/// A login that was begun, and the shoe it was begun for.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) pending: PendingLogin,
    pub(super) shoe: String,
}

#[derive(Debug, Default)]
struct Visit {
    customer: Option<Customer>,
    begun: Option<Begun>,
    notice: Option<Notice>,
}

/// Every browser that came.
#[derive(Debug, Default)]
pub(super) struct Visits(Mutex<HashMap<String, Visit>>);

/// The cookie of a request, or nothing.
pub(super) fn key(headers: &HeaderMap) -> String {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).map(str::trim);
    let ours = pairs.find_map(|pair| pair.strip_prefix(COOKIE_NAME)?.strip_prefix('='));
    ours.unwrap_or_default().to_owned()
}

/// The cookie of an answer. Lax: the browser brings it along when it comes back from the provider.
pub(super) fn cookie(key: &str) -> String {
    format!("{COOKIE_NAME}={key}; Path=/; HttpOnly; SameSite=Lax")
}

impl Visits {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Visit>> {
        self.0.lock().expect("nothing panics while it holds the visits")
    }

    /// Changes a visit, or begins one; the key it has.
    fn change(&self, key: &str, change: impl FnOnce(&mut Visit)) -> String {
        let mut visits = self.all();
        if let Some(visit) = visits.get_mut(key) {
            change(visit);
            return key.to_owned();
        }
        if visits.len() >= MOST {
            visits.clear();
        }
        // Never a key that the browser chose.
        let key = BearerSecret::mint(SecretKind::Session).reveal();
        change(visits.entry(key.clone()).or_default());
        key
    }

    /// The customer, and the notice that was not shown yet.
    pub(super) fn look(&self, key: &str) -> (Option<Customer>, Option<Notice>) {
        let mut visits = self.all();
        let visit = visits.get_mut(key);
        visit.map_or((None, None), |visit| (visit.customer.clone(), visit.notice.take()))
    }

    /// What the next page is to say; the key of the visit.
    pub(super) fn tell(&self, key: &str, notice: Notice) -> String {
        self.change(key, |visit| visit.notice = Some(notice))
    }

    /// Keeps a login; the key of the visit.
    pub(super) fn begin(&self, key: &str, begun: Begun) -> String {
        self.change(key, |visit| visit.begun = Some(begun))
    }

    /// The login that was begun here; it can be finished once.
    pub(super) fn take_begun(&self, key: &str) -> Option<Begun> {
        self.all().get_mut(key)?.begun.take()
    }

    /// Somebody signed in: the visit goes on under a new key.
    pub(super) fn welcome(&self, key: &str, customer: Customer) -> String {
        self.all().remove(key);
        self.change("", |visit| visit.customer = Some(customer))
    }

    /// Keeps renewed tokens, unless she signed out meanwhile.
    pub(super) fn keep(&self, key: &str, customer: Customer) {
        if let Some(visit) = self.all().get_mut(key)
            && visit.customer.is_some()
        {
            visit.customer = Some(customer);
        }
    }

    /// Forgets everything about a browser.
    pub(super) fn forget(&self, key: &str) -> Option<Customer> {
        self.all().remove(key)?.customer
    }
}
