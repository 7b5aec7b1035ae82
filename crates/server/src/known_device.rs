//! The browsers from which somebody has signed in before. SEC-116.
//!
//! Whoever guesses the password of an account slows it down for everybody who is not known; the failures
//! of a browser in which its owner has signed in are counted apart. So nobody keeps her out for long, and
//! a cookie that was stolen buys no more guesses than a stranger has.
//!
//! The cookie has a random name of the browser, and for each account a tag that only this server can make
//! of both: it names nobody, and says nothing to whoever reads it.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::digest::{KeyedDigest, SecretDigest};
use grantor_oauth_types::name::TenantName;

use crate::cookie;
use crate::secrets::Secrets;

/// The most accounts a browser is known for.
const MOST: usize = 5;

/// How long it is known, in seconds: a year since the last sign-in.
const REMEMBERED: u32 = 365 * 86_400;

/// Characters of the name: 128 bits.
const NAME: usize = 22;

/// What stands between name and tags.
const BETWEEN: char = '~';

/// What a browser shows of having been here.
#[derive(Clone, Debug, Default)]
pub struct KnownDevice {
    name: Option<String>,
    tags: Vec<KeyedDigest>,
}

impl KnownDevice {
    /// Reads the cookie. What is not of our form counts as absent.
    pub fn parse(value: Option<&str>) -> Self {
        let mut parts = value.unwrap_or_default().split(BETWEEN);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let name = parts.next().filter(|name| name.len() == NAME && name.bytes().all(plain));
        let tags = parts.take(MOST).filter_map(|text| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            Some(KeyedDigest::from_bytes(bytes.try_into().ok()?))
        });
        Self { name: name.map(ToOwned::to_owned), tags: tags.collect() }
    }

    /// Where failures on this account are counted for this browser; `None` if the account has never
    /// signed in here.
    pub fn counter(&self, secrets: &Secrets, tenant: &TenantName, account: &str) -> Option<String> {
        let name = self.name.as_deref()?;
        let tag = secrets.device_tag(tenant, account, name);
        let known = self.tags.contains(&tag);
        // The store is told a digest: what is in a cookie is written down nowhere (SEC-094).
        let digest = BASE64_URL_SAFE_NO_PAD.encode(SecretDigest::of(name).as_bytes());
        known.then(|| format!("{digest} {account}"))
    }

    /// The cookie of a browser in which the owner of this account has signed in just now.
    pub fn cookie(&self, secrets: &Secrets, tenant: &TenantName, account: &str) -> HeaderValue {
        let fresh = || BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<16>());
        let name = self.name.clone().unwrap_or_else(fresh);
        let tag = secrets.device_tag(tenant, account, &name);
        let others = self.tags.iter().filter(|other| **other != tag).take(MOST - 1);
        let mut value = name;
        for tag in std::iter::once(&tag).chain(others) {
            value.push(BETWEEN);
            value.push_str(&BASE64_URL_SAFE_NO_PAD.encode(tag.as_bytes()));
        }
        cookie::set(&cookie_name(tenant), &value, Some(REMEMBERED))
    }
}

/// What the cookie is called.
pub fn cookie_name(tenant: &TenantName) -> String {
    format!("__Host-grantor-known-{tenant}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor_crypto::seal::{Keyring, MasterKey};

    fn secrets() -> Secrets {
        Secrets::derive(Keyring::new(MasterKey::from_bytes([1; 32]), []), [2; 32])
    }

    fn value(cookie: &HeaderValue) -> String {
        let text = cookie.to_str().unwrap();
        text.split_once('=').unwrap().1.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn sec_116_a_browser_is_known_for_those_who_signed_in_and_for_nobody_else() {
        let (secrets, main) = (secrets(), TenantName::parse("main").unwrap());
        let (jane, bert) = ("customers/jane", "customers/bert");
        let sent = value(&KnownDevice::default().cookie(&secrets, &main, jane));
        let known = KnownDevice::parse(Some(&sent));
        let counter = known.counter(&secrets, &main, jane).unwrap();
        assert!(counter.ends_with(jane) && counter != jane);
        assert_eq!(known.counter(&secrets, &main, bert), None);
        assert_eq!(known.counter(&secrets, &TenantName::parse("other").unwrap(), jane), None);
        // Another one signs in: the browser stays the same, and is known for both.
        let both = KnownDevice::parse(Some(&value(&known.cookie(&secrets, &main, bert))));
        assert_eq!(both.counter(&secrets, &main, jane), Some(counter));
        assert!(both.counter(&secrets, &main, bert).is_some());
        // A tag is of its browser.
        let moved = format!("{}{}", "A".repeat(NAME), &sent[NAME..]);
        assert_eq!(KnownDevice::parse(Some(&moved)).counter(&secrets, &main, jane), None);
    }

    #[test]
    fn sec_116_what_is_no_such_cookie_is_none() {
        let secrets = secrets();
        let tenant = TenantName::parse("main").unwrap();
        for text in ["", "~", "a~b", &"A".repeat(NAME), &format!("{}~", "A".repeat(NAME)), "ü~~~"]
        {
            let known = KnownDevice::parse(Some(text));
            assert_eq!(known.counter(&secrets, &tenant, "customers/jane"), None, "{text}");
        }
    }
}
