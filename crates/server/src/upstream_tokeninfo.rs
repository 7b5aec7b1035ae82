//! Another token info service, asked about opaque tokens that are not ours (`stups.md` 3.2, 3.6).
//!
//! Only what cannot be ours goes there, through the outbound guard, with little time. What is good is
//! remembered for a moment, and never beyond the token's own end.

use std::sync::Arc;
use std::time::Duration;

use grantor_crypto::digest::sha256_of;
use grantor_domain::tenant::UpstreamTokenInfo;
use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::{Map, Value};

use crate::app::App;
use crate::outbound::OutboundError;

/// How many answers are remembered.
const KEPT: usize = 10_000;

/// How much room they have, in bytes; one takes at most a thousandth of it (REL-035).
const ROOM: u64 = 16 << 20;

/// The longest token that is asked about, in characters.
const LONGEST: usize = 4 * 1024;

/// What was said of late.
#[derive(Debug)]
pub struct Upstream {
    answers: Cache<[u8; 32], Arc<Answer>, BySize>,
}

#[derive(Clone, Debug)]
struct BySize;

impl Weighter<[u8; 32], Arc<Answer>> for BySize {
    fn weight(&self, _: &[u8; 32], answer: &Arc<Answer>) -> u64 {
        u64::try_from(answer.size).unwrap_or(u64::MAX).saturating_add(128)
    }
}

#[derive(Debug)]
struct Answer {
    at: Timestamp,
    size: usize,
    said: Map<String, Value>,
}

