//! What we say about ourselves. RFC 8414 §2, OIDC Discovery §3. True: only what exists.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jwe::{ContentEncryption, KeyManagement};
use grantor_domain::claims::CLAIMS;
use grantor_domain::client::Client;
use grantor_domain::scope::{GrantRule, Scope};
use grantor_domain::sign_in::Level;
use grantor_domain::tenant::{RegistrationPolicy, Tenant};
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::SubjectType;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::metadata::{EndpointAliases, Metadata};
use grantor_oauth_types::response_type::{Prompt, ResponseMode, ResponseType};
use grantor_oauth_types::scope::ScopeToken;
use grantor_pages::Language;
use jiff::Timestamp;

use crate::directory::KeyRing;
use crate::settings::MutualTlsListener;

fn strings<T: ToString>(words: &[T]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// What can be said of a person, and of how she signed in.
fn claims(scopes: &HashMap<ScopeToken, Scope>) -> Vec<String> {
    let of_the_token =
        ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"];
    let of_people = CLAIMS.iter().map(|(name, _)| *name);
    let of_groups = scopes.values().filter(|scope| scope.rule == GrantRule::Identity);
    let of_groups = of_groups.filter_map(|scope| scope.group_claim.as_ref());
    let of_groups: BTreeSet<&str> = of_groups.map(|claim| claim.name.as_str()).collect();
    of_the_token.into_iter().chain(of_people).chain(of_groups).map(ToOwned::to_owned).collect()
}

/// How clients can authenticate: with a certificate where one is asked for, and by an authority where
/// one is trusted.
fn methods(mutual_tls: Option<&MutualTlsListener>) -> Vec<String> {
    let offered = |method: &&ClientAuthMethod| match method {
        ClientAuthMethod::TlsClientAuth => mutual_tls.is_some_and(|m| m.has_authorities),
        ClientAuthMethod::SelfSignedTlsClientAuth => mutual_tls.is_some(),
        _ => true,
    };
    ClientAuthMethod::ALL.iter().filter(offered).map(ToString::to_string).collect()
}

/// RFC 8705 §5: every endpoint that a client asks itself. Hosts of that listener are named nowhere
/// else (trap 3).
fn aliases(tenant: &Tenant, mutual_tls: Option<&MutualTlsListener>) -> Option<EndpointAliases> {
    let base = mutual_tls?.base(&tenant.issuer)?;
    let at = |path: &str| Some(format!("{base}{path}"));
    Some(EndpointAliases {
        token_endpoint: at("/oauth2/token"),
        pushed_authorization_request_endpoint: at("/oauth2/par"),
        introspection_endpoint: at("/oauth2/introspect"),
        revocation_endpoint: at("/oauth2/revoke"),
        userinfo_endpoint: at("/oauth2/userinfo"),
        registration_endpoint: at("/oauth2/register")
            .filter(|_| tenant.settings.registration != RegistrationPolicy::Off),
        grantor_tokeninfo_endpoint: at("/oauth2/tokeninfo"),
    })
}

/// The document of a tenant. Everything in it comes from configuration, never from a request
/// (SEC-004).
pub fn document(
    tenant: &Tenant,
    keys: &KeyRing,
    scopes: &HashMap<ScopeToken, Scope>,
    mutual_tls: Option<&MutualTlsListener>,
    now: Timestamp,
) -> Bytes {
    let at = |path: &str| Some(format!("{}{path}", tenant.issuer));
    let methods = methods(mutual_tls);
    let mut confidential = methods.clone();
    confidential.retain(|method| *method != ClientAuthMethod::None.as_str());
    // What a client can be registered for: a key that is missing is made then.
    let mut signing = Client::OFFERED_ALGS.to_vec();
    signing.extend(keys.algorithms(now).into_iter().filter(|a| !Client::OFFERED_ALGS.contains(a)));
    // `none` only where a client that registers itself can have it (trap 44).
    let compat = tenant.settings.registration_compat;
    let and_none = |algs: Vec<String>, none: bool| -> Vec<String> {
        algs.into_iter().chain(none.then(|| "none".to_owned())).collect()
    };
    // What is assigned or depends on membership concerns only those who know it already.
    let open = |rule: &GrantRule| {
        matches!(rule, GrantRule::Owner | GrantRule::Always | GrantRule::Identity)
    };
    let mut shown: Vec<String> = scopes
        .values()
        .filter(|scope| open(&scope.rule))
        .map(|scope| scope.token.to_string())
        .collect();
    shown.sort_unstable();
    let metadata = Metadata {
        issuer: tenant.issuer.clone(),
        authorization_endpoint: at("/oauth2/authorize"),
        response_modes_supported: strings(ResponseMode::ALL),
        authorization_signing_alg_values_supported: strings(&keys.algorithms(now)),
        authorization_encryption_alg_values_supported: strings(&KeyManagement::ALL),
        authorization_encryption_enc_values_supported: strings(&ContentEncryption::ALL),
        code_challenge_methods_supported: vec!["S256".to_owned()],
        authorization_response_iss_parameter_supported: true,
        pushed_authorization_request_endpoint: at("/oauth2/par"),
        require_pushed_authorization_requests: Some(false),
        request_parameter_supported: Some(true),
        request_uri_parameter_supported: Some(true),
        require_request_uri_registration: Some(true),
        request_object_signing_alg_values_supported: and_none(
            strings(&Algorithm::ALL),
            compat.unsigned_request,
        ),
        prompt_values_supported: strings(Prompt::ALL),
        acr_values_supported: vec![Level::Single.acr().to_owned()],
        ui_locales_supported: Language::ALL.iter().map(|l| l.tag().to_owned()).collect(),
        token_endpoint: at("/oauth2/token"),
        jwks_uri: at("/oauth2/jwks"),
        introspection_endpoint: at("/oauth2/introspect"),
        revocation_endpoint: at("/oauth2/revoke"),
        response_types_supported: strings(ResponseType::ALL),
        grant_types_supported: strings(GrantType::ALL),
        scopes_supported: shown,
        token_endpoint_auth_methods_supported: methods.clone(),
        token_endpoint_auth_signing_alg_values_supported: strings(&Algorithm::ALL),
        introspection_endpoint_auth_methods_supported: confidential,
        introspection_endpoint_auth_signing_alg_values_supported: strings(&Algorithm::ALL),
        revocation_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_signing_alg_values_supported: strings(&Algorithm::ALL),
        subject_types_supported: strings(SubjectType::ALL),
        id_token_signing_alg_values_supported: and_none(
            strings(&signing),
            compat.unsigned_id_token,
        ),
        id_token_encryption_alg_values_supported: strings(&KeyManagement::ALL),
        id_token_encryption_enc_values_supported: strings(&ContentEncryption::ALL),
        userinfo_endpoint: at("/oauth2/userinfo"),
        userinfo_signing_alg_values_supported: strings(&signing),
        userinfo_encryption_alg_values_supported: strings(&KeyManagement::ALL),
        userinfo_encryption_enc_values_supported: strings(&ContentEncryption::ALL),
        claims_supported: claims(scopes),
        claims_parameter_supported: Some(true),
        registration_endpoint: at("/oauth2/register")
            .filter(|_| tenant.settings.registration != RegistrationPolicy::Off),
        end_session_endpoint: at("/oauth2/end_session"),
        check_session_iframe: at("/oauth2/check_session"),
        frontchannel_logout_supported: Some(true),
        frontchannel_logout_session_supported: Some(true),
        backchannel_logout_supported: Some(true),
        backchannel_logout_session_supported: Some(true),
        tls_client_certificate_bound_access_tokens: mutual_tls.is_some(),
        mtls_endpoint_aliases: aliases(tenant, mutual_tls),
        grantor_revocation_feed: at("/oauth2/revocations"),
        grantor_tokeninfo_endpoint: at("/oauth2/tokeninfo"),
    };
    serde_json::to_vec(&metadata).expect("metadata is plain JSON").into()
}
