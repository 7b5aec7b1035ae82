//! Is somebody signed in well enough for this request, and if not, what has to happen? OIDC Core
//! §3.1.2.1, §3.1.2.3; RFC 9470.
//!
//! A sign-in is a list of completed methods with their times. One pure function holds it against
//! what the request wants; whatever proves more (a passkey, a code) only adds to the list.

use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_oauth_types::id::{SessionId, UserId};
use grantor_oauth_types::name::RealmName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::authorize::{AuthorizationRequest, Complaint};
use crate::claims::ClaimRequest;
use crate::scope::Scope;
use crate::session::{AuthMethod, Session};

/// How well somebody has proved who she is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One factor: a password
    #[default]
    Single,
    /// Two factors of different kinds
    Multi,
    /// A key that no imitation of this site can use (RFC 9470 §4 calls it `phr`)
    PhishingResistant,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Self; 3] = [Self::Single, Self::Multi, Self::PhishingResistant];

    /// The value of `acr`.
    pub const fn acr(self) -> &'static str {
        match self {
            Self::Single => "1",
            Self::Multi => "2",
            Self::PhishingResistant => "phr",
        }
    }

    /// The level that a value of `acr` names; `None` is not one of ours.
    pub fn of_acr(acr: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.acr() == acr)
    }

    /// The level that a scope needs; one that is not known here is out of reach.
    pub fn needed_by(scope: &Scope) -> Option<Self> {
        let acr = scope.required_acr.as_deref()?;
        Some(Self::of_acr(acr).unwrap_or(Self::PhishingResistant))
    }

    /// What the completed methods amount to: never more than was performed (SEC-030).
    pub fn of(methods: &[AuthMethod]) -> Self {
        let has = |amr: &[&str]| methods.iter().any(|method| amr.contains(&&*method.amr));
        if has(&["hwk", "swk"]) {
            Self::PhishingResistant
        } else if has(&["pwd"]) && has(&["otp", "sms", "mca"]) {
            Self::Multi
        } else {
            Self::Single
        }
    }
}

/// What a request wants of the sign-in.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The request
    pub request: &'a AuthorizationRequest,
    /// When it came in: what is proved after that is fresh, whatever `prompt` says
    pub started: Timestamp,
    /// Whom `id_token_hint` or a wished `sub` names
    pub named: Option<UserId>,
    /// Which account was chosen for it
    pub chosen: Option<SessionId>,
    /// In which realms its user may be; empty is every realm
    pub realms: &'a [RealmName],
    /// The level that the scopes need
    pub scopes_need: Option<Level>,
    /// The best level there is a way to reach
    pub reachable: Level,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on as this one of the sessions
    As(usize),
    /// Choose among the accounts of the browser
    Choose,
    /// Sign in
    SignIn(Why),
    /// There is no way: tell the client
    Fail(Complaint),
}

/// Why somebody has to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody is signed in, or not the one who is meant
    Nobody,
    /// `prompt=login`, or longer ago than `max_age`
    Again(UserId),
    /// Not well enough for `acr_values` or a scope
    StepUp(UserId),
}

/// Judges. `sessions` are the live ones of the browser, the one used last first.
pub fn next(wanted: &Wanted<'_>, sessions: &[Session], now: Timestamp) -> Next {
    let silent = wanted.request.prompts.none;
    let needed = match level(wanted) {
        Ok(level) => level,
        Err(complaint) => return Next::Fail(complaint),
    };
    match judge(wanted, needed, sessions, now) {
        // OIDC Core §3.1.2.6: never a page (SEC-029).
        Next::Choose if silent => fail(AuthorizeErrorCode::AccountSelectionRequired),
        Next::SignIn(Why::StepUp(_)) if silent => fail(AuthorizeErrorCode::InteractionRequired),
        Next::SignIn(_) if silent => fail(AuthorizeErrorCode::LoginRequired),
        next => next,
    }
}

fn judge(wanted: &Wanted<'_>, needed: Option<Level>, sessions: &[Session], now: Timestamp) -> Next {
    let mut fitting = sessions.iter().enumerate().filter(|(_, session)| fits(wanted, session, now));
    let (at, session) = match (wanted.chosen, fitting.next(), fitting.next()) {
        (None, Some(_), _) if wanted.request.prompts.select_account => return Next::Choose,
        (None, Some(_), Some(_)) => return Next::Choose,
        (_, Some(only), _) => only,
        (_, None, _) => return Next::SignIn(Why::Nobody),
    };
    if is_stale(wanted, session, now) {
        return Next::SignIn(Why::Again(session.user));
    }
    if needed.is_some_and(|needed| Level::of(&session.methods) < needed) {
        return Next::SignIn(Why::StepUp(session.user));
    }
    Next::As(at)
}

/// Whether a session can stand for whoever is meant: a hint for another user never counts for this
/// one (SEC-031).
fn fits(wanted: &Wanted<'_>, session: &Session, now: Timestamp) -> bool {
    let realm = wanted.request.realm.as_ref();
    session.is_live(now)
        && wanted.chosen.is_none_or(|chosen| chosen == session.id)
        && wanted.named.is_none_or(|named| named == session.user)
        && realm.is_none_or(|realm| *realm == session.realm)
        && (wanted.realms.is_empty() || wanted.realms.contains(&session.realm))
}

/// OIDC Core §3.1.2.1: `prompt=login` wants a sign-in of its own, `max_age` one that is not older.
/// What was proved since the request came in counts for both.
fn is_stale(wanted: &Wanted<'_>, session: &Session, now: Timestamp) -> bool {
    let at = session.authenticated_at();
    if at >= wanted.started {
        return false;
    }
    let old = |seconds: u32| now.duration_since(at) >= SignedDuration::from_secs(seconds.into());
    wanted.request.prompts.login || wanted.request.max_age.is_some_and(old)
}

/// The level that is needed. Wished levels that are not ours are passed over (OIDC Core §15.1); if
/// what is left cannot be reached, or an essential one is not ours, there is no token (§5.5.1.1).
fn level(wanted: &Wanted<'_>) -> Result<Option<Level>, Complaint> {
    let request = wanted.request;
    let unmet = Complaint::new(
        AuthorizeErrorCode::UnmetAuthenticationRequirements,
        "the wished level of authentication cannot be reached",
    );
    let acr = request.claims.id_token.get("acr");
    let by_claims: Vec<&str> = acr.map(values).unwrap_or_default();
    let essential = acr.is_some_and(|acr| acr.essential) && !by_claims.is_empty();
    let by_values = request.acr_values.iter().map(String::as_str);
    let wished: Vec<Level> =
        by_claims.into_iter().chain(by_values).filter_map(Level::of_acr).collect();
    // Any of the wished ones will do: the weakest is enough.
    let weakest = wished.into_iter().min();
    if essential && weakest.is_none() {
        return Err(unmet);
    }
    let needed = weakest.max(wanted.scopes_need);
    match needed {
        Some(level) if level > wanted.reachable => Err(unmet),
        needed => Ok(needed),
    }
}

fn values(asked: &ClaimRequest) -> Vec<&str> {
    asked.value.iter().chain(&asked.values).filter_map(serde_json::Value::as_str).collect()
}

fn fail(error: AuthorizeErrorCode) -> Next {
    Next::Fail(Complaint::new(error, "the request allows no page, and one is needed"))
}

#[cfg(test)]
mod tests;