/// What a good token is worth there.
#[derive(Debug)]
pub struct Worth {
    /// The answer, `expires_in` as it is now
    pub said: Value,
    /// Whether it was remembered
    pub hit: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silent {
    /// The token is worth nothing there
    #[error("the upstream does not know the token")]
    Worthless,
    /// It took too long
    #[error("the upstream did not answer in time")]
    TimedOut,
    /// Too many are waiting for it already
    #[error("too many wait for the upstream")]
    Busy,
    /// It is away, or says what makes no sense
    #[error("the upstream is away")]
    Away,
}

impl Default for Upstream {
    fn default() -> Self {
        Self { answers: Cache::with_weighter(KEPT, ROOM, BySize) }
    }
}

/// Whether a token may be somebody else's: no JWT (three parts are judged here, `stups.md` 3.2), not
/// of the form of anything that we hand out, and fit for a header (RFC 6750 §2.1).
pub fn may_know(token: &str) -> bool {
    let is_b64 = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let is_jwt = token.bytes().filter(|byte| *byte == b'.').count() == 2;
    (1..=LONGEST).contains(&token.len()) && token.bytes().all(is_b64) && !is_jwt && !is_ours(token)
}

/// Everything that we hand out begins with a `g`, two more small letters and an underscore: not only
/// access tokens are kept here, whatever somebody confuses.
fn is_ours(token: &str) -> bool {
    match token.as_bytes() {
        [b'g', a, b, b'_', ..] => a.is_ascii_lowercase() && b.is_ascii_lowercase(),
        _ => false,
    }
}

impl Upstream {
    /// Asks, or remembers.
    pub async fn ask(
        &self,
        app: &App,
        tenant: &TenantName,
        upstream: &UpstreamTokenInfo,
        token: &str,
        now: Timestamp,
    ) -> Result<Worth, Silent> {
        // SEC-185: everything that decides is in the key; the token itself is not kept.
        let (name, url) = (tenant.as_str().as_bytes(), upstream.url.as_bytes());
        let key = sha256_of(&[name, b"\0", url, b"\0", token.as_bytes()]);
        if let Some(kept) = self.answers.get(&key)
            && let Some(said) = kept.after(now, upstream.cache_seconds)
        {
            return Ok(Worth { said, hit: true });
        }
        let within = Duration::from_millis(upstream.timeout_milliseconds.into());
        let asked = app.outbound.get_as(&upstream.url, token, within).await;
        let (status, body) = asked.map_err(|error| {
            tracing::warn!(%error, "the upstream token info");
            match error {
                OutboundError::TimedOut => Silent::TimedOut,
                OutboundError::Busy => Silent::Busy,
                _ => Silent::Away,
            }
        })?;
        match status.as_u16() {
            200 => {}
            400..=404 => return Err(Silent::Worthless),
            429 => return Err(Silent::Busy),
            _ => return Err(Silent::Away),
        }
        let said = read(&body, token).ok_or(Silent::Away)?;
        let answer = Arc::new(Answer { at: now, size: body.len(), said });
        let worth = answer.after(now, 1).ok_or(Silent::Worthless)?;
        if upstream.cache_seconds > 0 {
            self.answers.insert(key, answer);
        }
        Ok(Worth { said: worth, hit: false })
    }
}

/// An answer about this token and no other; that it is about it need not be said.
fn read(body: &[u8], token: &str) -> Option<Map<String, Value>> {
    let Value::Object(mut said) = serde_json::from_slice(body).ok()? else { return None };
    match said.get("access_token") {
        None => {
            said.insert("access_token".to_owned(), token.into());
        }
        Some(named) if named == token => {}
        Some(_) => return None,
    }
    // SEC-080: a claim of the wrong type refuses the token.
    let ends = said.get("expires_in");
    ends.is_none_or(|seconds| seconds.as_i64().is_some()).then_some(said)
}

impl Answer {
    /// What it says now, if it is not older than this and the token has not ended.
    fn after(&self, now: Timestamp, seconds: u32) -> Option<Value> {
        let age = now.as_second() - self.at.as_second();
        if !(0..i64::from(seconds)).contains(&age) {
            return None;
        }
        let mut said = self.said.clone();
        if let Some(left) = said.get("expires_in").and_then(Value::as_i64) {
            let left = left - age;
            if left <= 0 {
                return None;
            }
            said.insert("expires_in".to_owned(), left.into());
        }
        Some(Value::Object(said))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(said: &Value, at: i64) -> Answer {
        let said = said.as_object().unwrap().clone();
        Answer { at: Timestamp::from_second(at).unwrap(), size: 0, said }
    }

    #[test]
    fn nothing_of_ours_and_no_jwt_is_shown_to_anybody_else() {
        for theirs in
            ["b4e6a3e7-1c1c-4d2b-9a35-0d6f4f2d4f4b", "abc", "a.b", "ya29.x", "g_a", "GAT_x"]
        {
            assert!(may_know(theirs), "{theirs}");
        }
        let long = "a".repeat(LONGEST + 1);
        for no in
            ["gat_x", "grt_x", "gac_x", "gse_x", "gtx_x", "a.b.c", "..", "", "a b", "a\r\nb", &long]
        {
            assert!(!may_know(no), "{no}");
        }
    }

    #[test]
    fn an_answer_grows_old_and_never_older_than_its_token() {
        let now = |second| Timestamp::from_second(second).unwrap();
        let kept = answer(&json!({ "uid": "jane", "expires_in": 30 }), 100);
        assert_eq!(kept.after(now(110), 60), Some(json!({ "uid": "jane", "expires_in": 20 })));
        assert_eq!(kept.after(now(130), 60), None);
        let kept = answer(&json!({ "uid": "jane" }), 100);
        assert_eq!(kept.after(now(159), 60), Some(json!({ "uid": "jane" })));
        assert_eq!(kept.after(now(160), 60), None);
        assert_eq!(kept.after(now(99), 60), None, "a clock that stepped back");
    }

    #[test]
    fn an_answer_about_another_token_is_none() {
        let read = |body: Value| read(body.to_string().as_bytes(), "t");
        assert_eq!(read(json!({ "uid": "jane" })).unwrap()["access_token"], "t");
        assert!(read(json!({ "uid": "jane", "access_token": "t" })).is_some());
        for no in [
            json!({ "uid": "jane", "access_token": "u" }),
            json!({ "uid": "jane", "access_token": ["t"] }),
            json!({ "uid": "jane", "expires_in": "30" }),
            json!(["uid"]),
            json!("t"),
        ] {
            assert_eq!(read(no.clone()), None, "{no}");
        }
    }
}
