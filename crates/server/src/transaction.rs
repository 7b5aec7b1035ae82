//! What a person is in the middle of, sealed into the text that travels with her. SEC-040, SEC-041.
//!
//! Nothing is stored until she has finished, so a request that nobody answers leaves no row. The
//! text is opaque, tied to tenant and browser, and ends by itself. Going back, a second tab and
//! sending a form twice each continue from the text they have; what may happen once (a pushed
//! request, a session that ended) is judged in the operation that completes.

use grantor_crypto::digest::SecretDigest;
use grantor_crypto::token::TokenSealer;
use grantor_domain::authorize::AuthorizationRequest;
use grantor_oauth_types::id::SessionId;
use grantor_oauth_types::name::{RealmName, TenantName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The prefix of a sealed transaction.
const PREFIX: &str = "gtx";

/// How long a person may take.
const LIFE: SignedDuration = SignedDuration::from_mins(30);

/// The longest text: it has to fit into a URL of 8 KiB with room for the rest (SEC-007).
pub const LONGEST: usize = 7_000;

/// A transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transaction {
    /// What for
    #[serde(rename = "p")]
    pub purpose: Purpose,
    /// When it began, in milliseconds since 1970
    #[serde(rename = "b")]
    began: i64,
    /// Of the cookie of the browser that began it
    #[serde(rename = "d")]
    browser: SecretDigest,
    /// Which account goes on with it
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<SessionId>,
    /// Whom the client named, by the `sub` that it knows her by
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
    /// Which name was typed, and in which realm, on the page before
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<(Option<RealmName>, String)>,
}

/// What a transaction is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Purpose {
    /// A client asked
    #[serde(rename = "a")]
    Authorize {
        /// For what
        #[serde(rename = "r")]
        request: Box<AuthorizationRequest>,
        /// The pushed request that this is, spent when it is answered
        #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
        pushed: Option<Pushed>,
    },
    /// The person wants to see her own account
    #[serde(rename = "o")]
    Own {
        /// Where she was going
        #[serde(rename = "t")]
        to: String,
    },
}

/// A pushed request: where it is, and the proof that it was the one that was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Its lookup id
    #[serde(rename = "i")]
    pub id: [u8; 16],
    /// Its digest
    #[serde(rename = "d")]
    pub digest: SecretDigest,
}

/// A transaction cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// Not one of ours
    #[error("not a transaction")]
    Unknown,
    /// It lay too long
    #[error("the transaction has expired")]
    Expired,
    /// It was begun in another browser, or cookies are off
    #[error("the transaction belongs to another browser")]
    OtherBrowser,
}

impl Transaction {
    /// A new one, of this browser.
    pub fn new(purpose: Purpose, browser: SecretDigest, now: Timestamp) -> Self {
        let began = now.as_millisecond();
        Self { purpose, began, browser, chosen: None, named: None, typed: None }
    }

    /// To go on as this account; nothing is typed any more.
    #[must_use]
    pub fn choosing(mut self, account: Option<SessionId>) -> Self {
        (self.chosen, self.typed) = (account, None);
        self
    }

    /// To go on with what was typed.
    #[must_use]
    pub fn typing(mut self, typed: Option<(Option<RealmName>, String)>) -> Self {
        self.typed = typed;
        self
    }

    /// When it began.
    pub fn began(&self) -> Timestamp {
        Timestamp::from_millisecond(self.began).unwrap_or(Timestamp::MAX)
    }

    /// The request, if a client asked.
    pub fn request(&self) -> Option<&AuthorizationRequest> {
        match &self.purpose {
            Purpose::Authorize { request, .. } => Some(request),
            Purpose::Own { .. } => None,
        }
    }

    /// As the text that travels.
    pub fn seal(&self, sealer: &TokenSealer, tenant: &TenantName) -> String {
        let plain = serde_json::to_vec(self).expect("a transaction has string keys only");
        sealer.seal(PREFIX, tenant.as_str().as_bytes(), &plain)
    }

    /// Reads the text, if it is of this browser and not too old.
    pub fn open(
        text: &str,
        sealer: &TokenSealer,
        tenant: &TenantName,
        browser: Option<SecretDigest>,
        now: Timestamp,
    ) -> Result<Self, Stuck> {
        let plain = sealer.open(PREFIX, tenant.as_str().as_bytes(), text).ok_or(Stuck::Unknown)?;
        let read: Self = serde_json::from_slice(&plain).map_err(|_| Stuck::Unknown)?;
        if browser != Some(read.browser) {
            return Err(Stuck::OtherBrowser);
        }
        if now.duration_since(read.began()) >= LIFE {
            return Err(Stuck::Expired);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use grantor_crypto::token::TokenKey;

    use super::*;

    #[test]
    fn sec_040_a_transaction_opens_in_its_browser_and_tenant_for_half_an_hour() {
        let sealer = TokenSealer::new(TokenKey::new(0, &[7; 32]), []);
        let at = |second| Timestamp::from_second(second).unwrap();
        let (main, other) =
            (TenantName::parse("main").unwrap(), TenantName::parse("other").unwrap());
        let (mine, hers) = (SecretDigest::of("mine"), SecretDigest::of("hers"));
        let purpose = Purpose::Own { to: "/account".to_owned() };
        let text = Transaction::new(purpose, mine, at(1_000)).seal(&sealer, &main);
        let open = |text: &str, tenant, browser, now| {
            Transaction::open(text, &sealer, tenant, browser, at(now)).map(|_| ())
        };
        assert_eq!(open(&text, &main, Some(mine), 1_000), Ok(()));
        assert_eq!(open(&text, &main, Some(mine), 1_000 + 1_799), Ok(()));
        assert_eq!(open(&text, &main, Some(mine), 1_000 + 1_800), Err(Stuck::Expired));
        assert_eq!(open(&text, &main, Some(hers), 1_000), Err(Stuck::OtherBrowser));
        assert_eq!(open(&text, &main, None, 1_000), Err(Stuck::OtherBrowser));
        assert_eq!(open(&text, &other, Some(mine), 1_000), Err(Stuck::Unknown));
        assert_eq!(open(&text[..text.len() - 1], &main, Some(mine), 1_000), Err(Stuck::Unknown));
        assert_eq!(open("gtx_AAAA", &main, Some(mine), 1_000), Err(Stuck::Unknown));
    }
}
