//! Rotating a refresh token, and noticing one that comes twice. RFC 6749 §6, RFC 9700 §4.14.
//!
//! A grant knows the digest of its live token and of the immediate predecessor. Whoever presents
//! the live one gets a successor. Whoever presents the predecessor inside the grace window lost the
//! answer, and gets the *same* successor again (SEC-062). Anything older, or the predecessor
//! later, was stolen from somebody: the grant ends (SEC-061). A token never gets here unless this
//! server made it: its tag was checked before, so nobody can end a grant by guessing.

use grantor_crypto::digest::SecretDigest;
use jiff::{SignedDuration, Timestamp};

use crate::grant::{EndReason, Grant, GrantEnd, PreviousRefresh, RefreshState};
use grantor_oauth_types::confirmation::CertificateThumbprint;
use grantor_oauth_types::name::ClientId;

/// Two requests with one token this close together are a race of the client's own, not a theft:
/// even without a grace window the second is only refused (SEC-063).
const RACE: SignedDuration = SignedDuration::from_secs(2);

/// How refresh tokens live.
#[derive(Clone, Copy, Debug)]
pub struct RefreshPolicy {
    /// How long a token may lie unused
    pub idle: SignedDuration,
    /// How long a lost answer may be asked for again; zero is never
    pub grace: SignedDuration,
}

/// A successor that was made before it is known whether it is needed.
#[derive(Clone, Debug)]
pub struct Successor {
    /// Its digest
    pub digest: SecretDigest,
    /// Itself, sealed under a key derived from the presented token
    pub sealed: Vec<u8>,
}

/// What comes of a presented refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was the live one: keep this, hand out the successor
    Rotated(Box<Grant>),
    /// Its answer was lost: open this and hand it out once more
    Again(Vec<u8>),
    /// It came back after its time: keep this, and revoke what the grant bought
    Reused(Box<Grant>),
    /// Nothing
    Refused(RefreshRefusal),
}

/// Why a refresh token is worth nothing. The client hears `invalid_grant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshRefusal {
    /// Not one of ours, or its grant is gone
    #[error("unknown refresh token")]
    Unknown,
    /// It was given to another client (SEC-060)
    #[error("the refresh token was issued to another client")]
    IssuedToAnother,
    /// It is bound to another certificate than came with the connection (RFC 8705 §4)
    #[error("the refresh token is bound to another certificate")]
    OtherCertificate,
    /// The grant was ended
    #[error("the grant has ended")]
    Ended,
    /// It lay unused too long, or the grant is too old (SEC-065)
    #[error("the refresh token has expired")]
    Expired,
    /// Another request with the same token came just before
    #[error("the refresh token was used a moment ago")]
    Raced,
    /// It came twice (SEC-061)
    #[error("the refresh token was used before")]
    Reused,
}

/// Who presents a refresh token.
#[derive(Clone, Copy, Debug)]
pub struct Presenter<'a> {
    /// The client, authenticated, or public and named
    pub client: &'a ClientId,
    /// The certificate that came with the connection
    pub certificate: Option<CertificateThumbprint>,
}

/// Judges a presented refresh token, whose grant was claimed by this request.
pub fn rotate(
    grant: Option<&Grant>,
    by: Presenter<'_>,
    presented: &SecretDigest,
    successor: &Successor,
    policy: RefreshPolicy,
    now: Timestamp,
) -> Rotation {
    let Some(grant) = grant else { return Rotation::Refused(RefreshRefusal::Unknown) };
    // It is bound to its client; a stranger's attempt changes nothing.
    if grant.client != *by.client {
        return Rotation::Refused(RefreshRefusal::IssuedToAnother);
    }
    let bound = grant.origin.as_ref().and_then(|origin| origin.certificate);
    if bound.is_some() && bound != by.certificate {
        return Rotation::Refused(RefreshRefusal::OtherCertificate);
    }
    if grant.ended.is_some() {
        return Rotation::Refused(RefreshRefusal::Ended);
    }
    if now >= grant.expires || now >= grant.refresh.idle_expires {
        return Rotation::Refused(RefreshRefusal::Expired);
    }
    if grant.refresh.digest == *presented {
        return Rotation::Rotated(Box::new(rotated(grant, presented, successor, policy, now)));
    }
    match &grant.refresh.previous {
        Some(previous) if previous.digest == *presented => {
            let age = now.duration_since(previous.rotated);
            if age < policy.grace {
                return Rotation::Again(previous.sealed_successor.clone());
            }
            if age < RACE {
                return Rotation::Refused(RefreshRefusal::Raced);
            }
            Rotation::Reused(Box::new(ended(grant, EndReason::Reuse, now)))
        }
        _ => Rotation::Reused(Box::new(ended(grant, EndReason::Reuse, now))),
    }
}

fn rotated(
    grant: &Grant,
    presented: &SecretDigest,
    successor: &Successor,
    policy: RefreshPolicy,
    now: Timestamp,
) -> Grant {
    // The absolute end never moves (SEC-065).
    let idle_expires = now.saturating_add(policy.idle).unwrap_or(Timestamp::MAX).min(grant.expires);
    Grant {
        refresh: RefreshState {
            generation: grant.refresh.generation + 1,
            digest: successor.digest,
            idle_expires,
            previous: Some(PreviousRefresh {
                digest: *presented,
                rotated: now,
                sealed_successor: successor.sealed.clone(),
            }),
        },
        ..grant.clone()
    }
}

/// The grant, over.
pub fn ended(grant: &Grant, why: EndReason, at: Timestamp) -> Grant {
    let mut grant = grant.clone();
    grant.ended = Some(GrantEnd { at, why });
    // What is over needs no successor to hand out again.
    grant.refresh.previous = None;
    grant
}

#[cfg(test)]
mod tests;
