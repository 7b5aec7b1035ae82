//! What a route asks of a token: scopes, alternatives per method, realms.

use std::fmt;
use std::sync::Arc;

use grantor_oauth_types::name::RealmName;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use http::{HeaderValue, Method};

use crate::caller::{Caller, OwnerOr};
use crate::refusal::Refusal;

/// Which scopes are enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeRule {
    /// Each of them is needed.
    AllOf(Arc<[ScopeToken]>),
    /// One of them is enough; the first is what a caller is told to ask for.
    AnyOf(Arc<[ScopeToken]>),
    /// One of these sets is enough, if the token has each scope of it; made with
    /// [`ScopeRule::or`].
    AnyOfAll(Arc<[Arc<[ScopeToken]>]>),
}

/// A rule that needs each of these scopes.
///
/// # Panics
/// When the list is empty or a text is no scope: a mistake of the program, found when it starts.
pub fn all_of<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> ScopeRule {
    ScopeRule::AllOf(tokens(scopes))
}

/// A rule that needs one of these scopes.
///
/// # Panics
/// As [`all_of`].
pub fn any_of<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> ScopeRule {
    ScopeRule::AnyOf(tokens(scopes))
}

fn tokens<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Arc<[ScopeToken]> {
    let parse = |text: S| {
        let text = text.as_ref();
        ScopeToken::parse(text).unwrap_or_else(|_| panic!("{text:?} is no scope (RFC 6749 §3.3)"))
    };
    let tokens: Arc<[ScopeToken]> = scopes.into_iter().map(parse).collect();
    assert!(!tokens.is_empty(), "a rule without scopes: say Require::authenticated()");
    tokens
}

impl ScopeRule {
    /// This rule or that one: either is enough. What comes first is what a caller without any of it
    /// is told to ask for.
    ///
    /// ```
    /// use grantor_resource::{ScopeRule, all_of, any_of};
    ///
    /// // (uid and sales_order.read) or sales_order.read_all
    /// let rule = all_of(["uid", "sales_order.read"]).or(any_of(["sales_order.read_all"]));
    /// # assert!(rule.is_met_by(&"sales_order.read_all".parse().unwrap()));
    /// # assert!(!rule.is_met_by(&"uid".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut sets: Vec<Arc<[ScopeToken]>> = Vec::new();
        for set in self.alternatives().into_iter().chain(other.alternatives()) {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        Self::AnyOfAll(sets.into())
    }

    /// The sets of which one is enough.
    fn alternatives(self) -> Vec<Arc<[ScopeToken]>> {
        match self {
            Self::AllOf(all) => vec![all],
            Self::AnyOf(any) => any.iter().map(|one| Arc::from([one.clone()])).collect(),
            Self::AnyOfAll(sets) => sets.to_vec(),
        }
    }

    /// Whether these scopes are enough.
    pub fn is_met_by(&self, scopes: &Scopes) -> bool {
        let has = |one: &ScopeToken| scopes.contains(one.as_str());
        match self {
            Self::AllOf(all) => all.iter().all(has),
            Self::AnyOf(any) => any.iter().any(has),
            Self::AnyOfAll(sets) => sets.iter().any(|set| set.iter().all(has)),
        }
    }

    /// The same rule for whoever has these scopes and lacks some: an alternative of which they have
    /// a part comes first.
    fn as_lacked_by(&self, scopes: &Scopes) -> Self {
        let Self::AnyOfAll(sets) = self else { return self.clone() };
        let begun = |set: &Arc<[ScopeToken]>| set.iter().any(|one| scopes.contains(one.as_str()));
        let mut sets = sets.to_vec();
        sets.sort_by_key(|set| !begun(set));
        Self::AnyOfAll(sets.into())
    }

    /// The `scope` of the challenge, RFC 6750 §3: what to ask for. Of alternatives the first, since
    /// asking for all of them would be asking for too much.
    pub(crate) fn wanted(&self) -> String {
        match self {
            Self::AllOf(all) => join(all, " "),
            Self::AnyOf(any) => any[0].to_string(),
            Self::AnyOfAll(sets) => join(&sets[0], " "),
        }
    }
}

