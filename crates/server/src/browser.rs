//! What a person's browser carries: the cookies, and the sessions behind them. SEC-040, SEC-110,
//! SEC-111.
//!
//! Two cookies for each tenant. One binds transactions to the browser that began them; it is random
//! and means nothing else. The other lists the secrets of the accounts that signed in here, the one
//! used last first. Neither says anything about a person.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use grantor_crypto::digest::SecretDigest;
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_domain::session::{MAX_DEVICE, Session};
use grantor_oauth_types::id::SessionId;
use grantor_oauth_types::name::TenantName;
use grantor_pages::Shell;
use grantor_store::StoreError;
use jiff::Timestamp;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::app::App;
use crate::cookie;
use crate::directory::TenantView;
use crate::extract::Here;
use crate::known_device::{KnownDevice, cookie_name};
use crate::reply::page::Visit;
use crate::transaction::Transaction;

/// The most accounts one browser is signed in to at once.
const MOST_ACCOUNTS: usize = 5;

/// Between the secrets of the accounts.
const BETWEEN: char = '~';

/// A browser, as its request shows it.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Which page it asked for, and in which language
    pub visit: Visit,
    names: Names,
    binding: Option<String>,
    accounts: Vec<LookupSecret>,
    /// What it says it is, shortened
    pub device: String,
    /// Whom it is known for
    pub known: KnownDevice,
}

/// The names of the cookies: a tenant below a path shares its host with others.
#[derive(Clone, Debug)]
struct Names {
    sessions: String,
    binding: String,
}

impl Names {
    fn of(tenant: &TenantName) -> Self {
        Self {
            sessions: format!("__Host-grantor-session-{tenant}"),
            binding: format!("__Host-grantor-browser-{tenant}"),
        }
    }
}

impl FromRequestParts<App> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let here = parts.extensions.get::<Here>().expect("tenancy comes before every handler");
        Ok(Self::of(&here.0, &parts.headers, &parts.uri))
    }
}

impl Browser {
    /// Reads the cookies of this tenant. What is not of our form counts as absent.
    pub fn of(view: &TenantView, headers: &HeaderMap, uri: &Uri) -> Self {
        let names = Names::of(&view.tenant.name);
        let binding = cookie::find(headers, &names.binding).filter(|value| value.len() == 43);
        let listed = cookie::find(headers, &names.sessions).unwrap_or_default();
        let accounts = listed.split(BETWEEN).take(MOST_ACCOUNTS);
        let accounts = accounts.filter_map(|text| LookupSecret::parse(SecretKind::Session, text));
        let device = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let device = device.unwrap_or_default().chars().filter(|c| !c.is_control());
        Self {
            visit: Visit::new(view, headers, uri),
            binding: binding.map(ToOwned::to_owned),
            accounts: accounts.collect(),
            device: device.take(MAX_DEVICE).collect(),
            known: KnownDevice::parse(cookie::find(headers, &cookie_name(&view.tenant.name))),
            names,
        }
    }

    /// What surrounds a page, in the language that the person, the client or the browser prefers.
    pub fn shell(&self, transaction: Option<&Transaction>) -> Shell {
        let mut visit = self.visit.clone();
        let wished = transaction.and_then(Transaction::request).map(|r| r.ui_locales.join(" "));
        visit.prefer(wished.as_deref());
        visit.shell
    }

    /// Whether it brought neither cookie: the request is its first, or comes from another site.
    pub fn is_blank(&self) -> bool {
        self.binding.is_none() && self.accounts.is_empty()
    }

    /// What binds a transaction to this browser, if there is something to bind to.
    pub fn binding(&self) -> Option<SecretDigest> {
        self.binding.as_deref().map(SecretDigest::of)
    }

