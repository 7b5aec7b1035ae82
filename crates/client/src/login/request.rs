//! What a login asks for. OIDC Core §3.1.2.1, RFC 8707.

use std::time::Duration;

/// The parameters of an authorization request that an application chooses; the others (`state`,
/// `nonce`, the PKCE challenge) are made for each login.
///
/// ```
/// use std::time::Duration;
/// use grantor_client::AuthorizationRequest;
///
/// let request = AuthorizationRequest::new(["openid", "wishlist.write"])
///     .max_age(Duration::from_mins(15))
///     .login_hint("alice@example.org");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationRequest {
    pub(crate) scopes: Vec<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) acr: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) others: Vec<(String, String)>,
}

impl AuthorizationRequest {
    /// Asks for `scopes`. With `openid` among them the answer says who signed in.
    pub fn new<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// `prompt`: `none`, `login`, `consent`, `select_account`; several with blanks between.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// The person must have signed in at most so long ago, which is checked in the ID token.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// The person must sign in with one of these levels, the first preferred: sent as
    /// `acr_values` and checked in the ID token.
    #[must_use]
    pub fn require_acr<S: Into<String>>(mut self, levels: impl IntoIterator<Item = S>) -> Self {
        self.acr = levels.into_iter().map(Into::into).collect();
        self
    }

    /// An API that the access token is for, by its identifier. RFC 8707 §2; may be repeated.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Who is probably signing in.
    #[must_use]
    pub fn login_hint(self, hint: impl Into<String>) -> Self {
        self.parameter("login_hint", hint)
    }

    /// Languages the person reads, the best first, with blanks between.
    #[must_use]
    pub fn ui_locales(self, locales: impl Into<String>) -> Self {
        self.parameter("ui_locales", locales)
    }

    /// Any other parameter, such as `realm`. What this library sends itself cannot be replaced.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.others.push((name.into(), value.into()));
        self
    }

    pub(crate) fn asks_for_openid(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "openid")
    }
}
