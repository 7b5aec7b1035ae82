//! What has to be told to others and may take a while: it is remembered with the change that it tells
//! of, and tried until it arrives or is over. REL-038.

use grantor_oauth_types::id::{SessionId, UserId};
use grantor_oauth_types::name::{ClientId, TenantName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// For how long a notice is tried.
pub const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The longest pause between two tries, in seconds.
const LONGEST_PAUSE: i64 = 300;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whose
    pub tenant: TenantName,
    /// Which: the same for what tells of the same, and what the receiver tells repetitions by
    pub id: [u8; 16],
    /// When it is tried next
    pub due: Timestamp,
    /// When it is given up
    pub expires: Timestamp,
    /// How often it was tried
    pub tries: u32,
    /// What it says, and to whom
    pub message: Message,
}

/// What a notice says, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// A logout token (OIDC Back-Channel Logout §2.4), made anew and signed at each try: it lives for
    /// two minutes only
    Logout {
        /// To whom; where it wants it is looked up when it is sent (SEC-135)
        client: ClientId,
        /// Whose session ended
        user: UserId,
        /// As whom the client knows her: when it is sent she may be gone
        sub: Option<String>,
        /// Which session
        session: SessionId,
    },
}

impl Notice {
    /// A new one, to be tried at once.
    pub fn new(tenant: TenantName, id: [u8; 16], message: Message, now: Timestamp) -> Self {
        let expires = now.saturating_add(LIFE).unwrap_or(Timestamp::MAX);
        Self { tenant, id, due: now, expires, tries: 0, message }
    }

    /// When to try again after a try that came to nothing; `None` is never.
    pub fn next_try(&self, now: Timestamp) -> Option<Timestamp> {
        let pause = i64::from(self.tries).saturating_mul(self.tries.into()).clamp(1, LONGEST_PAUSE);
        let due = now.saturating_add(SignedDuration::from_secs(pause)).unwrap_or(Timestamp::MAX);
        (due < self.expires).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{at, client_id, tenant_name, user_id};

    #[test]
    fn rel_038_pauses_grow_and_a_notice_is_given_up_after_a_day() {
        let message = Message::Logout {
            client: client_id("shop"),
            user: user_id(1),
            sub: None,
            session: SessionId::new(1, [1; 10]),
        };
        let mut notice = Notice::new(tenant_name(), [1; 16], message, at(1_000));
        let pause = |notice: &Notice| notice.next_try(at(1_000)).map(|due| due.as_second() - 1_000);
        for (tries, expected) in [(1, 1), (2, 4), (5, 25), (100, 300), (u32::MAX, 300)] {
            notice.tries = tries;
            assert_eq!(pause(&notice), Some(expected), "{tries}");
        }
        assert_eq!(notice.next_try(at(1_000 + 86_400)), None);
    }
}
