//! Clients. RFC 7591 §2, RFC 8705 §2; SEC-052, SEC-059, SEC-154, SEC-155, SEC-160, `security.md` N.

mod metadata;

use grantor_crypto::jwe::{EncryptionKey, KeyManagement};
use grantor_crypto::jwk::{JwkError, PublicJwk};
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;

use super::form::CLIENT_NAME;
use super::{
    Entry, Flaw, Flaws, Known, LONGEST_ACCESS, MAX_CLIENT_KEYS, MAX_LIST, MAX_LIVE_SECRETS, Reason,
    Want,
};
use crate::application::Application;
use crate::client::Client;
use crate::document::Document as _;
use crate::realm::Realm;
use crate::scope::Scope;

impl Entry for Client {
    fn wants(&self) -> Vec<Want> {
        let tenant = self.tenant();
        let application = self.application.iter().map(|id| Want::id::<Application>(tenant, id));
        let realms = self.realms.iter().map(|id| Want::id::<Realm>(tenant, id));
        let scopes = self.scopes.iter().chain(self.default_scopes.iter());
        let scopes = scopes.map(|id| Want::id::<Scope>(tenant, id));
        application.chain(realms).chain(scopes).collect()
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.line("/name", &self.name, CLIENT_NAME);
        if let Some(application) = &self.application {
            flaws.exists::<Application>("/application", application.as_str(), known);
        }
        flaws.list("/realms", &self.realms, MAX_LIST);
        for (at, realm) in self.realms.iter().enumerate() {
            flaws.exists::<Realm>(&format!("/realms/{at}"), realm.as_str(), known);
        }
        flaws.scopes("/scopes", &self.scopes, known);
        flaws.scopes("/default_scopes", &self.default_scopes, known);
        flaws.list("/audiences", &self.audiences, MAX_LIST);
        for (at, audience) in self.audiences.iter().enumerate() {
            flaws.absolute_uri(&format!("/audiences/{at}"), audience);
        }
        if let Some(seconds) = self.access_token_seconds {
            flaws.range("/access_token_seconds", seconds, 1, LONGEST_ACCESS);
        }
        metadata::check(self, &mut flaws);
        check_credentials(self, known, &mut flaws);
        check_mutual_tls(self, &mut flaws);
        check_grants(self, &mut flaws);
        flaws.done()
    }
}

/// A client has what its one way to authenticate needs, and nothing of another (SEC-052).
fn check_credentials(client: &Client, known: &Known, flaws: &mut Flaws) {
    let self_signed = client.auth_method == ClientAuthMethod::SelfSignedTlsClientAuth;
    let key = self_signed || client.auth_method == ClientAuthMethod::PrivateKeyJwt;
    let secret = takes_secret(client);
    let reason = Reason::Conflict("a client that authenticates in another way has no secret");
    flaws.demand(secret || client.secrets.is_empty(), "/secrets", reason);
    let live = client.secrets.iter().filter(|s| s.expires.is_none_or(|end| known.now < end));
    let few = live.count() <= MAX_LIVE_SECRETS;
    flaws.demand(few, "/secrets", Reason::TooMany(MAX_LIVE_SECRETS));
    match (&client.jwks, &client.jwks_uri) {
        (None, None) => {
            let reason =
                Reason::Conflict("this authentication needs the public keys of the client");
            flaws.demand(!key, "/jwks", reason);
        }
        (Some(_), Some(_)) => {
            flaws.add("/jwks_uri", Reason::Conflict("keys are given or fetched, not both"));
        }
        (Some(jwks), None) => {
            check_keys(jwks, flaws);
            let reason = Reason::Conflict(
                "self_signed_tls_client_auth needs a key with its certificate, 'x5c'",
            );
            flaws.demand(!self_signed || has_certificate(jwks), "/jwks", reason);
        }
        (None, Some(_)) => {}
    }
}

/// RFC 8705 §2.2.2: certificates are registered as `x5c` of keys.
fn has_certificate(jwks: &serde_json::Value) -> bool {
    let keys = jwks.get("keys").and_then(serde_json::Value::as_array);
    let mut keys = keys.into_iter().flatten();
    keys.any(|key| PublicJwk::from_value(key).is_ok_and(|key| key.is_certified()))
}

