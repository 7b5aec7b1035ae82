//! A browser that somebody signed in with: what was proved, when, and until when it counts.
//!
//! The cookie is a secret with a lookup id in it; the store has its digest. A session never gets
//! another user (SEC-132): whoever else signs in opens another one.

use std::net::IpAddr;

use grantor_crypto::digest::SecretDigest;
use grantor_oauth_types::id::{SessionId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sign_in::Level;
use crate::tenant::TenantSettings;

/// The most clients a session remembers; what is signed in to beyond is not told of its end.
pub const MAX_SESSION_CLIENTS: usize = 100;

/// The longest name of a device that is kept, in characters.
pub const MAX_DEVICE: usize = 200;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is
    pub tenant: TenantName,
    /// Time-ordered; the lookup id inside the cookie, and the `sid` that clients are told
    pub id: SessionId,
    /// Of the cookie
    pub digest: SecretDigest,
    /// Who
    pub user: UserId,
    /// In which realm
    pub realm: RealmName,
    /// What was proved, oldest first
    pub methods: Vec<AuthMethod>,
    /// When it began
    pub created: Timestamp,
    /// When it was used last, roughly
    pub last_seen: Timestamp,
    /// When it ends unused
    pub idle_expires: Timestamp,
    /// When it ends whatever happens (SEC-091)
    pub expires: Timestamp,
    /// Whether it outlives the browser
    #[serde(default)]
    pub remember: bool,
    /// What the browser said it is; bounded, and no more than a hint for its owner
    #[serde(default)]
    pub device: String,
    /// Where from
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Which clients were signed in to with it, for logout
    #[serde(default)]
    pub clients: Vec<SessionClient>,
    /// When it was ended before its time
    #[serde(default)]
    pub ended: Option<Timestamp>,
}

/// A way of authentication that was completed. RFC 8176 §2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthMethod {
    /// `pwd`, `otp`, `hwk`, …
    pub amr: String,
    /// When
    pub at: Timestamp,
}

/// A client that was signed in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionClient {
    /// Which
    pub client: ClientId,
    /// When first
    pub since: Timestamp,
}

/// What clients are told of a sign-in. OIDC Core §2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// In which session; none once it was remembered without one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// `auth_time`: when the person last proved who she is
    pub at: Timestamp,
    /// `acr`: how well
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// `amr`: how
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

impl SignIn {
    /// How well; without a word about it a password.
    pub fn level(&self) -> Level {
        self.acr.as_deref().and_then(Level::of_acr).unwrap_or_default()
    }
}

impl Session {
    /// Whether it counts at this moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.expires && now < self.idle_expires
    }

    /// Whether it counts where these settings hold: where nobody is remembered any more, those who were
    /// are not either (SEC-065).
    pub fn counts(&self, settings: &TenantSettings, now: Timestamp) -> bool {
        self.is_live(now) && (!self.remember || settings.session_remember_seconds > 0)
    }

    /// When the person last proved who she is: `auth_time`.
    pub fn authenticated_at(&self) -> Timestamp {
        self.methods.iter().map(|method| method.at).max().unwrap_or(self.created)
    }

    /// The ways of authentication, each once: `amr`.
    pub fn amr(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for method in &self.methods {
            if !all.contains(&method.amr) {
                all.push(method.amr.clone());
            }
        }
        all
    }

    /// Used again at `now`: the end by idleness moves, the absolute one never does.
    pub fn touch(&mut self, now: Timestamp, idle: SignedDuration) {
        self.last_seen = self.last_seen.max(now);
        let end = now.saturating_add(idle).unwrap_or(Timestamp::MAX);
        self.idle_expires = end.min(self.expires);
    }

    /// Used at `now` to sign in to a client: what has to be written, if that is anything. A use that
    /// comes soon after one that was written, by a client that is known, is not worth it: `last_seen`
    /// lags behind by a twentieth of the idle time, and by a minute at most.
    #[must_use]
    pub fn used(&self, client: &ClientId, now: Timestamp, idle: SignedDuration) -> Option<Self> {
        let mut used = self.clone();
        used.used_for(client, now);
        let soon = (idle / 20).min(SignedDuration::from_secs(60));
        if !self.remember && now.duration_since(self.last_seen) >= soon {
            used.touch(now, idle);
        }
        (used != *self).then_some(used)
    }

    /// Remembers that a client was signed in to, so that it is told of the end.
    pub fn used_for(&mut self, client: &ClientId, now: Timestamp) {
        let known = self.clients.iter().any(|known| known.client == *client);
        if !known && self.clients.len() < MAX_SESSION_CLIENTS {
            self.clients.push(SessionClient { client: client.clone(), since: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{at, client_id, realm_name, tenant_name, user_id};

    fn session() -> Session {
        Session {
            tenant: tenant_name(),
            id: SessionId::new(1, [1; 10]),
            digest: SecretDigest::of("cookie"),
            user: user_id(1),
            realm: realm_name("customers"),
            methods: vec![AuthMethod { amr: "pwd".to_owned(), at: at(100) }],
            created: at(100),
            last_seen: at(100),
            idle_expires: at(160),
            expires: at(200),
            remember: false,
            device: String::new(),
            address: None,
            clients: Vec::new(),
            ended: None,
        }
    }

    #[test]
    fn sec_091_use_moves_the_idle_end_and_never_the_absolute_one() {
        let mut session = session();
        assert!(session.is_live(at(159)) && !session.is_live(at(160)));
        session.touch(at(159), SignedDuration::from_secs(60));
        assert_eq!((session.idle_expires, session.expires), (at(200), at(200)));
        assert!(session.is_live(at(199)) && !session.is_live(at(200)));
        session.ended = Some(at(120));
        assert!(!session.is_live(at(121)));
    }

    #[test]
    fn what_is_said_of_a_sign_in_is_what_was_proved_last_and_each_way_once() {
        let mut session = session();
        for (amr, second) in [("otp", 110), ("pwd", 150)] {
            session.methods.push(AuthMethod { amr: amr.to_owned(), at: at(second) });
        }
        assert_eq!(session.authenticated_at(), at(150));
        assert_eq!(session.amr(), ["pwd", "otp"]);
    }

    #[test]
    fn a_use_is_written_when_the_client_is_new_or_the_last_one_lies_back() {
        let (shop, idle) = (client_id("shop"), SignedDuration::from_secs(60));
        let first = session().used(&shop, at(101), idle).expect("the client is new");
        assert_eq!((first.clients.len(), first.last_seen), (1, at(100)));
        assert_eq!(first.used(&shop, at(102), idle), None);
        let later = first.used(&shop, at(103), idle).expect("a twentieth of the idle time is over");
        assert_eq!((later.last_seen, later.idle_expires), (at(103), at(163)));
        let kept = Session { remember: true, ..first };
        assert_eq!(kept.used(&shop, at(150), idle), None, "its end does not move");
    }

    #[test]
    fn a_client_is_remembered_once_and_not_without_end() {
        let mut session = session();
        session.used_for(&client_id("shop"), at(1));
        session.used_for(&client_id("shop"), at(2));
        assert_eq!(session.clients.len(), 1);
        for number in 0..2 * MAX_SESSION_CLIENTS {
            session.used_for(&client_id(&format!("c{number}")), at(3));
        }
        assert_eq!(session.clients.len(), MAX_SESSION_CLIENTS);
    }
}
