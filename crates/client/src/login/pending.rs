//! What the application keeps while the person is at the provider.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor_crypto::digest::sha256;
use grantor_crypto::random;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::login::error::LoginError;
use crate::login::request::AuthorizationRequest;

/// How long a person may take. Longer, and the session of a borrowed computer would still be open.
const PATIENCE: Duration = Duration::from_hours(1);

/// A login that was begun: the secrets that tie the callback to this browser and this request.
///
/// Keep it in the session of the person: on the server, or in a cookie that is encrypted. Take it
/// out when the callback comes, whatever the callback says: a pending login answers once. Whoever
/// keeps pending logins in one place for all browsers lets anybody finish anybody's login.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingLogin {
    issuer: String,
    redirect_uri: String,
    state: Zeroizing<String>,
    nonce: Zeroizing<String>,
    verifier: Zeroizing<String>,
    scopes: Vec<String>,
    openid: bool,
    max_age: Option<u64>,
    acr: Vec<String>,
    resources: Vec<String>,
    /// Seconds since 1970
    started: u64,
}

/// 256 bits of chance as 43 characters: what RFC 7636 §4.1 advises for the verifier.
fn chance() -> Zeroizing<String> {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(random::bytes::<32>()))
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl PendingLogin {
    pub(crate) fn new(
        issuer: &str,
        redirect_uri: &str,
        request: &AuthorizationRequest,
        now: SystemTime,
    ) -> Self {
        Self {
            issuer: issuer.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: chance(),
            nonce: chance(),
            verifier: chance(),
            scopes: request.scopes.clone(),
            openid: request.asks_for_openid(),
            max_age: request.max_age.map(|age| age.as_secs()),
            acr: request.acr.clone(),
            resources: request.resources.clone(),
            started: since_1970(now),
        }
    }

    /// The address to send the browser to. RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1.
    pub(crate) fn url(
        &self,
        endpoint: &Url,
        client_id: &str,
        request: &AuthorizationRequest,
    ) -> Url {
        let challenge = URL_SAFE_NO_PAD.encode(sha256(self.verifier.as_bytes()));
        let mut ours: Vec<(&str, String)> = vec![
            ("response_type", "code".to_owned()),
            ("client_id", client_id.to_owned()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("state", self.state.to_string()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
        ];
        if !self.scopes.is_empty() {
            ours.push(("scope", self.scopes.join(" ")));
        }
        if self.openid {
            ours.push(("nonce", self.nonce.to_string()));
        }
        if let Some(prompt) = &request.prompt {
            ours.push(("prompt", prompt.clone()));
        }
        if let Some(age) = self.max_age {
            ours.push(("max_age", age.to_string()));
        }
        if !self.acr.is_empty() {
            ours.push(("acr_values", self.acr.join(" ")));
        }
        let mut url = endpoint.clone();
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(&ours);
            query.extend_pairs(self.resources.iter().map(|resource| ("resource", resource)));
            let is_ours = |name: &str| ours.iter().any(|(known, _)| *known == name);
            query.extend_pairs(request.others.iter().filter(|(name, _)| !is_ours(name)));
        }
        url
    }

    /// The `state` that was sent, by which a native application finds its own callback.
    pub fn state(&self) -> &str {
        &self.state
    }

    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    pub(crate) fn verifier(&self) -> &str {
        &self.verifier
    }

    /// As it was sent.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.openid.then_some(self.nonce.as_str())
    }

    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(crate) fn resources(&self) -> &[String] {
        &self.resources
    }

    pub(crate) const fn expects_id_token(&self) -> bool {
        self.openid
    }

    pub(crate) fn max_age(&self) -> Option<i64> {
        self.max_age.map(|age| i64::try_from(age).unwrap_or(i64::MAX))
    }

    pub(crate) fn acr(&self) -> &[String] {
        &self.acr
    }

    /// Whether it may be finished with the provider `issuer` at `now`.
    pub(crate) fn check(&self, issuer: &str, now: SystemTime) -> Result<(), LoginError> {
        // RFC 9700 §2.1: a login is finished with the provider it was begun with.
        if self.issuer != issuer {
            return Err(LoginError::Issuer);
        }
        if since_1970(now).saturating_sub(self.started) > PATIENCE.as_secs() {
            return Err(LoginError::TooLate);
        }
        Ok(())
    }
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingLogin([redacted], {:?})", self.issuer)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn pending(request: &AuthorizationRequest) -> PendingLogin {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        PendingLogin::new("https://id.example", "https://shop.example/callback", request, now)
    }

    fn parameters(url: &Url) -> HashMap<String, String> {
        url.query_pairs().into_owned().collect()
    }

    #[test]
    fn the_address_has_all_that_was_asked_and_what_ties_the_answer_to_it() {
        let request = AuthorizationRequest::new(["openid", "wishlist.write"])
            .prompt("consent")
            .max_age(Duration::from_mins(5))
            .require_acr(["mfa", "pwd"])
            .resource("https://api.example")
            .login_hint("alice & bob");
        let pending = pending(&request);
        let endpoint = Url::parse("https://id.example/authorize?tenant=a").unwrap();
        let sent = parameters(&pending.url(&endpoint, "shop", &request));
        for (name, value) in [
            ("tenant", "a"),
            ("response_type", "code"),
            ("client_id", "shop"),
            ("redirect_uri", "https://shop.example/callback"),
            ("scope", "openid wishlist.write"),
            ("state", pending.state()),
            ("nonce", pending.nonce().unwrap()),
            ("code_challenge_method", "S256"),
            ("prompt", "consent"),
            ("max_age", "300"),
            ("acr_values", "mfa pwd"),
            ("resource", "https://api.example"),
            ("login_hint", "alice & bob"),
        ] {
            assert_eq!(sent[name], value, "{name}");
        }
        let challenge = URL_SAFE_NO_PAD.encode(sha256(pending.verifier().as_bytes()));
        assert_eq!(sent["code_challenge"], challenge);
        assert_eq!(pending.verifier().len(), 43);
    }

    #[test]
    fn no_two_logins_share_a_secret_and_what_is_ours_cannot_be_replaced() {
        let request = AuthorizationRequest::new(["openid"])
            .parameter("state", "mine")
            .parameter("code_challenge_method", "plain")
            .parameter("realm", "customers");
        let (one, other) = (pending(&request), pending(&request));
        assert_ne!(one.state(), other.state());
        assert_ne!(one.nonce(), other.nonce());
        assert_ne!(one.verifier(), other.verifier());
        let url = one.url(&Url::parse("https://id.example/a").unwrap(), "shop", &request);
        let states: Vec<_> = url.query_pairs().filter(|(name, _)| name == "state").collect();
        assert_eq!(states.len(), 1);
        assert_eq!(parameters(&url)["code_challenge_method"], "S256");
        assert_eq!(parameters(&url)["realm"], "customers");
    }

    #[test]
    fn without_openid_there_is_no_nonce() {
        let request = AuthorizationRequest::new(["wishlist.write"]);
        let url = pending(&request).url(&Url::parse("https://a/").unwrap(), "shop", &request);
        assert!(!parameters(&url).contains_key("nonce"));
    }

    #[test]
    fn it_survives_a_session_store_and_is_mute() {
        let request = AuthorizationRequest::new(["openid"]);
        let pending = pending(&request);
        let kept = serde_json::to_string(&pending).unwrap();
        let back: PendingLogin = serde_json::from_str(&kept).unwrap();
        assert_eq!(back.verifier(), pending.verifier());
        let shown = format!("{pending:?}");
        for secret in [pending.state(), pending.nonce().unwrap(), pending.verifier()] {
            assert!(!shown.contains(secret));
        }
    }

    #[test]
    fn it_is_finished_with_its_own_provider_within_an_hour() {
        let pending = pending(&AuthorizationRequest::new(["openid"]));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(pending.check("https://id.example", at(13_600)).is_ok());
        let late = pending.check("https://id.example", at(13_601));
        assert!(matches!(late, Err(LoginError::TooLate)));
        let other = pending.check("https://id.example/", at(10_000));
        assert!(matches!(other, Err(LoginError::Issuer)));
    }
}
