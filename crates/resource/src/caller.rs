//! Who calls, and whose things they may touch.
//!
//! A scope of the rule `owner` says "what is mine", so it counts only for the owner, and the owner
//! is a pair: the realm and the id in it. `ada` of `customers` and `ada` of `employees` are two
//! people. A scope of the rule `assigned` (`…_all`) was given with reason and approval, whoever the
//! owner is, so it is not judged in the owner's context (`stups.md` 12).

use std::fmt;
use std::sync::Arc;

use grantor_oauth_types::confirmation::CertificateThumbprint;
use grantor_oauth_types::name::RealmName;
use grantor_oauth_types::scope::Scopes;
use serde_json::{Map, Value};

use crate::challenge::Challenge;
use crate::refusal::{Denied, Refusal};
use crate::require::any_of;

/// What a good token says.
pub(crate) struct Verified {
    pub(crate) subject: String,
    pub(crate) realm: Option<RealmName>,
    pub(crate) client_id: Option<String>,
    pub(crate) scopes: Scopes,
    pub(crate) issued_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    /// With which certificate alone it counts (RFC 8705 §3)
    pub(crate) bound: Option<CertificateThumbprint>,
    pub(crate) claims: Map<String, Value>,
}

impl fmt::Debug for Verified {
    /// What a log may say (`stups.md` 12): who, for which client. Not the other claims.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("subject", &self.subject)
            .field("realm", &self.realm)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The holder of a token that was verified in this request. There is no other way to get one, so a
/// handler that takes a `Caller` cannot run without [`Protect`](crate::Protect).
#[derive(Clone, Debug)]
pub struct Caller {
    token: Arc<Verified>,
    challenge: Arc<Challenge>,
}

/// Whose a thing is: the realm and the id in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    realm: &'a str,
    uid: &'a str,
}

impl<'a> Owner<'a> {
    /// `uid` in `realm`, which is written with its slash or without.
    pub fn new(realm: &'a str, uid: &'a str) -> Self {
        Self { realm: realm.strip_prefix('/').unwrap_or(realm), uid }
    }

    /// The realm, without slash.
    pub const fn realm(&self) -> &'a str {
        self.realm
    }

    /// The id in the realm: the `sub` of the owner's tokens.
    pub const fn uid(&self) -> &'a str {
        self.uid
    }
}

/// "With this scope what is one's own; with that one, everybody's."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerOr {
    /// A scope of the rule `owner`, such as `sales_order.read`
    pub owner_scope: &'static str,
    /// A scope of the rule `assigned`, such as `sales_order.read_all`
    pub assigned_scope: &'static str,
}

/// Whose things a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Everybody's.
    All,
    /// Those of this owner.
    Own(Owner<'a>),
}

impl Caller {
    pub(crate) const fn new(token: Arc<Verified>, challenge: Arc<Challenge>) -> Self {
        Self { token, challenge }
    }

    /// The subject: an id that is never used again, not a name for people (SEC-088).
    pub fn subject(&self) -> &str {
        &self.token.subject
    }

    /// The realm of the subject, without slash; `None` when no user is involved.
    pub fn realm(&self) -> Option<&str> {
        self.token.realm.as_ref().map(RealmName::as_str)
    }

    /// The client that sent the request, if the token says so.
    pub fn client_id(&self) -> Option<&str> {
        self.token.client_id.as_deref()
    }

    /// The scopes of the token.
    pub fn scopes(&self) -> &Scopes {
        &self.token.scopes
    }

    /// Whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.token.scopes.contains(scope)
    }

    /// When the token ends, in seconds since 1970.
    pub fn expires_at(&self) -> Option<i64> {
        self.token.expires_at
    }

    /// Every claim, as the authorization server wrote it.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.token.claims
    }

    /// The caller as an owner of things; `None` when no user is involved.
    pub fn as_owner(&self) -> Option<Owner<'_>> {
        self.realm().map(|realm| Owner { realm, uid: self.subject() })
    }

    /// Whether the caller is `uid` of `realm`; says nothing about scopes.
    pub fn owns(&self, realm: &str, uid: &str) -> Result<(), Denied> {
        if self.as_owner() == Some(Owner::new(realm, uid)) {
            Ok(())
        } else {
            Err(self.denied(Refusal::NotOwner))
        }
    }

    /// Whether the caller may touch a thing of `owner`: with the assigned scope always, with the
    /// owner scope if it is theirs. A refusal says which of the two was missing.
    pub fn may(&self, rule: OwnerOr, owner: Owner<'_>) -> Result<(), Denied> {
        match self.reach(rule)? {
            Reach::All => Ok(()),
            Reach::Own(own) if own == owner => Ok(()),
            Reach::Own(_) => Err(self.denied(Refusal::NotOwner)),
        }
    }

    /// Whose things the caller may see, for handlers that list or search.
    pub fn reach(&self, rule: OwnerOr) -> Result<Reach<'_>, Denied> {
        if self.has_scope(rule.assigned_scope) {
            return Ok(Reach::All);
        }
        if !self.has_scope(rule.owner_scope) {
            let either = any_of([rule.owner_scope, rule.assigned_scope]);
            return Err(self.denied(Refusal::InsufficientScope(either)));
        }
        // Without a realm there is no owner: the scope alone opens nothing.
        self.as_owner().map(Reach::Own).ok_or_else(|| self.denied(Refusal::NotOwner))
    }

    pub(crate) fn denied(&self, refusal: Refusal) -> Denied {
        Denied::new(refusal, Arc::clone(&self.challenge))
    }
}