impl fmt::Display for ScopeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllOf(all) => write!(f, "the scope {}", join(all, " ")),
            Self::AnyOf(any) => write!(f, "the scope {}", join(any, " or ")),
            Self::AnyOfAll(sets) => {
                let text = |set: &Arc<[ScopeToken]>| match set.len() {
                    1 => set[0].to_string(),
                    _ => format!("({})", join(set, " ")),
                };
                let texts: Vec<String> = sets.iter().map(text).collect();
                write!(f, "the scope {}", texts.join(" or "))
            }
        }
    }
}

fn join(tokens: &[ScopeToken], between: &str) -> String {
    tokens.iter().map(ScopeToken::as_str).collect::<Vec<_>>().join(between)
}

/// What a route asks of its callers. A `tower` layer under [`Protect`](crate::Protect), or part of
/// it.
#[derive(Clone, Debug)]
pub struct Require {
    methods: Vec<(Method, Need)>,
    otherwise: Need,
    realms: Vec<RealmName>,
}

#[derive(Clone, Debug)]
enum Need {
    /// A good token is enough.
    Token,
    Scopes(ScopeRule),
    /// Nobody may.
    Nothing,
}

impl Require {
    /// Each of these scopes, for every method.
    ///
    /// # Panics
    /// As [`all_of`].
    pub fn scopes<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self::rule(all_of(scopes))
    }

    /// This rule, for every method.
    pub fn rule(rule: ScopeRule) -> Self {
        Self::otherwise(Need::Scopes(rule))
    }

    /// A good token of any scope.
    pub fn authenticated() -> Self {
        Self::otherwise(Need::Token)
    }

    /// Nothing yet: methods without a rule of their own (see [`Self::on`]) are refused with 405.
    pub fn per_method() -> Self {
        Self::otherwise(Need::Nothing)
    }

    fn otherwise(otherwise: Need) -> Self {
        Self { methods: Vec::new(), otherwise, realms: Vec::new() }
    }

    /// Another rule for this method. `HEAD` follows `GET` unless it has a rule of its own.
    #[must_use]
    pub fn on(mut self, method: Method, rule: ScopeRule) -> Self {
        self.methods.retain(|(known, _)| *known != method);
        self.methods.push((method, Need::Scopes(rule)));
        self
    }

    /// Only for users of these realms, written with slash or without.
    ///
    /// # Panics
    /// When a text is no name of a realm.
    #[must_use]
    pub fn realms<S: AsRef<str>>(mut self, realms: impl IntoIterator<Item = S>) -> Self {
        let parse = |text: S| {
            let text = text.as_ref();
            RealmName::parse_lenient(text).unwrap_or_else(|_| panic!("{text:?} is no realm"))
        };
        self.realms = realms.into_iter().map(parse).collect();
        assert!(!self.realms.is_empty(), "a rule that no realm meets");
        self
    }

    pub(crate) fn check(&self, method: &Method, caller: &Caller) -> Result<(), Refusal> {
        if !self.realms.is_empty() && !caller.realm().is_some_and(|own| self.admits(own)) {
            return Err(Refusal::RealmNotAllowed);
        }
        match self.need(method) {
            Need::Token => Ok(()),
            Need::Scopes(rule) if rule.is_met_by(caller.scopes()) => Ok(()),
            Need::Scopes(rule) => {
                Err(Refusal::InsufficientScope(rule.as_lacked_by(caller.scopes())))
            }
            Need::Nothing => Err(Refusal::MethodNotAllowed(self.allowed())),
        }
    }

    fn admits(&self, realm: &str) -> bool {
        self.realms.iter().any(|one| one.as_str() == realm)
    }

    fn need(&self, method: &Method) -> &Need {
        let of = |method: &Method| self.methods.iter().find(|(known, _)| known == method);
        let own = of(method);
        let get = || (*method == Method::HEAD).then(|| of(&Method::GET)).flatten();
        own.or_else(get).map_or(&self.otherwise, |(_, need)| need)
    }

    /// The `Allow` header, RFC 9110 §10.2.1.
    fn allowed(&self) -> HeaderValue {
        let names: Vec<&str> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
        HeaderValue::from_str(&names.join(", ")).expect("methods are tokens")
    }
}

impl From<OwnerOr> for Require {
    /// Either scope lets the request in; whose thing it is, the handler asks with
    /// [`Caller::may`].
    fn from(rule: OwnerOr) -> Self {
        Self::rule(any_of([rule.owner_scope, rule.assigned_scope]))
    }
}
