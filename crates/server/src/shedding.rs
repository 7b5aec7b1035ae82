//! Who is turned away first when more is asked than can be done. REL-034.
//!
//! What counts is how many requests are being answered at this moment. Each class has its share of the
//! most there may be: when there is much to do, lists for administrators are turned away first, then
//! people who sign in, then questions about tokens, then tokens, and the keys and metadata with which
//! everybody else verifies come last. Nobody waits to be turned away. A body is read before its request
//! counts: who sends slowly takes no place.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What a request is for, in the order in which they are turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The management API
    Administration,
    /// Pages, and whoever signs in
    People,
    /// What a token is worth, and whose it is
    Question,
    /// Tokens, and their end
    Exchange,
    /// Keys, metadata, and who is told of revocations
    Verification,
}

impl Class {
    /// What a path is for. `None` for what is held open until there is news, and counts as nothing.
    pub fn of(path: &str) -> Option<Self> {
        let below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        Some(match path {
            "/oauth2/revocations" => return None,
            "/oauth2/jwks" | "/oauth2/v3/certs" | "/oauth2/connect/keys" | "/revocations" => {
                Self::Verification
            }
            _ if below("/.well-known") => Self::Verification,
            "/oauth2/introspect" | "/oauth2/tokeninfo" | "/oauth2/userinfo" => Self::Question,
            "/oauth2/token"
            | "/oauth2/access_token"
            | "/z/oauth2/access_token"
            | "/oauth2/revoke"
            | "/oauth2/par" => Self::Exchange,
            _ if below(crate::api::BASE) || below("/oauth2/register") => Self::Administration,
            _ => Self::People,
        })
    }

    /// Its share of the most there may be, in hundredths.
    const fn share(self) -> usize {
        match self {
            Self::Administration => 25,
            Self::People => 50,
            Self::Question => 75,
            Self::Exchange => 90,
            Self::Verification => 100,
        }
    }
}

/// The requests that are being answered.
#[derive(Debug)]
pub struct Load {
    now: AtomicUsize,
    most: usize,
}

/// A place among them; it is free again when it is dropped.
#[derive(Debug)]
pub struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Load {
    /// Of so many at most.
    pub fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(0), most }
    }

    /// A place, unless as many are busy as this class may see; one of each class always gets in.
    pub fn admit(&self, class: Class) -> Option<Place<'_>> {
        let before = self.now.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.now);
        (before < (self.most * class.share() / 100).max(1)).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rel_034_each_class_is_turned_away_in_its_turn_and_comes_back() {
        let load = Load::new(100);
        let order = [
            (Class::Administration, 25),
            (Class::People, 50),
            (Class::Question, 75),
            (Class::Exchange, 90),
            (Class::Verification, 100),
        ];
        let mut busy = Vec::new();
        for (class, most) in order {
            while let Some(place) = load.admit(class) {
                busy.push(place);
            }
            assert_eq!(busy.len(), most, "{class:?}");
        }
        drop(busy);
        assert!(load.admit(Class::Administration).is_some());
        assert!(Load::new(0).admit(Class::Administration).is_some(), "one always gets in");
    }

    #[test]
    fn rel_034_every_path_has_its_class() {
        let table = [
            ("/oauth2/jwks", Some(Class::Verification)),
            ("/oauth2/v3/certs", Some(Class::Verification)),
            ("/.well-known/openid-configuration", Some(Class::Verification)),
            ("/oauth2/token", Some(Class::Exchange)),
            ("/oauth2/introspect", Some(Class::Question)),
            ("/oauth2/authorize", Some(Class::People)),
            ("/account/profile", Some(Class::People)),
            ("/api/v1/users", Some(Class::Administration)),
            ("/oauth2/register/c-1", Some(Class::Administration)),
            ("/oauth2/revocations", None),
        ];
        for (path, class) in table {
            assert_eq!(Class::of(path), class, "{path}");
        }
    }
}