    /// The same, making the cookie where there is none yet.
    pub fn bind(&mut self) -> (SecretDigest, Option<HeaderValue>) {
        if let Some(binding) = self.binding() {
            return (binding, None);
        }
        let value = BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<32>());
        let digest = SecretDigest::of(&value);
        let cookie = cookie::set(&self.names.binding, &value, None);
        self.binding = Some(value);
        (digest, Some(cookie))
    }

    /// The sessions behind the cookie that count at this moment, the one used last first.
    pub async fn sessions(
        &self,
        app: &App,
        view: &TenantView,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let mut live = Vec::with_capacity(self.accounts.len());
        for secret in &self.accounts {
            if let Some(session) = session(app, view, secret, now).await? {
                live.push(session);
            }
        }
        Ok(live)
    }

    /// The cookie with this account first and the others behind it; without, for how long it is kept
    /// when the browser closes, it ends with the browser.
    pub fn with_account(
        &self,
        secret: &LookupSecret,
        others: &[Session],
        kept_seconds: Option<u32>,
    ) -> HeaderValue {
        let id = secret.lookup_id();
        let lives = |known: &&LookupSecret| {
            known.lookup_id() != id && others.iter().any(|s| s.id.bytes() == known.lookup_id())
        };
        let others = self.accounts.iter().filter(lives).take(MOST_ACCOUNTS - 1);
        let all: Vec<String> =
            std::iter::once(secret).chain(others).map(LookupSecret::reveal).collect();
        let value = all.join(&BETWEEN.to_string());
        cookie::set(&self.names.sessions, &value, kept_seconds)
    }

    /// The cookie without these accounts; with none left the browser forgets it.
    pub fn without_accounts(&self, ended: &[SessionId]) -> HeaderValue {
        let gone = |secret: &&LookupSecret| !ended.iter().any(|s| s.bytes() == secret.lookup_id());
        let left: Vec<String> =
            self.accounts.iter().filter(gone).map(LookupSecret::reveal).collect();
        let age = left.is_empty().then_some(0);
        cookie::set(&self.names.sessions, &left.join(&BETWEEN.to_string()), age)
    }
}

/// The session of a cookie, if it counts: the digest decides, and the person must still be on
/// (SEC-131).
async fn session(
    app: &App,
    view: &TenantView,
    secret: &LookupSecret,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let tenant = &view.tenant.name;
    let id = SessionId::from_uuid(uuid::Uuid::from_bytes(secret.lookup_id()));
    let found = app.store.session(tenant, id).await?;
    let settings = &view.tenant.settings;
    let counts = |s: &Session| s.digest == secret.digest() && s.counts(settings, now);
    let Some(session) = found.filter(counts) else { return Ok(None) };
    let user = app.directory.user(tenant, session.user).await?;
    Ok(user.filter(|entry| entry.user.enabled).map(|_| session))
}

/// Whether a form may have been posted by a page of ours (SEC-112): a browser that says where it
/// comes from must say "here".
pub fn is_from_here(view: &TenantView, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text("sec-fetch-site");
    let near = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = text("origin").is_none_or(|origin| {
        // Our pages send no referrer (SEC-002), for which browsers hide the origin of a form as well.
        let hidden = origin == "null" && site == Some("same-origin");
        hidden || origin == own_origin(&view.tenant.issuer)
    });
    near && origin
}

/// Scheme and authority of the issuer.
fn own_origin(issuer: &str) -> &str {
    let path = issuer.find("://").and_then(|at| issuer[at + 3..].find('/').map(|n| at + 3 + n));
    path.map_or(issuer, |at| &issuer[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_111_five_accounts_fit_into_a_cookie() {
        let secrets: Vec<LookupSecret> =
            (0..9).map(|n| LookupSecret::mint(SecretKind::Session, [n; 16])).collect();
        let text: Vec<String> = secrets.iter().map(LookupSecret::reveal).collect();
        assert!(text[..MOST_ACCOUNTS].join("~").len() < 1_000);
    }

    #[test]
    fn sec_112_a_form_comes_from_here_or_from_a_browser_that_does_not_say() {
        assert_eq!(own_origin("https://as.test/tenant/a"), "https://as.test");
        assert_eq!(own_origin("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