/// RFC 8705 §2.1.2: one subject, for whoever is known by it; §6.4: no binding in a browser.
fn check_mutual_tls(client: &Client, flaws: &mut Flaws) {
    let settings = &client.mutual_tls;
    if client.auth_method == ClientAuthMethod::TlsClientAuth {
        if let Err(why) = settings.expected() {
            flaws.add(format!("/mutual_tls/{}", why.member), Reason::Form(why.expects));
        }
    } else if let Some((member, _)) = settings.named().next() {
        let reason = Reason::Conflict("only for clients that authenticate with tls_client_auth");
        flaws.add(format!("/mutual_tls/{member}"), reason);
    }
    let bound = settings.tls_client_certificate_bound_access_tokens;
    let through_browser = client.response_types.iter().any(|kind| kind.has_token());
    let reason = Reason::Conflict("tokens of the authorization endpoint cannot be bound");
    let pointer = "/mutual_tls/tls_client_certificate_bound_access_tokens";
    flaws.demand(!(bound && through_browser), pointer, reason);
}

fn takes_secret(client: &Client) -> bool {
    use ClientAuthMethod::{ClientSecretBasic, ClientSecretPost};
    matches!(client.auth_method, ClientSecretBasic | ClientSecretPost)
}

/// Public, asymmetric, strong, few, and named apart (SEC-155). The set must not be read strictly
/// and leniently with different results, so it has no member but `keys`.
fn check_keys(jwks: &serde_json::Value, flaws: &mut Flaws) {
    let members = jwks.as_object().filter(|members| members.len() == 1);
    let keys = members.and_then(|members| members.get("keys")).and_then(|keys| keys.as_array());
    let Some(keys) = keys.filter(|keys| !keys.is_empty()) else {
        return flaws
            .add("/jwks", Reason::Form("an object with an array 'keys' that is not empty"));
    };
    if keys.len() > MAX_CLIENT_KEYS {
        return flaws.add("/jwks/keys", Reason::TooMany(MAX_CLIENT_KEYS));
    }
    let mut names = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        match kid_of(key) {
            Ok(kid) => names.push(kid),
            Err(error) => flaws.add(format!("/jwks/keys/{at}"), Reason::Key(error.to_string())),
        }
    }
    let apart = names.iter().enumerate().all(|(at, name)| !names[..at].contains(name));
    let reason = Reason::Conflict("several keys must each have a 'kid' of their own");
    flaws.demand(apart, "/jwks/keys", reason);
}

/// The name of a key, if it is one that we take: to verify with, or to encrypt for.
fn kid_of(key: &serde_json::Value) -> Result<Option<String>, JwkError> {
    let for_encryption = key.get("use").and_then(serde_json::Value::as_str) == Some("enc");
    if !for_encryption {
        return PublicJwk::from_value(key).map(|key| key.kid().map(ToOwned::to_owned));
    }
    let read = |alg| EncryptionKey::from_jwk_for(key, alg);
    let kid = |key: EncryptionKey| key.kid().map(ToOwned::to_owned);
    match KeyManagement::ALL.into_iter().find_map(|alg| read(alg).ok()) {
        Some(key) => Ok(kid(key)),
        None => EncryptionKey::from_jwk(key).map(kid),
    }
}

/// Grants that fit what the client is, and switches that fit its grants (`security.md` N: a switch
/// relaxes one rule, and only where that rule is in the way).
fn check_grants(client: &Client, flaws: &mut Flaws) {
    let has = |grant| client.grant_types.contains(&grant);
    let fits = client.is_confidential() || !has(GrantType::ClientCredentials);
    let reason = Reason::Conflict("only a confidential client can use client_credentials");
    flaws.demand(fits, "/grant_types", reason);
    let compat = client.compat;
    let fits = !compat.password_grant || has(GrantType::Password);
    let reason = Reason::Conflict("only for clients with the grant type password");
    flaws.demand(fits, "/compat/password_grant", reason);
    let fits = !compat.basic_raw || takes_secret(client);
    let reason = Reason::Conflict("only for clients that authenticate with a secret");
    flaws.demand(fits, "/compat/basic_raw", reason.clone());
    let fits = !compat.any_secret_method || takes_secret(client);
    flaws.demand(fits, "/compat/any_secret_method", reason);
    let fits = has(GrantType::AuthorizationCode) || has(GrantType::Implicit);
    let reason = Reason::Conflict("only for clients that use the authorization endpoint");
    flaws.demand(fits || !compat.sign_in_by_post, "/compat/sign_in_by_post", reason);
}
